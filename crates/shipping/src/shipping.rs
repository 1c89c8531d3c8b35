//! Every receiver at work, each by itself.

use crate::cursor::CursorError;
use crate::ship::Ship;
use crate::{Pace, Receiver, ReceiverState};
use audit::{Log, Tail};
use domain::Timestamp;
use egress::Egress;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The folder in the home that the cursors are in.
pub const FOLDER: &str = "shipping";
/// How long a stop waits for what is under way.
const STOP_MAX: Duration = Duration::from_secs(3);

/// The time of this machine.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;
/// Whether everything is stopped: then nothing goes over the network.
pub type Stopped = Arc<dyn Fn() -> bool + Send + Sync>;

/// What shipping works with.
#[derive(Clone)]
pub struct Parts {
    /// The log.
    pub log: Arc<Log>,
    /// The way out.
    pub egress: Arc<Egress>,
    /// The home, for the cursors.
    pub home: PathBuf,
    /// What receivers are told this machine is called.
    pub host: String,
    /// The program's version.
    pub version: String,
    /// The time.
    pub clock: Clock,
    /// The stop switch.
    pub stopped: Stopped,
    /// How long things take.
    pub pace: Pace,
}

/// The receivers at work. Dropping it ends them where they are; their cursors stand.
pub struct Shipping {
    states: Vec<Arc<Mutex<ReceiverState>>>,
    tasks: Vec<JoinHandle<()>>,
    stop: watch::Sender<bool>,
}

impl Shipping {
    /// Sends to `receivers` from where each has come. Must be called within a Tokio runtime.
    ///
    /// # Errors
    ///
    /// [`CursorError::Io`] when the folder of the cursors cannot be made.
    pub fn start(parts: &Parts, receivers: Vec<Receiver>) -> Result<Self, CursorError> {
        let (stop, stopping) = watch::channel(false);
        let mut this = Self { states: Vec::new(), tasks: Vec::new(), stop };
        if receivers.is_empty() {
            return Ok(this);
        }
        let folder = parts.home.join(FOLDER);
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(|source| CursorError::Io { step: "make", path: folder.clone(), source })?;
        let (ends, end) = watch::channel(0);
        this.tasks.push(tokio::spawn(follow(parts.log.tail(), ends)));
        for receiver in receivers {
            let path = folder.join(format!("{}.json", receiver.name));
            let ship = Ship::of(receiver, parts.clone(), path, end.clone());
            this.states.push(ship.shown());
            this.tasks.push(tokio::spawn(ship.run(stopping.clone())));
        }
        Ok(this)
    }

    /// How it goes with each.
    #[must_use]
    pub fn states(&self) -> Vec<ReceiverState> {
        let each = self.states.iter();
        each.map(|state| state.lock().unwrap_or_else(PoisonError::into_inner).clone()).collect()
    }

    /// The same, for whoever asks again and again.
    pub fn watch(&self) -> impl Fn() -> Vec<ReceiverState> + Send + Sync + 'static {
        let states = self.states.clone();
        move || {
            states.iter().map(|state| state.lock().unwrap_or_else(PoisonError::into_inner).clone()).collect()
        }
    }

    /// Lets each finish what is under way, for a short while, and ends.
    pub async fn stop(mut self) {
        // Without receivers nobody listens.
        let _nobody = self.stop.send(true);
        let end = tokio::time::Instant::now().checked_add(STOP_MAX);
        for task in self.tasks.iter_mut().skip(1) {
            let left = end.map(|end| end.saturating_duration_since(tokio::time::Instant::now()));
            if tokio::time::timeout(left.unwrap_or_default(), &mut *task).await.is_err() {
                // One that takes longer is ended, and its connection with it.
                task.abort();
                let _late = task.await;
            }
        }
    }
}

impl Drop for Shipping {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Keeps the number of the newest record.
async fn follow(mut tail: Tail, ends: watch::Sender<u64>) {
    while let Some(next) = tail.next().await {
        if let Ok(record) = next {
            ends.send_replace(record.seq().0);
        }
    }
}
