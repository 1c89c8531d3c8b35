//! SIGKILL while the house looks after its memory: while a segment of the log is closed and another begun, packed,
//! pruned and checked, and while the backup of the day is made and the oldest goes, with messages in between. Each
//! start is a day later.
#![expect(clippy::print_stdout, reason = "the seed and the totals are what a long run is for")]

use crate::dice::{Dice, from_environment};
use crate::faults::{SCRIPT, work};
use crate::faults_check::{Sent, Tally, all_is_well};
use crate::kept_backups::{Backups, all};
use crate::place::{PATIENCE, Place};
use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};
use testkit::smtp::{Manner, Smtp};
use tokio::task::JoinSet;

/// How many times the program is killed; `HARDSHELL_UPKEEP` is for longer runs.
const KILLS: usize = 12;
/// How many homes are worked on at a time: each mostly waits for the house to look after its memory.
const LANES: usize = 4;
/// How many more with `HARDSHELL_UPKEEP`.
const MANY_LANES: usize = 12;
/// How long after it is up the house begins to.
const BEGINS: Duration = Duration::from_millis(4_400);
/// The longest that it takes, in milliseconds, as far as kills at any time go.
const TAKES_MILLIS_MAX: u64 = 2_000;
/// The longest time of a start until a kill, in milliseconds.
const START_MILLIS_MAX: u64 = 700;
/// The longest time between what was seen and the kill, in microseconds.
const AFTER_MICROS_MAX: u64 = 8_000;
/// How many backups are kept.
const KEEP: usize = 2;

/// From when on the program is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// It starts, and closes the segment of the day before.
    Starting,
    /// A file with this ending is in this folder of the home.
    Seen(&'static str, &'static str),
    /// A backup more is there.
    Made,
    /// Any time.
    Anywhere,
}

const MOMENTS: [Moment; 6] = [
    Moment::Starting,
    Moment::Seen("audit", ".packing"),
    Moment::Seen("run", ".database"),
    Moment::Seen("backups", ".unfinished"),
    Moment::Made,
    Moment::Anywhere,
];

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_it_looks_after_its_memory_it_has_all_of_it() {
    let seed =
        from_environment("HARDSHELL_SEED").unwrap_or_else(|| RandomState::new().build_hasher().finish());
    let wanted = from_environment("HARDSHELL_UPKEEP");
    let kills = wanted.map_or(KILLS, |kills| usize::try_from(kills).unwrap());
    let lanes = if wanted.is_some() { MANY_LANES } else { LANES };
    println!("HARDSHELL_SEED={seed} HARDSHELL_UPKEEP={kills}");
    let place = Arc::new(Place::new());
    let mut running = JoinSet::new();
    for number in 0..lanes {
        let place = Arc::clone(&place);
        let mine = (0..kills).filter(|kill| kill % lanes == number).collect::<Vec<_>>();
        running.spawn(async move { Lane::new(place, number).await.run(seed, &mine).await });
    }
    let (mut tally, mut seen) = (Tally::default(), BTreeMap::new());
    while let Some(done) = running.join_next().await {
        let (of_lane, seen_there) = done.unwrap();
        tally.add(&of_lane);
        for (moment, count) in seen_there {
            *seen.entry(moment).or_insert(0) += count;
        }
    }
    println!("{kills} kills while it looks after its memory, {seen:?}: {tally}");
    assert_eq!(seen.values().sum::<usize>(), kills);
}

struct Lane {
    place: Arc<Place>,
    home: PathBuf,
    smtp: Smtp,
    backups: Backups,
}

/// What was there when the program was killed.
struct Before {
    sent: Vec<Sent>,
    backups: BTreeMap<PathBuf, blake3::Hash>,
}

impl Lane {
    async fn new(place: Arc<Place>, number: usize) -> Self {
        let (smtp, backups) = (Smtp::start(Manner::default()).await.unwrap(), Backups::new());
        let home = place.home(&format!("home-{number}"), None);
        let script = home.with_extension("jsonl");
        std::fs::write(&script, SCRIPT).unwrap();
        let config = format!(
            "model = \"script\"\n[[models]]\nname = \"script\"\nkind = \"script\"\nscript = \"{}\"\n\
             [smtp]\nurl = \"smtp+plain://localhost:{}\"\nfrom = \"me@example.org\"\n\
             [audit]\nkeep_days = 5\n[backup]\nrecipients = [\"{}\"]\nkeep = {KEEP}\n",
            script.display(),
            smtp.port,
            backups.recipient
        );
        place.text(&home.join("hardshell.toml"), &config);
        Self { place, home, smtp, backups }
    }

    async fn run(&self, seed: u64, kills: &[usize]) -> (Tally, BTreeMap<String, usize>) {
        let (mut tally, mut seen) = (Tally::default(), BTreeMap::new());
        let mut before = Before { sent: Vec::new(), backups: BTreeMap::new() };
        for (day, kill) in kills.iter().copied().enumerate() {
            let mut dice = Dice(seed ^ u64::try_from(kill).unwrap().wrapping_mul(0x2545_f491_4f6c_dd1d));
            let thrown = usize::try_from(dice.below(u64::try_from(MOMENTS.len()).unwrap())).unwrap();
            let moment = MOMENTS[if kill < MOMENTS.len() { kill } else { thrown }];
            let clock = format!("+{day}d");
            if moment == Moment::Starting {
                self.kill_a_start(&self.home, &clock, &mut dice).await;
                self.kill_a_first_start(kill, &mut dice).await;
                *seen.entry(format!("{moment:?}")).or_insert(0) += 1;
                tally.runs += 1;
                continue;
            }
            let mut up = self.place.up_at(&self.home, &clock).await;
            let begun = Instant::now();
            self.hold(&up.client, &before, &mut tally).await;
            let there = all(&self.home.join("backups"));
            let mut sent = vec![work(&up.client, &format!("early-{kill}"), PATIENCE).await];
            let (client, text) = (up.client.clone(), format!("late-{kill}"));
            let late = tokio::spawn(async move {
                tokio::time::sleep(BEGINS.saturating_sub(begun.elapsed())).await;
                work(&client, &text, Duration::from_secs(20)).await
            });
            let came = self.comes(moment, begun, &there, &mut dice).await;
            // The random instant: not a wait for anything.
            tokio::time::sleep(Duration::from_micros(dice.below(AFTER_MICROS_MAX))).await;
            up.kill();
            sent.push(late.await.unwrap());
            *seen.entry(if came { format!("{moment:?}") } else { "later".to_string() }).or_insert(0) += 1;
            println!("kill {kill:3} at {moment:?}, which {}", if came { "came" } else { "did not come" });
            tally.runs += 1;
            before = Before { sent, backups: there };
        }
        let up = self.place.up_at(&self.home, &format!("+{}d", kills.len())).await;
        self.hold(&up.client, &before, &mut tally).await;
        up.stop().await;
        let verified = self.place.run(&self.home, &["audit", "verify"]).await;
        assert_eq!(verified.code, Some(0), "{verified:?}");
        let left = self.backups.left(&self.place, &self.home).await;
        assert_eq!(left, Vec::<PathBuf>::new());
        (tally, seen)
    }

    /// Nothing is lost: messages, effects, the log, backups.
    async fn hold(&self, client: &crate::client::Client, before: &Before, tally: &mut Tally) {
        all_is_well(&self.place, client, &self.home, &before.sent, &self.smtp, tally).await;
        let after = all(&self.home.join("backups"));
        let new: Vec<&PathBuf> = after.keys().filter(|path| !before.backups.contains_key(*path)).collect();
        for (path, digest) in &after {
            assert!(before.backups.get(path).is_none_or(|old| old == digest), "{}", path.display());
        }
        if new.is_empty() {
            assert_eq!(after, before.backups, "an older backup went, and none came");
        }
        assert!(after.len() <= KEEP + 1, "{after:?}");
        for path in new {
            self.backups.is_whole(path);
        }
    }

    /// A home whose very first start was killed is started like any other.
    async fn kill_a_first_start(&self, kill: usize, dice: &mut Dice) {
        let home = self.place.home(&format!("first-{kill}"), None);
        self.kill_a_start(&home, "+0d", dice).await;
        self.place.up(&home).await.stop().await;
        let verified = self.place.run(&home, &["audit", "verify"]).await;
        assert_eq!(verified.code, Some(0), "{verified:?}");
        std::fs::remove_dir_all(&home).unwrap();
    }

    async fn kill_a_start(&self, home: &Path, clock: &str, dice: &mut Dice) {
        let mut command = self.place.command(home);
        command.args(["up", "--port", "0"]).env("LD_PRELOAD", Place::fake_clock()).env("FAKETIME", clock);
        command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(dice.below(START_MILLIS_MAX))).await;
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Waits for the moment; false when it has not come by the time that all is done.
    async fn comes(
        &self,
        moment: Moment,
        begun: Instant,
        backups: &BTreeMap<PathBuf, blake3::Hash>,
        dice: &mut Dice,
    ) -> bool {
        let anywhere = Duration::from_millis(dice.below(TAKES_MILLIS_MAX));
        tokio::time::sleep(BEGINS.saturating_sub(begun.elapsed())).await;
        let last = Duration::from_millis(TAKES_MILLIS_MAX * 3);
        loop {
            let since = begun.elapsed().saturating_sub(BEGINS);
            let came = match moment {
                Moment::Seen(folder, ending) => has(&self.home.join(folder), ending),
                Moment::Made => names(&self.home.join("backups"))
                    .any(|path| path.to_string_lossy().ends_with(".age") && !backups.contains_key(&path)),
                Moment::Anywhere => since >= anywhere,
                Moment::Starting => true,
            };
            if came || since > last {
                return came;
            }
            tokio::time::sleep(Duration::from_micros(300)).await;
        }
    }
}

fn names(folder: &Path) -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

fn has(folder: &Path, ending: &str) -> bool {
    names(folder).any(|path| path.to_string_lossy().ends_with(ending))
}
