//! Files that run code later: read-only in a sandbox unless a grant names them.
//!
//! A name here is protected wherever it stands beneath a workspace, with everything beneath it, since the program that
//! reads it looks for it in any folder it is started in.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::error::PathError;
use crate::grant::{Access, Grant};
use crate::spec::{Workspace, WorkspaceMode};
use crate::wire::{Cover, CoverKind};

/// Why a name is protected, for whoever is asked about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protected {
    /// The file or folder name.
    pub name: &'static str,
    /// Who runs what stands in it.
    pub reason: &'static str,
}

const fn protected(name: &'static str, reason: &'static str) -> Protected {
    Protected { name, reason }
}

/// Every protected name, with its reason.
pub const NAMES: [Protected; 44] = [
    protected(".git", "git runs its hooks, and programs that its config and attributes name"),
    protected(".gitmodules", "git fetches and configures what it names"),
    protected(".gitattributes", "git starts the filters and diff programs it names"),
    protected(".gitconfig", "git runs the programs it names"),
    protected(".hg", "mercurial runs its hooks"),
    protected(".svn", "subversion starts the editors and diff programs it names"),
    protected(".jj", "jujutsu runs the programs its config names"),
    protected(".bashrc", "bash runs it"),
    protected(".bash_profile", "bash runs it"),
    protected(".bash_login", "bash runs it"),
    protected(".bash_logout", "bash runs it"),
    protected(".bash_aliases", "bash runs it"),
    protected(".profile", "the login shell runs it"),
    protected(".zshrc", "zsh runs it"),
    protected(".zshenv", "zsh runs it"),
    protected(".zprofile", "zsh runs it"),
    protected(".zlogin", "zsh runs it"),
    protected(".inputrc", "readline binds keys to commands in it"),
    protected(".envrc", "direnv runs it"),
    protected(".env", "programs take their environment from it"),
    protected(".npmrc", "npm takes its registry and script shell from it"),
    protected(".yarnrc", "yarn starts the program it names"),
    protected(".yarnrc.yml", "yarn starts the program it names"),
    protected(".pnpmfile.cjs", "pnpm runs it"),
    protected(".pypirc", "python tools upload with the credentials in it"),
    protected(".cargo", "cargo starts the linkers and wrappers its config names"),
    protected(".vscode", "the editor runs its tasks"),
    protected(".idea", "the editor runs its tasks"),
    protected(".devcontainer", "the editor builds and runs it"),
    protected(".vim", "vim runs it"),
    protected(".vimrc", "vim runs it"),
    protected(".exrc", "vim and ex run it"),
    protected(".gdbinit", "gdb runs it"),
    protected(".nvimrc", "neovim runs it"),
    protected(".zed", "the editor runs its tasks"),
    protected(".husky", "git runs the hooks in it"),
    protected(".yarn", "yarn runs the releases and plugins in it"),
    protected(".claude", "Claude Code runs the hooks and tool servers it names"),
    protected(".codex", "Codex runs the tool servers it names, and takes its rules from it"),
    protected(".cursor", "the editor's agent runs the tool servers it names"),
    protected(".gemini", "Gemini CLI runs the tool servers it names"),
    protected(".mcp.json", "agents run the tool servers it names"),
    protected(".hardshell", "Hardshell takes its settings, rules and keys from it"),
    protected(".pre-commit-config.yaml", "pre-commit fetches and runs what it names"),
];

/// The protection of a file name, if it has one. ASCII case does not matter: some file systems ignore it.
#[must_use]
pub fn protection_of(name: &str) -> Option<&'static Protected> {
    NAMES.iter().find(|protected| protected.name.eq_ignore_ascii_case(name))
}

/// The most entries of a workspace that are looked at for protected names: some 0.3 s of looking.
const ENTRIES_MAX: usize = 200_000;

/// The most covers of one sandbox; each is a mount.
const COVERS_MAX: usize = 512;

/// What must be covered in the folders that a command can change: each protected path that exists, after the folders
/// above it. A change set needs no covers, being judged before it is applied.
pub(crate) fn covers(grants: &[Grant], workspace: Option<&Workspace>) -> Result<Vec<Cover>, PathError> {
    let mut all: BTreeMap<PathBuf, CoverKind> = BTreeMap::new();
    for grant in grants.iter().filter(|grant| grant.access() == Access::Write) {
        let mut found = BTreeSet::new();
        find(grant.path(), &[], &mut found)?;
        add(grant.path(), found, &mut all);
    }
    if let Some(workspace) = workspace.filter(|workspace| workspace.is_writable()) {
        let mut found: BTreeSet<PathBuf> = workspace.never_writable.iter().cloned().collect();
        match workspace.mode {
            WorkspaceMode::InPlace => {
                find(workspace.grant.path(), &workspace.writable_protected, &mut found)?
            }
            WorkspaceMode::Transaction(_) => {}
        }
        add(workspace.grant.path(), found, &mut all);
    }
    if all.len() > COVERS_MAX {
        let path = all.into_keys().next().unwrap_or_default();
        return Err(PathError::TooMany { path, limit: COVERS_MAX });
    }
    // Sorted by path, a folder comes before what lies beneath it.
    Ok(all.into_iter().map(|(path, kind)| Cover { path, kind }).collect())
}

fn add(root: &Path, found: BTreeSet<PathBuf>, all: &mut BTreeMap<PathBuf, CoverKind>) {
    for path in found {
        let above = path.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty());
        for folder in above {
            all.entry(root.join(folder)).or_insert(CoverKind::Anchor);
        }
        all.insert(root.join(path), CoverKind::ReadOnly);
    }
}

/// Looks through a folder, never into a protected one and never through a link.
fn find(root: &Path, writable: &[String], found: &mut BTreeSet<PathBuf>) -> Result<(), PathError> {
    let mut waiting = vec![PathBuf::new()];
    let mut seen = 0_usize;
    while let Some(folder) = waiting.pop() {
        let Ok(entries) = std::fs::read_dir(root.join(&folder)) else { continue };
        for entry in entries.flatten() {
            seen = seen.saturating_add(1);
            if seen > ENTRIES_MAX {
                return Err(PathError::TooMany { path: root.to_owned(), limit: ENTRIES_MAX });
            }
            let name = entry.file_name();
            let path = folder.join(&name);
            let Ok(kind) = entry.file_type() else { continue };
            match name.to_str().and_then(protection_of) {
                Some(protected) if writable.iter().any(|name| name == protected.name) => {}
                Some(_) => {
                    found.insert(path);
                }
                None if kind.is_dir() => waiting.push(path),
                // A socket of the host in the workspace would be a way out to whoever listens on it.
                None => {}
            }
        }
    }
    Ok(())
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
        assert_eq!(protection_of(".GIT").map(|found| found.name), Some(".git"));
        assert_eq!(protection_of(".gitignore"), None);
    }
}
