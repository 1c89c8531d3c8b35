//! The stop switch as sandboxes read it: a name in a folder. While something has that name nothing is started, and
//! every helper ends what it runs, by itself: the program that started it may hang, and is not asked.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{AtFlags, CWD, Mode, OFlags};

/// How often a helper looks: everything is to have stopped within a second.
pub(crate) const LOOK: Duration = Duration::from_millis(100);

/// A stop switch, held by its folder, so that a helper finds it from within any root.
#[derive(Clone, Debug)]
pub struct StopSwitch {
    pub(crate) folder: Arc<OwnedFd>,
    pub(crate) name: String,
}

impl StopSwitch {
    /// The switch `name` in `folder`.
    ///
    /// # Errors
    ///
    /// What the system says of the folder.
    pub fn open(folder: &Path, name: &str) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = rustix::fs::openat(CWD, folder, flags, Mode::empty())?;
        Ok(Self { folder: Arc::new(folder), name: name.to_owned() })
    }

    /// Whether it is on. When that cannot be told, it is.
    #[must_use]
    pub fn is_on(&self) -> bool {
        is_on(self.folder.as_fd(), &self.name)
    }
}

pub(crate) fn is_on(folder: BorrowedFd<'_>, name: &str) -> bool {
    !matches!(rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW), Err(rustix::io::Errno::NOENT))
}
