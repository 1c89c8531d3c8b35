//! A program, found once and known from then on by what it is, not by what it is called.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::grant::{Access, Grant};
use crate::within::Identity;

/// The folders that programs are looked for in, in this order, whatever anyone's `PATH` says. Each belongs to root.
pub const PROGRAM_FOLDERS: [&str; 6] =
    ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// The largest program that is hashed: past it something other than a program was named.
const PROGRAM_BYTES_MAX: u64 = 2 << 30;

/// How much of a program is read at a time.
const CHUNK_BYTES: usize = 1 << 16;

/// A program: where it is and which file it is. What an approval binds; checked again where it is started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Its path, absolute and free of links.
    pub path: PathBuf,
    /// Its device and inode.
    pub identity: Identity,
    /// The hash of its content.
    pub blake3: [u8; 32],
}

/// A program that cannot be started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProgramError {
    /// No such program in [`PROGRAM_FOLDERS`].
    #[error("no program `{name}`")]
    NotFound {
        /// As it was given.
        name: String,
    },
    /// It is not a regular file that may be executed.
    #[error("`{path}` is not a program")]
    NotExecutable {
        /// Where it is.
        path: PathBuf,
    },
    /// It cannot be read.
    #[error("`{path}`: {source}")]
    Read {
        /// Where it is.
        path: PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
}

/// Finds a program by its bare name in [`PROGRAM_FOLDERS`], or by its absolute path, and identifies it.
///
/// # Errors
///
/// [`ProgramError::NotFound`] when there is none, also for an empty or relative name with a `/`;
/// [`ProgramError::NotExecutable`] and [`ProgramError::Read`] when it is not usable.
pub fn resolve_program(name: &str) -> Result<Program, ProgramError> {
    let not_found = || ProgramError::NotFound { name: name.to_owned() };
    if name.contains('/') {
        let path = Path::new(name);
        return if path.is_absolute() { identify(path) } else { Err(not_found()) };
    }
    if name.is_empty() || name == "." || name == ".." || name.contains('\0') {
        return Err(not_found());
    }
    let found = PROGRAM_FOLDERS.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.is_file());
    identify(&found.ok_or_else(not_found)?)
}

fn identify(path: &Path) -> Result<Program, ProgramError> {
    let unreadable = |source| ProgramError::Read { path: path.to_owned(), source };
    let grant = Grant::resolve(path, Access::ReadExecute).map_err(|error| {
        if let crate::error::PathError::Io { source, .. } = &error
            && source.kind() == std::io::ErrorKind::NotFound
        {
            return ProgramError::NotFound { name: path.display().to_string() };
        }
        unreadable(std::io::Error::other(error))
    })?;
    let file = std::fs::File::open(grant.path()).map_err(unreadable)?;
    let stat = rustix::fs::fstat(&file).map_err(|errno| unreadable(errno.into()))?;
    let executable = rustix::fs::access(grant.path(), rustix::fs::Access::EXEC_OK).is_ok();
    if Identity::of(&stat) != grant.identity() || stat.st_mode & 0o170_000 != 0o100_000 || !executable {
        return Err(ProgramError::NotExecutable { path: path.to_owned() });
    }
    let blake3 = hash(file).map_err(unreadable)?;
    Ok(Program { path: grant.path().to_owned(), identity: grant.identity(), blake3 })
}

/// The BLAKE3 hash of a file's content.
pub(crate) fn hash(file: std::fs::File) -> std::io::Result<[u8; 32]> {
    let mut hasher = blake3::Hasher::new();
    let mut reader = file.take(PROGRAM_BYTES_MAX);
    let mut chunk = vec![0u8; CHUNK_BYTES];
    loop {
        let read = reader.read(&mut chunk)?;
        match chunk.get(..read) {
            Some(bytes) if read > 0 => hasher.update(bytes),
            Some(_) | None => return Ok(*hasher.finalize().as_bytes()),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_in_the_fixed_folders_and_identified() {
        let sh = resolve_program("sh").unwrap();
        assert!(sh.path.is_absolute());
        assert_eq!(sh, resolve_program("/bin/sh").unwrap(), "the same file by its path");
        assert_eq!(sh.blake3, *blake3::hash(&std::fs::read("/bin/sh").unwrap()).as_bytes());
    }

    #[test]
    fn nothing_else_is_a_program() {
        for name in
            ["", ".", "..", "./sh", "bin/sh", "no-such-program", "/etc/passwd", "/bin", "/dev/null", "a\0b"]
        {
            assert!(resolve_program(name).is_err(), "{name:?}");
        }
    }
}
