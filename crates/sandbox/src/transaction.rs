//! A workspace whose changes are looked at before they are made: an overlay whose upper folder is the exact change set.
//!
//! [`Transaction::begin`] makes an empty change set; a command run with [`Transaction::workspace`] writes into it;
//! [`Transaction::changes`] lists and judges it; [`Transaction::apply`] makes it so, and [`Undo::take_back`] unmakes it;
//! dropping the change set is [`Transaction::discard`].

mod apply;
mod survey;

use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::error::PathError;
use crate::grant::{Access, Grant};
use crate::spec::{Workspace, WorkspaceMode};
use crate::within::Within;

pub use apply::Undo;
pub(crate) use survey::CHANGES_MAX;
pub use survey::{Change, ChangeKind, ChangeSet, Concern};

/// The folder of changes in a change set.
pub(crate) const UPPER: &str = "upper";
/// The kernel's own folder in a change set.
const WORK: &str = "work";
/// Where what was removed waits to be put back.
const REMOVED: &str = "removed";
/// A file that tells when the change set was begun, by the clock of its file system.
const BEGUN: &str = "begun";

/// A change set that cannot be made, read or applied.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TransactionError {
    /// A path of the workspace or of the change set.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The change set is on another file system than the workspace, so that nothing could be applied at once.
    #[error("`{change_set}` is not on the file system of `{workspace}`")]
    Elsewhere {
        /// The folder for the change set.
        change_set: PathBuf,
        /// The workspace.
        workspace: PathBuf,
    },
    /// Somebody else changed the workspace meanwhile.
    #[error("`{path}` was changed by somebody else meanwhile")]
    Conflict {
        /// Relative to the workspace.
        path: PathBuf,
    },
    /// More changes than can be looked at.
    #[error("more than {limit} changes")]
    TooMany {
        /// The most.
        limit: usize,
    },
    /// The journal of what was applied cannot be read or written.
    #[error("the journal of the change set: {source}")]
    Journal {
        /// What the kernel said, or what is wrong with it.
        source: std::io::Error,
    },
}

/// A workspace and the change set over it.
#[derive(Debug)]
pub struct Transaction {
    workspace: PathBuf,
    folder: PathBuf,
}

impl Transaction {
    /// Makes an empty change set in `folder`, which must not exist, be on the file system of `workspace`, and lie
    /// outside of it. It is made `0700`.
    ///
    /// # Errors
    ///
    /// [`TransactionError::Elsewhere`]; [`TransactionError::Path`] when a folder cannot be made or looked up.
    pub fn begin(workspace: &Path, folder: &Path) -> Result<Self, TransactionError> {
        let base = Within::open(workspace)?;
        let failed = |source| PathError::Io { path: folder.to_owned(), source };
        std::fs::DirBuilder::new().mode(0o700).create(folder).map_err(failed)?;
        let set = Within::open(folder)?;
        let device = |within: &Within| within.stat(Path::new(".")).map(|found| found.identity.device);
        if device(&base)? != device(&set)? || set.path().starts_with(base.path()) {
            let _removed = std::fs::remove_dir(folder);
            return Err(TransactionError::Elsewhere {
                change_set: folder.to_owned(),
                workspace: workspace.to_owned(),
            });
        }
        for name in [UPPER, WORK, REMOVED] {
            set.make_folder(Path::new(name))?;
        }
        // The upper folder lends its mode to the root of what the command sees.
        let mode = base.stat(Path::new("."))?.mode & 0o777;
        std::fs::set_permissions(set.path().join(UPPER), std::fs::Permissions::from_mode(mode))
            .map_err(failed)?;
        set.write(Path::new(BEGUN), b"", crate::within::Replace::Never)?;
        Ok(Self { workspace: base.path().to_owned(), folder: set.path().to_owned() })
    }

    /// An existing change set of that workspace, for instance after a restart.
    ///
    /// # Errors
    ///
    /// [`TransactionError::Path`] when it is not there or not whole.
    pub fn resume(workspace: &Path, folder: &Path) -> Result<Self, TransactionError> {
        let (base, set) = (Within::open(workspace)?, Within::open(folder)?);
        for name in [UPPER, WORK, REMOVED, BEGUN] {
            set.stat(Path::new(name))?;
        }
        Ok(Self { workspace: base.path().to_owned(), folder: set.path().to_owned() })
    }

    /// The workspace as a command sees it: its own, to be changed freely, with nothing changed in fact.
    ///
    /// # Errors
    ///
    /// [`TransactionError::Path`] when the workspace is gone.
    pub fn workspace(&self) -> Result<Workspace, TransactionError> {
        let mut workspace = Workspace::new(Grant::resolve(&self.workspace, Access::Write)?);
        workspace.mode = WorkspaceMode::Transaction(self.folder.clone());
        Ok(workspace)
    }

    /// Lists and judges what the command changed. Not while a command runs.
    ///
    /// # Errors
    ///
    /// [`TransactionError::TooMany`]; [`TransactionError::Path`] when the change set cannot be read.
    pub fn changes(&self) -> Result<ChangeSet, TransactionError> {
        survey::survey(&Within::open(&self.workspace)?, &self.upper()?)
    }

    /// Makes the changes so, each file at once, and returns how to take them back.
    ///
    /// # Errors
    ///
    /// [`TransactionError::Conflict`] before anything is changed, when somebody else changed one of the files since
    /// [`Transaction::begin`]; [`TransactionError::Path`] when a step failed, after taking back the steps before it.
    pub fn apply(self, changes: &ChangeSet) -> Result<Undo, TransactionError> {
        apply::apply(&self, changes)
    }

    /// Drops the change set: the workspace stays as it is.
    ///
    /// # Errors
    ///
    /// [`TransactionError::Path`] when the folder cannot be removed.
    pub fn discard(self) -> Result<(), TransactionError> {
        remove(&self.folder)
    }

    fn upper(&self) -> Result<Within, TransactionError> {
        Ok(Within::open(&self.folder.join(UPPER))?)
    }
}

/// Removes a change set, however deep what is in it and however closed: what a folder holds goes to the top first.
fn remove(folder: &Path) -> Result<(), TransactionError> {
    let open_up = |path: &Path| std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700));
    let empty = || {
        let (mut number, mut left) = (0_u64, true);
        while std::mem::take(&mut left) {
            for entry in std::fs::read_dir(folder)? {
                let path = entry?.path();
                if !path.symlink_metadata()?.is_dir() {
                    std::fs::remove_file(&path)?;
                    continue;
                }
                left = true;
                open_up(&path)?;
                for inner in std::fs::read_dir(&path)? {
                    let inner = inner?;
                    if inner.file_type()?.is_dir() {
                        open_up(&inner.path())?;
                    }
                    number = number.saturating_add(1);
                    std::fs::rename(inner.path(), folder.join(format!("remove-{number}")))?;
                }
                std::fs::remove_dir(&path)?;
            }
        }
        std::fs::remove_dir(folder)
    };
    Ok(empty().map_err(|source| PathError::Io { path: folder.to_owned(), source })?)
}

#[cfg(test)]
mod tests;
