//! What a doctor may do by itself: close files of the home to others. Nothing that locks anybody out, and nothing that
//! could be lost.

use rustix::fs::OFlags;
use std::fmt;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::PathBuf;

/// Follows no link, waits for no pipe (open(2)).
const FLAGS: i32 = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).bits().cast_signed();

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fix {
    /// Give a file or folder this mode.
    Mode {
        /// Which.
        path: PathBuf,
        /// The mode.
        wanted: u32,
    },
}

/// It could not be done.
#[derive(Debug, thiserror::Error)]
#[error("give {} the mode {wanted:04o}", path.display())]
pub struct FixError {
    path: PathBuf,
    wanted: u32,
    source: io::Error,
}

impl Fix {
    /// Does it.
    ///
    /// # Errors
    ///
    /// [`FixError`]: then it is as it was.
    pub fn apply(&self) -> Result<(), FixError> {
        let Self::Mode { path, wanted } = self;
        let closed = fs::OpenOptions::new()
            .read(true)
            .custom_flags(FLAGS)
            .open(path)
            .and_then(|file| file.set_permissions(Permissions::from_mode(*wanted)));
        closed.map_err(|source| FixError { path: path.clone(), wanted: *wanted, source })
    }
}

/// `close /home/a/.hardshell/vault.db to everybody else (mode 0600)`
impl fmt::Display for Fix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Mode { path, wanted } = self;
        write!(f, "close {} to everybody else (mode {wanted:04o})", path.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_closed_and_what_a_link_leads_to_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("vault.db"), folder.path().join("link"));
        fs::write(&file, "x").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let mode = || fs::metadata(&file).unwrap().permissions().mode() & 0o7777;
        assert!(Fix::Mode { path: link, wanted: 0o600 }.apply().is_err());
        assert_eq!(mode(), 0o644);
        Fix::Mode { path: file.clone(), wanted: 0o600 }.apply().unwrap();
        assert_eq!(mode(), 0o600);
    }
}
