//! The segment that is written: when the next one begins, and what its header closes.

use super::batch::Batch;
use super::{Open, Writer};
use crate::chain::{Header, Own, Void, Why};
use crate::recover::VOIDS_MAX;
use crate::segment::SEGMENT_BYTES_MAX;
use crate::{Kind, WriteFailure, folder};
use domain::Timestamp;
use std::fs::File;
use std::io::Error as IoError;
use std::time::Duration;

/// A segment is closed when its first record is this old, so that old records can be removed by the day.
const SEGMENT_AGE_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// A disk that failed is used again only when it has this much room and keeps this file, so that trying litters nothing.
const FREE_BYTES_MIN: u64 = 2 * 1024 * 1024;
pub(super) const TRIAL: &str = "trial.new";

impl Writer {
    /// Sees to it that there is a segment to append to, that is neither full nor old.
    pub(super) fn ready_segment(&mut self, now: Timestamp) -> Result<(), WriteFailure> {
        if let Some(open) = &self.segment {
            if open.length < SEGMENT_BYTES_MAX && now.since(open.begun) < SEGMENT_AGE_MAX {
                return Ok(());
            }
            if self.unsigned > 0 {
                self.write_batch(&[])?;
            }
            self.why = Why::Rotated;
        }
        self.begin_segment(now)
    }

    fn begin_segment(&mut self, now: Timestamp) -> Result<(), WriteFailure> {
        let number = self.number.saturating_add(1);
        let path = self.folder.segment_path(number);
        if self.voids.len() >= VOIDS_MAX {
            let reason = IoError::other("the disk failed too often; start Hardshell again when it is well");
            return Err(WriteFailure::new("create", &path, &reason));
        }
        if self.why == Why::Failed {
            self.try_disk()?;
        }
        self.measure_voids();
        let header = Own::Segment(Header {
            number,
            log: self.log.clone(),
            public_key: self.keys.public().to_string(),
            why: self.why,
            closes: self.voids.clone(),
        });
        let file =
            self.folder.create_segment(number).map_err(|error| WriteFailure::new("create", &path, &error))?;
        // From here on the number is taken, whatever becomes of the header.
        self.number = number;
        let mut batch = Batch { bytes: Vec::new(), chain: self.chain, records: Vec::new() };
        batch.add(Kind::Segment, &header.to_json(), now);
        let before = self.segment.take();
        self.segment = Some(Open { file, number, begun: now, length: 0 });
        self.append(&batch.bytes)?;
        if let Err(error) = folder::sync_folder(&self.folder.path) {
            self.segment = None;
            self.voids.push(Void { segment: number, offset: 0, length: 0 });
            self.why = Why::Failed;
            let reason = IoError::other(error.to_string());
            return Err(WriteFailure::new("flush", &self.folder.path, &reason));
        }
        drop(before);
        self.voids.clear();
        self.chain = batch.chain;
        self.unsigned = self.unsigned.saturating_add(1);
        self.announce(&batch);
        Ok(())
    }

    /// Fills in how long each void has become.
    fn measure_voids(&mut self) {
        for void in &mut self.voids {
            let length =
                std::fs::metadata(self.folder.segment_path(void.segment)).map_or(0, |found| found.len());
            void.length = length.saturating_sub(void.offset);
        }
    }

    fn try_disk(&self) -> Result<(), WriteFailure> {
        let path = self.folder.path.join(TRIAL);
        let failed = |error: IoError| WriteFailure::new("write", &path, &error);
        let found = rustix::fs::statvfs(&self.folder.path).map_err(|error| failed(error.into()))?;
        if found.f_bavail.saturating_mul(found.f_frsize) < FREE_BYTES_MIN {
            return Err(failed(std::io::ErrorKind::StorageFull.into()));
        }
        let kept = std::fs::write(&path, TRIAL).and_then(|()| File::open(&path)?.sync_data());
        kept.and_then(|()| std::fs::remove_file(&path)).map_err(failed)
    }
}
