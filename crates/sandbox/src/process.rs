//! What Hardshell does to its own process: who it is, what others may see of it, what never reaches the disk.

use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::process::{DumpableBehavior, Resource, Rlimit, Uid};
use thiserror::Error;

mod locked;
mod user;

pub use locked::LockedBytes;
pub use user::{User, UserError, become_user, find_user};

/// Whether this process is root, in the sense that matters: its effective user id is 0.
#[must_use]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// This process's effective user id.
#[must_use]
pub fn user_id() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// This process's id.
#[must_use]
pub fn process_id() -> u32 {
    rustix::process::getpid().as_raw_nonzero().get().unsigned_abs()
}

/// A protection of this process that could not be had.
#[derive(Debug, Error)]
#[error("could not {what}: {source}")]
pub struct HardenError {
    what: &'static str,
    source: io::Error,
}

/// Makes this process unreadable for others of the same user and keeps its memory off the disk: not dumpable (so its
/// memory, environment and descriptors are closed to `ptrace(2)` and `/proc`), no core files, `no_new_privs`. Cannot
/// be undone except by [`std::process`] replacement of the program. Call it once, before any secret is read.
///
/// # Errors
///
/// [`HardenError`] naming the protection that the kernel refused; the ones before it hold.
pub fn harden_self() -> Result<(), HardenError> {
    crate::kernel::learn_own_vector();
    let failed = |what| move |errno: rustix::io::Errno| HardenError { what, source: errno.into() };
    // 1 and not 0: a core dump that is piped to a program is given up only then (core(5)).
    let most = rustix::process::getrlimit(Resource::Core).maximum.unwrap_or(1).min(1);
    rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(most), maximum: Some(most) })
        .map_err(failed("switch core files off"))?;
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(failed("close this process to debuggers"))?;
    rustix::thread::set_no_new_privs(true).map_err(failed("forbid new privileges"))
}

/// Whether [`harden_self`] holds: asked of the kernel, not remembered.
#[must_use]
pub fn is_hardened() -> bool {
    let core = rustix::process::getrlimit(Resource::Core);
    matches!(rustix::process::dumpable_behavior(), Ok(DumpableBehavior::NotDumpable))
        && core.maximum.is_some_and(|bytes| bytes <= 1)
        && rustix::thread::no_new_privs().unwrap_or(false)
}

/// Who is at the other end of a unix socket, as the kernel recorded when it was connected (`SO_PEERCRED`, unix(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its user id.
    pub user: u32,
    /// Its group id.
    pub group: u32,
    /// Its process id then; it may have ended since.
    pub process: u32,
}

/// The peer of a connected unix socket.
///
/// # Errors
///
/// What the kernel says, for instance when it is no unix socket.
pub fn peer_of(socket: &impl AsFd) -> io::Result<Peer> {
    let credentials = rustix::net::sockopt::socket_peercred(socket)?;
    Ok(Peer {
        user: credentials.uid.as_raw(),
        group: credentials.gid.as_raw(),
        process: credentials.pid.as_raw_nonzero().get().unsigned_abs(),
    })
}

/// Room on the file system that holds a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Its size in bytes.
    pub bytes: u64,
    /// What an ordinary user may still write, in bytes.
    pub free_bytes: u64,
    /// How many files it can hold; 0 where there is no such limit.
    pub inodes: u64,
    /// How many more.
    pub free_inodes: u64,
}

/// How much room there is where `path` is.
///
/// # Errors
///
/// What `statvfs(3)` says.
pub fn room_at(path: &Path) -> io::Result<Room> {
    let found = rustix::fs::statvfs(path)?;
    Ok(Room {
        bytes: found.f_blocks.saturating_mul(found.f_frsize),
        free_bytes: found.f_bavail.saturating_mul(found.f_frsize),
        inodes: found.f_files,
        free_inodes: found.f_favail,
    })
}

/// The running program's own file and its BLAKE3 hash, read through the kernel's link so that a replaced file does not
/// answer for it.
///
/// # Errors
///
/// What the kernel says when there is no `/proc`.
pub fn hash_of_self() -> io::Result<(PathBuf, [u8; 32])> {
    let path = std::fs::read_link("/proc/self/exe")?;
    let hash = crate::program::hash(std::fs::File::open("/proc/self/exe")?)?;
    Ok((path, hash))
}

/// Whether `path` belongs to this process's user and is closed to everyone else; for the 0600 and 0700 rules.
///
/// # Errors
///
/// What the kernel says when the path cannot be looked up.
pub fn is_private(path: &Path) -> io::Result<bool> {
    let stat = rustix::fs::lstat(path)?;
    Ok(Uid::from_raw(stat.st_uid) == rustix::process::geteuid() && stat.st_mode & 0o077 == 0)
}
