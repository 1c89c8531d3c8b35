//! A process that is killed loses nothing that it was told is kept.

use crate::house::{House, NOW, inbound, session, task};
use domain::{ItemBody, Label, Labelled};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::Stdio;
use store::Store;

/// Set for the child: the home.
const CHILD: &str = "HARDSHELL_STORE_TEST_CHILD";

/// Not a test of its own: what the killed child runs. Without [`CHILD`] it does nothing.
#[test]
fn child_that_delivers_until_it_is_killed() {
    let Some(home) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    let (store, _) = Store::open(&home, NOW).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    for writer in 0..4 {
        let store = store.clone();
        runtime.spawn(async move {
            let id = format!("s-{}-{writer}", std::process::id());
            let new = session(&id);
            store.run(move |tx| tx.add_session(&new)).await.unwrap();
            for number in 0_u64.. {
                let (session, name) = (id.parse().unwrap(), format!("{id}-{number}"));
                let text = name.clone();
                store
                    .run(move |tx| {
                        tx.deliver(&inbound(&session, &text), &task(&text))?;
                        let body = ItemBody::Said { by: "owner".into(), text: text.clone(), quoted: None };
                        tx.append_item(&session, &task(&text), Labelled::new(body, Label::owner()), NOW)
                    })
                    .await
                    .unwrap();
                std::io::stdout().write_all(format!("ack {name}\n").as_bytes()).unwrap();
            }
        });
    }
    runtime.block_on(std::future::pending::<()>());
}

#[tokio::test]
async fn nothing_that_was_acknowledged_is_lost_to_a_kill_and_nothing_is_half_done() {
    let house = House::new();
    let mut acknowledged = BTreeSet::new();
    for round in 0..15_usize {
        #[expect(clippy::disallowed_methods, reason = "the child that is killed is this test itself")]
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::child_that_delivers_until_it_is_killed", "--nocapture"])
            .env(CHILD, house.home())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let name = |line: String| line.strip_prefix("ack ").map(str::to_string);
        let before = acknowledged.len();
        while acknowledged.len() - before <= 20 + round * 13 {
            acknowledged.extend(name(lines.next().unwrap().unwrap()));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        acknowledged.extend(lines.filter_map(|line| name(line.unwrap())));

        let (store, opened) = house.open();
        assert!(opened.after_crash);
        drop(store);
    }
    let (store, opened) = house.open();
    assert!(!opened.after_crash);
    let (mut kept, mut items) = (BTreeSet::new(), BTreeSet::new());
    for session in store.run(|tx| tx.sessions(10_000)).await.unwrap() {
        let id = session.id.clone();
        let (tasks, transcript) =
            store.run(move |tx| Ok((tx.tasks_of(&id, 100_000)?, tx.items(&id, 0, 100_000)?))).await.unwrap();
        kept.extend(tasks.into_iter().map(|task| task.id.to_string()));
        assert!(transcript.iter().map(|item| item.number).eq(1..=transcript.len() as u64));
        items.extend(transcript.into_iter().map(|item| item.task.to_string()));
    }
    assert!(acknowledged.len() > 1000, "{}", acknowledged.len());
    assert!(acknowledged.is_subset(&kept));
    assert_eq!(kept, items, "a message, its task and its item are kept together or not at all");
}
