//! What is asked for is found, with the index, without it, and when it is broken.

use audit::{
    Against, Deed, Entry, Event, Go, KeySource, Kind, Log, NothingSecret, Retention, SignInAct, Subject,
    Target, TargetKind, verify,
};
use audit_query::{Filter, Order, check_indexes, index_closed, query, visit};
use domain::{
    ActionDigest, Channel, Effect, Integrity, Label, Principal, Role, RuleHit, Source, SourceKind, Tier,
    Timestamp, Verdict,
};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A moment to start from.
const NOW: Timestamp = Timestamp(1_760_000_000_000);

const DAY: Duration = Duration::from_secs(25 * 3600);

fn entry(number: u64) -> Entry {
    let deed = Deed {
        name: "shell.run".to_string(),
        effect: Effect::Execute,
        digest: ActionDigest::from_hex(&"ab".repeat(32)).unwrap(),
        targets: vec![Target::new(TargetKind::Command, &format!("command {number}"))],
        contents: Vec::new(),
    };
    let rules =
        vec![RuleHit { verdict: Verdict::Allow, id: "may.run".into(), why: "it is on the list".into() }];
    let event = Event::Intent { deed, rules, isolation: Some("full".to_string()) };
    let mut entry = Entry { subject: Subject::default(), event };
    let mails = Label::new(
        Integrity::Untrusted,
        Tier::Medium,
        Source::new(SourceKind::Mail, &format!("x{}@example.org", number % 7)),
    );
    entry.subject = Subject {
        session: Some(format!("s{}", number % 10).parse().unwrap()),
        task: Some(format!("t{number}").parse().unwrap()),
        principal: Some(if number.is_multiple_of(2) {
            Principal::owner()
        } else {
            Principal { role: Role::Member, name: "anna".into() }
        }),
        channel: Some(Channel::ALL[usize::try_from(number % 3).unwrap()]),
        label: Some(if number.is_multiple_of(5) { Label::owner() } else { mails }),
        ..Subject::default()
    };
    if number % 4 == 3 {
        let Event::Intent { mut deed, .. } = entry.event else { unreachable!() };
        deed.effect = Effect::Fetch;
        deed.name = "web.fetch".into();
        deed.targets =
            vec![Target::new(TargetKind::Host, "example.org:443"), Target::new(TargetKind::Path, "/w/a")];
        let rules = vec![RuleHit { verdict: Verdict::Deny, id: "flow.clearance".into(), why: "no".into() }];
        entry.event = Event::Refusal { deed, rules };
    }
    if number % 50 == 49 {
        entry.event = Event::SignIn { act: SignInAct::Failed, from: "192.0.2.9".into() };
    }
    entry
}

/// A log of five days with `count` entries a day, one a second.
async fn filled(temporary: &tempfile::TempDir, count: u64) -> Log {
    let key = KeySource::File(temporary.path().join("audit.key"));
    let (log, _) = Log::open(&temporary.path().join("audit"), &key, Arc::new(NothingSecret), NOW).unwrap();
    for day in 0..5 {
        for number in 0..count {
            let now = NOW.after(DAY * day).after(Duration::from_secs(number));
            log.note(entry(u64::from(day) * count + number), now).await.unwrap();
        }
    }
    log
}

fn filters() -> Vec<Filter> {
    let none = Filter::default;
    vec![
        none(),
        Filter { kinds: vec![Kind::Refusal, Kind::SignIn], ..none() },
        Filter { kinds: vec![Kind::Checkpoint], ..none() },
        Filter { session: Some("s3".parse().unwrap()), ..none() },
        Filter { task: Some("t17".parse().unwrap()), ..none() },
        Filter { task: Some("t99999".parse().unwrap()), ..none() },
        Filter { name: Some("web.fetch".into()), effect: Some(Effect::Fetch), ..none() },
        Filter { verdict: Some(Verdict::Deny), rule: Some("flow.clearance".into()), ..none() },
        Filter { principal: Some("owner".into()), channel: Some(Channel::Web), ..none() },
        Filter { principal: Some("member:anna".into()), ..none() },
        Filter { source: Some("mail:x3@example.org".into()), ..none() },
        Filter {
            source: Some("mail:*".into()),
            integrity: Some(Integrity::Untrusted),
            tier: Some(Tier::Medium),
            ..none()
        },
        Filter { source: Some("mail:".into()), ..none() },
        Filter { target: Some("host:example.org".into()), ..none() },
        Filter { target: Some("host:example.org:443".into()), ..none() },
        Filter { target: Some("path:/w/a".into()), session: Some("s7".parse().unwrap()), ..none() },
        Filter { target: Some("command:command 12".into()), ..none() },
        Filter { text: Some("command 12".into()), kinds: vec![Kind::Intent], ..none() },
        Filter { from: Some(NOW.after(DAY)), until: Some(NOW.after(DAY * 2)), ..none() },
        Filter { after: Some(audit::Seq(40)), before: Some(audit::Seq(60)), ..none() },
        Filter { order: Order::OldestFirst, ..none() },
        Filter { order: Order::OldestFirst, session: Some("s3".parse().unwrap()), ..none() },
    ]
}

fn answers(folder: &Path) -> Vec<Vec<u64>> {
    let seqs = |filter: &Filter| {
        query(folder, filter, 10_000).unwrap().records.iter().map(|record| record.seq().0).collect()
    };
    filters().iter().map(seqs).collect()
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    paths.retain(|path| path.to_string_lossy().ends_with(ending));
    paths.sort();
    paths
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_is_found_plain_packed_and_with_a_broken_index() {
    let temporary = tempfile::tempdir().unwrap();
    let log = filled(&temporary, 150).await;
    let folder = log.folder().to_owned();
    // Signed now, so that no signature comes in between.
    log.checkpoint().await.unwrap();
    let expected = answers(&folder);
    for (filter, found) in filters().iter().zip(&expected) {
        let mut all: Vec<u64> = Vec::new();
        visit(&folder, &Filter { order: Order::OldestFirst, ..Filter::default() }, &mut |record| {
            let one = Filter {
                order: Order::OldestFirst,
                after: Some(audit::Seq(record.seq().0 - 1)),
                before: Some(audit::Seq(record.seq().0 + 1)),
                ..filter.clone()
            };
            if record.seq().0.is_multiple_of(37) && !query(&folder, &one, 1).unwrap().records.is_empty() {
                all.push(record.seq().0);
            }
            Go::On
        })
        .unwrap();
        for seq in all {
            assert!(found.contains(&seq) || filter.after.is_some(), "{filter:?} {seq}");
        }
    }
    assert_eq!(expected[0].len(), expected[20].len());
    assert!(expected[0].iter().rev().eq(expected[20].iter()), "the other way round");
    assert_eq!(expected[4].len(), 1);
    assert_eq!(expected[5], [0_u64; 0]);
    assert!(
        expected.iter().enumerate().all(|(number, found)| number == 5 || !found.is_empty()),
        "{expected:?}"
    );

    let tidied = tokio::task::block_in_place(|| log.tidy(Retention::default(), NOW)).unwrap();
    assert_eq!((tidied.packed, tidied.removed), (4, 0));
    index_closed(&folder).unwrap();
    assert_eq!(files(&folder, ".index").len(), 4);
    assert_eq!((files(&folder, ".jsonl").len(), files(&folder, ".jsonl.gz").len()), (1, 4));
    assert_eq!(answers(&folder), expected);
    log.close();
    assert!(verify(&folder, log.public_key(), Against::default(), &mut |_| Go::On).unwrap().is_intact());

    for index in files(&folder, ".index") {
        let whole = fs::read(&index).unwrap();
        for at in [0, 9, 30, 70, 3000, 6300, whole.len() / 2, whole.len() - 3] {
            let mut broken = whole.clone();
            broken[at] ^= 0x55;
            fs::write(&index, &broken).unwrap();
            // A broken index is made anew or passed over; it never hides or adds a record.
            for (filter, found) in filters().iter().zip(&expected) {
                let answer = query(&folder, filter, 10_000).unwrap();
                let seqs: Vec<u64> = answer.records.iter().map(|record| record.seq().0).collect();
                assert_eq!(&seqs, found, "{filter:?} byte {at}");
            }
        }
        fs::remove_file(&index).unwrap();
    }
    assert_eq!(answers(&folder), expected);
    assert_eq!(files(&folder, ".index").len(), 4, "they are made again");
}

#[tokio::test]
async fn a_limit_says_that_there_is_more() {
    let temporary = tempfile::tempdir().unwrap();
    let log = filled(&temporary, 10).await;
    let filter = Filter { kinds: vec![Kind::Intent], ..Filter::default() };
    let first = query(log.folder(), &filter, 3).unwrap();
    assert!(first.more && first.records.len() == 3);
    let rest = Filter { before: Some(first.records[2].seq()), ..filter };
    let rest = query(log.folder(), &rest, 1000).unwrap();
    assert!(!rest.more);
    assert!(rest.records.iter().all(|record| record.seq() < first.records[2].seq()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_somebody_without_the_key_edited_hides_nothing_and_is_named() {
    let temporary = tempfile::tempdir().unwrap();
    let log = filled(&temporary, 100).await;
    let folder = log.folder().to_owned();
    log.checkpoint().await.unwrap();
    let expected = answers(&folder);
    tokio::task::block_in_place(|| log.tidy(Retention::default(), NOW)).unwrap();
    index_closed(&folder).unwrap();
    log.close();
    let indexes = files(&folder, ".index");
    let whole: Vec<_> = indexes.iter().map(|path| fs::read(path).unwrap()).collect();
    assert_eq!((indexes.len(), check_indexes(&folder).unwrap().len()), (4, 0));
    // The time of its newest record lies before every question, and its digest is made anew.
    let header = 8 + 64 + 7 * 8 + 256 * 24;
    let mut edited = whole[1].clone();
    edited[8 + 64 + 3 * 8..8 + 64 + 5 * 8].fill(0);
    let digest = blake3::hash(&edited[..header]);
    edited[header..header + 32].copy_from_slice(digest.as_bytes());
    // One list is emptied of its records: of the first bucket that has one.
    let mut emptied = whole[1].clone();
    emptied[header + 32 + 200..header + 32 + 400].fill(0);
    let mut moved = whole[1].clone();
    let end = moved.len();
    moved[end - 8..].fill(0);
    for bytes in [&edited, &emptied, &moved, &whole[2]] {
        fs::write(&indexes[1], bytes).unwrap();
        assert_eq!(check_indexes(&folder).unwrap(), [indexes[1].clone()]);
        assert_eq!(fs::read(&indexes[1]).unwrap(), whole[1], "made anew");
        fs::write(&indexes[1], bytes).unwrap();
        assert_eq!(answers(&folder), expected);
    }
    // One that was made of a segment that had been changed is not kept, for when the segment is right again.
    fs::remove_file(&indexes[1]).unwrap();
    let packed = files(&folder, ".jsonl.gz")[1].clone();
    let right = fs::read(&packed).unwrap();
    fs::write(&packed, &right[..right.len() - 20]).unwrap();
    index_closed(&folder).unwrap();
    assert_eq!(files(&folder, ".index").len(), 3);
    fs::write(&packed, right).unwrap();
    assert_eq!(answers(&folder), expected);
    // Who has no key reads the log itself.
    fs::rename(temporary.path().join("audit.key"), temporary.path().join("elsewhere")).unwrap();
    fs::write(&indexes[1], &edited).unwrap();
    assert_eq!(answers(&folder), expected);
    assert_eq!(check_indexes(&folder).unwrap().len(), 0);
}
