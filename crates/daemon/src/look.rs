//! Looks into the audit log, for screens and the command line.

use crate::house::{FrontDoor, failed};
use crate::witness::{self, Seen};
use audit::{Against, Checkpoint, Go, KeySource, Kind, PublicKey, Record, Report, Seq};
use audit_query::{Filter, Found, Order};
use domain::Timestamp;
use gateway::{HouseError, wire};
use serde::Serialize;
use std::path::Path;

/// How many records a page has when nobody says.
const PAGE: u32 = 100;

impl FrontDoor {
    pub(crate) async fn look_into_log(&self, query: wire::AuditQuery) -> Result<wire::AuditPage, HouseError> {
        let filter = filter(&query)?;
        let limit = usize::try_from(query.limit.unwrap_or(PAGE)).unwrap_or(usize::MAX);
        let folder = self.log.folder().to_path_buf();
        let begun = std::time::Instant::now();
        let found = tokio::task::spawn_blocking(move || audit_query::query(&folder, &filter, limit)).await;
        let Found { mut records, more } =
            found.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?;
        self.state.meters.queried(begun.elapsed());
        records.sort_by_key(Record::seq);
        Ok(wire::AuditPage { records: records.iter().filter_map(shown).collect(), more })
    }
}

fn filter(query: &wire::AuditQuery) -> Result<Filter, HouseError> {
    let unknown =
        |what: &str, word: &str| HouseError::Invalid { why: format!("`{word}` is no {what} of records") };
    let kinds = match &query.kind {
        None => Vec::new(),
        Some(word) => vec![Kind::parse(word).ok_or_else(|| unknown("kind", word))?],
    };
    let session = match &query.session {
        None => None,
        Some(word) => Some(word.parse().map_err(|_malformed| unknown("session", word))?),
    };
    Ok(Filter {
        after: query.after.map(Seq),
        before: query.before.map(Seq),
        from: query.since.map(Timestamp),
        until: query.until.map(Timestamp),
        kinds,
        session,
        name: query.tool.clone(),
        // Without a place to start from, the newest are wanted.
        order: if query.after.is_some() { Order::OldestFirst } else { Order::NewestFirst },
        ..Filter::default()
    })
}

/// A record as screens see it; nothing for a line that is none.
#[must_use]
pub fn shown(record: &Record) -> Option<wire::AuditRecord> {
    let json: serde_json::Value = serde_json::from_str(record.json()).ok()?;
    let serde_json::Value::Object(mut fields) = json else { return None };
    for head in ["v", "seq", "time", "kind", "hash"] {
        fields.remove(head);
    }
    Some(wire::AuditRecord {
        seq: record.seq().0,
        time: record.time().0,
        kind: record.kind().as_str().to_string(),
        hash: record.hash().to_string(),
        fields,
    })
}

/// What a check of the log found, for people and programs.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LogReport {
    /// Whether nothing is wrong.
    pub intact: bool,
    /// How many records are good.
    pub records: u64,
    /// How many segments were read.
    pub segments: usize,
    /// How many good records stand after the last signature.
    pub unsigned: u64,
    /// The last good record.
    pub last: Option<u64>,
    /// How many records before the first were removed by retention, signed and on record.
    pub pruned: u64,
    /// When the last of them were, in milliseconds since 1970.
    pub pruned_at: Option<u64>,
    /// Indexes that said something else than the log, by path. They are believed no more than that, and a crash can
    /// leave one.
    pub indexes_made_anew: Vec<String>,
    /// The first thing that is wrong.
    pub fault: Option<String>,
}

impl LogReport {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.intact
    }

    /// The same in words.
    #[must_use]
    pub fn in_words(&self) -> String {
        match &self.fault {
            None => format!(
                "The log is intact: {} records in {} segment(s), the last {} not signed yet.{}{}",
                self.records,
                self.segments,
                self.unsigned,
                self.pruned_in_words(),
                self.indexes_in_words()
            ),
            Some(fault) => format!(
                "The log is NOT intact after {} good records: {fault}{}",
                self.records,
                self.indexes_in_words()
            ),
        }
    }
}

fn check_indexes(folder: &Path) -> Vec<String> {
    match audit_query::check_indexes(folder) {
        Ok(wrong) => wrong.iter().map(|path| path.display().to_string()).collect(),
        Err(error) => {
            tracing::warn!(%error, "the indexes of the audit log could not be checked");
            Vec::new()
        }
    }
}

impl LogReport {
    fn indexes_in_words(&self) -> String {
        let line = |path: &String| {
            format!("\nThe index {path} said something else than the log; it was made anew from the log.")
        };
        self.indexes_made_anew.iter().map(line).collect()
    }

    fn pruned_in_words(&self) -> String {
        let Some(when) = self.pruned_at else { return String::new() };
        let moment = i64::try_from(when).ok().and_then(|when| jiff::Timestamp::from_millisecond(when).ok());
        let moment =
            moment.map_or_else(|| when.to_string(), |moment| moment.strftime("%F %R UTC").to_string());
        format!(
            "\nRecords 1 to {} were removed by the retention of `hardshell.toml`, the last of them at {moment}: that is signed and on record.",
            self.pruned
        )
    }
}

/// Whether a signature of the log of the home at `root` was remembered: there must be a log then.
#[must_use]
pub fn log_was_seen(root: &Path) -> bool {
    !matches!(witness::seen(root), Ok(Seen::Nothing))
}

/// Checks the log of the home at `root`, with the key that is there, and against the signature that the home remembers
/// and checkpoints kept in another place.
///
/// # Errors
///
/// [`audit::Error`] when the files cannot be read or are not safe.
pub fn verify_log(root: &Path, elsewhere: &[Checkpoint]) -> Result<LogReport, audit::Error> {
    let folder = root.join("audit");
    let seen = witness::seen(root)?;
    if let Seen::Signed(signed) = &seen
        && !folder.exists()
    {
        return Ok(LogReport { fault: Some(witness::gone(signed)), ..LogReport::default() });
    }
    let key = PublicKey::of(&KeySource::File(root.join(crate::up::AUDIT_KEY)))?;
    let mut known = elsewhere.to_vec();
    let mut changed = None;
    match seen {
        Seen::Nothing => {}
        Seen::Signed(signed) => known.push(signed),
        Seen::Changed => changed = Some(witness::CHANGED.to_string()),
    }
    let against = Against { elsewhere: &known, since: None };
    let report: Report = audit::verify(&folder, key, against, &mut |_| Go::On)?;
    let fault = report.fault.map(|fault| fault.to_string()).or(changed);
    Ok(LogReport {
        intact: fault.is_none(),
        records: report.records,
        segments: report.segments,
        unsigned: report.unsigned,
        last: report.last.map(|seq| seq.0),
        pruned: report.pruned.map_or(0, |seq| seq.0),
        pruned_at: report.pruned_at.map(|time| time.0),
        indexes_made_anew: check_indexes(&folder),
        fault,
    })
}

/// The last signature in the log of the home at `root`, after a check of the whole; none in a log that has none yet.
///
/// # Errors
///
/// As [`verify_log`].
pub fn last_checkpoint(root: &Path) -> Result<Option<Checkpoint>, audit::Error> {
    let key = PublicKey::of(&KeySource::File(root.join(crate::up::AUDIT_KEY)))?;
    let report = audit::verify(&root.join("audit"), key, Against::default(), &mut |_| Go::On)?;
    Ok(report.checkpoint.filter(|_| report.fault.is_none()))
}
