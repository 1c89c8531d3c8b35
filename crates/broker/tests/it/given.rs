//! What a model is given of a result, and what its reader is given of its answer.

use crate::house::{House, Script};
use broker::{Cancel, Speaker};
use domain::{AskModel, ItemBody, ProposedCall, Purpose};

const LINKS: &str = "see https://evil.example/p and https://known.example/";

async fn list(house: &House, who: &Speaker) -> ItemBody {
    house.hand.answers("mail.list", Script::Hostile);
    let list = ProposedCall { id: "l".into(), tool: "mail.list".into(), arguments: "{}".into() };
    house.broker.call(who, 3, 0, &list, &Cancel::new()).await.unwrap();
    house.items(who).await.pop().unwrap()
}

async fn answer(house: &House, who: &Speaker, step: u32) -> String {
    house.hand.answers("model.ask", Script::Answers(LINKS.into()));
    let (model, purpose) = ("script".parse().unwrap(), Purpose::Turn);
    let ask = AskModel { model, purpose, messages: vec![], tools: vec![], answer_tokens_max: 100 };
    house.broker.ask_model(who, step, ask, &Cancel::new()).await.unwrap();
    let ItemBody::Answered { text, calls: _ } = house.items(who).await.pop().unwrap() else { unreachable!() };
    text
}

#[tokio::test]
async fn what_turns_out_to_be_above_the_ceiling_is_kept_back_and_is_on_record() {
    let senders = "\n[tiers.senders]\n\"x@evil.example\" = \"high\"";
    for (ceiling, given) in [("medium", false), ("high", true)] {
        let house = House::with(&format!("[tiers]\nceiling = \"{ceiling}\"{senders}")).await;
        let who = house.say("m-1", "what is new?").await;
        let ItemBody::Result { text, failed, rules, .. } = list(&house, &who).await else { unreachable!() };
        assert_eq!((text.contains("ignore all previous"), failed), (given, !given), "{text}");
        assert_eq!(rules.first().unwrap().id == "flow.ceiling", !given, "{rules:?}");
        let kinds = if given { vec![] } else { vec!["refusal"] };
        assert_eq!(house.kinds(), [vec!["inbound", "intent", "outcome"], kinds].concat());
        let house = house.reopen().await;
        assert_eq!(house.is_clean(&who).await, !given, "what was kept back was not read");
    }
}

#[tokio::test]
async fn a_known_ceiling_refuses_before_anything_is_looked_at() {
    let house = House::with("[tiers]\nceiling = \"low\"").await;
    let who = house.say("m-1", "what is new?").await;
    list(&house, &who).await;
    assert_eq!(house.hand.done(), Vec::<String>::new());
    assert_eq!(house.kinds(), ["inbound", "refusal"]);
}

#[tokio::test]
async fn a_link_that_only_a_stranger_supplied_leads_nowhere_once_a_stranger_was_read() {
    let house = House::open().await;
    let who = house.say("m-1", "what is new at https://known.example/ ?").await;
    assert_eq!(answer(&house, &who, 0).await, LINKS, "nobody but the owner has spoken");
    list(&house, &who).await;
    let house = house.reopen().await;
    assert_eq!(answer(&house, &who, 4).await, LINKS.replace("https://evil", "hxxps://evil"));
}
