//! A disk that takes no more: nothing is done that is not on record, and the log goes on by itself when it can.
//!
//! Each case runs this program again in a mount namespace of its own, with a small file system.

use crate::NOW;
use crate::house::{House, Wish, intent, lines, segments, verify};
use audit::{Against, Error, KeySource, Kind, Log, NothingSecret, Record, Seq, State};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;

/// Set for the child: the home on the small disk.
const CHILD: &str = "HARDSHELL_AUDIT_TEST_SMALL_DISK";

fn home() -> Option<PathBuf> {
    std::env::var_os(CHILD).map(PathBuf::from)
}

fn open(home: &std::path::Path) -> Result<Log, Error> {
    let key = KeySource::File(home.join("audit.key"));
    Log::open(&home.join("audit"), &key, Arc::new(NothingSecret), NOW).map(|(log, _)| log)
}

/// Runs `test` of this program with the home on a tmpfs of `size`, after `setup`, and must see it pass.
fn on_small_disk(test: &str, size: &str, setup: &str) {
    let house = House::new();
    let home = house.temporary.path();
    let script = format!(
        "set -e; mount -t tmpfs -o size={size},mode=0700 tmpfs \"$1\"; {setup} exec \"$2\" --exact \"$3\" --nocapture"
    );
    #[expect(clippy::disallowed_methods, reason = "the child is this test itself, on a disk of its own")]
    let output = std::process::Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script, "sh"])
        .arg(home)
        .arg(std::env::current_exe().unwrap())
        .arg(test)
        .env(CHILD, home)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(
        output.status.success() && text.contains("1 passed") && text.contains("the case was run"),
        "{text}"
    );
}

fn check(
    home: &std::path::Path,
    key: audit::PublicKey,
    acknowledged: &BTreeMap<Seq, String>,
) -> audit::Report {
    let report = verify(&home.join("audit"), key, Against::default());
    assert_eq!(report.fault, None);
    let voids: BTreeMap<u32, u64> = report.closed.iter().map(|void| (void.segment, void.offset)).collect();
    let mut found = BTreeMap::new();
    for (number, path) in (1..).zip(segments(&home.join("audit"))) {
        let mut offset = 0;
        for line in lines(&path) {
            if voids.get(&number).is_none_or(|end| offset < *end) {
                let record = Record::parse(line.strip_suffix(b"\n").unwrap()).unwrap();
                found.insert(record.seq(), record);
            }
            offset += line.len() as u64;
        }
    }
    for (seq, command) in acknowledged {
        assert_eq!(found[seq].entry().unwrap(), Some(intent(command)));
    }
    let intents = found.values().filter(|record| record.kind() == Kind::Intent).count();
    assert_eq!(intents, acknowledged.len(), "what was refused is not in the chain");
    report
}

#[tokio::test]
async fn child_fills_the_disk() {
    let Some(home) = home() else { return };
    let log = open(&home).unwrap();
    let ballast = home.join("ballast");
    let mut acknowledged = BTreeMap::new();
    for round in 0..3 {
        // Of 24 MiB, six are left to the log in each round.
        fs::write(&ballast, vec![0; (3 - round) * (6 << 20)]).unwrap();
        let failure = loop {
            let command = format!("{round} {} {}", acknowledged.len(), "x".repeat(2000));
            match log.note(intent(&command), NOW).await {
                Ok(seq) => assert_eq!(acknowledged.insert(seq, command), None),
                Err(Error::Write(failure)) => break failure,
                Err(error) => panic!("{error}"),
            }
        };
        assert_eq!(failure.kind, ErrorKind::StorageFull);
        assert!(failure.to_string().contains("free some space"), "{failure}");
        assert_eq!(log.state(), State::Failed(failure));
        let before = segments(&home.join("audit")).len();
        for _ in 0..50 {
            assert!(log.record(Wish("no".into()), NOW).await.is_err(), "no record, no effect");
        }
        assert_eq!(segments(&home.join("audit")).len(), before, "trying does not litter the disk");
        fs::remove_file(&ballast).unwrap();
        let seq = log.note(intent("goes on"), NOW).await.unwrap();
        acknowledged.insert(seq, "goes on".into());
        assert_eq!(log.state(), State::Writing);
    }
    log.close();
    let report = check(&home, log.public_key(), &acknowledged);
    assert_eq!(report.closed.len(), 3);
    eprintln!("the case was run");
}

#[test]
fn a_full_disk_stops_effects_and_nothing_else() {
    on_small_disk("full::child_fills_the_disk", "24m", "");
}

#[tokio::test]
async fn child_meets_a_limit_in_the_middle_of_a_line() {
    let Some(home) = home() else { return };
    let log = open(&home).unwrap();
    let mut acknowledged = BTreeMap::new();
    let mut refused = 0;
    let limit = getrlimit(Resource::Fsize);
    for number in 0..400 {
        // Odd numbers, so that the last write stops in the middle of a line.
        setrlimit(Resource::Fsize, Rlimit { current: Some(20_001 + number % 7), maximum: limit.maximum })
            .unwrap();
        let command = format!("{number} {}", "x".repeat(usize::try_from(number).unwrap()));
        match log.note(intent(&command), NOW).await {
            Ok(seq) => assert_eq!(acknowledged.insert(seq, command), None),
            Err(Error::Write(_)) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    log.close();
    let report = check(&home, log.public_key(), &acknowledged);
    assert!(refused > 5, "{refused}");
    assert_eq!(report.closed.len(), refused);
    assert!(report.closed.iter().any(|void| void.length > 0), "a line was written half");
    eprintln!("the case was run");
}

#[test]
fn a_short_write_is_closed_off_and_the_record_refused() {
    // A shell that ignores the signal of the limit hands that on.
    on_small_disk("full::child_meets_a_limit_in_the_middle_of_a_line", "12m", "trap '' XFSZ;");
}

#[tokio::test]
async fn child_is_refused_everything_for_a_while() {
    let Some(home) = home() else { return };
    let log = open(&home).unwrap();
    let limit = getrlimit(Resource::Fsize);
    let mut acknowledged = BTreeMap::new();
    for round in 0..3 {
        let command = format!("before {round}");
        acknowledged.insert(log.note(intent(&command), NOW).await.unwrap(), command);
        let before = segments(&home.join("audit")).len();
        setrlimit(Resource::Fsize, Rlimit { current: Some(0), maximum: limit.maximum }).unwrap();
        for _ in 0..200 {
            assert!(log.record(Wish("no".into()), NOW).await.is_err(), "no record, no effect");
        }
        assert_eq!(segments(&home.join("audit")).len(), before, "trying begins no segment");
        setrlimit(Resource::Fsize, limit).unwrap();
    }
    let seq = log.note(intent("after"), NOW).await.unwrap();
    acknowledged.insert(seq, "after".into());
    assert!(!home.join("audit/trial.new").exists(), "what the disk was tried with is gone");
    log.close();
    let report = check(&home, log.public_key(), &acknowledged);
    assert_eq!(report.closed.len(), 3);
    eprintln!("the case was run");
}

#[test]
fn a_disk_that_takes_nothing_for_a_while_is_not_littered_and_used_again() {
    on_small_disk("full::child_is_refused_everything_for_a_while", "12m", "trap '' XFSZ;");
}

#[test]
fn child_finds_the_disk_read_only() {
    let Some(home) = home() else { return };
    match open(&home) {
        Err(Error::Io { step: "create", source, .. }) => {
            assert_eq!(source.kind(), ErrorKind::ReadOnlyFilesystem)
        }
        other => panic!("{other:?}"),
    }
    eprintln!("the case was run");
}

#[test]
fn a_read_only_disk_is_said_so() {
    on_small_disk("full::child_finds_the_disk_read_only", "12m", "mount -o remount,bind,ro \"$1\";");
}
