//! A prompt in the one order that every vendor accepts: standing instructions, then turns, each call with its result.

use crate::names::Names;
use crate::trouble::Trouble;
use domain::{AskModel, Message, ProposedCall};
use serde_json::{Map, Value};

/// What a vendor is told of a call that was never carried out; they refuse prompts with a call left open.
const NOT_CARRIED_OUT: &str = "not carried out";
/// Stands where a vendor demands some text and there is none.
const NOTHING: &str = "(nothing)";
/// Opens a conversation whose beginning is gone: vendors want a person to speak first.
const GOES_ON: &str = "(The conversation goes on.)";

/// A conversation, ordered and complete.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Conversation {
    /// Standing instructions; may be empty.
    pub(crate) system: String,
    /// At least one, the first a person's, the last not the model's own words.
    pub(crate) turns: Vec<Turn>,
    /// The names of all tools offered or called.
    pub(crate) names: Names,
}

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Turn {
    /// What people said, one text a message; never empty, nor is any text.
    User(Vec<String>),
    /// What the model said and called, and what became of each call. Text or calls, or both.
    Assistant { text: String, calls: Vec<Answered> },
}

/// A call with its result.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answered {
    /// Unique in the conversation, nine letters and digits: what every vendor takes (Mistral's servers want exactly
    /// that). Given anew, because ids of one vendor are not always good for another after a fallback.
    pub(crate) id: String,
    pub(crate) tool: String,
    pub(crate) arguments: Map<String, Value>,
    pub(crate) result: String,
    pub(crate) failed: bool,
}

impl Conversation {
    /// Puts the messages of `ask` in order.
    ///
    /// # Errors
    ///
    /// [`Trouble::BadPrompt`] when there is nothing to answer, or a result belongs to no call: to pass such a result
    /// off as a person's words would give a stranger's text a voice.
    pub(crate) fn new(ask: &AskModel) -> Result<Self, Trouble> {
        let mut system: Vec<&str> = Vec::new();
        let mut turns: Vec<Turn> = Vec::new();
        let mut open: Vec<&ProposedCall> = Vec::new();
        for message in &ask.messages {
            match message {
                Message::System(text) => system.push(text.trim()),
                Message::User(text) => say(&mut turns, text),
                Message::Assistant { text, calls } => {
                    open = calls.iter().collect();
                    let text = text.trim_end().to_string();
                    if !text.is_empty() || !calls.is_empty() {
                        let number = turns.len();
                        let calls =
                            calls.iter().enumerate().map(|(at, call)| answered(number, at, call)).collect();
                        turns.push(Turn::Assistant { text, calls });
                    }
                }
                Message::Result { call_id, text, failed } => {
                    close(&mut turns, &open, call_id, text, *failed)?
                }
            }
        }
        if matches!(turns.first(), Some(Turn::Assistant { .. })) {
            turns.insert(0, Turn::User(vec![GOES_ON.to_string()]));
        }
        match turns.last() {
            None => return Err(Trouble::BadPrompt { why: "there is nothing to answer" }),
            Some(Turn::Assistant { calls, .. }) if calls.is_empty() => {
                return Err(Trouble::BadPrompt { why: "the last word is the model's own" });
            }
            Some(Turn::Assistant { .. } | Turn::User(_)) => {}
        }
        system.retain(|text| !text.is_empty());
        let offered = ask.tools.iter().map(|tool| tool.name.as_str());
        let called = ask.messages.iter().flat_map(|message| match message {
            Message::Assistant { calls, .. } => calls.as_slice(),
            Message::System(_) | Message::User(_) | Message::Result { .. } => &[],
        });
        let names = Names::new(called.map(|call| call.tool.as_str()).chain(offered));
        Ok(Self { system: system.join("\n\n"), turns, names })
    }
}

fn say(turns: &mut Vec<Turn>, text: &str) {
    let text = if text.trim().is_empty() { NOTHING } else { text };
    if let Some(Turn::User(texts)) = turns.last_mut() {
        texts.push(text.to_string());
    } else {
        turns.push(Turn::User(vec![text.to_string()]));
    }
}

fn answered(turn: usize, at: usize, call: &ProposedCall) -> Answered {
    Answered {
        id: format!("c{:05}{:03}", turn % 100_000, at % 1_000),
        tool: call.tool.clone(),
        arguments: arguments(&call.arguments),
        result: NOT_CARRIED_OUT.to_string(),
        failed: true,
    }
}

/// Vendors take an object only; what the model wrote badly is shown to it as what it wrote.
fn arguments(text: &str) -> Map<String, Value> {
    if text.trim().is_empty() {
        return Map::new();
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(arguments)) => arguments,
        Ok(_) | Err(_) => {
            Map::from_iter([("unreadable_arguments".to_string(), Value::String(text.to_string()))])
        }
    }
}

fn close(
    turns: &mut [Turn],
    open: &[&ProposedCall],
    call_id: &str,
    text: &str,
    failed: bool,
) -> Result<(), Trouble> {
    let orphan = Trouble::BadPrompt { why: "a result belongs to no call" };
    let at = open.iter().position(|call| call.id == call_id).ok_or_else(|| orphan.clone())?;
    let calls = turns.iter_mut().rev().find_map(|turn| match turn {
        Turn::Assistant { calls, .. } => Some(calls),
        Turn::User(_) => None,
    });
    let call = calls.and_then(|calls| calls.get_mut(at)).ok_or(orphan)?;
    call.result = if text.trim().is_empty() { NOTHING.to_string() } else { text.to_string() };
    call.failed = failed;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Purpose;

    fn ask(messages: Vec<Message>) -> AskModel {
        AskModel {
            model: "m".parse().unwrap(),
            purpose: Purpose::Turn,
            messages,
            tools: vec![],
            answer_tokens_max: 100,
        }
    }

    fn user(text: &str) -> Message {
        Message::User(text.into())
    }

    fn says(text: &str, calls: &[(&str, &str, &str)]) -> Message {
        let call = |(id, tool, arguments): &(&str, &str, &str)| ProposedCall {
            id: (*id).into(),
            tool: (*tool).into(),
            arguments: (*arguments).into(),
        };
        Message::Assistant { text: text.into(), calls: calls.iter().map(call).collect() }
    }

    fn result(id: &str, text: &str) -> Message {
        Message::Result { call_id: id.into(), text: text.into(), failed: false }
    }

    #[test]
    fn results_stand_with_their_calls_whatever_came_between() {
        let conversation = Conversation::new(&ask(vec![
            Message::System("one".into()),
            user("hi"),
            user("there"),
            says(
                "",
                &[("x", "host.disk", "{}"), ("y", "files.read", "{\"path\":\"a\"}"), ("z", "f", "not json")],
            ),
            result("y", "text"),
            user("and?"),
            result("x", ""),
            Message::System("two".into()),
        ]))
        .unwrap();
        assert_eq!(conversation.system, "one\n\ntwo");
        let [Turn::User(first), Turn::Assistant { text, calls }, Turn::User(second)] =
            conversation.turns.as_slice()
        else {
            panic!("{:?}", conversation.turns);
        };
        assert_eq!((first.len(), text.as_str(), second.as_slice()), (2, "", ["and?".to_string()].as_slice()));
        let shown: Vec<_> = calls.iter().map(|c| (c.id.as_str(), c.result.as_str(), c.failed)).collect();
        assert_eq!(
            shown,
            [
                ("c00001000", "(nothing)", false),
                ("c00001001", "text", false),
                ("c00001002", "not carried out", true)
            ]
        );
        assert_eq!(calls[2].arguments["unreadable_arguments"], "not json");
    }

    #[test]
    fn ids_that_repeat_from_turn_to_turn_are_told_apart() {
        let conversation = Conversation::new(&ask(vec![
            user("hi"),
            says("", &[("call_0", "a", "{}")]),
            result("call_0", "first"),
            says("", &[("call_0", "a", "{}")]),
            result("call_0", "second"),
        ]))
        .unwrap();
        let results: Vec<&str> = conversation
            .turns
            .iter()
            .filter_map(|turn| match turn {
                Turn::Assistant { calls, .. } => Some(calls[0].result.as_str()),
                Turn::User(_) => None,
            })
            .collect();
        assert_eq!(results, ["first", "second"]);
    }

    #[test]
    fn a_prompt_that_no_model_can_answer_is_refused() {
        for (messages, why) in [
            (vec![], "there is nothing to answer"),
            (vec![Message::System("s".into())], "there is nothing to answer"),
            (vec![user("a"), says("b", &[])], "the last word is the model's own"),
            (vec![user("a"), result("x", "t")], "a result belongs to no call"),
            (vec![user("a"), says("", &[("x", "t", "{}")]), result("y", "t")], "a result belongs to no call"),
        ] {
            assert_eq!(Conversation::new(&ask(messages)), Err(Trouble::BadPrompt { why }));
        }
    }

    #[test]
    fn a_person_speaks_first() {
        let conversation = Conversation::new(&ask(vec![says("hello", &[]), user("hi")])).unwrap();
        assert_eq!(conversation.turns[0], Turn::User(vec![GOES_ON.to_string()]));
        let blank = Conversation::new(&ask(vec![user(" ")])).unwrap();
        assert_eq!(blank.turns[0], Turn::User(vec![NOTHING.to_string()]));
    }
}
