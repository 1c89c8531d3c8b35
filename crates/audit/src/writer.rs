//! The one thread that writes: it gathers what waits, writes it in one piece, flushes once, and only then answers.
//!
//! A piece that could not be written or flushed is void: the next piece goes into a new segment, whose header says
//! which bytes do not count. Nothing is ever cut off or written over.

mod batch;
mod segments;
mod task;

pub(crate) use task::{Job, Task};

use crate::chain::{Checkpoint, OpenedBy, Own, PrunedTo, RECORDS_PER_CHECKPOINT, Void, Why, genesis, hex};
use crate::folder::{Folder, Form};
use crate::key::Keys;
use crate::line::LINE_BYTES_MAX;
use crate::log::Flushes;
use crate::recover::{BATCH_BYTES_MAX, End};
use crate::{Error, Kind, Record, Seq, State, WriteFailure};
use batch::{Batch, Chain};
use domain::Timestamp;
use std::fs::File;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};
use tokio::sync::{broadcast, oneshot, watch};

/// The most records of one batch: what a crash leaves without a signature stays below [`crate::chain::UNSIGNED_MAX`].
const BATCH_RECORDS_MAX: usize = 256;
/// A signature is due when nothing was recorded for so long, so that the unsigned end is short in time too.
const IDLE_BEFORE_CHECKPOINT: Duration = Duration::from_secs(1);
/// Several writers are waited for during this part of a flush's time (one eighth): they then share each flush, rather
/// than every other one.
const GATHER_PART: f32 = 8.0;
/// They are waited for no longer than this.
const GATHER_MAX: Duration = Duration::from_millis(1);

/// The segment that is written.
struct Open {
    file: File,
    number: u32,
    begun: Timestamp,
    /// How many bytes are durable.
    length: u64,
}

/// When the unsigned end is signed, at the latest.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Signing {
    /// After [`IDLE_BEFORE_CHECKPOINT`].
    WhenIdle,
    /// With the next record that can be written: the disk took no signature, and trying each second would not help it;
    /// or the process before did not come to sign.
    WithNextRecord,
}

/// Whom the writer tells: followers, whoever asks whether it writes, and how long the disk takes.
pub(crate) type Told = (broadcast::Sender<Record>, watch::Sender<State>, Arc<Flushes>);

pub(crate) struct Writer {
    folder: Folder,
    keys: Keys,
    log: String,
    chain: Chain,
    segment: Option<Open>,
    /// The highest segment number on disk.
    number: u32,
    /// What the next header closes.
    voids: Vec<Void>,
    why: Why,
    unsigned: u64,
    signing: Signing,
    /// How many records the last batch had.
    last_batch: usize,
    /// How long the last flush took.
    flush_time: Duration,
    checkpoint: Option<Checkpoint>,
    records: broadcast::Sender<Record>,
    state: watch::Sender<State>,
    flushes: Arc<Flushes>,
    buffer: Vec<u8>,
    _lock: File,
}

impl Writer {
    /// Goes on where `end` says, with an `open` record.
    pub(crate) fn start(
        folder: Folder,
        lock: File,
        keys: Keys,
        end: End,
        now: Timestamp,
        (records, state, flushes): Told,
    ) -> Result<Self, Error> {
        let log = match end.log {
            Some(log) => log,
            None => new_log_name(&folder)?,
        };
        let start = Chain { seq: Seq(0), hash: genesis(&log, keys.public()), time: Timestamp(0) };
        let chain = end.last.map_or(start, |last| Chain { seq: last.seq, hash: last.hash, time: last.time });
        let why = match (end.last, end.damaged, end.voids.is_empty()) {
            (_, true, _) => Why::Damaged,
            (None, false, _) => Why::First,
            (Some(_), false, false) => Why::Torn,
            (Some(_), false, true) => Why::Rotated,
        };
        let segment = match end.last {
            Some(last) if end.voids.is_empty() && last.form == Form::Plain && last.segment == end.segment => {
                let file = folder.reopen_segment(last.segment)?;
                let path = folder.segment_path(last.segment);
                // What an earlier process wrote and did not live to flush is vouched for from here on.
                file.sync_data().map_err(|error| Error::io("flush", &path, error))?;
                Some(Open { file, number: last.segment, begun: last.begun, length: last.offset })
            }
            Some(_) | None => None,
        };
        // A disk that failed to the end left it.
        let _none = std::fs::remove_file(folder.path.join(segments::TRIAL));
        let mut writer = Self {
            folder,
            keys,
            log,
            chain,
            segment,
            number: end.segment,
            voids: end.voids,
            why,
            unsigned: end.unsigned,
            // What the last process left unsigned is signed before anything is added to it.
            signing: if end.unsigned > 0 { Signing::WithNextRecord } else { Signing::WhenIdle },
            last_batch: 1,
            flush_time: Duration::ZERO,
            checkpoint: end.checkpoint,
            records,
            state,
            flushes,
            buffer: Vec::with_capacity(LINE_BYTES_MAX),
            _lock: lock,
        };
        let opened =
            Own::Open(OpenedBy { version: env!("CARGO_PKG_VERSION").to_string(), unsigned: writer.unsigned });
        writer.write(&[(Kind::Open, opened.to_json(), now)]).map_err(Error::Write)?;
        Ok(writer)
    }

    /// Works until every sender is gone, then signs what is left.
    pub(crate) fn run(mut self, inbox: &Receiver<Task>) {
        loop {
            let task = if self.unsigned == 0 || self.signing == Signing::WithNextRecord {
                inbox.recv().map_err(|_all_gone| RecvTimeoutError::Disconnected)
            } else {
                inbox.recv_timeout(IDLE_BEFORE_CHECKPOINT)
            };
            match task {
                Ok(Task::Write(job)) => self.write_with_what_waits(job, inbox),
                Ok(Task::Checkpoint(reply)) => self.answer_checkpoint(reply),
                Ok(Task::Prune(pruned, now, reply)) => self.answer_prune(pruned, now, reply),
                Err(RecvTimeoutError::Timeout) => self.sign_when_idle(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.sign_when_idle();
        self.state.send_replace(State::Closed);
    }

    fn write_with_what_waits(&mut self, first: Job, inbox: &Receiver<Task>) {
        let mut jobs = vec![first];
        let mut asked = Vec::new();
        let mut bytes = jobs.first().map_or(0, |job| job.fields.len());
        let gather_until = Instant::now() + self.flush_time.div_f32(GATHER_PART).min(GATHER_MAX);
        // INVARIANT: a batch, its signature included, is at most BATCH_BYTES_MAX long.
        while bytes < BATCH_BYTES_MAX / 2 && jobs.len() < BATCH_RECORDS_MAX {
            let task = match inbox.try_recv() {
                Ok(task) => Ok(task),
                // Those whose records were just flushed are about to come back; a writer alone never waits.
                Err(_empty) if jobs.len() < self.last_batch => {
                    inbox.recv_timeout(gather_until.saturating_duration_since(Instant::now()))
                }
                Err(_empty_or_gone) => break,
            };
            match task {
                Ok(Task::Write(job)) => {
                    // The head and the digest of a line take less than 512 bytes.
                    bytes = bytes.saturating_add(job.fields.len()).saturating_add(512);
                    jobs.push(job);
                }
                Ok(other @ (Task::Checkpoint(_) | Task::Prune(..))) => asked.push(other),
                Err(_too_late_or_gone) => break,
            }
        }
        self.last_batch = jobs.len();
        let mut lines = Vec::with_capacity(jobs.len());
        let mut replies = Vec::with_capacity(jobs.len());
        for Job { kind, fields, time, reply, place } in jobs {
            lines.push((kind, fields, time));
            replies.push((reply, place));
        }
        match self.write(&lines) {
            Ok(first) => {
                let mut seq = first;
                for (reply, _place) in replies {
                    // A caller that stopped waiting has its record all the same.
                    let _gone = reply.send(Ok(seq));
                    seq = seq.next();
                }
            }
            Err(failure) => {
                for (reply, _place) in replies {
                    let _gone = reply.send(Err(Error::Write(failure.clone())));
                }
            }
        }
        for task in asked {
            match task {
                Task::Checkpoint(reply) => self.answer_checkpoint(reply),
                Task::Prune(pruned, now, reply) => self.answer_prune(pruned, now, reply),
                Task::Write(job) => self.write_with_what_waits(job, inbox),
            }
        }
    }

    fn answer_prune(
        &mut self,
        mut pruned: PrunedTo,
        now: Timestamp,
        reply: oneshot::Sender<Result<(), Error>>,
    ) {
        pruned.sign(&self.log, &self.keys);
        let record = (Kind::Pruned, Own::Pruned(pruned).to_json(), now);
        let written = self.write(&[record]).and_then(|_| self.write(&[]));
        let _gone = reply.send(written.map(|_| ()).map_err(Error::Write));
    }

    fn answer_checkpoint(&mut self, reply: oneshot::Sender<Result<Checkpoint, Error>>) {
        let written = if self.unsigned == 0 { Ok(()) } else { self.write(&[]).map(|_| ()) };
        let answer = match (written, &self.checkpoint) {
            (Ok(()), Some(checkpoint)) => Ok(checkpoint.clone()),
            (Ok(()), None) => Err(Error::Closed),
            (Err(failure), _) => Err(Error::Write(failure)),
        };
        let _gone = reply.send(answer);
    }

    fn sign_when_idle(&mut self) {
        if self.unsigned > 0
            && let Err(failure) = self.write(&[])
        {
            tracing::error!(%failure, "the audit log could not be signed");
            self.signing = Signing::WithNextRecord;
        }
    }

    /// Writes `lines` in one piece and flushes them, with a signature over what is durable before them when one is
    /// due or there are no lines, and returns the first line's place.
    fn write(&mut self, lines: &[(Kind, Vec<u8>, Timestamp)]) -> Result<Seq, WriteFailure> {
        let now = lines.first().map_or(self.chain.time, |line| line.2);
        let result = self.ready_segment(now).and_then(|()| self.write_batch(lines));
        match &result {
            Ok(_) => {
                self.signing = Signing::WhenIdle;
                self.state.send_if_modified(|state| {
                    let was_failed = *state != State::Writing;
                    *state = State::Writing;
                    was_failed
                });
            }
            Err(failure) => {
                tracing::error!(%failure, "the audit log cannot be written");
                self.state.send_replace(State::Failed(failure.clone()));
            }
        }
        result
    }

    fn write_batch(&mut self, lines: &[(Kind, Vec<u8>, Timestamp)]) -> Result<Seq, WriteFailure> {
        let mut batch =
            Batch { bytes: std::mem::take(&mut self.buffer), chain: self.chain, records: Vec::new() };
        batch.bytes.clear();
        let due = lines.is_empty()
            || self.unsigned >= RECORDS_PER_CHECKPOINT
            || (self.signing == Signing::WithNextRecord && self.unsigned > 0);
        let checkpoint = due.then(|| {
            Checkpoint::sign(&self.log, self.chain.seq, self.chain.hash, self.chain.time, &self.keys)
        });
        if let Some(checkpoint) = &checkpoint {
            batch.add(Kind::Checkpoint, &checkpoint.own().to_json(), checkpoint.time);
        }
        let first = batch.chain.seq.next();
        lines.iter().for_each(|(kind, fields, time)| batch.add(*kind, fields, *time));
        self.append(&batch.bytes)?;
        let signed = u64::from(checkpoint.is_some());
        if checkpoint.is_some() {
            self.checkpoint = checkpoint;
            self.unsigned = 0;
        }
        let count = u64::try_from(batch.records.len()).unwrap_or(u64::MAX).saturating_sub(signed);
        self.unsigned = self.unsigned.saturating_add(count);
        self.chain = batch.chain;
        self.announce(&batch);
        self.buffer = batch.bytes;
        Ok(first)
    }

    /// Appends `bytes` to the segment and flushes them. On failure the segment is given up.
    fn append(&mut self, bytes: &[u8]) -> Result<(), WriteFailure> {
        let Some(mut open) = self.segment.take() else {
            let path = self.folder.segment_path(self.number);
            return Err(WriteFailure::new("write", &path, &std::io::Error::other("no segment is open")));
        };
        let started = Instant::now();
        let written = open.file.write_all(bytes).map_err(|error| ("write", error));
        match written.and_then(|()| open.file.sync_data().map_err(|error| ("flush", error))) {
            Ok(()) => {
                self.flush_time = started.elapsed();
                self.flushes.count.fetch_add(1, Ordering::Relaxed);
                let micros = u64::try_from(self.flush_time.as_micros()).unwrap_or(u64::MAX);
                self.flushes.micros.fetch_add(micros, Ordering::Relaxed);
                open.length = open.length.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
                self.segment = Some(open);
                Ok(())
            }
            Err((step, error)) => {
                self.voids.push(Void { segment: open.number, offset: open.length, length: 0 });
                self.why = Why::Failed;
                Err(WriteFailure::new(step, &self.folder.segment_path(open.number), &error))
            }
        }
    }

    /// Tells the followers.
    fn announce(&self, batch: &Batch) {
        if self.records.receiver_count() == 0 {
            return;
        }
        let mut start = 0;
        for end in &batch.records {
            if let Some(record) =
                batch.bytes.get(start..end.saturating_sub(1)).and_then(|line| Record::parse(line).ok())
            {
                // Nobody follows any more: not an error.
                let _nobody = self.records.send(record);
            }
            start = *end;
        }
    }
}

fn new_log_name(folder: &Folder) -> Result<String, Error> {
    let mut name = [0; 16];
    getrandom::fill(&mut name).map_err(|error| {
        Error::io("draw random numbers for", &folder.path, std::io::Error::other(error.to_string()))
    })?;
    Ok(hex(&name))
}
