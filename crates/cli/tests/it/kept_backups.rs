//! Backups that are made while the program is killed, and are killed themselves: one is there whole or not at all, and
//! those before it are as they were.

use crate::dice::Dice;
use crate::place::Place;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// The longest time between the start of a backup and its kill, in milliseconds: about as long as one takes.
const KILLED_MILLIS_MAX: u64 = 400;

/// Who can open the backups of a test.
pub struct Backups {
    pub recipient: String,
    pub key: String,
    scratch: TempDir,
}

/// A backup that is being made.
pub struct Making {
    output: JoinHandle<Output>,
    before: BTreeMap<PathBuf, blake3::Hash>,
    folder: PathBuf,
    is_killed: bool,
}

/// What became of one.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    pub is_killed: bool,
    pub is_there: bool,
}

impl Backups {
    pub fn new() -> Self {
        let mut key = Vec::new();
        let recipient = backup::generate(&mut key).unwrap();
        Self { recipient, key: String::from_utf8(key).unwrap(), scratch: tempfile::tempdir().unwrap() }
    }

    /// Begins to make one of `home`, whose configuration names the recipient; half of them are killed at some instant.
    pub fn begin(&self, place: &Place, home: &Path, dice: &mut Dice) -> Making {
        let folder = home.join("backups");
        let before = all(&folder);
        let mut command = place.command(home);
        command.args(["backup", "create", "--json"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let is_killed = dice.below(2) == 0;
        let after = Duration::from_millis(dice.below(KILLED_MILLIS_MAX));
        let output = tokio::task::spawn_blocking(move || {
            if is_killed {
                // The random instant: not a wait for anything.
                std::thread::sleep(after);
                child.kill().unwrap();
            }
            child.wait_with_output().unwrap()
        });
        Making { output, before, folder, is_killed }
    }

    /// Waits for one, and checks it and those before it.
    pub async fn ended(&self, making: Making) -> Outcome {
        let output = making.output.await.unwrap();
        let after = all(&making.folder);
        for (path, digest) in &making.before {
            assert_eq!(after.get(path), Some(digest), "{}: an older backup is another", path.display());
        }
        let new: Vec<&PathBuf> = after.keys().filter(|path| !making.before.contains_key(*path)).collect();
        if output.status.success() {
            assert_eq!(new.len(), 1, "it said that it is made: {output:?}");
        } else {
            // What nobody killed has no reason to fail, whatever the house it copies goes through.
            assert!(making.is_killed && output.status.code().is_none(), "{output:?}");
            assert!(new.len() <= 1, "{new:?}");
        }
        for path in &new {
            self.is_whole(path);
        }
        Outcome { is_killed: making.is_killed, is_there: !new.is_empty() }
    }

    /// Restores a backup and checks the log in it, as far as it was signed when it was made.
    pub fn is_whole(&self, file: &Path) {
        let name = file.file_name().unwrap().to_string_lossy();
        let to = self.scratch.path().join(format!("{name}-{:?}", std::thread::current().id()));
        let opener = backup::Opener::from_key_file(&self.key).unwrap();
        let restored = backup::restore(file, &opener, &to, &mut |_progress| {});
        let restored = restored.unwrap_or_else(|error| panic!("{}: {error:?}", file.display()));
        let known: Vec<audit::Checkpoint> =
            restored.manifest.checkpoint.iter().map(|line| line.parse().unwrap()).collect();
        let report = daemon::verify_log(&to, &known).unwrap();
        assert!(report.holds(), "{}: {}", file.display(), report.in_words());
        assert!(restored.manifest.files.contains_key("state.db"), "{:?}", restored.manifest);
        std::fs::remove_dir_all(&to).unwrap();
    }

    /// Makes one more, and says what of others is there that nobody finished.
    pub async fn left(&self, place: &Place, home: &Path) -> Vec<PathBuf> {
        let last = home.join("backups/last.backup.age");
        let made = place.run(home, &["backup", "create", "--to", last.to_str().unwrap()]).await;
        assert_eq!(made.code, Some(0), "{made:?}");
        self.is_whole(&last);
        unfinished(home, &home.join("backups"))
    }
}

/// What backups leave that are not finished.
pub fn unfinished(home: &Path, folder: &Path) -> Vec<PathBuf> {
    let entries = [folder.to_path_buf(), home.join("run")];
    let entries = entries.iter().flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten().flatten());
    let is_left = |path: &PathBuf| {
        let name = path.to_string_lossy();
        name.ends_with(".unfinished") || name.ends_with(".database")
    };
    entries.map(|entry| entry.path()).filter(is_left).collect()
}

/// The backups in a folder.
pub fn all(folder: &Path) -> BTreeMap<PathBuf, blake3::Hash> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let files = entries.map(|entry| entry.path()).filter(|path| path.to_string_lossy().ends_with(".age"));
    // One that is rotated away at this moment is not there.
    let bytes = files.filter_map(|path| std::fs::read(&path).ok().map(|bytes| (path, bytes)));
    bytes.map(|(path, bytes)| (path, blake3::hash(&bytes))).collect()
}
