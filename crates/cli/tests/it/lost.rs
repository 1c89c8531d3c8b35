//! A used home whose database or vault is gone: it is said, and no house begins as if nothing had been.

use crate::place::{Place, Said};
use serde_json::Value;
use std::fs;
use std::path::Path;

fn refused(said: &Said, gone: &str) {
    assert_eq!(said.code, Some(1), "{said:?}");
    for words in [gone, "is missing or empty", "records since 20", "hardshell backup", "up --begin-anew"] {
        assert!(said.err.contains(words), "{words}: {said:?}");
    }
}

async fn on_record(place: &Place, home: &Path, kind: &str) -> Vec<Value> {
    let found = place.run(home, &["audit", "query", "--kind", kind, "--limit", "1000", "--json"]).await;
    let found: Value = serde_json::from_str(&found.out).unwrap_or_else(|_not| panic!("{found:?}"));
    found["records"].as_array().unwrap().clone()
}

async fn made_anew(place: &Place, home: &Path, gone: &str) -> bool {
    let proofs = on_record(place, home, "proof").await;
    proofs.iter().any(|record| {
        record["name"] == "home.whole" && record.to_string().contains(&format!("{gone}` was missing"))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_without_its_database_begins_anew_only_when_its_owner_says_so() {
    let place = Place::new();
    let home = place.home("home", None);
    // A first start that got no further than its log has nothing to miss.
    place.up(&home).await.stop().await;
    let anew = place.run(&home, &["up", "--begin-anew"]).await;
    assert_eq!(anew.code, Some(1), "{anew:?}");
    assert!(anew.err.contains("nothing is missing"), "{anew:?}");
    for empty in [false, true] {
        for name in ["state.db", "state.db-wal", "state.db-shm"] {
            let _gone = fs::remove_file(home.join(name));
        }
        if empty {
            place.text(&home.join("state.db"), "");
        }
        refused(&place.run(&home, &["up"]).await, "state.db");
        refused(&place.run(&home, &["chat", "-m", "hello"]).await, "state.db");
        assert_eq!(home.join("state.db").exists(), empty, "nothing is made");
    }
    let up = place.up_with(&home, &[], &["--begin-anew"]).await;
    up.stop().await;
    assert!(made_anew(&place, &home, "state.db").await);
    place.up(&home).await.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_that_was_killed_before_its_database_was_made_is_started_again() {
    let place = Place::new();
    let home = place.home("home", None);
    place.up(&home).await.stop().await;
    let only = ["audit.key", "audit", "vault.key", "vault.db"].map(|name| home.join(name));
    for entry in fs::read_dir(&home).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && !only.contains(&path) {
            fs::remove_file(path).unwrap();
        }
    }
    // Of the log what stands in it before a database is made: its first line.
    let first = home.join("audit/segment-00000001.jsonl");
    let text = fs::read_to_string(&first).unwrap();
    for entry in fs::read_dir(home.join("audit")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::remove_file(path).unwrap();
        }
    }
    place.text(&first, &format!("{}\n", text.lines().next().unwrap()));
    place.up(&home).await.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_without_its_vault_begins_anew_only_when_its_owner_says_so() {
    let place = Place::new();
    let home = place.home("home", None);
    place.up(&home).await.stop().await;
    let set = ["secret", "set", "wiki", "--host", "wiki.example"];
    assert_eq!(place.run_with(&home, &set, "the-wiki-key\n").await.code, Some(0));
    fs::remove_file(home.join("vault.db")).unwrap();
    refused(&place.run(&home, &["up"]).await, "vault.db");
    refused(&place.run(&home, &["secret", "list"]).await, "vault.db");
    refused(&place.run_with(&home, &set, "the-wiki-key\n").await, "vault.db");
    assert!(!home.join("vault.db").exists());
    place.up_with(&home, &[], &["--begin-anew"]).await.stop().await;
    assert!(made_anew(&place, &home, "vault.db").await);
    // Where its key is gone too there is nothing that could be brought back into use: it is made with a new one.
    fs::remove_file(home.join("vault.db")).unwrap();
    fs::remove_file(home.join("vault.key")).unwrap();
    place.up(&home).await.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_database_comes_back_from_the_backup_that_is_named_and_all_of_it_is_on_record() {
    let place = Place::new();
    let home = place.home("home", None);
    let up = place.up(&home).await;
    let key = home.join("run/key.txt");
    let made = place.run(&home, &["backup", "key", "--out", key.to_str().unwrap()]).await;
    let recipient = made.out.trim().to_string();
    // While it runs, the house itself puts it on record.
    let made = place.run(&home, &["backup", "create", "--recipient", &recipient]).await;
    assert_eq!(made.code, Some(0), "{made:?}");
    let begun = std::time::Instant::now();
    loop {
        let found = up.client.get("/api/v1/audit?kind=backup").await;
        if found["records"].as_array().unwrap().iter().any(|record| record["act"] == "made") {
            break;
        }
        assert!(begun.elapsed() < crate::place::PATIENCE, "it is never on record: {found}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    up.stop().await;
    // Names are by the second.
    let other = home.join("run/other.age");
    let made = place
        .run(&home, &["backup", "create", "--recipient", &recipient, "--to", other.to_str().unwrap()])
        .await;
    assert_eq!(made.code, Some(0), "{made:?}");
    let again = place
        .run(&home, &["backup", "create", "--recipient", &recipient, "--to", other.to_str().unwrap()])
        .await;
    assert_eq!(again.code, Some(1), "{again:?}");
    let acts = |records: &[Value]| {
        records.iter().map(|record| record["act"].as_str().unwrap().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(acts(&on_record(&place, &home, "backup").await), ["made", "made", "failed"]);
    fs::remove_file(home.join("state.db")).unwrap();
    let said = place.run(&home, &["up"]).await;
    refused(&said, "state.db");
    let (_, rest) = said.err.split_once("`hardshell backup restore '").unwrap();
    let file = rest.split_once('\'').unwrap().0;
    let restored = place.run(&home, &["backup", "restore", file, "--identity", key.to_str().unwrap()]).await;
    assert_eq!(restored.code, Some(0), "{restored:?}");
    let records = on_record(&place, &home, "backup").await;
    let last = records.last().unwrap();
    assert_eq!((last["act"].as_str(), last["path"].as_str()), (Some("restored"), Some(file)), "{records:?}");
    assert!(last["detail"].as_str().unwrap().contains("the home is as it was at 20"), "{last}");
    place.up(&home).await.stop().await;
    let verified = place.run(&home, &["audit", "verify"]).await;
    assert_eq!(verified.code, Some(0), "{verified:?}");
}
