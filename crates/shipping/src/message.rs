//! What a receiver is sent: a record, or the word that some are missing.

use crate::cursor::Gap;
use audit::{Entry, Event, Kind, LockdownAct, ProofState, Record, SecretAct, SignInAct};
use domain::{Principal, Timestamp};
use egress::Redactor;

/// One thing that a receiver is sent.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// The record's place; the last that is missing.
    pub(crate) seq: u64,
    pub(crate) time: Timestamp,
    /// The record's kind; `gap`.
    pub(crate) kind: &'static str,
    pub(crate) weight: Weight,
    /// The record's digest; none of a gap.
    pub(crate) hash: Option<String>,
    /// The line as it stands in the log, without any secret that the vault knows by now.
    pub(crate) line: String,
    /// What the record is about; none of a gap, and of a record whose fields cannot be read.
    pub(crate) subject: Option<Box<audit::Entry>>,
}

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    Ordinary,
    Notable,
    Warning,
    Error,
    Alarm,
}

impl Message {
    pub(crate) fn of(record: &Record, redactor: &Redactor) -> Self {
        let entry = record.entry().ok().flatten();
        Self {
            seq: record.seq().0,
            time: record.time(),
            kind: record.kind().as_str(),
            weight: entry.as_ref().map_or(Weight::Ordinary, |entry| weight(&entry.event)),
            hash: Some(record.hash().to_string()),
            line: redactor.redact(record.json()).into_owned(),
            subject: entry.map(Box::new),
        }
    }

    pub(crate) fn gap(gap: &Gap, log: &str, now: Timestamp) -> Self {
        let line = serde_json::json!({
            "v": 1, "kind": "gap", "log": log, "from": gap.from, "to": gap.to, "why": gap.why,
        });
        Self {
            seq: gap.to,
            time: now,
            kind: "gap",
            weight: Weight::Error,
            hash: None,
            line: line.to_string(),
            subject: None,
        }
    }
}

fn weight(event: &Event) -> Weight {
    match event {
        Event::Lockdown { act: LockdownAct::On, .. } | Event::Secret { act: SecretAct::Seen, .. } => {
            Weight::Alarm
        }
        Event::Proof { state: ProofState::Failed, .. } => Weight::Error,
        Event::Refusal { .. }
        | Event::Lockdown { .. }
        | Event::Secret { act: SecretAct::Refused, .. }
        | Event::Proof { state: ProofState::Off, .. }
        | Event::SignIn { act: SignInAct::Failed | SignInAct::LockedOut, .. } => Weight::Warning,
        Event::Question { .. } | Event::Answer { .. } | Event::Config { .. } | Event::Policy { .. } => {
            Weight::Notable
        }
        Event::Connection { verdict, .. } if *verdict != domain::Verdict::Allow => Weight::Warning,
        Event::Intent { .. }
        | Event::Outcome { .. }
        | Event::Inbound { .. }
        | Event::SignIn { .. }
        | Event::Secret { .. }
        | Event::Proof { .. }
        | Event::Backup { .. }
        | Event::Connection { .. } => Weight::Ordinary,
    }
}

/// Says of each record whether it is news. What shipping itself causes is none: were it sent at once, each such record
/// would cause the next, for ever. They go along with the next record that is.
#[derive(Debug, Default)]
pub(crate) struct News {
    since_signature: bool,
}

/// What connections of this crate are for, before the receiver's name.
pub(crate) const WHO: &str = "shipping ";
/// What is on record of a receiver, before its name.
pub(crate) const CONTROL: &str = "shipping.";

impl News {
    pub(crate) fn is(&mut self, record: &Record) -> bool {
        if record.kind() == Kind::Checkpoint {
            return std::mem::take(&mut self.since_signature);
        }
        let is_own = is_own(record);
        self.since_signature |= !is_own;
        !is_own
    }
}

/// Whether sending the log on wrote `record`: its connections, the secrets that went along with them, and how it goes
/// with a receiver.
pub(crate) fn is_own(record: &Record) -> bool {
    if !matches!(record.kind(), Kind::Connection | Kind::Secret | Kind::Proof) {
        return false;
    }
    let Ok(Some(Entry { subject, event })) = record.entry() else { return false };
    match event {
        Event::Connection { by, .. } => by.starts_with(WHO),
        // Nothing else that the house does by itself, outside of every task, is lent a secret.
        Event::Secret { act: SecretAct::Lent, .. } => {
            subject.task.is_none() && subject.principal == Some(Principal::house())
        }
        Event::Proof { name, .. } => name.starts_with(CONTROL),
        Event::Intent { .. }
        | Event::Outcome { .. }
        | Event::Refusal { .. }
        | Event::Question { .. }
        | Event::Answer { .. }
        | Event::Inbound { .. }
        | Event::SignIn { .. }
        | Event::Config { .. }
        | Event::Policy { .. }
        | Event::Secret { .. }
        | Event::Lockdown { .. }
        | Event::Backup { .. } => false,
    }
}
