//! `hardshell sandbox`: the sandbox and the file tools by hand, without a home and without a daemon.

mod apparmor;
mod explain;
mod plain;
mod problem;
mod run;
mod screen;
mod spec;
mod way_out;

pub use problem::SandboxProblem;

use crate::arguments::Common;
use crate::arguments::sandbox::{Beneath, SandboxCommand};
use crate::exit::Exit;
use crate::problem::Problem;
use crate::show;
use sandbox::{PathError, Replace, Within};
use serde_json::json;
use std::io::{Read as _, Write as _};

/// The largest file that is read or written by hand, in bytes.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Does what was asked.
pub async fn run(common: &Common, command: &SandboxCommand) -> Result<Exit, Problem> {
    match command {
        SandboxCommand::Run(run) => Ok(run::run(common, run).await.map_err(Box::new)?),
        SandboxCommand::Read(beneath) => read(common, beneath),
        SandboxCommand::Write(beneath) => write(common, beneath),
        SandboxCommand::Apparmor => {
            let helper = sandbox::Helper::find().map_err(SandboxProblem::from).map_err(Box::new)?;
            let profile = apparmor::profile(helper.path()).map_err(Box::new)?;
            if common.json {
                show::json(&json!({ "profile": profile }));
            } else {
                show::piece(&profile);
            }
            Ok(Exit::Done)
        }
    }
}

fn failed(step: &str) -> impl Fn(PathError) -> Problem + '_ {
    move |source| Problem::Io { step: step.to_string(), source: std::io::Error::other(source) }
}

/// Prints a file below a folder.
fn read(common: &Common, beneath: &Beneath) -> Result<Exit, Problem> {
    let failed = failed("read it");
    let content = Within::open(&beneath.within)
        .and_then(|within| within.read(&beneath.path, FILE_BYTES_MAX))
        .map_err(failed)?;
    if common.json {
        show::json(&json!({
            "path": beneath.path,
            "bytes": content.len(),
            "text": String::from_utf8_lossy(&content),
        }));
        return Ok(Exit::Done);
    }
    let written = std::io::stdout().lock().write_all(&content);
    written.map_err(|source| Problem::Io { step: "print it".to_string(), source })?;
    Ok(Exit::Done)
}

/// Writes standard input to a file below a folder.
fn write(common: &Common, beneath: &Beneath) -> Result<Exit, Problem> {
    let mut content = Vec::new();
    let mut input = std::io::stdin().lock().take(FILE_BYTES_MAX.saturating_add(1));
    input
        .read_to_end(&mut content)
        .map_err(|source| Problem::Io { step: "read standard input".to_string(), source })?;
    if u64::try_from(content.len()).unwrap_or(u64::MAX) > FILE_BYTES_MAX {
        return Err(Problem::Other {
            what: format!("write it: more than {FILE_BYTES_MAX} bytes came in"),
            hint: None,
        });
    }
    Within::open(&beneath.within)
        .and_then(|within| within.write(&beneath.path, &content, Replace::File))
        .map_err(failed("write it"))?;
    if common.json {
        show::json(&json!({ "path": beneath.path, "bytes": content.len() }));
    }
    Ok(Exit::Done)
}
