//! `hardshell sandbox`: the sandbox and the file tools by hand, without a home and without a daemon.

mod apparmor;
mod explain;
mod given;
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
use given::WithinError;
use plain::Plain;
use sandbox::{Identity, Replace, Within};
use serde_json::json;
use std::fs::Metadata;
use std::io::{IsTerminal as _, Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

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

fn failed(step: &str) -> impl Fn(WithinError) -> Problem + '_ {
    move |error| match error {
        WithinError::Link(link) => {
            Problem::Other { what: format!("{step}: {link}"), hint: Some(link.hint()) }
        }
        WithinError::Path(source) => {
            Problem::Io { step: step.to_string(), source: std::io::Error::other(source) }
        }
    }
}

/// Prints a file below a folder.
fn read(common: &Common, beneath: &Beneath) -> Result<Exit, Problem> {
    let failed = failed("read it");
    let within = given::within(&beneath.within).map_err(&failed)?;
    let content = within.read(&beneath.path, FILE_BYTES_MAX).map_err(|error| failed(error.into()))?;
    if common.json {
        show::json(&json!({
            "path": beneath.path,
            "bytes": content.len(),
            "text": String::from_utf8_lossy(&content),
        }));
        return Ok(Exit::Done);
    }
    let mut out = std::io::stdout().lock();
    let written = if out.is_terminal() {
        out.write_all(Plain::new().clean(&content).as_bytes())
    } else {
        out.write_all(&content)
    };
    written
        .and_then(|()| out.flush())
        .map_err(|source| Problem::Io { step: "print it".to_string(), source })?;
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
    let failed = failed("write it");
    let within = given::within(&beneath.within).map_err(&failed)?;
    let before = metadata(&within, &beneath.path);
    let written = within.write(&beneath.path, &content, Replace::File);
    let written = written.map_err(|error| failed(error.into()))?;
    if let Some(before) = before {
        keep_owner(&within, &beneath.path, written, &before)?;
    }
    if common.json {
        show::json(&json!({ "path": beneath.path, "bytes": content.len() }));
    }
    Ok(Exit::Done)
}

/// What is known of the file at `path`, where one is that can be opened.
fn metadata(within: &Within, path: &Path) -> Option<Metadata> {
    within.open_file(path).ok()?.metadata().ok()
}

/// Gives the file that was written the owner and group of the one it replaced, as far as this user may.
fn keep_owner(within: &Within, path: &Path, written: Identity, before: &Metadata) -> Result<(), Problem> {
    let failed = |source| Problem::Io { step: "keep its owner".to_string(), source };
    let Ok(file) = within.open_file(path) else { return Ok(()) };
    let now = file.metadata().map_err(failed)?;
    // Another one by now is somebody else's business.
    let same = (now.dev(), now.ino()) == (written.device, written.inode);
    if !same || (now.uid(), now.gid()) == (before.uid(), before.gid()) {
        return Ok(());
    }
    match std::os::unix::fs::fchown(&file, Some(before.uid()), Some(before.gid())) {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            show::note("hardshell: the file is yours now: only root can leave it to its owner");
            Ok(())
        }
        other => other.map_err(failed),
    }
}
