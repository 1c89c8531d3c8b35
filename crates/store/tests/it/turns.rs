//! Transcripts and effects: every kind of item and outcome is read back as it was, with its label.

use crate::house::{NOW, inbound, session, task};
use domain::{
    ActionDigest, Blame, CommandForm, CommandLine, Connector, Done, EffectKey, Failure, Field, Integrity,
    Item, ItemBody, Label, Labelled, ModelTurn, Output, Pipeline, ProposedCall, RuleHit, Source, SourceKind,
    StopReason, TaskState, Tier, Usage, Value, Verdict,
};
use store::{Begun, Effect, EffectState, Ended, Error, Store, Tx};

fn label() -> Label {
    Label::new(Integrity::Untrusted, Tier::High, Source::new(SourceKind::Web, "a b%\u{202e}"))
        .join(&Label::owner())
}

fn nasty() -> String {
    "a\u{0}b\u{202e}\"\\\n😀".to_string()
}

fn calls() -> Vec<ProposedCall> {
    vec![ProposedCall { id: "1".into(), tool: "not a tool".into(), arguments: "{not json".into() }]
}

fn bodies() -> Vec<ItemBody> {
    let rules = vec![RuleHit { verdict: Verdict::Deny, id: "floor".into(), why: nasty() }];
    vec![
        ItemBody::Said { by: "owner".into(), text: nasty(), quoted: None },
        ItemBody::Said { by: "member:anna".into(), text: "".into(), quoted: Some(nasty()) },
        ItemBody::Answered { text: nasty(), calls: calls() },
        ItemBody::Answered { text: "".into(), calls: vec![] },
        ItemBody::Result { call_id: "1".into(), tool: nasty(), text: nasty(), failed: true, rules },
        ItemBody::Result {
            call_id: "1".into(),
            tool: "x".into(),
            text: "".into(),
            failed: false,
            rules: vec![],
        },
        ItemBody::Asked { call_id: "1".into(), question: "q1".parse().unwrap() },
        ItemBody::Replied { text: nasty() },
        ItemBody::Summary { text: nasty(), up_to: 7 },
        ItemBody::Ended { state: TaskState::Failed, why: nasty() },
    ]
}

fn begin(tx: &Tx<'_>) -> Result<(), Error> {
    let session = session("s1");
    tx.add_session(&session)?;
    tx.deliver(&inbound(&session.id, "m1"), &task("t1")).map(|_| ())
}

#[tokio::test]
async fn every_kind_of_item_is_read_back_in_order() {
    let store = Store::in_memory().unwrap();
    store
        .run(|tx| {
            begin(tx)?;
            let session = "s1".parse().unwrap();
            let mut expected = Vec::new();
            for (number, body) in (1..).zip(bodies()) {
                let body = Labelled::new(body, label());
                let item = tx.append_item(&session, &task("t1"), body.clone(), NOW)?;
                assert_eq!(item, Item { number, task: task("t1"), time: NOW, body });
                expected.push(item);
            }
            assert_eq!(tx.items(&session, 0, 100)?, expected);
            assert_eq!(tx.items(&session, 3, 2)?, expected[3..5]);
            assert_eq!(tx.items_of(&task("t1"))?, expected);
            assert_eq!(tx.last_item(&session)?, 10);
            let item = |number| Item { number, ..expected[0].clone() };
            for number in [0, 9, 10, 12] {
                assert!(
                    matches!(tx.add_item(&session, &item(number)), Err(Error::Conflict { .. })),
                    "{number}"
                );
            }
            tx.add_item(&session, &item(11))
        })
        .await
        .unwrap();
}

fn outcomes() -> Vec<Ended> {
    let values = vec![
        Value::Text(nasty()),
        Value::Address("anna@example.org".parse().unwrap()),
        Value::Path("../a".into()),
        Value::Id { kind: "mail".into(), id: "13".into() },
        Value::Amount("12.50".parse().unwrap()),
        Value::Number("-3".parse().unwrap()),
        Value::Date("2026-01-01".into()),
        Value::Url("https://example.org/".into()),
        Value::Host("example.org".parse().unwrap()),
        Value::Command(CommandLine {
            text: "a|b".into(),
            form: CommandForm::Unfamiliar { because: "x".into() },
        }),
        Value::Command(CommandLine {
            text: "a | b && c".into(),
            form: CommandForm::Plain(vec![
                Pipeline { connector: Connector::Always, commands: vec![vec!["a".into()], vec!["b".into()]] },
                Pipeline { connector: Connector::OnSuccess, commands: vec![vec!["c".into(), "".into()]] },
                Pipeline { connector: Connector::OnFailure, commands: vec![] },
            ]),
        }),
        Value::Boolean(true),
        Value::Json("{\"a\":1}".into()),
        Value::List(vec![Value::List(vec![]), Value::Boolean(false)]),
    ];
    let fields = Integrity::ALL.into_iter().zip(values.iter().cloned().cycle());
    let mut fields: Vec<Field> =
        fields.map(|(integrity, value)| Field { path: "mails.0.x".into(), value, integrity }).collect();
    fields.extend(values.into_iter().map(|value| Field {
        path: "x".into(),
        value,
        integrity: Integrity::Attested,
    }));
    let ran = Done::Ran(Output { text: nasty(), fields, label: Label::owner() });
    let stops = [StopReason::Finished, StopReason::Calls, StopReason::Length, StopReason::Filtered];
    let answers = stops.map(|stop| {
        let usage = Usage { input_tokens: u64::MAX, output_tokens: 0 };
        Done::Answered(ModelTurn { text: nasty(), calls: calls(), stop, usage, answered_by: "m".into() })
    });
    let done = answers.into_iter().chain([ran, Done::Delivered]).map(|done| Ok(Labelled::new(done, label())));
    let failed = [Blame::Owner, Blame::Model, Blame::Tool, Blame::Peer, Blame::Us].map(|blame| {
        Err(Failure { blame, text: nasty(), label: label(), may_have_happened: blame == Blame::Peer })
    });
    done.chain(failed).collect()
}

fn effect(number: usize) -> Effect {
    Effect {
        key: EffectKey::new(&task("t1"), 1, u32::try_from(number).unwrap()).unwrap(),
        session: "s1".parse().unwrap(),
        task: task("t1"),
        tool: "mail.send".into(),
        effect: domain::Effect::Send,
        digest: ActionDigest::from_hex(&"3c".repeat(32)).unwrap(),
        intent: 17,
        begun: NOW,
    }
}

#[tokio::test]
async fn an_effect_is_begun_once_and_ends_once() {
    let store = Store::in_memory().unwrap();
    store
        .run(|tx| {
            begin(tx)?;
            for (number, ended) in outcomes().into_iter().enumerate() {
                let effect = effect(number);
                let before = |state| Begun::Before { digest: effect.digest, state };
                assert!(matches!(tx.end_effect(&effect.key, &ended, NOW), Err(Error::Conflict { .. })));
                assert_eq!(tx.begin_effect(&effect)?, Begun::First);
                assert_eq!(tx.begin_effect(&effect)?, before(EffectState::Begun));
                assert_eq!(tx.effects_begun()?, std::slice::from_ref(&effect));
                tx.end_effect(&effect.key, &ended, NOW)?;
                assert!(matches!(tx.end_effect(&effect.key, &ended, NOW), Err(Error::Conflict { .. })));
                assert!(matches!(tx.mark_effect_unknown(&effect.key, NOW), Err(Error::Conflict { .. })));
                assert!(matches!(tx.begin_effect_again(&effect.key, 1, NOW), Err(Error::Conflict { .. })));
                assert_eq!(tx.begin_effect(&effect)?, before(EffectState::Ended(ended.clone())));
                assert_eq!(tx.effect(&effect.key)?, Some((effect, EffectState::Ended(ended))));
                assert_eq!(tx.effects_begun()?, []);
            }
            assert_eq!(tx.effects_of(&task("t1"))?.len(), outcomes().len());
            let lost = effect(900);
            tx.begin_effect(&lost)?;
            tx.begin_effect_again(&lost.key, 99, NOW)?;
            assert_eq!(tx.effects_begun()?, [Effect { intent: 99, ..lost.clone() }]);
            tx.mark_effect_unknown(&lost.key, NOW)?;
            assert_eq!(tx.effect(&lost.key)?.unwrap().1, EffectState::Unknown);
            assert!(matches!(tx.end_effect(&lost.key, &outcomes()[0], NOW), Err(Error::Conflict { .. })));
            Ok(())
        })
        .await
        .unwrap();
}
