//! What the writer's thread is asked to do.

use crate::chain::PrunedTo;
use crate::{Checkpoint, Error, Kind, Seq};
use domain::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// What the thread is asked to do.
pub(crate) enum Task {
    /// Write one record.
    Write(Job),
    /// Sign what is there.
    Checkpoint(oneshot::Sender<Result<Checkpoint, Error>>),
    /// Record and sign that segments are about to be removed.
    Prune(PrunedTo, Timestamp, oneshot::Sender<Result<(), Error>>),
}

/// One record on its way to disk.
pub(crate) struct Job {
    pub(crate) kind: Kind,
    pub(crate) fields: Vec<u8>,
    pub(crate) time: Timestamp,
    pub(crate) reply: oneshot::Sender<Result<Seq, Error>>,
    pub(crate) place: OwnedSemaphorePermit,
}
