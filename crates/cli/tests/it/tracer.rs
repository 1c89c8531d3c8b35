//! Starts the program under `strace`, which makes chosen system calls fail, or kills at one of them. It works on the
//! calls themselves, so nothing slips past it as past a preloaded library.

use std::path::{Path, PathBuf};

/// How many segments of the log a run may have.
const SEGMENTS: u32 = 12;

/// Whose calls are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// Those on the audit log's segments and their folder.
    Log,
    /// Those on the database and its companions.
    Store,
    /// Those of the program and everything it starts. The program is closed to its own user: only root sees which
    /// files its calls are on, and only these can be meant by anybody else.
    Everything,
}

/// What is done to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    /// It fails with this error of the system.
    Fails(&'static str),
    /// The program is killed at it.
    Kills,
    /// Nothing: it is counted.
    None,
}

/// How many of the calls are meant. Each thread counts its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// This one alone, from 1.
    One(u64),
    /// This one and all after it.
    From(u64),
}

/// A fault.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// The system calls, as `strace` names them.
    pub calls: &'static str,
    pub harm: Harm,
    pub which: Which,
    pub on: On,
}

/// Where what `strace` saw is written.
pub fn trace_of(home: &Path) -> PathBuf {
    home.with_extension("trace")
}

impl Fault {
    /// What the program is started by, so that the fault comes. The program stays the child of whoever starts it.
    pub fn wrapper(self, home: &Path) -> Vec<String> {
        let mut line = ["strace", "-D", "-f", "-qq", "-e", "signal=none", "-o"].map(str::to_string).to_vec();
        line.push(trace_of(home).display().to_string());
        line.extend(["-e".to_string(), format!("trace={}", self.calls)]);
        let which = match self.which {
            Which::One(number) => format!("{number}"),
            Which::From(number) => format!("{number}+"),
        };
        match self.harm {
            Harm::Fails(error) => {
                line.extend(["-e".into(), format!("inject={}:error={error}:when={which}", self.calls)]);
            }
            Harm::Kills => {
                line.extend(["-e".into(), format!("inject={}:signal=KILL:when={which}", self.calls)])
            }
            Harm::None => {}
        }
        for path in self.on.paths(home) {
            line.extend(["-P".to_string(), path.display().to_string()]);
        }
        line
    }
}

impl On {
    fn paths(self, home: &Path) -> Vec<PathBuf> {
        match self {
            Self::Everything => Vec::new(),
            Self::Log => {
                let folder = home.join("audit");
                let of = |ending: &'static str| {
                    let folder = folder.clone();
                    (1..=SEGMENTS).map(move |number| folder.join(format!("segment-{number:08}.{ending}")))
                };
                let packed = ["jsonl.gz", "jsonl.packing", "index"].into_iter().flat_map(of);
                of("jsonl").chain(packed).chain([folder.join("trial.new"), folder.clone()]).collect()
            }
            Self::Store => ["state.db", "state.db-wal", "state.db-shm"].map(|name| home.join(name)).to_vec(),
        }
    }
}

/// Whether a call was made to fail.
pub fn has_failed_one(home: &Path) -> bool {
    std::fs::read_to_string(trace_of(home)).unwrap_or_default().contains("(INJECTED)")
}

/// The most calls of one kind that one thread made, as far as they were seen: what injects counts each system call of
/// each thread apart.
pub fn most_of_one_thread(home: &Path) -> u64 {
    let mut counts = std::collections::BTreeMap::<Vec<String>, u64>::new();
    for line in std::fs::read_to_string(trace_of(home)).unwrap_or_default().lines() {
        if let Some((thread_and_call, _)) = line.split_once('(')
            && !line.contains("resumed>")
        {
            let key = thread_and_call.split_whitespace().map(str::to_string).collect();
            let count = counts.entry(key).or_default();
            *count = count.wrapping_add(1);
        }
    }
    counts.into_values().max().unwrap_or(0)
}
