//! Reads segments ahead of the walk, on as many threads as there are processors: what each record says of itself is
//! checked there, and that one follows the other where they come together again, in their order.

use crate::folder::SegmentFile;
use crate::line::Head;
use crate::{Error, Malformed, segment};
use std::num::NonZero;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Scope;

/// Each thread holds a segment of 16 MiB.
const THREADS_MAX: usize = 4;

/// A segment with what its lines say.
pub(super) struct Read {
    pub(super) bytes: Vec<u8>,
    pub(super) lines: Vec<Line>,
    /// Whether all of it could be unpacked.
    pub(super) whole: bool,
}

/// One line of a segment.
pub(super) struct Line {
    pub(super) offset: usize,
    pub(super) length: usize,
    /// Whether it ends in a line feed.
    pub(super) complete: bool,
    pub(super) head: Result<Head, Malformed>,
}

impl Read {
    fn of(file: &SegmentFile) -> Result<Self, Error> {
        let (bytes, whole) = segment::read_as_far(file)?;
        let lines = segment::lines(&bytes).map(|(offset, line, complete)| Line {
            offset,
            length: line.len(),
            complete,
            head: Head::read(line),
        });
        Ok(Self { lines: lines.collect(), bytes, whole })
    }

    pub(super) fn text(&self, line: &Line) -> &[u8] {
        let end = line.offset.saturating_add(line.length);
        self.bytes.get(line.offset..end).unwrap_or_default()
    }
}

/// Where the segments come from, by turns.
pub(super) struct Ahead {
    threads: Vec<Receiver<Result<Read, Error>>>,
}

impl Ahead {
    pub(super) fn start<'scope>(scope: &'scope Scope<'scope, '_>, files: &'scope [SegmentFile]) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(THREADS_MAX);
        let start = |first| {
            // Without room in between a thread waits with what it has: memory stays bounded by their number.
            let (sender, segments) = sync_channel(0);
            scope.spawn(move || {
                for file in files.iter().skip(first).step_by(threads) {
                    let read = Read::of(file);
                    let failed = read.is_err();
                    if sender.send(read).is_err() || failed {
                        break;
                    }
                }
            });
            segments
        };
        Self { threads: (0..threads).map(start).collect() }
    }

    /// The segment with this number among the files; nothing when its thread has ended.
    pub(super) fn next(&self, number: usize) -> Option<Result<Read, Error>> {
        let turn = number.checked_rem(self.threads.len())?;
        self.threads.get(turn)?.recv().ok()
    }
}
