//! Helpers that wait ready: started, and knowing nothing of any command. Each serves one, and ends with it.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use crate::level::Level;
use crate::probe::{EARLY_ARGUMENT, Helper};
use crate::wire;

/// A helper and our end of its socket. Killed when dropped; it ends by itself when the socket is closed.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) process: Child,
    pub(crate) socket: Option<OwnedFd>,
}

impl Drop for Started {
    fn drop(&mut self) {
        // Its death takes the first process of the sandbox along, and that one everything else.
        if let Err(error) = self.process.kill()
            && error.kind() != io::ErrorKind::InvalidInput
        {
            return;
        }
        let _reaped = self.process.wait();
    }
}

/// Whether a helper makes its namespaces before it is told what for: all that every command gets alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Namespaces {
    /// When it is told. Root must first take, as root, what the command may see.
    Later,
    /// At once.
    Early,
}

impl Started {
    pub(crate) fn new(helper: &Helper, namespaces: Namespaces) -> io::Result<Self> {
        let (ours, theirs) = wire::pair()?;
        let mut command = Command::new(&helper.path);
        command.args(helper.argument).env_clear().stdin(Stdio::from(theirs));
        if namespaces == Namespaces::Early {
            command.arg(EARLY_ARGUMENT);
        }
        command.stdout(Stdio::null()).stderr(Stdio::null());
        // Out of the caller's group: what is typed at its terminal ends the command through `Signaller`, not the helper.
        command.process_group(0);
        Ok(Self { process: command.spawn()?, socket: Some(ours) })
    }
}

/// Helpers that wait. Empty until the first command, so that a house that runs none pays for none.
#[derive(Debug)]
pub(crate) struct Pool {
    waiting: Mutex<Vec<Started>>,
    size: usize,
}

impl Pool {
    pub(crate) fn new(size: usize) -> Self {
        Self { waiting: Mutex::new(Vec::new()), size }
    }

    /// One that is still there, if any is.
    pub(crate) fn take(&self) -> Option<Started> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(mut started) = waiting.pop() {
            if matches!(started.process.try_wait(), Ok(None)) {
                return Some(started);
            }
        }
        None
    }

    /// Starts as many as are missing. Those that cannot be started are started when they are needed, with their error.
    pub(crate) fn fill(&self, helper: &Helper, level: Level) {
        let missing = {
            let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            self.size.saturating_sub(waiting.len())
        };
        let walled = matches!(level, Level::Full | Level::FullSoft);
        let namespaces =
            if walled && !crate::process::is_root() { Namespaces::Early } else { Namespaces::Later };
        for _ in 0..missing {
            let Ok(started) = Started::new(helper, namespaces) else { return };
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if waiting.len() < self.size {
                waiting.push(started);
            }
        }
    }

    /// The process ids of those that wait: for the test that shows what they hold.
    pub(crate) fn ids(&self) -> Vec<u32> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.iter().map(|started| started.process.id()).collect()
    }
}
