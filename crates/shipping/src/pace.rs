//! How long things take, in one place: a test makes them short.

use std::time::Duration;

/// How long a receiver is waited for, and how often it is tried.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How long records are gathered, so that those written together go together.
    pub gather: Duration,
    /// The same where only signatures are copied.
    pub gather_signatures: Duration,
    /// How long one batch may take to be taken.
    pub answer: Duration,
    /// The wait after the first failure; it doubles with each.
    pub retry_first: Duration,
    /// The longest wait between two tries.
    pub retry_max: Duration,
    /// How long a receiver may take nothing before that is put on record.
    pub told_after: Duration,
    /// What a receiver would not take is put on record at most so often: many records in one.
    pub told_every: Duration,
    /// A stream is confirmed when nothing was written to it for so long.
    pub confirm_idle: Duration,
    /// And at the latest so long after the first write.
    pub confirm_latest: Duration,
    /// What was confirmed so long ago, to a receiver that was there ever since, is not sent again after a break: it
    /// has had the time to put down what it had read.
    pub settle: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            gather: Duration::from_millis(250),
            gather_signatures: Duration::from_secs(60),
            answer: Duration::from_secs(30),
            retry_first: Duration::from_secs(1),
            retry_max: Duration::from_secs(60),
            told_after: Duration::from_secs(60),
            told_every: Duration::from_secs(60),
            confirm_idle: Duration::from_secs(5),
            confirm_latest: Duration::from_secs(30),
            settle: Duration::from_secs(30),
        }
    }
}
