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
