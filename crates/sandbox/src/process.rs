//! What Hardshell does to its own process: who it is, what others may see of it, what never reaches the disk.

use std::io;

use rustix::mm::MlockAllFlags;
use rustix::process::{DumpableBehavior, Resource, Rlimit};
use thiserror::Error;

mod memory;
mod user;

pub use memory::give_back_memory;
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

/// Whether a process may look into those that it started, which this kernel can keep for root
/// (Documentation/admin-guide/LSM/Yama.rst).
pub(crate) fn may_look_into_children() -> bool {
    let scope = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    matches!(scope.trim(), "" | "0" | "1")
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
/// memory, environment and descriptors are closed to `ptrace(2)` and `/proc`), no core files, `no_new_privs`, and no
/// swap where locked memory has no limit (`LimitMEMLOCK=infinity`): below one a later allocation would fail. Cannot be
/// undone except by [`std::process`] replacement of the program. Call it once, before any secret is read.
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
    rustix::thread::set_no_new_privs(true).map_err(failed("forbid new privileges"))?;
    if rustix::process::getrlimit(Resource::Memlock).current.is_some() {
        return Ok(());
    }
    let everything = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
    rustix::mm::mlockall(everything).map_err(failed("lock its memory"))
}

/// Whether [`harden_self`] holds: asked of the kernel, not remembered.
#[must_use]
pub fn is_hardened() -> bool {
    let core = rustix::process::getrlimit(Resource::Core);
    matches!(rustix::process::dumpable_behavior(), Ok(DumpableBehavior::NotDumpable))
        && core.maximum.is_some_and(|bytes| bytes <= 1)
        && rustix::thread::no_new_privs().unwrap_or(false)
}
