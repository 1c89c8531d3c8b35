//! How it goes with each receiver, for whoever asks.

use crate::cursor::Cursor;
use crate::message::News;
use crate::{FOLDER, Receiver};
use audit::Seq;
use audit_query::{Filter, Order};
use serde::Serialize;
use std::path::Path;

/// How many records are looked at to tell how far a receiver is behind; beyond, their numbers are subtracted.
const LOOKED_AT_MAX: usize = 10_000;

/// How it goes with one receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReceiverState {
    /// What it is called.
    pub name: String,
    /// Its kind: `syslog`, `file`, …
    pub kind: &'static str,
    /// Where it leads.
    pub to: String,
    /// The last record that it has, or that was skipped on record.
    pub seq: u64,
    /// How many records it still has to be sent.
    pub behind: u64,
    /// How often a record was taken; one that came again after a break counts again.
    pub sent: u64,
    /// How often a batch was not taken.
    pub failed: u64,
    /// How many records were skipped.
    pub skipped: u64,
    /// When a batch was last taken, in milliseconds.
    pub last_sent: Option<u64>,
    /// Since when nothing is taken, in milliseconds.
    pub down_since: Option<u64>,
    /// Why the last batch was not taken.
    pub last_error: Option<String>,
    /// Why nothing can be told, when its cursor cannot be read.
    pub unknown: Option<String>,
}

impl ReceiverState {
    pub(crate) fn of(receiver: &Receiver, cursor: &Cursor, behind: u64) -> Self {
        Self {
            name: receiver.name.to_string(),
            kind: receiver.to.kind(),
            to: receiver.to.to_string(),
            seq: cursor.seq,
            behind,
            sent: cursor.sent,
            failed: cursor.failed,
            skipped: cursor.skipped,
            last_sent: cursor.last_sent,
            down_since: cursor.down_since,
            last_error: cursor.last_error.clone(),
            unknown: None,
        }
    }
}

/// How it goes with the receivers of the home at `home`, from what is on disk: whether or not it runs.
///
/// # Errors
///
/// [`audit::Error`] when the log cannot be read.
pub fn states(home: &Path, receivers: &[Receiver]) -> Result<Vec<ReceiverState>, audit::Error> {
    let log = home.join("audit");
    let mut all = Vec::new();
    for receiver in receivers {
        let path = home.join(FOLDER).join(format!("{}.json", receiver.name));
        let (cursor, unknown) = match Cursor::load(&path) {
            Ok(cursor) => (cursor.unwrap_or_default(), None),
            Err(error) => (Cursor::default(), Some(crate::error::chain(&error))),
        };
        let state = ReceiverState::of(receiver, &cursor, news_behind(&log, cursor.seq)?);
        all.push(ReceiverState { unknown, ..state });
    }
    Ok(all)
}

/// How many records behind `after` are worth sending by themselves.
fn news_behind(log: &Path, after: u64) -> Result<u64, audit::Error> {
    let filter = Filter { after: Some(Seq(after)), order: Order::OldestFirst, ..Filter::default() };
    let found = audit_query::query(log, &filter, LOOKED_AT_MAX)?;
    if found.more {
        let newest = audit_query::query(log, &Filter::default(), 1)?;
        let end = newest.records.first().map_or(after, |record| record.seq().0);
        return Ok(end.saturating_sub(after));
    }
    let mut news = News::default();
    let count = found.records.iter().filter(|record| news.is(record)).count();
    Ok(u64::try_from(count).unwrap_or(u64::MAX))
}
