//! Changing files beneath a folder: whole or not at all.

use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use super::{ATTEMPTS_MAX, ENTRIES_MAX, Found, Identity, Within, io_error, kind_of, leads_out, path_of};
use crate::error::{FileKind, PathError};

/// What begins the name of a file that is being written; one left behind by a crash is told by it.
const TEMPORARY_PREFIX: &str = ".hardshell-new-";

/// What a write may find at its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replace {
    /// Nothing may be there.
    Never,
    /// A regular file may be there, and is replaced.
    File,
    /// Exactly this file must be there, and is replaced.
    Only(Identity),
}

impl Within {
    /// Writes a whole file: to a temporary one beside it, then renamed over it, so that a reader sees the old or the
    /// new content and a link in its place is not followed. An existing file's permission bits are kept, less the
    /// set-id bits; a new one has `0600`. Returns what was written.
    ///
    /// # Errors
    ///
    /// [`PathError::Outside`] when the folder leads out; [`PathError::Link`], [`PathError::Special`] or
    /// [`PathError::Kind`] when something other than a regular file is there; [`PathError::Changed`] when it is not
    /// the file of [`Replace::Only`]; [`PathError::Io`] for the rest, `AlreadyExists` with [`Replace::Never`].
    pub fn write(&self, path: &Path, content: &[u8], replace: Replace) -> Result<Identity, PathError> {
        let (folder, name) = self.parent(path)?;
        let existing = look(folder.as_fd(), &name, path)?;
        let mode = check_target(existing, replace, path)?;
        let (mut file, temporary) = temporary(folder.as_fd(), path)?;
        let outcome = (|| {
            file.write_all(content).map_err(|source| PathError::Io { path: path.to_owned(), source })?;
            rustix::fs::fchmod(&file, mode).map_err(|errno| io_error(path, errno))?;
            file.sync_all().map_err(|source| PathError::Io { path: path.to_owned(), source })?;
            let flags = if existing.is_some() { RenameFlags::empty() } else { RenameFlags::NOREPLACE };
            rustix::fs::renameat_with(&folder, temporary.as_str(), &folder, &name, flags)
                .map_err(|errno| io_error(path, errno))?;
            rustix::fs::fsync(&folder).map_err(|errno| io_error(path, errno))?;
            let stat = rustix::fs::fstat(&file).map_err(|errno| io_error(path, errno))?;
            Ok(Identity::of(&stat))
        })();
        if outcome.is_err() {
            // The temporary file is ours alone; if it cannot be removed it is small and says what it is.
            let _gone = rustix::fs::unlinkat(&folder, temporary.as_str(), AtFlags::empty());
        }
        outcome
    }

    /// Makes a folder, and those above it that are missing, each `0700`. One that is there already is left alone.
    ///
    /// # Errors
    ///
    /// As [`Within::write`]; [`PathError::Kind`] when a file is in the way.
    pub fn make_folder(&self, path: &Path) -> Result<(), PathError> {
        let relative = self.relative(path)?;
        let mut so_far = std::path::PathBuf::new();
        for component in relative.components() {
            so_far.push(component);
            match self.stat(&so_far) {
                Ok(Found { kind: FileKind::Folder, .. }) => continue,
                Ok(Found { kind: found, .. }) => {
                    return Err(PathError::Kind { path: so_far, found, wanted: FileKind::Folder });
                }
                Err(PathError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
                Err(other) => return Err(other),
            }
            let (folder, name) = self.parent(&so_far)?;
            match rustix::fs::mkdirat(&folder, &name, Mode::from_raw_mode(0o700)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(io_error(path, errno)),
            }
        }
        Ok(())
    }

    /// Moves a file, a folder or a link (itself, not what it names) to `name` in another folder on the same file
    /// system. Nothing is replaced there, and no link that stayed within its folder leads out from the new place.
    ///
    /// # Errors
    ///
    /// As [`Within::move_aside`]; [`PathError::Outside`] for a link that would lead out.
    pub fn move_to(
        &self,
        path: &Path,
        only: Option<Identity>,
        target: &Self,
        name: &Path,
    ) -> Result<Identity, PathError> {
        let (old, new) = (self.real_place(path)?, target.real_place(name)?);
        let mut waiting = vec![(path.to_owned(), PathBuf::new())];
        while let Some((at, beneath)) = waiting.pop() {
            let (folder, last) = self.parent(&at)?;
            let kind = match rustix::fs::statat(&folder, &last, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => continue,
                other => kind_of(other.map_err(|errno| io_error(&at, errno))?.st_mode),
            };
            if kind == FileKind::Folder {
                for entry in self.list(&at, ENTRIES_MAX.saturating_sub(waiting.len()))? {
                    waiting.push((at.join(&entry.name), beneath.join(&entry.name)));
                }
            } else if kind == FileKind::Link {
                let aim = self.read_link(&at)?;
                let stayed = self.path != target.path || !leads_out(&old.join(&beneath), &aim);
                if aim.is_relative() && stayed && leads_out(&new.join(&beneath), &aim) {
                    return Err(target.outside(&at));
                }
            }
        }
        self.move_aside(path, only, target, name)
    }

    /// Where a path is, relative to the folder, with no link in it but perhaps its last name.
    fn real_place(&self, path: &Path) -> Result<PathBuf, PathError> {
        let (folder, name) = self.parent(path)?;
        let place = path_of(&folder).ok_or_else(|| PathError::Changed { path: path.to_owned() })?;
        Ok(place.strip_prefix(&self.path).map_err(|_| self.outside(path))?.join(name))
    }

    /// As [`Within::move_to`], to where nobody follows links: how a delete becomes a trash.
    ///
    /// # Errors
    ///
    /// As [`Within::write`]; [`PathError::Changed`] when `only` is given and something else is there;
    /// [`PathError::Special`] for pipes, sockets and devices.
    pub fn move_aside(
        &self,
        path: &Path,
        only: Option<Identity>,
        target: &Self,
        name: &Path,
    ) -> Result<Identity, PathError> {
        let (folder, last) = self.parent(path)?;
        let stat = rustix::fs::statat(&folder, &last, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|errno| io_error(path, errno))?;
        match kind_of(stat.st_mode) {
            FileKind::File | FileKind::Folder | FileKind::Link => {}
            found @ (FileKind::Pipe | FileKind::Socket | FileKind::Device) => {
                return Err(PathError::Special { path: path.to_owned(), found });
            }
        }
        self.move_to_any(path, Some(only.unwrap_or(Identity::of(&stat))), target, name)
    }

    /// As [`Within::move_aside`], of anything.
    pub(crate) fn move_to_any(
        &self,
        path: &Path,
        only: Option<Identity>,
        target: &Self,
        name: &Path,
    ) -> Result<Identity, PathError> {
        let (folder, last) = self.parent(path)?;
        let stat = rustix::fs::statat(&folder, &last, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|errno| io_error(path, errno))?;
        let identity = Identity::of(&stat);
        if only.is_some_and(|wanted| wanted != identity) {
            return Err(PathError::Changed { path: path.to_owned() });
        }
        let (trash, trash_name) = target.parent(name)?;
        rustix::fs::renameat_with(&folder, &last, &trash, &trash_name, RenameFlags::NOREPLACE)
            .map_err(|errno| io_error(path, errno))?;
        let moved = rustix::fs::statat(&trash, &trash_name, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|errno| io_error(path, errno))?;
        if Identity::of(&moved) == identity {
            return Ok(identity);
        }
        // Something else was put in its place between the look and the move; put that back.
        let _back = rustix::fs::renameat_with(&trash, &trash_name, &folder, &last, RenameFlags::NOREPLACE);
        Err(PathError::Changed { path: path.to_owned() })
    }
}

fn look(folder: BorrowedFd<'_>, name: &Path, path: &Path) -> Result<Option<Found>, PathError> {
    match rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(Found::of(&stat))),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(io_error(path, errno)),
    }
}

/// Whether what is there may be replaced, and the permission bits of what replaces it.
fn check_target(existing: Option<Found>, replace: Replace, path: &Path) -> Result<Mode, PathError> {
    let exists = || PathError::Io {
        path: path.to_owned(),
        source: std::io::Error::from(std::io::ErrorKind::AlreadyExists),
    };
    let Some(found) = existing else {
        return match replace {
            Replace::Never | Replace::File => Ok(Mode::from_raw_mode(0o600)),
            Replace::Only(_) => Err(PathError::Changed { path: path.to_owned() }),
        };
    };
    match found.kind {
        FileKind::File => {}
        FileKind::Link => return Err(PathError::Link { path: path.to_owned() }),
        FileKind::Folder => {
            return Err(PathError::Kind {
                path: path.to_owned(),
                found: FileKind::Folder,
                wanted: FileKind::File,
            });
        }
        FileKind::Pipe | FileKind::Socket | FileKind::Device => {
            return Err(PathError::Special { path: path.to_owned(), found: found.kind });
        }
    }
    match replace {
        Replace::Never => Err(exists()),
        Replace::File => Ok(Mode::from_raw_mode(found.mode & 0o777)),
        Replace::Only(identity) if identity == found.identity => Ok(Mode::from_raw_mode(found.mode & 0o777)),
        Replace::Only(_) => Err(PathError::Changed { path: path.to_owned() }),
    }
}

fn temporary(folder: BorrowedFd<'_>, path: &Path) -> Result<(std::fs::File, String), PathError> {
    for _ in 0..ATTEMPTS_MAX {
        let mut random = [0u8; 8];
        rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())
            .map_err(|errno| io_error(path, errno))?;
        let name = format!("{TEMPORARY_PREFIX}{:016x}", u64::from_ne_bytes(random));
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::openat(folder, name.as_str(), flags, Mode::from_raw_mode(0o600)) {
            Ok(file) => return Ok((std::fs::File::from(file), name)),
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(io_error(path, errno)),
        }
    }
    Err(PathError::Changed { path: path.to_owned() })
}
