//! `hardshell doctor`: what of this home and around it is not as it should be, each with the command that mends it.
//!
//! It looks and changes nothing, but for what a [`Fix`] is applied to. Keys in the clear are named by their place and kind; none is ever shown.

mod fix;
mod history;
mod machine;
mod places;

use crate::keys::{FoundKey, read_keys};
use domain::Timestamp;
use egress::{Reader, Redactor};
use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use vault::{Vault, Warning};

pub use fix::{Fix, FixError};
pub use history::keys_in_git_history;
pub use machine::{Machine, OpenPort};

/// The largest file that is looked through line by line, in bytes.
const LOOKED_AT_BYTES_MAX: u64 = 16 << 20;
/// How many findings of one place are listed; the rest is counted.
const LISTED_MAX: usize = 20;

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ailment {
    /// A short fixed name: `key.shell-history`.
    pub name: &'static str,
    /// How bad it is.
    pub weight: Weight,
    /// What was found, and where.
    pub what: String,
    /// The command that mends it.
    pub mend: String,
    /// What can be done about it without risk, and without asking anybody else.
    pub fix: Option<Fix>,
}

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Worth knowing.
    Note,
    /// To be mended.
    Bad,
}

impl Weight {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Bad => "bad",
        }
    }
}

/// `bad key.shell-history: …`
impl fmt::Display for Ailment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.weight.as_str(), self.name, self.what)
    }
}

/// What is looked at.
#[derive(Clone, Debug)]
pub struct Patient {
    /// Hardshell's home.
    pub home: PathBuf,
    /// The home of its owner, with the histories of shells and other assistants' homes.
    pub owner_home: PathBuf,
}

impl Patient {
    /// Looks at files: modes, and keys in the configuration, the workspace, shell histories, and other assistants'
    /// homes. Git histories need a program: [`keys_in_git_history`].
    #[must_use]
    pub fn look(&self, redactor: &Redactor) -> Vec<Ailment> {
        let mut found = self.modes();
        found.extend(self.configuration(redactor));
        found.extend(self.workspace(redactor));
        for path in places::shell_histories(&self.owner_home) {
            found.extend(in_lines(&path, redactor).map(|line| shell_history(&path, line)));
        }
        for folder in places::other_assistants(&self.owner_home) {
            let keys = read_keys(&folder).unwrap_or_default();
            found.extend(in_settings("key.other-assistant", &folder, &keys));
        }
        found
    }

    /// The repositories in the workspace, whose history is to be looked at.
    #[must_use]
    pub fn repositories(&self) -> Vec<PathBuf> {
        places::repositories(&self.home.join("workspace"))
    }

    fn modes(&self) -> Vec<Ailment> {
        let mut found = Vec::new();
        let private = [
            "",
            "hardshell.toml",
            "SOUL.md",
            "AGENTS.md",
            "vault.db",
            "vault.key",
            "audit.key",
            "audit.seen",
            "state.db",
            "audit",
            "run",
        ];
        for name in private {
            let path = self.home.join(name);
            let Ok(meta) = fs::symlink_metadata(&path) else { continue };
            let wanted = if meta.is_dir() { 0o700 } else { 0o600 };
            let mode = meta.mode() & 0o7777;
            if mode & 0o077 != 0 {
                found.push(Ailment {
                    name: "home.mode",
                    weight: Weight::Bad,
                    what: format!(
                        "{} has mode {mode:04o}: others on this machine can reach it",
                        path.display()
                    ),
                    mend: format!("chmod {wanted:04o} '{}'", path.display()),
                    fix: Some(Fix::Mode { path, wanted }),
                });
            }
        }
        found
    }

    fn configuration(&self, redactor: &Redactor) -> Vec<Ailment> {
        let path = self.home.join("hardshell.toml");
        let told = |line: usize| {
            Ailment {
            name: "key.configuration",
            weight: Weight::Bad,
            what: format!("{}:{line} has what looks like a key in it", path.display()),
            mend: "hardshell secret set NAME --host HOST, and `secret://NAME` in its place; then replace the key at its service".to_string(),
            fix: None,
        }
        };
        in_lines(&path, redactor).map(told).collect()
    }

    fn workspace(&self, redactor: &Redactor) -> Vec<Ailment> {
        let mut found = Vec::new();
        for path in places::files_of(&self.home.join("workspace")) {
            let keys =
                if places::is_settings(&path) { read_keys(&path).unwrap_or_default() } else { Vec::new() };
            if !keys.is_empty() {
                found.extend(in_settings("key.workspace", &path, &keys));
                continue;
            }
            let told = |line: usize| {
                Ailment {
                name: "key.workspace",
                weight: Weight::Bad,
                what: format!("{}:{line} has what looks like a key in it", path.display()),
                mend: "hardshell secret set NAME --host HOST, and take it out of the file; then replace the key at its service".to_string(),
                fix: None,
            }
            };
            found.extend(in_lines(&path, redactor).map(told));
        }
        found
    }
}

/// What of the vault itself the owner should know.
#[must_use]
pub fn of_the_vault(vault: &Vault, now: Timestamp) -> Vec<Ailment> {
    let Ok(entries) = vault.list() else { return Vec::new() };
    let revoked = vault.revoked().unwrap_or_default().into_keys().map(|name| Ailment {
        name: "vault.revoked",
        weight: Weight::Note,
        what: format!("the secret {name} was taken out of use, and has no new value yet"),
        mend: format!("hardshell secret rotate {name}"),
        fix: None,
    });
    let each = entries.iter().flat_map(|entry| {
        entry.warnings(now).into_iter().map(move |warning| {
            let (weight, what) = match warning {
                Warning::Old { days } => (Weight::Note, format!("is {days} days old")),
                Warning::ExpiresSoon { days } => (Weight::Note, format!("expires in {days} day(s)")),
                Warning::Expired => (Weight::Bad, "has expired".to_string()),
                Warning::Staged => (Weight::Note, "has a new value that was never proved".to_string()),
            };
            Ailment {
                name: "vault.age",
                weight,
                what: format!("the secret {} {what}", entry.name),
                mend: format!("hardshell secret rotate {}", entry.name),
                fix: None,
            }
        })
    });
    each.chain(revoked).collect()
}

/// One finding for each file with keys of a known form.
fn in_settings(name: &'static str, place: &Path, keys: &[FoundKey]) -> Option<Ailment> {
    let first = keys.first()?;
    let called: Vec<&str> = keys.iter().take(LISTED_MAX).map(|key| key.called.as_str()).collect();
    let more = keys.len().saturating_sub(called.len());
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let command = if keys.iter().all(|key| !key.hosts.is_empty()) {
        format!("hardshell secret import '{}' --shred", place.display())
    } else {
        format!("hardshell secret import '{}' --only {} --host HOST", place.display(), first.called)
    };
    let what = format!("{} has keys in the clear: {}{more}", place.display(), called.join(", "));
    Some(Ailment { name, weight: Weight::Bad, what, mend: command, fix: None })
}

fn shell_history(path: &Path, line: usize) -> Ailment {
    Ailment {
        name: "key.shell-history",
        weight: Weight::Bad,
        what: format!("{}:{line} has what looks like a key in it", path.display()),
        mend: format!("sed -i '{line}d' '{}', and replace the key at its service", path.display()),
        fix: None,
    }
}

/// The lines of a text file that have something of the shape of a key in them, the first few.
fn in_lines<'a>(path: &Path, redactor: &'a Redactor) -> impl Iterator<Item = usize> + use<'a> {
    let small = fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() <= LOOKED_AT_BYTES_MAX);
    let bytes = if small { fs::read(path).unwrap_or_default() } else { Vec::new() };
    let lines: Vec<Vec<u8>> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    (1..)
        .zip(lines)
        .filter(|(_number, line)| redactor.find(line, Reader::Anyone).is_some())
        .map(|(number, _line)| number)
        .take(LISTED_MAX)
}

#[cfg(test)]
mod tests;
