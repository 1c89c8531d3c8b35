//! What is noted stands in a file that a person can read and edit, and is found again under the label it was noted with.

use crate::place::{Place, Up};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

async fn said(place: &Place, home: &Path, text: &str) -> Value {
    let said = place.run(home, &["chat", "-m", text, "--json"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    serde_json::from_str(&said.out).unwrap()
}

fn files(home: &Path) -> Vec<PathBuf> {
    fs::read_dir(home.join("memory")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_stands_in_a_file_and_keeps_its_label_until_somebody_edits_it() {
    let place = Place::new();
    let home = place.home("home", None);
    let up: Up = place.up(&home).await;
    said(&place, &home, "/remember the key is under the mat").await;
    let [file] = <[PathBuf; 1]>::try_from(files(&home)).unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "- the key is under the mat\n");
    let found = said(&place, &home, "/recall key").await;
    assert!(found["text"].as_str().unwrap().contains("the key is under the mat"), "{found}");
    assert_ne!(found["label"]["integrity"], "untrusted", "{found}");

    fs::write(&file, "- the key is under the mat\n- the spare key is with Ann\n").unwrap();
    let own = home.join("MEMORY.md");
    let text = fs::read_to_string(&own).unwrap();
    fs::write(&own, format!("{text}\nThe boat key hangs in the shed.\n")).unwrap();
    let found = said(&place, &home, "/recall key").await;
    let shown = found["text"].as_str().unwrap();
    for note in ["under the mat", "with Ann", "in the shed"] {
        assert!(shown.contains(note), "{note} is not in {shown}");
    }
    assert_eq!(found["label"]["integrity"], "untrusted", "{found}");
    assert_ne!(said(&place, &home, "/recall mat").await["label"]["integrity"], "untrusted");

    fs::remove_file(&file).unwrap();
    let found = said(&place, &home, "/recall mat").await;
    assert!(!found["text"].as_str().unwrap().contains("under the mat"), "{found}");
    up.stop().await;
}
