//! Remembers. What is about to happen is on disk before it happens, and nothing on disk is ever rewritten.
//!
//! The log is a chain of JSON lines in append-only segments: each record carries the digest of the one before, and
//! signed checkpoints vouch for the chain. An effect starts only with a [`Recorded`] in hand, and [`Log::record`] is
//! the only function that makes one, after the record is on disk.
//!
//! This crate must never: keep content or secrets (it keeps keyed digests of content), truncate or rewrite a segment,
//! report a record as written before it is on disk, or reach for the network.
#![forbid(unsafe_code)]

mod chain;
mod deed;
mod entry;
mod error;
mod folder;
mod heads;
mod key;
mod line;
mod log;
mod pack;
mod read;
mod recover;
mod segment;
mod tidy;
mod verify;
mod wire;
mod words;
mod writer;

pub use chain::{Checkpoint, CheckpointError, Void};
pub use deed::{Content, ContentKey, Deed, Target};
pub use entry::{Ending, Entry, Event, Subject};
pub use error::{Error, WriteFailure};
pub use key::{IndexKey, KEY_FILE, KeySource, PublicKey, PublicKeyError, sign_statement};
pub use line::{Hash, Malformed, Record, Seq};
pub use log::{Log, Missed, NothingSecret, Opened, Recordable, Recorded, Redact, State, Tail};
pub use pack::{HEADER_BYTES, LENGTH_AT, MEMBER_BYTES};
pub use read::{Segment, lines, newest, open_private, segments};
pub use tidy::{Retention, Tidied};
pub use verify::{Against, Fault, Go, Progress, Report, Wrong, verify};
pub use words::{
    Answer, BackupAct, Kind, LockdownAct, PolicyAct, ProofState, SecretAct, SettingAct, SignInAct, TargetKind,
};
