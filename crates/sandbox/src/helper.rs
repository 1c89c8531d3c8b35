//! The helper: a process of its own that makes one sandbox, starts one command in it, and ends with it.
//!
//! Hardshell ⇄ helper → first process inside → command. The helper watches the clock, the limits and the socket; when
//! any of them says so, or when it dies itself, the first process dies and the kernel takes the rest along.

mod alone;
mod command;
mod connect;
mod enter;
mod first;
mod landlock;
mod outer;
mod pieces;
mod root;
mod watch;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;

use rustix::process::DumpableBehavior;

use crate::canaries;
use crate::error::Step;
use crate::kernel::{self, Side};
use crate::level::Level;
use crate::probe::{EARLY_ARGUMENT, HELPER_ARGUMENT};
use crate::wire::{self, Answer, Reader, Request};

/// Why nothing was run.
#[derive(Debug)]
struct Fault {
    step: Step,
    error: io::Error,
}

/// Names the step that an error belongs to.
trait At<T> {
    fn at(self, step: Step) -> Result<T, Fault>;
}

impl<T, E: Into<io::Error>> At<T> for Result<T, E> {
    fn at(self, step: Step) -> Result<T, Fault> {
        self.map_err(|error| Fault { step, error: error.into() })
    }
}

impl Fault {
    fn new(step: Step, kind: io::ErrorKind) -> Self {
        Self { step, error: kind.into() }
    }

    fn answer(&self) -> Answer {
        // An error without a number is one of our own checks; EPERM is what it means.
        let unnumbered =
            if self.error.kind() == io::ErrorKind::Unsupported { libc::EOPNOTSUPP } else { libc::EPERM };
        Answer::Failed { step: self.step, errno: self.error.raw_os_error().unwrap_or(unnumbered) }
    }
}

/// What the program started as helper does: takes a request from the socket on standard input, carries it out, ends.
/// `hardshell __sandbox` calls it too. With `__canary` it is a canary (see [`crate::canaries`]) and no helper, with
/// `__alone` it starts a program (see [`crate::Alone`]). With none of these it does nothing and fails.
#[must_use]
pub fn helper_main() -> ExitCode {
    crate::kernel::learn_own_vector();
    let line: Vec<String> =
        std::env::args_os().skip(1).filter_map(|argument| argument.into_string().ok()).collect();
    let line: Vec<&str> =
        line.iter().map(String::as_str).skip_while(|argument| *argument == HELPER_ARGUMENT).collect();
    if let [canaries::CANARY_ARGUMENT, kind, decoys] = *line {
        return canaries::main(kind, decoys);
    }
    if let [crate::alone::ALONE_ARGUMENT, order] = *line {
        return alone::main(order);
    }
    let Ok(socket) = take_socket() else {
        return ExitCode::FAILURE;
    };
    // Never as root, whose own id would be the one that is mapped.
    let early = (matches!(*line, [EARLY_ARGUMENT]) && !crate::process::is_root()).then(enter::new_namespaces);
    match serve(&socket, early) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            let _told = wire::send(socket.as_fd(), &fault.answer(), &[]);
            ExitCode::FAILURE
        }
    }
}

/// Closes every other descriptor, whatever the parent left open.
fn take_socket() -> io::Result<OwnedFd> {
    kernel::close_from(3)?;
    let socket = kernel::take_standard_input()?;
    rustix::net::sockopt::socket_peercred(&socket)?;
    let null = rustix::fs::open(
        "/dev/null",
        rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::CLOEXEC,
        rustix::fs::Mode::empty(),
    )?;
    rustix::stdio::dup2_stdin(&null)?;
    Ok(socket)
}

/// Takes one request and carries it out. `early_namespaces` is what became of namespaces that were made before it came; none are
/// made early by root, nor for a level without them.
fn serve(socket: &OwnedFd, early_namespaces: Option<Result<(), Fault>>) -> Result<(), Fault> {
    let mut reader = Reader::default();
    let (request, mut descriptors) = reader
        .receive::<Request>(socket.as_fd())
        .at(Step::Request)?
        .ok_or_else(|| Fault::new(Step::Request, io::ErrorKind::UnexpectedEof))?;
    let stop = match &request.stop {
        Some(name) => {
            let folder =
                descriptors.pop().ok_or_else(|| Fault::new(Step::Request, io::ErrorKind::InvalidData))?;
            Some(outer::Stop { folder, name: name.clone() })
        }
        None => None,
    };
    let doors = descriptors.split_off(descriptors.len().min(3));
    let ends = <[OwnedFd; 3]>::try_from(descriptors);
    let (Ok(ends), wire::VERSION, true) = (ends, request.version, doors.len() == request.doors) else {
        return Err(Fault::new(Step::Request, io::ErrorKind::InvalidData));
    };
    let early_made = early_namespaces.is_some();
    early_namespaces.transpose()?;
    if stop.as_ref().is_some_and(outer::Stop::is_on) {
        return Err(Fault { step: Step::Request, error: io::Error::from_raw_os_error(libc::ECANCELED) });
    }
    let early = if crate::process::is_root() { Some(enter::leave_root(&request)?) } else { None };
    let walled = match request.level {
        Level::Full | Level::FullSoft => true,
        Level::Landlock | Level::None => false,
    };
    if walled && !early_made {
        enter::new_namespaces()?;
    }
    if request.level == Level::Landlock {
        // Whoever outlives the command is found there, and there alone.
        std::fs::metadata("/proc/self/stat").at(Step::Proc)?;
    }
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable).at(Step::Namespaces)?;
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).at(Step::Namespaces)?;
    let (ours, theirs) = wire::pair().at(Step::Fork)?;
    match kernel::fork().at(Step::Fork)? {
        Side::Child => {
            drop((ours, stop));
            first::run(&request, early, ends, doors, &theirs)
        }
        Side::Parent(child) => {
            drop((theirs, ends, doors, early));
            outer::watch_over(&request, child, socket, &ours, stop.as_ref())
        }
    }
}
