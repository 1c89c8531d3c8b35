//! What can go wrong with the log, by the step that failed.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why the log could not be opened, written or read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// Others may read or write a file or folder of the log.
    #[error("`{}` has mode {found:04o} and others must not reach it: run `chmod {wanted:04o} {}`", path.display(), path.display())]
    Exposed {
        /// The file or folder.
        path: PathBuf,
        /// Its mode.
        found: u32,
        /// The mode that is wanted.
        wanted: u32,
    },
    /// A file or folder of the log belongs to somebody else.
    #[error("`{}` belongs to user {owner}, not to the user {us} that Hardshell runs as: run `chown {us} {}`", path.display(), path.display())]
    Foreign {
        /// The file or folder.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who we are.
        us: u32,
    },
    /// A path of the log is not what it must be, such as a link where a folder must be.
    #[error("`{}` is not {wanted}", path.display())]
    WrongType {
        /// The path.
        path: PathBuf,
        /// What must be there: `a folder`, `a file`.
        wanted: &'static str,
    },
    /// Another process writes this log.
    #[error("another process has the audit log `{}` open", path.display())]
    InUse {
        /// The log's folder.
        path: PathBuf,
    },
    /// There is a log, and the key that signed it is gone. A new key would look like a new log.
    #[error("the signing key `{}` of the audit log is missing: restore it from the backup", path.display())]
    KeyMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The key file does not hold a key.
    #[error("the signing key `{}` cannot be read: {reason}", path.display())]
    KeyUnreadable {
        /// The key file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The log was signed by another key.
    #[error("the audit log was signed by the key {found}, not by {wanted}")]
    KeyDiffers {
        /// The key named in the log.
        found: String,
        /// The key at hand.
        wanted: String,
    },
    /// A newer Hardshell wrote this log.
    #[error("segment `{}` was written by a newer Hardshell", path.display())]
    Newer {
        /// The segment.
        path: PathBuf,
    },
    /// A file could not be read or made.
    #[error("could not {step} `{}`", path.display())]
    Io {
        /// What was tried: `read`, `open`, `create`, `list`, …
        step: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: Arc<io::Error>,
    },
    /// The record is not on disk, so its effect must not happen.
    #[error("the audit log cannot be written, so nothing may be done: {0}")]
    Write(WriteFailure),
    /// The record is longer than a record may be.
    #[error("a record of {found} bytes is longer than the {limit} that a record may have")]
    TooLong {
        /// Its length.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// The log was closed.
    #[error("the audit log is closed")]
    Closed,
}

impl Error {
    pub(crate) fn io(step: &'static str, path: &Path, source: impl Into<io::Error>) -> Self {
        Self::Io { step, path: path.to_path_buf(), source: Arc::new(source.into()) }
    }
}

/// What stands in the way of the next record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteFailure {
    /// What was tried: `write`, `flush`, `create`.
    pub step: &'static str,
    /// On which file.
    pub path: PathBuf,
    /// What the system says.
    pub kind: io::ErrorKind,
    /// In words, with what helps.
    pub reason: String,
}

impl WriteFailure {
    pub(crate) fn new(step: &'static str, path: &Path, source: &io::Error) -> Self {
        let kind = source.kind();
        let help = if matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            " (free some space and it goes on by itself)"
        } else if kind == io::ErrorKind::ReadOnlyFilesystem {
            " (make the disk writable again and it goes on by itself)"
        } else {
            ""
        };
        Self { step, path: path.to_path_buf(), kind, reason: format!("{source}{help}") }
    }
}

impl fmt::Display for WriteFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "could not {} `{}`: {}", self.step, self.path.display(), self.reason)
    }
}
