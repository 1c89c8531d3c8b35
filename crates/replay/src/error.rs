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
    /// A file of recorded runs is not one.
    #[error("read `{file}`")]
    RunsFile {
        /// The file.
        file: String,
        /// Which line, and why.
        source: Box<Error>,
    },
    /// Recorded runs were asked for and no file holds any.
    #[error("find a recorded run: every file named is a suite, or empty")]
    NoRuns,
    /// The policy does not load.
    #[error("load the policy")]
    Policy(#[from] policy::Error),
}

impl Error {
    /// What helps.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Read { .. } => {
                "name files that exist; `bench/agentdojo/export.py --out DIR` makes the suites of AgentDojo"
            }
            Self::Suite { .. } => {
                "recorded runs (JSON lines) are read with --runs; the shape of a suite is in bench/agentdojo/README.md"
            }
            Self::Manifest { .. } => {
                "hardshell replay --manifests DIR reads every `.toml` of DIR; see bench/agentdojo/manifests"
            }
            Self::Mandate { .. } => "see bench/agentdojo/mandates for mandates that are well made",
            Self::Tool { .. } => "a tool's parameters are a JSON Schema of type object",
            Self::Runs { .. } | Self::RunsFile { .. } | Self::NoRuns => {
                "a run is a JSON object on a line of its own; see bench/agentdojo/README.md"
            }
            Self::Policy(_) => "hardshell policy show",
        }
    }
}
