//! Where keys lie about.

use std::fs;
use std::path::{Path, PathBuf};

/// How many files of the workspace are looked at.
const FILES_MAX: usize = 5_000;
/// How deep the workspace is looked into.
const DEPTH_MAX: usize = 8;
/// Folders of a workspace that others made, and that are made again at will.
const MADE: [&str; 6] = [".git", "node_modules", "target", ".venv", "__pycache__", "dist"];

/// The histories that shells and interpreters keep of what was typed.
pub(super) fn shell_histories(owner_home: &Path) -> Vec<PathBuf> {
    let names = [
        ".bash_history",
        ".zsh_history",
        ".histfile",
        ".local/share/fish/fish_history",
        ".python_history",
        ".node_repl_history",
        ".psql_history",
        ".mysql_history",
        ".lesshst",
    ];
    names.iter().map(|name| owner_home.join(name)).filter(|path| path.is_file()).collect()
}

/// The homes of other assistants, which keep their keys in the clear.
pub(super) fn other_assistants(owner_home: &Path) -> Vec<PathBuf> {
    let names = [".openclaw", ".clawdbot", ".moltbot"];
    names.iter().map(|name| owner_home.join(name)).filter(|path| path.is_dir()).collect()
}

/// Whether a file is one of variables or settings.
pub(super) fn is_settings(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name == ".env" || name.starts_with(".env.") || name.ends_with(".env") || name.ends_with(".json")
}

/// The ordinary files of a workspace.
pub(super) fn files_of(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    walk(folder, DEPTH_MAX, &mut |path, is_folder| {
        if !is_folder && files.len() < FILES_MAX {
            files.push(path.to_path_buf());
        }
    });
    files
}

/// The git repositories of a workspace.
pub(super) fn repositories(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    walk(folder, DEPTH_MAX, &mut |path, is_folder| {
        if is_folder && path.ends_with(".git") {
            found.extend(path.parent().map(Path::to_path_buf));
        }
    });
    found
}

fn walk(folder: &Path, depth: usize, see: &mut impl FnMut(&Path, bool)) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut entries: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        let Ok(meta) = fs::symlink_metadata(&path) else { continue };
        if meta.is_dir() {
            see(&path, true);
            if depth > 0 && !MADE.iter().any(|name| path.ends_with(name)) {
                walk(&path, depth.saturating_sub(1), see);
            }
        } else if meta.is_file() {
            see(&path, false);
        }
    }
}
