//! What is in a folder.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::{Found, Within, io_error};
use crate::error::PathError;

/// The most entries that [`Within::list`] returns for one folder: past it a listing serves nobody.
pub const ENTRIES_MAX: usize = 100_000;

/// One name in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name; a name may be any bytes but `/` and NUL.
    pub name: OsString,
    /// What it is; a link is a link, not what it names.
    pub found: Found,
}

impl Within {
    /// The entries of a folder beneath, sorted by name, without `.` and `..`.
    ///
    /// # Errors
    ///
    /// As [`Within::stat`]; [`PathError::TooMany`] past `entries_max` (at most [`ENTRIES_MAX`]).
    pub fn list(&self, path: &Path, entries_max: usize) -> Result<Vec<Entry>, PathError> {
        let limit = entries_max.min(ENTRIES_MAX);
        let folder = self.resolve(path, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())?;
        let reader = rustix::fs::Dir::read_from(&folder).map_err(|errno| io_error(path, errno))?;
        let mut entries = Vec::new();
        for entry in reader {
            let entry = entry.map_err(|errno| io_error(path, errno))?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            if entries.len() >= limit {
                return Err(PathError::TooMany { path: path.to_owned(), limit });
            }
            match rustix::fs::statat(&folder, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => {
                    entries.push(Entry { name: OsString::from_vec(name.to_vec()), found: Found::of(&stat) })
                }
                Err(Errno::NOENT) => {}
                Err(errno) => return Err(io_error(path, errno)),
            }
        }
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(entries)
    }
}
