//! Lines on their way to disk, chained one to the other.

use crate::{Hash, Kind, Seq, line};
use domain::Timestamp;

/// The last durable record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chain {
    pub(super) seq: Seq,
    pub(super) hash: Hash,
    pub(super) time: Timestamp,
}

/// Lines that are written in one piece.
pub(super) struct Batch {
    pub(super) bytes: Vec<u8>,
    pub(super) chain: Chain,
    /// Where each line ends, its line feed included.
    pub(super) records: Vec<usize>,
}

impl Batch {
    pub(super) fn add(&mut self, kind: Kind, fields: &[u8], time: Timestamp) {
        debug_assert!(
            fields.starts_with(format!("{{\"kind\":\"{kind}\"").as_bytes()),
            "a record begins with its kind"
        );
        let seq = self.chain.seq.next();
        let clock = if time < self.chain.time { line::Clock::SetBack } else { line::Clock::Steady };
        let hash = line::append(&mut self.bytes, seq, time, self.chain.hash, fields, clock);
        self.chain = Chain { seq, hash, time };
        self.records.push(self.bytes.len());
    }
}
