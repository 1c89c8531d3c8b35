//! The list of changes, for undo: one small file a change, version 1, in the order they were made.

use super::FilesError;
use domain::{EffectKey, Timestamp};
use sandbox::{Replace, Within};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const FOLDER: &str = "changes";
/// How many changes can be taken back; older ones are forgotten, what they put in the trash stays there.
const CHANGES_MAX: usize = 200;
/// The longest record, in bytes: two paths and a little.
const RECORD_BYTES_MAX: u64 = 64 * 1024;

/// A change to a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Change {
    /// A file was written.
    Wrote { path: PathBuf, before: Option<String>, digest: String },
    /// Something was moved.
    Moved { from: PathBuf, to: PathBuf },
    /// Something went to the trash.
    Deleted { path: PathBuf, trash: String },
    /// A command changed things: the change sets that were applied, in their order.
    Ran { line: String, sets: Vec<String> },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    version: u32,
    time: u64,
    key: String,
    change: Change,
}

#[derive(Debug)]
pub(super) struct Journal {
    within: Within,
    trash: Within,
}

impl Journal {
    pub(super) fn open(trash: &Path) -> Result<Self, FilesError> {
        let trash = Within::open(trash)?;
        trash.make_folder(Path::new(FOLDER))?;
        trash.make_folder(Path::new("undone"))?;
        Ok(Self { within: Within::open(&trash.path().join(FOLDER))?, trash })
    }

    /// The numbers of the changes that can be taken back, oldest first.
    fn numbers(&self) -> Result<Vec<u64>, FilesError> {
        let entries = self.within.list(Path::new("."), sandbox::ENTRIES_MAX)?;
        let mut numbers: Vec<u64> = entries
            .iter()
            .filter_map(|entry| entry.name.to_str()?.strip_suffix(".json")?.parse().ok())
            .collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    pub(super) fn add(&self, change: &Change, key: &EffectKey, now: Timestamp) -> Result<(), FilesError> {
        let numbers = self.numbers()?;
        let mut number = numbers.last().copied().unwrap_or(0).saturating_add(1);
        let record = Record { version: 1, time: now.0, key: key.to_string(), change: change.clone() };
        let text = serde_json::to_vec(&record)
            .map_err(|error| FilesError::Damaged { path: name_of(number), reason: error.to_string() })?;
        // Sessions change files side by side: whoever finds a number taken has the next one.
        loop {
            match self.within.write(&name_of(number), &text, Replace::Never) {
                Err(error) if super::error::is_taken(&error) && number < u64::MAX => {
                    number = number.saturating_add(1);
                }
                written => break written.map(drop)?,
            }
        }
        for old in numbers.iter().rev().skip(CHANGES_MAX) {
            self.taken_back(*old)?;
        }
        Ok(())
    }

    /// The change sets that can still be taken back.
    pub(super) fn sets(&self) -> Result<BTreeSet<String>, FilesError> {
        let mut sets = BTreeSet::new();
        for number in self.numbers()? {
            if let Change::Ran { sets: these, .. } = self.read(number)? {
                sets.extend(these);
            }
        }
        Ok(sets)
    }

    pub(super) fn last(&self) -> Result<Option<(u64, Change)>, FilesError> {
        let Some(number) = self.numbers()?.last().copied() else { return Ok(None) };
        Ok(Some((number, self.read(number)?)))
    }

    fn read(&self, number: u64) -> Result<Change, FilesError> {
        let name = name_of(number);
        let text = self.within.read(&name, RECORD_BYTES_MAX)?;
        let damaged = |reason: String| FilesError::Damaged { path: self.within.path().join(&name), reason };
        let record: Record = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        if record.version != 1 {
            return Err(damaged(format!(
                "it is of version {}, this program reads version 1",
                record.version
            )));
        }
        Ok(record.change)
    }

    pub(super) fn taken_back(&self, number: u64) -> Result<(), FilesError> {
        let name = name_of(number);
        let undone = Within::open(&self.trash.path().join("undone"))?;
        // The last hundred or so are kept for a person to look at; a name that is taken makes room for the newer one.
        match self.within.move_aside(&name, None, &undone, &name) {
            Ok(_identity) => Ok(()),
            Err(error) if super::error::is_taken(&error) => {
                let content = self.within.read(&name, RECORD_BYTES_MAX)?;
                undone.write(&name, &content, Replace::File)?;
                std::fs::remove_file(self.within.path().join(&name))
                    .map_err(|source| sandbox::PathError::Io { path: name, source }.into())
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn name_of(number: u64) -> PathBuf {
    PathBuf::from(format!("{number:012}.json"))
}
