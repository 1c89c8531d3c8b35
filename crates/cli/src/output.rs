//! A file that is written for somebody outside of the home: beside its place first, and under its name only when it is
//! whole, so that whoever is stopped leaves nothing that could be taken for it.

use crate::commands::audit::{create, unwritten};
use crate::problem::Problem;
use crate::show::SERVICE_USER;
use crate::stopping::{self, Unfinished};
use rustix::fs::{CWD, OFlags, RenameFlags};
use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// What becomes of a file that has the name already.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum There {
    /// It stays, and nothing is written; one that is empty was left by somebody who was stopped.
    Stays,
    /// It is replaced: what is written can be made from the log again at any time.
    Goes,
}

/// A file that is being written.
pub struct Output {
    to: PathBuf,
    there: There,
    file: File,
    /// Where it is until it is whole; none where it has its name from the start.
    beside: Option<(PathBuf, Unfinished)>,
}

impl Output {
    /// Begins the file `to`, for its owner alone. To be called as whoever typed the command, before anything else.
    pub fn begin(to: &Path, there: There) -> Result<Self, Problem> {
        let bad = |source| unwritten(to, source);
        match std::fs::symlink_metadata(to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(bad(error)),
            Ok(found) if found.is_file() && (there == There::Goes || found.len() == 0) => {}
            Ok(_) => return Err(bad(io::ErrorKind::AlreadyExists.into())),
        }
        if is_out_of_reach(to)? {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(false).mode(0o600);
            let file = options.custom_flags(OFlags::NOFOLLOW.bits().cast_signed()).open(to).map_err(bad)?;
            // One that was there is somebody's: nobody else's is written into, nor one with a second name.
            let found = file.metadata().map_err(bad)?;
            let is_own = found.uid() == rustix::process::geteuid().as_raw() && found.nlink() == 1;
            if !is_own || found.mode() & 0o077 != 0 {
                return Err(bad(io::ErrorKind::AlreadyExists.into()));
            }
            return Ok(Self { to: to.to_path_buf(), there, file, beside: None });
        }
        let name = to.file_name().ok_or_else(|| bad(io::ErrorKind::InvalidInput.into()))?;
        let beside = to.with_file_name(format!(".{}.unfinished", name.to_string_lossy()));
        // What one that was killed left.
        if let Err(error) = std::fs::remove_file(&beside)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(unwritten(&beside, error));
        }
        let file = create(&beside)?;
        let unfinished = Unfinished::of(&beside);
        Ok(Self { to: to.to_path_buf(), there, file, beside: Some((beside, unfinished)) })
    }

    /// Gives it its name.
    pub fn finish(mut self) -> Result<(), Problem> {
        let named = match &self.beside {
            Some((beside, _)) => self.file.sync_all().and_then(|()| {
                stopping::whole(|| match self.there {
                    There::Goes => std::fs::rename(beside, &self.to),
                    There::Stays => rename_new(beside, &self.to),
                })
            }),
            // What stood there before may have been longer.
            None => self.file.stream_position().and_then(|end| self.file.set_len(end)),
        };
        named.map_err(|source| unwritten(&self.to, source))
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Renames `from` to a name that nobody has.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    if std::fs::metadata(to).is_ok_and(|found| found.is_file() && found.len() == 0) {
        return std::fs::rename(from, to);
    }
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // A file system that cannot do that in one step can link.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
            std::fs::hard_link(from, to)?;
            std::fs::remove_file(from)
        }
        renamed => Ok(renamed?),
    }
}

/// Root becomes another user before the log is read, who may give no name to what lies in a folder of root's.
fn is_out_of_reach(to: &Path) -> Result<bool, Problem> {
    if !sandbox::is_root() {
        return Ok(false);
    }
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let found = std::fs::metadata(folder).map_err(|source| unwritten(to, source))?;
    let user = sandbox::process::find_user(SERVICE_USER).ok();
    Ok(user.is_none_or(|user| user.user != found.uid()))
}
