//! The watcher of memory and processes where no control group counts them.

use std::collections::BTreeMap;
use std::io::Read;

use rustix::process::Pid;

use crate::level::Level;
use crate::view;
use crate::wire::LimitsRequest;

/// The longest file of `/proc` that is read here.
const PROC_FILE_BYTES_MAX: u64 = 64 << 10;

/// What was exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exceeded {
    Memory,
    Pids,
}

/// Sums up what all processes of one sandbox use.
#[derive(Debug)]
pub(super) struct Watcher {
    memory_bytes: u64,
    pids: u64,
    level: Level,
    peak_bytes: u64,
}

impl Watcher {
    pub(super) fn new(limits: &LimitsRequest, level: Level) -> Self {
        Self { memory_bytes: limits.memory_bytes, pids: limits.pids.into(), level, peak_bytes: 0 }
    }

    pub(super) fn peak_bytes(&self) -> u64 {
        self.peak_bytes
    }

    /// Looks once.
    pub(super) fn look(&mut self) -> Option<Exceeded> {
        let processes = match self.level {
            // The fresh /proc of the sandbox, which this process sees too, lists its processes and no other.
            Level::Full | Level::FullSoft => numbers(),
            Level::Landlock | Level::None => {
                let own = rustix::process::getpid();
                descendants(own).into_iter().map(|process| process.as_raw_nonzero().get()).collect()
            }
        };
        let scratch = self.scratch_bytes();
        let quick =
            processes.iter().map(|process| private_bytes(*process)).fold(scratch, u64::saturating_add);
        self.peak_bytes = self.peak_bytes.max(quick);
        // Threads count as the kernel counts them; one is the first process.
        let tasks = processes.iter().map(|process| threads(*process)).fold(0, u64::saturating_add);
        if tasks > self.pids.saturating_add(1) {
            return Some(Exceeded::Pids);
        }
        if quick <= self.memory_bytes {
            return None;
        }
        // Pages shared after a fork were counted once for each; now the exact sum.
        let exact =
            processes.iter().map(|process| proportional_bytes(*process)).fold(scratch, u64::saturating_add);
        (exact > self.memory_bytes).then_some(Exceeded::Memory)
    }

    fn scratch_bytes(&self) -> u64 {
        match self.level {
            Level::Full | Level::FullSoft => rustix::fs::statvfs(view::HOME)
                .map_or(0, |room| room.f_blocks.saturating_sub(room.f_bfree).saturating_mul(room.f_frsize)),
            Level::Landlock | Level::None => 0,
        }
    }
}

fn numbers() -> Vec<i32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn text(path: &str) -> String {
    let mut text = String::new();
    if let Ok(file) = std::fs::File::open(path) {
        let _short = file.take(PROC_FILE_BYTES_MAX).read_to_string(&mut text);
    }
    text
}

/// Resident pages that no file backs, counted whole (proc_pid_statm(5)).
fn private_bytes(process: i32) -> u64 {
    let statm = text(&format!("/proc/{process}/statm"));
    let mut fields = statm.split_whitespace().skip(1).filter_map(|field| field.parse::<u64>().ok());
    let (Some(resident), Some(shared)) = (fields.next(), fields.next()) else { return 0 };
    resident.saturating_sub(shared).saturating_mul(u64::try_from(rustix::param::page_size()).unwrap_or(4096))
}

/// The same with shared pages divided among those who share them (proc_pid_smaps(5)).
fn proportional_bytes(process: i32) -> u64 {
    let rollup = text(&format!("/proc/{process}/smaps_rollup"));
    let anonymous = rollup.lines().find_map(|line| line.strip_prefix("Pss_Anon:"));
    let kibibytes = anonymous.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.map_or_else(|| private_bytes(process), |kibibytes| kibibytes.saturating_mul(1024))
}

fn threads(process: i32) -> u64 {
    let status = text(&format!("/proc/{process}/status"));
    let line = status.lines().find_map(|line| line.strip_prefix("Threads:"));
    line.and_then(|rest| rest.trim().parse().ok()).unwrap_or(0)
}

/// Every process that descends from `ancestor`, found by their parents (proc_pid_stat(5)).
pub(super) fn descendants(ancestor: Pid) -> Vec<Pid> {
    let parents: BTreeMap<i32, i32> =
        numbers().into_iter().filter_map(|process| Some((process, parent(process)?))).collect();
    let top = ancestor.as_raw_nonzero().get();
    let descends = |process: i32| {
        let mut at = process;
        // Bounded by the number of processes, so that a list that changed while it was read cannot hold us.
        for _ in 0..=parents.len() {
            match parents.get(&at) {
                Some(parent) if *parent == top => return true,
                Some(parent) => at = *parent,
                None => return false,
            }
        }
        false
    };
    parents.keys().copied().filter(|process| descends(*process)).filter_map(Pid::from_raw).collect()
}

/// The fourth field; the second is in parentheses and may hold anything.
fn parent(process: i32) -> Option<i32> {
    let stat = text(&format!("/proc/{process}/stat"));
    let (_, after) = stat.rsplit_once(')')?;
    after.split_whitespace().nth(1)?.parse().ok()
}
