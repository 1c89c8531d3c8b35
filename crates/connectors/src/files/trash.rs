//! The trash: each entry is a folder with the thing itself and a record of where it was.

use super::FilesError;
use super::look::FILE_BYTES_MAX;
use domain::{EffectKey, Timestamp};
use sandbox::{FileKind, Identity, PathError, Replace, Within};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The trash of a folder that is on another file system than the home.
const OWN_TRASH: &str = ".hardshell-trash";
/// The thing itself.
const ITEM: &str = "item";
/// Where it was.
const RECORD: &str = "record.json";
/// The longest record, in bytes.
const RECORD_BYTES_MAX: u64 = 64 * 1024;
/// How many entries of a deleted folder are counted; past it the count stops.
const COUNTED_MAX: u64 = 100_000;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    version: u32,
    time: u64,
    path: PathBuf,
}

#[derive(Debug)]
pub(super) struct Trash {
    within: Within,
}

impl Trash {
    /// The trash for what is in `folder`: `preferred` where it is on the same file system, else one inside the folder.
    pub(super) fn for_folder(folder: &Within, preferred: &Path) -> Result<Self, FilesError> {
        std::fs::create_dir_all(preferred)
            .map_err(|source| PathError::Io { path: preferred.to_path_buf(), source })?;
        let trash = Within::open(preferred)?;
        let here = Path::new(".");
        if trash.stat(here)?.identity.device == folder.stat(here)?.identity.device {
            return Ok(Self { within: trash });
        }
        folder.make_folder(Path::new(OWN_TRASH))?;
        Ok(Self { within: Within::open(&folder.path().join(OWN_TRASH))? })
    }

    /// An entry for what is at `path`: its name, which says the effect it belongs to, so that a repetition is seen.
    fn entry(&self, path: PathBuf, key: &EffectKey, now: Timestamp) -> Result<String, FilesError> {
        let name = key.as_str().to_string();
        if self.within.stat(Path::new(&name)).is_ok() {
            return Err(FilesError::InTheWay { path: self.within.path().join(&name) });
        }
        self.within.make_folder(Path::new(&name))?;
        let record = Record { version: 1, time: now.0, path };
        let place = Path::new(&name).join(RECORD);
        let text = serde_json::to_vec(&record)
            .map_err(|error| FilesError::Damaged { path: place.clone(), reason: error.to_string() })?;
        self.within.write(&place, &text, Replace::Never)?;
        Ok(name)
    }

    /// Puts a copy of the file in the trash, before it is written over.
    pub(super) fn copy_in(
        &self,
        from: &Within,
        path: &Path,
        identity: Identity,
        key: &EffectKey,
        now: Timestamp,
    ) -> Result<String, FilesError> {
        let full = from.path().join(path);
        let found = from.stat(path)?;
        if found.identity != identity {
            return Err(FilesError::Changed { path: full });
        }
        if found.kind == FileKind::File && found.bytes > FILE_BYTES_MAX {
            let hint = "delete it first, which moves it to the trash whole";
            return Err(FilesError::TooLarge { path: full, bytes: found.bytes, limit: FILE_BYTES_MAX, hint });
        }
        let content = from.read(path, FILE_BYTES_MAX)?;
        let name = self.entry(full, key, now)?;
        self.within.write(&Path::new(&name).join(ITEM), &content, Replace::Never)?;
        Ok(name)
    }

    /// Moves something to the trash; gives the entry's name and how many files went.
    pub(super) fn move_in(
        &self,
        from: &Within,
        path: &Path,
        identity: Identity,
        key: &EffectKey,
        now: Timestamp,
    ) -> Result<(String, u64), FilesError> {
        let full = from.path().join(path.strip_prefix(from.path()).unwrap_or(path));
        let files = count(from, path);
        let name = self.entry(full, key, now)?;
        from.move_aside(path, Some(identity), &self.within, &Path::new(&name).join(ITEM))?;
        Ok((name, files))
    }

    /// Moves the entry `name` back to where it was, when that is in `to`; `None` when there is no such entry here.
    pub(super) fn take_out(&self, name: &str, to: &Within) -> Result<Option<PathBuf>, FilesError> {
        let plain = name.parse::<EffectKey>().is_ok();
        let entry = Path::new(name);
        if !plain || self.within.stat(&entry.join(ITEM)).is_err() {
            return Ok(None);
        }
        let place = entry.join(RECORD);
        let damaged = |reason: String| FilesError::Damaged { path: self.within.path().join(&place), reason };
        let record: Record = serde_json::from_slice(&self.within.read(&place, RECORD_BYTES_MAX)?)
            .map_err(|error| damaged(error.to_string()))?;
        if record.version != 1 {
            return Err(damaged(format!(
                "it is of version {}, this program reads version 1",
                record.version
            )));
        }
        let Ok(beneath) = record.path.strip_prefix(to.path()) else { return Ok(None) };
        if let Some(parent) = beneath.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            to.make_folder(parent)?;
        }
        match self.within.move_to(&entry.join(ITEM), None, to, beneath) {
            Ok(_identity) => Ok(Some(record.path)),
            Err(error) if super::error::is_taken(&error) => Err(FilesError::InTheWay { path: record.path }),
            Err(error) => Err(error.into()),
        }
    }
}

/// How many files are in it, itself if it is one.
fn count(within: &Within, path: &Path) -> u64 {
    let mut files = 0_u64;
    let mut folders = vec![path.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = within.list(&folder, sandbox::ENTRIES_MAX) else {
            files = files.saturating_add(1);
            continue;
        };
        for entry in entries {
            if entry.found.kind == FileKind::Folder {
                folders.push(folder.join(&entry.name));
            } else {
                files = files.saturating_add(1);
            }
        }
        if files > COUNTED_MAX {
            break;
        }
    }
    files
}
