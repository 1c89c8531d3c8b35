//! A folder that nothing leads out of: how Hardshell itself reads and writes where a command may have planted links.
//!
//! Every path is resolved by the kernel in one `openat2(2)` beneath the folder, never by string at the time of use.

mod list;
mod write;

use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::error::{FileKind, PathError};

pub use list::{ENTRIES_MAX, Entry};
pub use write::Replace;

/// How often a lookup is tried again when the folder is renamed under it (`openat2` answers `EAGAIN`).
const ATTEMPTS_MAX: u32 = 64;

/// What a file is, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// The device it is on.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
}

impl Identity {
    pub(crate) fn of(stat: &Stat) -> Self {
        Self { device: stat.st_dev, inode: stat.st_ino }
    }
}

pub(crate) fn kind_of(mode: u32) -> FileKind {
    match FileType::from_raw_mode(mode) {
        FileType::RegularFile => FileKind::File,
        FileType::Directory => FileKind::Folder,
        FileType::Symlink => FileKind::Link,
        FileType::Fifo => FileKind::Pipe,
        FileType::Socket => FileKind::Socket,
        FileType::CharacterDevice | FileType::BlockDevice | FileType::Unknown => FileKind::Device,
    }
}

/// The full path of an open descriptor; `None` when it was deleted, is not reachable, or there is no `/proc`.
pub(crate) fn path_of(file: &impl AsFd) -> Option<PathBuf> {
    use std::os::fd::AsRawFd;
    let link = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
    let path = std::fs::read_link(link).ok()?;
    let same = rustix::fs::stat(&path).ok()?;
    let held = rustix::fs::fstat(file).ok()?;
    (path.is_absolute() && Identity::of(&same) == Identity::of(&held)).then_some(path)
}

/// What [`Within::stat`] tells of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it is.
    pub kind: FileKind,
    /// Which one it is.
    pub identity: Identity,
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was last changed, in seconds since 1970.
    pub modified_seconds: i64,
    /// When it, or its permissions or names, were last changed: seconds and nanoseconds since 1970.
    pub changed: (i64, u64),
    /// Its permission bits.
    pub mode: u32,
    /// How many names it has.
    pub links: u64,
}

impl Found {
    pub(crate) fn of(stat: &Stat) -> Self {
        Self {
            changed: (stat.st_ctime, stat.st_ctime_nsec),
            links: stat.st_nlink,
            kind: kind_of(stat.st_mode),
            identity: Identity::of(stat),
            bytes: u64::try_from(stat.st_size).unwrap_or(0),
            modified_seconds: stat.st_mtime,
            mode: stat.st_mode & 0o7777,
        }
    }
}

/// A folder, held open. Everything done through it stays beneath it, whatever links, `..` or renames it meets.
///
/// Paths are relative to the folder, or absolute and beneath it. Symbolic links are followed only while they stay
/// beneath. Pipes, sockets and devices are never opened.
#[derive(Debug)]
pub struct Within {
    folder: OwnedFd,
    path: PathBuf,
}

impl Within {
    /// Opens the folder. Links in `path` itself are followed: it is the caller's own.
    ///
    /// # Errors
    ///
    /// [`PathError::Io`] when it is not there or may not be read; [`PathError::Kind`] when it is not a folder.
    pub fn open(path: &Path) -> Result<Self, PathError> {
        let folder = rustix::fs::openat2(
            CWD,
            path,
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
            ResolveFlags::NO_MAGICLINKS,
        )
        .map_err(|errno| match errno {
            Errno::NOTDIR => {
                PathError::Kind { path: path.to_owned(), found: FileKind::File, wanted: FileKind::Folder }
            }
            other => PathError::Io { path: path.to_owned(), source: other.into() },
        })?;
        let path = path_of(&folder).unwrap_or_else(|| path.to_owned());
        Ok(Self { folder, path })
    }

    /// The folder's path when it was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is at `path`; a link there is followed if it stays beneath.
    ///
    /// # Errors
    ///
    /// As [`Within::read`], but of any kind of file.
    pub fn stat(&self, path: &Path) -> Result<Found, PathError> {
        let handle = self.resolve(path, OFlags::PATH, Mode::empty())?;
        let stat = rustix::fs::fstat(&handle).map_err(|errno| io_error(path, errno))?;
        Ok(Found::of(&stat))
    }

    /// The path that `path` truly names, after links, relative to the folder.
    ///
    /// # Errors
    ///
    /// As [`Within::stat`]; also [`PathError::Changed`] when it is renamed meanwhile.
    pub fn canonical(&self, path: &Path) -> Result<PathBuf, PathError> {
        let handle = self.resolve(path, OFlags::PATH, Mode::empty())?;
        let full = path_of(&handle).ok_or_else(|| PathError::Changed { path: path.to_owned() })?;
        let base = path_of(&self.folder).ok_or_else(|| PathError::Changed { path: path.to_owned() })?;
        let inside = full.strip_prefix(&base).map_err(|_| self.outside(path))?;
        Ok(inside.to_owned())
    }

    /// Opens a regular file for reading.
    ///
    /// # Errors
    ///
    /// As [`Within::read`].
    pub fn open_file(&self, path: &Path) -> Result<std::fs::File, PathError> {
        let handle = self.resolve(path, OFlags::PATH, Mode::empty())?;
        let before = rustix::fs::fstat(&handle).map_err(|errno| io_error(path, errno))?;
        match kind_of(before.st_mode) {
            FileKind::File => {}
            FileKind::Folder => {
                return Err(PathError::Kind {
                    path: path.to_owned(),
                    found: FileKind::Folder,
                    wanted: FileKind::File,
                });
            }
            found @ (FileKind::Link | FileKind::Pipe | FileKind::Socket | FileKind::Device) => {
                return Err(PathError::Special { path: path.to_owned(), found });
            }
        }
        // Opened a second time for reading; if it is another file by then, it may be a pipe, so it is never waited for.
        let file = self.resolve(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY, Mode::empty())?;
        let after = rustix::fs::fstat(&file).map_err(|errno| io_error(path, errno))?;
        if Identity::of(&before) != Identity::of(&after) {
            return Err(PathError::Changed { path: path.to_owned() });
        }
        Ok(std::fs::File::from(file))
    }

    /// Reads a regular file of at most `bytes_max` bytes.
    ///
    /// # Errors
    ///
    /// [`PathError::Outside`] when the path or a link in it leads out; [`PathError::Special`] or [`PathError::Kind`]
    /// when it is not a regular file; [`PathError::TooLarge`]; [`PathError::Changed`] when it was swapped during the
    /// lookup; [`PathError::Io`] for the rest.
    pub fn read(&self, path: &Path, bytes_max: u64) -> Result<Vec<u8>, PathError> {
        let file = self.open_file(path)?;
        let mut content = Vec::new();
        file.take(bytes_max.saturating_add(1))
            .read_to_end(&mut content)
            .map_err(|source| PathError::Io { path: path.to_owned(), source })?;
        if u64::try_from(content.len()).map_or(true, |length| length > bytes_max) {
            return Err(PathError::TooLarge { path: path.to_owned(), limit: bytes_max });
        }
        Ok(content)
    }

    /// `path` relative to the folder: absolute ones beneath it are cut, others are refused.
    fn relative<'a>(&self, path: &'a Path) -> Result<&'a Path, PathError> {
        let bytes = path.as_os_str().as_encoded_bytes();
        if bytes.contains(&0) || bytes.len() >= PATH_BYTES_MAX {
            return Err(PathError::Malformed { path: path.to_owned() });
        }
        let cut = if path.is_absolute() {
            path.strip_prefix(&self.path).map_err(|_| self.outside(path))?
        } else {
            path
        };
        if cut.as_os_str().is_empty() { Ok(Path::new(".")) } else { Ok(cut) }
    }

    fn resolve(&self, path: &Path, flags: OFlags, mode: Mode) -> Result<OwnedFd, PathError> {
        let relative = self.relative(path)?;
        for _ in 0..ATTEMPTS_MAX {
            let opened = rustix::fs::openat2(
                &self.folder,
                relative,
                flags | OFlags::CLOEXEC,
                mode,
                ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS,
            );
            match opened {
                Ok(handle) => return Ok(handle),
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(Errno::XDEV) => return Err(self.outside(path)),
                Err(errno) => return Err(io_error(path, errno)),
            }
        }
        Err(PathError::Changed { path: path.to_owned() })
    }

    /// Opens a folder beneath.
    pub(crate) fn open_folder(&self, path: &Path) -> Result<OwnedFd, PathError> {
        self.resolve(path, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())
    }

    /// What a link beneath names, not followed.
    pub(crate) fn read_link(&self, path: &Path) -> Result<PathBuf, PathError> {
        use std::os::unix::ffi::OsStringExt;
        let (folder, name) = self.parent(path)?;
        let target =
            rustix::fs::readlinkat(&folder, &name, Vec::new()).map_err(|errno| io_error(path, errno))?;
        Ok(PathBuf::from(std::ffi::OsString::from_vec(target.into_bytes())))
    }

    /// The parent folder of `path`, opened beneath, and its last name.
    pub(crate) fn parent(&self, path: &Path) -> Result<(OwnedFd, PathBuf), PathError> {
        let relative = self.relative(path)?;
        let Some(Component::Normal(name)) = relative.components().next_back() else {
            return Err(PathError::Malformed { path: path.to_owned() });
        };
        let folder = match relative.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            Some(_) | None => Path::new("."),
        };
        let handle = self.resolve(folder, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())?;
        Ok((handle, PathBuf::from(name)))
    }

    fn outside(&self, path: &Path) -> PathError {
        PathError::Outside { path: path.to_owned(), within: self.path.clone() }
    }
}

/// Whether a link at `path`, relative to a folder, can name something outside of it, now or when other links are
/// made, aimed anew or moved: it goes up at its front alone, where every folder is a real one, and no further than it is
/// deep. What it goes down through is then a folder, or a link of which the same is true.
pub(crate) fn leads_out(path: &Path, target: &Path) -> bool {
    let mut rest = target.components().filter(|part| *part != Component::CurDir).peekable();
    let mut up = 0_usize;
    while rest.next_if_eq(&Component::ParentDir).is_some() {
        up = up.saturating_add(1);
    }
    let goes_up_again = rest.any(|part| part == Component::ParentDir);
    // What every sandbox shows read-only may be named: a Python environment links its interpreter.
    let elsewhere = target.is_absolute() && !crate::view::is_system(target);
    goes_up_again || elsewhere || up >= path.components().count()
}

/// `PATH_MAX` of `<limits.h>`: what the kernel takes, its NUL included.
const PATH_BYTES_MAX: usize = 4096;

fn io_error(path: &Path, errno: Errno) -> PathError {
    match errno {
        Errno::LOOP => PathError::Link { path: path.to_owned() },
        other => PathError::Io { path: path.to_owned(), source: other.into() },
    }
}

#[cfg(test)]
mod tests;
