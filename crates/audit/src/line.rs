//! One record as one line: what stands where, and the digest that chains it to the line before.
//!
//! A line of version 1 is
//! `{"v":1,"seq":N,"time":MS,"prev":"HEX","kind":"WORD",…,"hash":"HEX"}` and a line feed. The first four fields and
//! the last stand in exactly that order and form, so that a chain can be checked without parsing JSON: `hash` is
//! BLAKE3 (with a context of its own) of every byte before `,"hash":"`, and `prev` is the `hash` of the line before.

use crate::{Entry, Kind, wire};
use domain::Timestamp;
use std::fmt;
use std::sync::Arc;

/// The longest line, in bytes without its line feed. Texts are cut well below it; a longer line is not ours.
pub(crate) const LINE_BYTES_MAX: usize = 64 * 1024;
/// The longest fields of a record: the head and the digest of a line take less than 512 bytes.
pub(crate) const FIELDS_BYTES_MAX: usize = LINE_BYTES_MAX - 512;
/// `,"hash":"` + 64 digits + `"}`
const SUFFIX_BYTES: usize = 75;
const HASH_CONTEXT: &str = "hardshell audit record v1";

/// A record's place in the log, from 1, without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

impl Seq {
    /// The place behind it.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The digest of a record, and through `prev` of every record before it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Reads 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        hash_from_hex(text.as_bytes())
    }
}

/// 64 lower-case hexadecimal digits.
impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A record as it stands in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    seq: Seq,
    time: Timestamp,
    prev: Hash,
    hash: Hash,
    kind: Kind,
    line: Arc<str>,
}

impl Record {
    /// Reads one line, without its line feed, and checks its own digest. Whether it follows the line before is for
    /// whoever has that line.
    ///
    /// # Errors
    ///
    /// [`Malformed`] when the line is not a record of version 1, or its digest does not match its bytes.
    pub fn parse(line: &[u8]) -> Result<Self, Malformed> {
        let head = Head::read(line)?;
        let text = std::str::from_utf8(line).map_err(|_not_text| Malformed { part: "encoding" })?;
        Ok(Self {
            seq: head.seq,
            time: head.time,
            prev: head.prev,
            hash: head.hash,
            kind: head.kind,
            line: text.into(),
        })
    }

    /// Its place in the log.
    #[must_use]
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// The clock's time when it was written, as it was; it may be earlier than that of the record before.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// The digest of the record before.
    #[must_use]
    pub fn prev(&self) -> Hash {
        self.prev
    }

    /// Its own digest.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// What kind of event it is of.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The line itself: one JSON object.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.line
    }

    /// The event, typed; nothing for the log's own kinds (`segment`, `open`, `checkpoint`, `pruned`).
    ///
    /// # Errors
    ///
    /// [`Malformed`] when a field is missing, unknown or of the wrong form.
    pub fn entry(&self) -> Result<Option<Entry>, Malformed> {
        if matches!(self.kind, Kind::Segment | Kind::Open | Kind::Checkpoint | Kind::Pruned) {
            return Ok(None);
        }
        wire::Fields::read(&self.line)?.entry()
    }
}

/// A line that is not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a record: bad {part}")]
pub struct Malformed {
    /// The part that could not be read: `version`, `seq`, `hash`, a field's name, …
    pub part: &'static str,
}

/// The fields that make the chain, read from their fixed places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) seq: Seq,
    pub(crate) time: Timestamp,
    pub(crate) prev: Hash,
    pub(crate) hash: Hash,
    pub(crate) kind: Kind,
}

impl Head {
    /// Reads the head of a line and checks its digest.
    pub(crate) fn read(line: &[u8]) -> Result<Self, Malformed> {
        if line.len() > LINE_BYTES_MAX {
            return Err(Malformed { part: "length" });
        }
        let (body, suffix) = line
            .len()
            .checked_sub(SUFFIX_BYTES)
            .and_then(|at| line.split_at_checked(at))
            .ok_or(Malformed { part: "hash" })?;
        let hash = suffix
            .strip_prefix(b",\"hash\":\"")
            .and_then(|rest| rest.strip_suffix(b"\"}"))
            .and_then(hash_from_hex)
            .ok_or(Malformed { part: "hash" })?;
        let rest = body.strip_prefix(b"{\"v\":1,\"seq\":").ok_or(Malformed { part: "version" })?;
        let (seq, rest) = number(rest).ok_or(Malformed { part: "seq" })?;
        let rest = rest.strip_prefix(b",\"time\":").ok_or(Malformed { part: "time" })?;
        let (time, rest) = number(rest).ok_or(Malformed { part: "time" })?;
        let rest = rest.strip_prefix(b",\"prev\":\"").ok_or(Malformed { part: "prev" })?;
        let (prev, rest) = rest.split_at_checked(64).ok_or(Malformed { part: "prev" })?;
        let prev = hash_from_hex(prev).ok_or(Malformed { part: "prev" })?;
        let rest = rest.strip_prefix(b"\",\"kind\":\"").ok_or(Malformed { part: "kind" })?;
        let word = rest.split(|byte| *byte == b'"').next().and_then(|word| std::str::from_utf8(word).ok());
        let kind = word.and_then(Kind::parse).ok_or(Malformed { part: "kind" })?;
        if digest(body) != hash {
            return Err(Malformed { part: "hash" });
        }
        Ok(Self { seq: Seq(seq), time: Timestamp(time), prev, hash, kind })
    }
}

/// Appends the line of one record, with its line feed, and returns its digest. `fields` is the record's JSON object
/// from `"kind"` on, with its braces.
pub(crate) fn append(
    out: &mut Vec<u8>,
    seq: Seq,
    time: Timestamp,
    prev: Hash,
    fields: &[u8],
    clock: Clock,
) -> Hash {
    let start = out.len();
    out.extend_from_slice(
        format!("{{\"v\":1,\"seq\":{seq},\"time\":{},\"prev\":\"{prev}\",", time.0).as_bytes(),
    );
    let inside = fields.strip_prefix(b"{").unwrap_or(fields);
    out.extend_from_slice(inside.strip_suffix(b"}").unwrap_or(inside));
    match clock {
        Clock::Steady => {}
        Clock::SetBack => out.extend_from_slice(b",\"clock\":\"back\""),
    }
    let hash = digest(out.get(start..).unwrap_or_default());
    out.extend_from_slice(format!(",\"hash\":\"{hash}\"}}\n").as_bytes());
    hash
}

/// Whether time went on since the record before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    /// It did, or stood still.
    Steady,
    /// The clock was set back: the record says so, and its time is as the clock says.
    SetBack,
}

fn digest(body: &[u8]) -> Hash {
    // In one piece: a hasher that could take more would cost half as much again as the hashing of so few bytes.
    Hash(*blake3::keyed_hash(&context_key(), body).as_bytes())
}

/// The context as a key, made once: deriving it anew for each record would double the work.
fn context_key() -> [u8; 32] {
    static KEY: std::sync::OnceLock<[u8; 32]> = std::sync::OnceLock::new();
    *KEY.get_or_init(|| blake3::derive_key(HASH_CONTEXT, b""))
}

fn hash_from_hex(digits: &[u8]) -> Option<Hash> {
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    let pairs: &[[u8; 2]; 32] = pairs.try_into().ok()?;
    let mut hash = [0; 32];
    for (byte, [high, low]) in hash.iter_mut().zip(pairs) {
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(Hash(hash))
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit & 0x0f),
        b'a'..=b'f' => Some((digit & 0x0f).wrapping_add(9)),
        _other => None,
    }
}

/// A decimal number without leading zeros, and what follows it.
fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = bytes.split_at_checked(digits)?;
    if number.len() > 1 && number.first() == Some(&b'0') {
        return None;
    }
    Some((std::str::from_utf8(number).ok()?.parse().ok()?, rest))
}
