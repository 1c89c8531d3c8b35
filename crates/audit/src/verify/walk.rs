//! Walks the chain, record by record.

use super::read::{Line, Read};
use super::{Against, Fault, Report, Wrong};
use crate::chain::{Checkpoint, Header, Own, PrunedTo, UNSIGNED_MAX, Void, Why, genesis};
use crate::folder::{Folder, SegmentFile};
use crate::heads::Heads;
use crate::line::Head;
use crate::recover::{end_of, is_torn_write};
use crate::{Error, Hash, Kind, PublicKey, Seq, segment};
use domain::Timestamp;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// A check under way.
pub(super) struct Walk<'a> {
    key: PublicKey,
    against: Against<'a>,
    /// The same checkpoints, by the record that they vouch for.
    known: BTreeMap<Seq, Vec<Hash>>,
    heads: Heads,
    pub(super) report: Report,
    /// The segment that is read.
    path: Arc<Path>,
    /// The record before.
    last: Option<Place>,
    last_number: Option<u32>,
    /// Voids that the next header must close.
    pending: Vec<Void>,
    /// The chain's end before the first record that is there, to be vouched for by a `pruned` record.
    missing: Option<(Seq, Hash, Fault)>,
    /// The last removal that the key signed, and when it was.
    pruned: Option<(PrunedTo, Timestamp)>,
    /// Records since the last signature, but for the first ones of segments.
    due: u64,
}

#[derive(Clone)]
struct Place {
    seq: Seq,
    hash: Hash,
    path: Arc<Path>,
    offset: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn new(key: PublicKey, against: Against<'a>, heads: Heads) -> Self {
        let path = Path::new("").into();
        let (last, last_number, pending, missing, pruned) = (None, None, Vec::new(), None, None);
        let mut known: BTreeMap<Seq, Vec<Hash>> = BTreeMap::new();
        for checkpoint in against.elsewhere.iter().chain(against.since) {
            known.entry(checkpoint.seq).or_default().push(checkpoint.hash);
        }
        Self {
            key,
            against,
            known,
            heads,
            report: Report::default(),
            path,
            last,
            last_number,
            pending,
            missing,
            pruned,
            due: 0,
        }
    }

    pub(super) fn segment(&mut self, file: &SegmentFile, read: &Read, is_last: bool) -> Result<(), Fault> {
        let bytes = read.bytes.as_slice();
        self.check_number(file)?;
        self.report.segments = self.report.segments.saturating_add(1);
        let void = self.heads.void_of(file.number);
        let end = void.unwrap_or(bytes.len()).min(bytes.len());
        self.path = file.path.as_path().into();
        let mut lines = read.lines.iter().take_while(|line| line.offset < end).peekable();
        while let Some(line) = lines.next() {
            let offset = line.offset;
            let ends = offset.saturating_add(line.length).saturating_add(usize::from(line.complete));
            let head = match line.head {
                Ok(head) if line.complete && ends <= end => head,
                Ok(_) | Err(_) if !read.whole => return Err(self.not_unpacked(file, offset)),
                Ok(_) | Err(_) => {
                    let rest = bytes.get(offset..).unwrap_or_default();
                    if is_last && void.is_none() && is_torn_write(rest) {
                        self.report.open_tear.get_or_insert(void_of(file.number, offset, rest.len()));
                        break;
                    }
                    let part = line.head.err().map_or("end", |malformed| malformed.part);
                    return Err(self.fault_here(file, offset, Wrong::Changed { part }));
                }
            };
            let next = lines.peek().and_then(|line: &&Line| line.head.ok());
            self.record(file, offset, read.text(line), &head, next)?;
        }
        if !read.whole {
            return Err(self.not_unpacked(file, bytes.len()));
        }
        if bytes.is_empty() && void.is_none() {
            if !is_last {
                return Err(self.fault_here(file, 0, Wrong::BadHeader));
            }
            self.report.open_tear.get_or_insert(void_of(file.number, 0, 0));
        }
        self.report.bytes = self.report.bytes.saturating_add(u64::try_from(end).unwrap_or(u64::MAX));
        if let Some(offset) = void {
            self.pending.push(void_of(file.number, offset, bytes.len().saturating_sub(offset)));
        }
        Ok(())
    }

    fn check_number(&mut self, file: &SegmentFile) -> Result<(), Fault> {
        let expected = self.last_number.map(|number| number.saturating_add(1));
        if let Some(number) = expected.filter(|number| *number != file.number) {
            return Err(self.fault_here(file, 0, Wrong::SegmentMissing { number }));
        }
        self.last_number = Some(file.number);
        Ok(())
    }

    fn record(
        &mut self,
        file: &SegmentFile,
        offset: usize,
        line: &[u8],
        head: &Head,
        next: Option<Head>,
    ) -> Result<(), Fault> {
        match self.last.clone() {
            None => self.begin(file, line, head)?,
            Some(last) => self.follow(file, offset, head, next, &last)?,
        }
        if (offset == 0) != (head.kind == Kind::Segment) {
            return Err(self.fault_here(file, offset, Wrong::BadHeader));
        }
        self.check_elsewhere(file, offset, head)?;
        if head.kind == Kind::Segment {
            self.header(file, line, head)?;
        } else if head.kind == Kind::Checkpoint {
            self.checkpoint(file, offset, line, head)?;
        } else if head.kind == Kind::Pruned
            && let Ok(Own::Pruned(pruned)) = Own::read(line)
            && pruned.is_signed(self.report.log.as_deref().unwrap_or_default(), self.key)
        {
            self.pruned = Some((pruned, head.time));
        }
        self.count_unsigned(file, offset, head)?;
        self.last = Some(Place { seq: head.seq, hash: head.hash, path: Arc::clone(&self.path), offset });
        self.report.records = self.report.records.saturating_add(1);
        self.report.first.get_or_insert(head.seq);
        self.report.last = Some(head.seq);
        Ok(())
    }

    /// A run that is longer than the writer ever leaves was not written by it.
    fn count_unsigned(&mut self, file: &SegmentFile, offset: usize, head: &Head) -> Result<(), Fault> {
        if head.kind == Kind::Checkpoint {
            return Ok(());
        }
        self.report.unsigned = self.report.unsigned.saturating_add(1);
        self.due = self.due.saturating_add(u64::from(head.kind != Kind::Segment));
        if self.due > UNSIGNED_MAX {
            return Err(self.fault_at(
                head.seq,
                file,
                offset,
                Wrong::Unsigned { since: self.unsigned_since() },
            ));
        }
        Ok(())
    }

    /// The first record that no signature vouches for.
    fn unsigned_since(&self) -> Seq {
        let first = self.report.first.unwrap_or(Seq(1));
        self.report.checkpoint.as_ref().map_or(first, |checkpoint| checkpoint.seq.next())
    }

    /// The first record that is read: the log's first, or the first of a later segment.
    fn begin(&mut self, file: &SegmentFile, line: &[u8], head: &Head) -> Result<(), Fault> {
        let Ok(Own::Segment(header)) = Own::read(line) else {
            let before = if file.number == 1 { Seq(1) } else { Seq(head.seq.0.saturating_sub(1)) };
            return Err(self.fault_at(before, file, 0, Wrong::Removed { found: head.seq }));
        };
        if header.public_key != self.key.to_string() {
            return Err(self.fault_at(head.seq, file, 0, Wrong::OtherKey));
        }
        if head.seq == Seq(1) {
            if head.prev != genesis(&header.log, self.key) {
                return Err(self.fault_at(head.seq, file, 0, Wrong::BadHeader));
            }
        } else if self.against.since.is_none() {
            let before = Seq(head.seq.0.saturating_sub(1));
            if self.known.get(&before).is_some_and(|hashes| hashes.iter().any(|hash| *hash != head.prev)) {
                return Err(self.fault_at(before, file, 0, Wrong::OtherHistory));
            }
            let fault = self.fault_at(head.seq, file, 0, Wrong::StartMissing);
            self.missing = Some((before, head.prev, fault));
        }
        self.report.log = Some(header.log);
        Ok(())
    }

    fn follow(
        &self,
        file: &SegmentFile,
        offset: usize,
        head: &Head,
        follower: Option<Head>,
        last: &Place,
    ) -> Result<(), Fault> {
        let expected = last.seq.next();
        if head.seq > expected {
            return Err(self.fault_at(expected, file, offset, Wrong::Removed { found: head.seq }));
        }
        if head.seq == last.seq {
            // Two records in one place: the first of them may be the one that was put in.
            let what = Wrong::Inserted { found: head.seq };
            return Err(Fault { seq: last.seq, path: last.path.to_path_buf(), offset: last.offset, what });
        }
        if head.seq < expected {
            return Err(self.fault_at(expected, file, offset, Wrong::Inserted { found: head.seq }));
        }
        if head.prev == last.hash {
            return Ok(());
        }
        // One of two neighbours was replaced. A record whose follower vouches for it is the one that was written.
        if follower.is_some_and(|follower| follower.prev != head.hash) {
            return Err(self.fault_at(head.seq, file, offset, Wrong::Replaced));
        }
        Err(Fault {
            seq: last.seq,
            path: last.path.to_path_buf(),
            offset: last.offset,
            what: Wrong::Replaced,
        })
    }

    fn header(&mut self, file: &SegmentFile, line: &[u8], head: &Head) -> Result<(), Fault> {
        let Ok(Own::Segment(header)) = Own::read(line) else {
            return Err(self.fault_at(head.seq, file, 0, Wrong::BadHeader));
        };
        let Header { number, log, public_key, why, closes } = header;
        if public_key != self.key.to_string() {
            return Err(self.fault_at(head.seq, file, 0, Wrong::OtherKey));
        }
        let same_place =
            |ours: &Void, theirs: &Void| ours.segment == theirs.segment && ours.offset == theirs.offset;
        let first_read = self.report.records == 0;
        let closed = first_read
            || (self.pending.len() == closes.len()
                && self.pending.iter().zip(&closes).all(|(ours, theirs)| same_place(ours, theirs)));
        if number != file.number || self.report.log.as_ref() != Some(&log) || !closed {
            return Err(self.fault_at(head.seq, file, 0, Wrong::BadHeader));
        }
        if why == Why::Rotated && self.report.unsigned > 0 {
            return Err(self.fault_at(head.seq, file, 0, Wrong::Unsigned { since: self.unsigned_since() }));
        }
        if why == Why::Damaged {
            return Err(self.fault_at(head.seq, file, 0, Wrong::Damaged));
        }
        self.report.closed.append(&mut self.pending);
        Ok(())
    }

    fn checkpoint(
        &mut self,
        file: &SegmentFile,
        offset: usize,
        line: &[u8],
        head: &Head,
    ) -> Result<(), Fault> {
        let since = self.unsigned_since();
        let signed = match Own::read(line) {
            Ok(Own::Checkpoint(signed)) => {
                let log = self.report.log.as_deref().unwrap_or_default();
                Checkpoint::of_record(log, head, &signed).ok()
            }
            Ok(_) | Err(_) => None,
        };
        match signed.filter(|checkpoint| self.key.signed(checkpoint)) {
            Some(checkpoint) => {
                self.report.checkpoint = Some(checkpoint);
                (self.report.unsigned, self.due) = (0, 0);
                Ok(())
            }
            None => Err(self.fault_at(head.seq, file, offset, Wrong::BadSignature { since })),
        }
    }

    fn check_elsewhere(&self, file: &SegmentFile, offset: usize, head: &Head) -> Result<(), Fault> {
        let known = self.known.get(&head.seq);
        if known.is_some_and(|hashes| hashes.iter().any(|hash| *hash != head.hash)) {
            return Err(self.fault_at(head.seq, file, offset, Wrong::OtherHistory));
        }
        Ok(())
    }

    pub(super) fn finish(mut self, folder: &Path) -> Report {
        if self.report.fault.is_none() {
            self.report.fault = self.find_missing_ends(folder);
        }
        self.report
    }

    /// A file that says something else of a segment than the one that was read, or the other way round.
    pub(super) fn second_file(&self, folder: &Folder, files: &[SegmentFile]) -> Result<Option<Fault>, Error> {
        for file in files {
            let Some(twin) = folder.twin(file) else { continue };
            if segment::are_the_same(file, &twin)? {
                continue;
            }
            let end = end_of(&segment::read(file)?, file.number, self.key);
            let fits = self.heads.end_of(file.number).is_none_or(|(seq, hash)| end == Some((seq, hash)));
            let seq = self.heads.first_of(file.number).map_or(Seq(1), |first| first.seq);
            let stranger = if fits { &twin } else { file };
            return Ok(Some(self.fault_at(seq, stranger, 0, Wrong::SecondFile)));
        }
        Ok(None)
    }

    fn find_missing_ends(&mut self, folder: &Path) -> Option<Fault> {
        if let Some((seq, hash, fault)) = self.missing.take() {
            // A removal that a crash cut short leaves more than was allowed to stay, never less.
            let vouched = self.pruned.as_ref().filter(|(pruned, _)| {
                let to_the_end = Hash::from_hex(&pruned.last_hash) == Some(hash);
                pruned.last_seq > seq.0 || (pruned.last_seq == seq.0 && to_the_end)
            });
            let Some((_, when)) = vouched else { return Some(fault) };
            (self.report.pruned, self.report.pruned_at) = (Some(seq), Some(*when));
        }
        if let Some(void) = self.pending.first() {
            // The closing header that was read first is not in the chain.
            let path = folder.join(format!("segment-{:08}.jsonl", void.segment));
            let seq = self.last.as_ref().map_or(Seq(1), |last| last.seq.next());
            return Some(Fault {
                seq,
                path,
                offset: usize::try_from(void.offset).unwrap_or(usize::MAX),
                what: Wrong::BadHeader,
            });
        }
        let last = self.report.last.unwrap_or(Seq(0));
        let at = |checkpoint: &Checkpoint, what| {
            let path =
                self.last.as_ref().map_or_else(|| folder.to_path_buf(), |last| last.path.to_path_buf());
            let offset = self.last.as_ref().map_or(0, |last| last.offset);
            Some(Fault { seq: checkpoint.seq, path, offset, what })
        };
        for checkpoint in self.against.elsewhere.iter().chain(self.against.since) {
            let foreign = self.report.log.as_ref().is_some_and(|log| *log != checkpoint.log);
            if foreign || !self.key.signed(checkpoint) {
                return at(checkpoint, Wrong::OtherHistory);
            }
            if checkpoint.seq > last {
                return at(&Checkpoint { seq: last.next(), ..checkpoint.clone() }, Wrong::Cut);
            }
        }
        None
    }

    fn not_unpacked(&self, file: &SegmentFile, offset: usize) -> Fault {
        self.fault_here(
            file,
            offset,
            Wrong::Packing { until: self.heads.end_of(file.number).map(|end| end.0) },
        )
    }

    fn fault_here(&self, file: &SegmentFile, offset: usize, what: Wrong) -> Fault {
        let seq = self.last.as_ref().map_or(Seq(1), |last| last.seq.next());
        self.fault_at(seq, file, offset, what)
    }

    fn fault_at(&self, seq: Seq, file: &SegmentFile, offset: usize, what: Wrong) -> Fault {
        Fault { seq, path: file.path.clone(), offset, what }
    }
}

fn void_of(segment: u32, offset: usize, length: usize) -> Void {
    let number = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    Void { segment, offset: number(offset), length: number(length) }
}
