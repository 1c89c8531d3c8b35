//! Ctrl-C while something long is under way: what was begun is removed, and that is said.

use crate::problem::Problem;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How often it is tried to remove a folder that is still being written into.
const TRIES: u32 = 100;
const BETWEEN: Duration = Duration::from_millis(10);
/// What shells end with after these signals.
const INTERRUPTED: i32 = 130;
const TERMINATED: i32 = 143;

#[derive(Default)]
struct State {
    /// What is to be removed.
    unfinished: Vec<PathBuf>,
    /// It has its place: a signal comes too late.
    whole: bool,
    watched: bool,
}

static STATE: Mutex<State> = Mutex::new(State { unfinished: Vec::new(), whole: false, watched: false });

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on a signal that ends the program removes what is unfinished first. Prompts come before this: one that is
/// left has the terminal as it was.
pub fn watch() -> Result<(), Problem> {
    if std::mem::replace(&mut state().watched, true) {
        return Ok(());
    }
    let listen = |kind| signal(kind);
    let made =
        listen(SignalKind::interrupt()).and_then(|first| Ok((first, listen(SignalKind::terminate())?)));
    let (interrupt, terminate) =
        made.map_err(|source| Problem::Io { step: "listen for signals".to_string(), source })?;
    tokio::spawn(stop_on(interrupt, INTERRUPTED));
    tokio::spawn(stop_on(terminate, TERMINATED));
    Ok(())
}

async fn stop_on(mut signal: Signal, code: i32) {
    while signal.recv().await.is_some() {
        // Held to the end: whoever is about to give something its place waits, and goes with the program.
        let state = state();
        if state.whole {
            continue;
        }
        let left: Vec<&PathBuf> = state.unfinished.iter().filter(|path| !remove(path)).collect();
        match left.first() {
            None => eprintln!("\nstopped: nothing was left behind"),
            Some(path) => eprintln!("\nstopped: {} could not be removed", path.display()),
        }
        std::process::exit(code);
    }
}

/// Removes a file or folder; no when it is still there.
fn remove(path: &Path) -> bool {
    for _ in 0..TRIES {
        let removed = match std::fs::symlink_metadata(path) {
            Err(error) => Err(error),
            Ok(found) if found.is_dir() => std::fs::remove_dir_all(path),
            Ok(_) => std::fs::remove_file(path),
        };
        if removed.is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            return true;
        }
        if std::fs::symlink_metadata(path).is_ok() {
            std::thread::sleep(BETWEEN);
        }
    }
    false
}

/// Gives what is finished its place, at once: a signal comes before, or after.
pub fn whole<T, E>(put: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let mut state = state();
    let put = put();
    state.whole = put.is_ok();
    put
}

/// Something that is removed when the program is stopped, or when dropped before it has its place.
pub struct Unfinished(PathBuf);

impl Unfinished {
    /// At `path`, from now on.
    pub fn of(path: &Path) -> Self {
        let mut state = state();
        state.unfinished.push(path.to_path_buf());
        state.whole = false;
        Self(path.to_path_buf())
    }

    /// It has its place: it stays.
    pub fn keep(self) {
        self.placed_by(|| {});
    }

    /// Gives it its place; whatever comes of that, it is no longer removed. A signal comes before, or after.
    pub fn placed_by<T>(mut self, put: impl FnOnce() -> T) -> T {
        let path = std::mem::take(&mut self.0);
        let mut state = state();
        state.unfinished.retain(|other| *other != path);
        let put = put();
        state.whole = true;
        drop(state);
        put
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        state().unfinished.retain(|path| *path != self.0);
        // What has its place is not here any more.
        remove(&self.0);
    }
}
