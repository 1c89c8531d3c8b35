//! From what is asked for to what the helper is told: every path looked up, every descriptor made.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;

use rustix::fs::{Mode, OFlags};

use super::streams::Source;
use crate::control_group::ControlGroup;
use crate::error::{Error, Step};
use crate::grant::{Access, Grant};
use crate::level::Level;
use crate::spec::{Input, Limits, Network, PROXY_PORT, Spec, Terminal, Workspace, WorkspaceMode};
use crate::stop::StopSwitch;
use crate::view;
use crate::wire::{self, Granted, LimitsRequest, Request, TerminalRequest, Watched, WorkspaceRequest};

/// The user that commands run as when Hardshell was started as root and there is no `hardshell-sandbox`: an id that
/// no account has.
const SANDBOX_USER: u32 = 1_879_113_473;

/// The account that commands run as when Hardshell was started as root.
const SANDBOX_ACCOUNT: &str = "hardshell-sandbox";

/// Everything that is ready before the helper is started.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) request: Request,
    /// What goes along with the request: standard input, output and error, the doors of the control group, the folder
    /// of the stop switch.
    pub(super) inside: Vec<OwnedFd>,
    pub(super) stdout: OwnedFd,
    pub(super) stderr: Option<OwnedFd>,
    pub(super) feed: Option<Source>,
    pub(super) terminal: Option<OwnedFd>,
    pub(super) group: Option<ControlGroup>,
    pub(super) output_bytes: u64,
    pub(super) listens: bool,
}

pub(super) fn prepare(
    spec: Spec,
    level: Level,
    landlock_abi: u32,
    stop: Option<&StopSwitch>,
) -> Result<Prepared, Error> {
    let mut environment: BTreeMap<String, String> =
        view::VARIABLES.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    environment.extend(spec.environment.iter().map(|(name, value)| (name.to_owned(), value.to_owned())));
    let mut ends = ends(spec.input, spec.terminal).map_err(|source| Error::Helper { source })?;
    let no_group = |source| Error::Step { step: Step::ControlGroup, source };
    let group = match level {
        Level::Full => Some(ControlGroup::create(&spec.limits).map_err(no_group)?),
        Level::FullSoft | Level::Landlock | Level::None => None,
    };
    let doors = group.as_ref().map_or(Ok(Vec::new()), ControlGroup::doors).map_err(no_group)?;
    let door_count = doors.len();
    ends.inside.extend(doors);
    if let Some(switch) = stop {
        let folder = switch.folder.try_clone().map_err(|source| Error::Helper { source })?;
        ends.inside.push(folder);
    }
    let request = Request {
        version: wire::VERSION,
        level,
        landlock_abi,
        sandbox_user: crate::process::is_root().then(|| spec.user.unwrap_or_else(sandbox_user)),
        program: spec.program,
        arguments: spec.arguments.into_iter().map(OsString::into_vec).collect(),
        environment,
        folder: spec.folder,
        grants: spec.grants.iter().map(granted).collect(),
        workspace: spec.workspace.as_ref().map(workspace).transpose()?,
        covers: crate::protected::covers(&spec.grants, spec.workspace.as_ref())?,
        listen: match spec.network {
            Network::None => None,
            Network::Listener => Some(PROXY_PORT),
        },
        terminal: match spec.terminal {
            Terminal::Pipes => TerminalRequest::Pipes,
            Terminal::Pty { .. } => TerminalRequest::Pty,
        },
        limits: limits(&spec.limits, if group.is_some() { Watched::ByKernel } else { Watched::ByHelper }),
        doors: door_count,
        stop: stop.map(|switch| switch.name.clone()),
    };
    within_reach(&request)?;
    Ok(Prepared {
        listens: request.listen.is_some(),
        request,
        inside: ends.inside,
        stdout: ends.stdout,
        stderr: ends.stderr,
        feed: ends.feed,
        terminal: ends.terminal,
        group,
        output_bytes: spec.limits.output_bytes,
    })
}

/// Says before anything is started what the helper would refuse without namespaces of its own.
fn within_reach(request: &Request) -> Result<(), Error> {
    let beyond = |what: String| Err(Error::Beyond { level: request.level, what });
    match (request.level, request.listen, request.covers.first()) {
        (Level::Landlock | Level::None, _, Some(cover)) => beyond(format!(
            "`{}` cannot be held in its place while what is around it may be changed, and it, or something in it, \
             runs code later",
            cover.path.display()
        )),
        (Level::None, Some(_), _) => beyond("nothing holds a command to its proxy".to_owned()),
        (Level::Landlock, Some(_), None) if !crate::process::may_look_into_children() => beyond(
            "nobody may read what a command connects to, since this kernel lets root alone look into other \
             processes: `sudo sysctl kernel.yama.ptrace_scope=1` changes that"
                .to_owned(),
        ),
        (Level::Full | Level::FullSoft | Level::Landlock | Level::None, _, _) => Ok(()),
    }
}

fn sandbox_user() -> u32 {
    match crate::process::find_user(SANDBOX_ACCOUNT) {
        Ok(account) if account.user != 0 => account.user,
        Ok(_) | Err(_) => SANDBOX_USER,
    }
}

fn granted(grant: &Grant) -> Granted {
    Granted { path: grant.path().to_owned(), access: grant.access(), identity: grant.identity() }
}

fn workspace(workspace: &Workspace) -> Result<WorkspaceRequest, Error> {
    let change_set = match &workspace.mode {
        WorkspaceMode::InPlace => None,
        WorkspaceMode::Transaction(folder) => Some(granted(&Grant::resolve(folder, Access::Write)?)),
    };
    Ok(WorkspaceRequest { granted: granted(&workspace.grant), change_set })
}

fn limits(limits: &Limits, watched: Watched) -> LimitsRequest {
    LimitsRequest {
        wall_milliseconds: u64::try_from(limits.wall.as_millis()).unwrap_or(u64::MAX),
        memory_bytes: limits.memory_bytes,
        pids: limits.pids,
        files: limits.files,
        file_bytes: limits.file_bytes,
        tmp_bytes: limits.tmp_bytes,
        tmp_inodes: limits.tmp_inodes,
        watched,
    }
}

struct Ends {
    inside: Vec<OwnedFd>,
    stdout: OwnedFd,
    stderr: Option<OwnedFd>,
    feed: Option<Source>,
    terminal: Option<OwnedFd>,
}

fn ends(input: Input, terminal: Terminal) -> io::Result<Ends> {
    match terminal {
        Terminal::Pipes => pipes(input),
        Terminal::Pty { rows, columns } => pty(input, rows, columns),
    }
}

fn pipes(input: Input) -> io::Result<Ends> {
    let pipe = || rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC);
    let (stdin, feed) = match input {
        Input::Empty => (null()?, None),
        Input::Bytes(bytes) => {
            let (read, write) = pipe()?;
            (read, Some(Source::Bytes(write, bytes)))
        }
        Input::Descriptor(from) => {
            let (read, write) = pipe()?;
            (read, Some(Source::Descriptor(write, from)))
        }
        Input::Socket(socket) => (socket, None),
    };
    let (stdout, stdout_inside) = pipe()?;
    let (stderr, stderr_inside) = pipe()?;
    Ok(Ends {
        inside: vec![stdin, stdout_inside, stderr_inside],
        stdout,
        stderr: Some(stderr),
        feed,
        terminal: None,
    })
}

/// An empty pipe: end of file at once, and no descriptor of the host's own `/dev/null` inside.
fn null() -> io::Result<OwnedFd> {
    let (read, _write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    Ok(read)
}

fn pty(input: Input, rows: u16, columns: u16) -> io::Result<Ends> {
    use rustix::pty::OpenptFlags;
    let ours = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    rustix::pty::grantpt(&ours)?;
    rustix::pty::unlockpt(&ours)?;
    let name = rustix::pty::ptsname(&ours, Vec::new())?;
    let size = rustix::termios::Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    rustix::termios::tcsetwinsize(&ours, size)?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let inside = rustix::fs::openat(rustix::fs::CWD, name.as_c_str(), flags, Mode::empty())?;
    let copy = || ours.as_fd().try_clone_to_owned();
    let feed = match input {
        Input::Empty | Input::Socket(_) => None,
        Input::Bytes(bytes) => Some(Source::Bytes(copy()?, bytes)),
        Input::Descriptor(from) => Some(Source::Descriptor(copy()?, from)),
    };
    let terminal = Some(copy()?);
    let (second, third) = (inside.try_clone()?, inside.try_clone()?);
    Ok(Ends { inside: vec![inside, second, third], stdout: ours, stderr: None, feed, terminal })
}
