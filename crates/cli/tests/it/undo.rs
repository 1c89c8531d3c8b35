//! What a typed command changed is taken back by a typed word, also after a stranger has spoken in the session.

use crate::place::Place;
use serde_json::Value;
use std::fs;
use std::path::Path;

async fn said(place: &Place, home: &Path, session: Option<&str>, text: &str) -> Value {
    let mut line = vec!["chat", "-m", text, "--json"];
    line.extend(session.iter().flat_map(|session| ["--session", session]));
    let said = place.run(home, &line).await;
    let reply: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(said.code, Some(i32::from(reply["failed"] == true)), "{said:?}");
    reply
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_change_is_taken_back_with_a_word() {
    let place = Place::new();
    let home = place.home("home", None);
    let up = place.up(&home).await;
    let notes = home.join("workspace/notes.txt");
    let begun = said(&place, &home, None, "/run touch notes.txt").await;
    let session = begun["session"].as_str().unwrap().to_string();
    assert!(notes.exists(), "{begun}");
    let read = said(&place, &home, Some(&session), "/mail").await;
    assert_eq!(read["label"]["integrity"], "untrusted", "{read}");
    fs::metadata(&notes).unwrap();
    let undone = said(&place, &home, Some(&session), "/undo").await;
    assert!(!notes.exists(), "{undone}");
    let again = said(&place, &home, Some(&session), "/undo").await;
    assert!(again["text"].as_str().unwrap().contains("did not work"), "{again}");
    up.stop().await;
}
