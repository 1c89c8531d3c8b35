//! What must hold after a kill and a restart, and how often what came of it.

use crate::client::Client;
use crate::crash::{Before, Hears, STRANGER};
use crate::kept_backups::Outcome;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use testkit::smtp::Smtp;

/// What the owner is told about an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    Done,
    NotDone,
    Unknown,
}

/// What came of one kill.
#[derive(Clone, Copy, Debug)]
pub struct One {
    pub mail: Known,
    pub file: Known,
    /// How often the far side took the mail.
    pub taken: usize,
    /// Whether a question was open when the program was killed.
    pub was_open: bool,
    /// Whether it was answered with no.
    pub was_denied: bool,
}

/// All of it together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub kills: usize,
    acknowledged: usize,
    mails: usize,
    unknown_mails: usize,
    unknown_but_taken: usize,
    unknown_files: usize,
    open: usize,
    denied: usize,
    backups: usize,
    backups_killed: usize,
    read_back: usize,
}

impl Tally {
    pub fn count(&mut self, before: &Before, one: &One) {
        let unknown = |known: Known| usize::from(known == Known::Unknown);
        self.add(&Self {
            kills: 1,
            acknowledged: usize::from(before.accepted.is_some()),
            mails: one.taken,
            unknown_mails: unknown(one.mail),
            unknown_but_taken: if one.mail == Known::Unknown { one.taken } else { 0 },
            unknown_files: unknown(one.file),
            open: usize::from(one.was_open),
            denied: usize::from(one.was_denied),
            ..Self::default()
        });
    }

    pub fn backup(&mut self, outcome: &Outcome) {
        self.backups += usize::from(outcome.is_there);
        self.backups_killed += usize::from(outcome.is_killed);
    }

    pub fn read_back(&mut self) {
        self.read_back += 1;
    }

    pub fn add(&mut self, other: &Self) {
        self.kills += other.kills;
        self.acknowledged += other.acknowledged;
        self.mails += other.mails;
        self.unknown_mails += other.unknown_mails;
        self.unknown_but_taken += other.unknown_but_taken;
        self.unknown_files += other.unknown_files;
        self.open += other.open;
        self.denied += other.denied;
        self.backups += other.backups;
        self.backups_killed += other.backups_killed;
        self.read_back += other.read_back;
    }
}

impl fmt::Display for Tally {
    /// Lost and repeated are 0 by the checks that came before: each of them ends the test.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} kills, and {} of backups: {} messages acknowledged, lost 0; {} mails taken, repeated 0, unknown {} ({} of \
             them taken); files unknown {}; {} questions open, {} denied; {} backups whole; {} files read back",
            self.kills,
            self.backups_killed,
            self.acknowledged,
            self.mails,
            self.unknown_mails,
            self.unknown_but_taken,
            self.unknown_files,
            self.open,
            self.denied,
            self.backups,
            self.read_back,
        )
    }
}

/// Holds what the program says against what the mail server and the disk say.
/// `answers` are those that were acknowledged.
pub async fn check(client: &Client, home: &Path, before: &Before, answers: &[String], smtp: &Smtp) -> One {
    let transcript = client.get(&format!("/api/v1/sessions/{}", before.session)).await;
    let items = transcript["items"].as_array().unwrap();
    let of = |kind: &'static str| items.iter().filter(move |item| item["kind"] == kind).collect::<Vec<_>>();
    assert_eq!(of("said").len(), 1, "{transcript:#}");
    assert_eq!(of("said")[0]["text"], before.text.as_str());
    assert_eq!((of("replied").len(), of("ended").len()), (1, 0), "{transcript:#}");
    let result = |tool: &str| {
        let results: Vec<_> = of("result").into_iter().filter(|item| item["tool"] == tool).collect();
        assert_eq!(results.len(), 1, "{tool}: {transcript:#}");
        known(results[0])
    };
    let was_denied = of("result").iter().any(|item| {
        item["tool"] == "mail.send" && item["text"].as_str().unwrap().contains("the owner said no")
    });
    let one = One {
        mail: result("mail.send"),
        file: result("files.write"),
        taken: taken(smtp, &before.text),
        was_open: before.asked.is_some() && before.answered.is_none(),
        was_denied,
    };
    match answers.last().map(String::as_str) {
        Some("approve") => assert!(!was_denied, "{transcript:#}"),
        Some("deny") => assert!(was_denied, "{transcript:#}"),
        Some(other) => panic!("{other}"),
        // Taken, and not acknowledged.
        None => assert!(before.answering || !was_denied, "{transcript:#}"),
    }
    if was_denied {
        assert_eq!((one.mail, one.taken), (Known::NotDone, 0), "the owner said no: {transcript:#}");
    }
    if before.hears == Hears::AStranger {
        is_a_strangers(&transcript["label"]);
    }
    assert_eq!(result("host.disk"), Known::Done, "{transcript:#}");
    match one.mail {
        Known::Done => assert_eq!(one.taken, 1, "it says that the mail was sent: {transcript:#}"),
        Known::NotDone => assert_eq!(one.taken, 0, "it says that the mail was not sent: {transcript:#}"),
        Known::Unknown => assert!(one.taken <= 1, "{transcript:#}"),
    }
    let written = std::fs::read_to_string(home.join(format!("workspace/{}.txt", before.text))).ok();
    let whole = Some(before.text.clone());
    match one.file {
        Known::Done => assert_eq!(written, whole, "{transcript:#}"),
        Known::NotDone => assert_eq!(written, None, "{transcript:#}"),
        Known::Unknown => assert!(written.is_none() || written == whole, "half a file: {written:?}"),
    }
    if let Some(label) = &before.label {
        assert!(
            is_as_high(&transcript["label"], label),
            "the label fell from {label} to {}",
            transcript["label"]
        );
    }
    let path = format!("/api/v1/audit?after=0&limit=1000&session={}", before.session);
    let page = client.get(&path).await;
    used_once(page["records"].as_array().unwrap(), one.mail);
    one
}

/// Whether a label says that a stranger's mail was read.
fn is_a_strangers(label: &Value) {
    let named = |source: &Value| source.to_string().contains(STRANGER);
    let sources = label["sources"].as_array().unwrap();
    assert!(label["integrity"] == "untrusted" && sources.iter().any(named), "whose words are these? {label}");
}

/// A session that read what another wrote is as that one was; what a kill left of a file counts as a stranger's.
pub fn file_is_labelled(transcript: &Value, text: &str, known: Known, wrote: Hears) {
    let items = transcript["items"].as_array().unwrap();
    let read = items.iter().any(|item| item["kind"] == "result" && item.to_string().contains(text));
    assert!(read, "{transcript:#}");
    let label = &transcript["label"];
    match (wrote, known) {
        (Hears::AStranger, Known::Done) => is_a_strangers(label),
        (Hears::AStranger, _) => assert_eq!(label["integrity"], "untrusted", "{transcript:#}"),
        (Hears::TheOwner, Known::Done) => assert_ne!(label["integrity"], "untrusted", "{transcript:#}"),
        (Hears::TheOwner, _) => {}
    }
}

/// What a result says about its effect.
pub fn known(result: &Value) -> Known {
    let text = result["text"].as_str().unwrap();
    if text.contains("it is not known whether it happened")
        || text.contains("It is not known whether it happened")
    {
        Known::Unknown
    } else if result["failed"] == true {
        Known::NotDone
    } else {
        Known::Done
    }
}

/// How often the server took the mail with this subject; none of its mails has the Message-ID of another.
pub fn taken(smtp: &Smtp, subject: &str) -> usize {
    let deliveries = smtp.deliveries();
    let mut ids: BTreeMap<String, usize> = BTreeMap::new();
    for delivery in &deliveries {
        let count = ids.entry(delivery.header("Message-ID").unwrap()).or_default();
        *count = count.wrapping_add(1);
    }
    assert!(ids.values().all(|count| *count == 1), "a mail was delivered twice: {ids:?}");
    deliveries.iter().filter(|delivery| delivery.header("Subject").as_deref() == Some(subject)).count()
}

/// The same or less trusted, the same or more confidential, with every source.
pub fn is_as_high(now: &Value, before: &Value) -> bool {
    let place = |label: &Value, key: &str, words: [&str; 3]| {
        words.iter().position(|word| label[key] == *word).unwrap()
    };
    let integrity = |label| place(label, "integrity", ["trusted", "attested", "untrusted"]);
    let tier = |label| place(label, "tier", ["low", "medium", "high"]);
    let sources = now["sources"].as_array().unwrap();
    integrity(now) >= integrity(before)
        && tier(now) >= tier(before)
        && before["sources"].as_array().unwrap().iter().all(|source| sources.contains(source))
}

/// One approval, one carrying out: whatever the log says about the mail's effect has one key, and it was done once at
/// the most.
pub fn used_once(records: &[Value], mail: Known) {
    let of = |kind: &'static str| {
        records
            .iter()
            .filter(move |record| record["kind"] == kind && record["name"] == "mail.send")
            .collect::<Vec<_>>()
    };
    let (intents, outcomes) = (of("intent"), of("outcome"));
    assert!(intents.windows(2).all(|pair| pair[0]["key"] == pair[1]["key"]), "{intents:#?}");
    let done = outcomes.iter().filter(|outcome| outcome["ending"] == "done").count();
    assert!(done <= 1, "{outcomes:#?}");
    if mail == Known::Done {
        assert_eq!(done, 1, "{outcomes:#?}");
    }
    // Every intent has one outcome, and one approval carried out one of them at the most.
    let closed = |outcome: &&&Value| outcome["intent"].as_u64().unwrap();
    let mut ended: Vec<u64> = outcomes.iter().map(|outcome| closed(&outcome)).collect();
    ended.sort_unstable();
    let mut meant: Vec<u64> = intents.iter().map(|intent| intent["seq"].as_u64().unwrap()).collect();
    meant.sort_unstable();
    assert_eq!(meant, ended, "{records:#?}");
    let never =
        |outcome: &&&Value| outcome["detail"].as_str().is_some_and(|why| why.contains("this was not begun"));
    let carried = outcomes.iter().filter(|outcome| !never(outcome)).count();
    assert!(carried <= 1, "one approval was used for {outcomes:#?}");
}
