//! Checks a log from its first record to its last and names the first that is not as it was written.

mod fault;
mod read;
mod walk;

pub use fault::{Fault, Wrong};

use crate::chain::{Checkpoint, Void};
use crate::folder::Folder;
use crate::heads::Heads;
use crate::{Error, PublicKey, Seq};
use domain::Timestamp;
use read::Ahead;
use std::path::Path;
use walk::Walk;

/// How far a check has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Segments that are done.
    pub segments_done: usize,
    /// Segments there are.
    pub segments: usize,
    /// Records that are done.
    pub records: u64,
    /// Bytes that are done, unpacked.
    pub bytes: u64,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The log's name.
    pub log: Option<String>,
    /// How many segments were read.
    pub segments: usize,
    /// How many records are good.
    pub records: u64,
    /// How many bytes were read, unpacked.
    pub bytes: u64,
    /// The first record that is there.
    pub first: Option<Seq>,
    /// The last good record.
    pub last: Option<Seq>,
    /// The last signature: it vouches for every record up to its `seq`.
    pub checkpoint: Option<Checkpoint>,
    /// How many good records stand after it. Whoever can write the files could have written these.
    pub unsigned: u64,
    /// Records up to this one were removed by retention, which is on record.
    pub pruned: Option<Seq>,
    /// When that was put on record.
    pub pruned_at: Option<Timestamp>,
    /// Ends of segments that a crash or a failing disk left behind, and that are closed on record.
    pub closed: Vec<Void>,
    /// The end of the last segment, when a write was cut short and Hardshell has not been started since.
    pub open_tear: Option<Void>,
    /// The first thing that is wrong. Nothing after it was checked.
    pub fault: Option<Fault>,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.fault.is_none()
    }
}

/// What a check starts from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Against<'a> {
    /// Checkpoints that were kept in another place: they show whether the log was cut or replaced.
    pub elsewhere: &'a [Checkpoint],
    /// A checkpoint that was checked before and kept where nobody could change it: what comes before its segment is
    /// not read again.
    pub since: Option<&'a Checkpoint>,
}

/// Checks the log in `folder` with the public half of its key. `on_progress` is told after each segment; when it
/// answers [`Go::Stop`] the report says how far it came. Holds five segments of
/// 16 MiB at most, and can run while the log is written.
///
/// # Errors
///
/// [`Error::Exposed`], [`Error::Foreign`], [`Error::WrongType`] for files that are not safe; [`Error::Io`]. A log that
/// is not as it was written is no error, but a fault in the report.
pub fn verify(
    folder: &Path,
    key: PublicKey,
    against: Against<'_>,
    on_progress: &mut dyn FnMut(Progress) -> Go,
) -> Result<Report, Error> {
    let log = Folder::at(folder)?;
    let segments = log.segments()?;
    let heads = Heads::read(&segments)?;
    let from = against.since.map_or(0, |since| heads.segment_of(since.seq, &segments));
    let last = heads.newest(&segments).saturating_sub(from);
    let mut walk = Walk::new(key, against, heads);
    let files = segments.get(from..).unwrap_or_default();
    std::thread::scope(|scope| {
        let ahead = Ahead::start(scope, files);
        for (done, file) in files.iter().enumerate() {
            let Some(read) = ahead.next(done) else { break };
            if let Err(fault) = walk.segment(file, &read?, done >= last) {
                walk.report.fault = Some(fault);
                break;
            }
            let (records, bytes) = (walk.report.records, walk.report.bytes);
            let progress =
                Progress { segments_done: done.saturating_add(1), segments: files.len(), records, bytes };
            if on_progress(progress) == Go::Stop {
                return Ok(walk.report);
            }
        }
        if walk.report.fault.is_none() {
            walk.report.fault = walk.second_file(&log, files)?;
        }
        Ok(walk.finish(folder))
    })
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Go {
    /// Go on.
    On,
    /// Stop here.
    Stop,
}
