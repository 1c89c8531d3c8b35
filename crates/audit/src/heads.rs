//! The first records of the segments: where each begins, and which ends of older segments it closes.

use crate::chain::Own;
use crate::folder::SegmentFile;
use crate::line::Head;
use crate::{Error, Hash, Seq, segment};
use std::collections::BTreeMap;
use std::ops::Bound;

/// What the segments' first records say.
pub(crate) struct Heads {
    /// By segment: where its void begins.
    voids: BTreeMap<u32, usize>,
    /// By segment: its first record.
    first: BTreeMap<u32, Head>,
}

impl Heads {
    pub(crate) fn read(segments: &[SegmentFile]) -> Result<Self, Error> {
        let mut heads = Self { voids: BTreeMap::new(), first: BTreeMap::new() };
        for file in segments {
            let line = segment::first_line(file)?;
            if let (Ok(head), Ok(Own::Segment(header))) = (Head::read(&line), Own::read(&line)) {
                heads.first.insert(file.number, head);
                for void in header.closes.iter().filter(|void| void.segment < file.number) {
                    let offset = usize::try_from(void.offset).unwrap_or(usize::MAX);
                    heads.voids.entry(void.segment).or_insert(offset);
                }
            }
        }
        Ok(heads)
    }

    /// Where the end of a segment begins that is no part of the chain; nothing when all of it counts.
    pub(crate) fn void_of(&self, number: u32) -> Option<usize> {
        self.voids.get(&number).copied()
    }

    /// The first record of a segment.
    pub(crate) fn first_of(&self, number: u32) -> Option<&Head> {
        self.first.get(&number)
    }

    /// The last record of a segment and its digest, as the segment behind it says.
    pub(crate) fn end_of(&self, number: u32) -> Option<(Seq, Hash)> {
        let (_, next) = self.first.range((Bound::Excluded(number), Bound::Unbounded)).next()?;
        Some((Seq(next.seq.0.saturating_sub(1)), next.prev))
    }

    /// The index of the newest segment that has its first record: a failing disk leaves others behind it.
    pub(crate) fn newest(&self, segments: &[SegmentFile]) -> usize {
        segments.iter().rposition(|file| self.first.contains_key(&file.number)).unwrap_or(0)
    }

    /// The index of the newest segment that begins at or before `seq`.
    pub(crate) fn segment_of(&self, seq: Seq, segments: &[SegmentFile]) -> usize {
        let begins_before =
            |file: &SegmentFile| self.first_of(file.number).is_some_and(|first| first.seq <= seq);
        segments.iter().rposition(begins_before).unwrap_or(0)
    }
}
