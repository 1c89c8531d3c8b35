//! `hardshell sandbox run|read|write`: the sandbox and the file tools without a home and without a daemon.
//!
//! The command line parses its flags into [`Options`]; [`spec`] makes of them what [`Sandbox::start`] takes.
//!
//! [`Sandbox::start`]: crate::Sandbox::start

mod plain;

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;

use crate::error::{PathError, SpecError};
use crate::grant::{Access, Grant};
use crate::program::{Program, ProgramError, resolve_program};
use crate::report::{Captured, Ending, Report};
use crate::spec::{Input, Limits, Network, PROXY_PORT, Spec, Terminal, Workspace};
use crate::view;
use crate::within::{Identity, Replace, Within};

pub use plain::Plain;

/// The largest file that `sandbox read` prints, in bytes.
pub const READ_BYTES_MAX: u64 = 64 << 20;

/// What the flags of `sandbox run` say.
#[derive(Debug, Default)]
pub struct Options {
    /// The program and its arguments.
    pub command: Vec<OsString>,
    /// `--read`: shown read-only; programs in it can be started.
    pub read: Vec<PathBuf>,
    /// `--write`: shown with everything in it changeable but the files that run code later.
    pub write: Vec<PathBuf>,
    /// `--env NAME=VALUE`: passed on.
    pub environment: Vec<(String, String)>,
    /// Whether some `--host` was given: then the command gets a way out, through whoever accepts on the listener.
    pub way_out: WayOut,
    /// `--timeout`.
    pub timeout: Option<Duration>,
    /// `--memory`, in bytes.
    pub memory_bytes: Option<u64>,
    /// `--pids`.
    pub pids: Option<u32>,
    /// The terminal of the person, if the command is to have one: its lines and columns.
    pub terminal: Option<(u16, u16)>,
    /// What the command reads; nothing when `None`.
    pub input: Option<OwnedFd>,
    /// The folder the caller is in: where the command starts, if it was granted.
    pub folder: PathBuf,
}

/// Whether a command has a way out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WayOut {
    /// None.
    #[default]
    Closed,
    /// A proxy on its loopback.
    Proxy,
}

/// Flags that make no sandbox.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OptionsError {
    /// No command was given.
    #[error("no command")]
    NoCommand,
    /// The program cannot be started.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// A path cannot be granted.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A variable cannot be passed on.
    #[error(transparent)]
    Spec(#[from] SpecError),
}

/// How many bytes of output are kept for the report; all of it goes to the caller as it comes.
const KEPT_BYTES: u64 = 64 << 10;

/// The sandbox that the flags describe.
///
/// # Errors
///
/// [`OptionsError`], naming the flag's value.
pub fn spec(options: Options) -> Result<Spec, OptionsError> {
    let Some(name) = options.command.first() else { return Err(OptionsError::NoCommand) };
    let program = find(name, &options.folder)?;
    let own = program.path.clone();
    let mut spec = Spec::new(program, options.command);
    for path in &options.read {
        spec.grants.push(Grant::resolve(&options.folder.join(path), Access::ReadExecute)?);
    }
    for path in &options.write {
        let grant = Grant::resolve(&options.folder.join(path), Access::Write)?;
        // The folder the caller is in is the one that is worked in.
        if spec.workspace.is_none() && options.folder.starts_with(grant.path()) {
            spec.workspace = Some(Workspace::new(grant));
        } else {
            spec.grants.push(grant);
        }
    }
    if !is_shown(&spec, &own) {
        spec.grants.push(Grant::resolve(&own, Access::ReadExecute)?);
    }
    spec.folder = is_shown(&spec, &options.folder).then_some(options.folder);
    for (name, value) in &options.environment {
        spec.environment.set(name, value)?;
    }
    if options.way_out == WayOut::Proxy {
        spec.network = Network::Listener;
        let proxy = format!("http://127.0.0.1:{PROXY_PORT}");
        for name in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            spec.environment.set(name, &proxy)?;
        }
    }
    let limits = Limits::default();
    spec.limits = Limits {
        wall: options.timeout.unwrap_or(limits.wall),
        memory_bytes: options.memory_bytes.unwrap_or(limits.memory_bytes),
        pids: options.pids.unwrap_or(limits.pids),
        output_bytes: KEPT_BYTES,
        ..limits
    };
    spec.terminal = match options.terminal {
        Some((rows, columns)) => Terminal::Pty { rows, columns },
        None => Terminal::Pipes,
    };
    spec.input = options.input.map_or(Input::Empty, Input::Descriptor);
    Ok(spec)
}

/// A program by its bare name from the fixed folders, or by its path, seen from the caller's folder.
fn find(name: &OsString, folder: &Path) -> Result<Program, ProgramError> {
    let text = name.to_string_lossy();
    if text.contains('/') {
        resolve_program(&folder.join(name).to_string_lossy())
    } else {
        resolve_program(&text)
    }
}

fn is_shown(spec: &Spec, path: &Path) -> bool {
    let workspace = spec.workspace.as_ref().map(|workspace| workspace.grant.path());
    let granted = spec.grants.iter().map(Grant::path).chain(workspace);
    granted.chain(view::SYSTEM_FOLDERS.iter().map(Path::new)).any(|shown| path.starts_with(shown))
}

/// `sandbox read --within DIR PATH`.
///
/// # Errors
///
/// As [`Within::read`].
pub fn read(within: &Path, path: &Path) -> Result<Vec<u8>, PathError> {
    Within::open(within)?.read(path, READ_BYTES_MAX)
}

/// `sandbox write --within DIR PATH`, with the content from standard input.
///
/// # Errors
///
/// As [`Within::write`].
pub fn write(within: &Path, path: &Path, content: &[u8]) -> Result<Identity, PathError> {
    Within::open(within)?.write(path, content, Replace::File)
}

/// The exit code of `sandbox run` when the sandbox could not be made.
pub const EXIT_NO_SANDBOX: i32 = 125;

/// The report of `sandbox run --json`.
#[must_use]
pub fn report(report: &Report) -> serde_json::Value {
    let stream = |captured: &Captured| {
        serde_json::json!({
            "text": captured.text(),
            "bytes": captured.total_bytes,
            "truncated": captured.truncated(),
        })
    };
    let signal = match report.ending {
        Ending::Signalled(signal) => Some(signal),
        Ending::Exited(_) | Ending::TimedOut | Ending::LimitReached | Ending::Cancelled => None,
    };
    serde_json::json!({
        "exit_code": report.exit_code(),
        "signal": signal,
        "timed_out": report.ending == Ending::TimedOut,
        "limit_hit": report.limit_hit.map(|limit| limit.as_str()),
        "denied": report.denied,
        "isolation": report.level.as_str(),
        "peak_memory_bytes": report.peak_memory_bytes,
        "wall_milliseconds": u64::try_from(report.wall.as_millis()).unwrap_or(u64::MAX),
        "stdout": stream(&report.stdout),
        "stderr": stream(&report.stderr),
    })
}
