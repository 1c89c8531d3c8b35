//! What the log says of itself: where a segment begins, what it closes, and the signatures over everything before.

use crate::key::Keys;
use crate::{Hash, Malformed, PublicKey, Seq};
use domain::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A signature is due after so many records: each costs about 30 µs and 400 bytes.
pub(crate) const RECORDS_PER_CHECKPOINT: u64 = 256;
/// The most records that are ever left without a signature, whatever happens: all but one that make it due, and one
/// batch more. The first records of segments do not count: a failing disk makes one with each try.
pub(crate) const UNSIGNED_MAX: u64 = 2 * RECORDS_PER_CHECKPOINT;

/// The record kinds that only the log itself writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Own {
    /// First record of each segment.
    Segment(Header),
    /// The log was opened for writing.
    Open(OpenedBy),
    /// A signature over everything before.
    Checkpoint(Signed),
    /// Old segments are about to be removed.
    Pruned(PrunedTo),
}

/// What a segment says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// Counts from 1, without gaps.
    pub(crate) number: u32,
    /// The log's name: 32 random hexadecimal digits.
    pub(crate) log: String,
    /// The key that signs it.
    pub(crate) public_key: String,
    /// What became of the segment before.
    pub(crate) why: Why,
    /// The ends of older segments that are void: nothing in them was ever acknowledged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) closes: Vec<Void>,
}

/// Why a segment begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Why {
    /// The log begins.
    First,
    /// The segment before was long or old enough.
    Rotated,
    /// The segment before ends in a record that was being written when the power or the process went.
    Torn,
    /// The segment before could not be written.
    Failed,
    /// The segment before was changed by somebody.
    Damaged,
}

/// The end of a segment that is no part of the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Void {
    /// The segment.
    pub segment: u32,
    /// Where it begins, in bytes from the segment's start.
    pub offset: u64,
    /// How long it was when it was closed, in bytes.
    pub length: u64,
}

/// Who opened the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OpenedBy {
    /// The program's version.
    pub(crate) version: String,
    /// How many records stood after the last checkpoint.
    pub(crate) unsigned: u64,
}

/// A signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Signed {
    /// The last record it vouches for: the one before.
    pub(crate) signed_seq: u64,
    /// 128 hexadecimal digits.
    pub(crate) signature: String,
}

/// Which segments are gone, and where the chain went through them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PrunedTo {
    /// The first segment that went.
    pub(crate) first_segment: u32,
    /// The last segment that went.
    pub(crate) last_segment: u32,
    /// The last record that went.
    pub(crate) last_seq: u64,
    /// Its digest: what the first record that stays has as `prev`.
    pub(crate) last_hash: String,
    /// When that record was written.
    pub(crate) last_time: u64,
    /// The key's signature over all of it, 128 hexadecimal digits: what was written by somebody without the key removes
    /// nothing, also when a later signature over the chain goes over it.
    #[serde(default)]
    pub(crate) signature: String,
}

impl PrunedTo {
    pub(crate) fn sign(&mut self, log: &str, keys: &Keys) {
        self.signature = hex(&keys.sign(&self.message(log)));
    }

    /// Whether the key of the log named `log` made it.
    pub(crate) fn is_signed(&self, log: &str, key: PublicKey) -> bool {
        signature_from_hex(&self.signature)
            .is_some_and(|signature| key.is_signature_of(&self.message(log), &signature))
    }

    /// The bytes that are signed.
    fn message(&self, log: &str) -> Vec<u8> {
        let Self { first_segment, last_segment, last_seq, last_hash, last_time, signature: _ } = self;
        format!("hardshell audit pruned v1\n{log}\n{first_segment}\n{last_segment}\n{last_seq}\n{last_hash}\n{last_time}\n")
            .into_bytes()
    }
}

impl Own {
    pub(crate) fn read(line: &[u8]) -> Result<Self, Malformed> {
        serde_json::from_slice(line).map_err(|_not_fields| Malformed { part: "fields" })
    }

    pub(crate) fn to_json(&self) -> Vec<u8> {
        // Numbers and strings: there is nothing in here that JSON cannot say.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// What the first record of a log has as `prev`: bound to the log's name and key.
pub(crate) fn genesis(log: &str, public_key: PublicKey) -> Hash {
    Hash(blake3::derive_key("hardshell audit genesis v1", format!("{log}\n{public_key}").as_bytes()))
}

/// A statement, signed by the log's key, that the log had this record at this place. Kept in another place, it shows
/// later that the log was cut or replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name.
    pub log: String,
    /// The last record it vouches for.
    pub seq: Seq,
    /// That record's digest.
    pub hash: Hash,
    /// When it was signed.
    pub time: Timestamp,
    /// Ed25519 over all of it.
    pub signature: [u8; 64],
}

impl Checkpoint {
    pub(crate) fn sign(log: &str, seq: Seq, hash: Hash, time: Timestamp, keys: &Keys) -> Self {
        let mut checkpoint = Self { log: log.to_string(), seq, hash, time, signature: [0; 64] };
        checkpoint.signature = keys.sign(&checkpoint.message());
        checkpoint
    }

    /// The checkpoint that a `checkpoint` record holds.
    pub(crate) fn of_record(log: &str, head: &crate::line::Head, signed: &Signed) -> Result<Self, Malformed> {
        let signature = signature_from_hex(&signed.signature).ok_or(Malformed { part: "signature" })?;
        if Seq(signed.signed_seq).next() != head.seq {
            return Err(Malformed { part: "signed_seq" });
        }
        Ok(Self {
            log: log.to_string(),
            seq: Seq(signed.signed_seq),
            hash: head.prev,
            time: head.time,
            signature,
        })
    }

    /// The signature that a record of the log named `log` holds; nothing when it holds none. Whether it is good is for
    /// whoever has the key.
    #[must_use]
    pub fn in_record(record: &crate::Record, log: &str) -> Option<Self> {
        let line = record.json().as_bytes();
        let (Ok(head), Ok(Own::Checkpoint(signed))) = (crate::line::Head::read(line), Own::read(line)) else {
            return None;
        };
        Self::of_record(log, &head, &signed).ok()
    }

    /// The bytes that are signed.
    pub(crate) fn message(&self) -> Vec<u8> {
        format!("hardshell audit checkpoint v1\n{}\n{}\n{}\n{}\n", self.log, self.seq, self.hash, self.time.0)
            .into_bytes()
    }

    pub(crate) fn own(&self) -> Own {
        Own::Checkpoint(Signed { signed_seq: self.seq.0, signature: hex(&self.signature) })
    }
}

/// One line, read back by [`Checkpoint::from_str`]: `hardshell-checkpoint v1 LOG SEQ HASH TIME SIGNATURE`.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { log, seq, hash, time, signature } = self;
        write!(f, "hardshell-checkpoint v1 {log} {seq} {hash} {} {}", time.0, hex(signature))
    }
}

/// The text is not a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a checkpoint of version 1: bad {part}")]
pub struct CheckpointError {
    /// The part that could not be read.
    pub part: &'static str,
}

impl FromStr for Checkpoint {
    type Err = CheckpointError;

    fn from_str(text: &str) -> Result<Self, CheckpointError> {
        let bad = |part| CheckpointError { part };
        let rest = text.trim().strip_prefix("hardshell-checkpoint v1 ").ok_or(bad("version"))?;
        let mut words = rest.split(' ');
        let mut word = |part| words.next().ok_or(bad(part));
        let checkpoint = Self {
            log: word("log").ok().filter(|log| is_log_name(log)).ok_or(bad("log"))?.to_string(),
            seq: Seq(word("seq")?.parse().map_err(|_not_a_number| bad("seq"))?),
            hash: Hash::from_hex(word("hash")?).ok_or(bad("hash"))?,
            time: Timestamp(word("time")?.parse().map_err(|_not_a_number| bad("time"))?),
            signature: signature_from_hex(word("signature")?).ok_or(bad("signature"))?,
        };
        match words.next() {
            None => Ok(checkpoint),
            Some(_more) => Err(bad("end")),
        }
    }
}

/// Whether `text` can be a log's name: 32 lower-case hexadecimal digits.
pub(crate) fn is_log_name(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len().saturating_mul(2)), |mut text, byte| {
        // Writing to a String cannot fail.
        let _written = write!(text, "{byte:02x}");
        text
    })
}

fn signature_from_hex(text: &str) -> Option<[u8; 64]> {
    let (left, right) = text.split_at_checked(64).filter(|_| text.len() == 128)?;
    let mut signature = [0; 64];
    let (first, second) = signature.split_at_mut(32);
    first.copy_from_slice(&Hash::from_hex(left)?.0);
    second.copy_from_slice(&Hash::from_hex(right)?.0);
    Some(signature)
}
