//! What runs. Command lines are left out: they can hold secrets, and any user of the machine chooses them.

use super::{HostError, Machine};
use crate::Finding;
use crate::finding::bytes_in_words;
use serde_json::json;
use std::fmt::Write as _;

/// The most processes that are looked at.
const LOOKED_AT_MAX: usize = 50_000;
/// Clock ticks a second in `/proc/PID/stat`: `USER_HZ` is 100 on every Linux (sysconf(3)).
const TICKS_A_SECOND: u64 = 100;

/// What the busiest processes are the busiest by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Memory they hold.
    Memory,
    /// Processor time they have used since they began.
    Time,
}

struct Process {
    id: u64,
    parent: u64,
    name: String,
    state: &'static str,
    user: Option<u64>,
    bytes: u64,
    seconds: u64,
    threads: u64,
}

impl Machine {
    /// The busiest processes.
    ///
    /// # Errors
    ///
    /// [`HostError`] when `/proc` cannot be listed.
    pub fn processes(&self, by: By, limit: usize) -> Result<Finding, HostError> {
        let path = self.path("/proc");
        let entries = std::fs::read_dir(&path).map_err(|source| HostError::Read { path, source })?;
        let ids = entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u64>().ok())
            .take(LOOKED_AT_MAX);
        let ids: Vec<u64> = ids.collect();
        let mut processes: Vec<Process> = ids.iter().filter_map(|id| self.process(*id)).collect();
        let hidden = ids.len().saturating_sub(processes.len());
        let total = processes.len();
        processes.sort_by_key(|process| {
            std::cmp::Reverse(match by {
                By::Memory => process.bytes,
                By::Time => process.seconds,
            })
        });
        processes.truncate(limit);
        let mut text = format!("{total} processes; the {} busiest:\n", processes.len());
        for process in &processes {
            let _ = writeln!(
                text,
                "{:>7}  {:>10}  {:>8} s  {}  {}",
                process.id,
                bytes_in_words(process.bytes),
                process.seconds,
                process.state,
                tools::visible(&process.name),
            );
        }
        let fields: Vec<_> = processes
            .iter()
            .map(|process| {
                json!({
                    "id": process.id, "parent": process.parent, "name": process.name, "state": process.state,
                    "user": process.user, "bytes": process.bytes, "seconds": process.seconds,
                    "threads": process.threads,
                })
            })
            .collect();
        Ok(Finding { fields: json!({"processes": fields, "total": total, "hidden": hidden}), text })
    }

    /// proc_pid_stat(5). The name stands in brackets and may itself hold brackets and spaces: the last one ends it.
    fn process(&self, id: u64) -> Option<Process> {
        let stat = self.table_if_there(&format!("/proc/{id}/stat"))?;
        let (before, after) = stat.rsplit_once(')')?;
        let name = before.split_once('(')?.1;
        let words: Vec<&str> = after.split_whitespace().collect();
        let number = |place: usize| words.get(place).and_then(|word| word.parse::<u64>().ok());
        let status = self.table_if_there(&format!("/proc/{id}/status")).unwrap_or_default();
        let of =
            |what: &str| status.lines().find_map(|line| line.strip_prefix(what))?.split_whitespace().next();
        let resident = of("VmRSS:").and_then(|kibibytes| kibibytes.parse::<u64>().ok()).unwrap_or(0);
        Some(Process {
            id,
            parent: number(1)?,
            name: name.to_string(),
            state: state(words.first()?),
            user: of("Uid:").and_then(|user| user.parse().ok()),
            bytes: resident.saturating_mul(1024),
            seconds: number(11)?.saturating_add(number(12)?) / TICKS_A_SECOND,
            threads: number(17).unwrap_or(1),
        })
    }
}

fn state(letter: &str) -> &'static str {
    match letter {
        "R" => "runs",
        "S" | "I" => "sleeps",
        "D" => "waits for a disk",
        "T" | "t" => "stopped",
        "Z" => "dead, not yet collected",
        _other => "other",
    }
}
