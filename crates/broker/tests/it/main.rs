//! The door with real parts: policy, tools, audit log and store. Only the far side of an effect is a recorder.
#![expect(clippy::unwrap_used, reason = "a test that cannot set its house up has failed")]

mod approvals;
mod given;
mod house;
mod planner;
mod sources;
mod strict;

use broker::{Answer, Cancel, Error, Went};
use domain::{Blame, Channel, ItemBody, Principal, ProposedCall, Role, TaskState};
use house::{House, Script};

fn call(id: &str, tool: &str, arguments: &str) -> ProposedCall {
    ProposedCall { id: id.into(), tool: tool.into(), arguments: arguments.into() }
}

const SEND: &str = r#"{"to": ["anna@example.org"], "subject": "hi", "body": "hello"}"#;

#[tokio::test]
async fn what_the_owner_typed_is_done_and_is_on_record_before_and_after() {
    let house = House::open().await;
    let who = house.say("m-1", "/disk").await;
    let went = house.broker.call(&who, 3, 0, &call("c", "host.disk", "{}"), &Cancel::new()).await.unwrap();
    assert!(matches!(went, Went::On { .. }));
    assert_eq!(house.hand.done(), ["host.disk"]);
    assert_eq!(house.kinds(), ["inbound", "intent", "outcome"]);
}

#[tokio::test]
async fn after_a_strangers_words_a_consequence_is_asked_about_and_done_once_when_approved() {
    let house = House::open().await;
    let who = house.say("m-1", "what is new?").await;
    house.hand.answers("mail.list", Script::Hostile);
    house.broker.call(&who, 3, 0, &call("a", "mail.list", "{}"), &Cancel::new()).await.unwrap();
    let send = call("b", "mail.send", SEND);
    let went = house.broker.call(&who, 5, 0, &send, &Cancel::new()).await.unwrap();
    let Went::Waiting { question } = went else { panic!("{went:?}") };
    assert_eq!(house.hand.done(), ["mail.list"]);

    let guest = Principal { role: Role::Guest, name: "telegram:666".into() };
    let stranger = house.broker.answer(&question, Answer::Approve, &guest, Channel::Telegram).await;
    assert!(matches!(stranger, Err(Error::NotTheOwner { .. })));

    let answered =
        house.broker.answer(&question, Answer::Approve, &Principal::owner(), Channel::Web).await.unwrap();
    house.broker.settle(&who, &answered, &Cancel::new()).await.unwrap();
    assert_eq!(house.hand.done(), ["mail.list", "mail.send"]);

    let again = house.broker.answer(&question, Answer::Approve, &Principal::owner(), Channel::Web).await;
    assert!(matches!(again, Err(Error::NoQuestion { .. })));
    let went = house.broker.call(&who, 7, 0, &send, &Cancel::new()).await.unwrap();
    assert!(matches!(went, Went::Waiting { .. }), "an approval is good for one run");
    assert_eq!(house.hand.done(), ["mail.list", "mail.send"]);
}

#[tokio::test]
async fn a_denied_question_is_told_to_the_model_and_nothing_is_done() {
    let house = House::open().await;
    let who = house.say("m-1", "what is new?").await;
    house.hand.answers("mail.list", Script::Hostile);
    house.broker.call(&who, 3, 0, &call("a", "mail.list", "{}"), &Cancel::new()).await.unwrap();
    let went = house.broker.call(&who, 5, 0, &call("b", "mail.send", SEND), &Cancel::new()).await.unwrap();
    let Went::Waiting { question } = went else { panic!("{went:?}") };
    let answered =
        house.broker.answer(&question, Answer::Deny, &Principal::owner(), Channel::Web).await.unwrap();
    house.broker.settle(&who, &answered, &Cancel::new()).await.unwrap();
    assert_eq!(house.hand.done(), ["mail.list"]);
    let last = house.items(&who).await.pop().unwrap();
    assert!(
        matches!(last, ItemBody::Result { failed: true, ref text, .. } if text.contains("said no")),
        "{last:?}"
    );
}

#[tokio::test]
async fn an_unreadable_call_is_told_to_the_model_and_nothing_is_done() {
    let house = House::open().await;
    let who = house.say("m-1", "hello").await;
    for bad in ["{", "[]", "{\"path\": 3}", "{\"nope\": 1}"] {
        house.broker.call(&who, 3, 0, &call("c", "files.read", bad), &Cancel::new()).await.unwrap();
    }
    house.broker.call(&who, 3, 1, &call("d", "no.such.tool", "{}"), &Cancel::new()).await.unwrap();
    assert_eq!(house.hand.done(), Vec::<String>::new());
    assert!(
        house
            .items(&who)
            .await
            .iter()
            .skip(1)
            .all(|item| matches!(item, ItemBody::Result { failed: true, .. }))
    );
}

#[tokio::test]
async fn the_same_message_of_the_same_sender_is_taken_once() {
    let house = House::open().await;
    let first = house.deliver("m-1", "hello").await;
    let again = house.deliver("m-1", "hello").await;
    assert_eq!((first.fresh, again.fresh), (true, false));
    assert_eq!(first.task, again.task);
}

#[tokio::test]
async fn lockdown_stops_every_effect() {
    let house = House::open().await;
    let who = house.say("m-1", "/disk").await;
    house.lock();
    house.broker.call(&who, 3, 0, &call("c", "host.disk", "{}"), &Cancel::new()).await.unwrap();
    assert_eq!(house.hand.done(), Vec::<String>::new());
    assert!(house.kinds().contains(&"refusal".to_string()));
}

#[tokio::test]
async fn after_a_crash_a_look_is_repeated_and_a_consequence_is_reported_as_unknown() {
    let house = House::open().await;
    let who = house.say("m-1", "/run ls").await;
    house.hand.answers("shell.run", Script::NeverReturns);
    house.hand.answers("host.disk", Script::NeverReturns);
    house.begin_and_crash(&who, 3, &call("a", "shell.run", r#"{"command": "ls"}"#)).await;
    house.begin_and_crash(&who, 5, &call("b", "host.disk", "{}")).await;
    let house = house.reopen().await;
    let recovered = house.broker.recover().await.unwrap();
    let names = |keys: &[domain::EffectKey]| {
        keys.iter().map(|key| key.as_str().rsplit('.').nth(1).unwrap().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(
        (names(&recovered.unknown), names(&recovered.to_repeat)),
        (vec!["3".to_string()], vec!["5".to_string()])
    );
    let went = house.broker.call(&who, 5, 0, &call("b", "host.disk", "{}"), &Cancel::new()).await.unwrap();
    assert!(matches!(went, Went::On { .. }));
    let repeated =
        house.broker.call(&who, 3, 0, &call("a", "shell.run", r#"{"command": "ls"}"#), &Cancel::new()).await;
    assert!(repeated.is_err(), "what may have happened is not done again");
    assert_eq!(house.hand.done(), ["host.disk"]);
    assert_eq!(house.broker.recover().await.unwrap(), broker::Recovered::default());
}

#[tokio::test]
async fn after_a_crash_what_is_on_record_is_known_and_told() {
    use audit::Ending;
    for (ending, said, failed) in [
        (Ending::Done, "This was done", false),
        (
            Ending::Failed(Blame::Us),
            "This was not done, as the audit log says; Hardshell stopped right after it. the disk was full",
            true,
        ),
        (Ending::MayHaveHappened(Blame::Us), "it is not known whether it happened", true),
    ] {
        let house = House::open().await;
        let who = house.say("m-1", "/run ls").await;
        house.hand.answers("shell.run", Script::NeverReturns);
        let command = call("a", "shell.run", r#"{"command": "ls"}"#);
        house.answered(&who, &command).await;
        house.begin_and_crash(&who, 3, &command).await;
        house.ended_on_record_only(ending).await;
        let house = house.reopen().await;
        let outcomes = house.kinds().iter().filter(|kind| *kind == "outcome").count();
        let recovered = house.broker.recover().await.unwrap();
        let known = matches!(ending, Ending::Done | Ending::Failed(_));
        assert_eq!(
            (recovered.known.len(), recovered.unknown.len()),
            (usize::from(known), usize::from(!known))
        );
        let now = house.kinds().iter().filter(|kind| *kind == "outcome").count();
        assert_eq!(now, outcomes, "what is on record is not put there twice");
        let items = house.items(&who).await;
        let Some(ItemBody::Result { text, failed: told, .. }) = items.last() else { panic!("{items:?}") };
        assert!(text.contains(said) && *told == failed, "{ending:?}: {text}");
        assert_eq!(house.hand.done(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn an_intent_that_was_never_begun_is_closed_as_such() {
    let house = House::open().await;
    let who = house.say("m-1", "/run ls").await;
    house.hand.answers("shell.run", Script::NeverReturns);
    house.begin_and_crash(&who, 3, &call("a", "shell.run", r#"{"command": "ls"}"#)).await;
    house.intended_on_record_only().await;
    let house = house.reopen().await;
    let recovered = house.broker.recover().await.unwrap();
    assert_eq!((recovered.not_begun, recovered.unknown.len()), (1, 1));
    assert!(house.log_text().contains("this was not begun, and did not happen"), "{}", house.log_text());
    assert_eq!(house.broker.recover().await.unwrap(), broker::Recovered::default());
}

#[tokio::test]
async fn a_session_never_forgets_what_it_read_also_over_a_restart() {
    let house = House::open().await;
    let who = house.say("m-1", "what is new?").await;
    house.hand.answers("mail.list", Script::Hostile);
    house.broker.call(&who, 3, 0, &call("a", "mail.list", "{}"), &Cancel::new()).await.unwrap();
    let house = house.reopen().await;
    let went = house.broker.call(&who, 5, 0, &call("b", "mail.send", SEND), &Cancel::new()).await.unwrap();
    assert!(matches!(went, Went::Waiting { .. }));
}

#[tokio::test]
async fn a_secret_in_a_result_reaches_neither_transcript_nor_log() {
    let house = House::open().await;
    let who = house.say("m-1", "/disk").await;
    house.hand.answers("host.disk", Script::Says(format!("the key is {}", house::SECRET)));
    house.broker.call(&who, 3, 0, &call("c", "host.disk", "{}"), &Cancel::new()).await.unwrap();
    house.broker.end_task(&who, TaskState::Failed, &format!("because of {}", house::SECRET)).await.unwrap();
    let shown = format!("{:?}", house.items(&who).await);
    assert!(shown.contains("[redacted]") && !shown.contains(house::SECRET), "{shown}");
    assert!(!house.log_text().contains(house::SECRET));
}
