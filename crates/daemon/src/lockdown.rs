//! The stop switch: a file that everybody reads before they act, so that it holds over a restart.

use policy::Lockdown;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The name of the file in the home; while it is there, everything is stopped.
pub const FILE: &str = "lockdown";

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

    /// Turns it on: it is on disk when this returns.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn lock(&self, why: &str) -> std::io::Result<()> {
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&self.path)?;
        file.write_all(why.as_bytes())?;
        file.sync_all()
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
        let below_a_file = Switch::of(&folder.path().join(FILE));
        assert_eq!(below_a_file.state(), Lockdown::Locked);
        switch.dangerous_release().unwrap();
        switch.dangerous_release().unwrap();
        assert_eq!(switch.state(), Lockdown::Released);
    }
}
