//! The index of one closed segment: a file that is made from the log and thrown away when it does not fit.
//!
//! Layout, all numbers little-endian: a header of fixed length, then for each of 256 buckets (by the first byte of a
//! term's hash) its terms, then the posting lists, then where each record begins. Header, buckets and lists each carry
//! a digest that takes the key of the log to make, so that a query reads and checks only what it needs, and believes
//! nothing that somebody else wrote. The header names the first and the last record that the index was made from.

use crate::postings;
use crate::terms::Terms;
use audit::{Error, Hash, IndexKey, Record, Segment};
use domain::Timestamp;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

const MAGIC: &[u8; 8] = b"hsindex2";
const BUCKETS: usize = 256;
/// Digests of the first and the last record.
const SPAN_BYTES: usize = 32 + 32;
/// Magic, span, records, first and last number, earliest and latest time, start and digest of the
/// offsets.
const HEADER_FIXED_BYTES: usize = 8 + SPAN_BYTES + 8 + 8 + 8 + 8 + 8 + 8 + 8;
/// Start, length and digest of a bucket.
const BUCKET_BYTES: usize = 8 + 8 + 8;
/// Hash, start, length and digest of a term's posting list.
const TERM_BYTES: usize = 8 + 8 + 8 + 8;
const HEADER_BYTES: usize = HEADER_FIXED_BYTES + BUCKETS * BUCKET_BYTES + 32;
/// The longest part of an index that is read in one piece, in bytes.
const PART_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// An index, open for reading.
pub(crate) struct Index<'a> {
    key: &'a IndexKey,
    source: Source,
    records: u64,
    pub(crate) first_seq: u64,
    pub(crate) last_seq: u64,
    pub(crate) earliest: Timestamp,
    pub(crate) latest: Timestamp,
    offsets: u64,
    offsets_digest: u64,
    buckets: Vec<(u64, u64, u64)>,
}

/// Where the bytes are: in the file, or in memory when the file could not be written.
enum Source {
    File(File),
    Memory(Vec<u8>),
}

impl<'a> Index<'a> {
    /// The index of `segment`: from disk when it fits, else made from the log and, where that can be, kept. Nothing for a
    /// segment that is still written, or that is not as it was: that one is read whole.
    pub(crate) fn of(segment: &Segment, key: &'a IndexKey) -> Result<Option<Self>, Error> {
        let Some(span) = segment.span() else { return Ok(None) };
        let path = segment.index_path();
        if let Some(index) = Self::open(path).and_then(|source| Self::read(source, key, span)) {
            return Ok(Some(index));
        }
        let Some(bytes) = build(&segment.bytes()?, key, span) else { return Ok(None) };
        if let Err(error) = keep(path, &bytes) {
            tracing::debug!(%error, "an index of the audit log could not be kept, and is made again for each query");
        }
        let index = Self::read(Source::Memory(bytes), key, span).ok_or_else(|| Error::Io {
            step: "index",
            path: segment.path().to_owned(),
            source: Arc::new(std::io::Error::other("the index made of it cannot be read")),
        })?;
        Ok(Some(index))
    }

    /// Whether there is an index of `segment` that says anything else than the log does. It is made anew then.
    pub(crate) fn is_wrong(segment: &Segment, key: &'a IndexKey) -> Result<bool, Error> {
        let path = segment.index_path();
        let (Some(source), Some(span)) = (Self::open(path), segment.span()) else { return Ok(false) };
        // One of an earlier form is only old.
        let is_old = source.part(0, MAGIC.len() as u64).is_some_and(|magic| magic == b"hsindex1");
        if Self::read(source, key, span).is_some_and(|index| index.is_whole()) {
            return Ok(false);
        }
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::Io { step: "remove", path: path.to_owned(), source: Arc::new(error) });
            }
            Ok(()) | Err(_) => {}
        }
        Self::of(segment, key)?;
        Ok(!is_old)
    }

    fn open(path: &Path) -> Option<Source> {
        audit::open_private(path).ok().map(Source::File)
    }

    fn read(source: Source, key: &'a IndexKey, span: (Hash, Hash)) -> Option<Self> {
        let header = source.part(0, HEADER_BYTES as u64)?;
        let (body, digest) = header.split_at_checked(HEADER_BYTES.checked_sub(32)?)?;
        if key.digest(body) != digest {
            return None;
        }
        let body = body.strip_prefix(MAGIC)?.strip_prefix(&span.0.0)?.strip_prefix(&span.1.0)?;
        let mut numbers = Numbers(body);
        let records = numbers.next()?;
        let (first_seq, last_seq) = (numbers.next()?, numbers.next()?);
        let (earliest, latest) = (Timestamp(numbers.next()?), Timestamp(numbers.next()?));
        let (offsets, offsets_digest) = (numbers.next()?, numbers.next()?);
        let bucket = |numbers: &mut Numbers<'_>| Some((numbers.next()?, numbers.next()?, numbers.next()?));
        let buckets = (0..BUCKETS).map(|_| bucket(&mut numbers)).collect::<Option<Vec<_>>>()?;
        Some(Self {
            key,
            source,
            records,
            first_seq,
            last_seq,
            earliest,
            latest,
            offsets,
            offsets_digest,
            buckets,
        })
    }

    /// Whether every part of it is as it was made.
    fn is_whole(&self) -> bool {
        let offsets = self.records.checked_mul(8).and_then(|length| self.source.part(self.offsets, length));
        offsets.is_some_and(|offsets| short_digest(self.key, &offsets) == self.offsets_digest)
            && self.buckets.iter().all(|bucket| self.bucket_is_whole(*bucket) == Some(true))
    }

    fn bucket_is_whole(&self, bucket: (u64, u64, u64)) -> Option<bool> {
        for entry in self.part(bucket)?.chunks_exact(TERM_BYTES) {
            let mut numbers = Numbers(entry);
            let (_hash, list) = (numbers.next()?, (numbers.next()?, numbers.next()?, numbers.next()?));
            self.part(list)?;
        }
        Some(true)
    }

    /// A part by its start, length and digest; nothing when it is not as it was made.
    fn part(&self, (start, length, digest): (u64, u64, u64)) -> Option<Vec<u8>> {
        self.source.part(start, length).filter(|bytes| short_digest(self.key, bytes) == digest)
    }

    /// The places of the records that have `term`, rising; nothing when the index is damaged.
    pub(crate) fn places(&self, term: &str) -> Option<Vec<u32>> {
        let hash = term_hash(term);
        let bucket = self.part(self.buckets.get(usize::from(hash.to_be_bytes()[0])).copied()?)?;
        for entry in bucket.chunks_exact(TERM_BYTES) {
            let mut numbers = Numbers(entry);
            if numbers.next()? == hash {
                let list = self.part((numbers.next()?, numbers.next()?, numbers.next()?))?;
                return postings::unpack(&list);
            }
        }
        Some(Vec::new())
    }

    /// Every place.
    pub(crate) fn every_place(&self) -> Vec<u32> {
        (0..u32::try_from(self.records).unwrap_or(u32::MAX)).collect()
    }

    /// Where the record at `place` begins and ends in the segment, unpacked.
    pub(crate) fn span(&self, place: u32) -> Option<(usize, usize)> {
        let at = self.offsets.checked_add(u64::from(place).checked_mul(8)?)?;
        let span = self.source.part(at, 8)?;
        let (start, length) = span.split_at_checked(4)?;
        let start = usize::try_from(u32::from_le_bytes(start.try_into().ok()?)).ok()?;
        let length = usize::try_from(u32::from_le_bytes(length.try_into().ok()?)).ok()?;
        Some((start, start.checked_add(length)?))
    }
}

impl Source {
    fn part(&self, start: u64, length: u64) -> Option<Vec<u8>> {
        if length > PART_BYTES_MAX {
            return None;
        }
        match self {
            Self::File(file) => {
                let mut bytes = vec![0; usize::try_from(length).ok()?];
                file.read_exact_at(&mut bytes, start).ok()?;
                Some(bytes)
            }
            Self::Memory(bytes) => {
                let start = usize::try_from(start).ok()?;
                bytes.get(start..start.checked_add(usize::try_from(length).ok()?)?).map(<[u8]>::to_vec)
            }
        }
    }
}

/// Makes the index of a segment's bytes; nothing when they are not a chain from the first record of `span` to the last.
fn build(bytes: &[u8], key: &IndexKey, span: (Hash, Hash)) -> Option<Vec<u8>> {
    let mut lists: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
    let mut spans = Vec::new();
    let mut last = None;
    let (mut seqs, mut times) = ((u64::MAX, 0), (u64::MAX, 0));
    for (offset, line) in audit::lines(bytes) {
        let record = Record::parse(line).ok()?;
        let fits = last.map_or(record.hash() == span.0, |last| record.prev() == last);
        last = Some(record.hash()).filter(|_| fits);
        last?;
        let place = u32::try_from(spans.len()).unwrap_or(u32::MAX);
        spans
            .push((u32::try_from(offset).unwrap_or(u32::MAX), u32::try_from(line.len()).unwrap_or(u32::MAX)));
        let (seq, time) = (record.seq().0, record.time().0);
        seqs = (seqs.0.min(seq), seqs.1.max(seq));
        times = (times.0.min(time), times.1.max(time));
        for term in Terms::of(&record).0 {
            lists.entry(term_hash(&term)).or_default().push(place);
        }
    }
    last.filter(|last| *last == span.1)?;
    let mut buckets = vec![Vec::new(); BUCKETS];
    let mut packed_lists = Vec::new();
    let buckets_length = lists.len().saturating_mul(TERM_BYTES);
    let lists_start = HEADER_BYTES.saturating_add(buckets_length);
    for (hash, places) in lists {
        let list = postings::pack(&places);
        if let Some(bucket) = buckets.get_mut(usize::from(hash.to_be_bytes()[0])) {
            for number in [
                hash,
                wide(lists_start.saturating_add(packed_lists.len())),
                wide(list.len()),
                short_digest(key, &list),
            ] {
                bucket.extend_from_slice(&number.to_le_bytes());
            }
        }
        packed_lists.extend_from_slice(&list);
    }
    let offsets_start = lists_start.saturating_add(packed_lists.len());
    let mut offsets = Vec::with_capacity(spans.len().saturating_mul(8));
    for (offset, length) in &spans {
        offsets.extend_from_slice(&offset.to_le_bytes());
        offsets.extend_from_slice(&length.to_le_bytes());
    }
    let mut out = [MAGIC.as_slice(), &span.0.0, &span.1.0].concat();
    let fixed = [
        wide(spans.len()),
        seqs.0,
        seqs.1,
        times.0,
        times.1,
        wide(offsets_start),
        short_digest(key, &offsets),
    ];
    fixed.iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
    let mut start = HEADER_BYTES;
    for bucket in &buckets {
        for number in [wide(start), wide(bucket.len()), short_digest(key, bucket)] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        start = start.saturating_add(bucket.len());
    }
    let digest = key.digest(&out);
    out.extend_from_slice(&digest);
    buckets.iter().for_each(|bucket| out.extend_from_slice(bucket));
    out.extend_from_slice(&packed_lists);
    out.extend_from_slice(&offsets);
    Some(out)
}

/// Written beside and renamed, so that a reader finds a whole index or none. Not flushed: it can be made again.
fn keep(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    if std::fs::metadata(folder)?.uid() != rustix::process::geteuid().as_raw() {
        // Root reads the log of the service's user, and leaves nothing of its own in it.
        return Err(std::io::ErrorKind::PermissionDenied.into());
    }
    let beside = path.with_extension(format!("index-{}", std::process::id()));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| std::fs::rename(&beside, path));
    if written.is_err() {
        // It may not be there at all.
        let _not_there = std::fs::remove_file(&beside);
    }
    written
}

fn term_hash(term: &str) -> u64 {
    short(blake3::hash(term.as_bytes()).as_bytes())
}

fn short_digest(key: &IndexKey, bytes: &[u8]) -> u64 {
    short(&key.digest(bytes))
}

fn short(digest: &[u8; 32]) -> u64 {
    digest.first_chunk().map_or(0, |first| u64::from_le_bytes(*first))
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// Reads one number after the other.
struct Numbers<'a>(&'a [u8]);

impl Numbers<'_> {
    fn next(&mut self) -> Option<u64> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*first))
    }
}
