//! Files that run code later: read-only in a sandbox unless a grant names them.
//!
//! A name here is protected wherever it stands beneath a workspace, with everything beneath it, since the program that
//! reads it looks for it in any folder it is started in.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::sync::LazyLock;

use crate::error::PathError;
use crate::grant::{Access, Grant};
use crate::spec::{Workspace, WorkspaceMode};
use crate::wire::{Cover, CoverKind};
use crate::within::{Identity, Within};

/// Why a name is protected, for whoever is asked about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protected {
    /// The file or folder name, or the last names of its path.
    pub name: &'static str,
    /// Who runs what stands in it.
    pub reason: &'static str,
}

/// Every protected name, with its reason: `protected/names.txt`, a line each.
pub static NAMES: LazyLock<Vec<Protected>> = LazyLock::new(|| {
    let lines = include_str!("protected/names.txt").lines().filter_map(|line| line.split_once(": "));
    lines.map(|(name, reason)| Protected { name, reason }).collect()
});

/// Folders that are known by what they hold, under whatever name: a bare repository, and the keeper's home.
const MARKS: [(&str, &[&str]); 2] =
    [(".git", &["HEAD", "objects", "refs"]), (".hardshell", &["hardshell.toml", "vault.key"])];

/// The protection of a path, by its last names, if it has one. ASCII case does not matter: some file systems ignore it.
#[must_use]
pub fn protection_of(path: &Path) -> Option<&'static Protected> {
    let mut names = path.iter().rev();
    let last = names.next()?;
    NAMES.iter().find(|protected| {
        let (mut wanted, mut above) = (protected.name.rsplit('/'), names.clone());
        wanted.next().is_some_and(|name| last.eq_ignore_ascii_case(name))
            && wanted.all(|name| above.next().is_some_and(|found| found.eq_ignore_ascii_case(name)))
    })
}

/// The most entries of a workspace that are looked at for protected names: some 0.5 s of looking.
const ENTRIES_MAX: usize = 200_000;

/// The most covers of one sandbox; each is a mount.
const COVERS_MAX: usize = 512;

/// The most links that are followed from one protected name: as many as the kernel follows (path_resolution(7)).
const LINKS_MAX: usize = 40;

/// The longest `.git` file, and the longest `commondir`, that is read: one path.
const GIT_FILE_BYTES_MAX: u64 = 4096;

/// What must be covered in the folders that a command can change: each protected path that exists, after the folders
/// above it. A change set needs no covers, being judged before it is applied.
pub(crate) fn covers(grants: &[Grant], workspace: Option<&Workspace>) -> Result<Vec<Cover>, PathError> {
    let named = || grants.iter().filter(|grant| grant.access() == Access::Write).map(Grant::path);
    let workspace = workspace.filter(|workspace| workspace.is_writable());
    let mut scan = Scan { roots: named().collect(), ..Scan::default() };
    scan.roots.extend(workspace.map(|workspace| workspace.grant.path()));
    for root in named() {
        scan.look_through(root, Part::Open, &[])?;
    }
    if let Some(workspace) = workspace.filter(|workspace| workspace.mode == WorkspaceMode::InPlace) {
        scan.look_through(workspace.grant.path(), Part::Open, &workspace.writable_protected)?;
    }
    scan.follow_all()?;
    for identity in std::mem::take(&mut scan.shared) {
        // A file is changed under any of its names.
        for path in scan.names.remove(&identity).into_iter().flatten() {
            scan.protect(path);
        }
    }
    // What is granted by its own name is meant.
    for path in named() {
        scan.found.remove(path);
    }
    if let Some(workspace) = workspace {
        let never = workspace.never_writable.iter().map(|path| workspace.grant.path().join(path));
        never.for_each(|path| scan.find(path));
        scan.follow_all()?;
    }
    scan.covers()
}

/// What was found in the folders that can be changed.
#[derive(Debug, Default)]
struct Scan<'a> {
    roots: Vec<&'a Path>,
    /// Absolute, as they are named in folders that are no links.
    found: BTreeSet<PathBuf>,
    /// Every name that was seen of each file that has several.
    names: BTreeMap<Identity, Vec<PathBuf>>,
    /// Those of them that are protected by one of their names.
    shared: BTreeSet<Identity>,
    /// What is protected and may lead elsewhere.
    leads: Vec<PathBuf>,
    seen: usize,
}

/// Whether a folder is beneath a protected one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Open,
    Protected,
}

impl Scan<'_> {
    fn find(&mut self, path: PathBuf) {
        self.leads.push(path.clone());
        self.found.insert(path);
    }

    /// Looks through a folder, never through a link. What cannot be looked at is protected as a whole where it is
    /// somebody else's, who is the only one to change it; else it would hide what the command made there before.
    fn look_through(&mut self, root: &Path, part: Part, writable: &[String]) -> Result<(), PathError> {
        let mut waiting = vec![(root.to_owned(), part)];
        while let Some((folder, mut part)) = waiting.pop() {
            if part == Part::Open && folder != root && is_marked(&folder, writable) {
                self.find(folder.clone());
                part = Part::Protected;
            }
            let unseen = |source: io::Error| PathError::Unseen { path: folder.clone(), source };
            let entries = match std::fs::read_dir(&folder) {
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
                {
                    continue;
                }
                Err(_) if folder != root && is_of_somebody_else(&folder) => {
                    self.find(folder.clone());
                    continue;
                }
                other => other.map_err(unseen)?,
            };
            for entry in entries {
                let entry = entry.map_err(unseen)?;
                self.seen = self.seen.saturating_add(1);
                if self.seen > ENTRIES_MAX {
                    return Err(PathError::TooMany { path: root.to_owned(), limit: ENTRIES_MAX });
                }
                let found = match entry.metadata() {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    other => other.map_err(unseen)?,
                };
                let path = entry.path();
                let inside = match (part, protection_of(&path)) {
                    (Part::Open, Some(named)) if writable.iter().any(|name| name == named.name) => continue,
                    (Part::Open, Some(_)) => {
                        self.find(path.clone());
                        Part::Protected
                    }
                    (Part::Open, None) | (Part::Protected, _) => part,
                };
                // What git keeps under its own hash is shared by clones, and runs nothing.
                if found.is_dir() && !(inside == Part::Protected && entry.file_name() == "objects") {
                    waiting.push((path, inside));
                } else if found.is_symlink() && inside == Part::Protected {
                    self.leads.push(path);
                } else if found.is_file() && found.nlink() > 1 {
                    // A socket of the host in the workspace would be a way out to whoever listens on it.
                    let identity = Identity { device: found.dev(), inode: found.ino() };
                    self.names.entry(identity).or_default().push(path);
                    if inside == Part::Protected {
                        self.shared.insert(identity);
                    }
                }
            }
        }
        Ok(())
    }

    /// Protects what protected paths lead to, and looks through that.
    fn follow_all(&mut self) -> Result<(), PathError> {
        while let Some(path) = self.leads.pop() {
            let end = self.follow(&path);
            if self.protect(end.clone()) && end.is_dir() {
                self.look_through(&end, Part::Protected, &[])?;
            }
        }
        Ok(())
    }

    /// Protects each link that a path leads through; its end, and what that names if it is git's
    /// (gitrepository-layout(5)), are followed next.
    fn follow(&mut self, path: &Path) -> PathBuf {
        let parts = |path: &Path| path.components().rev().map(|part| part.as_os_str().to_owned()).collect();
        let (mut waiting, mut at, mut links): (Vec<OsString>, _, _) = (parts(path), PathBuf::new(), 0_usize);
        while let Some(part) = waiting.pop() {
            match Path::new(&part).components().next() {
                Some(Component::ParentDir) => drop(at.pop()),
                Some(Component::CurDir) | None => {}
                Some(_) => at.push(&part),
            }
            if let Ok(target) = std::fs::read_link(&at)
                && links < LINKS_MAX
            {
                links = links.saturating_add(1);
                self.protect(at.clone());
                at.pop();
                waiting.extend::<Vec<OsString>>(parts(&target));
            }
        }
        let names_another = |folder: &Path, name: &str, before: &str| {
            let text = Within::open(folder).ok()?.read(Path::new(name), GIT_FILE_BYTES_MAX).ok()?;
            Some(folder.join(std::str::from_utf8(&text).ok()?.strip_prefix(before)?.trim()))
        };
        let folder = at.parent().filter(|_| path.ends_with(".git"));
        let repository = folder.and_then(|folder| names_another(folder, ".git", "gitdir: "));
        let next = [repository, names_another(&at, "commondir", "")].into_iter().flatten();
        // One that is protected already was followed when it was found.
        let next: Vec<PathBuf> = next.filter(|next| self.is_new(next)).collect();
        self.leads.extend(next);
        at
    }

    /// Whether the command could change a path, there being no protected folder above it.
    fn is_new(&self, path: &Path) -> bool {
        self.roots.iter().any(|root| path.starts_with(root))
            && !path.ancestors().any(|above| self.found.contains(above))
    }

    fn protect(&mut self, path: PathBuf) -> bool {
        self.is_new(&path) && self.found.insert(path)
    }

    fn covers(self) -> Result<Vec<Cover>, PathError> {
        let mut all: BTreeMap<PathBuf, CoverKind> = BTreeMap::new();
        for path in &self.found {
            for root in self.roots.iter().filter(|root| path.starts_with(root)) {
                let above = path.ancestors().skip(1).take_while(|above| above != root && path != root);
                all.extend(above.map(|folder| (folder.to_owned(), CoverKind::Anchor)));
            }
        }
        all.extend(self.found.into_iter().map(|path| (path, CoverKind::ReadOnly)));
        match all.keys().nth(COVERS_MAX) {
            Some(path) => Err(PathError::TooManyProtected { path: path.clone(), limit: COVERS_MAX }),
            // Sorted by path, a folder comes before what lies beneath it.
            None => Ok(all.into_iter().map(|(path, kind)| Cover { path, kind }).collect()),
        }
    }
}

fn is_marked(folder: &Path, writable: &[String]) -> bool {
    let is_there = |name: &&str| std::fs::symlink_metadata(folder.join(name)).is_ok();
    MARKS.iter().any(|(name, marks)| !writable.iter().any(|own| own == name) && marks.iter().all(is_there))
}

fn is_of_somebody_else(folder: &Path) -> bool {
    std::fs::symlink_metadata(folder).is_ok_and(|found| found.uid() != crate::process::user_id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_case_tricks_change_nothing() {
        for (index, one) in NAMES.iter().enumerate() {
            assert!(NAMES.iter().skip(index + 1).all(|other| other.name != one.name), "{}", one.name);
            assert!(!one.reason.is_empty());
        }
        assert_eq!(protection_of(Path::new("a/.GIT")).map(|found| found.name), Some(".git"));
        assert_eq!(
            protection_of(Path::new("/home/a/.Config/git")).map(|found| found.name),
            Some(".config/git")
        );
        for plain in [".gitignore", "git", "a/git", ".git/config"] {
            assert_eq!(protection_of(Path::new(plain)), None, "{plain}");
        }
        assert!(NAMES.len() > 60, "every line is a name and its reason");
    }
}
