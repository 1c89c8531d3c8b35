//! Sees to it that a lockdown is one: asks the running Hardshell to stop, and when it does not, ends it and everything
//! it started. Runs in the process of whoever types the command, so that a daemon that hangs cannot hinder it.

use crate::client::{Client, SOCKET};
use gateway::wire::Status;
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;
use std::collections::BTreeMap;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long the running Hardshell may take to say that it has stopped, and its commands to end. What is left then is
/// killed, so that everything has stopped within a second.
const BY_ITSELF: Duration = Duration::from_millis(500);
/// How long killed processes may take to be gone.
const BY_FORCE: Duration = Duration::from_millis(400);
const LOOK: Duration = Duration::from_millis(10);
/// The longest `/proc/PID/stat` that is read, in bytes.
const STAT_BYTES_MAX: usize = 4096;

/// What became of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Stopped {
    /// Whether Hardshell ran on this home.
    pub ran: bool,
    /// Whether it had to be killed.
    pub killed: bool,
    /// How many processes are still there.
    pub left: usize,
    /// How long it took.
    pub milliseconds: u128,
}

/// Waits until everything of the home has stopped, and ends what does not.
pub async fn see_to_it(home: &Path) -> Stopped {
    let begun = Instant::now();
    let done = |ran, killed, left| Stopped { ran, killed, left, milliseconds: begun.elapsed().as_millis() };
    let Some(daemon) = listener_of(&home.join(SOCKET)) else { return done(false, false, 0) };
    let client = Client::of(home);
    let nothing = serde_json::json!({});
    let asked = client.post::<Status>("/api/v1/lockdown", &nothing);
    let answered = matches!(tokio::time::timeout(BY_ITSELF, asked).await, Ok(Ok(_status)));
    while answered && runs_something(daemon) && begun.elapsed() < BY_ITSELF {
        tokio::time::sleep(LOOK).await;
    }
    if answered && !runs_something(daemon) {
        return done(true, false, 0);
    }
    // The daemon first: it starts nothing more, and its death ends its sandboxes; then they themselves.
    let mut left: Vec<Pid> = descendants(daemon);
    left.push(daemon);
    end(daemon);
    left.iter().copied().for_each(end);
    let forced = Instant::now();
    while forced.elapsed() < BY_FORCE {
        left.retain(|process| is_there(*process));
        if left.is_empty() {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    done(true, true, left.len())
}

/// Who listens on the socket, as the kernel tells it: also when that process is stopped and will never answer.
fn listener_of(socket: &Path) -> Option<Pid> {
    let stream = UnixStream::connect(socket).ok()?;
    let process = rustix::net::sockopt::socket_peercred(&stream).ok()?.pid;
    // Never this process, nor the first one.
    (process != rustix::process::getpid() && process.as_raw_nonzero().get() > 1).then_some(process)
}

fn end(process: Pid) {
    // It may be gone already, which is what is wanted; what is left is counted.
    let _gone = kill_process(process, Signal::KILL);
}

/// Whether a sandbox of the daemon's runs something. Its helpers that merely wait have no children.
fn runs_something(daemon: Pid) -> bool {
    let own = daemon.as_raw_nonzero().get();
    descendants(daemon).into_iter().any(|process| {
        parent_and_life(process.as_raw_nonzero().get()).is_some_and(|(parent, lives)| lives && parent != own)
    })
}

/// Everything that descends from `ancestor` and has not ended.
fn descendants(ancestor: Pid) -> Vec<Pid> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for process in processes() {
        if let Some((parent, true)) = parent_and_life(process) {
            children.entry(parent).or_default().push(process);
        }
    }
    let mut found = Vec::new();
    let mut next = vec![ancestor.as_raw_nonzero().get()];
    while let Some(process) = next.pop() {
        // Each process has one parent in this table, so none is met twice.
        let below = children.remove(&process).unwrap_or_default();
        next.extend(&below);
        found.extend(below.into_iter().filter_map(Pid::from_raw));
    }
    found
}

fn is_there(process: Pid) -> bool {
    matches!(parent_and_life(process.as_raw_nonzero().get()), Some((_, true)))
}

fn processes() -> Vec<i32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// A process's parent, and whether it lives: one that ended and was not waited for is gone (proc_pid_stat(5)).
fn parent_and_life(process: i32) -> Option<(i32, bool)> {
    let stat = std::fs::read(format!("/proc/{process}/stat")).ok()?;
    let stat = String::from_utf8_lossy(stat.get(..STAT_BYTES_MAX).unwrap_or(&stat)).into_owned();
    // The name is in parentheses and may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    Some((fields.next()?.parse().ok()?, !matches!(state, "Z" | "X" | "x")))
}
