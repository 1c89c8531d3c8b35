//! Closed segments: packed, and removed when they are older or more than the owner wants to keep.

use crate::chain::{Own, PrunedTo};
use crate::folder::{Folder, SegmentFile, sync_folder};
use crate::line::Head;
use crate::read::index_path;
use crate::{Error, Kind, Seq, pack, segment};
use domain::Timestamp;
use std::io::ErrorKind;
use std::time::Duration;

/// How much of the log is kept. What is removed is removed by whole segments, oldest first, and is on record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Segments whose every record is older than this are removed.
    pub age: Option<Duration>,
    /// The oldest segments are removed until the rest takes no more than this on disk, in bytes.
    pub bytes: Option<u64>,
}

/// What was tidied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tidied {
    /// How many segments were packed.
    pub packed: u64,
    /// How many segments were removed.
    pub removed: u64,
    /// The last record that was removed.
    pub pruned: Option<Seq>,
}

/// Packs every closed segment.
pub(crate) fn pack_closed(folder: &Folder) -> Result<u64, Error> {
    let mut packed = 0_u64;
    for file in closed(folder)? {
        pack::pack(folder, &file)?;
        packed = packed.saturating_add(u64::from(!file.path.exists()));
    }
    Ok(packed)
}

/// Every segment but the newest, which may still be written.
fn closed(folder: &Folder) -> Result<Vec<SegmentFile>, Error> {
    let mut segments = folder.segments()?;
    segments.pop();
    Ok(segments)
}

/// The segments that `retention` removes, as the record that says so; nothing when there are none.
pub(crate) fn to_prune(
    folder: &Folder,
    retention: Retention,
    now: Timestamp,
) -> Result<Option<PrunedTo>, Error> {
    let segments = folder.segments()?;
    let length = |file: &SegmentFile| std::fs::metadata(&file.path).map_or(0, |found| found.len());
    let mut total = segments.iter().map(length).fold(0_u64, u64::saturating_add);
    let mut last = None;
    for pair in segments.windows(2) {
        let [file, next] = pair else { break };
        let Some(head) = first_head(next)? else { break };
        let too_old = retention.age.is_some_and(|age| now.since(head.time) > age);
        let too_much = retention.bytes.is_some_and(|bytes| total > bytes);
        if !too_old && !too_much {
            break;
        }
        total = total.saturating_sub(length(file));
        last = Some((file.number, head));
    }
    let (Some(first), Some((last_segment, head))) = (segments.first(), last) else { return Ok(None) };
    Ok(Some(PrunedTo {
        first_segment: first.number,
        last_segment,
        last_seq: head.seq.0.saturating_sub(1),
        last_hash: head.prev.to_string(),
        last_time: head.time.0,
        signature: String::new(),
    }))
}

/// Removes what a durable record says is removed, oldest first, so that a crash leaves a gap nowhere.
pub(crate) fn remove(folder: &Folder, pruned: &PrunedTo) -> Result<u64, Error> {
    let mut removed = 0_u64;
    for file in folder.segments()?.into_iter().filter(|file| file.number <= pruned.last_segment) {
        let twin = folder.twin(&file).map(|twin| twin.path);
        for path in twin.into_iter().chain([index_path(&folder.path, file.number), file.path]) {
            match std::fs::remove_file(&path) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(Error::io("remove", &path, error)),
            }
        }
        sync_folder(&folder.path)?;
        removed = removed.saturating_add(1);
    }
    Ok(removed)
}

fn first_head(file: &SegmentFile) -> Result<Option<Head>, Error> {
    let line = segment::first_line(file)?;
    let head = Head::read(&line).ok().filter(|head| head.kind == Kind::Segment);
    Ok(head.filter(|_| matches!(Own::read(&line), Ok(Own::Segment(_)))))
}
