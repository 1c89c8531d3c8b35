//! What can be wrong with a log, in words that name the record.

use crate::Seq;
use std::fmt;
use std::path::PathBuf;

/// The first record that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The record; the one that should stand here, when it is gone.
    pub seq: Seq,
    /// The file.
    pub path: PathBuf,
    /// Where in the file, in bytes, unpacked.
    pub offset: usize,
    /// What is wrong.
    pub what: Wrong,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {} ({} at byte {}): {}", self.seq, self.path.display(), self.offset, self.what)
    }
}

/// What is wrong with a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// Its bytes do not match its digest, or are no record at all.
    Changed {
        /// The part that does not fit.
        part: &'static str,
    },
    /// It cannot be unpacked, nor can what follows it in its segment.
    Packing {
        /// The last record of the segment, as the segment behind it says.
        until: Option<Seq>,
    },
    /// Another file holds its segment too, and does not fit in: somebody put it there.
    SecondFile,
    /// Its digest is not the one that the record after it vouches for.
    Replaced,
    /// It is gone: another record stands in its place.
    Removed {
        /// The record that stands there.
        found: Seq,
    },
    /// It is not alone in its place, or another record was put or moved there.
    Inserted {
        /// The record that stands there.
        found: Seq,
    },
    /// The signature over the records since `since` does not fit: one or more of them were written anew.
    BadSignature {
        /// The first record that the signature before does not vouch for.
        since: Seq,
    },
    /// A signature over the records since `since` is due by here, and there is none.
    Unsigned {
        /// The first record that no signature vouches for.
        since: Seq,
    },
    /// A segment begins otherwise than it must.
    BadHeader,
    /// The log was signed by another key.
    OtherKey,
    /// Hardshell found, when it was started, that the end of the segment before had been changed.
    Damaged,
    /// The records before it are gone, and no removal is on record.
    StartMissing,
    /// A segment is gone.
    SegmentMissing {
        /// Its number.
        number: u32,
    },
    /// A checkpoint from another place vouches for a record that is not here any more.
    Cut,
    /// A checkpoint from another place vouches for another record here, or is not of this log and key.
    OtherHistory,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed { part } => write!(f, "it was changed (its {part} does not fit)"),
            Self::Packing { until: Some(until) } => {
                write!(f, "the records from here to {until} cannot be unpacked: the file was changed or cut")
            }
            Self::Packing { until: None } => {
                f.write_str("the records from here on cannot be unpacked: the file was changed or cut")
            }
            Self::SecondFile => f.write_str(
                "this file stands beside the one that holds this segment and says something else: somebody put it there",
            ),
            Self::Replaced => f.write_str("it was replaced (the record after it vouches for another)"),
            Self::Removed { found } => write!(f, "it was removed (record {found} stands in its place)"),
            Self::Inserted { found } => {
                write!(f, "a record was put in or moved here (record {found} stands in its place)")
            }
            Self::BadSignature { since } => {
                write!(f, "the signature over the records since {since} does not fit: some were written anew")
            }
            Self::Unsigned { since } => write!(
                f,
                "no signature vouches for the records since {since}, and Hardshell would have signed them by here: somebody without the key wrote them anew"
            ),
            Self::BadHeader => f.write_str("the segment does not begin as it must"),
            Self::OtherKey => f.write_str("the log was signed by another key"),
            Self::Damaged => {
                f.write_str("the end of the segment before was changed while Hardshell did not run")
            }
            Self::StartMissing => f.write_str("the records before it are gone and no removal is on record"),
            Self::SegmentMissing { number } => write!(f, "segment {number} is gone"),
            Self::Cut => f.write_str("the log was cut or an older one was put in its place: a signature kept outside of it vouches for this record"),
            Self::OtherHistory => f.write_str("a signature kept outside of the log vouches for another record here, or for another log"),
        }
    }
}
