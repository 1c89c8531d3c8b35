//! What must hold once whatever failed is well again.

use crate::client::Client;
use crate::crash_check::{Known, is_as_high, known, taken, used_once};
use crate::place::{PATIENCE, Place};
use serde_json::{Value, json};
use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};
use testkit::smtp::Smtp;

/// What was known of a message while something failed.
#[derive(Clone, Debug, Default)]
pub struct Sent {
    pub text: String,
    pub session: Option<String>,
    /// The acknowledgement, if one came.
    pub accepted: Option<Value>,
    /// What was said instead.
    pub refused: Option<String>,
    /// The last label that was seen.
    pub label: Option<Value>,
    /// Whether its task was seen to be over.
    pub over: bool,
    /// Why it ended, when it did not end well.
    pub ended: Option<String>,
}

/// What came of runs. Lost and repeated are 0 by the checks: each of them ends the test.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub runs: usize,
    pub starts_refused: usize,
    pub out_of_memory: usize,
    pub acknowledged: usize,
    pub refused: usize,
    pub mails: usize,
    pub unknown: usize,
    pub gave_up: usize,
}

impl Tally {
    pub fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.starts_refused += other.starts_refused;
        self.out_of_memory += other.out_of_memory;
        self.acknowledged += other.acknowledged;
        self.refused += other.refused;
        self.mails += other.mails;
        self.unknown += other.unknown;
        self.gave_up += other.gave_up;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} faults: {} messages acknowledged, lost 0; {} refused; {} mails taken, repeated 0, unknown {}; \
             {} tasks given up; {} starts refused; {} ended for want of memory",
            self.runs,
            self.acknowledged,
            self.refused,
            self.mails,
            self.unknown,
            self.gave_up,
            self.starts_refused,
            self.out_of_memory
        )
    }
}

/// Holds what the program says of every message against what was acknowledged, the mail server, the disk and the log.
pub async fn all_is_well(
    place: &Place,
    client: &Client,
    home: &Path,
    sent: &[Sent],
    smtp: &Smtp,
    tally: &mut Tally,
) {
    for sent in sent {
        let Some(session) = &sent.session else {
            tally.refused += 1;
            continue;
        };
        let again = send_again(client, session, &sent.text).await;
        match (&sent.accepted, again) {
            (None, None) => {
                // Neither its session nor the message was kept, and nobody was told that it was.
                tally.refused += 1;
                assert_eq!(taken(smtp, &sent.text), 0, "{sent:?}");
                continue;
            }
            (None, Some(_)) => tally.refused += 1,
            (Some(first), Some(again)) => {
                tally.acknowledged += 1;
                assert_eq!(again["accepted"], false, "an acknowledged message was lost: {sent:?}: {again}");
                assert_eq!(again["task"], first["task"], "{sent:?}");
            }
            (Some(_), None) => panic!("the session of an acknowledged message was lost: {sent:?}"),
        }
        one_is_well(client, home, session, sent, smtp, tally).await;
    }
    let verified = place.run(home, &["audit", "verify"]).await;
    assert_eq!(verified.code, Some(0), "{verified:?}");
}

async fn send_again(client: &Client, session: &str, text: &str) -> Option<Value> {
    let path = format!("/api/v1/sessions/{session}/messages");
    let (status, body) = client.ask("POST", &path, Some(json!({"id": text, "text": text}))).await.unwrap();
    match status {
        202 => Some(body),
        404 => None,
        _ => panic!("{status}: {body}"),
    }
}

async fn one_is_well(
    client: &Client,
    home: &Path,
    session: &str,
    sent: &Sent,
    smtp: &Smtp,
    tally: &mut Tally,
) {
    let transcript = over(client, session).await;
    let items = transcript["items"].as_array().unwrap();
    let of = |kind: &'static str| items.iter().filter(move |item| item["kind"] == kind).collect::<Vec<_>>();
    assert_eq!(of("said").len(), 1, "{sent:?}: {transcript:#}");
    assert_eq!(of("said")[0]["text"], sent.text.as_str());
    assert_eq!(of("replied").len() + of("ended").len(), 1, "{sent:?}: {transcript:#}");
    tally.gave_up += of("ended").len();
    let result = |tool: &str| {
        let results: Vec<_> = of("result").into_iter().filter(|item| item["tool"] == tool).collect();
        assert!(results.len() <= 1, "{tool}: {transcript:#}");
        results.first().map(|result| known(result))
    };
    let (mail, file, times) = (result("mail.send"), result("files.write"), taken(smtp, &sent.text));
    tally.mails += times;
    match mail {
        Some(Known::Done) => assert_eq!(times, 1, "it says that the mail was sent: {transcript:#}"),
        Some(Known::NotDone) | None => {
            assert_eq!(times, 0, "it does not say that the mail may have been sent: {transcript:#}");
        }
        Some(Known::Unknown) => {
            tally.unknown += 1;
            assert!(times <= 1, "{transcript:#}");
            // Nor was it said before the restart that nothing had happened.
            if let Some(why) = &sent.ended {
                assert!(why.contains("before you ask for it again"), "{why}");
            }
        }
    }
    let written = std::fs::read_to_string(home.join(format!("workspace/{}.txt", sent.text))).ok();
    let whole = Some(sent.text.clone());
    match file {
        Some(Known::Done) => assert_eq!(written, whole, "{transcript:#}"),
        Some(Known::NotDone) | None => assert_eq!(written, None, "{transcript:#}"),
        Some(Known::Unknown) => assert!(written.is_none() || written == whole, "half a file: {written:?}"),
    }
    if let Some(label) = &sent.label {
        assert!(is_as_high(&transcript["label"], label), "the label fell from {label}: {transcript:#}");
    }
    let path = format!("/api/v1/audit?after=0&limit=1000&session={session}");
    let page = client.get(&path).await;
    let records = page["records"].as_array().unwrap();
    used_once(records, mail.unwrap_or(Known::NotDone));
    let intents =
        records.iter().filter(|record| record["kind"] == "intent" && record["name"] == "mail.send").count();
    assert!(times <= intents, "a mail went out that is not on record: {records:#?}");
}

/// The transcript, once its task is over; what it asks is approved.
async fn over(client: &Client, session: &str) -> Value {
    let begun = Instant::now();
    loop {
        let transcript = client.get(&format!("/api/v1/sessions/{session}")).await;
        let items = transcript["items"].as_array().unwrap();
        if items.iter().any(|item| item["kind"] == "replied" || item["kind"] == "ended") {
            return transcript;
        }
        assert!(begun.elapsed() < PATIENCE, "the task never ended: {transcript:#}");
        for question in client.get("/api/v1/approvals").await["questions"].as_array().unwrap() {
            if question["session"] == session {
                let path = format!("/api/v1/approvals/{}", question["id"].as_str().unwrap());
                client.ask("POST", &path, Some(json!({"answer": "approve"}))).await.unwrap();
            }
        }
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
}
