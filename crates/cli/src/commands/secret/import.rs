//! Keys of a `.env`, a JSON file or an OpenClaw home, taken over into the vault.

use super::{Opened, failed};
use crate::arguments::Common;
use crate::problem::Problem;
use crate::show;
use audit::SecretAct;
use daemon::{FoundKey, SecretRecord, read_keys};
use domain::Host;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use vault::About;

/// What was asked for besides the path.
pub struct Wishes<'a> {
    /// Only these, by either of their names; empty for all.
    pub only: &'a [String],
    /// Hosts of those without a known one.
    pub hosts: Vec<Host>,
    /// Whether nothing is changed.
    pub dry_run: bool,
    /// Whether a file all of whose keys were taken over is overwritten and removed.
    pub shred: bool,
}

/// What becomes of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Kept,
    WouldBeKept,
    NotAsked,
    NoHost,
    NameTaken,
}

impl Fate {
    fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::WouldBeKept => "would-be-kept",
            Self::NotAsked => "not-asked",
            Self::NoHost => "no-host",
            Self::NameTaken => "name-taken",
        }
    }
}

/// Takes the keys over, and says of each what became of it.
pub async fn run(common: &Common, opened: &Opened, path: &Path, wishes: &Wishes<'_>) -> Result<(), Problem> {
    let keys = read_keys(path).map_err(|error| Problem::Other { what: daemon::chain(&error), hint: None })?;
    let taken = opened.vault.list().map_err(failed)?;
    let mut left: BTreeMap<PathBuf, usize> = BTreeMap::new();
    let mut told: Vec<Value> = Vec::new();
    let record = SecretRecord::open(opened.home.root()).await?;
    for mut key in keys {
        if key.hosts.is_empty() {
            key.hosts.clone_from(&wishes.hosts);
        }
        let (name, called, file) = (key.name.clone(), key.called.clone(), key.file.clone());
        let hosts: Vec<String> = key.hosts.iter().map(ToString::to_string).collect();
        let is_taken = taken.iter().any(|entry| entry.name == name);
        let fate = keep(opened, key, wishes, is_taken)?;
        if fate == Fate::Kept {
            record.note(&name, SecretAct::Set).await?;
        }
        let still_there = left.entry(file.clone()).or_default();
        if fate != Fate::Kept {
            *still_there = still_there.saturating_add(1);
        }
        let what = match fate {
            Fate::Kept => format!("kept as secret://{name} for {}", hosts.join(" ")),
            Fate::WouldBeKept => format!("would be kept as secret://{name} for {}", hosts.join(" ")),
            Fate::NotAsked => "left: not asked for".to_string(),
            Fate::NoHost => format!("left: say where it goes, `--only {called} --host HOST`"),
            Fate::NameTaken => {
                format!("left: the vault has `{name}` already; `hardshell secret rotate {name}`")
            }
        };
        if !common.json {
            show::line(&show::printable(&format!("{called:<40} {what}")));
        }
        told.push(json!({
            "name": name.as_str(), "called": called, "file": file, "hosts": hosts, "fate": fate.as_str(),
        }));
    }
    record.close().await?;
    if told.is_empty() && !common.json {
        show::line("No keys were found there.");
    }
    let emptied: Vec<&PathBuf> =
        left.iter().filter(|(_file, left)| **left == 0).map(|(file, _)| file).collect();
    for file in emptied {
        if wishes.shred {
            shred(file).map_err(|source| Problem::Io {
                step: format!("overwrite and remove {}", file.display()),
                source,
            })?;
            show::note(&format!("{} is overwritten and removed", file.display()));
        } else if !wishes.dry_run {
            show::note(&format!("{} still has them in the clear: `shred -u '{0}'`", file.display()));
        }
    }
    if common.json {
        show::json(&told);
    }
    Ok(())
}

fn keep(opened: &Opened, key: FoundKey, wishes: &Wishes<'_>, is_taken: bool) -> Result<Fate, Problem> {
    let asked = |wish: &String| *wish == key.called || wish == key.name.as_str();
    if !wishes.only.is_empty() && !wishes.only.iter().any(asked) {
        return Ok(Fate::NotAsked);
    }
    if key.hosts.is_empty() {
        return Ok(Fate::NoHost);
    }
    if is_taken {
        return Ok(Fate::NameTaken);
    }
    if wishes.dry_run {
        return Ok(Fate::WouldBeKept);
    }
    let (name, hosts) = (key.name.clone(), key.hosts.clone());
    let note = format!("{} of {}", key.called, key.file.display());
    let about = About { hosts, note, expires: None };
    let secret = key.into_secret().map_err(failed)?;
    opened.vault.set(&name, secret, about).map_err(failed)?;
    Ok(Fate::Kept)
}

/// What a copy-on-write file system, a snapshot or a solid-state disk keeps of it is out of reach of this.
fn shred(path: &Path) -> io::Result<()> {
    let bytes = fs::metadata(path)?.len();
    let mut file = fs::OpenOptions::new().write(true).open(path)?;
    io::copy(&mut io::Read::take(io::repeat(0), bytes), &mut file)?;
    file.flush()?;
    file.sync_all()?;
    fs::remove_file(path)
}
