//! Starting the proxy process of a run: the running program once more, behind the walls that its commands have.

use crate::READY;
use sandbox::{Access, Grant, Input, Limits, Program, Running, Sandbox, Spec, is_system, resolve_program};
use std::ffi::OsStr;
use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

/// The argument with which `hardshell` is a proxy process.
pub const ARGUMENT: &str = "__proxy";

/// The file name of the program.
const NAME: &str = "hardshell";

/// How long it may take until it is ready.
const START_MAX: Duration = Duration::from_secs(20);

/// Longer than any run: it ends with its run, and no run may outlive it.
const WALL: Duration = Duration::from_secs(366 * 24 * 3600);

/// The user that it is when Hardshell was started as root: an id that no account has, and not that of commands.
const USER: u32 = 1_879_113_474;

/// Why there is no proxy process; then there is no way out.
#[derive(Debug, thiserror::Error)]
#[error("start the proxy of the sandbox: {0}")]
pub enum ProcessError {
    /// The running program is not `hardshell`, or was replaced since it started.
    #[error("`{}` is not the program that was started, or is no longer there", .0.display())]
    Program(PathBuf),
    /// Its file cannot be used.
    #[error(transparent)]
    Unfit(#[from] sandbox::ProgramError),
    /// Its file cannot be shown inside.
    #[error(transparent)]
    Path(#[from] sandbox::PathError),
    /// Its sandbox cannot be made.
    #[error("{}", chain(.0))]
    Sandbox(#[from] sandbox::Error),
    /// It cannot be spoken to.
    #[error("{0}")]
    Socket(#[from] io::Error),
    /// It ended, or said nothing, before it was ready.
    #[error("it was not ready within {} s", START_MAX.as_secs())]
    Lost,
}

/// A proxy process. It ends when this is dropped, or with the process that started it.
#[derive(Debug)]
pub struct Process {
    _running: Running,
}

impl Process {
    /// Starts one in `sandbox`, and waits until it is ready. The socket that comes back leads to it; it is for
    /// [`crate::open`].
    ///
    /// # Errors
    ///
    /// [`ProcessError`].
    pub async fn start(sandbox: &Sandbox) -> Result<(Self, UnixStream), ProcessError> {
        let program = tokio::task::spawn_blocking(program).await.map_err(io::Error::other)??;
        let (ours, theirs) = UnixStream::pair()?;
        let mut spec = Spec::new(program.clone(), vec![NAME.into(), ARGUMENT.into()]);
        if !is_system(&program.path) {
            spec.grants.push(Grant::resolve(&program.path, Access::ReadExecute)?);
        }
        spec.input = Input::Socket(theirs.into());
        spec.floor = sandbox.isolation().level;
        spec.user = Some(USER);
        spec.limits = Limits {
            wall: WALL,
            memory_bytes: 256 << 20,
            pids: 4,
            file_bytes: 0,
            tmp_bytes: 1 << 20,
            tmp_inodes: 1024,
            output_bytes: 4 << 10,
            ..Limits::default()
        };
        let running = sandbox.start(spec).await?;
        let ready = tokio::task::spawn_blocking(move || {
            ours.set_read_timeout(Some(START_MAX))?;
            let mut said = [0];
            (&ours).read_exact(&mut said)?;
            ours.set_read_timeout(None)?;
            io::Result::Ok((said == [READY]).then_some(ours))
        });
        match ready.await.map_err(io::Error::other)? {
            Ok(Some(socket)) => Ok((Self { _running: running }, socket)),
            Ok(None) | Err(_) => Err(ProcessError::Lost),
        }
    }
}

/// The running program. Which file that is does not change; what is in it is read once.
fn program() -> Result<Program, ProcessError> {
    static KNOWN: Mutex<Option<Program>> = Mutex::new(None);
    let mut known = KNOWN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(program) = &*known {
        return Ok(program.clone());
    }
    let own = std::fs::read_link("/proc/self/exe")?;
    let path = beside(&own).ok_or_else(|| ProcessError::Program(own.clone()))?;
    let program = resolve_program(&path.to_string_lossy())?;
    *known = Some(program.clone());
    Ok(program)
}

/// `hardshell` itself, or the one that cargo put above the tests that are running.
fn beside(own: &Path) -> Option<PathBuf> {
    if own.file_name() == Some(OsStr::new(NAME)) {
        return Some(own.to_owned());
    }
    let folder = own.parent().filter(|folder| folder.ends_with("deps") || folder.ends_with("examples"))?;
    Some(folder.parent()?.join(NAME)).filter(|path| path.is_file())
}

fn chain(error: &dyn std::error::Error) -> String {
    let said = error.to_string();
    match error.source().map(chain) {
        // Some errors say their cause themselves.
        Some(cause) if !said.ends_with(&cause) => format!("{said}: {cause}"),
        Some(_) | None => said,
    }
}
