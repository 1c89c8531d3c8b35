//! The ends of logs: text files below `/var/log`.

use super::{HostError, Machine};
use crate::Finding;
use crate::moment;
use sandbox::{FileKind, Found, Within};
use serde_json::json;
use std::fmt::Write as _;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

/// How much of the end of a log is read, in bytes.
const TAIL_BYTES: u64 = 1024 * 1024;
/// The longest line, in characters.
const LINE_CHARS_MAX: usize = 2_000;
/// The most logs that are listed.
const LOGS_MAX: usize = 200;
/// How deep below `/var/log` logs are looked for.
const DEPTH_MAX: usize = 2;
/// What the system's own log is called, by distribution.
const SYSTEM_LOGS: [&str; 3] = ["syslog", "messages", "daemon.log"];
/// Endings of files that are no text.
const NO_TEXT: [&str; 7] = [".gz", ".xz", ".zst", ".bz2", ".journal", ".journal~", ".old"];

impl Machine {
    /// The last `lines` lines of the system's log, or of what `unit` names: a log file (`nginx/error.log`), a folder of
    /// one (`nginx`), or a service, whose lines are picked out of the system's log. Also, which logs there are.
    ///
    /// # Errors
    ///
    /// [`HostError::NoSuchLog`] with those there are; [`HostError::LogsClosed`] when none may be read.
    pub fn logs(&self, unit: Option<&str>, lines: usize) -> Result<Finding, HostError> {
        let folder = self.path("/var/log");
        let within = Within::open(&folder).map_err(|_closed| HostError::LogsClosed)?;
        let mut logs = Vec::new();
        find(&within, Path::new("."), 0, &mut logs);
        logs.sort_by_key(|(_, found)| std::cmp::Reverse(found.modified_seconds));
        logs.truncate(LOGS_MAX);
        let names: Vec<String> = logs.iter().map(|(path, _)| path.to_string_lossy().into_owned()).collect();
        let (log, only) = choose(unit, &names).ok_or_else(|| HostError::NoSuchLog {
            unit: unit.unwrap_or("the system").to_string(),
            logs: names.clone(),
        })?;
        let text = tail(&within, Path::new(&log)).ok_or(HostError::LogsClosed)?;
        let all: Vec<&str> =
            text.lines().filter(|line| only.as_ref().is_none_or(|unit| is_of(line, unit))).collect();
        let skip = all.len().saturating_sub(lines);
        let shown: Vec<String> =
            all.into_iter().skip(skip).map(|line| line.chars().take(LINE_CHARS_MAX).collect()).collect();
        let mut said = format!("The last {} lines of /var/log/{}:\n", shown.len(), tools::visible(&log));
        for line in &shown {
            let _ = writeln!(said, "{}", tools::visible(line));
        }
        let listed: Vec<_> = logs
            .iter()
            .map(|(path, found)| {
                json!({"name": path.to_string_lossy(), "bytes": found.bytes, "modified": moment::of_seconds(found.modified_seconds)})
            })
            .collect();
        if unit.is_none() {
            let changed =
                names.iter().take(10).map(|name| tools::visible(name)).collect::<Vec<_>>().join(", ");
            let _ = writeln!(said, "Logs that changed last: {changed}");
        }
        Ok(Finding { fields: json!({"lines": shown, "from": log, "logs": listed}), text: said })
    }
}

fn find(within: &Within, folder: &Path, depth: usize, logs: &mut Vec<(PathBuf, Found)>) {
    let Ok(entries) = within.list(folder, sandbox::ENTRIES_MAX) else { return };
    for entry in entries {
        let Some(name) = entry.name.to_str().filter(|name| !name.chars().any(char::is_control)) else {
            continue;
        };
        let path = if folder == Path::new(".") { PathBuf::from(name) } else { folder.join(name) };
        let is_text = !NO_TEXT.iter().any(|ending| name.ends_with(ending)) && !is_rotated(name);
        match entry.found.kind {
            FileKind::Folder if depth < DEPTH_MAX => find(within, &path, depth.saturating_add(1), logs),
            FileKind::File if is_text && logs.len() < 10_000 => logs.push((path, entry.found)),
            FileKind::File
            | FileKind::Folder
            | FileKind::Link
            | FileKind::Pipe
            | FileKind::Socket
            | FileKind::Device => {}
        }
    }
}

fn is_rotated(name: &str) -> bool {
    name.rsplit('.')
        .next()
        .is_some_and(|end| !end.is_empty() && end.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Which file to read, and, for a service without one, whose lines of it.
fn choose(unit: Option<&str>, names: &[String]) -> Option<(String, Option<String>)> {
    let has = |name: &str| names.iter().find(|known| *known == name).cloned();
    let system = || SYSTEM_LOGS.into_iter().find_map(has);
    let Some(unit) = unit else { return system().or_else(|| names.first().cloned()).map(|log| (log, None)) };
    let unit = unit.trim_start_matches("/var/log/");
    let service = unit.strip_suffix(".service").unwrap_or(unit);
    let file = has(unit)
        .or_else(|| has(&format!("{service}.log")))
        .or_else(|| has(&format!("{service}/error.log")))
        .or_else(|| names.iter().find(|name| name.starts_with(&format!("{service}/"))).cloned());
    match file {
        Some(file) => Some((file, None)),
        None => system().map(|log| (log, Some(service.to_string()))),
    }
}

/// Whether a syslog line is of `service`: its tag is `service[123]:` or `service:`.
fn is_of(line: &str, service: &str) -> bool {
    line.split_whitespace().take(6).any(|word| {
        let tag = word.trim_end_matches(':');
        let tag = tag.split_once('[').map_or(tag, |(name, _)| name);
        word.ends_with(':') && tag == service
    })
}

fn tail(within: &Within, path: &Path) -> Option<String> {
    let mut file = within.open_file(path).ok()?;
    let length = file.metadata().ok()?.len();
    let start = length.saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(start)).ok()?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    // What stands before the first line break may be half a line.
    Some(if start == 0 {
        text
    } else {
        text.split_once('\n').map_or(String::new(), |(_, rest)| rest.to_string())
    })
}
