//! One receiver: what it gets, and how far it has come.

mod resume;
mod trouble;

use crate::cursor::{Cursor, Refused};
use crate::error::Trouble;
use crate::feed::{BATCH_RECORDS_MAX, Fed, Feed};
use crate::link::{Link, Went};
use crate::message::Message;
use crate::shipping::Parts;
use crate::{Receiver, ReceiverState, To};
use audit::{Hash, ProofState, Record, Seq};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// How often it is looked whether the stop switch was released.
const SWITCH_EVERY: Duration = Duration::from_secs(1);
/// Streams are confirmed at the latest when so many records are on their way.
const ON_THE_WAY_MAX: u64 = 8192;

/// One receiver at work.
pub(crate) struct Ship {
    receiver: Receiver,
    parts: Parts,
    path: PathBuf,
    end: watch::Receiver<u64>,
    shown: Arc<Mutex<ReceiverState>>,
    cursor: Cursor,
    way: Option<(Feed, Link)>,
    /// What was written to a stream and is not confirmed.
    written: Option<Written>,
    /// What was confirmed lately, with when.
    fresh: VecDeque<(Instant, u64)>,
    /// What need not be sent again after a break.
    settled: u64,
    failures: u32,
    /// How many records a batch has: less after one that was too much.
    limit: usize,
    gap_sent: bool,
    /// When it was last put on record what was not taken.
    refused_told: Option<Instant>,
}

struct Written {
    first: Instant,
    last: Instant,
    seq: Seq,
    hash: Hash,
    count: u64,
}

/// What is to be done next.
enum Step {
    Stop,
    Confirm,
    /// Something is due to be put on record.
    Tell,
    Fed(Fed),
    Gone(Trouble),
}

impl Ship {
    pub(crate) fn of(receiver: Receiver, parts: Parts, path: PathBuf, end: watch::Receiver<u64>) -> Self {
        let cursor = Cursor::default();
        let shown = Arc::new(Mutex::new(ReceiverState::of(&receiver, &cursor, 0)));
        Self {
            receiver,
            parts,
            path,
            end,
            shown,
            cursor,
            way: None,
            written: None,
            fresh: VecDeque::new(),
            settled: 0,
            failures: 0,
            limit: BATCH_RECORDS_MAX,
            gap_sent: false,
            refused_told: None,
        }
    }

    pub(crate) fn shown(&self) -> Arc<Mutex<ReceiverState>> {
        Arc::clone(&self.shown)
    }

    /// For as long as the house stands.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        tokio::select! {
            begun = self.begin() => if !begun { return },
            _ = stop.wait_for(|stop| *stop) => return,
        }
        loop {
            let step = self.next(&mut stop).await;
            let done = async {
                match step {
                    Step::Stop => return false,
                    Step::Confirm => self.confirm().await,
                    Step::Tell => {}
                    Step::Gone(trouble) => self.failed(trouble).await,
                    Step::Fed(Fed::Records(records)) => self.deliver(records).await,
                    Step::Fed(Fed::Lost(gap)) => self.skip(gap).await,
                    Step::Fed(Fed::Closed) => return false,
                }
                self.keep_bound().await;
                if self.tell_due().is_some_and(|due| due <= Instant::now()) {
                    self.tell_refused().await;
                }
                true
            };
            // A stop does not wait for a receiver that takes nothing; what is under way comes again.
            let go_on = tokio::select! {
                go_on = done => go_on,
                () = stopped_for_long(&mut stop) => false,
            };
            self.show();
            if !go_on {
                break;
            }
        }
        self.confirm().await;
        if let Some((_, link)) = &mut self.way {
            link.close(self.parts.pace.answer).await;
        }
        self.tell_refused().await;
        self.keep();
        self.show();
    }

    /// Finds out where it had come, and whether the log is still the one that it had come in.
    async fn begin(&mut self) -> bool {
        let (folder, path) = (self.parts.log.folder().to_path_buf(), self.path.clone());
        loop {
            let (folder, path) = (folder.clone(), path.clone());
            let resumed = tokio::task::spawn_blocking(move || resume::resume(&folder, &path)).await;
            match resumed {
                Ok(Ok((cursor, said))) => {
                    self.cursor = cursor;
                    if let Some(said) = said {
                        self.note(ProofState::Failed, &said).await;
                    }
                    break;
                }
                Ok(Err(error)) => self.say_unknown(&crate::error::chain(&error)),
                Err(error) => self.say_unknown(&error.to_string()),
            }
            sleep(self.parts.pace.retry_max).await;
        }
        self.settled = self.cursor.seq;
        self.cursor.down_since = self.cursor.down_since.filter(|_since| self.cursor.told);
        match Link::to(&self.receiver, &self.parts, &self.cursor.log) {
            Ok(link) => {
                let feed = Feed::behind(Arc::clone(&self.parts.log), self.cursor.seq);
                self.way = Some((feed, link));
                self.keep_bound().await;
                self.show();
                true
            }
            Err(error) => {
                self.say_unknown(&error.to_string());
                false
            }
        }
    }

    /// What is to be done next; waits for it.
    async fn next(&mut self, stop: &mut watch::Receiver<bool>) -> Step {
        let pace = self.parts.pace;
        if self.receiver.to.is_remote() && (self.parts.stopped)() {
            self.rewind();
            while (self.parts.stopped)() {
                tokio::select! {
                    _ = stop.wait_for(|stop| *stop) => return Step::Stop,
                    () = sleep(SWITCH_EVERY) => {}
                }
            }
        }
        let gather = match self.receiver.to {
            To::Signatures(_) => pace.gather_signatures,
            To::File(_) | To::StandardOutput | To::Syslog(_) | To::Otlp(_) => pace.gather,
        };
        let due = self.written.as_ref().map(|written| {
            let idle = written.last.checked_add(pace.confirm_idle);
            let latest = written.first.checked_add(pace.confirm_latest);
            idle.into_iter().chain(latest).min().unwrap_or(written.last)
        });
        let tell = self.tell_due();
        let full = self.written.as_ref().is_some_and(|written| written.count >= ON_THE_WAY_MAX);
        let limit = self.limit;
        let Some((feed, link)) = &mut self.way else { return Step::Stop };
        if full {
            return Step::Confirm;
        }
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => Step::Stop,
            () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => Step::Confirm,
            () = tokio::time::sleep_until(tell.unwrap_or_else(Instant::now)), if tell.is_some() => Step::Tell,
            trouble = link.gone() => Step::Gone(trouble),
            fed = feed.next(gather, limit) => Step::Fed(fed),
        }
    }

    async fn deliver(&mut self, records: Vec<Record>) {
        let answer = self.parts.pace.answer;
        let sent = match self.messages(&records) {
            Ok(messages) => match &mut self.way {
                Some((_, link)) => link.send(&messages, answer).await,
                None => return,
            },
            Err(trouble) => Err(trouble),
        };
        let Some(last) = records.last() else { return };
        match sent {
            Ok(went) => self.took(last.seq(), last.hash(), &records, went).await,
            Err(Trouble::Never { why }) if records.len() > 1 => {
                tracing::debug!(receiver = %self.receiver.name, why, "a smaller batch may be taken");
                self.limit = records.len().div_euclid(2).max(1);
                self.put_back(records);
            }
            Err(Trouble::Never { why }) => {
                self.refused(last.seq().0, why).await;
            }
            Err(trouble) => {
                self.put_back(records);
                self.failed(trouble).await;
            }
        }
    }

    fn put_back(&mut self, records: Vec<Record>) {
        if let Some((feed, _)) = &mut self.way {
            feed.put_back(records);
        }
    }

    fn messages(&self, records: &[Record]) -> Result<Vec<Message>, Trouble> {
        // A secret that the vault came to know after the record was written is taken out on the way.
        let redactor = self.parts.egress.redactor().map_err(|error| Trouble::later(&error))?;
        let gap = self.cursor.gap.as_ref().filter(|_gap| !self.gap_sent);
        let gap = gap.map(|gap| Message::gap(gap, &self.cursor.log, (self.parts.clock)()));
        let messages = records.iter().map(|record| Message::of(record, &redactor));
        Ok(gap.into_iter().chain(messages).collect())
    }

    async fn took(&mut self, seq: Seq, hash: Hash, records: &[Record], went: Went) {
        let count = u64::try_from(records.len()).unwrap_or(u64::MAX);
        self.gap_sent = true;
        self.limit = self.limit.saturating_mul(2).min(BATCH_RECORDS_MAX);
        match went {
            Went::Taken => self.has(seq, hash, count).await,
            Went::Written => {
                let now = Instant::now();
                let written =
                    self.written.get_or_insert(Written { first: now, last: now, seq, hash, count: 0 });
                *written = Written {
                    first: written.first,
                    last: now,
                    seq,
                    hash,
                    count: written.count.saturating_add(count),
                };
            }
            Went::Partly { rejected, why } => {
                let from = records.first().map_or(seq.0, |first| first.seq().0);
                // One that names more than it was sent is no better believed for it.
                let rejected = rejected.min(count);
                self.cursor.set_error(&why);
                self.cursor.refuse(Refused { from, to: seq.0, count: rejected, why });
                self.cursor.skipped = self.cursor.skipped.saturating_add(rejected);
                self.has(seq, hash, count.saturating_sub(rejected)).await;
            }
        }
    }

    /// The receiver has everything up to `seq`.
    async fn has(&mut self, seq: Seq, hash: Hash, count: u64) {
        self.cursor.advance(seq, hash);
        self.cursor.gap = None;
        self.gap_sent = false;
        self.cursor.sent = self.cursor.sent.saturating_add(count);
        self.cursor.last_sent = Some((self.parts.clock)().0);
        let since = self.cursor.down_since.take();
        self.failures = 0;
        if std::mem::take(&mut self.cursor.told) {
            let seconds =
                since.map_or(0, |since| (self.parts.clock)().since(domain::Timestamp(since)).as_secs());
            let said = format!("`{}` takes records again, after {seconds} s", self.receiver.name);
            self.note(ProofState::Holds, &said).await;
        }
        self.keep();
    }

    async fn confirm(&mut self) {
        let Some(written) = self.written.take() else { return };
        let answer = self.parts.pace.answer;
        let Some((_, link)) = &mut self.way else { return };
        match link.confirm(answer).await {
            Ok(()) => {
                let now = Instant::now();
                let settle = self.parts.pace.settle;
                while let Some((_, seq)) =
                    self.fresh.front().filter(|(when, _)| now.duration_since(*when) >= settle)
                {
                    self.settled = *seq;
                    self.fresh.pop_front();
                }
                self.fresh.push_back((now, written.seq.0));
                self.has(written.seq, written.hash, written.count).await;
            }
            Err(trouble) => self.failed(trouble).await,
        }
    }

    fn keep(&self) {
        if let Err(error) = self.cursor.keep(&self.path) {
            // It goes on: what was sent since then is sent again after the next start.
            tracing::error!(
                error = crate::error::chain(&error),
                "how far a receiver has come could not be kept"
            );
        }
    }

    fn say_unknown(&self, why: &str) {
        tracing::error!(receiver = %self.receiver.name, why, "the audit log is not sent on");
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).unknown = Some(why.to_string());
    }

    fn show(&self) {
        let end = *self.end.borrow();
        let waits = self.written.is_some() || self.way.as_ref().is_some_and(|(feed, _)| feed.has_news());
        let behind = if waits { end.saturating_sub(self.cursor.seq) } else { 0 };
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) =
            ReceiverState::of(&self.receiver, &self.cursor, behind);
    }
}

/// Returns when a stop was asked for and what was under way has had its time.
async fn stopped_for_long(stop: &mut watch::Receiver<bool>) {
    const ITS_TIME: Duration = Duration::from_secs(1);
    // An error means that nobody can ask any more: the task is about to be dropped.
    drop(stop.wait_for(|stop| *stop).await);
    sleep(ITS_TIME).await;
}
