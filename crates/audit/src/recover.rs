//! Finds where the log ends: the last record of the chain, and what a crash or a stranger left behind it.

use crate::chain::{Checkpoint, Header, Own, UNSIGNED_MAX, Void, Why, is_log_name};
use crate::folder::{Form, SegmentFile};
use crate::line::Head;
use crate::{Error, Hash, Kind, Opened, PublicKey, Seq, segment};
use domain::Timestamp;

/// The most that one write can leave behind when it is torn: one batch.
pub(crate) const BATCH_BYTES_MAX: usize = 1024 * 1024;

/// The most voids one header closes; a disk that fails more often than this between two good writes needs a person.
pub(crate) const VOIDS_MAX: usize = 128;

/// Where the log ends.
#[derive(Debug)]
pub(crate) struct End {
    /// The log's name; none when there is no record yet.
    pub(crate) log: Option<String>,
    /// The last record of the chain.
    pub(crate) last: Option<Last>,
    /// The highest number among the segments; 0 when there is none.
    pub(crate) segment: u32,
    /// Records after the last checkpoint, in every segment behind it.
    pub(crate) unsigned: u64,
    /// The last checkpoint.
    pub(crate) checkpoint: Option<Checkpoint>,
    /// What follows the last record, by segment.
    pub(crate) voids: Vec<Void>,
    /// Whether a void is something that no crash leaves, or a signature is missing that the writer would have made.
    pub(crate) damaged: bool,
}

/// The last record of the chain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Last {
    pub(crate) seq: Seq,
    pub(crate) hash: Hash,
    pub(crate) time: Timestamp,
    /// The segment it is in.
    pub(crate) segment: u32,
    /// Where the next line would begin.
    pub(crate) offset: u64,
    /// When its segment began.
    pub(crate) begun: Timestamp,
    /// Whether its segment can be appended to.
    pub(crate) form: Form,
}

impl End {
    pub(crate) fn opened(&self) -> Opened {
        let (torn, damaged) =
            if self.damaged { (Vec::new(), self.voids.clone()) } else { (self.voids.clone(), Vec::new()) };
        let last = self.last.map(|last| last.seq);
        Opened { last, unsigned: self.unsigned, checkpoint: self.checkpoint.clone(), torn, damaged }
    }
}

/// Reads segments from the newest back until one holds a record, and on until one holds a signature.
pub(crate) fn find_end(segments: &[SegmentFile], public_key: PublicKey) -> Result<End, Error> {
    let mut end = End {
        log: None,
        last: None,
        segment: segments.last().map_or(0, |segment| segment.number),
        unsigned: 0,
        checkpoint: None,
        voids: Vec::new(),
        damaged: false,
    };
    let mut tail = Unsigned::default();
    for file in segments.iter().rev() {
        let bytes = segment::read(file)?;
        if newer(&bytes) {
            return Err(Error::Newer { path: file.path.clone() });
        }
        let walk = Walk::through(&bytes, file.number, public_key);
        if let Some(found) = &walk.header
            && found.public_key != public_key.to_string()
        {
            return Err(Error::KeyDiffers {
                found: found.public_key.clone(),
                wanted: public_key.to_string(),
            });
        }
        if end.last.is_some() {
            end.unsigned = end.unsigned.saturating_add(walk.unsigned);
            end.checkpoint.clone_from(&walk.checkpoint);
            if tail.goes_on_before(&walk) {
                continue;
            }
            break;
        }
        if walk.good < bytes.len() {
            let rest = bytes.get(walk.good..).unwrap_or_default();
            end.damaged |= !is_torn_write(rest);
            let offset = u64::try_from(walk.good).unwrap_or(u64::MAX);
            let length = u64::try_from(rest.len()).unwrap_or(u64::MAX);
            end.voids.push(Void { segment: file.number, offset, length });
        }
        if let (Some((seq, hash, time)), Some(header)) = (walk.last, &walk.header) {
            end.log = Some(header.log.clone());
            end.unsigned = walk.unsigned;
            end.checkpoint.clone_from(&walk.checkpoint);
            let offset = u64::try_from(walk.good).unwrap_or(u64::MAX);
            end.last = Some(Last {
                seq,
                hash,
                time,
                segment: file.number,
                offset,
                begun: walk.begun,
                form: file.form,
            });
            if tail.goes_on_before(&walk) {
                continue;
            }
            break;
        }
        if bytes.is_empty() {
            end.voids.push(Void { segment: file.number, offset: 0, length: 0 });
        }
    }
    end.voids.reverse();
    if let Some(last) = end.last.filter(|_| tail.is_forged) {
        end.damaged = true;
        if end.voids.is_empty() {
            // Nothing is void, and yet a new segment begins, that says it.
            end.voids.push(Void { segment: last.segment, offset: last.offset, length: 0 });
        }
    }
    Ok(end)
}

/// The end of the log that no signature vouches for, read backwards.
#[derive(Default)]
struct Unsigned {
    records: u64,
    /// Whether the segment that was read last begins where the one before it was signed to its end.
    rotated: bool,
    /// Whether the writer would have signed it.
    is_forged: bool,
}

impl Unsigned {
    /// Takes in the end of one segment more; whether the one before it has a part too.
    fn goes_on_before(&mut self, walk: &Walk) -> bool {
        self.records = self.records.saturating_add(walk.unsigned_entries);
        self.is_forged |= self.records > UNSIGNED_MAX || (self.rotated && walk.unsigned > 0);
        self.rotated = walk.header.as_ref().is_some_and(|header| header.why == Why::Rotated);
        walk.checkpoint.is_none() && !self.is_forged
    }
}

/// The last record of the chain in a segment, and its digest.
pub(crate) fn end_of(bytes: &[u8], number: u32, public_key: PublicKey) -> Option<(Seq, Hash)> {
    Walk::through(bytes, number, public_key).last.map(|(seq, hash, _)| (seq, hash))
}

/// Whether the first line is of a version that this program does not know.
fn newer(bytes: &[u8]) -> bool {
    let Some(rest) = bytes.strip_prefix(b"{\"v\":") else { return false };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    rest.split_at_checked(digits)
        .is_some_and(|(version, rest)| !version.is_empty() && version != b"1" && rest.first() == Some(&b','))
}

/// The good part of one segment.
struct Walk {
    header: Option<Header>,
    begun: Timestamp,
    last: Option<(Seq, Hash, Timestamp)>,
    checkpoint: Option<Checkpoint>,
    unsigned: u64,
    /// The same without the first record of the segment.
    unsigned_entries: u64,
    /// How many bytes are good.
    good: usize,
}

impl Walk {
    fn through(bytes: &[u8], number: u32, public_key: PublicKey) -> Self {
        let mut walk = Self {
            header: None,
            begun: Timestamp(0),
            last: None,
            checkpoint: None,
            unsigned: 0,
            unsigned_entries: 0,
            good: 0,
        };
        for (offset, line, complete) in segment::lines(bytes) {
            let Ok(head) = Head::read(line) else { break };
            let follows = match walk.last {
                None => head.kind == Kind::Segment,
                Some((seq, hash, _)) => head.seq == seq.next() && head.prev == hash,
            };
            if !complete || !follows || !walk.take_own(line, &head, number, public_key) {
                break;
            }
            walk.last = Some((head.seq, head.hash, head.time));
            walk.good = offset.saturating_add(line.len()).saturating_add(1);
        }
        walk
    }

    fn take_own(&mut self, line: &[u8], head: &Head, number: u32, public_key: PublicKey) -> bool {
        self.unsigned = self.unsigned.saturating_add(1);
        self.unsigned_entries = self.unsigned_entries.saturating_add(u64::from(head.kind != Kind::Segment));
        if head.kind == Kind::Checkpoint {
            let (Ok(Own::Checkpoint(signed)), Some(header)) = (Own::read(line), &self.header) else {
                return false;
            };
            let checkpoint = Checkpoint::of_record(&header.log, head, &signed).ok();
            let Some(checkpoint) = checkpoint.filter(|checkpoint| public_key.signed(checkpoint)) else {
                return false;
            };
            self.checkpoint = Some(checkpoint);
            (self.unsigned, self.unsigned_entries) = (0, 0);
        } else if head.kind == Kind::Segment {
            let Ok(Own::Segment(header)) = Own::read(line) else { return false };
            if self.last.is_some() || header.number != number || !is_log_name(&header.log) {
                return false;
            }
            self.begun = head.time;
            self.header = Some(header);
        }
        true
    }
}

/// Whether `rest`, which follows the last good record of a segment, is one write that was cut short: a line without
/// its end, and no whole record behind it. Anything else was changed by somebody.
pub(crate) fn is_torn_write(rest: &[u8]) -> bool {
    rest.len() <= BATCH_BYTES_MAX
        && rest.last() != Some(&b'\n')
        && !segment::lines(rest).any(|(_, line, complete)| complete && Head::read(line).is_ok())
}
