//! The stage of attacks: this program once more, in namespaces of its own.

use crate::problem::Problem;
use crate::show::SERVICE_USER;
use sandbox::{Alone, Output, Played};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Runs this program with `line` where it can write `place` alone and reach nobody. When this is dropped, it ends.
pub async fn alone(place: &Path, line: Vec<OsString>, output: Output) -> Result<Played, Problem> {
    let failed = |error: &dyn std::error::Error| Problem::Other {
        what: format!("set the stage: {}", daemon::error_chain(error)),
        hint: None,
    };
    let start =
        |place: PathBuf| Alone { place: &place, names: demo::NAMES, user: SERVICE_USER }.start(line, output);
    let running = start(place.to_path_buf()).map_err(|error| failed(&error))?;
    tokio::task::spawn_blocking(move || running.wait())
        .await
        .map_err(|error| failed(&error))?
        .map_err(|error| failed(&error))
}

/// No stage is to be had, and walls were to be left out.
pub fn refused() -> Problem {
    Problem::Other {
        what: "leave walls out: this machine gives no namespaces, so the attack could not be kept to itself"
            .to_string(),
        hint: Some(
            "hardshell sandbox run --explain -- true   says what is missing, and what brings it".to_string(),
        ),
    }
}
