//! The stop switch: a file that everybody reads before they act, so that it holds over a restart.

use policy::Lockdown;
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

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
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
        std::fs::write(switch.path(), "").unwrap();
        assert_eq!(switch.state(), Lockdown::Locked);
        let below_a_file = Switch::of(switch.path());
        assert_eq!(below_a_file.state(), Lockdown::Locked);
    }
}
