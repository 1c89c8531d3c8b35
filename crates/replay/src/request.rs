//! A whole replay from files, as the command line asks for it.

use crate::error::Error;
use crate::report::Report;
use crate::runs::Run;
use crate::setup::{Adaptive, Options, Setup};
use crate::suite::Suite;
use crate::{Far, read_runs, replay_runs, replay_suites_telling};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What `hardshell replay` was asked to play.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Suites (JSON) and recorded runs (JSON lines), told apart by what they hold.
    pub files: Vec<PathBuf>,
    /// Whether recorded runs are what is played; the suites then only say which calls a task asks for.
    pub runs: bool,
    /// A folder or file of manifests, over the built-in ones.
    pub manifests: Option<PathBuf>,
    /// A folder or file of mandates, over the built-in ones.
    pub mandates: Option<PathBuf>,
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

/// Everything that a request names, read; it can be played several times, under one policy after another.
#[derive(Clone, Debug)]
pub struct Material {
    setup: Setup,
    suites: Vec<Suite>,
    runs: Option<Vec<Run>>,
    model: Model,
}

impl Material {
    /// Reads everything that `request` names.
    ///
    /// # Errors
    ///
    /// [`Error`] naming the first file that cannot be read.
    pub fn read(request: &Request) -> Result<Self, Error> {
        let setup = Setup::embedded()?.overlaid(request.manifests.as_deref(), request.mandates.as_deref())?;
        let (mut suites, mut runs) = (Vec::new(), Vec::new());
        for path in &request.files {
            let text = read(path)?;
            let file = path.display().to_string();
            if !request.runs || is_suite(&text) {
                suites.push(Suite::from_json(&file, &text)?);
            } else {
                let found = read_runs(&text);
                runs.extend(found.map_err(|source| Error::RunsFile { file, source: Box::new(source) })?);
            }
        }
        if request.runs && runs.is_empty() {
            return Err(Error::NoRuns);
        }
        if request.model == Model::Clean {
            suites.iter_mut().for_each(|suite| suite.injection_tasks.clear());
        }
        Ok(Self { setup, suites, runs: request.runs.then_some(runs), model: request.model })
    }

    /// Plays it as `options` say, and says after each task how far it is.
    ///
    /// # Errors
    ///
    /// [`Error`] why the policy does not load or a tool cannot be taken.
    pub fn play(&self, options: &Options, tell: &(dyn Fn(Far<'_>) + Sync)) -> Result<Report, Error> {
        let mut options = options.clone();
        if self.model == Model::Clean {
            options.adaptive = Adaptive::Skip;
        }
        match &self.runs {
            Some(runs) => replay_runs(runs, &self.suites, &self.setup, &options),
            None => replay_suites_telling(&self.suites, &self.setup, &options, tell),
        }
    }

    /// Only the tasks of `wanted` (suite and task).
    #[must_use]
    pub fn only(&self, wanted: &BTreeSet<(&str, &str)>) -> Self {
        let mut only = self.clone();
        for suite in &mut only.suites {
            let of = suite.suite.clone();
            suite.user_tasks.retain(|task| wanted.contains(&(of.as_str(), task.id.as_str())));
        }
        only.suites.retain(|suite| !suite.user_tasks.is_empty());
        for runs in only.runs.iter_mut() {
            runs.retain(|run| wanted.contains(&(run.suite.as_str(), run.user_task.as_str())));
        }
        only
    }

    /// The suites and tasks that it holds, for a task that cannot be found.
    pub fn tasks(&self) -> impl Iterator<Item = (&str, &str)> {
        let of_suites = self
            .suites
            .iter()
            .flat_map(|suite| suite.user_tasks.iter().map(|task| (suite.suite.as_str(), task.id.as_str())));
        let of_runs = self.runs.iter().flatten().map(|run| (run.suite.as_str(), run.user_task.as_str()));
        of_suites.chain(of_runs)
    }
}

/// Whether a file is a suite: one document that says which tasks there are. Runs are a document a line.
fn is_suite(text: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Outline {
        #[serde(rename = "user_tasks")]
        _user_tasks: serde::de::IgnoredAny,
    }
    serde_json::from_str::<Outline>(text).is_ok()
}

fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_path_buf(), source })
}
