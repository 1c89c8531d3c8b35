//! Files: whole, once, bounded, and none in the way of another.

use crate::house::{House, caught_up, numbers, read, receiver, records, state, to_file, until};
use audit::{Against, Checkpoint, Go};
use shipping::{Receiver, To, states};
use std::sync::atomic::Ordering;

#[tokio::test(flavor = "multi_thread")]
async fn a_file_gets_every_record_once_also_over_a_restart() {
    let house = House::new();
    let out = house.path("copy.jsonl");
    let shipping = house.start(&[to_file(&out)]);
    house.write(700).await;
    caught_up(&house, &shipping).await;
    shipping.stop().await;
    let before = house.log.folder().to_path_buf();
    house.write(300).await;
    let house = house.again();
    let shipping = house.start(&[to_file(&out)]);
    house.write(10).await;
    caught_up(&house, &shipping).await;
    shipping.stop().await;
    let sent = numbers(&read(&out));
    assert_eq!(sent, (1..=*sent.last().unwrap()).collect::<Vec<_>>());
    assert!(sent.last() >= house.news().last());
    let lines: Vec<String> = read(&out).lines().map(str::to_string).collect();
    let written: Vec<String> = records(&before).iter().map(|record| record.json().to_string()).collect();
    assert_eq!(lines[..], written[..lines.len()], "a record is sent as it stands in the log");
    let seen = states(house.home.path(), &[to_file(&out)]).unwrap();
    assert_eq!((seen[0].behind, seen[0].failed, seen[0].skipped), (0, 0, 0), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_too_far_behind_does_without_the_oldest_and_everybody_is_told() {
    let house = House::new();
    let folder = house.path("not-there");
    let out = folder.join("copy.jsonl");
    let bounded = Receiver { behind_records_max: 100, ..to_file(&out) };
    let shipping = house.start(std::slice::from_ref(&bounded));
    house.write(450).await;
    until("the oldest are skipped", async || {
        let state = state(&shipping);
        state.skipped > 0 && state.seq + 100 >= house.news().last().copied().unwrap()
    })
    .await;
    let told = house.told("shipping.copy");
    assert!(told.iter().any(|said| said.starts_with("failed: the records 1 to ")), "{told:?}");
    assert!(told.iter().any(|said| said.contains("has taken nothing for")), "{told:?}");
    let seen = states(house.home.path(), &[bounded]).unwrap();
    assert!(seen[0].down_since.is_some() && seen[0].last_error.is_some(), "{seen:?}");
    std::fs::create_dir(&folder).unwrap();
    caught_up(&house, &shipping).await;
    let skipped = state(&shipping).skipped;
    let text = read(&out);
    let first: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!((&first["kind"], &first["from"], &first["to"]), (&"gap".into(), &1.into(), &skipped.into()));
    let sent = numbers(&text);
    assert_eq!(sent.first(), Some(&(skipped + 1)));
    assert!(sent.windows(2).all(|pair| pair[0] + 1 == pair[1]));
    let told = house.told("shipping.copy");
    assert!(told.last().unwrap().starts_with("holds: `copy` takes records again"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_that_nobody_reads_holds_up_no_record_and_no_other_receiver() {
    let house = House::new();
    let pipe = house.path("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).unwrap();
    let out = house.path("copy.jsonl");
    let stuck = receiver("stuck", To::File(pipe));
    let shipping = house.start(&[stuck, to_file(&out)]);
    house.write(500).await;
    until("the other has all", async || shipping.states()[1].seq >= house.news().last().copied().unwrap())
        .await;
    until("the first is said to take nothing", async || shipping.states()[0].down_since.is_some()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_of_the_signatures_show_that_a_log_was_cut() {
    let house = House::new();
    let out = house.path("signatures");
    let shipping = house.start(&[receiver("second", To::Signatures(out.clone()))]);
    house.write(50).await;
    until("a signature covers them", async || {
        let last = read(&out).lines().last().and_then(|line| line.parse::<Checkpoint>().ok());
        last.is_some_and(|signed| signed.seq.0 >= 50)
    })
    .await;
    shipping.stop().await;
    house.log.close();
    let known: Vec<Checkpoint> = read(&out).lines().map(|line| line.parse().unwrap()).collect();
    let check = || {
        let against = Against { elsewhere: &known, since: None };
        audit::verify(house.log.folder(), house.log.public_key(), against, &mut |_| Go::On).unwrap()
    };
    assert!(check().is_intact(), "{:?}", check().fault);
    // Somebody cuts the log behind its fortieth record.
    let segment = house.log.folder().join("segment-00000001.jsonl");
    let kept: Vec<String> = read(&segment).lines().take(40).map(|line| format!("{line}\n")).collect();
    std::fs::write(&segment, kept.concat()).unwrap();
    assert!(check().fault.unwrap().to_string().contains("the log was cut"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_that_cannot_be_read_is_said_and_nothing_is_left_out() {
    let house = House::new();
    let out = house.path("copy.jsonl");
    house.write(20).await;
    std::fs::create_dir(house.path("shipping")).unwrap();
    std::fs::write(house.path("shipping/copy.json"), "{\"version\":9}").unwrap();
    let seen = states(house.home.path(), &[to_file(&out)]).unwrap();
    assert!(seen[0].unknown.is_some(), "{seen:?}");
    let shipping = house.start(&[to_file(&out)]);
    caught_up(&house, &shipping).await;
    assert_eq!(numbers(&read(&out)).first(), Some(&1));
    let told = house.told("shipping.copy");
    assert!(told[0].contains("the log is sent from its start"), "{told:?}");
    assert!(!house.stopped.load(Ordering::Relaxed));
}
