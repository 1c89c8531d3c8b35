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
mod tests;
