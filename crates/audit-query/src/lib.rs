//! Finds records: by time, session, tool, effect, decision, rule, principal, source, target and label.
//!
//! Closed segments have an index that says which records have which terms. The index only narrows the search: every
//! record that is returned was read from the log and matched again. What hides nothing must be whole, too: an index is
//! vouched for with a key that is made of the log's, and names the first and the last record that it was made from. One
//! that is missing, old, damaged or edited is made anew from the log, and who has no key reads the log itself.
//!
//! This crate decides nothing, and never writes to the log: what may be done never depends on what it finds.
#![forbid(unsafe_code)]

mod index;
mod parts;
mod postings;
mod search;
mod terms;

use audit::{Error, Go, IndexKey, Kind, Record, Seq};
use domain::{Channel, Effect, Integrity, SessionId, TaskId, Tier, Timestamp, Verdict};
use std::path::{Path, PathBuf};

/// The most records that one call of [`query`] returns; ask again from where it ended.
pub const RECORDS_MAX: usize = 10_000;

/// Which records. A field that is empty does not narrow; all others must match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only records behind this one.
    pub after: Option<Seq>,
    /// Only records before this one.
    pub before: Option<Seq>,
    /// Only records of this time or later.
    pub from: Option<Timestamp>,
    /// Only records before this time.
    pub until: Option<Timestamp>,
    /// Only records of one of these kinds.
    pub kinds: Vec<Kind>,
    /// Only of this session.
    pub session: Option<SessionId>,
    /// Only of this task.
    pub task: Option<TaskId>,
    /// Only of the action or control of this name: `shell.run`.
    pub name: Option<String>,
    /// Only of this effect.
    pub effect: Option<Effect>,
    /// Only where a rule, or the whole, came out like this.
    pub verdict: Option<Verdict>,
    /// Only where this rule decided.
    pub rule: Option<String>,
    /// Only on behalf of this principal: `owner`, `member:anna`.
    pub principal: Option<String>,
    /// Only on this channel.
    pub channel: Option<Channel>,
    /// Only with this source in the label: `mail:x@example.org`, or a whole kind: `mail:*`.
    pub source: Option<String>,
    /// Only what reaches this: `path:/etc/hosts`, `host:example.org`, `program:df`, `to:anna@example.org`.
    pub target: Option<String>,
    /// Only of this integrity.
    pub integrity: Option<Integrity>,
    /// Only of this tier.
    pub tier: Option<Tier>,
    /// Only records whose line holds this text, as JSON writes it. Not indexed: reads every record that is left.
    pub text: Option<String>,
    /// Which end to begin at.
    pub order: Order,
}

/// Which end a search begins at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The newest record first.
    #[default]
    NewestFirst,
    /// The oldest record first.
    OldestFirst,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The records, in the order asked for.
    pub records: Vec<Record>,
    /// Whether there are more: ask again with `before` or `after` the last of them.
    pub more: bool,
}

/// The first `limit` records that match, at most [`RECORDS_MAX`].
///
/// # Errors
///
/// [`Error::Exposed`], [`Error::Foreign`], [`Error::WrongType`] for files that are not safe; [`Error::Io`].
pub fn query(folder: &Path, filter: &Filter, limit: usize) -> Result<Found, Error> {
    let limit = limit.min(RECORDS_MAX);
    let mut found = Found::default();
    visit(folder, filter, &mut |record| {
        if found.records.len() == limit {
            found.more = true;
            return Go::Stop;
        }
        found.records.push(record);
        Go::On
    })?;
    Ok(found)
}

/// Makes the indexes that closed segments lack, so that the first search need not.
///
/// # Errors
///
/// As [`query`].
pub fn index_closed(folder: &Path) -> Result<(), Error> {
    let Some(key) = key_of(folder) else { return Ok(()) };
    for segment in audit::segments(folder)? {
        index::Index::of(&segment, &key)?;
    }
    Ok(())
}

/// The key that indexes of the log in `folder` are vouched for with; nothing for whoever may not have it.
fn key_of(folder: &Path) -> Option<IndexKey> {
    IndexKey::of(&audit::KeySource::File(folder.with_file_name(audit::KEY_FILE))).ok()
}

/// Checks every index against the log, and makes those anew that say something else, which are returned. A crash can
/// leave one; whoever edits one hides nothing by it.
///
/// # Errors
///
/// As [`query`].
pub fn check_indexes(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut wrong = Vec::new();
    let Some(key) = key_of(folder) else { return Ok(wrong) };
    for segment in audit::segments(folder)?.iter().filter(|segment| segment.is_closed()) {
        if index::Index::is_wrong(segment, &key)? {
            wrong.push(segment.index_path().to_path_buf());
        }
    }
    Ok(wrong)
}

/// Shows every record that matches to `look`, in order, until it says stop. Lines that are no records are passed over:
/// [`audit::verify`] is what finds them.
///
/// # Errors
///
/// As [`query`].
pub fn visit(folder: &Path, filter: &Filter, look: &mut dyn FnMut(Record) -> Go) -> Result<(), Error> {
    let mut segments = audit::segments(folder)?;
    if filter.order == Order::NewestFirst {
        segments.reverse();
    }
    let wanted = terms::Wanted::of(filter);
    let key = key_of(folder);
    for segment in segments {
        let index = key.as_ref().map(|key| index::Index::of(&segment, key)).transpose()?.flatten();
        let go = match index {
            Some(index) => search::indexed(&segment, &index, filter, &wanted, look)?,
            None => search::scan(&segment, filter, &wanted, look)?,
        };
        if go == Go::Stop {
            break;
        }
    }
    Ok(())
}
