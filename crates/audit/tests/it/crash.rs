//! What a process that was killed leaves behind, and how the next one goes on.

use crate::NOW;
use crate::house::{House, copy, intent, lines, note, segments, verify};
use audit::{Against, Error, KeySource, Kind, Log, NothingSecret, Record, Seq, Wrong};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

/// Set for the child: where the log is.
const CHILD: &str = "HARDSHELL_AUDIT_TEST_CHILD";

/// Not a test of its own: what the killed child runs. Without [`CHILD`] it does nothing.
#[test]
fn child_that_records_until_it_is_killed() {
    let Some(home) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    let key = KeySource::File(home.join("audit.key"));
    let (log, _) = Log::open(&home.join("audit"), &key, Arc::new(NothingSecret), NOW).unwrap();
    let log = Arc::new(log);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    for writer in 0..8 {
        let log = Arc::clone(&log);
        runtime.spawn(async move {
            for number in 0_u64.. {
                let command = format!("{} {writer} {number}", std::process::id());
                let seq = log.note(intent(&command), NOW).await.unwrap();
                // One write each, so that a line is whole or not there.
                std::io::stdout().write_all(format!("ack {seq} {command}\n").as_bytes()).unwrap();
            }
        });
    }
    runtime.block_on(std::future::pending::<()>());
}

/// Every record of a log, by place.
fn records(folder: &Path) -> BTreeMap<Seq, Record> {
    segments(folder)
        .iter()
        .flat_map(|path| lines(path))
        .filter_map(|line| Record::parse(line.strip_suffix(b"\n")?).ok())
        .map(|record| (record.seq(), record))
        .collect()
}

#[test]
fn nothing_that_was_acknowledged_is_lost_to_a_kill() {
    let house = House::new();
    let mut acknowledged = BTreeMap::new();
    for round in 0..20_usize {
        #[expect(clippy::disallowed_methods, reason = "the child that is killed is this test itself")]
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::child_that_records_until_it_is_killed", "--nocapture"])
            .env(CHILD, house.temporary.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut seen = 0;
        for line in lines.by_ref() {
            seen += usize::from(take(&line.unwrap(), &mut acknowledged));
            if seen > 20 + round * 17 {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines {
            take(&line.unwrap(), &mut acknowledged);
        }
        let (log, opened) = house.open(NOW);
        assert_eq!(opened.damaged, [], "a kill is not tampering");
        log.close();
        assert_eq!(house.verify(log.public_key()).fault, None);
    }
    let records = records(&house.folder());
    assert!(acknowledged.len() > 2000, "{}", acknowledged.len());
    for (seq, command) in acknowledged {
        assert_eq!(records[&seq].entry().unwrap(), Some(intent(&command)));
    }
}

fn take(line: &str, acknowledged: &mut BTreeMap<Seq, String>) -> bool {
    let Some((seq, command)) = line.strip_prefix("ack ").and_then(|rest| rest.split_once(' ')) else {
        return false;
    };
    acknowledged.insert(Seq(seq.parse().unwrap()), command.to_string());
    true
}

#[tokio::test]
async fn a_tail_torn_at_any_byte_is_closed_and_nothing_whole_is_lost() {
    let house = House::new();
    let (log, _) = house.open(NOW);
    for number in 0..3 {
        note(&log, &format!("command {number}"), NOW).await;
    }
    let key = log.public_key();
    let path = segments(&house.folder()).pop().unwrap();
    let bytes = fs::read(&path).unwrap();
    drop(log);
    let name = path.file_name().unwrap();
    let temporary = tempfile::tempdir_in("/dev/shm").unwrap();
    for cut in 0..=bytes.len() {
        let folder = temporary.path().join(cut.to_string());
        copy(&house.folder(), &folder);
        fs::write(folder.join(name), &bytes[..cut]).unwrap();
        let whole = bytes[..cut].iter().filter(|byte| **byte == b'\n').count();
        let torn = bytes[..cut].last().is_some_and(|byte| *byte != b'\n') || cut == 0;

        let report = verify(&folder, key, Against::default());
        assert_eq!((report.fault, report.open_tear.is_some()), (None, torn), "before, cut at {cut}");
        let (log, opened) = Log::open(&folder, &house.key(), Arc::new(NothingSecret), NOW).unwrap();
        assert_eq!((opened.torn.len(), opened.damaged.len()), (usize::from(torn), 0), "cut at {cut}");
        let last = opened.last.map_or(0, |last| last.0);
        assert_eq!(last, whole as u64, "cut at {cut}");
        let next = log.note(intent("after"), NOW).await.unwrap();
        log.close();
        assert!(next.0 > last);
        let report = verify(&folder, key, Against::default());
        assert_eq!((report.fault, report.closed.len()), (None, usize::from(torn)), "after, cut at {cut}");
        assert!(
            fs::read(folder.join(name)).unwrap().starts_with(&bytes[..cut]),
            "nothing is ever taken away"
        );
        fs::remove_dir_all(&folder).unwrap();
    }
}

#[tokio::test]
async fn what_a_failing_disk_leaves_at_the_end_is_no_change_by_somebody() {
    let house = House::new();
    let (log, _) = house.open(NOW);
    note(&log, "before", NOW).await;
    let key = log.public_key();
    drop(log);
    let first = segments(&house.folder()).pop().unwrap();
    let header = lines(&first).remove(0);
    // A record that was cut short, a segment that got no byte, one that got half its header.
    let mut file = fs::File::options().append(true).open(&first).unwrap();
    file.write_all(&header[..30]).unwrap();
    for (name, bytes) in [("segment-00000002.jsonl", &[][..]), ("segment-00000003.jsonl", &header[..20])] {
        let path = house.folder().join(name);
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    // And what the disk was tried with, when nothing could be removed either.
    let trial = house.folder().join("trial.new");
    fs::write(&trial, "trial.new").unwrap();
    let report = house.verify(key);
    assert_eq!((report.fault, report.open_tear.map(|void| void.segment)), (None, Some(1)));
    let (log, opened) = house.open(NOW);
    assert_eq!((opened.torn.len(), opened.damaged.len()), (3, 0));
    assert!(!trial.exists());
    note(&log, "after", NOW).await;
    log.close();
    let report = house.verify(key);
    assert_eq!((report.fault, report.closed.len(), report.open_tear), (None, 3, None));
    // What is closed on record must stay, even without a byte in it.
    fs::remove_file(house.folder().join("segment-00000002.jsonl")).unwrap();
    assert!(house.verify(key).fault.is_some());
}

#[tokio::test]
async fn a_changed_end_is_not_taken_for_a_torn_one() {
    let house = House::new();
    let (log, _) = house.open(NOW);
    for number in 0..5 {
        note(&log, &format!("command {number}"), NOW).await;
    }
    let key = log.public_key();
    drop(log);
    let path = segments(&house.folder()).pop().unwrap();
    let all = lines(&path);
    // Each line of the segment in turn, the last signature included.
    for at in 0..all.len() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().join("audit");
        copy(&house.folder(), &folder);
        let mut spoiled = all.clone();
        spoiled[at][20] ^= 1;
        fs::write(folder.join(path.file_name().unwrap()), spoiled.concat()).unwrap();
        assert!(verify(&folder, key, Against::default()).fault.is_some());
        let (log, opened) = Log::open(&folder, &house.key(), Arc::new(NothingSecret), NOW).unwrap();
        assert_eq!((opened.torn.len(), opened.damaged.len()), (0, 1), "line {at}");
        // The log goes on, so that what follows is on record too, and never again claims to be whole.
        log.note(intent("after"), NOW).await.unwrap();
        log.close();
        let fault = verify(&folder, key, Against::default()).fault.unwrap();
        assert_eq!((fault.seq.0, fault.what), (at as u64 + 1, Wrong::Damaged));
    }
}

#[tokio::test]
async fn a_clean_stop_leaves_nothing_unsigned_and_a_kill_says_how_much() {
    let house = House::new();
    let (log, _) = house.open(NOW);
    note(&log, "one", NOW).await;
    let checkpoint = log.checkpoint().await.unwrap();
    assert!(log.public_key().signed(&checkpoint));
    note(&log, "two", NOW).await;
    // As after a kill: a copy of the folder while the log is open.
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("audit");
    copy(&house.folder(), &folder);
    let (copied, opened) = Log::open(&folder, &house.key(), Arc::new(NothingSecret), NOW).unwrap();
    assert_eq!((opened.unsigned, opened.checkpoint), (1, Some(checkpoint)));
    drop(copied);
    log.close();
    drop(log);
    let (log, opened) = house.open(NOW);
    assert_eq!(opened.unsigned, 0);
    let records = records(&house.folder());
    assert_eq!(
        records.values().filter(|record| record.kind() == Kind::Open).count(),
        2,
        "every start is on record"
    );
    drop(log);
}

#[tokio::test]
async fn signatures_come_by_number_without_being_asked_for() {
    let house = House::new();
    let (log, _) = house.open(NOW);
    for number in 0..600 {
        note(&log, &number.to_string(), NOW).await;
    }
    let signed = records(&house.folder()).values().filter(|record| record.kind() == Kind::Checkpoint).count();
    assert!(signed >= 2, "{signed}");
    let result = log.record(crate::house::Wish("x".into()), NOW).await;
    assert!(!matches!(result, Err(Error::Closed)));
}
