//! The stop switch: a file that everybody reads before they act, so that it holds over a restart.

use policy::Lockdown;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The name of the file in the home; while it is there, everything is stopped.
pub const FILE: &str = "lockdown";
/// The longest reason that is read back, in bytes.
const WHY_BYTES_MAX: u64 = 4096;

/// The stop switch of one home.
#[derive(Clone, Debug)]
pub struct Switch {
    path: PathBuf,
}

impl Switch {
    /// The switch of the home at `root`.
    #[must_use]
    pub fn of(root: &Path) -> Self {
        Self { path: root.join(FILE) }
    }

    /// Whether it is on. When that cannot be told, it is.
    #[must_use]
    pub fn state(&self) -> Lockdown {
        match std::fs::symlink_metadata(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Lockdown::Released,
            Ok(_) | Err(_) => Lockdown::Locked,
        }
    }

    /// Whether it is on, in a word.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.state() == Lockdown::Locked
    }

    /// Why it is on, as whoever turned it on said; nothing while it is off.
    #[must_use]
    pub fn why(&self) -> Option<String> {
        let file = std::fs::File::open(&self.path).ok()?;
        let mut why = Vec::new();
        // What was read before an error is shown as far as it goes.
        let _ = file.take(WHY_BYTES_MAX).read_to_end(&mut why);
        let why = String::from_utf8_lossy(&why).trim().to_string();
        Some(if why.is_empty() { "nobody said why".to_string() } else { why })
    }

    /// Turns it on: it is on disk when this returns. While it is on already, the first reason stays.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn lock(&self, why: &str) -> std::io::Result<()> {
        let opened = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.path);
        let mut file = match opened {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(()),
            opened => opened?,
        };
        // It is on from here, also when the disk has no room for the reason.
        file.write_all(why.as_bytes())?;
        file.sync_all()?;
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        std::fs::File::open(folder)?.sync_all()
    }

    /// Turns it on for a reason that nobody is there to hear of; what goes wrong with it is logged.
    pub(crate) fn lock_or_say(&self, why: &str) {
        tracing::error!(why, "locking down");
        if let Err(error) = self.lock(why) {
            tracing::error!(%error, "the stop switch could not be written whole");
        }
    }

    /// The same switch, as sandboxes read it.
    pub(crate) fn for_sandboxes(&self) -> std::io::Result<sandbox::StopSwitch> {
        sandbox::StopSwitch::open(self.path.parent().unwrap_or(Path::new("/")), FILE)
    }

    /// Releases it. For whoever sits at the machine: nothing that comes in over a channel calls this.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn dangerous_release(&self) -> std::io::Result<()> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_told_is_on() {
        let folder = tempfile::tempdir().unwrap();
        let switch = Switch::of(folder.path());
        assert_eq!(switch.state(), Lockdown::Released);
        switch.lock("test").unwrap();
        assert_eq!(switch.state(), Lockdown::Locked);
        switch.lock("another").unwrap();
        assert_eq!(switch.why().as_deref(), Some("test"));
        let below_a_file = Switch::of(&folder.path().join(FILE));
        assert_eq!(below_a_file.state(), Lockdown::Locked);
        switch.dangerous_release().unwrap();
        switch.dangerous_release().unwrap();
        assert_eq!(switch.state(), Lockdown::Released);
    }
}
