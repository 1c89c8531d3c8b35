//! Why a backup could not be made, checked or brought back. Nothing was changed then.

use std::io;
use std::path::{Path, PathBuf};

/// Why a backup could not be made, checked or brought back. Nothing was changed then.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read or written.
    #[error("could not {step} `{}`", path.display())]
    Io {
        /// What was tried.
        step: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is no key to encrypt for.
    #[error("nobody is named who can open the backup: it needs a recipient or a passphrase")]
    NoKey,
    /// A recipient or identity is not one.
    #[error("`{text}` is no age {what}: {why}")]
    NotAKey {
        /// `recipient`, `identity`.
        what: &'static str,
        /// What was given; of an identity only that it was one.
        text: String,
        /// What is wrong.
        why: String,
    },
    /// Another process makes a backup, puts one into its place, or runs on the home.
    #[error("another process has `{}`", path.display())]
    UnderWay {
        /// What it has locked.
        path: PathBuf,
    },
    /// The file is no backup.
    #[error("`{}` is no backup of Hardshell", path.display())]
    NotABackup {
        /// The file.
        path: PathBuf,
    },
    /// The key does not open it.
    #[error("the key or passphrase does not open `{}`", path.display())]
    WrongKey {
        /// The file.
        path: PathBuf,
    },
    /// It was made by a program with another form.
    #[error("`{}` has the form {found}, and this program reads the form {known}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The form it has.
        found: u32,
        /// The form that is read.
        known: u32,
    },
    /// Its end is missing.
    #[error("`{}` is not whole: its end is missing", path.display())]
    Partial {
        /// The file.
        path: PathBuf,
    },
    /// It was changed.
    #[error("`{}` was changed or damaged: {what}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        what: String,
    },
    /// It holds more than is brought back.
    #[error("`{}` holds more than a backup may: {what}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What there is too much of.
        what: &'static str,
    },
    /// Something is where it is to be restored to.
    #[error("`{}` is there already", path.display())]
    InTheWay {
        /// What is in the way.
        path: PathBuf,
    },
    /// The database cannot be copied.
    #[error("the database cannot be copied")]
    Store(#[from] store::Error),
}

impl Error {
    pub(crate) fn io(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { step, path, source }
    }

    /// The command that helps, where one does.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoKey => Some(
                "hardshell backup key --out backup-key.txt, then `--recipient age1…` or `[backup] recipients`".to_string(),
            ),
            Self::NotAKey { .. } => Some("hardshell backup key --out backup-key.txt".to_string()),
            Self::WrongKey { .. } => {
                Some("name the key file with `--identity FILE`, or the passphrase it was made with".to_string())
            }
            Self::Partial { .. } | Self::Corrupt { .. } | Self::NotABackup { .. } => {
                Some("`hardshell backup list` shows the others".to_string())
            }
            Self::Version { .. } => Some("use the program version that made it".to_string()),
            Self::InTheWay { path } => Some(format!("move `{}` away, or restore to another folder", path.display())),
            Self::Io { path, .. } => Some(format!("df -h '{0}'; ls -ld '{0}'", path.display())),
            Self::TooLarge { .. } | Self::UnderWay { .. } | Self::Store(_) => None,
        }
    }
}
