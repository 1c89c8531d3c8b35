//! Where a receiver had come, when the program starts again.

use crate::cursor::Cursor;
use audit::{Kind, Record, Seq};
use audit_query::{Filter, Order};
use std::path::Path;

/// Where a receiver had come in the log in `folder`, and what is to be said about it. Blocks.
pub(super) fn resume(folder: &Path, path: &Path) -> Result<(Cursor, Option<String>), audit::Error> {
    let log = log_name(folder)?;
    let mut cursor = match Cursor::load(path) {
        Ok(Some(cursor)) => cursor,
        Ok(None) => return Ok((Cursor::at_start_of(&log), None)),
        Err(error) => {
            let said = format!("{}; the log is sent from its start", crate::error::chain(&error));
            return Ok((Cursor::at_start_of(&log), Some(said)));
        }
    };
    if cursor.log == log && cursor.seq == 0 {
        return Ok((cursor, None));
    }
    let mut at = 0;
    if cursor.log == log {
        let first = record_behind(folder, 0)?.map_or(0, |record| record.seq().0);
        for mark in cursor.marks.iter().rev() {
            if mark.seq.saturating_add(1) == first
                && record_behind(folder, mark.seq)?.is_some_and(|next| mark.is_of(next.prev()))
                || record_behind(folder, mark.seq.saturating_sub(1))?
                    .is_some_and(|record| record.seq().0 == mark.seq && mark.is_of(record.hash()))
            {
                at = mark.seq;
                break;
            }
        }
        let newest = cursor.marks.last().map_or(0, |mark| mark.seq);
        // What was skipped behind the newest mark stays skipped; what was pruned is found missing by the feed.
        if at == newest || (newest.saturating_add(1) < first && at == 0) {
            return Ok((cursor, None));
        }
    }
    let before = cursor.seq;
    cursor.go_back(&log, at);
    let said = format!(
        "the log is not the one that was sent up to record {before}: it was put back or is another. It is sent again behind record {at}"
    );
    Ok((cursor, Some(said)))
}

fn record_behind(folder: &Path, after: u64) -> Result<Option<Record>, audit::Error> {
    let filter = Filter { after: Some(Seq(after)), order: Order::OldestFirst, ..Filter::default() };
    Ok(audit_query::query(folder, &filter, 1)?.records.into_iter().next())
}

/// The name of the log, which the first record of each of its segments has.
fn log_name(folder: &Path) -> Result<String, audit::Error> {
    let filter = Filter { kinds: vec![Kind::Segment], ..Filter::default() };
    let header = audit_query::query(folder, &filter, 1)?.records.into_iter().next();
    let fields = header.and_then(|record| serde_json::from_str::<serde_json::Value>(record.json()).ok());
    let name = fields.as_ref().and_then(|fields| fields.get("log")).and_then(serde_json::Value::as_str);
    Ok(name.unwrap_or_default().to_string())
}
