//! Puts what was restored into its place, so that a home is the old one or the new one, whenever the power goes.
//!
//! Before anything is moved, a journal says what is about to be. Whoever opens the home next and finds it, finishes:
//! every move in it can be told done or not done by what stands where.

use crate::Error;
use domain::Timestamp;
use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// What stays where it is: what belongs to the machine, and what no backup holds.
const STAYS: [&str; 7] = ["vault.key", "lockdown", "backups", "run", "trash", "shipping", "suspended"];
/// What a restore makes in a home, before the time: what stood there, and what is to stand there.
pub(crate) const BEFORE: &str = "before-restore-";
const COMING: &str = "restoring-";
const JOURNAL: &str = "restoring-journal";
/// What a running house has locked.
const RUNNING: &str = "state.lock";
/// The longest journal, in bytes: the names at the top of a home.
const JOURNAL_BYTES_MAX: u64 = 1 << 20;

/// What is moved where, in this order: each of `old` from the home aside, each of `new` from what comes to the home.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Journal {
    version: u32,
    aside: String,
    coming: String,
    old: Vec<String>,
    new: Vec<String>,
}

/// The folder in `home` that a backup is restored into before it is put in place. The home itself is never renamed: the
/// folder it lies in may be somebody else's.
#[must_use]
pub fn staging(home: &Path, now: Timestamp) -> PathBuf {
    home.join(format!("{COMING}{:013}", now.0))
}

/// Whether a name in a home is what a restore left there.
pub(crate) fn is_of_a_restore(name: &str) -> bool {
    name.starts_with(BEFORE) || name.starts_with(COMING)
}

/// Puts what was restored into [`staging`] into the place of what is in `home`, which is set aside in a folder there.
/// Returns that folder.
///
/// # Errors
///
/// [`Error::UnderWay`] when a house runs on it by now; [`Error::InTheWay`], [`Error::Io`]; then everything is where it
/// was. When this process ends in the middle, [`finish`] goes on.
pub fn put_in_place(home: &Path, now: Timestamp) -> Result<PathBuf, Error> {
    let _nobody_runs = idle(home)?;
    let coming = staging(home, now);
    let aside = format!("{BEFORE}{:013}", now.0);
    let mine = |name: &String| !STAYS.contains(&name.as_str()) && !is_of_a_restore(name);
    let journal = Journal {
        version: 1,
        old: names(home)?.into_iter().filter(mine).collect(),
        new: names(&coming)?,
        coming: format!("{COMING}{:013}", now.0),
        aside,
    };
    if let Some(name) = journal.new.iter().find(|name| !mine(name) && home.join(name).exists()) {
        return Err(Error::InTheWay { path: home.join(name) });
    }
    let aside = home.join(&journal.aside);
    match DirBuilder::new().mode(0o700).create(&aside) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(Error::InTheWay { path: aside });
        }
        made => made.map_err(Error::io("create", &aside))?,
    }
    let mut moved = Vec::new();
    // The lock on the journal is held until all of it is done.
    let done = write(home, &journal).and_then(|held| carry_out(home, &journal, &mut moved).map(|()| held));
    let _held = match done {
        Ok(held) => held,
        // The error that is told is the one that came first.
        Err(error) => {
            take_back(home, &moved, &aside);
            return Err(error);
        }
    };
    end(home, &journal)?;
    Ok(aside)
}

/// Makes every move the other way round, and then the journal goes. Where one fails it stays, and what it says is
/// finished by whoever opens the home next: a mix is never left without it.
fn take_back(home: &Path, moved: &[(PathBuf, PathBuf)], aside: &Path) {
    let all_back = moved.iter().rev().all(|(from, to)| fs::rename(to, from).is_ok());
    let path = home.join(JOURNAL);
    if all_back && (fs::remove_file(&path).is_ok() || !is_there(&path)) {
        // Before anybody removes what it names.
        let _flushed_or_not = flush(home);
        let _ = fs::remove_dir(aside);
    }
}

/// Sees to it that no house runs on `home`, nor begins to while what is returned is held.
fn idle(home: &Path) -> Result<Option<File>, Error> {
    let path = home.join(RUNNING);
    match OpenOptions::new().write(true).custom_flags(NO_FOLLOW).open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => {
            let file = opened.map_err(Error::io("open", &path))?;
            lock(&file, &path).map(|()| Some(file))
        }
    }
}

/// Removes what restores that were cut short before anything was moved had unpacked into `home`.
///
/// # Errors
///
/// [`Error::Io`].
pub fn sweep(home: &Path) -> Result<(), Error> {
    if is_there(&home.join(JOURNAL)) {
        // It is still to be put in place.
        return Ok(());
    }
    for name in names(home)?.into_iter().filter(|name| name.starts_with(COMING)) {
        let path = home.join(name);
        if fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir()) {
            let folder = File::open(&path).map_err(Error::io("open", &path))?;
            if lock(&folder, &path).is_ok() {
                fs::remove_dir_all(&path).map_err(Error::io("remove", &path))?;
            }
        }
    }
    Ok(())
}

/// Finishes what a restore that was cut short had begun to put in place; nothing when there is none. Whoever opens a
/// home calls this first. Returns the folder in which the home is that stood there before.
///
/// # Errors
///
/// [`Error::UnderWay`] while another process is at it; [`Error::Corrupt`], [`Error::Io`].
pub fn finish(home: &Path) -> Result<Option<PathBuf>, Error> {
    let path = home.join(JOURNAL);
    let file = match OpenOptions::new().read(true).custom_flags(NO_FOLLOW).open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(Error::io("open", &path))?,
    };
    lock(&file, &path)?;
    let mut text = String::new();
    (&file).take(JOURNAL_BYTES_MAX).read_to_string(&mut text).map_err(Error::io("read", &path))?;
    let corrupt = || Error::Corrupt { path: path.clone(), what: "it is no list of moves".to_string() };
    let journal: Journal = serde_json::from_str(&text).map_err(|_not_json| corrupt())?;
    let names = journal.old.iter().chain(&journal.new).chain([&journal.aside, &journal.coming]);
    let plain = |name: &String| !name.is_empty() && !name.contains('/') && name != "." && name != "..";
    if journal.version != 1 || !names.into_iter().all(plain) {
        return Err(corrupt());
    }
    carry_out(home, &journal, &mut Vec::new())?;
    end(home, &journal)?;
    Ok(Some(home.join(&journal.aside)))
}

/// `O_NOFOLLOW`, for a name in a folder that others may have written to.
const NO_FOLLOW: i32 = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();

pub(crate) fn lock(file: &File, path: &Path) -> Result<(), Error> {
    match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(Error::UnderWay { path: path.to_path_buf() }),
        Err(error) => Err(Error::io("lock", path)(error.into())),
    }
}

/// Makes the journal stand, whole and flushed, under a lock.
fn write(home: &Path, journal: &Journal) -> Result<File, Error> {
    let path = home.join(JOURNAL);
    let beside = home.join(format!("{JOURNAL}-new"));
    let text = serde_json::to_vec(journal).map_err(|error| Error::io("write", &beside)(error.into()))?;
    let mut open = OpenOptions::new();
    open.write(true).create(true).truncate(true).mode(0o600).custom_flags(NO_FOLLOW);
    let mut file = open.open(&beside).map_err(Error::io("create", &beside))?;
    lock(&file, &beside)?;
    file.write_all(&text).and_then(|()| file.sync_all()).map_err(Error::io("write", &beside))?;
    fs::rename(&beside, &path).map_err(Error::io("move", &beside))?;
    flush(home)?;
    Ok(file)
}

/// Every move that is not made yet.
fn carry_out(home: &Path, journal: &Journal, moved: &mut Vec<(PathBuf, PathBuf)>) -> Result<(), Error> {
    let (aside, coming) = (home.join(&journal.aside), home.join(&journal.coming));
    for name in &journal.old {
        // What is to come and has come stands in its place already.
        let replaced = journal.new.contains(name) && !is_there(&coming.join(name));
        if !replaced && is_there(&home.join(name)) {
            step(&home.join(name), &aside.join(name), moved)?;
        }
    }
    for name in &journal.new {
        if is_there(&coming.join(name)) {
            step(&coming.join(name), &home.join(name), moved)?;
        }
    }
    flush(&aside)?;
    flush(home)
}

/// The journal goes, and with it what is empty now.
fn end(home: &Path, journal: &Journal) -> Result<(), Error> {
    let path = home.join(JOURNAL);
    fs::remove_file(&path).map_err(Error::io("remove", &path))?;
    flush(home)?;
    let coming = home.join(&journal.coming);
    match fs::remove_dir(&coming) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(Error::io("remove", &coming)),
    }
}

fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

pub(crate) fn flush(folder: &Path) -> Result<(), Error> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io("flush", folder))
}

fn step(from: &Path, to: &Path, moved: &mut Vec<(PathBuf, PathBuf)>) -> Result<(), Error> {
    if is_there(to) {
        return Err(Error::InTheWay { path: to.to_path_buf() });
    }
    fs::rename(from, to).map_err(Error::io("move", from))?;
    moved.push((from.to_path_buf(), to.to_path_buf()));
    Ok(())
}

fn names(folder: &Path) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io("list", folder))? {
        let name = entry.map_err(Error::io("list", folder))?.file_name();
        let as_text =
            name.into_string().map_err(|_no_text| Error::InTheWay { path: folder.to_path_buf() })?;
        names.push(as_text);
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_760_000_000_000);

    /// A home with an old and a coming state: names of the old alone, of both, of the new alone.
    fn prepared() -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        let coming = staging(home.path(), NOW);
        fs::create_dir(&coming).unwrap();
        for name in ["a-old", "b", "c", "vault.key"] {
            fs::write(home.path().join(name), "old").unwrap();
        }
        for name in ["b", "c", "d-new"] {
            fs::write(coming.join(name), "new").unwrap();
        }
        home
    }

    fn state(home: &Path) -> Vec<(String, String)> {
        let names = names(home).unwrap().into_iter().filter(|name| !is_of_a_restore(name));
        names.map(|name| (name.clone(), fs::read_to_string(home.join(name)).unwrap())).collect()
    }

    fn of(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, text)| ((*name).to_string(), (*text).to_string())).collect()
    }

    #[test]
    fn whenever_it_is_cut_short_it_is_finished_and_never_a_mix() {
        let old = of(&[("a-old", "old"), ("b", "old"), ("c", "old"), ("vault.key", "old")]);
        let new = of(&[("b", "new"), ("c", "new"), ("d-new", "new"), ("vault.key", "old")]);
        for cut in 0..=6 {
            let home = prepared();
            let at = |name: &str| home.path().join(name);
            let names = |all: &[&str]| all.iter().map(|name| (*name).to_string()).collect::<Vec<_>>();
            let journal = Journal {
                version: 1,
                aside: format!("{BEFORE}{:013}", NOW.0),
                coming: format!("{COMING}{:013}", NOW.0),
                old: names(&["a-old", "b", "c"]),
                new: names(&["b", "c", "d-new"]),
            };
            fs::create_dir(at(&journal.aside)).unwrap();
            assert_eq!(finish(home.path()).unwrap(), None, "without a journal nothing is moved");
            assert_eq!(state(home.path()), old);
            drop(write(home.path(), &journal).unwrap());
            // As far as it came.
            let moves: Vec<(PathBuf, PathBuf)> = journal
                .old
                .iter()
                .map(|name| (at(name), at(&journal.aside).join(name)))
                .chain(journal.new.iter().map(|name| (at(&journal.coming).join(name), at(name))))
                .collect();
            for (from, to) in moves.iter().take(cut) {
                fs::rename(from, to).unwrap();
            }
            let aside = finish(home.path()).unwrap().unwrap();
            assert_eq!(state(home.path()), new, "cut after {cut} moves");
            assert_eq!(state(&aside), of(&[("a-old", "old"), ("b", "old"), ("c", "old")]));
            assert_eq!(finish(home.path()).unwrap(), None);
        }
    }

    #[test]
    fn what_fails_is_taken_back_and_where_it_cannot_be_the_journal_stays() {
        for (moved_to, stays) in [("aside/b", false), ("nowhere/b", true)] {
            let home = prepared();
            let at = |name: &str| home.path().join(name);
            fs::create_dir(at("aside")).unwrap();
            fs::write(at(JOURNAL), "{}").unwrap();
            fs::rename(at("b"), at("aside/b")).unwrap();
            take_back(home.path(), &[(at("b"), at(moved_to))], &at("aside"));
            assert_eq!((at(JOURNAL).exists(), at("aside").exists()), (stays, stays));
            assert_eq!(at("b").exists(), !stays);
        }
    }

    #[test]
    fn a_house_that_runs_by_now_keeps_its_home() {
        let home = prepared();
        let path = home.path().join(RUNNING);
        fs::write(&path, "").unwrap();
        let house = File::open(&path).unwrap();
        lock(&house, &path).unwrap();
        let before = state(home.path());
        assert!(matches!(put_in_place(home.path(), NOW), Err(Error::UnderWay { .. })));
        assert_eq!(state(home.path()), before);
        drop(house);
        put_in_place(home.path(), NOW).unwrap();
    }

    #[test]
    fn what_was_unpacked_for_nothing_goes_and_what_is_to_come_stays() {
        let home = prepared();
        let coming = staging(home.path(), NOW);
        let under_way = File::open(&coming).unwrap();
        lock(&under_way, &coming).unwrap();
        sweep(home.path()).unwrap();
        assert!(coming.exists(), "somebody unpacks into it");
        drop(under_way);
        fs::write(home.path().join(JOURNAL), "{}").unwrap();
        sweep(home.path()).unwrap();
        assert!(coming.exists(), "the journal says that it is to come");
        fs::remove_file(home.path().join(JOURNAL)).unwrap();
        sweep(home.path()).unwrap();
        assert!(!coming.exists());
        assert_eq!(state(home.path()).len(), 4, "nothing else went");
    }

    #[test]
    fn while_one_process_is_at_it_another_leaves_it_alone() {
        let home = prepared();
        let journal =
            Journal { version: 1, aside: "x".into(), coming: "y".into(), old: Vec::new(), new: Vec::new() };
        let held = write(home.path(), &journal).unwrap();
        assert!(matches!(finish(home.path()), Err(Error::UnderWay { .. })));
        drop(held);
        for text in ["", "{}", "{\"version\":1,\"aside\":\"../x\",\"coming\":\"y\",\"old\":[],\"new\":[]}"] {
            fs::write(home.path().join(JOURNAL), text).unwrap();
            assert!(matches!(finish(home.path()), Err(Error::Corrupt { .. })), "{text}");
        }
    }
}
