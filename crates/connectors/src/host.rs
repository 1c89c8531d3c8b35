//! Facts about this machine, read by the daemon itself: inside the sandbox one would see the sandbox.
//!
//! Everything is read through a root folder, so that the same code reads a made-up machine in tests.

mod disk;
mod error;
mod load;
mod logs;
mod ports;
mod processes;
mod services;

pub use error::HostError;
pub use processes::By;

use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The longest kernel table that is read, in bytes.
const TABLE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// The machine.
#[derive(Clone, Debug)]
pub struct Machine {
    root: PathBuf,
}

impl Machine {
    /// This machine.
    #[must_use]
    pub fn here() -> Self {
        Self::at(Path::new("/"))
    }

    /// The machine whose files stand below `root`.
    #[must_use]
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_path_buf() }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// A kernel table as text.
    fn table(&self, path: &str) -> Result<String, HostError> {
        let full = self.path(path);
        let failed = |source| HostError::Read { path: full.clone(), source };
        let mut bytes = Vec::new();
        std::fs::File::open(&full)
            .map_err(failed)?
            .take(TABLE_BYTES_MAX)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// A kernel table, or nothing where this machine has none.
    fn table_if_there(&self, path: &str) -> Option<String> {
        self.table(path).ok()
    }
}
