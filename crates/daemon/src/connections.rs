//! Every connection outwards, into the audit log.

use audit::{Entry, Event, Log, Subject};
use domain::{RuleHit, Verdict};
use egress::{Observer, Record, Stage};
use std::sync::Arc;
use tokio::sync::mpsc;

/// How many records may wait for the log. Beyond it they are counted and the count is logged.
const WAITING_MAX: usize = 4_096;

/// Writes what egress reports into the audit log.
pub struct Connections {
    queue: mpsc::Sender<Record>,
}

impl Connections {
    /// Into `log`, at the time of `clock`. Must be made within a runtime.
    #[must_use]
    pub fn into(log: Arc<Log>, clock: gateway::Clock) -> Self {
        let (queue, mut waiting) = mpsc::channel::<Record>(WAITING_MAX);
        tokio::spawn(async move {
            while let Some(record) = waiting.recv().await {
                let Some(entry) = entry(&record) else { continue };
                if let Err(error) = log.note(entry, clock()).await {
                    tracing::error!(%error, host = record.destination, "could not record a connection");
                }
            }
        });
        Self { queue }
    }
}

impl Observer for Connections {
    fn observe(&self, record: &Record) {
        if self.queue.try_send(record.clone()).is_err() {
            tracing::error!(
                host = record.destination,
                "too many connections to record; this one is only in this line"
            );
        }
    }
}

/// A connection is recorded when it is refused and when it is over.
fn entry(record: &Record) -> Option<Entry> {
    let (verdict, rules) = match &record.stage {
        Stage::Refused { rule, why } => {
            let hit = RuleHit { verdict: Verdict::Deny, id: (*rule).to_string(), why: why.clone() };
            (Verdict::Deny, vec![hit])
        }
        Stage::Closed { .. } | Stage::Failed { .. } => (Verdict::Allow, Vec::new()),
        Stage::Connecting | Stage::Misplaced { .. } => return None,
    };
    let request =
        record.method.as_ref().map(|method| format!("{method} {}", record.path.as_deref().unwrap_or("/")));
    let event = Event::Connection {
        host: record.destination.clone(),
        port: record.port,
        address: record.address,
        verdict,
        rules,
        request,
        bytes_out: record.sent_bytes,
        bytes_in: record.received_bytes,
    };
    Some(Entry { subject: Subject::default(), event })
}
