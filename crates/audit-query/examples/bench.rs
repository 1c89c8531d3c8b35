//! How fast records become durable, are checked and are found, on the disk of a given folder. Several numbers of records
//! stand beside each other: that is what grows, and how.
//!
//! `cargo run --release -p audit-query --example bench -- [FOLDER [RECORDS…]]`
#![forbid(unsafe_code)]

use audit::{
    Against, Deed, Entry, Event, Go, KeySource, Kind, Log, NothingSecret, Retention, Subject, Target,
    TargetKind, verify,
};
use audit_query::{Filter, query};
use domain::{ActionDigest, Effect, Integrity, Label, RuleHit, Source, SourceKind, Tier, Timestamp, Verdict};
use std::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

const NOW: Timestamp = Timestamp(1_760_000_000_000);

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let mut sizes: Vec<u64> = arguments.map(|text| text.parse()).collect::<Result<_, _>>()?;
    if sizes.is_empty() {
        sizes.push(1_000_000);
    }
    let mut table = Table::default();
    for records in &sizes {
        let home = folder.join(format!("hardshell-audit-bench-{}-{records}", std::process::id()));
        std::fs::create_dir(&home)?;
        let result = measure(&home, *records, &mut table);
        std::fs::remove_dir_all(&home)?;
        result?;
    }
    table.print(&sizes);
    Ok(())
}

/// What was measured: the rows in their order, a value for each number of records.
#[derive(Default)]
struct Table {
    rows: Vec<(String, Vec<String>)>,
}

impl Table {
    fn row(&mut self, name: &str, value: &str) {
        match self.rows.iter_mut().find(|(known, _)| known == name) {
            Some((_, values)) => values.push(value.to_string()),
            None => self.rows.push((name.to_string(), vec![value.to_string()])),
        }
    }

    #[expect(clippy::print_stdout, reason = "the table is what this program is for")]
    fn print(&self, sizes: &[u64]) {
        let heads: Vec<String> = sizes.iter().map(|records| format!("{records} records")).collect();
        println!("| what | {} |", heads.join(" | "));
        println!("|---|{}", "---|".repeat(heads.len()));
        for (name, values) in &self.rows {
            println!("| {name} | {} |", values.join(" | "));
        }
    }
}

fn measure(home: &Path, records: u64, table: &mut Table) -> Result<(), Box<dyn Error>> {
    let mut row = |name: &str, value: &str| table.row(name, value);
    let key = KeySource::File(home.join("audit.key"));
    let (log, _) = Log::open(&home.join("audit"), &key, Arc::new(NothingSecret), NOW)?;
    let log = Arc::new(log);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
    let flush = flush_time(home)?;
    row("one flush of the disk", &format!("{:.0} µs", flush.as_secs_f64() * 1e6));
    let mut rates = Vec::new();
    for writers in [1, 64] {
        let (rate, count) = durable_rate(&runtime, &log, writers)?;
        row(&format!("durable records/s, {writers} writers"), &format!("{rate:.0} ({count})"));
        rates.push(rate);
    }
    if let [one, many] = rates.as_slice() {
        row("64 writers to one", &format!("{:.1} ×", many / one));
    }
    let started = Instant::now();
    fill(&runtime, &log, records)?;
    row("all of them, 1024 writers", &format!("{:.1} s", started.elapsed().as_secs_f64()));
    row("verify, plain segments", &check(&log)?);
    let started = Instant::now();
    let tidied = log.tidy(Retention::default(), NOW)?;
    let each = started.elapsed().as_secs_f64() / f64::from(u32::try_from(tidied.packed.max(1))?);
    row("pack and index one segment", &format!("{each:.2} s ({} segments)", tidied.packed));
    row("verify, packed segments", &check(&log)?);
    let session = format!("s{}", records / 3).parse()?;
    let none = Filter::default;
    for (name, filter) in [
        ("newest 50 refusals", Filter { kinds: vec![Kind::Refusal], ..none() }),
        ("one session", Filter { session: Some(session), ..none() }),
        ("a target that never was", Filter { target: Some("host:never.example".into()), ..none() }),
        (
            "a rare pair of common terms",
            Filter { kinds: vec![Kind::Intent], verdict: Some(Verdict::Deny), ..none() },
        ),
        (
            "an hour in the middle",
            Filter { from: Some(NOW), until: Some(NOW.after(Duration::from_secs(1))), ..none() },
        ),
    ] {
        let started = Instant::now();
        let found = query(log.folder(), &filter, 50)?;
        let milliseconds = started.elapsed().as_secs_f64() * 1e3;
        row(&format!("query: {name}"), &format!("{milliseconds:.1} ms ({})", found.records.len()));
    }
    log.close();
    drop(log);
    let started = Instant::now();
    let (log, _) = Log::open(&home.join("audit"), &key, Arc::new(NothingSecret), NOW)?;
    row("open again", &format!("{:.1} ms", started.elapsed().as_secs_f64() * 1e3));
    drop(log);
    Ok(())
}

fn flush_time(home: &Path) -> Result<Duration, Box<dyn Error>> {
    let mut file = std::fs::File::create(home.join("flush"))?;
    let rounds = 200;
    let started = Instant::now();
    for _ in 0..rounds {
        file.write_all(&[b'x'; 420])?;
        file.sync_data()?;
    }
    Ok(started.elapsed() / rounds)
}

/// How long the main thread has run: what it would take on a machine that does nothing else.
fn cpu_time() -> Result<Duration, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/self/schedstat")?;
    Ok(Duration::from_nanos(text.split(' ').next().unwrap_or_default().parse()?))
}

fn durable_rate(
    runtime: &tokio::runtime::Runtime,
    log: &Arc<Log>,
    writers: u64,
) -> Result<(f64, u64), Box<dyn Error>> {
    let started = Instant::now();
    let end = started + Duration::from_secs(3);
    let tasks: Vec<_> = (0..writers)
        .map(|writer| {
            let log = Arc::clone(log);
            runtime.spawn(async move {
                let mut count = 0_u64;
                while Instant::now() < end {
                    log.note(entry(writer), NOW).await?;
                    count += 1;
                }
                Ok::<u64, audit::Error>(count)
            })
        })
        .collect();
    let mut total = 0;
    for task in tasks {
        total += runtime.block_on(task)??;
    }
    let seconds = started.elapsed().as_secs_f64();
    Ok((f64::from(u32::try_from(total)?) / seconds, total))
}

fn fill(runtime: &tokio::runtime::Runtime, log: &Arc<Log>, records: u64) -> Result<(), Box<dyn Error>> {
    let writers = 1024;
    let tasks: Vec<_> = (0..writers)
        .map(|writer| {
            let log = Arc::clone(log);
            runtime.spawn(async move {
                for number in 0..records / writers {
                    log.note(entry(writer * (records / writers) + number), NOW).await?;
                }
                Ok::<(), audit::Error>(())
            })
        })
        .collect();
    for task in tasks {
        runtime.block_on(task)??;
    }
    Ok(())
}

fn check(log: &Log) -> Result<String, Box<dyn Error>> {
    let (started, before) = (Instant::now(), cpu_time()?);
    let report = verify(log.folder(), log.public_key(), Against::default(), &mut |_| Go::On)?;
    let seconds = started.elapsed().as_secs_f64();
    let busy = (cpu_time()? - before).as_secs_f64();
    let megabytes = f64::from(u32::try_from(report.bytes / 1000)?) / 1000.0;
    assert!(report.is_intact(), "{:?}", report.fault);
    let (rate, of_core) = (megabytes / seconds, megabytes / busy);
    Ok(format!("{rate:.0} MB/s, {of_core:.0} MB a second of its core ({megabytes:.0} MB)"))
}

fn entry(number: u64) -> Entry {
    let command = format!("grep -rn needle-{number} /home/anna/workspace/project");
    let deed = Deed {
        name: "shell.run".to_string(),
        effect: Effect::Execute,
        digest: ActionDigest::of(&domain::Action::Reply(domain::Reply {
            session: session(number),
            text: command.clone(),
        })),
        targets: vec![Target::new(TargetKind::Program, "grep"), Target::new(TargetKind::Command, &command)],
        contents: Vec::new(),
    };
    let verdict = if number % 9973 == 1 { Verdict::Deny } else { Verdict::Allow };
    let rules = vec![RuleHit { verdict, id: "may.execute".to_string(), why: "on the list".to_string() }];
    let label =
        Label::new(Integrity::Untrusted, Tier::Medium, Source::new(SourceKind::Mail, "anna@example.org"));
    let subject = Subject { session: Some(session(number)), label: Some(label), ..Subject::default() };
    let event = if number % 100 == 7 {
        Event::Refusal { deed, rules }
    } else {
        Event::Intent { deed, rules, isolation: Some("full".to_string()) }
    };
    Entry { subject, event }
}

#[expect(clippy::expect_used, reason = "a number makes a good name")]
fn session(number: u64) -> domain::SessionId {
    format!("s{number}").parse().expect("a session id of letters and digits")
}
