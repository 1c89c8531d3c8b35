//! A whole replay from files, as the command line asks for it.

use crate::error::Error;
use crate::report::Report;
use crate::setup::{Adaptive, Options, Setup};
use crate::suite::Suite;
use crate::{read_runs, replay_runs, replay_suites};
use std::path::{Path, PathBuf};

/// What `hardshell replay` was asked to do.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Suite files (JSON).
    pub suites: Vec<PathBuf>,
    /// Files of recorded runs (JSON lines); with any, the suites only say which calls a task asks for.
    pub runs: Vec<PathBuf>,
    /// A folder or file of manifests, over the built-in ones.
    pub manifests: Option<PathBuf>,
    /// A folder or file of mandates, over the built-in ones.
    pub mandates: Option<PathBuf>,
    /// How it is played.
    pub options: Options,
    /// Which models play.
    pub model: Model,
}

/// Which models play.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Model {
    /// The clean one, the hijacked one and the adaptive attacker.
    #[default]
    Hijacked,
    /// The clean one alone.
    Clean,
}

/// Reads everything that `request` names and plays it.
///
/// # Errors
///
/// [`Error`] naming the first file that cannot be read, or why the policy does not load.
pub fn play_files(request: &Request) -> Result<Report, Error> {
    let setup = Setup::embedded()?.overlaid(request.manifests.as_deref(), request.mandates.as_deref())?;
    let mut options = request.options.clone();
    let mut suites = request.suites.iter().map(|path| suite(path)).collect::<Result<Vec<_>, _>>()?;
    if request.model == Model::Clean {
        options.adaptive = Adaptive::Skip;
        suites.iter_mut().for_each(|suite| suite.injection_tasks.clear());
    }
    if request.runs.is_empty() {
        return replay_suites(&suites, &setup, &options);
    }
    let mut runs = Vec::new();
    for path in &request.runs {
        runs.extend(read_runs(&read(path)?)?);
    }
    replay_runs(&runs, &suites, &setup, &options)
}

fn suite(path: &Path) -> Result<Suite, Error> {
    Suite::from_json(&path.display().to_string(), &read(path)?)
}

fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_path_buf(), source })
}
