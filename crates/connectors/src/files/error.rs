//! Why something could not be done with a file, and what to do instead.

use sandbox::PathError;
use std::path::PathBuf;

/// Why something could not be done with a file.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// The path could not be used.
    #[error("{0}")]
    Path(#[from] PathError),
    /// It begins with `~`.
    #[error("`{path}` begins with `~`; write the whole path, or one relative to the workspace")]
    Tilde {
        /// The path.
        path: String,
    },
    /// It is in no folder that is open to the file tools.
    #[error("`{path}` is in none of the folders that are open to me: {}", .folders.join(", "))]
    Elsewhere {
        /// The path.
        path: String,
        /// The folders.
        folders: Vec<String>,
    },
    /// It goes up from a folder that does not exist.
    #[error("`{path}` goes up with `..` from what does not exist; write the path without `..`")]
    Dots {
        /// The path.
        path: PathBuf,
    },
    /// It has changed since it was judged.
    #[error("`{path}` has changed since; look at it again")]
    Changed {
        /// The path.
        path: PathBuf,
    },
    /// It is not there.
    #[error("`{path}` is not there")]
    NotThere {
        /// The path.
        path: PathBuf,
    },
    /// Something is there already.
    #[error("`{path}` is there already, and nothing is overwritten")]
    InTheWay {
        /// The path.
        path: PathBuf,
    },
    /// One of the open folders itself.
    #[error(
        "`{path}` is, or holds, a whole folder that the configuration opens; delete what is in it instead"
    )]
    WholeFolder {
        /// The path.
        path: PathBuf,
    },
    /// The file is too large to be read at once.
    #[error("`{path}` has {bytes} bytes, more than the {limit} that are read at once; {hint}")]
    TooLarge {
        /// The path.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
        /// What to do instead.
        hint: &'static str,
    },
    /// The line is past the end.
    #[error("`{path}` has {lines} lines; line {from} is past its end")]
    PastTheEnd {
        /// The path.
        path: PathBuf,
        /// How many there are.
        lines: u64,
        /// Which was wanted.
        from: u64,
    },
    /// A file name pattern cannot be read.
    #[error("`{pattern}` is not a file name pattern: {reason}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong.
        reason: String,
    },
    /// Moving to another file system would be a copy.
    #[error("`{path}` would have to be copied to another disk; write it there and delete it here instead")]
    OtherDisk {
        /// The path.
        path: PathBuf,
    },
    /// The trash has no such entry.
    #[error("there is nothing called `{id}` in the trash")]
    NoSuchTrash {
        /// The id.
        id: String,
    },
    /// The trash or the list of changes is damaged.
    #[error("the record `{path}` in the trash cannot be read: {reason}")]
    Damaged {
        /// The record.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// What a command changed cannot be taken back.
    #[error("what `{line}` changed cannot be taken back: {source}")]
    Command {
        /// The command line.
        line: String,
        /// Why.
        source: Box<sandbox::TransactionError>,
    },
    /// Nothing has been changed.
    #[error("there is no change to take back")]
    NothingToUndo,
}

pub(super) fn is_missing(error: &PathError) -> bool {
    matches!(error, PathError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
}

pub(super) fn is_taken(error: &PathError) -> bool {
    matches!(error, PathError::Io { source, .. } if source.kind() == std::io::ErrorKind::AlreadyExists)
}

pub(super) fn is_other_disk(error: &PathError) -> bool {
    let other_disk = rustix::io::Errno::XDEV.raw_os_error();
    matches!(error, PathError::Io { source, .. } if source.raw_os_error() == Some(other_disk))
}
