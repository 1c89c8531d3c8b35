//! A folder of this process's own, for its user alone, removed when dropped; what a process that was killed left is
//! removed by the next one that makes one. A folder is in use as long as somebody holds the lock on it, which the
//! kernel lets go of with the process.

use crate::problem::Problem;
use rustix::fs::{FlockOperation, Mode, OFlags, flock, fstat};
use std::fs::DirBuilder;
use std::io::{Error, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// What the names of all such folders begin with.
const PREFIX: &str = "hardshell-scratch-";
/// How many times another name is tried, where somebody took the new folder for one that is not in use.
const ATTEMPTS_MAX: u32 = 8;
/// How many left folders are removed at a time: a start waits for it.
const SWEPT_MAX: usize = 64;

/// The folder.
pub struct Scratch {
    path: PathBuf,
    _in_use: OwnedFd,
}

impl Scratch {
    /// Makes one.
    pub fn make() -> Result<Self, Problem> {
        let step = || format!("make a folder in {}", std::env::temp_dir().display());
        Self::made().map_err(|source| Problem::Io { step: step(), source })
    }

    /// The same, with the bare error.
    pub fn made() -> std::io::Result<Self> {
        let parent = std::env::temp_dir();
        sweep(&parent);
        Self::made_in(&parent)
    }

    fn made_in(parent: &Path) -> std::io::Result<Self> {
        for _ in 0..ATTEMPTS_MAX {
            let path = parent.join(format!("{PREFIX}{}", daemon::message_id()));
            DirBuilder::new().mode(0o700).create(&path)?;
            if let Some(in_use) = own_and_unused(&path)? {
                return Ok(Self { path, _in_use: in_use });
            }
        }
        Err(Error::new(ErrorKind::WouldBlock, "each was taken away at once"))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next one.
        let _left = std::fs::remove_dir_all(&self.path);
    }
}

/// Removes the folders of processes that are gone.
pub fn sweep(parent: &Path) {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    for entry in named.take(SWEPT_MAX) {
        // Somebody else's, or one that cannot be looked at, is theirs to remove.
        if let Ok(Some(_nobody_else)) = own_and_unused(&entry.path()) {
            let _left = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// The lock on the folder at `path`, if that is a folder of this user's own that nobody uses.
fn own_and_unused(path: &Path) -> std::io::Result<Option<OwnedFd>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(folder) => folder,
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let found = fstat(&folder)?;
    if found.st_uid != rustix::process::geteuid().as_raw() {
        return Ok(None);
    }
    match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    // Whoever held the lock before may have removed it.
    let is_there = std::fs::symlink_metadata(path)
        .is_ok_and(|there| (there.dev(), there.ino()) == (found.st_dev, found.st_ino));
    Ok(is_there.then_some(folder))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn what_nobody_uses_goes_and_what_somebody_uses_stays() {
        let parent = tempfile::tempdir().unwrap();
        let used = Scratch::made_in(parent.path()).unwrap();
        std::fs::write(used.path().join("kept"), "x").unwrap();
        let left = parent.path().join(format!("{PREFIX}left"));
        std::fs::create_dir_all(left.join("home")).unwrap();
        std::fs::write(left.join("home/hardshell.db"), "what was restored").unwrap();
        // Neither a link with such a name, nor what it leads to, nor what is called otherwise.
        let other = parent.path().join("other");
        std::fs::create_dir(&other).unwrap();
        symlink(&other, parent.path().join(format!("{PREFIX}link"))).unwrap();
        std::fs::write(parent.path().join(format!("{PREFIX}file")), "x").unwrap();
        sweep(parent.path());
        assert!(!left.exists());
        assert!(used.path().join("kept").exists() && other.exists());
        assert!(parent.path().join(format!("{PREFIX}link")).is_symlink());
        assert!(parent.path().join(format!("{PREFIX}file")).exists());
        let path = used.path().to_path_buf();
        drop(used);
        assert!(!path.exists());
    }
}
