//! What is recorded is read back; what must not be written down is not.

use crate::NOW;
use crate::house::{House, Wish, content, intent};
use audit::{
    Answer, BackupAct, Deed, Ending, Entry, Event, KeySource, Kind, LockdownAct, Log, PolicyAct, ProofState,
    Record, Redact, SecretAct, Seq, SettingAct, SignInAct, State, Subject, Target, TargetKind,
};
use domain::{
    Action, ActionDigest, Argument, ArgumentRole, AskModel, Blame, Call, Channel, CommandForm, CommandLine,
    Connector, Effect, Integrity, Label, Message, Pipeline, Principal, Purpose, Reply, Role, RuleHit, Sender,
    Source, SourceKind, Tier, Timestamp, Usage, Value, Verdict,
};
use proptest::prelude::*;
use std::borrow::Cow;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

fn deed() -> Deed {
    let Event::Intent { deed, .. } = intent("df -h").event else { unreachable!() };
    deed
}

fn rules() -> Vec<RuleHit> {
    vec![
        RuleHit {
            verdict: Verdict::Deny,
            id: "floor.own-files".into(),
            why: "the log is not writable".into(),
        },
        RuleHit { verdict: Verdict::Ask, id: "flow.clearance".into(), why: String::new() },
    ]
}

/// One event of each kind.
fn events(log: &Log) -> Vec<Event> {
    let content = content(log.content_key());
    let digest = ActionDigest::from_hex(&"0f".repeat(32)).unwrap();
    let outcome = |ending| Event::Outcome {
        intent: Seq(3),
        name: "web.fetch".into(),
        effect: Effect::Fetch,
        ending,
        targets: vec![Target::new(TargetKind::Host, "example.org:443")],
        contents: vec![content.clone()],
        took: Duration::from_millis(1234),
        usage: Some(Usage { input_tokens: 10, output_tokens: 20 }),
        cost_micros: Some(7),
        detail: Some("the host said no".into()),
    };
    vec![
        Event::Intent { deed: deed(), rules: rules(), isolation: None },
        outcome(Ending::Done),
        outcome(Ending::Failed(Blame::Peer)),
        outcome(Ending::MayHaveHappened(Blame::Us)),
        outcome(Ending::Cancelled),
        outcome(Ending::Unknown),
        Event::Refusal { deed: deed(), rules: rules() },
        Event::Question { question: "q1".parse().unwrap(), deed: deed(), rules: rules(), expires: NOW },
        Event::Answer { question: "q1".parse().unwrap(), answer: Answer::Always, digest },
        Event::Inbound {
            message: "m1".parse().unwrap(),
            sender: Sender { channel: Channel::Telegram, account: "42".into() },
            contents: vec![content.clone()],
        },
        Event::SignIn { act: SignInAct::LockedOut, from: "127.0.0.1".into() },
        Event::Config {
            act: SettingAct::Changed,
            path: "/home/x/hardshell.toml".into(),
            content: content.clone(),
        },
        Event::Policy { act: PolicyAct::Added, rule: "standing-1".into(), detail: "always allow".into() },
        Event::Secret {
            secret: "github".parse().unwrap(),
            act: SecretAct::Lent,
            host: Some("api.github.com".parse().unwrap()),
        },
        Event::Proof { name: "no-network".into(), state: ProofState::Holds, detail: "refused".into() },
        Event::Lockdown { act: LockdownAct::On, why: "a proof failed".into() },
        Event::Backup { act: BackupAct::Made, path: "/b/1.age".into(), content, detail: "".into() },
        Event::Connection {
            by: "command t1.1.0".into(),
            host: "example.org".into(),
            port: 443,
            address: Some("192.0.2.7".parse().unwrap()),
            verdict: Verdict::Allow,
            rules: rules(),
            request: Some("GET /".into()),
            bytes_out: 100,
            bytes_in: 200,
        },
    ]
}

fn subject() -> Subject {
    let label =
        Label::new(Integrity::Untrusted, Tier::Medium, Source::new(SourceKind::Mail, "x y@example.org"));
    Subject {
        session: Some("s1".parse().unwrap()),
        task: Some("t1".parse().unwrap()),
        key: Some("t1.1.0".parse().unwrap()),
        principal: Some(Principal { role: Role::Member, name: "anna".into() }),
        channel: Some(Channel::Matrix),
        label: Some(label.join(&Label::owner())),
    }
}

/// The next record that somebody wrote: on a slow machine, a checkpoint may be due in between.
async fn next(tail: &mut audit::Tail) -> audit::Record {
    loop {
        let record = tail.next().await.unwrap().unwrap();
        if record.kind() != Kind::Checkpoint {
            return record;
        }
    }
}

#[tokio::test]
async fn every_kind_of_entry_is_read_back_as_it_was_written() {
    let house = House::new();
    let (log, _) = house.open(NOW);
    let mut tail = log.tail();
    let events = events(&log);
    let kinds: std::collections::BTreeSet<Kind> = events.iter().map(Event::kind).collect();
    assert_eq!(kinds.len(), 14, "one event of each kind");
    for event in events {
        for subject in [subject(), Subject::default()] {
            let entry = Entry { subject, event: event.clone() };
            let seq = log.note(entry.clone(), NOW).await.unwrap();
            let record = next(&mut tail).await;
            assert_eq!((record.seq(), record.time(), record.kind()), (seq, NOW, entry.event.kind()));
            assert_eq!(record.entry().unwrap(), Some(entry), "{}", record.json());
        }
    }
}

#[tokio::test]
async fn a_recorded_value_comes_back_with_its_place() {
    let house = House::new();
    let (log, _) = house.open(NOW);
    let mut tail = log.tail();
    let recorded = log.record(Wish("df -h".into()), NOW).await.unwrap();
    let record = next(&mut tail).await;
    assert_eq!(recorded.seq(), record.seq());
    assert_eq!(record.entry().unwrap(), Some(intent("df -h")));
    assert_eq!(recorded.into_inner().0, "df -h");
    assert_eq!(log.state(), State::Writing);
    log.close();
    assert!(matches!(log.record(Wish("late".into()), NOW).await, Err(audit::Error::Closed)));
    assert_eq!(log.state(), State::Closed);
    assert!(tail.next().await.is_some_and(|record| record.unwrap().kind() == Kind::Checkpoint));
    assert!(tail.next().await.is_none());
}

#[tokio::test]
async fn a_clock_that_was_set_back_is_noted_and_the_order_stays() {
    let house = House::new();
    let (log, _) = house.open(NOW);
    let mut tail = log.tail();
    for (time, marked) in
        [(NOW, false), (Timestamp(NOW.0 - 1), true), (Timestamp(5), true), (Timestamp(5), false)]
    {
        let seq = log.note(intent("date"), time).await.unwrap();
        let record = next(&mut tail).await;
        assert_eq!((record.seq(), record.time()), (seq, time));
        assert_eq!(record.json().contains("\"clock\":\"back\""), marked, "{}", record.json());
        assert_eq!(record.entry().unwrap(), Some(intent("date")));
    }
    log.close();
    assert!(house.verify(log.public_key()).is_intact());
}

#[tokio::test]
async fn long_texts_and_lists_are_cut_and_the_record_says_so() {
    let house = House::new();
    let (log, _) = house.open(NOW);
    let mut tail = log.tail();
    let nasty = "\u{1}\"ü".repeat(50_000);
    let mut entry = intent(&nasty);
    let Event::Intent { deed, .. } = &mut entry.event else { unreachable!() };
    deed.targets.resize(500, Target::new(TargetKind::Path, &nasty));
    let mut label = Label::owner();
    for number in 0..250 {
        let source = Source::new(SourceKind::File, &format!("/{number}/{}", "x".repeat(150)));
        label = label.join(&Label::new(Integrity::Untrusted, Tier::High, source));
    }
    entry.subject.label = Some(label.clone());
    log.note(entry, NOW).await.unwrap();
    let record = next(&mut tail).await;
    assert!(record.json().len() < 64 * 1024);
    assert!(record.json().contains("\"cut\":"));
    let read = record.entry().unwrap().unwrap();
    assert!(read.subject.label.unwrap().covers(&label), "a label is only ever widened");
    let Event::Intent { deed, .. } = read.event else { unreachable!() };
    assert_eq!(deed.targets.len(), 64);
    assert!(nasty.starts_with(&deed.targets[0].value) && deed.targets[0].value.len() > 1000);
}

struct HidesHunter2;

impl Redact for HidesHunter2 {
    fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        Cow::Owned(text.replace("hunter2", "[secret github]"))
    }
}

#[tokio::test]
async fn no_text_of_any_kind_reaches_the_disk_unredacted() {
    let house = House::new();
    let (log, _) = Log::open(&house.folder(), &house.key(), Arc::new(HidesHunter2), NOW).unwrap();
    let secret = || "a hunter2 b".to_string();
    let label = Label::new(Integrity::Untrusted, Tier::High, Source::new(SourceKind::Web, &secret()));
    let subject = Subject {
        principal: Some(Principal { role: Role::Guest, name: secret() }),
        label: Some(label),
        ..Subject::default()
    };
    let target = Target::new(TargetKind::Command, &secret());
    let mut content = content(log.content_key());
    content.name = secret();
    let rule = RuleHit { verdict: Verdict::Deny, id: secret(), why: secret() };
    for mut event in events(&log) {
        match &mut event {
            Event::Intent { deed, rules, isolation } => {
                (deed.name, deed.targets, deed.contents) =
                    (secret(), vec![target.clone()], vec![content.clone()]);
                (*rules, *isolation) = (vec![rule.clone()], Some(secret()));
            }
            Event::Outcome { name, targets, contents, detail, .. } => {
                (*name, *targets, *contents) = (secret(), vec![target.clone()], vec![content.clone()]);
                *detail = Some(secret());
            }
            Event::Refusal { deed, rules } | Event::Question { deed, rules, .. } => {
                (deed.name, deed.targets, deed.contents) =
                    (secret(), vec![target.clone()], vec![content.clone()]);
                *rules = vec![rule.clone()];
            }
            Event::Answer { .. } | Event::Secret { .. } => {}
            Event::Inbound { sender, contents, .. } => {
                (sender.account, *contents) = (secret(), vec![content.clone()]);
            }
            Event::SignIn { from, .. } => *from = secret(),
            Event::Config { path, content: of, .. } => (*path, *of) = (secret(), content.clone()),
            Event::Policy { rule, detail, .. } => (*rule, *detail) = (secret(), secret()),
            Event::Proof { name, detail, .. } => (*name, *detail) = (secret(), secret()),
            Event::Lockdown { why, .. } => *why = secret(),
            Event::Backup { path, content: of, detail, .. } => {
                (*path, *of, *detail) = (secret(), content.clone(), secret());
            }
            Event::Connection { rules, request, .. } => {
                (*rules, *request) = (vec![rule.clone()], Some(secret()))
            }
        }
        log.note(Entry { subject: subject.clone(), event }, NOW).await.unwrap();
    }
    log.close();
    for path in crate::house::segments(&house.folder()) {
        let text = std::fs::read_to_string(path).unwrap();
        assert!(!text.contains("hunter2"));
        assert!(text.contains("[secret github]"));
    }
}

#[test]
fn a_deed_names_what_is_reached_and_only_digests_what_is_said() {
    let house = House::new();
    let (log, _) = house.open(NOW);
    let argument = |name: &str, role, value| Argument { name: name.into(), role, value };
    let command = CommandLine {
        text: "df -h | sort".into(),
        form: CommandForm::Plain(vec![Pipeline {
            connector: Connector::Always,
            commands: vec![vec!["df".into(), "-h".into()], vec!["sort".into()]],
        }]),
    };
    let call = Action::Call(Call {
        tool: "mail.send".parse().unwrap(),
        effect: Effect::Send,
        arguments: vec![
            argument(
                "to",
                ArgumentRole::Authority,
                Value::List(vec![Value::Address("a@example.org".parse().unwrap())]),
            ),
            argument("url", ArgumentRole::Authority, Value::Url("https://u:p@example.org/x?y".into())),
            argument("command", ArgumentRole::Authority, Value::Command(command)),
            argument("body", ArgumentRole::Payload, Value::Text("the words themselves".into())),
        ],
        targets: vec![domain::Target::NewFile { path: "/w/a".into() }],
    });
    let deed = Deed::of(&call, log.content_key());
    let targets: Vec<String> = deed.targets.iter().map(ToString::to_string).collect();
    let expected = [
        "to:a@example.org",
        "host:example.org",
        "url:https://u:p@example.org/x?…",
        "program:df",
        "program:sort",
        "command:df -h | sort",
        "path:/w/a",
    ];
    assert_eq!(targets, expected);
    assert_eq!(
        deed.contents.iter().map(|content| (content.name.as_str(), content.bytes)).collect::<Vec<_>>(),
        [("query of url", 1), ("body", 20)]
    );
    assert!(!format!("{deed:?}").contains("words"));
    assert_ne!(
        deed.contents[0].digest,
        *blake3::hash(b"the words themselves").as_bytes(),
        "the digest is keyed"
    );

    let reply = Action::Reply(Reply { session: "s1".parse().unwrap(), text: "hi".into() });
    assert_eq!(Deed::of(&reply, log.content_key()).targets, [Target::new(TargetKind::Session, "s1")]);
    let ask = |text: &str| {
        let messages = vec![Message::System("be good".into()), Message::User(text.into())];
        let ask = AskModel {
            model: "m".parse().unwrap(),
            purpose: Purpose::Turn,
            messages,
            tools: vec![],
            answer_tokens_max: 5,
        };
        Deed::of(&Action::AskModel(ask), log.content_key())
    };
    assert_eq!(ask("x").targets, [Target::new(TargetKind::Model, "m")]);
    assert_ne!(ask("x").contents, ask("y").contents);
    // The same key gives the same digests, another key others.
    let other = KeySource::Seed([9; 32].into());
    let elsewhere = House::new();
    let (other, _) = Log::open(&elsewhere.folder(), &other, Arc::new(audit::NothingSecret), NOW).unwrap();
    assert_ne!(Deed::of(&call, other.content_key()).contents, deed.contents);
}

/// A line of version 1 with the digest that fits it, as somebody without the key could make it.
fn line_of(body: &[u8]) -> Vec<u8> {
    let key = blake3::derive_key("hardshell audit record v1", b"");
    let mut line = body.to_vec();
    line.extend_from_slice(format!(",\"hash\":\"{}\"}}", blake3::keyed_hash(&key, body).to_hex()).as_bytes());
    line
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_line_is_a_record_or_is_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        seed in 0_usize..4,
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_usize..8), 0..4),
    ) {
        prop_assert!(Record::parse(&bytes).is_err());
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/record");
        let mut body = fs::read(corpus.join(["intent", "outcome", "lockdown", "connection"][seed])).unwrap();
        prop_assert!(Record::parse(&line_of(&body)).unwrap().entry().unwrap().is_some());
        for (at, byte, gone) in cuts {
            let at = at.index(body.len());
            let end = (at + gone).min(body.len());
            body.splice(at..end, [byte]);
        }
        let line = line_of(&body);
        if let Ok(record) = Record::parse(&line) {
            prop_assert_eq!(record.json().as_bytes(), line.as_slice());
            let _typed_or_refused = record.entry();
        }
    }
}
