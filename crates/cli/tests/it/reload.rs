//! Other rules without a restart; how often the owner is asked.

use crate::place::{Place, Up};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// A home whose model wants a file made that nobody asked for, and its configuration.
fn home_of_a_tidy_model(place: &Place) -> (PathBuf, String) {
    let script = place.path("script.jsonl");
    let wants = r#"{"calls": [{"tool": "shell.run", "args": {"command": "touch made.txt"}}]}"#;
    std::fs::write(&script, format!("{wants}\n{{\"text\": \"so be it\"}}\n")).unwrap();
    let script = script.display();
    let config =
        format!("model = \"s\"\n[[models]]\nname = \"s\"\nkind = \"script\"\nscript = \"{script}\"\n");
    (place.home("home", Some(&config)), config)
}

async fn verdict(place: &Place, home: &Path) -> Option<i32> {
    place.run(home, &["chat", "-m", "tidy up"]).await.code
}

async fn policy_records(up: &Up) -> Vec<String> {
    let page = up.client.get("/api/v1/audit?kind=policy").await;
    let acts = page["records"].as_array().unwrap().iter();
    acts.map(|record| record["act"].as_str().unwrap().to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rules_on_disk_come_into_force_by_a_reload_alone_and_bad_ones_not_at_all() {
    let place = Place::new();
    let (home, config) = home_of_a_tidy_model(&place);
    let up = place.up(&home).await;
    assert_eq!(verdict(&place, &home).await, Some(4), "nobody asked for it");
    let before = up.client.get("/api/v1/status").await["policy"].clone();
    assert_eq!(before.as_str().unwrap().len(), 64);

    place.text(&home.join("hardshell.toml"), &format!("{config}[shell]\nmode = \"off\"\n"));
    assert_eq!(verdict(&place, &home).await, Some(4), "what is on disk is not in force by itself");
    let proofs: Value = serde_json::from_str(&place.run(&home, &["prove", "--json"]).await.out).unwrap();
    let state = |proofs: &Value, name: &str| {
        let found = proofs.as_array().unwrap().iter().find(|proof| proof["name"] == name);
        found.unwrap_or_else(|| panic!("{name} is not among {proofs:#}"))["state"].clone()
    };
    assert_eq!(state(&proofs, "policy.on-disk"), "failed");

    let said = place.run(&home, &["policy", "reload"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.starts_with("The rules on disk are in force"), "{said:?}");
    assert_ne!(up.client.get("/api/v1/status").await["policy"], before);
    let refused = place.run(&home, &["chat", "-m", "tidy up"]).await;
    assert!(refused.err.contains("may.program.denied"), "{refused:?}");
    let proofs: Value = serde_json::from_str(&place.run(&home, &["prove", "--json"]).await.out).unwrap();
    for name in [
        "policy.on-disk",
        "policy.unsigned",
        "door.write",
        "door.delete",
        "door.execute",
        "door.send",
        "door.spend",
        "door.configure",
    ] {
        assert_eq!(state(&proofs, name), "holds", "{name}");
    }
    assert_eq!(policy_records(&up).await, ["loaded"]);

    place.text(&home.join("hardshell.toml"), &format!("{config}[shell]\nmode = \"of\"\n"));
    let said = place.run(&home, &["policy", "reload"]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("the rules stay as they are"), "{said:?}");
    place.folder(&home.join("policy"));
    place.text(&home.join("hardshell.toml"), &config);
    let rule = "@id(\"own.x\")\n@why(\"x\")\npermit (principal in Role::\"guest\", action == Action::\"fetch\", resource);\n";
    place.text(&home.join("policy/own.cedar"), rule);
    let said = place.run(&home, &["policy", "reload"]).await;
    assert_eq!(said.code, Some(1), "an unsigned permission: {said:?}");
    assert_eq!(policy_records(&up).await, ["loaded", "refused", "refused"]);
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn how_often_the_owner_is_asked_is_told_and_many_questions_are_told_together() {
    let place = Place::new();
    let (home, _config) = home_of_a_tidy_model(&place);
    let up = place.up(&home).await;
    for _ in 0..5 {
        let said = place.run(&home, &["chat", "-m", "tidy up"]).await;
        assert_eq!(said.code, Some(4), "{said:?}");
    }
    let open = up.client.get("/api/v1/approvals").await;
    assert_eq!(open["digest"].as_array().unwrap().len(), 1, "{open:#}");
    assert_eq!(open["digest"][0]["questions"].as_array().unwrap().len(), 5, "{open:#}");
    let listed = place.run(&home, &["approvals", "list"]).await;
    assert!(listed.out.contains("5 × shell.run ("), "{listed:?}");
    let first = open["questions"][0]["id"].as_str().unwrap();
    up.client.post(&format!("/api/v1/approvals/{first}"), json!({"answer": "deny"})).await;
    let said = place.run(&home, &["approvals", "stats", "--days", "1", "--json"]).await;
    let stats: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&stats["questions"], &stats["denied"], &stats["waiting"]), (&json!(5), &json!(1), &json!(4)));
    assert_eq!(
        stats["rules"][0],
        json!({"id": "confirm.program", "why": stats["rules"][0]["why"], "questions": 5})
    );
    let said = place.run(&home, &["approvals", "stats", "--days", "0"]).await;
    assert!(said.code == Some(1) && said.err.contains("must be 1 to 366"), "{said:?}");
    up.stop().await;
}
