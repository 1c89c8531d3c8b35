//! Records behind a cursor, in order: those at hand from memory, all others from the log's files.

use crate::cursor::Gap;
use crate::message::{News, is_own};
use audit::{Log, Record, Seq, Tail};
use audit_query::{Filter, Order};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// How many records are read from the files at once: some 2 MB.
const PAGE_RECORDS: usize = 4096;
/// How many records go in one batch at most.
pub(crate) const BATCH_RECORDS_MAX: usize = 512;
/// And how many bytes of them: what collectors take in one request is a few megabytes.
const BATCH_BYTES_MAX: usize = 1024 * 1024;
/// How long files that cannot be read are left alone.
const UNREADABLE_PAUSE: Duration = Duration::from_secs(5);

/// Where a receiver's records come from.
pub(crate) struct Feed {
    log: Arc<Log>,
    tail: Tail,
    /// The next record that is wanted.
    next: u64,
    waiting: VecDeque<Record>,
    /// What is missing behind those that wait.
    gap: Option<Gap>,
    /// Whether the files have records that are not waiting.
    behind: bool,
    news: News,
    has_news: bool,
}

/// What came of asking for records.
pub(crate) enum Fed {
    /// These follow.
    Records(Vec<Record>),
    /// These are not in the log any more.
    Lost(Gap),
    /// The log is closed.
    Closed,
}

impl Feed {
    /// Behind `after`.
    pub(crate) fn behind(log: Arc<Log>, after: u64) -> Self {
        // The tail first: what is written between it and the first look into the files is in both.
        let tail = log.tail();
        let (waiting, news) = (VecDeque::new(), News::default());
        let next = after.saturating_add(1);
        Self { log, tail, next, waiting, gap: None, behind: true, news, has_news: false }
    }

    /// Goes on behind `after`, be it further on or back.
    pub(crate) fn go_to(&mut self, after: u64) {
        self.next = after.saturating_add(1);
        self.waiting.clear();
        self.gap = None;
        self.behind = true;
        self.has_news = false;
    }

    /// Whether something waits to be sent that is worth sending by itself.
    pub(crate) fn has_news(&self) -> bool {
        self.has_news || self.behind
    }

    /// The next batch, of `limit` records at most, once there is news. Safe to cancel.
    pub(crate) async fn next(&mut self, gather: Duration, limit: usize) -> Fed {
        let limit = limit.clamp(1, BATCH_RECORDS_MAX);
        loop {
            let is_full = self.waiting.len() >= limit && (self.has_news || self.behind);
            if is_full || (self.gap.is_some() && !self.waiting.is_empty()) {
                return Fed::Records(self.batch(limit));
            }
            if let Some(gap) = self.gap.take() {
                return Fed::Lost(gap);
            }
            if self.behind {
                self.read_page().await;
            } else if self.has_news {
                let fills = async { while self.waiting.len() < limit && self.pull().await {} };
                // What comes within the time goes along.
                let _elapsed = tokio::time::timeout(gather, fills).await;
                return Fed::Records(self.batch(limit));
            } else if !self.pull().await && !self.behind {
                return Fed::Closed;
            }
        }
    }

    /// Puts back what was not taken.
    pub(crate) fn put_back(&mut self, records: Vec<Record>) {
        self.has_news |= !records.iter().all(is_own);
        for record in records.into_iter().rev() {
            self.waiting.push_front(record);
        }
    }

    fn batch(&mut self, limit: usize) -> Vec<Record> {
        let mut batch = Vec::new();
        let mut bytes = 0_usize;
        while batch.len() < limit {
            let Some(record) = self.waiting.front() else { break };
            bytes = bytes.saturating_add(record.json().len());
            if bytes > BATCH_BYTES_MAX && !batch.is_empty() {
                break;
            }
            batch.extend(self.waiting.pop_front());
        }
        // What is left of a batch goes on only for what is news in it.
        self.has_news = !self.waiting.iter().all(is_own);
        batch
    }

    /// Takes the next record from the tail; no when it has to come from the files, or there is none any more.
    async fn pull(&mut self) -> bool {
        match self.tail.next().await {
            Some(Ok(record)) if record.seq().0 == self.next => self.take(record),
            // It was read from the files already.
            Some(Ok(record)) if record.seq().0 < self.next => {}
            Some(Ok(_) | Err(_)) => {
                self.behind = true;
                return false;
            }
            None => return false,
        }
        true
    }

    /// Reads what the files have from here on, up to what is missing.
    async fn read_page(&mut self) {
        let after = Seq(self.next.saturating_sub(1));
        let filter = Filter { after: Some(after), order: Order::OldestFirst, ..Filter::default() };
        let folder = self.log.folder().to_path_buf();
        let read =
            tokio::task::spawn_blocking(move || audit_query::query(&folder, &filter, PAGE_RECORDS)).await;
        let found = match read {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => return pause(&error).await,
            Err(error) => return pause(&error).await,
        };
        self.behind = found.more;
        for record in found.records {
            let seq = record.seq().0;
            if seq > self.next {
                // Pruned, or a line that is no record: `audit verify` says which.
                let why = "they are not in the log any more".to_string();
                self.gap = Some(Gap { from: self.next, to: seq.saturating_sub(1), why });
                self.next = seq;
                self.behind = true;
                return;
            }
            self.take(record);
        }
    }

    fn take(&mut self, record: Record) {
        self.next = record.seq().0.saturating_add(1);
        self.has_news |= self.news.is(&record);
        self.waiting.push_back(record);
    }
}

async fn pause(error: &(dyn std::error::Error + Send + Sync + 'static)) {
    tracing::error!(error = crate::error::chain(error), "the audit log cannot be read to be sent on");
    tokio::time::sleep(UNREADABLE_PAUSE).await;
}
