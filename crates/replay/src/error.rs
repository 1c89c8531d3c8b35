//! Why a replay could not be played.

use std::path::PathBuf;

/// A replay could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder cannot be read.
    #[error("read `{}`", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A suite file is not one.
    #[error("read the suite `{file}`: {reason}")]
    Suite {
        /// The file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// A manifest is not one.
    #[error("read the manifest `{}`", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Box<tools::CatalogError>,
    },
    /// A mandate file is not one.
    #[error("read the mandates `{file}`: {reason}")]
    Mandate {
        /// The file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// A tool's schema cannot be taken.
    #[error("take the tool `{tool}`: {reason}")]
    Tool {
        /// The tool.
        tool: String,
        /// What is wrong.
        reason: String,
    },
    /// A line of recorded runs is not one.
    #[error("read line {line} of the runs: {reason}")]
    Runs {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// The policy does not load.
    #[error("load the policy")]
    Policy(#[from] policy::Error),
}
