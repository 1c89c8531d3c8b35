//! Between a question and its answer the world moves on: an approval is good for what was shown and for nothing else.

use crate::house::{House, Script};
use broker::{Answer, Cancel, Error, Speaker, Went};
use domain::{Channel, ItemBody, Principal, ProposedCall, QuestionId, Target};
use std::time::Duration;

const SEND: &str = r#"{"to": ["anna@example.org"], "subject": "hi", "body": "hello"}"#;

/// A house in which mail to Anna waits for the owner's answer.
async fn asked() -> (House, Speaker, QuestionId) {
    let house = House::open().await;
    let who = house.say("m-1", "what is new?").await;
    house.hand.answers("mail.list", Script::Hostile);
    let list = ProposedCall { id: "l".into(), tool: "mail.list".into(), arguments: "{}".into() };
    house.broker.call(&who, 3, 0, &list, &Cancel::new()).await.unwrap();
    let question = again(&house, &who).await;
    (house, who, question)
}

async fn again(house: &House, who: &Speaker) -> QuestionId {
    let send = ProposedCall { id: "s".into(), tool: "mail.send".into(), arguments: SEND.into() };
    match house.broker.call(who, 5, 0, &send, &Cancel::new()).await.unwrap() {
        Went::Waiting { question } => question,
        other @ (Went::On { .. } | Went::Stuck { .. } | Went::Stopped) => unreachable!("{other:?}"),
    }
}

async fn approve(house: &House, question: &QuestionId) -> Result<store::Question, Error> {
    house.broker.answer(question, Answer::Approve, &Principal::owner(), Channel::Web).await
}

/// The approved call is judged again; whether it was carried out.
async fn goes_out(house: &House, who: &Speaker, answered: &store::Question) -> bool {
    house.broker.settle(who, answered, &Cancel::new()).await.unwrap();
    house.hand.done().contains(&"mail.send".to_string())
}

fn program(byte: u8) -> Target {
    let path = "/usr/bin/mail".into();
    Target::Program { name: "mail".into(), path, device: 1, inode: 7, digest: [byte; 32] }
}

fn host(name: &str) -> Target {
    Target::Host { host: name.parse().unwrap(), port: 443 }
}

#[tokio::test]
async fn another_policy_makes_an_approval_worthless() {
    let (house, who, question) = asked().await;
    let answered = approve(&house, &question).await.unwrap();
    house.rule("[limits]\nsends_per_hour = 29").await;
    assert!(!goes_out(&house, &who, &answered).await);
    house.rule("[mail]\ndenied_recipients = [\"@example.org\"]").await;
    assert!(!goes_out(&house, &who, &answered).await);
    assert!(house.kinds().contains(&"refusal".to_string()));
}

#[tokio::test]
async fn a_program_or_host_that_was_swapped_makes_an_approval_worthless() {
    for (before, after) in [(program(1), program(2)), (host("example.org"), host("evil.example"))] {
        let (house, who, _unused) = asked().await;
        house.leads_to(vec![before.clone()]);
        let question = again(&house, &who).await;
        let answered = approve(&house, &question).await.unwrap();
        house.leads_to(vec![after]);
        assert!(!goes_out(&house, &who, &answered).await, "{before:?}");
        house.leads_to(vec![before]);
        assert!(goes_out(&house, &who, &answered).await, "what was shown is still what was approved");
    }
}

#[tokio::test]
async fn of_many_answers_to_one_question_one_counts() {
    let (house, who, question) = asked().await;
    let owner = Principal::owner();
    let one = |answer| house.broker.answer(&question, answer, &owner, Channel::Web);
    let (first, second, third) = tokio::join!(one(Answer::Approve), one(Answer::Deny), one(Answer::Approve));
    let taken: Vec<store::Question> = [first, second, third].into_iter().flatten().collect();
    assert_eq!(taken.len(), 1);
    house.broker.settle(&who, &taken[0], &Cancel::new()).await.unwrap();
    house.broker.settle(&who, &taken[0], &Cancel::new()).await.ok();
    let sent = house.hand.done().into_iter().filter(|name| name == "mail.send").count();
    let approved = matches!(taken[0].answer, Some((store::Answer::Approve, _, _)));
    assert_eq!(sent, usize::from(approved));
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_none_and_an_approval_lapses_with_its_question() {
    let (house, _who, question) = asked().await;
    house.later(Duration::from_secs(25 * 3600));
    assert!(matches!(approve(&house, &question).await, Err(Error::NoQuestion { .. })));
    let (house, who, question) = asked().await;
    let answered = approve(&house, &question).await.unwrap();
    house.later(Duration::from_secs(25 * 3600));
    assert!(!goes_out(&house, &who, &answered).await);
}

#[tokio::test]
async fn a_restart_between_question_and_answer_changes_nothing() {
    let (house, who, question) = asked().await;
    let house = house.reopen().await;
    let answered = approve(&house, &question).await.unwrap();
    let house = house.reopen().await;
    assert!(goes_out(&house, &who, &answered).await);
    let result = house.items(&who).await.pop().unwrap();
    assert!(matches!(result, ItemBody::Result { failed: false, .. }), "{result:?}");
}
