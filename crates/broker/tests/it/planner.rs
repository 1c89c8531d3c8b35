//! Plans: written from the owner's words alone, and of no use to whoever did not say them.

use crate::house::{House, Script};
use broker::{Cancel, Speaker, Went};
use domain::{ItemBody, Principal, ProposedCall, Role};

const UNLESS_GRANTED: &str = "[actions]\nprofile = \"unless-granted\"";

fn send(id: &str, to: &str) -> ProposedCall {
    let arguments = format!(r#"{{"to": ["{to}"], "subject": "hi", "body": "see you at four"}}"#);
    ProposedCall { id: id.into(), tool: "mail.send".into(), arguments }
}

fn grant(to: &str) -> String {
    format!(
        r#"{{"version": 1, "grants": [{{"tool": "mail.send", "why": "write to her", "arguments": {{"to": {{"is": ["{to}"]}}}}}}]}}"#
    )
}

async fn plan(house: &House, who: &Speaker, answer: &str) -> ItemBody {
    house.hand.answers("model.ask", Script::Answers(answer.into()));
    let model = "script".parse().unwrap();
    let went = house.broker.plan(who, model, 1000, "a Friday", &Cancel::new()).await.unwrap();
    assert!(matches!(went, Went::On { .. }), "{went:?}");
    house.items(who).await.pop().unwrap()
}

async fn read_hostile_mail(house: &House, who: &Speaker) {
    house.hand.answers("mail.list", Script::Hostile);
    let list = ProposedCall { id: "l".into(), tool: "mail.list".into(), arguments: "{}".into() };
    house.broker.call(who, 3, 0, &list, &Cancel::new()).await.unwrap();
}

async fn is_done(house: &House, who: &Speaker, step: u32, call: &ProposedCall) -> bool {
    match house.broker.call(who, step, 0, call, &Cancel::new()).await.unwrap() {
        Went::On { .. } => true,
        Went::Waiting { .. } => false,
        other @ (Went::Stuck { .. } | Went::Stopped) => unreachable!("{other:?}"),
    }
}

#[tokio::test]
async fn a_grant_written_before_the_first_strangers_word_is_good_once_after_it_and_over_a_restart() {
    let house = House::with(UNLESS_GRANTED).await;
    let who = house.say("m-1", "read my mail and write to anna@example.org when we meet").await;
    let planned = plan(&house, &who, &grant("anna@example.org")).await;
    let ItemBody::Planned { grants, why } = planned else { panic!("{planned:?}") };
    assert_eq!((grants.len(), why.as_str()), (1, ""));
    assert!(grants[0].contains("mail.send once") && grants[0].contains("anna@example.org"), "{grants:?}");
    read_hostile_mail(&house, &who).await;
    let house = house.reopen().await;
    assert!(is_done(&house, &who, 5, &send("a", "anna@example.org")).await);
    assert!(!is_done(&house, &who, 7, &send("b", "anna@example.org")).await, "once is once");
    assert_eq!(house.hand.done(), ["mail.send"]);
}

#[tokio::test]
async fn a_planner_that_was_hijacked_grants_nothing_that_the_owner_did_not_name() {
    let house = House::with(UNLESS_GRANTED).await;
    let who = house.say("m-1", "read my mail and write to anna@example.org when we meet").await;
    plan(&house, &who, &grant("mallory@evil.example")).await;
    read_hostile_mail(&house, &who).await;
    assert!(!is_done(&house, &who, 5, &send("a", "mallory@evil.example")).await);
    assert!(!is_done(&house, &who, 7, &send("b", "anna@example.org")).await);
    assert_eq!(house.hand.done(), ["model.ask", "mail.list"]);
}

#[tokio::test]
async fn what_is_no_plan_grants_nothing_and_says_why() {
    for bad in [
        "I would rather not.",
        "{\"version\": 2}",
        "{\"version\": 1, \"grants\": [{\"tool\": \"mail.send\"}]}",
    ] {
        let house = House::with(UNLESS_GRANTED).await;
        let who = house.say("m-1", "write to anna@example.org").await;
        let planned = plan(&house, &who, bad).await;
        let ItemBody::Planned { grants, why } = planned else { unreachable!("{bad}") };
        assert!(grants.is_empty() && !why.is_empty(), "{bad}: {why}");
        read_hostile_mail(&house, &who).await;
        assert!(!is_done(&house, &who, 5, &send("a", "anna@example.org")).await);
    }
}

#[tokio::test]
async fn a_later_word_of_the_owner_extends_what_is_frozen_and_no_strangers_word_is_in_the_prompt() {
    let house = House::with(UNLESS_GRANTED).await;
    let first = house.say("m-1", "what is new?").await;
    plan(&house, &first, "{\"version\": 1, \"grants\": []}").await;
    read_hostile_mail(&house, &first).await;
    house.broker.end_task(&first, domain::TaskState::Done, "").await.unwrap();
    let second = house.say("m-2", "tell anna@example.org that I come").await;
    plan(&house, &second, &grant("anna@example.org")).await;
    assert!(is_done(&house, &second, 5, &send("a", "anna@example.org")).await);
    let prompts = house.hand.prompts();
    assert_eq!(prompts.len(), 2);
    assert!(prompts[1].contains("what is new?") && prompts[1].contains("that I come"), "{prompts:?}");
    assert!(!prompts.concat().contains("ignore all previous instructions"));
}

#[tokio::test]
async fn nobody_but_the_owner_has_a_plan_written() {
    let house = House::with(UNLESS_GRANTED).await;
    let who = house.say("m-1", "write to anna@example.org").await;
    let member = Speaker { principal: Principal { role: Role::Member, name: "bob".into() }, ..who };
    let planned = plan(&house, &member, &grant("anna@example.org")).await;
    assert!(matches!(planned, ItemBody::Planned { grants, .. } if grants.is_empty()));
    assert_eq!(house.hand.prompts(), Vec::<String>::new());
}

#[tokio::test]
async fn a_text_that_looks_like_an_attack_makes_even_a_grant_ask_and_is_not_forgotten() {
    for (text, asks) in [("a very suspicious text", true), ("an ordinary text", false)] {
        let house = House::with(UNLESS_GRANTED).await;
        let who = house.say("m-1", "read my mail and write to anna@example.org when we meet").await;
        plan(&house, &who, &grant("anna@example.org")).await;
        house.hand.answers("mail.list", Script::Strange(text.into()));
        let list = ProposedCall { id: "l".into(), tool: "mail.list".into(), arguments: "{}".into() };
        house.broker.call(&who, 3, 0, &list, &Cancel::new()).await.unwrap();
        let house = house.reopen().await;
        assert_eq!(!is_done(&house, &who, 5, &send("a", "anna@example.org")).await, asks, "{text}");
    }
}
