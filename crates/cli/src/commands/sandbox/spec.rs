//! From the flags of `sandbox run` to the sandbox they describe.

use super::given;
use super::problem::SandboxProblem;
use super::way_out::WayOut;
use crate::arguments::sandbox::SandboxRun;
use crate::show;
use egress::proxy::Run;
use sandbox::{
    Access, Grant, Input, Limits, Program, ProgramError, Spec, Terminal, Workspace, resolve_program,
};
use std::env::VarError;
use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

/// How long a program may run when nobody says: it is somebody's own, and may be an agent at work for days.
const WALL_DEFAULT: Duration = Duration::from_secs(30 * 24 * 3600);
/// How many bytes of output are kept for `--json`; without it everything goes on as it comes.
const KEPT_BYTES: u64 = 1 << 20;

/// What the program is connected to.
pub struct Ends {
    /// What it reads.
    pub input: Option<OwnedFd>,
    /// Its terminal, if it has one: lines and columns.
    pub terminal: Option<(u16, u16)>,
}

/// The sandbox that the flags describe, seen from `folder`, and what its proxy is to let through.
pub fn spec(
    run: &SandboxRun,
    folder: &Path,
    ends: Ends,
    way_out: Option<&WayOut>,
) -> Result<(Spec, Option<Run>), SandboxProblem> {
    let name = run.command.first().map(std::ffi::OsString::as_os_str).unwrap_or_default();
    let program = find(name, folder)?;
    let own = program.path.clone();
    let mut spec = Spec::new(program, run.command.clone());
    for path in &run.read {
        spec.grants.push(given::grant("--read", folder, path, Access::ReadExecute)?);
    }
    for path in &run.write {
        let grant = given::grant("--write", folder, path, Access::Write)?;
        // The folder the caller is in is the one that is worked in.
        if spec.workspace.is_none() && folder.starts_with(grant.path()) {
            spec.workspace = Some(Workspace::new(grant));
        } else {
            spec.grants.push(grant);
        }
    }
    if !is_shown(&spec, &own) {
        spec.grants.push(Grant::resolve(&own, Access::ReadExecute)?);
    }
    spec.folder = is_granted(&spec, folder).then(|| folder.to_path_buf());
    let interactive = ends.terminal.is_some();
    let reaching = way_out.map(|way_out| way_out.prepare(&mut spec)).transpose()?;
    variables(run, interactive, &mut spec)?;
    let limits = Limits::default();
    spec.limits = Limits {
        wall: run.timeout.unwrap_or(WALL_DEFAULT),
        memory_bytes: run.memory.unwrap_or(limits.memory_bytes),
        pids: run.pids.unwrap_or(limits.pids),
        cpu_percent: run.cpu.unwrap_or(limits.cpu_percent),
        file_bytes: run.file_size.unwrap_or(limits.file_bytes),
        output_bytes: KEPT_BYTES,
        ..limits
    };
    spec.terminal = match ends.terminal {
        Some((rows, columns)) => Terminal::Pty { rows, columns },
        None => Terminal::Pipes,
    };
    spec.input = ends.input.map_or(Input::Empty, Input::Descriptor);
    spec.floor = run.floor;
    Ok((spec, reaching))
}

fn variables(run: &SandboxRun, interactive: bool, spec: &mut Spec) -> Result<(), SandboxProblem> {
    if interactive {
        // A program that is told it has a dumb terminal does not send what the filter would take away.
        let kind = std::env::var("TERM").ok().filter(|_| run.escapes).unwrap_or_else(|| "dumb".to_string());
        spec.environment.set("TERM", &kind)?;
    }
    for given in &run.env {
        match given.split_once('=') {
            Some((name, value)) => spec.environment.set(name, value)?,
            None => match std::env::var(given) {
                Ok(value) => spec.environment.set(given, &value)?,
                Err(VarError::NotPresent) => {
                    let given = tools::visible(given);
                    show::note(&format!("hardshell: `{given}` is not set here, so it is not passed on"));
                }
                Err(VarError::NotUnicode(_)) => {
                    return Err(SandboxProblem::NotText { name: tools::visible(given) });
                }
            },
        }
    }
    Ok(())
}

/// A program by its bare name from the fixed folders, or by its path, seen from the caller's folder.
fn find(name: &OsStr, folder: &Path) -> Result<Program, ProgramError> {
    let text = name.to_string_lossy();
    if text.contains('/') {
        resolve_program(&folder.join(name).to_string_lossy())
    } else {
        resolve_program(&text)
    }
}

fn is_granted(spec: &Spec, path: &Path) -> bool {
    let workspace = spec.workspace.as_ref().map(|workspace| workspace.grant.path());
    spec.grants.iter().map(Grant::path).chain(workspace).any(|shown| path.starts_with(shown))
}

fn is_shown(spec: &Spec, path: &Path) -> bool {
    sandbox::is_system(path) || is_granted(spec, path)
}
