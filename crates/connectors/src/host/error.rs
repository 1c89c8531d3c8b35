//! Why a fact about this machine is not known.

use std::io;
use std::path::PathBuf;

/// Why a fact about this machine is not known.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// A file could not be read.
    #[error("`{path}` cannot be read: {source}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A table of the kernel's is not as it is known to be.
    #[error("`{path}` is not in a form that is known")]
    Form {
        /// Which.
        path: &'static str,
    },
    /// No log of that name.
    #[error("there is no log of `{unit}`; logs that can be read: {}", list(.logs))]
    NoSuchLog {
        /// What was asked for.
        unit: String,
        /// What there is.
        logs: Vec<String>,
    },
    /// The logs may not be read by this user.
    #[error(
        "the logs of this machine may not be read by Hardshell's user; `usermod -aG adm,systemd-journal USER` lets it"
    )]
    LogsClosed,
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_string() } else { names.join(", ") }
}
