//! The owner's files: read, listed, found, written, moved, put in the trash and taken back, all through descriptors
//! that cannot be led out of the folders the configuration names.

mod change;
mod error;
mod find;
mod identify;
mod look;
mod trash;

pub use error::FilesError;
pub(crate) use identify::Identified;

use crate::Finding;
use crate::finding::bytes_in_words;
use crate::shell::ChangeSets;
use change::{Change, Journal};
use domain::{EffectKey, Target, Timestamp};
use sandbox::{FileKind, Identity, PathError, Replace, Within};
use serde_json::json;
use std::path::{Component, Path, PathBuf};
use trash::Trash;

/// How much of a command line is kept on the list of changes.
const LINE_CHARACTERS_MAX: usize = 200;

/// A folder of the owner's, opened.
#[derive(Debug)]
struct Root {
    within: Within,
    trash: Trash,
}

/// The folders that file tools reach.
///
/// Paths are relative to the first folder, the workspace, or absolute and in one of them.
#[derive(Debug)]
pub struct Files {
    roots: Vec<Root>,
    journal: Journal,
    trash: PathBuf,
}

impl Files {
    /// Opens `workspace` and the `others`. What is deleted goes to `trash`; of folders on other file systems, to a
    /// hidden trash of their own. `trash` also keeps the list of changes for undo; it is made if missing.
    ///
    /// # Errors
    ///
    /// [`FilesError`] when a folder cannot be opened or the trash cannot be made.
    pub fn open(workspace: &Path, others: &[PathBuf], trash: &Path) -> Result<Self, FilesError> {
        let mut roots = Vec::new();
        for path in std::iter::once(workspace).chain(others.iter().map(PathBuf::as_path)) {
            let within = Within::open(path)?;
            let trash = Trash::for_folder(&within, trash)?;
            roots.push(Root { within, trash });
        }
        Ok(Self { roots, journal: Journal::open(trash)?, trash: trash.to_path_buf() })
    }

    /// The folders, the workspace first.
    pub fn folders(&self) -> impl Iterator<Item = &Path> {
        self.roots.iter().map(|root| root.within.path())
    }

    fn place(&self, text: &str) -> Result<(&Root, PathBuf), FilesError> {
        if text.starts_with('~') {
            return Err(FilesError::Tilde { path: text.to_string() });
        }
        let path = Path::new(if text.is_empty() { "." } else { text });
        let root = if path.is_absolute() {
            let holding = self.roots.iter().filter(|root| path.starts_with(root.within.path()));
            holding.max_by_key(|root| root.within.path().components().count())
        } else {
            self.roots.first()
        };
        root.map(|root| (root, path.to_path_buf())).ok_or_else(|| FilesError::Elsewhere {
            path: text.to_string(),
            folders: self.folders().map(|folder| folder.display().to_string()).collect(),
        })
    }

    /// What is at `path` now, as an approval binds it: the file and its identity, or the new file it would be.
    ///
    /// # Errors
    ///
    /// [`FilesError`] when the path is not in a folder that is open, or leads out of it.
    pub fn target(&self, path: &str) -> Result<Target, FilesError> {
        let (root, path) = self.place(path)?;
        let base = root.within.path();
        match root.within.stat(&path) {
            Ok(found) => {
                let full = base.join(root.within.canonical(&path)?);
                Ok(Target::File { path: full, device: found.identity.device, inode: found.identity.inode })
            }
            Err(error) if error::is_missing(&error) => {
                Ok(Target::NewFile { path: base.join(new_path(&root.within, &path)?) })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Writes a file whole. What was there goes to the trash first; `known` is what the permit was given for.
    ///
    /// # Errors
    ///
    /// [`FilesError`]; nothing has changed then, or what was there is in the trash and the error says so.
    pub fn write(
        &self,
        path: &str,
        content: &str,
        known: &Target,
        key: &EffectKey,
        now: Timestamp,
    ) -> Result<Finding, FilesError> {
        let (root, place) = self.place(path)?;
        let canonical = target_path(known);
        let beneath = canonical
            .strip_prefix(root.within.path())
            .map_err(|_outside| FilesError::Changed { path: place.clone() })?;
        if let Some(parent) = beneath.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            root.within.make_folder(parent)?;
        }
        let before = match known {
            Target::File { device, inode, .. } => {
                let identity = Identity { device: *device, inode: *inode };
                let entry = root.trash.copy_in(&root.within, beneath, identity, key, now)?;
                root.within.write(beneath, content.as_bytes(), Replace::Only(identity))?;
                Some(entry)
            }
            Target::NewFile { .. } => {
                root.within.write(beneath, content.as_bytes(), Replace::Never)?;
                None
            }
            Target::Program { .. } | Target::Host { .. } => return Err(FilesError::Changed { path: place }),
        };
        let digest = blake3::hash(content.as_bytes()).to_hex().to_string();
        let change =
            Change::Wrote { path: canonical.to_path_buf(), before: before.clone(), digest: digest.clone() };
        let noted = self.note(&change, key, now);
        let size = u64::try_from(content.len()).unwrap_or(u64::MAX);
        let kept = if before.is_some() { "; what was there before is in the trash" } else { "" };
        Ok(Finding {
            fields: json!({"path": canonical, "bytes": size, "digest": digest, "trash": before}),
            text: format!("Wrote {} ({}){kept}.{noted}", canonical.display(), bytes_in_words(size)),
        })
    }

    /// Moves or renames; nothing is overwritten.
    ///
    /// # Errors
    ///
    /// [`FilesError`]; nothing has moved then.
    pub fn relocate(
        &self,
        from: &Target,
        to: &Target,
        key: &EffectKey,
        now: Timestamp,
    ) -> Result<Finding, FilesError> {
        let (Target::File { path: from, device, inode }, Target::NewFile { path: to }) = (from, to) else {
            return Err(FilesError::InTheWay { path: target_path(to).to_path_buf() });
        };
        let identity = Identity { device: *device, inode: *inode };
        self.rename(from, Some(identity), to)?;
        let noted = self.note(&Change::Moved { from: from.clone(), to: to.clone() }, key, now);
        Ok(Finding {
            fields: json!({"path": to}),
            text: format!("Moved {} to {}.{noted}", from.display(), to.display()),
        })
    }

    /// Puts what was done on the list of changes. It is done, whatever becomes of the list: what is to be added to the
    /// answer says so.
    fn note(&self, change: &Change, key: &EffectKey, now: Timestamp) -> String {
        match self.journal.add(change, key, now) {
            Ok(()) => String::new(),
            Err(error) => format!(" files.undo cannot take it back, for it could not be noted: {error}."),
        }
    }

    fn rename(&self, from: &Path, identity: Option<Identity>, to: &Path) -> Result<(), FilesError> {
        let (source, from) = self.place(&from.to_string_lossy())?;
        let (target, to) = self.place(&to.to_string_lossy())?;
        let beneath = to.strip_prefix(target.within.path()).unwrap_or(&to);
        if let Some(parent) = beneath.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            target.within.make_folder(parent)?;
        }
        match source.within.move_to(&from, identity, &target.within, beneath) {
            Ok(_identity) => Ok(()),
            Err(error) if error::is_other_disk(&error) => Err(FilesError::OtherDisk { path: from }),
            Err(error) if error::is_taken(&error) => Err(FilesError::InTheWay { path: to }),
            Err(error) => Err(error.into()),
        }
    }

    /// Moves a file or folder to the trash.
    ///
    /// # Errors
    ///
    /// [`FilesError`]; it is still there then.
    pub fn delete(&self, known: &Target, key: &EffectKey, now: Timestamp) -> Result<Finding, FilesError> {
        let Target::File { path, device, inode } = known else {
            return Err(FilesError::NotThere { path: target_path(known).to_path_buf() });
        };
        let (root, place) = self.place(&path.to_string_lossy())?;
        if self.roots.iter().any(|other| other.within.path().starts_with(path)) {
            return Err(FilesError::WholeFolder { path: path.clone() });
        }
        let identity = Identity { device: *device, inode: *inode };
        let (entry, files) = root.trash.move_in(&root.within, &place, identity, key, now)?;
        let noted = self.note(&Change::Deleted { path: path.clone(), trash: entry.clone() }, key, now);
        Ok(Finding {
            fields: json!({"trash": entry, "files": files}),
            text: format!(
                "Moved {} to the trash. files.restore {entry} brings it back.{noted}",
                path.display()
            ),
        })
    }

    /// Brings something back from the trash.
    ///
    /// # Errors
    ///
    /// [`FilesError`]; it is still in the trash then.
    pub fn restore(&self, id: &str) -> Result<Finding, FilesError> {
        let path = self.take_back(id)?;
        Ok(Finding { fields: json!({"path": path}), text: format!("Brought {} back.", path.display()) })
    }

    fn take_back(&self, id: &str) -> Result<PathBuf, FilesError> {
        for root in &self.roots {
            if let Some(path) = root.trash.take_out(id, &root.within)? {
                return Ok(path);
            }
        }
        Err(FilesError::NoSuchTrash { id: id.to_string() })
    }

    /// Where the change sets of commands are kept.
    #[must_use]
    pub fn change_sets(&self) -> PathBuf {
        self.trash.join("commands")
    }

    /// Puts what a command changed on the list of changes, for undo. What cannot be listed is taken back at once, as
    /// the next start would take it back.
    ///
    /// # Errors
    ///
    /// [`FilesError`] when the list cannot be written; what the command changed is as it was before.
    pub fn ran(
        &self,
        line: &str,
        sets: Vec<String>,
        key: &EffectKey,
        now: Timestamp,
    ) -> Result<(), FilesError> {
        if sets.is_empty() {
            return Ok(());
        }
        let line = tools::visible(&line.chars().take(LINE_CHARACTERS_MAX).collect::<String>());
        let change = Change::Ran { line, sets };
        let Err(error) = self.journal.add(&change, key, now) else { return Ok(()) };
        self.take_back_run(&change)?;
        Err(error)
    }

    /// Takes back what a command changed.
    fn take_back_run(&self, change: &Change) -> Result<(), FilesError> {
        let Change::Ran { line, sets } = change else { return Ok(()) };
        sets.iter().rev().try_for_each(|set| {
            ChangeSets::take_back(&self.change_sets(), set)
                .map_err(|source| FilesError::Command { line: line.clone(), source: Box::new(source) })
        })
    }

    /// After a start: leaves nothing of an interrupted command half done. Says what was done, for the log.
    ///
    /// # Errors
    ///
    /// [`FilesError`] when the list of changes cannot be read.
    pub fn recover(&self) -> Result<Vec<String>, FilesError> {
        let workspace = self.folders().next().unwrap_or(Path::new(""));
        Ok(ChangeSets::recover(&self.change_sets(), workspace, &self.journal.sets()?))
    }

    /// Takes back the last change that is not taken back yet.
    ///
    /// # Errors
    ///
    /// [`FilesError`] when there is none, or the file has changed since.
    pub fn undo(&self, key: &EffectKey, now: Timestamp) -> Result<Finding, FilesError> {
        let (number, change) = self.journal.last()?.ok_or(FilesError::NothingToUndo)?;
        let workspace = self.folders().next().unwrap_or(Path::new("")).to_path_buf();
        let mut said = String::new();
        let (what, path) = match &change {
            Change::Wrote { path, before, digest } => {
                let (root, place) = self.place(&path.to_string_lossy())?;
                let there = root.within.read(&place, look::FILE_BYTES_MAX)?;
                if blake3::hash(&there).to_hex().as_str() != digest {
                    return Err(FilesError::Changed { path: path.clone() });
                }
                let found = root.within.stat(&place)?;
                root.trash.move_in(&root.within, &place, found.identity, key, now)?;
                if let Some(before) = before {
                    self.take_back(before)?;
                }
                (
                    if before.is_some() { "the text before is back" } else { "the new file is in the trash" },
                    path,
                )
            }
            Change::Moved { from, to } => {
                self.rename(to, None, from)?;
                ("it is where it was", from)
            }
            Change::Deleted { path, trash } => {
                self.take_back(trash)?;
                ("it is back from the trash", path)
            }
            Change::Ran { line, .. } => {
                self.take_back_run(&change)?;
                said = format!("What `{line}` changed");
                ("is taken back", &workspace)
            }
        };
        self.journal.taken_back(number)?;
        let said = if said.is_empty() { format!("{}:", path.display()) } else { said };
        Ok(Finding { fields: json!({"path": path, "what": what}), text: format!("{said} {what}.") })
    }
}

fn target_path(target: &Target) -> &Path {
    match target {
        Target::File { path, .. } | Target::NewFile { path } | Target::Program { path, .. } => path,
        Target::Host { .. } => Path::new(""),
    }
}

/// The path of something that is not there, relative to the folder: the part that exists is canonical, the rest as
/// written.
fn new_path(within: &Within, path: &Path) -> Result<PathBuf, FilesError> {
    let relative = path.strip_prefix(within.path()).unwrap_or(path);
    let mut so_far = PathBuf::new();
    let mut exists = true;
    for component in relative.components() {
        match component {
            Component::CurDir => {}
            Component::Normal(name) => {
                let next = so_far.join(name);
                if exists {
                    match within.canonical(&next) {
                        Ok(canonical) => {
                            so_far = canonical;
                            continue;
                        }
                        Err(error) if error::is_missing(&error) => exists = false,
                        Err(error) => return Err(error.into()),
                    }
                }
                so_far = next;
            }
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(FilesError::Dots { path: path.to_path_buf() });
            }
        }
    }
    let dangling = within.list(so_far.parent().unwrap_or(Path::new(".")), sandbox::ENTRIES_MAX);
    let link = dangling.is_ok_and(|entries| {
        entries.iter().any(|entry| {
            Some(entry.name.as_os_str()) == so_far.file_name() && entry.found.kind == FileKind::Link
        })
    });
    if link {
        return Err(PathError::Link { path: path.to_path_buf() }.into());
    }
    Ok(so_far)
}
