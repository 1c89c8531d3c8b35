//! The last steps before a program runs, in the process that becomes it: each closes a door for good.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{CWD, Mode, OFlags};

use super::{At, Fault, connect, landlock};
use crate::error::Step;
use crate::filter;
use crate::kernel::{self, Watch};
use crate::level::Level;
use crate::program::{self, Program};
use crate::view;
use crate::wire::{self, Answer, LimitsRequest, Request, TerminalRequest, Watched};
use crate::within::Identity;

/// Becomes the program. Returns only to say why not.
pub(super) fn become_command(request: &Request, ends: [OwnedFd; 3], first: &OwnedFd, watch: Watch) -> Fault {
    match last_steps(request, ends, first, watch) {
        Ok((file, path, arguments, variables)) => {
            // Through the descriptor, so that what was checked is what runs; a script has no such way in.
            let error = kernel::execute(Some(file.as_fd()), &path, &arguments, &variables);
            let error = match error.raw_os_error() {
                Some(libc::ENOENT | libc::ENOEXEC) => kernel::execute(None, &path, &arguments, &variables),
                Some(_) | None => error,
            };
            Fault { step: Step::Execute, error }
        }
        Err(fault) => fault,
    }
}

type Image = (OwnedFd, CString, Vec<CString>, Vec<CString>);

fn last_steps(request: &Request, ends: [OwnedFd; 3], first: &OwnedFd, watch: Watch) -> Result<Image, Fault> {
    kernel::reset_signals().at(Step::Execute)?;
    rustix::process::setsid().at(Step::Execute)?;
    let [stdin, stdout, stderr] = ends;
    match request.terminal {
        TerminalRequest::Pipes => {}
        TerminalRequest::Pty => rustix::process::ioctl_tiocsctty(&stdin).at(Step::Execute)?,
    }
    rustix::stdio::dup2_stdin(&stdin).at(Step::Execute)?;
    rustix::stdio::dup2_stdout(&stdout).at(Step::Execute)?;
    rustix::stdio::dup2_stderr(&stderr).at(Step::Execute)?;
    kernel::close_on_exec_from(3).at(Step::Execute)?;
    set_limits(&request.limits, request.level).at(Step::Limits)?;
    rustix::process::umask(Mode::from_raw_mode(0o022));
    let walled = matches!(request.level, Level::Full | Level::FullSoft);
    match &request.folder {
        Some(folder) => rustix::process::chdir(folder).at(Step::Folder)?,
        None if walled => rustix::process::chdir(view::HOME).at(Step::Folder)?,
        None => rustix::process::chdir("/").at(Step::Folder)?,
    }
    let file = open_program(&request.program).at(Step::Execute)?;
    let text = |bytes: &[u8]| {
        CString::new(bytes).map_err(|_| Fault::new(Step::Execute, io::ErrorKind::InvalidInput))
    };
    let path = text(request.program.path.as_os_str().as_bytes())?;
    let arguments = request.arguments.iter().map(|argument| text(argument)).collect::<Result<Vec<_>, _>>()?;
    let variables = request
        .environment
        .iter()
        .map(|(name, value)| text(format!("{name}={value}").as_bytes()))
        .collect::<Result<Vec<_>, _>>()?;
    landlock::restrict(request)?;
    let listener = match install(request.level, watch) {
        // A container around this one listens already, or the kernel cannot announce: refusals go unreported.
        Err(error)
            if !connect::is_brokered(request)
                && matches!(error.raw_os_error(), Some(libc::EBUSY | libc::EINVAL)) =>
        {
            install(request.level, Watch::Nothing)
        }
        other => other,
    }
    .at(Step::Seccomp)?;
    let descriptors: Vec<_> = listener.iter().map(AsFd::as_fd).collect();
    wire::send(first.as_fd(), &Answer::Ready, &descriptors).at(Step::Seccomp)?;
    Ok((file, path, arguments, variables))
}

fn install(level: Level, watch: Watch) -> io::Result<Option<OwnedFd>> {
    kernel::install_filter(&filter::compile(level, watch), watch)
}

/// The program, if it is still the one that was looked up. An overlay shows files under numbers of its own; there its
/// content must be the same.
fn open_program(program: &Program) -> io::Result<OwnedFd> {
    let file = rustix::fs::openat(CWD, &program.path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    if Identity::of(&rustix::fs::fstat(&file)?) == program.identity {
        return Ok(file);
    }
    let content = rustix::fs::openat(CWD, &program.path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    if program::hash(content.try_clone()?.into())? == program.blake3 {
        return Ok(content);
    }
    Err(io::Error::from_raw_os_error(libc::ESTALE))
}

/// Limits of each process; those of all together are the control group's or the watcher's.
fn set_limits(limits: &LimitsRequest, level: Level) -> io::Result<()> {
    // 1 and not 0: a core dump that is piped to a program of the host is given up only then (core(5)).
    // Where it may not be raised that far, whoever started this already forbade them.
    let core = rustix::process::getrlimit(rustix::process::Resource::Core).maximum.unwrap_or(1).min(1);
    kernel::set_limit(libc::RLIMIT_CORE, core)?;
    kernel::set_limit(libc::RLIMIT_NOFILE, limits.files.into())?;
    kernel::set_limit(libc::RLIMIT_FSIZE, limits.file_bytes)?;
    kernel::set_limit(libc::RLIMIT_MSGQUEUE, 0)?;
    kernel::set_limit(libc::RLIMIT_RTPRIO, 0)?;
    kernel::set_limit(libc::RLIMIT_NICE, 0)?;
    kernel::set_limit(libc::RLIMIT_MEMLOCK, 64 << 10)?;
    match limits.watched {
        // Not the address space: programs reserve far more of it than they use.
        Watched::ByHelper => kernel::set_limit(libc::RLIMIT_DATA, limits.memory_bytes)?,
        Watched::ByKernel => {}
    }
    match level {
        // Counted from zero in a new user namespace; outside one it would count the person's own processes. The helper
        // and the first process are two of them.
        Level::Full | Level::FullSoft => {
            kernel::set_limit(libc::RLIMIT_NPROC, u64::from(limits.pids).saturating_add(2))
        }
        Level::Landlock | Level::None => Ok(()),
    }
}
