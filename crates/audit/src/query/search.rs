//! Looks for records in one segment, with its index or without.

use super::postings::{both, either};
use super::terms::{Terms, Wanted};
use super::{Filter, Index, Order};
use crate::folder::{Folder, SegmentFile};
use crate::pack::Reader;
use crate::verify::Go;
use crate::{Error, Record, segment};

/// Reads every record of a segment.
pub(super) fn scan(
    file: &SegmentFile,
    filter: &Filter,
    wanted: &Wanted,
    look: &mut dyn FnMut(Record) -> Go,
) -> Result<Go, Error> {
    let bytes = segment::read(file)?;
    let lines: Vec<&[u8]> = segment::lines(&bytes).map(|(_, line, _)| line).collect();
    let mut show = |line: &[u8]| show(line, filter, wanted, look);
    let stopped = match filter.order {
        Order::NewestFirst => lines.iter().rev().any(|line| show(line) == Go::Stop),
        Order::OldestFirst => lines.iter().any(|line| show(line) == Go::Stop),
    };
    Ok(if stopped { Go::Stop } else { Go::On })
}

/// Reads the records of a closed segment that its index names.
pub(super) fn indexed(
    folder: &Folder,
    file: &SegmentFile,
    filter: &Filter,
    wanted: &Wanted,
    look: &mut dyn FnMut(Record) -> Go,
) -> Result<Go, Error> {
    let index = Index::of(&folder.path, file)?;
    if !may_hold(&index, filter) {
        return Ok(Go::On);
    }
    let Some(mut places) = candidates(&index, wanted) else {
        tracing::warn!(path = %file.path.display(), "an index of the audit log is damaged, and the segment is read whole");
        return scan(file, filter, wanted, look);
    };
    if places.is_empty() {
        return Ok(Go::On);
    }
    if filter.order == Order::NewestFirst {
        places.reverse();
    }
    let mut reader = Reader::open(file)?;
    for place in places {
        let Some((start, end)) = index.span(place) else {
            // What was shown so far is right, and a second reading would show it again.
            return Err(Error::io(
                "read the index of",
                &file.path,
                std::io::Error::other("it is damaged: remove it"),
            ));
        };
        let line = reader.read(start, end)?;
        if show(&line, filter, wanted, look) == Go::Stop {
            return Ok(Go::Stop);
        }
    }
    Ok(Go::On)
}

fn may_hold(index: &Index, filter: &Filter) -> bool {
    filter.after.is_none_or(|after| index.last_seq > after.0)
        && filter.before.is_none_or(|before| index.first_seq < before.0)
        && filter.from.is_none_or(|from| index.latest >= from)
        && filter.until.is_none_or(|until| index.earliest < until)
}

/// The places that have a term of each group; nothing when the index is damaged.
fn candidates(index: &Index, wanted: &Wanted) -> Option<Vec<u32>> {
    let mut all: Option<Vec<u32>> = None;
    // Rare terms come late in the list of groups; a group that is empty ends it.
    for group in wanted.groups.iter().rev() {
        let mut places = Vec::new();
        for term in group {
            places = either(&places, &index.places(term)?);
        }
        let narrowed = match all {
            None => places,
            Some(before) => both(&before, &places),
        };
        if narrowed.is_empty() {
            return Some(Vec::new());
        }
        all = Some(narrowed);
    }
    Some(all.unwrap_or_else(|| index.every_place()))
}

fn show(line: &[u8], filter: &Filter, wanted: &Wanted, look: &mut dyn FnMut(Record) -> Go) -> Go {
    if let Some(text) = &filter.text
        && memchr::memmem::find(line, text.as_bytes()).is_none()
    {
        return Go::On;
    }
    let Ok(record) = Record::parse(line) else { return Go::On };
    let in_range = filter.after.is_none_or(|after| record.seq() > after)
        && filter.before.is_none_or(|before| record.seq() < before)
        && filter.from.is_none_or(|from| record.time() >= from)
        && filter.until.is_none_or(|until| record.time() < until);
    let matches = in_range && (wanted.groups.is_empty() || wanted.met_by(&Terms::of(&record)));
    if matches { look(record) } else { Go::On }
}
