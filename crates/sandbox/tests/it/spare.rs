//! No line of the filter is spare: each names programs, and one of them is seen to need it while it works in a sandbox.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use sandbox::{AllowedCall, Caps, Helper, Level, Sandbox, allowed_calls};

use crate::house::run;
use crate::works::WORKS;

/// A call that was seen: its name and its arguments.
type Seen = (String, [u64; 6]);

/// A helper that is watched: `strace` follows everything that it starts, from outside, and writes what it sees.
fn watched(folder: &Path) -> Helper {
    let script = folder.join("helper");
    let own = env!("CARGO_BIN_EXE_sandbox-helper");
    let log = folder.join("log");
    // `-D` leaves the process that was started in its place; `raw` shows arguments as numbers.
    let line =
        format!("#!/bin/sh\nexec strace -D -f -q -X raw -e raw=all -o {} {own} \"$@\"\n", log.display());
    std::fs::write(&script, line).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    Helper::at(&script)
}

/// What the command and everything that it started called, once its filter was in force.
fn calls_of_the_command(log: &str) -> Vec<Seen> {
    let mut outside: BTreeSet<&str> = BTreeSet::new();
    let mut command: Option<&str> = None;
    let mut begun: BTreeMap<&str, String> = BTreeMap::new();
    let mut seen = Vec::new();
    for line in log.lines() {
        let Some((process, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        if command.is_none() {
            outside.insert(process);
        }
        let whole = if let Some((start, _)) = rest.split_once(" <unfinished ...>") {
            begun.insert(process, start.to_owned());
            continue;
        } else if let Some((_, end)) = rest.split_once(" resumed>") {
            format!("{}{end}", begun.remove(process).unwrap_or_default())
        } else {
            rest.to_owned()
        };
        let Some((name, after)) = whole.split_once('(') else { continue };
        let Some((arguments, answer)) = after.rsplit_once(") ").map(|(left, right)| (left, right.trim()))
        else {
            continue;
        };
        let mut numbers = [0; 6];
        for (slot, text) in numbers.iter_mut().zip(arguments.split(", ")) {
            *slot = number(text);
        }
        // Who comes after the command was started by it: the others start nothing more.
        if command.is_some() && (command == Some(process) || !outside.contains(process)) {
            seen.push((name.to_owned(), numbers));
        }
        let answer = answer.trim_start_matches("= ").split_whitespace().next().map_or(0, number);
        // SECCOMP_SET_MODE_FILTER, with success: the last thing that a command does before it is one.
        if name == "seccomp" && numbers[0] == 1 && answer < 1 << 31 {
            command = command.or(Some(process));
        }
    }
    seen
}

fn number(text: &str) -> u64 {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).unwrap_or(0),
        None => text.parse::<i64>().map_or(0, i64::cast_unsigned),
    }
}

/// Waits until the tracer has written the end of every process.
fn whole_log(path: &Path) -> String {
    let begun = Instant::now();
    loop {
        let log = std::fs::read_to_string(path).unwrap_or_default();
        let processes: BTreeSet<&str> = log.lines().filter_map(|line| line.split(' ').next()).collect();
        let ended = log.lines().filter(|line| line.contains("+++ exited") || line.contains("+++ killed"));
        if !processes.is_empty() && ended.count() >= processes.len() {
            return log;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "the tracer does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Which lines allowed what was seen.
fn lines_used(lines: &[AllowedCall], seen: &[Seen]) -> BTreeSet<usize> {
    let used = |line: &AllowedCall| {
        seen.iter().any(|(name, arguments)| line.name == name && line.admits(*arguments))
    };
    lines.iter().enumerate().filter(|(_, line)| used(line)).map(|(place, _)| place).collect()
}

#[tokio::test]
async fn no_line_of_the_filter_is_spare() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::probe_with(watched(folder.path()), Caps::default()).await.unwrap();
    assert!(sandbox.isolation().level >= Level::FullSoft, "{:?}", sandbox.isolation());
    let mut lines = allowed_calls(sandbox.isolation().level);
    // What the weaker level narrows is seen to be used in that form too.
    let known: BTreeSet<String> = lines.iter().map(|line| format!("{line:?}")).collect();
    let narrowed = allowed_calls(Level::Landlock).into_iter();
    lines.extend(narrowed.filter(|line| !known.contains(&format!("{line:?}"))));
    let mut used: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    let mut values: BTreeSet<(String, usize, u64)> = BTreeSet::new();
    for work in WORKS {
        let log = folder.path().join("log");
        whole_log(&log);
        std::fs::remove_file(&log).unwrap();
        let report = run(&sandbox, work.spec()).await;
        assert!(work.is_done(&report), "{} {}: {report:?}", work.program, work.name);
        let seen = calls_of_the_command(&whole_log(&log));
        assert!(!seen.is_empty(), "the tracer saw nothing of `{}`", work.name);
        for (name, arguments) in &seen {
            values.extend((0..6).map(|place| (name.clone(), place, arguments[place] & u64::from(u32::MAX))));
        }
        used.entry(work.program).or_default().extend(lines_used(&lines, &seen));
    }
    let mut wrong = Vec::new();
    for (place, line) in lines.iter().enumerate() {
        let need = |program: &&str| used.get(*program).is_some_and(|used| used.contains(&place));
        let named: Vec<&str> = line.programs.split_whitespace().collect();
        let idle: Vec<&&str> = named.iter().filter(|program| !need(program)).collect();
        if named.is_empty() || !idle.is_empty() {
            let others: Vec<&str> = used.keys().copied().filter(|program| need(program)).collect();
            wrong.push(format!("{}: {idle:?} never used it; {others:?} did", line.name));
        }
    }
    for line in &lines {
        let Some((argument, choices)) = line.choices() else { continue };
        let place = usize::try_from(argument).unwrap();
        let chosen = |choice: &&u32| values.contains(&(line.name.to_owned(), place, u64::from(**choice)));
        let idle: Vec<String> =
            choices.iter().filter(|choice| !chosen(choice)).map(|c| format!("{c:#x}")).collect();
        if !idle.is_empty() {
            wrong.push(format!("{}: nothing asked for {idle:?}", line.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a program is not seen to call is found.
#[test]
fn a_line_that_nothing_needs_is_found() {
    let lines = allowed_calls(Level::Full);
    let log = "7 seccomp(0x1, 0x8, 0x7f) = 0x3\n7 read(0x3, 0x7f, 0x1) = 0x1\n8 socket(0x2, 0x1, 0) = 0x4\n\
               8 openat(0xffffff9c, 0x7f, 0x42, 0x1ff <unfinished ...>\n8 <... openat resumed>) = 0x5\n";
    let seen = calls_of_the_command(log);
    let used = lines_used(&lines, &seen);
    let shown: Vec<(&str, &str)> =
        used.iter().map(|place| (lines[*place].name, lines[*place].reason)).collect();
    assert_eq!(
        shown,
        [
            ("read", "reads"),
            ("openat", "opens; no set-id bits on what it makes"),
            ("socket", "the loopback of the sandbox, TCP and UDP alone"),
        ]
    );
}
