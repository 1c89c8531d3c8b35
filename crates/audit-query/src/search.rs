//! Looks for records in one segment, with its index or without.

use crate::index::Index;
use crate::parts::Reader;
use crate::postings::{both, either};
use crate::terms::{Terms, Wanted};
use crate::{Filter, Order};
use audit::{Error, Go, Record, Segment};

/// Reads every record of a segment, as far as it is part of the chain.
pub(crate) fn scan(
    segment: &Segment,
    filter: &Filter,
    wanted: &Wanted,
    look: &mut dyn FnMut(Record) -> Go,
) -> Result<Go, Error> {
    let bytes = segment.bytes()?;
    let lines: Vec<&[u8]> = audit::lines(&bytes).map(|(_, line)| line).collect();
    let mut show = |line: &[u8]| show(line, filter, wanted, look);
    let stopped = match filter.order {
        Order::NewestFirst => lines.iter().rev().any(|line| show(line) == Go::Stop),
        Order::OldestFirst => lines.iter().any(|line| show(line) == Go::Stop),
    };
    Ok(if stopped { Go::Stop } else { Go::On })
}

/// Reads the records of a closed segment that its index names. Where the index turns out to be damaged, the rest of
/// the segment is read whole.
pub(crate) fn indexed(
    segment: &Segment,
    index: &Index<'_>,
    filter: &Filter,
    wanted: &Wanted,
    look: &mut dyn FnMut(Record) -> Go,
) -> Result<Go, Error> {
    if !may_hold(index, filter) {
        return Ok(Go::On);
    }
    let mut rest = filter.clone();
    if let Some(mut places) = candidates(index, wanted) {
        if filter.order == Order::NewestFirst {
            places.reverse();
        }
        let mut reader = Reader::open(segment)?;
        let mut whole = true;
        for place in places {
            let Some(record) = record_at(index, &mut reader, place) else {
                whole = false;
                break;
            };
            match filter.order {
                Order::NewestFirst => rest.before = Some(record.seq()),
                Order::OldestFirst => rest.after = Some(record.seq()),
            }
            if matches(&record, filter, wanted) && look(record) == Go::Stop {
                return Ok(Go::Stop);
            }
        }
        if whole {
            return Ok(Go::On);
        }
    }
    tracing::warn!(path = %segment.path().display(), "an index of the audit log is damaged, and the segment is read whole");
    scan(segment, &rest, wanted, look)
}

/// The record at `place`; nothing when the index says where none, or another, stands.
fn record_at(index: &Index<'_>, reader: &mut Reader, place: u32) -> Option<Record> {
    let (start, end) = index.span(place)?;
    let record = Record::parse(&reader.read(start, end).ok()?).ok()?;
    (record.seq().0 == index.first_seq.checked_add(u64::from(place))?).then_some(record)
}

fn may_hold(index: &Index<'_>, filter: &Filter) -> bool {
    filter.after.is_none_or(|after| index.last_seq > after.0)
        && filter.before.is_none_or(|before| index.first_seq < before.0)
        && filter.from.is_none_or(|from| index.latest >= from)
        && filter.until.is_none_or(|until| index.earliest < until)
}

/// The places that have a term of each group; nothing when the index is damaged.
fn candidates(index: &Index<'_>, wanted: &Wanted) -> Option<Vec<u32>> {
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
    if !wanted.may_be_met_by(line) {
        return Go::On;
    }
    match Record::parse(line) {
        Ok(record) if matches(&record, filter, wanted) => look(record),
        Ok(_) | Err(_) => Go::On,
    }
}

fn matches(record: &Record, filter: &Filter, wanted: &Wanted) -> bool {
    let text = |text: &String| memchr::memmem::find(record.json().as_bytes(), text.as_bytes()).is_some();
    filter.after.is_none_or(|after| record.seq() > after)
        && filter.before.is_none_or(|before| record.seq() < before)
        && filter.from.is_none_or(|from| record.time() >= from)
        && filter.until.is_none_or(|until| record.time() < until)
        && filter.text.as_ref().is_none_or(text)
        && (wanted.groups.is_empty() || wanted.met_by(&Terms::of(record)))
}
