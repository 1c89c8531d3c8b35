//! A folder of this process's own, for its user alone, removed when dropped.

use crate::problem::Problem;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// The folder.
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes one.
    pub fn make() -> Result<Self, Problem> {
        let path = std::env::temp_dir().join(format!("hardshell-{}", daemon::message_id()));
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|source| Problem::Io { step: format!("make {}", path.display()), source })?;
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is in the system's folder for such things.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
