//! Closed segments are packed, old ones go, and what is left is still proved.

use crate::NOW;
use crate::house::{House, note, verify};
use audit::{Against, Kind, Log, Record, Retention, Wrong, newest};
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(25 * 3600);

/// A log of five days with `count` entries a day, one a second.
async fn filled(house: &House, count: u64) -> Log {
    let (log, _) = house.open(NOW);
    for day in 0..5 {
        for number in 0..count {
            note(&log, &format!("command {number}"), NOW.after(DAY * day).after(Duration::from_secs(number)))
                .await;
        }
    }
    log
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    paths.retain(|path| path.to_string_lossy().ends_with(ending));
    paths.sort();
    paths
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_are_the_same_plain_and_packed() {
    let house = House::new();
    let log = filled(&house, 20).await;
    let read = |most| {
        let found = newest(&house.folder(), &[Kind::Intent], most).unwrap();
        found.iter().map(|record| record.seq().0).collect::<Vec<_>>()
    };
    let plain = read(1000);
    assert_eq!(plain.len(), 100);
    assert!(plain.is_sorted_by(|one, next| one > next), "{plain:?}");
    assert_eq!(tokio::task::block_in_place(|| log.tidy(Retention::default(), NOW)).unwrap().packed, 4);
    assert_eq!(read(1000), plain);
    assert_eq!(read(30), plain[..30], "the newest, across segments");
    assert_eq!(newest(&house.folder(), &[Kind::Outcome], 5).unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_segments_go_and_the_rest_is_still_proved() {
    let house = House::new();
    let log = filled(&house, 20).await;
    let folder = house.folder();
    let now = NOW.after(DAY * 5);
    for segment in audit::segments(&folder).unwrap().iter().take(5) {
        fs::write(segment.index_path(), b"").unwrap();
    }
    let tidy = |retention| tokio::task::block_in_place(|| log.tidy(retention, now)).unwrap();
    assert_eq!(tidy(Retention { age: Some(DAY * 90), bytes: Some(1 << 30) }).removed, 0);
    let tidied = tidy(Retention { age: Some(DAY * 3), bytes: None });
    assert_eq!(tidied.removed, 1);
    let report = verify(&folder, log.public_key(), Against::default());
    assert_eq!((report.fault, report.pruned), (None, tidied.pruned));
    let tidied = tidy(Retention { age: None, bytes: Some(1) });
    // The record of the first removal began a sixth segment.
    assert_eq!(tidied.removed, 4, "the segment that is written stays");
    let checkpoint = log.checkpoint().await.unwrap();
    note(&log, "after", now).await;
    log.close();
    let report = verify(&folder, log.public_key(), Against { elsewhere: &[checkpoint], since: None });
    assert_eq!((report.fault, report.pruned), (None, tidied.pruned));
    assert!(files(&folder, ".index").is_empty(), "what lay beside a segment went with it");
    assert_eq!(newest(&folder, &[Kind::Pruned], 10).unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_somebody_removed_is_missed() {
    let house = House::new();
    let log = filled(&house, 20).await;
    let folder = house.folder();
    tokio::task::block_in_place(|| log.tidy(Retention::default(), NOW)).unwrap();
    log.close();
    fs::remove_file(&files(&folder, ".jsonl.gz")[0]).unwrap();
    assert_eq!(
        verify(&folder, log.public_key(), Against::default()).fault.unwrap().what,
        Wrong::StartMissing
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_packed_segment_that_was_changed_is_found() {
    let house = House::new();
    let log = filled(&house, 20).await;
    let folder = house.folder();
    tokio::task::block_in_place(|| log.tidy(Retention::default(), NOW)).unwrap();
    log.close();
    let path = files(&folder, ".jsonl.gz")[1].clone();
    let whole = fs::read(&path).unwrap();
    for at in [0, 5, 17, 30, 200, whole.len() - 5] {
        let mut broken = whole.clone();
        broken[at] ^= 1;
        fs::write(&path, &broken).unwrap();
        let report = verify(&folder, log.public_key(), Against::default());
        // Some bytes of a gzip header say nothing about the contents: the time, the system, our own length.
        assert!(report.fault.is_some() || at < 20, "byte {at}: {report:?}");
    }
    // Cut in the middle: what can be unpacked is checked, and what cannot is named to its end.
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let report = verify(&folder, log.public_key(), Against::default());
    let fault = report.fault.unwrap();
    assert_eq!((fault.path, fault.seq), (path.clone(), report.last.unwrap().next()));
    let Wrong::Packing { until: Some(until) } = fault.what else { panic!("{:?}", fault.what) };
    let begins = audit::segments(&folder).unwrap()[2].bytes().unwrap();
    let begins = Record::parse(audit::lines(&begins).next().unwrap().1).unwrap();
    assert_eq!(until.next(), begins.seq());
    // The house starts all the same, to be locked down for it.
    drop(log);
    drop(house.open(NOW.after(DAY * 5)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_packed_segment_is_never_written_over() {
    let house = House::new();
    let log = filled(&house, 20).await;
    let folder = house.folder();
    let tidy = || tokio::task::block_in_place(|| log.tidy(Retention::default(), NOW)).unwrap();
    let plain = files(&folder, ".jsonl")[1].clone();
    let genuine = fs::read(&plain).unwrap();
    tidy();
    let packed = files(&folder, ".jsonl.gz")[1].clone();
    let before = fs::read(&packed).unwrap();
    let stand = |path: &Path, bytes: &[u8]| {
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path).unwrap();
        file.write_all(bytes).unwrap();
    };
    let forged = String::from_utf8(genuine.clone()).unwrap().replace("command 7", "command 8").into_bytes();
    stand(&plain, &forged);
    tidy();
    assert_eq!(
        (fs::read(&plain).unwrap(), fs::read(&packed).unwrap()),
        (forged, before.clone()),
        "both stay"
    );
    let fault = verify(&folder, log.public_key(), Against::default()).fault.unwrap();
    assert_eq!((fault.path, fault.what), (plain.clone(), Wrong::SecondFile));
    // What a crash leaves between packing and removing is finished.
    stand(&plain, &genuine);
    assert_eq!(verify(&folder, log.public_key(), Against::default()).fault, None);
    tidy();
    assert!(!plain.exists() && fs::read(&packed).unwrap() == before);
}

#[test]
fn a_folder_that_may_only_be_appended_to_is_left_as_it_is() {
    // Setting the attribute takes a right that tests rarely have; what is checked is that asking for it works here.
    let house = House::new();
    let (log, _) = house.open(NOW);
    assert_eq!(log.tidy(Retention::default(), NOW).unwrap().packed, 0);
}
