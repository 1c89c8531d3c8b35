//! What is changed between a question and its answer, in the shipped program: a link in the place of a file, and what a
//! name server says. The owner's yes is for what was shown.

use crate::place::{Place, Up};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How often somebody races against an answer.
const ROUNDS: usize = 12;
/// What says who the assistant is, and what a planted link leads to.
const SOUL: &str = "You are a careful assistant.";

/// A home whose model does `calls`, one a turn, after it has read a stranger's mail.
fn home(place: &Place, calls: &[&str]) -> PathBuf {
    let script = place.path("script.jsonl");
    let mut lines = String::new();
    for call in calls {
        lines.push_str("{\"calls\": [{\"tool\": \"mail.list\", \"args\": {}}]}\n");
        lines.push_str(&format!("{{\"calls\": [{call}]}}\n{{\"text\": \"done\"}}\n"));
    }
    fs::write(&script, lines).unwrap();
    let (mailbox, shared) = (place.path("Maildir"), place.path("shared"));
    place.folder(&shared);
    for folder in ["cur", "new", "tmp"] {
        fs::create_dir_all(mailbox.join(folder)).unwrap();
    }
    let mail =
        "From: Mallory <mallory@evil.example>\r\nTo: me@example.org\r\nSubject: hello\r\n\r\nhello\r\n";
    fs::write(mailbox.join("new/1704103200.1.host"), mail).unwrap();
    place.give_all(&mailbox);
    let config = format!(
        "model = \"s\"\n[[models]]\nname = \"s\"\nkind = \"script\"\nscript = \"{}\"\n[web]\nmode = \"ask\"\n\
         [files]\nallowed_paths = [\"{}\"]\n\
         [[mailboxes]]\nname = \"box\"\nmaildir = \"{}\"\n",
        script.display(),
        shared.display(),
        mailbox.display()
    );
    let home = place.home("home", Some(&config));
    place.text(&home.join("SOUL.md"), SOUL);
    home
}

/// Lets the model go as far as its question, whose id is returned.
async fn asked(place: &Place, home: &Path) -> String {
    let said = place.run(home, &["chat", "-m", "go on", "--json"]).await;
    assert_eq!(said.code, Some(4), "{said:?}");
    let open = place.run(home, &["approvals", "list", "--json"]).await;
    let open: Value = serde_json::from_str(&open.out).unwrap();
    open[0]["id"].as_str().unwrap_or_else(|| panic!("{open}")).to_string()
}

/// The owner says yes; returns the outcomes of `tool` since then, each by its ending.
async fn approve(up: &Up, place: &Place, home: &Path, question: &str, tool: &str) -> Vec<String> {
    let before = endings(up, tool).await.len();
    let said = place.run(home, &["approvals", "approve", question]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let over = async {
        loop {
            let open = up.client.get("/api/v1/approvals").await;
            let sessions = up.client.get("/api/v1/sessions").await;
            let running =
                sessions["sessions"].as_array().unwrap().iter().any(|one| one["state"] == "running");
            if !running || open["questions"].as_array().is_some_and(|open| !open.is_empty()) {
                return endings(up, tool).await.split_off(before);
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(crate::place::PATIENCE, over).await.unwrap()
}

async fn endings(up: &Up, tool: &str) -> Vec<String> {
    let page = up.client.get(&format!("/api/v1/audit?kind=outcome&tool={tool}")).await;
    let records = page["records"].as_array().unwrap().iter();
    records.map(|record| record["ending"].as_str().unwrap().to_string()).collect()
}

/// A change outside the workspace, which asks once a stranger has spoken.
fn writes(place: &Place) -> String {
    let path = place.path("shared/notes.txt");
    json!({"tool": "files.write", "args": {"path": path, "content": "written by the model"}}).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_in_the_place_of_the_file_that_was_shown_leads_nowhere() {
    let place = Place::new();
    let home = home(&place, &[&writes(&place), &writes(&place)]);
    let up = place.up(&home).await;
    let (notes, other) = (place.path("shared/notes.txt"), place.path("shared/other.txt"));
    for (target, kept) in [(home.join("SOUL.md"), SOUL), (other.clone(), "kept")] {
        place.text(&other, "kept");
        let _missing = fs::remove_file(&notes);
        place.text(&notes, "as it was");
        let question = asked(&place, &home).await;
        fs::remove_file(&notes).unwrap();
        std::os::unix::fs::symlink(&target, &notes).unwrap();
        let endings = approve(&up, &place, &home, &question, "files.write").await;
        assert!(endings.iter().all(|ending| ending != "done"), "it was written: {endings:?}");
        assert_eq!(fs::read_to_string(&target).unwrap(), kept);
        let open = place.run(&home, &["approvals", "list", "--json"]).await;
        let open: Value = serde_json::from_str(&open.out).unwrap();
        for question in open.as_array().unwrap() {
            let denied = place.run(&home, &["approvals", "deny", question["id"].as_str().unwrap()]).await;
            assert_eq!(denied.code, Some(0), "{denied:?}");
        }
    }
    up.stop().await;
}

/// Swaps the file for a link, and back, until told to end; counts how often.
fn swap(notes: PathBuf, target: PathBuf, ended: Arc<AtomicBool>, count: Arc<AtomicU64>) {
    let (file, link) = (notes.with_extension("file"), notes.with_extension("link"));
    while !ended.load(Ordering::Relaxed) {
        // Each is put in place by a rename, so that one of the two is there at any moment.
        let _raced = std::os::unix::fs::symlink(&target, &link).and_then(|()| fs::rename(&link, &notes));
        let _raced = fs::write(&file, "as it was").and_then(|()| fs::rename(&file, &notes));
        count.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_swaps_the_file_for_a_link_over_and_over_never_wins() {
    let place = Place::new();
    let home = home(&place, &[writes(&place).as_str(); ROUNDS]);
    let up = place.up(&home).await;
    let notes = place.path("shared/notes.txt");
    let (ended, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let swapping = {
        let (notes, target) = (notes.clone(), home.join("SOUL.md"));
        let (ended, count) = (Arc::clone(&ended), Arc::clone(&count));
        std::thread::spawn(move || swap(notes, target, ended, count))
    };
    let mut endings = Vec::new();
    for _ in 0..ROUNDS {
        let said = place.run(&home, &["chat", "-m", "go on", "--json"]).await;
        // A path that is a link at that moment is refused before anybody is asked.
        assert!(matches!(said.code, Some(0 | 4)), "{said:?}");
        let open = place.run(&home, &["approvals", "list", "--json"]).await;
        let open: Value = serde_json::from_str(&open.out).unwrap();
        for question in open.as_array().unwrap() {
            let id = question["id"].as_str().unwrap();
            endings.extend(approve(&up, &place, &home, id, "files.write").await);
        }
        assert_eq!(fs::read_to_string(home.join("SOUL.md")).unwrap(), SOUL);
    }
    ended.store(true, Ordering::Relaxed);
    swapping.join().unwrap();
    assert!(count.load(Ordering::Relaxed) > 0, "nobody raced: {endings:?}");
    up.stop().await;
}

const FETCHES: &str = r#"{"tool": "web.fetch", "args": {"url": "http://shop.example/"}}"#;

/// The name has a public address while the owner is asked, and one of this machine when the yes is carried out.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_leads_elsewhere_after_the_question_is_not_followed_inside() {
    let place = Place::new();
    let home = home(&place, &[FETCHES]);
    let hosts = place.path("hosts");
    fs::write(&hosts, "203.0.113.7 shop.example\n").unwrap();
    let up = place.up_with_hosts(&home, &hosts).await;
    let question = asked(&place, &home).await;
    fs::write(&hosts, "127.0.0.1 shop.example\n").unwrap();
    let endings = approve(&up, &place, &home, &question, "web.fetch").await;
    assert!(endings.iter().all(|ending| ending != "done"), "it was fetched: {endings:?}");
    let page = up.client.get("/api/v1/audit?kind=connection").await;
    let mut there =
        page["records"].as_array().unwrap().iter().filter(|record| record["host"] == "shop.example");
    assert!(
        there.any(|record| record["rules"][0]["id"] == "egress.address"),
        "the address is what stops it: {page}"
    );
    up.stop().await;
}
