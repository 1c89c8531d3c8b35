//! The log as its callers hold it: record, note, follow, and know whether it can be written.

use crate::folder::Folder;
use crate::key::{IfMissing, Keys};
use crate::line::FIELDS_BYTES_MAX;
use crate::tidy::{self, Retention, Tidied};
use crate::wire::Fields;
use crate::writer::{Job, Task, Writer};
use crate::{
    Checkpoint, ContentKey, Entry, Error, KeySource, PublicKey, Record, Seq, Void, WriteFailure, recover,
};
use domain::Timestamp;
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{Semaphore, broadcast, oneshot, watch};

/// How many records may wait for the disk; more callers wait their turn.
const QUEUE_RECORDS_MAX: usize = 4096;
/// How many records a slow follower of [`Log::tail`] may be behind before it is told that it missed some.
const TAIL_RECORDS_MAX: usize = 1024;

/// A value that has an entry in the log.
pub trait Recordable {
    /// What is written down of it. Texts in it are redacted by the log.
    fn entry(&self) -> Entry;
}

/// Proof that the entry of the value inside is on disk. Only [`Log::record`] makes one, and it is good for one use.
#[must_use]
#[derive(Debug)]
pub struct Recorded<T> {
    value: T,
    seq: Seq,
}

impl<T> Recorded<T> {
    /// The value, to look at.
    pub fn get(&self) -> &T {
        &self.value
    }

    /// The value, to act on.
    pub fn into_inner(self) -> T {
        self.value
    }

    /// Where its entry stands in the log.
    pub fn seq(&self) -> Seq {
        self.seq
    }
}

/// Takes secrets out of a text.
pub trait Redact: Send + Sync {
    /// `text` without what must not be written down.
    fn redact<'a>(&self, text: &'a str) -> Cow<'a, str>;
}

/// For a log whose house holds no secret: texts stay as they are.
#[derive(Clone, Copy, Debug)]
pub struct NothingSecret;

impl Redact for NothingSecret {
    fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        Cow::Borrowed(text)
    }
}

/// Flushes of the disk so far.
#[derive(Debug, Default)]
pub(crate) struct Flushes {
    pub(crate) count: AtomicU64,
    pub(crate) micros: AtomicU64,
}

/// Whether records can be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// They can.
    Writing,
    /// They cannot. Each new record tries again; nothing is lost by trying.
    Failed(WriteFailure),
    /// The log was closed.
    Closed,
}

/// What was found when the log was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The last record that was there; none in a new log.
    pub last: Option<Seq>,
    /// How many records stand after the last checkpoint; zero after a clean stop.
    pub unsigned: u64,
    /// The last checkpoint that was there.
    pub checkpoint: Option<Checkpoint>,
    /// The ends of segments that were closed because of a crash in the middle of a write.
    pub torn: Vec<Void>,
    /// The ends of segments that were closed because somebody changed them: nothing that Hardshell writes, and no
    /// crash, looks like this. Reason enough for a lockdown.
    pub damaged: Vec<Void>,
}

/// A follower was too slow: so many records passed it by. They are in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} records passed by too fast to follow")]
pub struct Missed(pub u64);

/// Records as they are written.
#[derive(Debug)]
pub struct Tail(broadcast::Receiver<Record>);

impl Tail {
    /// The next record, once it is on disk; nothing when the log is closed. Safe to cancel.
    ///
    /// # Errors
    ///
    /// [`Missed`] when more than 1024 records came in since the last call; the call after it goes on behind them.
    pub async fn next(&mut self) -> Option<Result<Record, Missed>> {
        match self.0.recv().await {
            Ok(record) => Some(Ok(record)),
            Err(broadcast::error::RecvError::Lagged(missed)) => Some(Err(Missed(missed))),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

/// The log, open for writing. One per house; share it in an `Arc`.
pub struct Log {
    folder: PathBuf,
    content_key: ContentKey,
    public_key: PublicKey,
    redact: Arc<dyn Redact>,
    tasks: Mutex<Option<mpsc::Sender<Task>>>,
    places: Arc<Semaphore>,
    records: broadcast::WeakSender<Record>,
    state: watch::Receiver<State>,
    flushes: Arc<Flushes>,
    thread: Mutex<Option<JoinHandle<()>>>,
    tidying: Mutex<()>,
}

impl Log {
    /// Opens the log in `folder` for writing, making folder and key if this is the first time, and closes off what a
    /// crash left. Blocks for the length of reading one segment (16 MiB). Every text of every entry passes `redact`.
    ///
    /// A `folder` or key that others can reach is refused, with the command that mends it in the error.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`] when another process has it open; [`Error::KeyMissing`], [`Error::KeyDiffers`] when the log was
    /// signed by a key that is not here; [`Error::Exposed`], [`Error::Foreign`], [`Error::WrongType`] for files that
    /// are not safe; [`Error::Newer`]; [`Error::Io`]; [`Error::Write`] when the disk takes no record.
    pub fn open(
        folder: &Path,
        key: &KeySource,
        redact: Arc<dyn Redact>,
        now: Timestamp,
    ) -> Result<(Self, Opened), Error> {
        let folder = Folder::make(folder)?;
        let lock = folder.lock()?;
        let segments = folder.segments()?;
        let keys = Keys::load(key, if segments.is_empty() { IfMissing::Make } else { IfMissing::Refuse })?;
        let (content_key, public_key) = (keys.content.clone(), keys.public());
        let found = recover::find_end(&segments, public_key)?;
        let path = folder.path.clone();
        let opened = found.opened();

        let (tasks, inbox) = mpsc::channel();
        let (records, _) = broadcast::channel(TAIL_RECORDS_MAX);
        let (state_sender, state) = watch::channel(State::Writing);
        let weak_records = records.downgrade();
        let flushes = Arc::new(Flushes::default());
        let told = (records, state_sender, Arc::clone(&flushes));
        let writer = Writer::start(folder, lock, keys, found, now, told)?;
        let thread = std::thread::Builder::new()
            .name("audit".to_string())
            .spawn(move || writer.run(&inbox))
            .map_err(|error| Error::io("start the writer of", &path, error))?;
        let log = Self {
            folder: path,
            content_key,
            public_key,
            redact,
            tasks: Mutex::new(Some(tasks)),
            places: Arc::new(Semaphore::new(QUEUE_RECORDS_MAX)),
            records: weak_records,
            state,
            flushes,
            thread: Mutex::new(Some(thread)),
            tidying: Mutex::new(()),
        };
        Ok((log, opened))
    }

    /// Writes the entry of `value` down and gives `value` back as recorded, once the entry is on disk.
    ///
    /// When it fails, or the future is dropped, the value is gone: what is not on record cannot be done. A dropped
    /// future may leave the entry in the log all the same.
    ///
    /// # Errors
    ///
    /// [`Error::Write`] when the disk does not take it; [`Error::Closed`]; [`Error::TooLong`].
    pub async fn record<T: Recordable>(&self, value: T, now: Timestamp) -> Result<Recorded<T>, Error> {
        let seq = self.note(value.entry(), now).await?;
        Ok(Recorded { value, seq })
    }

    /// Writes `entry` down and returns its place, once it is on disk.
    ///
    /// # Errors
    ///
    /// As [`Log::record`].
    pub async fn note(&self, entry: Entry, now: Timestamp) -> Result<Seq, Error> {
        let kind = entry.event.kind();
        let fields = Fields::of(&entry, self.redact.as_ref()).to_json();
        if fields.len() > FIELDS_BYTES_MAX {
            return Err(Error::TooLong { found: fields.len(), limit: FIELDS_BYTES_MAX });
        }
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_closed| Error::Closed)?;
        let (reply, answer) = oneshot::channel();
        self.send(Task::Write(Job { kind, fields, time: now, reply, place }))?;
        answer.await.map_err(|_writer_is_gone| Error::Closed)?
    }

    /// Signs everything that is on disk so far, now rather than at the next turn (every 256 records, and a second
    /// after the last record), and returns the signature, to be kept in another place.
    ///
    /// # Errors
    ///
    /// [`Error::Write`], [`Error::Closed`].
    pub async fn checkpoint(&self) -> Result<Checkpoint, Error> {
        let (reply, answer) = oneshot::channel();
        self.send(Task::Checkpoint(reply))?;
        answer.await.map_err(|_writer_is_gone| Error::Closed)?
    }

    /// Tidies closed segments: removes what `retention` does not keep (which is on record before it is done, so that
    /// the rest can still be proved whole), packs the others and makes their indexes. Blocks for about half a second a
    /// segment; call it after the start and every hour, away from the tasks that wait for records.
    ///
    /// # Errors
    ///
    /// [`Error::Write`] when the removal cannot be recorded; [`Error::Io`]; [`Error::Closed`].
    pub fn tidy(&self, retention: Retention, now: Timestamp) -> Result<Tidied, Error> {
        let _one_at_a_time = self.tidying.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = Folder::at(&self.folder)?;
        let mut tidied = Tidied::default();
        if let Some(pruned) = tidy::to_prune(&folder, retention, now)? {
            let (reply, answer) = oneshot::channel();
            self.send(Task::Prune(pruned.clone(), now, reply))?;
            answer.blocking_recv().map_err(|_writer_is_gone| Error::Closed)??;
            tidied.removed = tidy::remove(&folder, &pruned)?;
            tidied.pruned = Some(Seq(pruned.last_seq));
        }
        tidied.packed = tidy::pack_closed(&folder)?;
        Ok(tidied)
    }

    /// Follows the log from here on.
    #[must_use]
    pub fn tail(&self) -> Tail {
        let receiver = self.records.upgrade().map(|records| records.subscribe());
        Tail(receiver.unwrap_or_else(|| broadcast::channel(1).1))
    }

    /// Whether records can be written.
    #[must_use]
    pub fn state(&self) -> State {
        self.state.borrow().clone()
    }

    /// How often the disk was flushed, and how long all of that took.
    #[must_use]
    pub fn flushes(&self) -> (u64, Duration) {
        let Flushes { count, micros } = &*self.flushes;
        (count.load(Ordering::Relaxed), Duration::from_micros(micros.load(Ordering::Relaxed)))
    }

    /// The key of the digests of content.
    #[must_use]
    pub fn content_key(&self) -> &ContentKey {
        &self.content_key
    }

    /// The key that checks the log.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.public_key
    }

    /// Where the log is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Signs what is left and closes the log. Records that were accepted before are written first. Blocks until the
    /// disk has them; dropping the log does the same.
    pub fn close(&self) {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).take();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the audit log's writer ended in a panic");
        }
    }

    fn send(&self, task: Task) -> Result<(), Error> {
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.as_ref().ok_or(Error::Closed)?.send(task).map_err(|_writer_is_gone| Error::Closed)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.close();
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log")
            .field("folder", &self.folder)
            .field("public_key", &self.public_key)
            .finish_non_exhaustive()
    }
}
