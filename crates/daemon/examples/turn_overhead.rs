//! How long a turn takes beside its model and its tools: a scripted model answers at once, and no tool is called.
//!
//! `cargo run --release -p daemon --example turn_overhead -- [TURNS]`
//!
//! Run under `strace -f -c -e trace=fsync,fdatasync` it also shows how often a turn waits for the disk; `cargo xtask
//! bench` does both. As root it becomes the user `hardshell`, as the program does.
#![forbid(unsafe_code)]

use broker::What;
use daemon::{Options, Running};
use domain::SessionId;
use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Turns before anything is measured: caches fill, the log's first segment is there.
const WARM_UP: usize = 20;
/// How many turns a conversation has: one that grows without end would measure its length.
const TURNS_IN_SESSION: usize = 20;
/// How many flushes of the disk are measured.
const FLUSHES: usize = 200;

fn main() -> Outcome<()> {
    let turns: usize = std::env::args().nth(1).map_or(Ok(500), |text| text.parse())?;
    if sandbox::is_root() {
        sandbox::become_user("hardshell")?;
    }
    let place = std::env::temp_dir().join(format!("hardshell-turns-{}", std::process::id()));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let measured = runtime.block_on(measure(&place, turns));
    fs::remove_dir_all(&place)?;
    measured
}

async fn measure(place: &Path, turns: usize) -> Outcome<()> {
    fs::create_dir(place)?;
    let home = place.join("home");
    daemon::Home::prepare(&home)?;
    let script = place.join("model.jsonl");
    fs::write(&script, "{\"text\": \"All is well.\"}\n".repeat(turns + WARM_UP))?;
    let config = format!(
        "model = \"played\"\n\n[[models]]\nname = \"played\"\nkind = \"script\"\nscript = {}\n",
        serde_json::to_string(&script)?
    );
    fs::write(home.join(daemon::config::FILE), config)?;
    let running = Running::start(Options {
        home,
        port: Some(0),
        theatre: None,
        begin: daemon::Begin::GoingOn,
        log: daemon::LogRedaction::default(),
    })
    .await?;
    let mut times = Vec::new();
    for turn in 0..turns + WARM_UP {
        let session: SessionId = format!("s-{}", turn / TURNS_IN_SESSION).parse()?;
        let taken = one(&running, &session).await?;
        if turn >= WARM_UP {
            times.push(taken);
        }
    }
    running.stop().await;
    let mut flushes = flushes(place)?;
    row("turn, everything but model and tools", &spread(&mut times));
    row("one flush of that disk", &spread(&mut flushes));
    Ok(())
}

/// From the owner's words to the end of the task.
async fn one(running: &Running, session: &SessionId) -> Outcome<Duration> {
    let mut events = running.follow();
    let started = Instant::now();
    let task = running.say(session, "Is all well?").await?;
    loop {
        let happened = events.recv().await?;
        if let (true, What::Ended { state, why }) = (happened.task == task, happened.what) {
            let taken = started.elapsed();
            if state != domain::TaskState::Done {
                return Err(format!("a turn ended otherwise: {why}").into());
            }
            return Ok(taken);
        }
    }
}

fn flushes(place: &Path) -> Outcome<Vec<Duration>> {
    let mut file = fs::File::create(place.join("flushed"))?;
    let mut times = Vec::new();
    for _ in 0..FLUSHES {
        file.write_all(&[b'x'; 420])?;
        let started = Instant::now();
        file.sync_data()?;
        times.push(started.elapsed());
    }
    Ok(times)
}

fn spread(times: &mut [Duration]) -> String {
    times.sort();
    let at = |percent: usize| {
        let place = (times.len() * percent / 100).min(times.len().saturating_sub(1));
        times.get(place).map_or(0.0, |time| time.as_secs_f64() * 1e3)
    };
    format!("p50 {:.2} ms, p99 {:.2} ms of {}", at(50), at(99), times.len())
}

#[expect(clippy::print_stdout, reason = "the table is what this program is for")]
fn row(name: &str, value: &str) {
    println!("{name}: {value}");
}
