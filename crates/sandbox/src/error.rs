//! What can go wrong, by the step that failed.

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::level::Level;

/// A part of a [`crate::Spec`] that cannot be.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SpecError {
    /// An environment variable that no command may be given.
    #[error("the variable `{name}` may not be passed on")]
    Variable {
        /// Its name.
        name: String,
    },
    /// More environment variables than fit.
    #[error("more than {limit} environment variables")]
    Variables {
        /// How many fit.
        limit: usize,
    },
}

/// A path that could not be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PathError {
    /// The path is empty, holds NUL, or is longer than the kernel takes.
    #[error("`{path}` is not a usable path")]
    Malformed {
        /// As it was given.
        path: PathBuf,
    },
    /// The path leads out of the folder: by `..`, by a link, or because it is another absolute path.
    #[error("`{path}` leads out of `{within}`")]
    Outside {
        /// As it was given.
        path: PathBuf,
        /// The folder it must stay in.
        within: PathBuf,
    },
    /// The path is a symbolic link where only a file or a folder will do.
    #[error("`{path}` is a symbolic link")]
    Link {
        /// As it was given.
        path: PathBuf,
    },
    /// The path is a pipe, a device or a socket.
    #[error("`{path}` is {found}, not a file or a folder")]
    Special {
        /// As it was given.
        path: PathBuf,
        /// What it is.
        found: FileKind,
    },
    /// The path is a folder where a file is needed, or the other way round.
    #[error("`{path}` is {found}, not {wanted}")]
    Kind {
        /// As it was given.
        path: PathBuf,
        /// What it is.
        found: FileKind,
        /// What was needed.
        wanted: FileKind,
    },
    /// The file is larger than the caller takes.
    #[error("`{path}` is larger than {limit} bytes")]
    TooLarge {
        /// As it was given.
        path: PathBuf,
        /// The most the caller takes.
        limit: u64,
    },
    /// The folder has more entries than the caller takes.
    #[error("`{path}` has more than {limit} entries")]
    TooMany {
        /// As it was given.
        path: PathBuf,
        /// The most the caller takes.
        limit: usize,
    },
    /// More files that run code later than can be held.
    #[error(
        "more than {limit} files that run code later, and folders above them, are in the folders that may be \
        changed, such as `{path}`: name a smaller folder"
    )]
    TooManyProtected {
        /// One of them.
        path: PathBuf,
        /// The most.
        limit: usize,
    },
    /// A folder that cannot be looked through, where files that run code later could be hidden.
    #[error(
        "`{path}` cannot be looked through for files that run code later: {source}; open or remove it, or name a \
        smaller folder"
    )]
    Unseen {
        /// The folder.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// What shows the whole machine.
    #[error("`{path}` shows all of this machine, and is never granted")]
    Machine {
        /// As it was given.
        path: PathBuf,
    },
    /// The file is not the one that was looked at before.
    #[error("`{path}` is no longer the file it was")]
    Changed {
        /// As it was given.
        path: PathBuf,
    },
    /// What the kernel said.
    #[error("`{path}`: {source}")]
    Io {
        /// As it was given.
        path: PathBuf,
        /// Its answer.
        source: io::Error,
    },
}

/// What a path is.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileKind {
    /// A regular file.
    #[error("a file")]
    File,
    /// A folder.
    #[error("a folder")]
    Folder,
    /// A symbolic link.
    #[error("a symbolic link")]
    Link,
    /// A named pipe.
    #[error("a named pipe")]
    Pipe,
    /// A socket.
    #[error("a socket")]
    Socket,
    /// A block or character device.
    #[error("a device")]
    Device,
}

/// A sandbox that could not be made, or a command that could not be started in it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The machine offers less than the caller insists on.
    #[error("isolation here is `{level}`, below the floor `{floor}`: {reason}")]
    BelowFloor {
        /// What there is.
        level: Level,
        /// What must be.
        floor: Level,
        /// Why there is no more.
        reason: String,
    },
    /// There is one, and somebody who is neither root nor this user can have written it.
    #[error("the sandbox helper `{}` belongs to another user, or others may write it: only root's or your own is used", path.display())]
    ForeignHelper {
        /// Where it is.
        path: PathBuf,
    },
    /// The stop switch is on.
    #[error("everything is stopped: lockdown is on")]
    Stopped,
    /// The helper program is not where it belongs.
    #[error("no sandbox helper beside `{beside}`")]
    NoHelper {
        /// The running program.
        beside: PathBuf,
    },
    /// The helper could not be started, or spoken to.
    #[error("the sandbox helper could not be used: {source}")]
    Helper {
        /// What the kernel said.
        source: io::Error,
    },
    /// The helper went away without an answer.
    #[error("the sandbox helper ended without an answer")]
    HelperLost,
    /// The helper went away, or was stopped, while the command ran; everything is killed.
    #[error("the command had begun, and ended with the sandbox helper: what it did so far is done")]
    Interrupted,
    /// The helper answered something that it never says.
    #[error("the sandbox helper gave an answer that makes no sense")]
    HelperGarbled,
    /// A step of making the sandbox failed; nothing was run.
    #[error("{step}: {source}")]
    Step {
        /// The step.
        step: Step,
        /// What the kernel said.
        source: io::Error,
    },
    /// A path cannot be granted.
    #[error(transparent)]
    Path(#[from] PathError),
    /// What is asked for takes a wall that is not there; nothing was started.
    #[error("behind the walls that this machine has, `{level}`, {what}")]
    Beyond {
        /// What there is.
        level: Level,
        /// What cannot be, and why.
        what: String,
    },
    /// A part of the request cannot be.
    #[error(transparent)]
    Spec(#[from] SpecError),
}

/// The steps of making a sandbox, in their order.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Reading what is asked for.
    #[error("reading the request")]
    Request,
    /// Joining the control group.
    #[error("joining the control group")]
    ControlGroup,
    /// Giving up root.
    #[error("giving up root")]
    BecomeUser,
    /// Making the namespaces.
    #[error("making namespaces")]
    Namespaces,
    /// Mapping the one user and group.
    #[error("mapping the user id")]
    IdMap,
    /// Starting the first process inside.
    #[error("starting the first process")]
    Fork,
    /// Naming the machine.
    #[error("naming the machine")]
    HostName,
    /// Bringing up the loopback.
    #[error("bringing up the loopback")]
    Loopback,
    /// Answering for `connect` where the network is the host's own.
    #[error("answering for what it connects to")]
    Connects,
    /// Opening a granted path again, inside.
    #[error("opening a granted path")]
    Grant,
    /// Making the new root.
    #[error("making the new root")]
    Root,
    /// The fresh `/proc`.
    #[error("mounting /proc")]
    Proc,
    /// The five devices.
    #[error("adding devices")]
    Devices,
    /// The private folders.
    #[error("adding private folders")]
    Scratch,
    /// The overlay of a transaction.
    #[error("mounting the change set")]
    Overlay,
    /// Read-only cover over protected files.
    #[error("covering protected files")]
    Protect,
    /// Leaving the old root.
    #[error("leaving the old root")]
    Pivot,
    /// The session keyring.
    #[error("joining an empty keyring")]
    Keyring,
    /// Resource limits.
    #[error("setting resource limits")]
    Limits,
    /// Capabilities and securebits.
    #[error("dropping capabilities")]
    Capabilities,
    /// `no_new_privs`.
    #[error("forbidding new privileges")]
    NoNewPrivileges,
    /// Landlock.
    #[error("restricting files with Landlock")]
    Landlock,
    /// The system-call filter.
    #[error("filtering system calls")]
    Seccomp,
    /// The working folder.
    #[error("entering the working folder")]
    Folder,
    /// Finding and starting the program.
    #[error("starting the program")]
    Execute,
}
