//! A path of the host that a command may see, resolved once to the thing itself.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};

use crate::error::{FileKind, PathError};
use crate::within::{Identity, kind_of};

/// What a command may do with a granted path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Access {
    /// Read, and list folders.
    Read,
    /// Read and start programs from it.
    ReadExecute,
    /// Read, start programs from it, change.
    Write,
}

/// A file or folder that was looked up, with the identity it had.
///
/// INVARIANT: `path` is absolute and was free of links when `pin` was opened from it; inside the sandbox it is looked
/// up again without following any link, and refused unless it has the same device and inode.
#[derive(Debug)]
pub struct Grant {
    path: PathBuf,
    access: Access,
    identity: Identity,
    pin: OwnedFd,
}

/// Where the kernel shows every process and device; a sandbox has its own.
const MACHINE: [&str; 3] = ["/proc", "/sys", "/dev"];

impl Grant {
    /// Looks up `path` and holds on to what it is; links in it are followed now, once.
    ///
    /// # Errors
    ///
    /// [`PathError::Io`] when it is not there; [`PathError::Special`] when it is a pipe, a device or a socket;
    /// [`PathError::Machine`] when it is the root folder, or the kernel's; [`PathError::Malformed`] when it cannot be
    /// named in full.
    pub fn resolve(path: &Path, access: Access) -> Result<Self, PathError> {
        let io = |source: rustix::io::Errno| PathError::Io { path: path.to_owned(), source: source.into() };
        let opened = rustix::fs::openat2(
            CWD,
            path,
            OFlags::PATH | OFlags::CLOEXEC,
            Mode::empty(),
            ResolveFlags::NO_MAGICLINKS,
        )
        .map_err(io)?;
        let full =
            crate::within::path_of(&opened).ok_or_else(|| PathError::Malformed { path: path.to_owned() })?;
        let is_shared_memory = full.starts_with("/dev/shm") && full != Path::new("/dev/shm");
        if full == Path::new("/") || MACHINE.iter().any(|part| full.starts_with(part)) && !is_shared_memory {
            return Err(PathError::Machine { path: path.to_owned() });
        }
        let pin = rustix::fs::openat2(
            CWD,
            &full,
            OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW,
            Mode::empty(),
            ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS,
        )
        .map_err(io)?;
        let stat = rustix::fs::fstat(&pin).map_err(io)?;
        match kind_of(stat.st_mode) {
            FileKind::File | FileKind::Folder => {}
            found @ (FileKind::Link | FileKind::Pipe | FileKind::Socket | FileKind::Device) => {
                return Err(PathError::Special { path: path.to_owned(), found });
            }
        }
        Ok(Self { path: full, access, identity: Identity::of(&stat), pin })
    }

    /// The path, absolute and free of links.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What may be done with it.
    #[must_use]
    pub fn access(&self) -> Access {
        self.access
    }

    /// What it was when it was looked up.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.identity
    }
}

impl AsFd for Grant {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pin.as_fd()
    }
}
