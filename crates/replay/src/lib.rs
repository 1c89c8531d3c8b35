//! Plays benchmark suites and recorded runs through the real policy, with the real labels and manifests, and counts.
//!
//! It judges; it never runs a tool, asks a model or reaches out. What it prints is what the policy that ships would
//! have said to a clean model, to one that obeys every injection, and to one that tries whatever it can build.
#![forbid(unsafe_code)]

mod adaptive;
mod attack;
mod candidates;
mod cases;
mod clean;
mod embedded;
mod error;
mod lint;
mod play;
mod rename;
mod report;
mod request;
mod runs;
mod setup;
mod sheet;
mod shown;
mod suite;
mod yaml;

pub use cases::{CaseResult, CheckError, check, run_cases};
pub use error::Error;
pub use lint::{explain, lint};
pub use play::{Play, Told};
pub use rename::{Renaming, rename, rename_mandate, rename_manifest};
pub use report::{Metrics, Report, TaskReport};
pub use request::{Material, Model, Request};
pub use runs::{Run, RunStep, read_runs, replay_runs};
pub use setup::{Adaptive, Options, Planner, Regime, Setup};
pub use shown::{Row, beside_each_other, table};
pub use suite::{InjectionTask, Step, Suite, UserTask};

use report::{TaskReport as Found, Timer};
use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Plays every task of `suites` under the clean, the hijacked and the adaptive model.
///
/// # Errors
///
/// [`Error`] when the policy does not load or a tool's schema cannot be taken.
pub fn replay_suites(suites: &[Suite], setup: &Setup, options: &Options) -> Result<Report, Error> {
    replay_suites_telling(suites, setup, options, &|_far| {})
}

/// The same, and says after each task how far it is.
///
/// # Errors
///
/// As [`replay_suites`].
pub fn replay_suites_telling(
    suites: &[Suite],
    setup: &Setup,
    options: &Options,
    tell: &(dyn Fn(Far<'_>) + Sync),
) -> Result<Report, Error> {
    let policy = setup.policy(options)?;
    let mut report = Report::default();
    for suite in suites {
        let scene = setup.scene(suite, &policy, options)?;
        for (found, timer) in play_all(&scene, options, tell) {
            report.add(&suite.suite, found, timer);
        }
    }
    Ok(report.finished())
}

/// How far a replay is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Far<'a> {
    /// The suite being played.
    pub suite: &'a str,
    /// How many of its tasks are over.
    pub done: usize,
    /// How many it has.
    pub tasks: usize,
}

/// Every task of a suite, in their order; tasks know nothing of each other, so as many are played at once as there are
/// processors.
fn play_all(
    scene: &setup::Scene<'_>,
    options: &Options,
    tell: &(dyn Fn(Far<'_>) + Sync),
) -> Vec<(Found, Timer)> {
    let tasks = &scene.suite.user_tasks;
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(tasks.len());
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let found = Mutex::new(Vec::with_capacity(tasks.len()));
    let work = || {
        while let Some((place, task)) = {
            let place = next.fetch_add(1, Ordering::Relaxed);
            tasks.get(place).map(|task| (place, task))
        } {
            let mut timer = Timer::default();
            let mut of_task = clean::play(scene, task, &mut timer);
            attack::play(scene, task, &mut of_task, &mut timer);
            match options.adaptive {
                Adaptive::Play => adaptive::play(scene, task, &mut of_task, &mut timer),
                Adaptive::Skip => {}
            }
            found.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((place, of_task, timer));
            let done = done.fetch_add(1, Ordering::Relaxed).saturating_add(1);
            tell(Far { suite: &scene.suite.suite, done, tasks: tasks.len() });
        }
    };
    std::thread::scope(|scope| {
        for _thread in 0..threads {
            scope.spawn(work);
        }
    });
    let mut found = found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    found.sort_by_key(|(place, _found, _timer)| *place);
    found.into_iter().map(|(_place, found, timer)| (found, timer)).collect()
}

#[cfg(test)]
mod tests;
