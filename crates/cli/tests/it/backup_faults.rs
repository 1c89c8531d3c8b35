//! Backups and restores that are killed, or whose disk fails, at any opening, write, flush, rename or removal: a backup
//! is there whole or not at all, and those before it are as they were; a home is the old one or the new one.
#![expect(clippy::print_stdout, reason = "the seed and the totals are what a long run is for")]
#![expect(clippy::disallowed_methods, reason = "homes are copied by a program for that")]

use crate::dice::{Dice, from_environment};
use crate::kept_backups::{Backups, all, unfinished};
use crate::place::Place;
use crate::tracer::{Fault, Harm, On, Which, has_failed_one, most_of_one_thread, trace_of};
use std::fmt;
use std::fs;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use tokio::task::JoinSet;

/// How many faults there are; `HARDSHELL_BACKUP_FAULTS` is for longer runs, which come to each in the end.
const FAULTS: usize = 48;
/// How many there are at a time.
const LANES: usize = 4;

/// The calls that are made to fail.
const CALLS: [&str; 5] = [
    "openat,openat2",
    "write,pwrite64,writev,ftruncate",
    "fsync,fdatasync",
    "rename,renameat,renameat2",
    "unlink,unlinkat,rmdir,mkdir,mkdirat",
];
const HARMS: [Harm; 3] = [Harm::Kills, Harm::Fails("EIO"), Harm::Fails("ENOSPC")];

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    Backup,
    Restore,
}

/// What came of all of them. Lost is 0 by the checks: each of them ends the test.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    kills: usize,
    errors: usize,
    missed: usize,
    whole: usize,
    old: usize,
    new: usize,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.kills += other.kills;
        self.errors += other.errors;
        self.missed += other.missed;
        self.whole += other.whole;
        self.old += other.old;
        self.new += other.new;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} kills and {} faults of backups and restores ({} never came): lost 0; {} backups whole all the same, the \
             others not there; {} homes the old one, {} the new one",
            self.kills, self.errors, self.missed, self.whole, self.old, self.new
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_under_a_backup_or_a_restore_nothing_half_is_taken_for_whole() {
    let seed =
        from_environment("HARDSHELL_SEED").unwrap_or_else(|| RandomState::new().build_hasher().finish());
    let wanted =
        from_environment("HARDSHELL_BACKUP_FAULTS").map_or(FAULTS, |faults| usize::try_from(faults).unwrap());
    println!("HARDSHELL_SEED={seed} HARDSHELL_BACKUP_FAULTS={wanted}");
    let stage = Arc::new(Stage::set().await);
    let mut dice = Dice(seed);
    let mut faults = Vec::new();
    for (doing, calls, most) in stage.counts().await {
        for harm in HARMS {
            faults.extend(
                (1..=most).map(|number| {
                    (doing, Fault { calls, harm, which: Which::One(number), on: On::Everything })
                }),
            );
        }
    }
    println!("there are {} places to fail", faults.len());
    // Some of each, at places that the dice choose: those first come first in the order that the dice make.
    for at in (1..faults.len()).rev() {
        let other = usize::try_from(dice.below(u64::try_from(at + 1).unwrap())).unwrap();
        faults.swap(at, other);
    }
    faults.truncate(wanted);
    let (count, faults) = (faults.len(), Arc::new(faults));
    let mut lanes = JoinSet::new();
    for lane in 0..LANES {
        let (stage, faults) = (Arc::clone(&stage), Arc::clone(&faults));
        lanes.spawn(async move {
            let mut tally = Tally::default();
            for (number, (doing, fault)) in faults.iter().enumerate().filter(|(at, _)| at % LANES == lane) {
                let one = match doing {
                    Doing::Backup => stage.backup(number, *fault).await,
                    Doing::Restore => stage.restore(number, *fault).await,
                };
                tally.add(&one);
            }
            tally
        });
    }
    let mut tally = Tally::default();
    while let Some(done) = lanes.join_next().await {
        tally.add(&done.unwrap());
    }
    println!("{tally}");
    assert_eq!(tally.kills + tally.errors + tally.missed, count);
    // How often a call is made differs a little from run to run.
    assert!(tally.missed * 3 <= count, "too many of the faults never came: {tally}");
}

/// A home that has worked, and a backup of it.
struct Stage {
    place: Place,
    backups: Backups,
    home: PathBuf,
    /// The backup.
    older: PathBuf,
    /// Where the key is.
    key: PathBuf,
    /// What tells the home of the backup from the one that it is restored over.
    old: Vec<String>,
    new: Vec<String>,
}

const MARKS: [&str; 4] = ["hardshell.toml", "SOUL.md", "workspace/mark.txt", "AGENTS.md"];

impl Stage {
    async fn set() -> Self {
        let place = Place::new();
        let backups = Backups::new();
        let home = place.home("origin", None);
        let up = place.up(&home).await;
        let said = place.run(&home, &["chat", "-m", "/disk"]).await;
        assert_eq!(said.code, Some(0), "{said:?}");
        up.stop().await;
        let key = home.join("run/key.txt");
        place.text(&key, &backups.key);
        mark(&place, &home, "restored", &backups.recipient);
        let older = place.path("older.backup.age");
        let there = home.join("backups/older.backup.age");
        let made = place.run(&home, &["backup", "create", "--to", there.to_str().unwrap()]).await;
        assert_eq!(made.code, Some(0), "{made:?}");
        fs::rename(&there, &older).unwrap();
        backups.is_whole(&older);
        let new = marks(&home);
        mark(&place, &home, "old", &backups.recipient);
        let old = marks(&home);
        Self { place, backups, home, older, key, old, new }
    }

    fn copy(&self, name: &str) -> PathBuf {
        let home = self.place.path(name);
        let copied = Command::new("cp").arg("-a").arg(&self.home).arg(&home).status().unwrap();
        assert!(copied.success());
        let older = home.join("backups/hardshell-20260101T000000Z.backup.age");
        fs::copy(&self.older, &older).unwrap();
        self.place.give(&older);
        home
    }

    /// The arguments of what is done to `home`.
    fn arguments(&self, doing: Doing, home: &Path) -> Vec<String> {
        let key = home.join("run").join(self.key.file_name().unwrap());
        let line: &[&str] = match doing {
            Doing::Backup => &["backup", "create"],
            Doing::Restore => &["backup", "restore", "--identity", key.to_str().unwrap()],
        };
        line.iter().map(|word| (*word).to_string()).collect()
    }

    async fn run(&self, doing: Doing, home: &Path, wrapper: &[String]) -> crate::place::Said {
        let arguments = self.arguments(doing, home);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.place.run_by(home, wrapper, &arguments).await
    }

    /// How many calls each of the two makes.
    async fn counts(&self) -> Vec<(Doing, &'static str, u64)> {
        let mut counts = Vec::new();
        for doing in [Doing::Backup, Doing::Restore] {
            for calls in CALLS {
                let home = self.copy(&format!("count-{doing:?}-{}", calls.len()));
                let fault = Fault { calls, harm: Harm::None, which: Which::One(1), on: On::Everything };
                let said = self.run(doing, &home, &fault.wrapper(&home)).await;
                assert_eq!(said.code, Some(0), "{said:?}");
                counts.push((doing, calls, most_of_one_thread(&home)));
                self.remove(&home);
            }
        }
        println!("{counts:?}");
        counts
    }

    fn remove(&self, home: &Path) {
        fs::remove_dir_all(home).unwrap();
        let _none = fs::remove_file(trace_of(home));
    }

    /// Does it with the fault, and tells whether that came.
    async fn fail(&self, doing: Doing, home: &Path, fault: Fault) -> (crate::place::Said, Tally) {
        let said = self.run(doing, home, &fault.wrapper(home)).await;
        let tally = match fault.harm {
            Harm::Kills if said.code.is_none() => Tally { kills: 1, ..Tally::default() },
            Harm::Fails(_) if has_failed_one(home) => Tally { errors: 1, ..Tally::default() },
            Harm::Kills | Harm::Fails(_) | Harm::None => Tally { missed: 1, ..Tally::default() },
        };
        (said, tally)
    }

    async fn backup(&self, number: usize, fault: Fault) -> Tally {
        let home = self.copy(&format!("home-{number}"));
        let folder = home.join("backups");
        let before = all(&folder);
        let (said, mut tally) = self.fail(Doing::Backup, &home, fault).await;
        let after = all(&folder);
        for (path, digest) in &before {
            assert_eq!(after.get(path), Some(digest), "{fault:?}: {said:?}");
        }
        let new: Vec<&PathBuf> = after.keys().filter(|path| !before.contains_key(*path)).collect();
        match said.code {
            Some(0) => assert_eq!(new.len(), 1, "{fault:?}: {said:?}"),
            Some(_) => assert!(!said.err.is_empty(), "{fault:?}: {said:?}"),
            None => {}
        }
        for path in &new {
            self.backups.is_whole(path);
            tally.whole += 1;
        }
        // Once whatever failed is well, the next is made, and nothing is left of this one.
        let left = self.backups.left(&self.place, &home).await;
        assert_eq!(left, Vec::<PathBuf>::new(), "{fault:?}");
        assert_eq!(unfinished(&home, &folder), left);
        self.remove(&home);
        tally
    }

    async fn restore(&self, number: usize, fault: Fault) -> Tally {
        let home = self.copy(&format!("home-{number}"));
        let (said, mut tally) = self.fail(Doing::Restore, &home, fault).await;
        if let Some(code) = said.code {
            assert!(code == 0 || !said.err.is_empty(), "{fault:?}: {said:?}");
        }
        // Whoever opens the home next finds one or the other, whole.
        let verified = self.place.run(&home, &["audit", "verify"]).await;
        assert_eq!(verified.code, Some(0), "{fault:?}: {said:?}: {verified:?}");
        let found = marks(&home);
        assert!(found == self.old || found == self.new, "{fault:?}: {said:?}: {found:?}");
        if said.code == Some(0) {
            assert_eq!(found, self.new, "{fault:?}: it said that it is restored: {said:?}");
        }
        tally.old += usize::from(found == self.old);
        tally.new += usize::from(found == self.new);
        // And it is restored when that is tried again, with nothing left of the first time.
        let again = self.run(Doing::Restore, &home, &[]).await;
        assert_eq!(again.code, Some(0), "{fault:?}: {said:?}: {again:?}");
        assert_eq!(marks(&home), self.new);
        let names = fs::read_dir(&home).unwrap().flatten().map(|entry| entry.file_name());
        let left: Vec<_> = names.filter(|name| name.to_string_lossy().starts_with("restoring-")).collect();
        assert!(left.is_empty(), "{fault:?}: {said:?}: {left:?}");
        self.remove(&home);
        tally
    }
}

fn mark(place: &Place, home: &Path, word: &str, recipient: &str) {
    for name in MARKS.iter().skip(1) {
        place.text(&home.join(name), word);
    }
    let config = format!("# {word}\n[backup]\nrecipients = [\"{recipient}\"]\n");
    place.text(&home.join("hardshell.toml"), &config);
}

/// What of a home tells the old from the restored.
fn marks(home: &Path) -> Vec<String> {
    let read = |name: &&str| fs::read_to_string(home.join(name)).unwrap_or_else(|_gone| "gone".to_string());
    MARKS.iter().map(read).collect()
}
