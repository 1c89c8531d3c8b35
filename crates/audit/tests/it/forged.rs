//! Somebody who can write the files, and has no key, writes the log anew: a check says so, and so does the next start.

use crate::NOW;
use crate::chain::rehash;
use crate::house::{House, copy, intent, lines, note, segments, verify};
use audit::{Against, Hash, Kind, Log, Opened, Record, Seq, Wrong};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(25 * 3600);

fn record(line: &[u8]) -> Record {
    Record::parse(line.strip_suffix(b"\n").unwrap()).unwrap()
}

/// A log of three days with `count` records a day.
async fn filled(house: &House, count: u64) -> Log {
    let (log, _) = house.open(NOW);
    for day in 0..3 {
        for number in 0..count {
            note(&log, &format!("command {day}.{number}"), NOW.after(DAY * day)).await;
        }
    }
    log
}

/// Writes every segment anew without the records that `goes` names: renumbered, and each chained to the one before.
fn rewrite(folder: &Path, goes: impl Fn(&Record) -> bool) {
    let mut last: Option<(Seq, Hash)> = None;
    for path in segments(folder) {
        let mut written = Vec::new();
        for line in lines(&path) {
            let was = record(&line);
            if goes(&was) {
                continue;
            }
            let (seq, prev) = last.map_or((was.seq(), was.prev()), |(seq, hash)| (seq.next(), hash));
            let line = rehash(&line, |body| {
                let rest = &body[body.find("\",\"kind\"").unwrap()..];
                format!("{{\"v\":1,\"seq\":{seq},\"time\":{},\"prev\":\"{prev}{rest}", was.time().0)
            });
            last = Some((seq, record(&line).hash()));
            written.extend_from_slice(&line);
        }
        fs::write(&path, written).unwrap();
    }
}

fn is_signature(record: &Record) -> bool {
    record.kind() == Kind::Checkpoint
}

/// Starts on the log, stops, and tells what was found at the start.
async fn start(house: &House) -> Opened {
    let (log, opened) = house.open(NOW.after(DAY * 2));
    note(&log, "after", NOW.after(DAY * 2)).await;
    log.close();
    opened
}

#[tokio::test]
async fn a_log_written_anew_without_signatures_is_found_at_the_next_signature_that_is_due() {
    // In one segment, over a rotation, and in the last segment alone.
    for (count, from, at) in [(600, 0, 514), (100, 0, 103), (600, 1208, 1722)] {
        let house = House::new();
        let log = filled(&house, count).await;
        let key = log.public_key();
        log.close();
        assert_eq!(house.verify(key).fault, None);
        rewrite(&house.folder(), |record| is_signature(record) && record.seq().0 > from);
        let fault = house.verify(key).fault.unwrap();
        assert!(matches!(fault.what, Wrong::Unsigned { .. }), "{fault}");
        if from == 0 {
            assert_eq!((fault.seq, fault.what.clone()), (Seq(at), Wrong::Unsigned { since: Seq(1) }));
        }
        let opened = start(&house).await;
        assert_eq!(opened.damaged.len(), 1, "the start does not go on as if nothing was: {opened:?}");
        assert!(opened.torn.is_empty());
        assert_eq!(house.verify(key).fault, Some(fault), "a signature over it makes it no better");
    }
}

#[tokio::test]
async fn a_start_over_a_segment_that_was_left_unsigned_at_its_end_is_no_plain_start() {
    let house = House::new();
    let log = filled(&house, 10).await;
    let key = log.public_key();
    log.close();
    // The last segment begins, and nothing after the signatures of the second one is there.
    let second = record(lines(&segments(&house.folder())[1]).last().unwrap()).seq();
    rewrite(&house.folder(), |record| is_signature(record) && record.seq() >= second);
    let last = segments(&house.folder())[2].clone();
    let first = record(&lines(&last)[0]).seq();
    let fault = house.verify(key).fault.unwrap();
    assert_eq!((fault.seq, fault.path), (first, last));
    assert!(matches!(fault.what, Wrong::Unsigned { .. }));
    assert_eq!(start(&house).await.damaged.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_kill_leaves_unsigned_is_no_forgery_however_many_write() {
    let house = House::new();
    let (log, _) = house.open(NOW);
    let log = Arc::new(log);
    let key = log.public_key();
    for round in 0..5_u32 {
        let writers: Vec<_> = (0..3000)
            .map(|number| {
                let log = Arc::clone(&log);
                tokio::spawn(async move { log.note(intent(&format!("{round} {number}")), NOW).await })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap().unwrap();
        }
        // As after a kill, and after several: a copy of the folder while the log is open.
        let killed = House::new();
        copy(&house.folder(), &killed.folder());
        fs::copy(house.temporary.path().join("audit.key"), killed.temporary.path().join("audit.key"))
            .unwrap();
        for _ in 0..3 {
            assert_eq!(killed.verify(key).fault, None);
            let (again, opened) = killed.open(NOW);
            assert_eq!(opened.damaged, []);
            note(&again, "after", NOW).await;
            let next = tempfile::tempdir().unwrap();
            copy(&killed.folder(), &next.path().join("audit"));
            assert_eq!(verify(&next.path().join("audit"), key, Against::default()).fault, None);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_that_the_key_did_not_put_on_record_does_not_count() {
    let house = House::new();
    let log = filled(&house, 10).await;
    let key = log.public_key();
    log.close();
    let all = segments(&house.folder());
    let last = record(lines(&all[2]).last().unwrap());
    let first = record(&lines(&all[2])[0]);
    let line = format!(
        "{{\"v\":1,\"seq\":{},\"time\":{},\"prev\":\"{}\",\"kind\":\"pruned\",\"first_segment\":1,\"last_segment\":2,\"last_seq\":{},\"last_hash\":\"{}\",\"last_time\":{},\"hash\":\"\"}}\n",
        last.seq().next(),
        last.time().0,
        last.hash(),
        first.seq().0 - 1,
        first.prev(),
        first.time().0
    );
    let forged = rehash(line.as_bytes(), |body| body);
    fs::write(&all[2], [fs::read(&all[2]).unwrap(), forged].concat()).unwrap();
    fs::remove_file(&all[0]).unwrap();
    fs::remove_file(&all[1]).unwrap();
    let fault = house.verify(key).fault.unwrap();
    assert_eq!((fault.seq, fault.what), (first.seq(), Wrong::StartMissing));
    // Nor when the next start has signed the chain with it.
    start(&house).await;
    assert_eq!(house.verify(key).fault.unwrap().what, Wrong::StartMissing);
}
