//! What a change set holds, and what in it deserves a second look.

use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::TransactionError;
use crate::error::{FileKind, PathError};
use crate::protected::protection_of;
use crate::within::{Found, Within, leads_out};

/// The most changes of one command.
pub(crate) const CHANGES_MAX: usize = 50_000;

/// From how many bytes on a change set is large.
const LARGE_BYTES: u64 = 256 << 20;

/// Everything a command changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeSet {
    /// Each change, a folder before what lies in it.
    pub changes: Vec<Change>,
    /// The sum of the new files' sizes.
    pub bytes: u64,
}

impl ChangeSet {
    /// Whether any change deserves a second look.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.bytes < LARGE_BYTES && self.changes.iter().all(|change| change.concerns.is_empty())
    }
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Relative to the workspace.
    pub path: PathBuf,
    /// What was done.
    pub kind: ChangeKind,
    /// The size of the new file; 0 for others.
    pub bytes: u64,
    /// Why to look twice.
    pub concerns: Vec<Concern>,
}

/// What was done to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// A file or a link that was not there.
    Added,
    /// A folder that was not there.
    FolderAdded,
    /// Other content, or another kind of thing.
    Replaced,
    /// A folder was removed and made anew, with only what else is listed in it.
    FolderReplaced,
    /// Other permissions of a folder.
    FolderChanged,
    /// Nothing is there any more.
    Removed,
}

/// Why a change deserves a second look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Concern {
    /// Something runs what stands in it; the name that says so.
    RunsLater(String),
    /// A link that leads out of the workspace or could come to, or to an absolute path that is not the system's.
    LeadsOut,
    /// A program that would run as its owner or group.
    SetId,
    /// A pipe, a device or a socket.
    Special(FileKind),
    /// A file that shares its content with another name.
    HardLink,
    /// A folder that cannot be looked into: closed, or deeper than a path can name.
    Unseen,
}

pub(super) fn survey(workspace: &Within, upper: &Within) -> Result<ChangeSet, TransactionError> {
    let mut set = ChangeSet::default();
    let mut waiting = vec![PathBuf::new()];
    while let Some(folder) = waiting.pop() {
        let at = if folder.as_os_str().is_empty() { Path::new(".") } else { &folder };
        let mut folders = Vec::new();
        let entries = match upper.list(at, CHANGES_MAX) {
            Err(error) if is_unseen(&error) => {
                set.changes.push(unseen(folder));
                continue;
            }
            other => other?,
        };
        for entry in entries {
            let path = folder.join(&entry.name);
            let before = look(workspace, &path).map_err(TransactionError::from);
            let kind = match before.and_then(|before| kind(upper, &path, entry.found, before)) {
                Err(TransactionError::Path(error)) if is_unseen(&error) => {
                    set.changes.push(unseen(path));
                    continue;
                }
                other => other?,
            };
            if entry.found.kind == FileKind::Folder {
                folders.push(path.clone());
            }
            let Some(kind) = kind else { continue };
            if set.changes.len() >= CHANGES_MAX {
                return Err(TransactionError::TooMany { limit: CHANGES_MAX });
            }
            let bytes = if entry.found.kind == FileKind::File { entry.found.bytes } else { 0 };
            set.bytes = set.bytes.saturating_add(bytes);
            let concerns = concerns(upper, &path, kind, entry.found)?;
            set.changes.push(Change { path, kind, bytes, concerns });
        }
        waiting.extend(folders.into_iter().rev());
    }
    Ok(set)
}

fn unseen(path: PathBuf) -> Change {
    Change { path, kind: ChangeKind::FolderChanged, bytes: 0, concerns: vec![Concern::Unseen] }
}

fn is_unseen(error: &PathError) -> bool {
    let PathError::Io { source, .. } = error else { return matches!(error, PathError::Malformed { .. }) };
    matches!(source.raw_os_error(), Some(libc::EACCES | libc::ENAMETOOLONG))
}

/// What is at a path itself, a link being a link.
pub(super) fn look(within: &Within, path: &Path) -> Result<Option<Found>, PathError> {
    let (folder, name) = match within.parent(path) {
        Err(PathError::Io { source, .. })
            if matches!(source.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR)) =>
        {
            return Ok(None);
        }
        other => other?,
    };
    match rustix::fs::statat(&folder, &name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(Found::of(&stat))),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(PathError::Io { path: path.to_owned(), source: errno.into() }),
    }
}

/// What an entry of the upper folder says (Documentation/filesystems/overlayfs.rst, "whiteouts and opaque
/// directories"); `None` for a folder that is only on the way.
fn kind(
    upper: &Within,
    path: &Path,
    found: Found,
    before: Option<Found>,
) -> Result<Option<ChangeKind>, TransactionError> {
    let was_folder = before.is_some_and(|before| before.kind == FileKind::Folder);
    Ok(match found.kind {
        FileKind::Device if is_whiteout(upper, path)? => before.map(|_| ChangeKind::Removed),
        FileKind::Folder => match before {
            None => Some(ChangeKind::FolderAdded),
            Some(_) if !was_folder => Some(ChangeKind::Replaced),
            Some(_) if is_opaque(upper, path)? => Some(ChangeKind::FolderReplaced),
            Some(before) => (before.mode != found.mode).then_some(ChangeKind::FolderChanged),
        },
        FileKind::File | FileKind::Link | FileKind::Pipe | FileKind::Socket | FileKind::Device => {
            match before {
                None => Some(ChangeKind::Added),
                Some(_) => Some(ChangeKind::Replaced),
            }
        }
    })
}

fn is_whiteout(upper: &Within, path: &Path) -> Result<bool, PathError> {
    let (folder, name) = upper.parent(path)?;
    let stat = rustix::fs::statat(&folder, &name, AtFlags::SYMLINK_NOFOLLOW)
        .map_err(|errno| PathError::Io { path: path.to_owned(), source: errno.into() })?;
    Ok(FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && stat.st_rdev == 0)
}

fn is_opaque(upper: &Within, path: &Path) -> Result<bool, PathError> {
    let folder = upper.open_folder(path)?;
    let mut value = [0u8; 8];
    match rustix::fs::fgetxattr(&folder, "user.overlay.opaque", &mut value) {
        Ok(length) => Ok(value.get(..length) == Some(b"y")),
        Err(Errno::NODATA | Errno::NOTSUP) => Ok(false),
        Err(errno) => Err(PathError::Io { path: path.to_owned(), source: errno.into() }),
    }
}

fn concerns(upper: &Within, path: &Path, kind: ChangeKind, found: Found) -> Result<Vec<Concern>, PathError> {
    let mut concerns: Vec<Concern> = path
        .ancestors()
        .filter_map(protection_of)
        .map(|protected| Concern::RunsLater(protected.name.to_owned()))
        .collect();
    if kind == ChangeKind::Removed {
        return Ok(concerns);
    }
    match found.kind {
        FileKind::File => {
            if found.mode & 0o6000 != 0 {
                concerns.push(Concern::SetId);
            }
            if found.links > 1 {
                concerns.push(Concern::HardLink);
            }
        }
        FileKind::Folder => {}
        FileKind::Link => {
            let target = upper.read_link(path)?;
            if leads_out(path, &target) {
                concerns.push(Concern::LeadsOut);
            }
        }
        special @ (FileKind::Pipe | FileKind::Socket | FileKind::Device) => {
            concerns.push(Concern::Special(special))
        }
    }
    Ok(concerns)
}
