//! Making changes so, and taking them back.
//!
//! Files change places with `renameat2(2)`, so that each is the old one or the new one at every instant, and what was
//! there before is kept in the change set. What is about to be done is in a journal on disk before it is done.

use std::path::{Path, PathBuf};

use rustix::fs::{Mode, RenameFlags};
use serde::{Deserialize, Serialize};

use super::survey::look;
use super::{BEGUN, Change, ChangeKind, ChangeSet, REMOVED, Transaction, TransactionError, UPPER, remove};
use crate::error::{FileKind, PathError};
use crate::within::{Identity, Replace, Within};

/// The journal's name in the change set.
const JOURNAL: &str = "journal.json";

/// The version of the journal's format.
const JOURNAL_VERSION: u32 = 1;

/// The longest journal that is read.
const JOURNAL_BYTES_MAX: u64 = 64 << 20;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Journal {
    version: u32,
    workspace: PathBuf,
    steps: Vec<Step>,
}

/// One step, with what the workspace held before it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Step {
    /// What is in the change set and what is in the workspace change places.
    Exchange { path: PathBuf, old: Identity, new: Identity },
    /// What is in the change set goes to the workspace.
    Add { path: PathBuf, new: Identity },
    /// A folder is made.
    MakeFolder { path: PathBuf, mode: u32 },
    /// What is in the workspace goes to the change set, under a number.
    Remove { path: PathBuf, number: usize, old: Identity },
    /// A folder's permissions.
    Chmod { path: PathBuf, old_mode: u32, mode: u32 },
}

/// Changes that were made and can be taken back.
#[derive(Debug)]
pub struct Undo {
    folder: PathBuf,
    journal: Journal,
}

struct Folders {
    workspace: Within,
    upper: Within,
    removed: Within,
}

impl Folders {
    fn open(workspace: &Path, folder: &Path) -> Result<Self, TransactionError> {
        Ok(Self {
            workspace: Within::open(workspace)?,
            upper: Within::open(&folder.join(UPPER))?,
            removed: Within::open(&folder.join(REMOVED))?,
        })
    }
}

pub(super) fn apply(transaction: &Transaction, changes: &ChangeSet) -> Result<Undo, TransactionError> {
    let folders = Folders::open(&transaction.workspace, &transaction.folder)?;
    let set = Within::open(&transaction.folder)?;
    let begun = set.stat(Path::new(BEGUN))?.changed;
    let mut steps = Vec::new();
    for change in &changes.changes {
        plan(&folders, change, begun, &mut steps)?;
    }
    let journal = Journal { version: JOURNAL_VERSION, workspace: transaction.workspace.clone(), steps };
    let text =
        serde_json::to_vec(&journal).map_err(|error| TransactionError::Journal { source: error.into() })?;
    set.write(Path::new(JOURNAL), &text, Replace::Never)?;
    for (index, step) in journal.steps.iter().enumerate() {
        if let Err(error) = step.carry_out(&folders) {
            for done in journal.steps.iter().take(index).rev() {
                // What cannot be put back is in the change set, which stays for that reason.
                let _kept = done.take_back(&folders);
            }
            return Err(error);
        }
    }
    Ok(Undo { folder: transaction.folder.clone(), journal })
}

/// The steps of one change, if nobody else touched what it is about.
fn plan(
    folders: &Folders,
    change: &Change,
    begun: (i64, u64),
    steps: &mut Vec<Step>,
) -> Result<(), TransactionError> {
    let path = change.path.clone();
    let before = look(&folders.workspace, &path)?;
    let after = look(&folders.upper, &path)?;
    let conflict = || TransactionError::Conflict { path: path.clone() };
    // The change of a folder is a change of its list, which others' changes beneath it make too.
    if before.is_some_and(|before| before.changed > begun && before.kind != FileKind::Folder) {
        return Err(conflict());
    }
    let after = after.ok_or_else(conflict)?;
    // Beneath a folder that is replaced, what was there is gone with it.
    let gone_before = steps.iter().any(
        |step| matches!(step, Step::Remove { path: above, .. } if path.starts_with(above) && *above != path),
    );
    let make_folder = Step::MakeFolder { path: path.clone(), mode: after.mode & 0o777 };
    let remove = |old, number| Step::Remove { path: path.clone(), number, old };
    match (change.kind, before) {
        (ChangeKind::Added, None) => steps.push(Step::Add { path, new: after.identity }),
        (ChangeKind::FolderAdded, None) => steps.push(make_folder),
        (ChangeKind::Replaced, Some(before)) if after.kind != FileKind::Folder => {
            steps.push(Step::Exchange { path, old: before.identity, new: after.identity });
        }
        (ChangeKind::Replaced | ChangeKind::FolderReplaced, Some(before)) => {
            steps.extend([remove(before.identity, steps.len()), make_folder]);
        }
        (ChangeKind::FolderChanged, Some(before)) => {
            steps.push(Step::Chmod { path, old_mode: before.mode & 0o777, mode: after.mode & 0o777 });
        }
        (ChangeKind::Removed, Some(before)) => steps.push(remove(before.identity, steps.len())),
        (ChangeKind::Added, Some(_)) | (ChangeKind::Replaced, None) if gone_before => {
            steps.push(Step::Add { path, new: after.identity });
        }
        (ChangeKind::FolderAdded, Some(_)) if gone_before => steps.push(make_folder),
        (ChangeKind::Added | ChangeKind::FolderAdded, Some(_))
        | (
            ChangeKind::Replaced
            | ChangeKind::FolderReplaced
            | ChangeKind::FolderChanged
            | ChangeKind::Removed,
            None,
        ) => return Err(conflict()),
    }
    Ok(())
}

impl Step {
    fn carry_out(&self, folders: &Folders) -> Result<(), TransactionError> {
        match self {
            Self::Exchange { path, old, new } => exchange(folders, path, *old, *new),
            Self::Add { path, new } => carry(&folders.upper, path, *new, &folders.workspace, path),
            Self::MakeFolder { path, mode } => make_folder(&folders.workspace, path, *mode),
            Self::Remove { path, number, old } => {
                let name = number.to_string();
                carry(&folders.workspace, path, *old, &folders.removed, Path::new(&name))
            }
            Self::Chmod { path, old_mode: _, mode } => chmod(&folders.workspace, path, *mode),
        }
    }

    fn take_back(&self, folders: &Folders) -> Result<(), TransactionError> {
        match self {
            Self::Exchange { path, old, new } => exchange(folders, path, *new, *old),
            Self::Add { path, new } => carry(&folders.workspace, path, *new, &folders.upper, path),
            Self::MakeFolder { path, mode: _ } => remove_folder(&folders.workspace, path),
            Self::Remove { path, number, old } => {
                let name = number.to_string();
                carry(&folders.removed, Path::new(&name), *old, &folders.workspace, path)
            }
            Self::Chmod { path, old_mode, mode: _ } => chmod(&folders.workspace, path, *old_mode),
        }
    }
}

/// Moves what must be this thing.
fn carry(
    from: &Within,
    path: &Path,
    only: Identity,
    to: &Within,
    name: &Path,
) -> Result<(), TransactionError> {
    from.move_to_any(path, Some(only), to, name)?;
    Ok(())
}

/// Swaps the two, if the workspace holds `here`, so that it then holds `there`.
fn exchange(folders: &Folders, path: &Path, here: Identity, there: Identity) -> Result<(), TransactionError> {
    let conflict = || TransactionError::Conflict { path: path.to_owned() };
    let holds = |within: &Within, identity| {
        look(within, path).map(|found| found.is_some_and(|found| found.identity == identity))
    };
    if !holds(&folders.workspace, here)? || !holds(&folders.upper, there)? {
        return Err(conflict());
    }
    let (one, one_name) = folders.workspace.parent(path)?;
    let (other, other_name) = folders.upper.parent(path)?;
    rustix::fs::renameat_with(&one, &one_name, &other, &other_name, RenameFlags::EXCHANGE)
        .map_err(|errno| PathError::Io { path: path.to_owned(), source: errno.into() })?;
    Ok(())
}

fn make_folder(workspace: &Within, path: &Path, mode: u32) -> Result<(), TransactionError> {
    let (folder, name) = workspace.parent(path)?;
    rustix::fs::mkdirat(&folder, &name, Mode::from_raw_mode(0o700))
        .map_err(|errno| PathError::Io { path: path.to_owned(), source: errno.into() })?;
    chmod(workspace, path, mode)
}

fn remove_folder(workspace: &Within, path: &Path) -> Result<(), TransactionError> {
    let (folder, name) = workspace.parent(path)?;
    rustix::fs::unlinkat(&folder, &name, rustix::fs::AtFlags::REMOVEDIR)
        .map_err(|errno| PathError::Io { path: path.to_owned(), source: errno.into() })?;
    Ok(())
}

fn chmod(workspace: &Within, path: &Path, mode: u32) -> Result<(), TransactionError> {
    let folder = workspace.open_folder(path)?;
    rustix::fs::fchmod(&folder, Mode::from_raw_mode(mode))
        .map_err(|errno| PathError::Io { path: path.to_owned(), source: errno.into() })?;
    Ok(())
}

impl Undo {
    /// The changes that were made last from the change set in `folder`, for instance after a restart.
    ///
    /// # Errors
    ///
    /// [`TransactionError::Path`] when nothing was applied from there; [`TransactionError::Journal`] when its journal is
    /// of another version or damaged.
    pub fn open(folder: &Path) -> Result<Self, TransactionError> {
        let set = Within::open(folder)?;
        let text = set.read(Path::new(JOURNAL), JOURNAL_BYTES_MAX)?;
        let journal: Journal = serde_json::from_slice(&text)
            .map_err(|error| TransactionError::Journal { source: error.into() })?;
        if journal.version != JOURNAL_VERSION {
            return Err(TransactionError::Journal { source: std::io::ErrorKind::Unsupported.into() });
        }
        Ok(Self { folder: set.path().to_owned(), journal })
    }

    /// Takes the changes back, last first, and removes the change set. Steps that were never carried out (the machine
    /// went down while they were made) are passed over.
    ///
    /// # Errors
    ///
    /// [`TransactionError::Conflict`] or [`TransactionError::Path`] for the first that somebody else changed meanwhile;
    /// the later ones are taken back, the earlier ones are not, and the change set stays.
    pub fn take_back(self) -> Result<(), TransactionError> {
        let folders = Folders::open(&self.journal.workspace, &self.folder)?;
        for step in self.journal.steps.iter().rev() {
            if step.is_done(&folders)? {
                step.take_back(&folders)?;
            }
        }
        remove(&self.folder)
    }

    /// Forgets how to take the changes back, and frees what was kept for it.
    ///
    /// # Errors
    ///
    /// [`TransactionError::Path`] when the folder cannot be removed.
    pub fn forget(self) -> Result<(), TransactionError> {
        remove(&self.folder)
    }
}

impl Step {
    /// Whether the step was carried out: the journal is written before any is.
    fn is_done(&self, folders: &Folders) -> Result<bool, TransactionError> {
        let waits = |within: &Within, path: &Path, identity| {
            look(within, path).map(|found| found.is_some_and(|found| found.identity == identity))
        };
        Ok(match self {
            Self::Exchange { path, old: _, new } | Self::Add { path, new } => {
                !waits(&folders.upper, path, *new)?
            }
            Self::MakeFolder { path, mode: _ } => look(&folders.workspace, path)?.is_some(),
            Self::Remove { path: _, number, old } => {
                waits(&folders.removed, Path::new(&number.to_string()), *old)?
            }
            Self::Chmod { path, old_mode: _, mode } => {
                look(&folders.workspace, path)?.is_some_and(|found| found.mode & 0o777 == *mode)
            }
        })
    }
}
