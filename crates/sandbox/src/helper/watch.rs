//! The watcher of memory and processes where no control group counts them.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};

use rustix::process::Pid;

use crate::level::Level;
use crate::view;
use crate::wire::LimitsRequest;

/// The longest file of `/proc` that is read here.
const PROC_FILE_BYTES_MAX: u64 = 64 << 10;

/// The longest list of what a process has mapped that is read: more lines than the kernel lets it have.
const MAPS_BYTES_MAX: u64 = 64 << 20;

/// How the kernel names memory that is shared without a file (proc_pid_maps(5)).
const SHARED_MEMORY: &[u8] = b"/dev/zero (deleted)";

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
    /// The first process inside, which is our own and lets nobody look into it.
    first: i32,
    /// The least that memory shared on the whole machine came to so far.
    shared_least: u64,
}

impl Watcher {
    pub(super) fn new(limits: &LimitsRequest, level: Level, first: Pid) -> Self {
        let first = match level {
            Level::Full | Level::FullSoft => 1,
            Level::Landlock | Level::None => first.as_raw_nonzero().get(),
        };
        Self {
            first,
            memory_bytes: limits.memory_bytes,
            pids: limits.pids.into(),
            level,
            peak_bytes: 0,
            shared_least: u64::MAX,
        }
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
        let states: Vec<String> =
            processes.iter().map(|process| text(&format!("/proc/{process}/status"))).collect();
        let sum = |name| states.iter().map(|state| field(state, name)).fold(0, u64::saturating_add);
        let scratch = self.scratch_bytes();
        // Page tables hold as much as they like, and count in no size.
        let certain = scratch.saturating_add(sum("VmPTE:").saturating_mul(1024));
        let private = sum("RssAnon:").saturating_add(sum("VmSwap:")).saturating_mul(1024);
        let quick = certain.saturating_add(private);
        self.peak_bytes = self.peak_bytes.max(quick);
        // Threads count as the kernel counts them; one is the first process.
        if sum("Threads:") > self.pids.saturating_add(1) {
            return Some(Exceeded::Pids);
        }
        let shared = self.shared_growth(scratch);
        if quick.saturating_add(shared) <= self.memory_bytes {
            return None;
        }
        // Pages shared after a fork were counted once for each, and shared memory whosever it is; now what is theirs.
        let private = processes.iter().map(|process| proportional_bytes(*process));
        let exact = private.fold(certain, u64::saturating_add);
        let theirs = processes.iter().any(|process| *process != self.first && has_shared_memory(*process));
        let exact = exact.saturating_add(if theirs { shared } else { 0 });
        (exact > self.memory_bytes).then_some(Exceeded::Memory)
    }

    /// By how much memory that is shared without a file grew on the whole machine since the command began: what is
    /// unmapped in part, or dropped from the page tables, stays, and no process shows it (proc_meminfo(5)). What went to
    /// swap stays too.
    fn shared_growth(&mut self, scratch: u64) -> u64 {
        let machine = text("/proc/meminfo");
        let swapped = field(&machine, "SwapTotal:").saturating_sub(field(&machine, "SwapFree:"));
        let all = field(&machine, "Shmem:").saturating_add(swapped).saturating_mul(1024);
        let others = all.saturating_sub(scratch);
        self.shared_least = self.shared_least.min(others);
        others.saturating_sub(self.shared_least)
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

/// The number in a line of `status`, `smaps_rollup` or `meminfo`; 0 where there is none.
fn field(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// What no file backs, in memory and in swap, with shared pages divided among those who share them
/// (proc_pid_smaps(5)); counted whole where that cannot be read (proc_pid_status(5)).
fn proportional_bytes(process: i32) -> u64 {
    let rollup = text(&format!("/proc/{process}/smaps_rollup"));
    let kibibytes = if rollup.is_empty() {
        let state = text(&format!("/proc/{process}/status"));
        field(&state, "RssAnon:").saturating_add(field(&state, "VmSwap:"))
    } else {
        field(&rollup, "Pss_Anon:").saturating_add(field(&rollup, "SwapPss:"))
    };
    kibibytes.saturating_mul(1024)
}

/// Whether a process has memory that is shared without a file; one that hides what it has is taken to have some.
fn has_shared_memory(process: i32) -> bool {
    let file = match std::fs::File::open(format!("/proc/{process}/maps")) {
        Err(error) => return error.kind() == std::io::ErrorKind::PermissionDenied,
        Ok(file) => file,
    };
    let mut lines = BufReader::new(file.take(MAPS_BYTES_MAX)).split(b'\n').map_while(Result::ok);
    lines.any(|line| line.ends_with(SHARED_MEMORY))
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
