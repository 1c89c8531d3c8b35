//! Plays benchmark suites and recorded runs through the real policy, with the real labels and manifests, and counts.
//!
//! It judges; it never runs a tool, asks a model or reaches out. What it prints is what the policy that ships would
//! have said to a clean model, to one that obeys every injection, and to one that tries whatever it can build.
#![forbid(unsafe_code)]

mod adaptive;
mod attack;
mod candidates;
mod clean;
mod embedded;
mod error;
mod play;
mod rename;
mod report;
mod request;
mod runs;
mod setup;
mod suite;
mod yaml;

pub use error::Error;
pub use play::{Play, Told};
pub use rename::{Renaming, rename, rename_mandate, rename_manifest};
pub use report::{Metrics, Report, TaskReport};
pub use request::{Model, Request, play_files};
pub use runs::{Run, RunStep, read_runs, replay_runs};
pub use setup::{Adaptive, Options, Planner, Regime, Setup};
pub use suite::{InjectionTask, Step, Suite, UserTask};

use report::Timer;

/// Plays every task of `suites` under the clean, the hijacked and the adaptive model.
///
/// # Errors
///
/// [`Error`] when the policy does not load or a tool's schema cannot be taken.
pub fn replay_suites(suites: &[Suite], setup: &Setup, options: &Options) -> Result<Report, Error> {
    let policy = setup.policy(options)?;
    let mut report = Report::default();
    for suite in suites {
        let scene = setup.scene(suite, &policy, options)?;
        for task in &suite.user_tasks {
            let mut timer = Timer::default();
            let mut found = clean::play(&scene, task, &mut timer);
            attack::play(&scene, task, &mut found, &mut timer);
            match options.adaptive {
                Adaptive::Play => adaptive::play(&scene, task, &mut found, &mut timer),
                Adaptive::Skip => {}
            }
            report.add(&suite.suite, found, timer);
        }
    }
    Ok(report.finished())
}

#[cfg(test)]
mod tests;
