//! What can go wrong with the store, by the step that failed.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why something could not be kept or read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// Others may read or write the database or its folder.
    #[error("`{}` has mode {found:04o} and others must not reach it: run `chmod {wanted:04o} {}`", path.display(), path.display())]
    Exposed {
        /// The file or folder.
        path: PathBuf,
        /// Its mode.
        found: u32,
        /// The mode that is wanted.
        wanted: u32,
    },
    /// The database or its folder belongs to somebody else.
    #[error("`{}` belongs to user {owner}, not to the user {us} that Hardshell runs as: run `chown {us} {}`", path.display(), path.display())]
    Foreign {
        /// The file or folder.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who we are.
        us: u32,
    },
    /// A path is not what it must be, such as a link where a file must be.
    #[error("`{}` is not {wanted}", path.display())]
    WrongType {
        /// The path.
        path: PathBuf,
        /// What must be there.
        wanted: &'static str,
    },
    /// Another process has the database open.
    #[error("another process has `{}` open", path.display())]
    InUse {
        /// The database.
        path: PathBuf,
    },
    /// A newer Hardshell has used this home.
    #[error("`{}` is of version {found}, and this Hardshell knows versions up to {known}: install the newer one", path.display())]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version this program reads.
        known: i64,
    },
    /// The file is a database of some other program.
    #[error("`{}` is a database of another program", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// The database was damaged. It is set aside, byte for byte, and nothing has been put in its place.
    #[error("the database was damaged ({detail}) and is set aside as `{}`: restore the last backup", set_aside.display())]
    Corrupt {
        /// Where it is now.
        set_aside: PathBuf,
        /// What was found.
        detail: String,
    },
    /// There is no database, but a damaged one was set aside before: an empty start would look like a fresh home.
    #[error("`{}` is missing, and a damaged one is set aside as `{}`: restore the last backup", path.display(), set_aside.display())]
    Missing {
        /// Where the database should be.
        path: PathBuf,
        /// Where the damaged one is.
        set_aside: PathBuf,
    },
    /// There is no database, or nothing was ever in it, and the caller did not expect a first start.
    #[error("`{}` is missing or empty", path.display())]
    Empty {
        /// Where the database should be.
        path: PathBuf,
    },
    /// The disk is full. Nothing of this change was kept.
    #[error("the disk is full")]
    DiskFull,
    /// Another change that shared the commit failed and took this one with it. Nothing of this change was kept.
    #[error("the disk failed while something else was written, and nothing was kept")]
    Undone,
    /// A file could not be read or made.
    #[error("could not {step} `{}`", path.display())]
    Io {
        /// What was tried.
        step: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: Arc<io::Error>,
    },
    /// The database refused.
    #[error("the database could not {step}")]
    Database {
        /// What was tried: `keep`, `read`, `commit`, …
        step: &'static str,
        /// What it says.
        #[source]
        source: Arc<rusqlite::Error>,
    },
    /// Something kept earlier cannot be read: nobody may guess what it was.
    #[error("the {what} of `{of}` in the database cannot be read")]
    Unreadable {
        /// Which part: `label`, `body`, `state`, …
        what: &'static str,
        /// Of which row.
        of: String,
    },
    /// There is no such row.
    #[error("there is no {what} `{id}`")]
    NotFound {
        /// What kind of thing.
        what: &'static str,
        /// Which.
        id: String,
    },
    /// The row is not in the state that this change needs.
    #[error("the {what} `{id}` is {found}")]
    Conflict {
        /// What kind of thing.
        what: &'static str,
        /// Which.
        id: String,
        /// What it is: `answered`, `used`, `over`, `there already`.
        found: &'static str,
    },
    /// Something is longer than may be kept.
    #[error("the {what} has {found} bytes, more than {limit}")]
    TooLong {
        /// What.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// The store was closed.
    #[error("the database is closed")]
    Closed,
}

impl Error {
    pub(crate) fn io(step: &'static str, path: &Path, source: impl Into<io::Error>) -> Self {
        Self::Io { step, path: path.to_path_buf(), source: Arc::new(source.into()) }
    }

    pub(crate) fn database(step: &'static str, source: rusqlite::Error) -> Self {
        match source.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::DiskFull,
            Some(_) | None => Self::Database { step, source: Arc::new(source) },
        }
    }

    /// What is damaged, when the database says of itself that it is.
    #[must_use]
    pub fn damage(&self) -> Option<String> {
        match self {
            Self::Corrupt { set_aside: _, detail } => Some(detail.clone()),
            Self::Database { step: _, source } => matches!(
                source.sqlite_error_code(),
                Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase)
            )
            .then(|| source.to_string()),
            Self::Exposed { .. }
            | Self::Foreign { .. }
            | Self::WrongType { .. }
            | Self::InUse { .. }
            | Self::Newer { .. }
            | Self::NotOurs { .. }
            | Self::Missing { .. }
            | Self::Empty { .. }
            | Self::DiskFull
            | Self::Undone
            | Self::Io { .. }
            | Self::Unreadable { .. }
            | Self::NotFound { .. }
            | Self::Conflict { .. }
            | Self::TooLong { .. }
            | Self::Closed => None,
        }
    }
}
