//! Disks that fail, fill up and write half, files and memory that run out, clocks that jump, and a kill at each flush
//! and rename, while tasks run; then a start without any of it: nothing that was acknowledged is lost, nothing was done
//! twice, and what is said to have happened is what happened.
#![expect(clippy::print_stdout, reason = "the seed and the totals are what a long run is for")]
#![expect(
    clippy::disallowed_methods,
    reason = "a home is copied, and its limits are changed, by programs for that"
)]

use crate::client::Client;
use crate::dice::{Dice, from_environment};
use crate::faults_check::{Sent, Tally, all_is_well};
use crate::place::{PATIENCE, Place, Up};
use crate::tracer::{Fault, Harm, On, Which, has_failed_one, most_of_one_thread, trace_of};
use serde_json::{Value, json};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use testkit::smtp::{Manner, Smtp, Trouble};
use tokio::task::JoinSet;

/// How many faults there are beside each kind once; `HARDSHELL_FAULTS` is for longer runs.
const MORE: usize = 4;
/// How many homes are worked on at a time.
const LANES: usize = 3;
/// In how many homes a fault is waited for.
const ATTEMPTS_MAX: usize = 3;
/// How many tasks are begun before a fault, which is counted in system calls, must have come.
const TASKS_MAX: usize = 8;
/// A file that may not grow to this length keeps the program from starting: SQLite's shared memory has it.
const SHORTEST_BYTES: u64 = 32_768;
/// What is said of a write that was cut short: by the log, by the database.
const CUT_SHORT: [&str; 2] = ["File too large", "disk I/O error"];
/// What is said when there are no more files to open.
const NO_FILES: [&str; 1] = ["Too many open files"];
/// How many files the program may open at first; then two fewer, and so on.
const FILES_MAX: usize = 36;

/// How long a task is waited for that a fault may have stopped.
const STOPPED: Duration = Duration::from_secs(4);

/// How long it takes at most until the house has looked after its log.
const LOOKED_AFTER: Duration = Duration::from_secs(15);

/// What the model answers: a file, a mail and a look at once, then the reply. `$USER` is the message's text.
pub const SCRIPT: &str = r#"{"text": "At once.", "calls": [{"tool": "files.write", "args": {"path": "$USER.txt", "content": "$USER"}}, {"tool": "mail.send", "args": {"to": ["anna@example.org"], "subject": "$USER", "body": "as you said"}}, {"tool": "host.disk", "args": {}}]}
{"text": "All of it is done."}
"#;

const FLUSHES: &str = "fsync,fdatasync";
const WRITES: &str = "write,pwrite64,writev,pwritev,ftruncate";
const READS: &str = "read,pread64";
const RENAMES: &str = "rename,renameat,renameat2";
const REMOVALS: &str = "rename,renameat,renameat2,unlink,unlinkat";
const OPENS: &str = "openat,openat2";

/// What goes wrong in one run.
#[derive(Clone, Copy, Debug)]
enum Mishap {
    /// Calls fail, or one kills.
    Calls(Fault),
    /// No file may be longer than so many bytes: what is written across the limit is written half.
    ShortWrites(u64),
    /// The program may have so few files open.
    FewFiles,
    /// It gets no more memory, from some instant on.
    NoMemory,
    /// The clock goes back by a year while a question is open, and then three days ahead.
    Clock,
}

/// A fault that was to come did not, and what was seen of its calls.
struct NeverCame {
    trace: String,
}

/// Each kind once: what calls, what becomes of them, how often, on what.
const KINDS: [(&str, Harm, bool, On); 17] = [
    (FLUSHES, Harm::Fails("EIO"), false, On::Log),
    (FLUSHES, Harm::Fails("EIO"), true, On::Log),
    (FLUSHES, Harm::Fails("EIO"), false, On::Store),
    (FLUSHES, Harm::Fails("EIO"), true, On::Store),
    (FLUSHES, Harm::Fails("EIO"), true, On::Everything),
    (WRITES, Harm::Fails("EIO"), false, On::Log),
    (WRITES, Harm::Fails("ENOSPC"), true, On::Log),
    (WRITES, Harm::Fails("EIO"), false, On::Store),
    (WRITES, Harm::Fails("ENOSPC"), true, On::Store),
    (READS, Harm::Fails("EIO"), true, On::Store),
    (OPENS, Harm::Fails("EMFILE"), true, On::Log),
    (FLUSHES, Harm::Kills, false, On::Log),
    (FLUSHES, Harm::Kills, false, On::Store),
    (FLUSHES, Harm::Kills, false, On::Everything),
    (RENAMES, Harm::Kills, false, On::Everything),
    (REMOVALS, Harm::Kills, false, On::Log),
    (REMOVALS, Harm::Fails("EIO"), false, On::Log),
];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_under_it_nothing_is_lost_and_nothing_is_repeated() {
    let seed =
        from_environment("HARDSHELL_SEED").unwrap_or_else(|| RandomState::new().build_hasher().finish());
    let more = from_environment("HARDSHELL_FAULTS").map_or(MORE, |more| usize::try_from(more).unwrap());
    println!("HARDSHELL_SEED={seed} HARDSHELL_FAULTS={more}");
    let stage = Arc::new(Stage::set().await);
    if stage.place.user.is_none() {
        println!(
            "LEFT OUT: faults on the log's and the database's own files alone, which only root can bring about"
        );
    }
    let mut dice = Dice(seed);
    let mut mishaps = vec![Mishap::FewFiles, Mishap::NoMemory, Mishap::Clock];
    mishaps.push(Mishap::ShortWrites(SHORTEST_BYTES + dice.below(100_000)));
    for (calls, harm, lasts, on) in stage.kinds() {
        mishaps.push(stage.fault(calls, harm, lasts, on, &mut dice));
    }
    for _ in 0..more {
        mishaps.push(stage.any(&mut dice));
    }
    let (count, mishaps) = (mishaps.len(), Arc::new(mishaps));
    let mut lanes = JoinSet::new();
    for lane in 0..LANES {
        let (stage, mishaps) = (Arc::clone(&stage), Arc::clone(&mishaps));
        lanes.spawn(async move {
            let mut tally = Tally::default();
            let mut wrong = Vec::new();
            for (number, mishap) in mishaps.iter().enumerate().filter(|(at, _)| at % LANES == lane) {
                let (stage, mishap) = (Arc::clone(&stage), *mishap);
                // The others are still wanted when one fails.
                match tokio::spawn(async move { stage.run(number, mishap).await }).await {
                    Ok(one) => {
                        println!("{number:3} {mishap:?}: {one}");
                        tally.add(&one);
                    }
                    Err(failed) => wrong.push(format!("{number:3} {mishap:?}: {failed}")),
                }
            }
            (tally, wrong)
        });
    }
    let (mut tally, mut wrong) = (Tally::default(), Vec::new());
    while let Some(done) = lanes.join_next().await {
        let (of_lane, wrong_there) = done.unwrap();
        tally.add(&of_lane);
        wrong.extend(wrong_there);
    }
    println!("{tally}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(tally.runs, count);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_the_disk_does_not_give_is_refused_and_left_where_it_is() {
    let stage = Stage::of(Place::new());
    if stage.place.user.is_none() {
        println!("LEFT OUT: only root can bring about faults on the database's files alone");
        return;
    }
    let home = stage.place.home("template", Some(""));
    // Killed: the next start checks the database as a whole.
    stage.place.up(&home).await.kill();
    for number in (50..74).step_by(3) {
        let home = stage.copy(&format!("home-{number}"));
        let fault =
            Fault { calls: READS, harm: Harm::Fails("EIO"), which: Which::From(number), on: On::Store };
        match stage.start(&home, &fault.wrapper(&home)).await {
            Ok(mut up) => up.kill(),
            Err(said) => {
                assert!(has_failed_one(&home), "{number}: {said:?}");
                assert!(said.code == Some(1) && said.err.contains("could not "), "{number}: {said:?}");
            }
        }
        assert!(home.join("state.db").exists(), "{number}");
        stage.place.up(&home).await.kill();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_goes_out_while_the_disk_fails_is_left_in_doubt_and_told_so() {
    let stage = Stage::of(Place::new());
    let home = stage.place.home("home", Some(""));
    let pause = Trouble::TakeThenPause(Duration::from_secs(2));
    let smtp = stage.configure_with(&home, Manner { troubles: vec![pause], ..Manner::default() }).await;
    let line = ["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"].map(str::to_string);
    let mut up = stage.start(&home, &line).await.unwrap();
    let limit = |bytes: &str| {
        let pid = format!("--pid={}", up.id());
        let done = stage.as_its_user("prlimit").args([pid, format!("--fsize={bytes}:")]).output().unwrap();
        assert!(done.status.success(), "{done:?}");
    };
    let client = up.client.clone();
    let working = tokio::spawn(async move { work(&client, "doubtful", PATIENCE).await });
    let begun = Instant::now();
    while smtp.deliveries().is_empty() {
        assert!(begun.elapsed() < PATIENCE, "the mail never came");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // The mail is out, and nothing can be written down any more.
    limit("0");
    let refused = work(&up.client, "meanwhile", STOPPED).await;
    assert!(refused.accepted.is_none() && refused.refused.is_some(), "{refused:?}");
    // The far side has answered by then, and what came of it could not be kept.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!working.is_finished(), "its end was told before it was on disk");
    // The disk is well again, and nobody starts anything anew.
    limit("unlimited");
    let sent = working.await.unwrap();
    let log = std::fs::read_to_string(home.with_extension("log")).unwrap();
    let why = sent.ended.clone().unwrap_or_else(|| panic!("its task did not end: {sent:?}: {log}"));
    assert!(why.contains("it is not known whether `mail.send` happened, so look before"), "{why}");
    let after = work(&up.client, "after", PATIENCE).await;
    assert!(after.over && after.ended.is_none(), "{after:?}");
    up.kill();
    let up = stage.place.up(&home).await;
    let mut one = Tally::default();
    all_is_well(&stage.place, &up.client, &home, &[sent, refused, after], &smtp, &mut one).await;
    assert_eq!((one.unknown, one.mails), (1, 2), "{one}");
    up.stop().await;
}

/// What all runs begin with: a home that has worked before, and how many calls some work takes.
struct Stage {
    place: Place,
    template: PathBuf,
    script: PathBuf,
    counts: Vec<(&'static str, On, u64)>,
}

impl Stage {
    fn of(place: Place) -> Self {
        let (script, template) = (place.path("script.jsonl"), place.path("template"));
        std::fs::write(&script, SCRIPT).unwrap();
        Self { place, template, script, counts: Vec::new() }
    }

    async fn set() -> Self {
        let mut stage = Self::of(Place::new());
        let template = stage.place.home("template", Some(""));
        // Its segment of the log is so old that the next start begins another, and packs this one.
        let up = stage.place.up_at(&template, "-3d").await;
        up.stop().await;
        let mut wanted: Vec<(&'static str, On)> = Vec::new();
        for (calls, _, _, on) in stage.kinds() {
            if !wanted.contains(&(calls, on)) {
                wanted.push((calls, on));
            }
        }
        let counted = wanted.iter().map(|(calls, on)| stage.count(calls, *on));
        stage.counts = futures_util::future::join_all(counted).await;
        stage
    }

    /// How many of the calls one thread makes while two tasks are worked on.
    async fn count(&self, calls: &'static str, on: On) -> (&'static str, On, u64) {
        let name = format!("count-{}-{on:?}", calls.split(',').next().unwrap());
        let home = self.copy(&name);
        let smtp = self.configure(&home).await;
        let fault = Fault { calls, harm: Harm::None, which: Which::One(1), on };
        let mut up = self.start(&home, &fault.wrapper(&home)).await.unwrap();
        for number in 0..2 {
            let sent = work(&up.client, &format!("count-{number}"), PATIENCE).await;
            assert!(sent.over, "{sent:?}");
        }
        if calls == REMOVALS {
            until(LOOKED_AFTER, || most_of_one_thread(&home) >= 2).await;
        }
        up.kill();
        assert_eq!(smtp.deliveries().len(), 2);
        let most = most_of_one_thread(&home);
        assert!(most > 0, "{calls} on {on:?} were not seen");
        println!("{calls} on {on:?}: {most} of one thread");
        self.remove(&home);
        (calls, on, most)
    }

    /// The kinds that whoever runs this can bring about.
    fn kinds(&self) -> Vec<(&'static str, Harm, bool, On)> {
        let is_root = self.place.user.is_some();
        KINDS.into_iter().filter(|(_, _, _, on)| is_root || *on == On::Everything).collect()
    }

    fn fault(&self, calls: &'static str, harm: Harm, lasts: bool, on: On, dice: &mut Dice) -> Mishap {
        let known = self.counts.iter().find(|(of, at, _)| *of == calls && *at == on);
        let number = 1 + dice.below(known.unwrap().2);
        let which = if lasts { Which::From(number) } else { Which::One(number) };
        Mishap::Calls(Fault { calls, harm, which, on })
    }

    fn any(&self, dice: &mut Dice) -> Mishap {
        let kinds = self.kinds();
        let many = u64::try_from(kinds.len()).unwrap();
        match dice.below(many + 4) {
            0 => Mishap::ShortWrites(SHORTEST_BYTES + dice.below(100_000)),
            1 => Mishap::FewFiles,
            2 => Mishap::NoMemory,
            3 => Mishap::Clock,
            other => {
                let (calls, harm, lasts, on) = kinds[usize::try_from(other - 4).unwrap()];
                self.fault(calls, harm, lasts, on, dice)
            }
        }
    }

    fn copy(&self, name: &str) -> PathBuf {
        let home = self.place.path(name);
        let copied = Command::new("cp").arg("-a").arg(&self.template).arg(&home).status().unwrap();
        assert!(copied.success());
        home
    }

    async fn configure(&self, home: &Path) -> Smtp {
        self.configure_with(home, Manner::default()).await
    }

    async fn configure_with(&self, home: &Path, manner: Manner) -> Smtp {
        let smtp = Smtp::start(manner).await.unwrap();
        let config = format!(
            "model = \"script\"\n[[models]]\nname = \"script\"\nkind = \"script\"\nscript = \"{}\"\n\
             [smtp]\nurl = \"smtp+plain://localhost:{}\"\nfrom = \"me@example.org\"\n",
            self.script.display(),
            smtp.port
        );
        self.place.text(&home.join("hardshell.toml"), &config);
        smtp
    }

    fn remove(&self, home: &Path) {
        std::fs::remove_dir_all(home).unwrap();
        for ending in ["log", "trace"] {
            let _none = std::fs::remove_file(home.with_extension(ending));
        }
    }

    async fn start(&self, home: &Path, wrapper: &[String]) -> Result<Up, crate::place::Said> {
        self.place.up_by(home, wrapper, &[], &[]).await
    }

    /// One mishap, on a home of its own, and what came of it.
    ///
    /// Calls are counted in each thread apart, and which thread does the work is chance: a fault that passed its
    /// moment by is waited for in another home.
    async fn run(&self, number: usize, mishap: Mishap) -> Tally {
        let mut traces = Vec::new();
        for attempt in 0..ATTEMPTS_MAX {
            match self.run_once(&format!("home-{number}-{attempt}"), number, mishap).await {
                Ok(one) => return one,
                Err(NeverCame { trace }) => traces.push(trace),
            }
        }
        panic!("{mishap:?} never came: {traces:#?}");
    }

    async fn run_once(&self, name: &str, number: usize, mishap: Mishap) -> Result<Tally, NeverCame> {
        let home = self.copy(name);
        let smtp = self.configure(&home).await;
        let mut one = Tally { runs: 1, ..Tally::default() };
        let sent = match mishap {
            Mishap::Calls(fault) => self.with_fault(&home, fault, &mut one).await?,
            Mishap::ShortWrites(bytes) => {
                let limit = format!("--fsize={bytes}");
                let line = ["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh", "prlimit", &limit];
                self.until_said(&home, vec![line.map(str::to_string).to_vec()], &CUT_SHORT, &mut one).await
            }
            Mishap::FewFiles => {
                let limits = (0..FILES_MAX).rev().step_by(2);
                let lines = limits.map(|limit| vec!["prlimit".to_string(), format!("--nofile={limit}")]);
                self.until_said(&home, lines.collect(), &NO_FILES, &mut one).await
            }
            Mishap::NoMemory => self.without_memory(&home, &mut one).await,
            Mishap::Clock => self.with_clock(&home).await,
        };
        // From here on nothing fails.
        let mut up = self.place.up(&home).await;
        all_is_well(&self.place, &up.client, &home, &sent, &smtp, &mut one).await;
        let last = work(&up.client, &format!("last-{number}"), PATIENCE).await;
        assert!(last.over && last.accepted.is_some(), "{mishap:?}: {last:?}");
        all_is_well(&self.place, &up.client, &home, &[last], &smtp, &mut Tally::default()).await;
        if number.is_multiple_of(4) {
            up.stop().await;
            let verified = self.place.run(&home, &["audit", "verify"]).await;
            assert_eq!(verified.code, Some(0), "{mishap:?}: {verified:?}");
        } else {
            up.kill();
        }
        self.remove(&home);
        Ok(one)
    }

    /// Works until the fault has come, and shows that a house whose disk has failed for good takes nothing in.
    async fn with_fault(&self, home: &Path, fault: Fault, one: &mut Tally) -> Result<Vec<Sent>, NeverCame> {
        let wrapper = fault.wrapper(home);
        let mut up = match self.start(home, &wrapper).await {
            Ok(up) => up,
            Err(said) => {
                match fault.harm {
                    Harm::Kills => assert_eq!(said.code, None, "{said:?}"),
                    Harm::Fails(_) | Harm::None => {
                        assert!(has_failed_one(home), "{said:?}");
                        assert_eq!(said.code, Some(1), "{said:?}");
                        assert!(said.err.contains("could not "), "{said:?}");
                    }
                }
                one.starts_refused += 1;
                return Ok(Vec::new());
            }
        };
        let came = |up: &mut Up| if fault.harm == Harm::Kills { up.is_gone() } else { has_failed_one(home) };
        let mut sent = Vec::new();
        for task in 0..TASKS_MAX {
            // One task more than it took: what was hit may show only in the next.
            let was_there = came(&mut up);
            sent.push(work(&up.client, &format!("task-{task}"), STOPPED).await);
            if was_there || up.is_gone() {
                break;
            }
        }
        // What is killed at a call of a thread of its own may still answer the last request.
        until(if fault.calls == REMOVALS { LOOKED_AFTER } else { STOPPED }, || came(&mut up)).await;
        if !came(&mut up) {
            up.kill();
            return Err(NeverCame { trace: std::fs::read_to_string(trace_of(home)).unwrap() });
        }
        if !up.is_gone() {
            let lasts = matches!(fault.which, Which::From(_));
            let probe = work(&up.client, "probe", STOPPED).await;
            let last_word = probe.refused.clone().unwrap_or_default();
            match (lasts, fault.calls) {
                (true, FLUSHES | WRITES) => {
                    assert_eq!(probe.accepted, None, "{fault:?}: nothing can be kept, and it took a message");
                    assert!(last_word.contains("could not") || last_word.contains("full"), "{last_word}");
                }
                (true, _) => {}
                (false, _) => assert!(probe.over, "{fault:?}: it did not go on by itself: {probe:?}"),
            }
            sent.push(probe);
            up.ask_to_stop();
            up.ended().await;
        }
        Ok(sent)
    }

    /// Starts and works by way of each of `lines` until the program, or what it answers, says one of `words`.
    async fn until_said(
        &self,
        home: &Path,
        lines: Vec<Vec<String>>,
        words: &[&str],
        one: &mut Tally,
    ) -> Vec<Sent> {
        let said = |text: &str| words.iter().any(|word| text.contains(word));
        let mut sent = Vec::new();
        for (number, line) in lines.iter().enumerate() {
            match self.start(home, line).await {
                Err(said) => {
                    one.starts_refused += 1;
                    assert!(said.code == Some(1) && said.err.contains("could not "), "{line:?}: {said:?}");
                }
                Ok(mut up) => {
                    for task in 0..3 {
                        sent.push(work(&up.client, &format!("task-{number}-{task}"), STOPPED).await);
                    }
                    up.kill();
                }
            }
            let log = std::fs::read_to_string(home.with_extension("log")).unwrap();
            let answered = |sent: &Sent| sent.refused.as_ref().is_some_and(|text| said(text));
            if said(&log) || sent.iter().any(answered) {
                return sent;
            }
        }
        panic!("{words:?} was never said: {}", std::fs::read_to_string(home.with_extension("log")).unwrap());
    }

    /// `program`, run as the user that Hardshell runs as.
    fn as_its_user(&self, program: &str) -> Command {
        let Some(user) = &self.place.user else { return Command::new(program) };
        let mut command = Command::new("setpriv");
        command.args([format!("--reuid={}", user.user), format!("--regid={}", user.group)]);
        command.arg("--clear-groups").arg(program);
        command
    }

    /// Gives the running program no more memory than it has, and then less, until it ends.
    async fn without_memory(&self, home: &Path, one: &mut Tally) -> Vec<Sent> {
        let mut up = self.place.up(home).await;
        let mut sent = vec![work(&up.client, "before", PATIENCE).await];
        for task in 0..TASKS_MAX {
            let status = std::fs::read_to_string(format!("/proc/{}/status", up.id())).unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("VmData:")).unwrap();
            let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
            // A little more than it has at first, then less and less.
            let bytes = (kibibytes * 1024 + 300_000) >> task;
            let limited = self
                .as_its_user("prlimit")
                .args([format!("--pid={}", up.id()), format!("--data={bytes}:{bytes}")])
                .output()
                .unwrap();
            assert!(limited.status.success(), "{limited:?}");
            let text = format!("task-{task}");
            let (done, ()) = tokio::join!(work(&up.client, &text, STOPPED), press(&up.client));
            sent.push(done);
            if up.is_gone() {
                one.out_of_memory += 1;
                return sent;
            }
        }
        let log = std::fs::read_to_string(home.with_extension("log")).unwrap();
        assert!(log.contains("memory"), "it noticed nothing: {log}");
        up.kill();
        sent
    }

    /// Sets the clock back by a year while a question is open, and then ahead by three days.
    async fn with_clock(&self, home: &Path) -> Vec<Sent> {
        let clock = self.place.path(&format!("{}.clock", home.file_name().unwrap().to_string_lossy()));
        std::fs::write(&clock, "+0d\n").unwrap();
        let library = Place::fake_clock();
        let variables = [
            ("LD_PRELOAD", library.to_str().unwrap()),
            ("FAKETIME_TIMESTAMP_FILE", clock.to_str().unwrap()),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ];
        let up = self.place.up_by(home, &[], &variables, &[]).await.unwrap();
        let mut sent = vec![work(&up.client, "now", PATIENCE).await];
        let jump = |to: &str| std::fs::write(&clock, format!("{to}\n")).unwrap();
        sent.push(work_asked(&up.client, "back", PATIENCE, &mut || jump("-365d")).await);
        sent.push(work(&up.client, "before", PATIENCE).await);
        jump("+3d");
        sent.push(work(&up.client, "ahead", PATIENCE).await);
        assert!(sent.iter().all(|sent| sent.over), "{sent:?}");
        let records = up.client.get("/api/v1/audit?after=0&limit=1000").await;
        let mut records: Vec<(u64, i64)> = records["records"]
            .as_array()
            .unwrap()
            .iter()
            .map(|record| (record["seq"].as_u64().unwrap(), record["time"].as_i64().unwrap()))
            .collect();
        records.sort_unstable();
        let day = 24 * 60 * 60 * 1_000;
        let jumped = |by: std::ops::Range<i64>| {
            records.windows(2).any(|pair| by.contains(&((pair[1].1 - pair[0].1) / day)))
        };
        assert!(jumped(-366..-363) && jumped(366..369), "the clock did not jump: {records:?}");
        up.stop().await;
        sent
    }
}

/// Waits until something holds, or for so long.
async fn until(patience: Duration, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() && begun.elapsed() < patience {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Many large requests at once, each refused for what it is: they take memory.
async fn press(client: &Client) {
    let body = json!({"id": "!", "text": "x".repeat(250_000)});
    let each = (0..64).map(|_| {
        let (client, body) = (client.clone(), body.clone());
        async move {
            let asked = client.ask("POST", "/api/v1/sessions/nobody/messages", Some(body));
            let _refused_or_gone = tokio::time::timeout(STOPPED, asked).await;
        }
    });
    futures_util::future::join_all(each).await;
}

/// Sends a message in a session of its own, approves what it asks, and waits until its task is over, `patience` is at
/// its end, or nobody answers any more.
pub async fn work(client: &Client, text: &str, patience: Duration) -> Sent {
    work_asked(client, text, patience, &mut || {}).await
}

/// The same; `asked` is told before the first question is answered.
async fn work_asked(
    client: &Client,
    text: &str,
    patience: Duration,
    asked: &mut (dyn FnMut() + Send),
) -> Sent {
    let mut sent = Sent { text: text.to_string(), ..Sent::default() };
    let within = async |method: &str, path: &str, body: Option<Value>| {
        tokio::time::timeout(patience, client.ask(method, path, body)).await
    };
    let opened = within("POST", "/api/v1/sessions", Some(json!({}))).await;
    match opened {
        Ok(Ok((status, body))) if status < 300 => {
            sent.session = Some(body["id"].as_str().unwrap().to_string());
        }
        Ok(Ok((_, body))) => sent.refused = Some(said_of(&body)),
        Ok(Err(_)) | Err(_) => {}
    }
    let Some(session) = sent.session.clone() else { return sent };
    let path = format!("/api/v1/sessions/{session}/messages");
    let begun = Instant::now();
    match within("POST", &path, Some(json!({"id": text, "text": text}))).await {
        Ok(Ok((202, body))) => sent.accepted = Some(body),
        Ok(Ok((_, body))) => sent.refused = Some(said_of(&body)),
        Ok(Err(_)) | Err(_) => {}
    }
    if sent.accepted.is_none() {
        return sent;
    }
    let mut told = false;
    while begun.elapsed() < patience {
        let look = within("GET", &format!("/api/v1/sessions/{session}"), None).await;
        let Ok(Ok((status, transcript))) = look else { return sent };
        if status == 200 {
            sent.label = Some(transcript["label"].clone());
            let items = transcript["items"].as_array().unwrap();
            if let Some(last) = items.iter().find(|item| item["kind"] == "replied" || item["kind"] == "ended")
            {
                sent.over = true;
                sent.ended = last["why"].as_str().map(str::to_string);
                return sent;
            }
        }
        let questions = within("GET", "/api/v1/approvals", None).await;
        let Ok(Ok((_, questions))) = questions else { return sent };
        for question in questions["questions"].as_array().into_iter().flatten() {
            if question["session"] == session.as_str() {
                if !told {
                    asked();
                    told = true;
                }
                let path = format!("/api/v1/approvals/{}", question["id"].as_str().unwrap());
                let _answer = within("POST", &path, Some(json!({"answer": "approve"}))).await;
            }
        }
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
    sent
}

/// What a refusal says.
fn said_of(body: &Value) -> String {
    body["error"]["message"].as_str().map_or_else(|| body.to_string(), str::to_string)
}
