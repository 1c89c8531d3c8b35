//! The store as its callers hold it: a handle to the one thread that works on the database.

use crate::home::First;
use crate::{Error, Tx, home};
use domain::Timestamp;
use rusqlite::Connection;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// How many calls may wait for the thread; more callers wait their turn.
const QUEUE_CALLS_MAX: usize = 1024;
/// How many waiting calls share one commit. Each holds the others up, so not too many.
const CALLS_PER_COMMIT_MAX: usize = 64;

/// What was found when the store was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The version of the database before it was brought up to date; 0 for a new one.
    pub from_version: i64,
    /// Whether the process before this one ended without closing the store: the whole database was then checked.
    pub after_crash: bool,
}

/// The store. One per house; clones share it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    calls: Mutex<Option<mpsc::Sender<Call>>>,
    places: Arc<Semaphore>,
    thread: Mutex<Option<JoinHandle<()>>>,
    path: Option<PathBuf>,
}

/// What the thread is asked to do.
enum Call {
    /// Run one closure, which hands back how to tell the caller.
    Run(Work, OwnedSemaphorePermit),
    /// Copy the whole database, outside of any transaction.
    Copy(PathBuf, oneshot::Sender<Result<(), Error>>),
}

/// Runs with a transaction, or is told why there is none.
type Work = Box<dyn FnOnce(Result<&Tx<'_>, Error>) -> (Keep, Tell) + Send>;

/// Whether what a closure changed is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Yes,
    No,
}

/// Tells the caller, once it is known whether the commit went well.
type Tell = Box<dyn FnOnce(Result<(), Error>) + Send>;

impl Store {
    /// Opens `home/state.db`, making it if this is the first time, and brings it up to date. Blocks; after a crash for
    /// as long as it takes to check the whole database.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`]; [`Error::Exposed`], [`Error::Foreign`], [`Error::WrongType`] for files that are not safe;
    /// [`Error::Newer`], [`Error::NotOurs`]; [`Error::Corrupt`] when it was damaged and has been set aside, and
    /// [`Error::Missing`] at every start after that until a backup is restored or [`Store::begin_anew`] is called;
    /// [`Error::DiskFull`], [`Error::Io`], [`Error::Database`].
    pub fn open(home: &Path, now: Timestamp) -> Result<(Self, Opened), Error> {
        Self::open_as(home, now, First::MayBe)
    }

    /// Opens `home/state.db` where it is known to have been: one that is not there, or that nothing was ever in, is an
    /// error, and none is made.
    ///
    /// # Errors
    ///
    /// [`Error::Empty`]; and as [`Store::open`].
    pub fn open_used(home: &Path, now: Timestamp) -> Result<(Self, Opened), Error> {
        Self::open_as(home, now, First::Was)
    }

    fn open_as(home: &Path, now: Timestamp, first: First) -> Result<(Self, Opened), Error> {
        let lock = home::lock(home)?;
        let path = home::database_path(home);
        if !path.exists()
            && let Some(set_aside) = home::backups_of_damage(home)?.pop()
        {
            return Err(Error::Missing { path, set_aside });
        }
        let (connection, opened) = home::connect(home, now, first)?;
        Ok((Self::start(connection, Some(lock), Some(path))?, opened))
    }

    /// Makes an empty `home/state.db` although a damaged one is set aside, or one was there: only for an owner who said
    /// so.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] when there is a database with something in it; and as [`Store::open`].
    pub fn begin_anew(home: &Path, now: Timestamp) -> Result<Self, Error> {
        let lock = home::lock(home)?;
        let path = home::database_path(home);
        let (connection, opened) = home::connect(home, now, First::MayBe)?;
        if opened.from_version > 0 {
            home::close(connection);
            return Err(Error::Conflict {
                what: "database",
                id: path.display().to_string(),
                found: "there already",
            });
        }
        Self::start(connection, Some(lock), Some(path))
    }

    /// A store in memory, gone with the last handle.
    ///
    /// # Errors
    ///
    /// [`Error::Database`] when SQLite gives no memory.
    pub fn in_memory() -> Result<Self, Error> {
        Self::start(home::connect_in_memory()?, None, None)
    }

    fn start(connection: Connection, lock: Option<File>, path: Option<PathBuf>) -> Result<Self, Error> {
        let (sender, calls) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("store".to_string())
            .spawn(move || {
                work(&connection, &calls);
                home::close(connection);
                drop(lock);
            })
            .map_err(|error| {
                Error::io("start the thread of", path.as_deref().unwrap_or(Path::new("memory")), error)
            })?;
        let inner = Inner {
            calls: Mutex::new(Some(sender)),
            places: Arc::new(Semaphore::new(QUEUE_CALLS_MAX)),
            thread: Mutex::new(Some(thread)),
            path,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Runs `work` on the database. Everything it changes is on disk when this returns `Ok`, and nothing of it is kept
    /// when `work` or the commit fails. Calls that wait at the same time share one flush of the disk.
    ///
    /// `work` runs on the store's thread and holds everybody up: no waiting and no long computing in it.
    /// When the future is dropped, `work` may run all the same.
    ///
    /// # Errors
    ///
    /// What `work` returns; [`Error::DiskFull`], [`Error::Database`] when the commit fails; [`Error::Closed`].
    pub async fn run<R, F>(&self, work: F) -> Result<R, Error>
    where
        R: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<R, Error> + Send + 'static,
    {
        let place = Arc::clone(&self.inner.places).acquire_owned().await.map_err(|_closed| Error::Closed)?;
        let (reply, answer) = oneshot::channel();
        let work = move |tx: Result<&Tx<'_>, Error>| -> (Keep, Tell) {
            let result = tx.and_then(work);
            let keep = if result.is_ok() { Keep::Yes } else { Keep::No };
            let tell = move |committed: Result<(), Error>| {
                let result = match result {
                    Ok(value) => committed.map(|()| value),
                    Err(error) => Err(error),
                };
                // A caller that stopped waiting does not hear of it.
                let _gone = reply.send(result);
            };
            (keep, Box::new(tell))
        };
        self.send(Call::Run(Box::new(work), place))?;
        answer.await.map_err(|_thread_is_gone| Error::Closed)?
    }

    /// Writes a copy of the whole database, as it is between two commits, to `path`, which must not be there. The copy
    /// is a database of its own, of mode 0600.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] when `path` is there; [`Error::DiskFull`], [`Error::Io`], [`Error::Database`],
    /// [`Error::Closed`].
    pub async fn copy_to(&self, path: PathBuf) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        self.send(Call::Copy(path, reply))?;
        answer.await.map_err(|_thread_is_gone| Error::Closed)?
    }

    /// Where the database is; nothing for one in memory.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.inner.path.as_deref()
    }

    /// Finishes what was accepted and closes the database. Blocks. Dropping the last handle does the same.
    pub fn close(&self) {
        self.inner.close();
    }

    fn send(&self, call: Call) -> Result<(), Error> {
        let calls = self.inner.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.as_ref().ok_or(Error::Closed)?.send(call).map_err(|_thread_is_gone| Error::Closed)
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.inner.path).finish_non_exhaustive()
    }
}

impl Inner {
    fn close(&self) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).take();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the store's thread ended in a panic");
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

fn work(connection: &Connection, calls: &mpsc::Receiver<Call>) {
    while let Ok(first) = calls.recv() {
        let waiting = std::iter::from_fn(|| calls.try_recv().ok());
        let mut batch = Vec::new();
        let mut copies = Vec::new();
        for call in std::iter::once(first).chain(waiting.take(CALLS_PER_COMMIT_MAX)) {
            match call {
                Call::Run(work, place) => batch.push((work, place)),
                Call::Copy(path, reply) => copies.push((path, reply)),
            }
        }
        if !batch.is_empty() {
            run_batch(connection, batch);
        }
        for (path, reply) in copies {
            // A caller that stopped waiting does not hear of it.
            let _gone = reply.send(home::copy(connection, &path));
        }
    }
}

/// Runs each call in a savepoint of its own, all in one transaction, and answers when the transaction is durable.
fn run_batch(connection: &Connection, batch: Vec<(Work, OwnedSemaphorePermit)>) {
    let mut tells = Vec::with_capacity(batch.len());
    let mut places = Vec::with_capacity(batch.len());
    let mut result = step(connection, "begin", "BEGIN");
    for (work, place) in batch {
        let ready = result.clone().and_then(|()| step(connection, "begin", "SAVEPOINT call"));
        let tx = Tx::new(connection);
        let (keep, tell) = work(ready.clone().map(|()| &tx));
        tells.push(tell);
        places.push(place);
        result = ready.and_then(|()| match keep {
            Keep::Yes => step(connection, "keep", "RELEASE call"),
            // A full disk or a failing one has undone the whole transaction already, other calls' part included.
            Keep::No if connection.is_autocommit() => Err(Error::Undone),
            Keep::No => step(connection, "undo", "ROLLBACK TO call; RELEASE call"),
        });
    }
    let result = result.and_then(|()| step(connection, "commit", "COMMIT"));
    if result.is_err() && !connection.is_autocommit() {
        // Nothing else can be done about a rollback that fails; the next BEGIN will say so.
        let _also_failed = connection.execute_batch("ROLLBACK");
    }
    for tell in tells {
        tell(result.clone());
    }
}

fn step(connection: &Connection, name: &'static str, sql: &str) -> Result<(), Error> {
    connection.execute_batch(sql).map_err(|error| Error::database(name, error))
}
