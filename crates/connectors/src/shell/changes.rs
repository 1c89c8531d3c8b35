//! What a command changes: kept apart while it runs, looked at, then taken over as a whole or not at all.

use sandbox::{Change, ChangeKind, ChangeSet, Concern, Transaction, TransactionError, Undo, Workspace};
use serde::Serialize;
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The changes of how many commands are kept for `files.undo`; older ones are forgotten, and what they held is freed.
const KEPT_MAX: usize = 50;

/// The file in a change set that tells how much it holds, so that it is counted once.
const HELD: &str = "held";

/// How many reasons are named when changes are dropped.
const REASONS_MAX: usize = 5;

/// What becomes of what commands change.
#[derive(Clone, Debug)]
pub enum Changes {
    /// It is made as they run.
    Direct,
    /// It is looked at first.
    Judged(ChangeSets),
}

/// Where change sets are kept, and what they may hold.
#[derive(Clone, Debug)]
pub struct ChangeSets {
    /// The folder they are in, on the file system of the workspace and outside of it.
    pub folder: PathBuf,
    /// Names of files that run code later and that commands may all the same make: `.git`, `.envrc`.
    pub accepted: BTreeSet<String>,
    /// The most that one command may leave behind, in bytes.
    pub bytes_max: u64,
    /// The most that all change sets kept for `files.undo` may hold, in bytes; the oldest are forgotten first, the last
    /// one never.
    pub kept_bytes_max: u64,
}

/// The change sets of the programs of one pipeline: each has its own, since one cannot be shared by two that run at the
/// same time. Empty where changes are made directly.
#[derive(Debug, Default)]
pub(super) struct Held {
    workspace: PathBuf,
    sets: Vec<(String, Transaction)>,
}

/// One change, as it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Changed {
    path: PathBuf,
    kind: &'static str,
}

/// What became of the changes of one pipeline.
#[derive(Debug, Default)]
pub(super) struct Settled {
    pub(super) changes: Vec<Changed>,
    /// The change sets that were applied.
    pub(super) sets: Vec<String>,
    /// What else there is to say.
    pub(super) notes: Vec<String>,
    /// Why nothing was taken over.
    pub(super) dropped: Option<String>,
}

impl Changed {
    fn of(change: &Change) -> Self {
        let kind = match change.kind {
            ChangeKind::Added | ChangeKind::FolderAdded => "added",
            ChangeKind::Replaced | ChangeKind::FolderReplaced | ChangeKind::FolderChanged => "changed",
            ChangeKind::Removed => "removed",
        };
        Self { path: change.path.clone(), kind }
    }

    /// Where something is now that was not there before.
    pub(super) fn written(&self) -> Option<&Path> {
        (self.kind != "removed").then_some(&self.path)
    }

    pub(super) fn in_words(&self) -> String {
        format!("{} {}", self.kind, tools::visible(&self.path.to_string_lossy()))
    }
}

impl Held {
    /// The workspace as the program at that place sees it; `None` for the folder itself.
    pub(super) fn workspace(&self, place: usize) -> Result<Option<Workspace>, TransactionError> {
        self.sets.get(place).map(|(_, transaction)| transaction.workspace()).transpose()
    }
}

impl ChangeSets {
    /// An empty change set for each program of a pipeline.
    pub(super) fn hold(
        &self,
        workspace: &Path,
        run: &str,
        pipeline: usize,
        programs: usize,
    ) -> Result<Held, TransactionError> {
        std::fs::create_dir_all(&self.folder)
            .map_err(|source| sandbox::PathError::Io { path: self.folder.clone(), source })?;
        let each = (0..programs).map(|program| {
            let name = format!("{run}.{pipeline}.{program}");
            let transaction = Transaction::begin(workspace, &self.folder.join(&name))?;
            Ok((name, transaction))
        });
        let sets = each.collect::<Result<_, TransactionError>>()?;
        Ok(Held { workspace: workspace.to_path_buf(), sets })
    }

    /// Looks at what was changed, and takes it over when all of it is of a kind that needs no second look.
    pub(super) fn settle(&self, held: Held) -> Result<Settled, TransactionError> {
        let mut changed = Vec::new();
        let mut settled = Settled::default();
        for (name, transaction) in held.sets {
            let mut changes = transaction.changes()?;
            settled.notes.extend(leave_out_unnamable(&mut changes));
            changed.push((name, transaction, changes));
        }
        let bytes = changed.iter().map(|(_, _, set)| set.bytes).fold(0, u64::saturating_add);
        let mut reasons: Vec<String> = changed
            .iter()
            .flat_map(|(_, _, set)| &set.changes)
            .filter_map(|change| self.reason(change))
            .collect();
        if bytes > self.bytes_max {
            reasons.push(format!("{bytes} bytes, more than its limit of disk, {}", self.bytes_max));
        }
        let mut applied: Vec<Undo> = Vec::new();
        for (name, transaction, set) in changed {
            if set.changes.is_empty() || !reasons.is_empty() {
                transaction.discard()?;
                continue;
            }
            match transaction.apply(&set) {
                Ok(undo) => {
                    settled.changes.extend(set.changes.iter().map(Changed::of));
                    settled.sets.push(name);
                    applied.push(undo);
                }
                Err(error) => {
                    reasons.push(error.to_string());
                    self.forget(&held.workspace, &name)?;
                }
            }
        }
        if reasons.is_empty() {
            settled.notes.extend(self.prune(settled.sets.first().map(|name| run_of(name)))?);
            return Ok(settled);
        }
        for undo in applied.into_iter().rev() {
            undo.take_back()?;
        }
        let more = reasons.len().saturating_sub(REASONS_MAX);
        reasons.truncate(REASONS_MAX);
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        let dropped = format!(
            "Nothing of what it changed was kept, and the rest of the line was not run: {}{more}",
            reasons.join("; ")
        );
        Ok(Settled { dropped: Some(dropped), ..Settled::default() })
    }

    /// Why a change is not taken over, in words.
    fn reason(&self, change: &Change) -> Option<String> {
        let path = tools::visible(&change.path.to_string_lossy());
        if change.path.to_str().is_none() {
            return Some(format!(
                "`{path}` has a name that is not UTF-8, and what was removed may have been moved there"
            ));
        }
        change.concerns.iter().find_map(|concern| match concern {
            Concern::RunsLater(name) if self.accepted.contains(name) => None,
            Concern::RunsLater(name) => Some(format!(
                "`{path}` would run code later; `accept = [\"{name}\"]` under `[sandbox]` lets commands make it"
            )),
            Concern::LeadsOut => Some(format!("`{path}` is a link that leads out of the workspace")),
            Concern::SetId => Some(format!("`{path}` would run as its owner")),
            Concern::Special(_) => Some(format!("`{path}` is a pipe, a socket or a device")),
            Concern::Unseen => Some(format!("the folder `{path}` cannot be looked into")),
            // Its other names are in the change set too: a link cannot reach out of it.
            Concern::HardLink => None,
        })
    }

    /// Takes a change set back that was applied.
    pub(crate) fn take_back(folder: &Path, name: &str) -> Result<(), TransactionError> {
        Undo::open(&folder.join(name))?.take_back()
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort_unstable();
        names
    }

    fn forget(&self, workspace: &Path, name: &str) -> Result<(), TransactionError> {
        let folder = self.folder.join(name);
        match Undo::open(&folder) {
            // Half of it is in the workspace, and what was there before is in the set: taken back as far as it can be.
            Ok(undo) => undo.take_back(),
            Err(_none_applied) => Transaction::resume(workspace, &folder)?.discard(),
        }
    }

    /// Frees the oldest (their names begin with the time), but never what `last` left. Says what was forgotten for
    /// want of room.
    fn prune(&self, last: Option<&str>) -> Result<Option<String>, TransactionError> {
        // The sets of one command are taken back together, so they are forgotten together.
        let mut kept: Vec<(String, Vec<String>, u64)> = Vec::new();
        for name in Self::names(&self.folder) {
            // One that was not applied belongs to a command that still runs.
            let Some(bytes) = held(&self.folder.join(&name)) else { continue };
            match kept.last_mut() {
                Some((run, names, sum)) if run == run_of(&name) => {
                    names.push(name);
                    *sum = sum.saturating_add(bytes);
                }
                Some(_) | None => kept.push((run_of(&name).to_string(), vec![name], bytes)),
            }
        }
        let mut count = kept.len();
        let mut bytes = kept.iter().map(|(_, _, bytes)| *bytes).fold(0, u64::saturating_add);
        let mut for_room = 0_usize;
        for (run, names, held) in kept {
            let too_large = bytes > self.kept_bytes_max;
            if Some(run.as_str()) == last || (count <= KEPT_MAX && !too_large) {
                continue;
            }
            for name in names {
                Undo::open(&self.folder.join(name))?.forget()?;
            }
            for_room = for_room.saturating_add(usize::from(too_large));
            (count, bytes) = (count.saturating_sub(1), bytes.saturating_sub(held));
        }
        let most = self.kept_bytes_max >> 20;
        Ok((for_room > 0).then(|| {
            format!(
                "What the {for_room} oldest commands of the list changed can no longer be taken back: what is kept for \
                files.undo came to more than {most} MiB (`undo_mib`)."
            )
        }))
    }

    /// After a start: what a crash left behind. A set that nobody applied is dropped; one that was being applied, or
    /// whose application is on no list, is taken back, so that nothing stays half done. Says what was done.
    pub(crate) fn recover(folder: &Path, workspace: &Path, listed: &BTreeSet<String>) -> Vec<String> {
        let mut said = Vec::new();
        for name in Self::names(folder).into_iter().filter(|name| !listed.contains(name)) {
            let set = folder.join(&name);
            let (what, done) = match Undo::open(&set) {
                Ok(undo) => ("was taken back", undo.take_back()),
                Err(_none_applied) => (
                    "was dropped before anything of it was taken over",
                    Transaction::resume(workspace, &set).and_then(Transaction::discard),
                ),
            };
            said.push(match done {
                Ok(()) => format!("what the interrupted command {name} changed {what}"),
                Err(error) => {
                    format!("what the interrupted command {name} changed is in {}: {error}", set.display())
                }
            });
        }
        said
    }
}

/// The command that a change set is of: its name without the places of the pipeline and the program.
fn run_of(name: &str) -> &str {
    name.rsplitn(3, '.').nth(2).unwrap_or(name)
}

/// How much disk a change set holds, if it was applied: counted the first time, and the same from then on.
fn held(set: &Path) -> Option<u64> {
    let file = set.join(HELD);
    let known = std::fs::read_to_string(&file).ok().and_then(|text| text.parse().ok());
    known.or_else(|| {
        Undo::open(set).ok()?;
        let bytes = disk_bytes(set);
        // One that cannot be written is counted again.
        let _uncounted = std::fs::write(&file, bytes.to_string());
        Some(bytes)
    })
}

/// The blocks of everything below `folder`; links are not followed, and a folder that is closed counts by itself.
fn disk_bytes(folder: &Path) -> u64 {
    let mut waiting = vec![folder.to_path_buf()];
    let mut bytes = 0_u64;
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let Ok(found) = entry.metadata() else { continue };
            // A block of stat(2) is 512 bytes.
            bytes = bytes.saturating_add(found.blocks().saturating_mul(512));
            if found.is_dir() {
                waiting.push(entry.path());
            }
        }
    }
    bytes
}

/// Leaves out changes of files whose names are not UTF-8: no list and no journal can hold them. They stay where something
/// was removed too: a file that was moved to such a name would be lost.
fn leave_out_unnamable(set: &mut ChangeSet) -> Option<String> {
    let named = |change: &Change| change.path.to_str().is_some();
    let moved = |change: &Change| match change.kind {
        ChangeKind::Removed | ChangeKind::Replaced | ChangeKind::FolderReplaced => named(change),
        ChangeKind::Added | ChangeKind::FolderAdded | ChangeKind::FolderChanged => false,
    };
    let first = set.changes.iter().find(|change| !named(change))?;
    let path = tools::visible(&first.path.to_string_lossy());
    if set.changes.iter().any(moved) {
        return None;
    }
    let before = set.changes.len();
    set.changes.retain(named);
    let count = before.saturating_sub(set.changes.len());
    Some(format!(
        "{count} changes of files whose names are not UTF-8 were not kept, the first of them `{path}`; the others were."
    ))
}
