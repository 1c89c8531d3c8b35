//! What the owner sees afterwards, and how they come back: reports, exports, incidents, backups, with the shipped
//! program.

use crate::place::Place;
use serde_json::Value;
use std::fs;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_is_reported_found_exported_and_packed() {
    let place = Place::new();
    let home = place.home("home", None);
    let up = place.up(&home).await;
    let said = place.run(&home, &["chat", "-m", "/disk"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(said.out.matches("**Disks**").count(), 1, "what was streamed is not said again: {said:?}");
    let report = place.run(&home, &["audit", "report"]).await;
    assert_eq!(report.code, Some(0), "{report:?}");
    assert!(report.out.contains("Messages in: 1"), "{report:?}");
    let charts = home.join("workspace/charts");
    let folder = charts.to_str().unwrap();
    let drawn = place.run(&home, &["audit", "report", "--svg", folder, "--png", folder]).await;
    assert_eq!((drawn.code, drawn.err.matches("the charts are in").count()), (Some(0), 1), "{drawn:?}");
    let of = |ending: &str| charts.join("effects").with_extension(ending);
    assert!(fs::read_to_string(of("svg")).unwrap().contains(">\nread\n<"));
    assert!(fs::read(of("png")).unwrap().starts_with(b"\x89PNG\r\n"));
    let endings: Vec<_> = fs::read_dir(&charts)
        .unwrap()
        .map(|file| file.unwrap().path().extension().unwrap().to_owned())
        .collect();
    let count = |ending: &str| endings.iter().filter(|one| *one == ending).count();
    assert_eq!(
        (count("svg"), count("png")),
        (endings.len() / 2, endings.len() / 2),
        "each chart is there twice"
    );
    let again = place.run(&home, &["audit", "report", "--png", folder]).await;
    assert_eq!(again.code, Some(0), "what can be drawn from the log again is replaced: {again:?}");
    let query =
        ["audit", "query", "--tool", "host.disk", "--effect", "read", "--decision", "allow", "--since", "1h"];
    let found = place.run(&home, &[&query[..], &["--json"]].concat()).await;
    let page: Value = serde_json::from_str(&found.out).unwrap();
    assert_eq!(page["records"].as_array().unwrap().len(), 1, "{found:?}");
    let none = place.run(&home, &["audit", "query", "--source", "mail:*"]).await;
    assert_eq!((none.code, none.out.as_str()), (Some(0), ""), "{none:?}");
    let wrong = place.run(&home, &["audit", "query", "--effect", "fly"]).await;
    assert_eq!(wrong.code, Some(1), "{wrong:?}");
    assert!(wrong.err.contains("hint: one of read, fetch, write"), "{wrong:?}");
    let line = place.run(&home, &["audit", "query", "--kind", "intent", "--tool", "host.disk"]).await;
    assert!(line.out.contains("  intent      host.disk") && !line.out.contains('{'), "{line:?}");
    for (format, begins) in [("jsonl", "{\"v\":1,"), ("csv", "\"seq\",\"time\""), ("ocsf", "{\"metadata\":")]
    {
        let said = place.run(&home, &["audit", "export", "--format", format]).await;
        assert_eq!(said.code, Some(0), "{said:?}");
        assert!(said.out.starts_with(begins), "{format}: {}", said.out.lines().next().unwrap());
    }
    let packet = home.join("workspace/incident.zip");
    let said = place
        .run(&home, &["incident", "report", "--since", "1h", "--out", packet.to_str().unwrap(), "--json"])
        .await;
    let told: Value = serde_json::from_str(&said.out).unwrap_or_else(|_not| panic!("{said:?}"));
    assert_eq!(told["hosts"], serde_json::json!({}), "the start's own proofs are no part of it: {told}");
    let nobody = place.run(&home, &["incident", "report", "--session", "s-0000000000000000"]).await;
    assert_eq!(nobody.code, Some(1), "{nobody:?}");
    assert!(nobody.err.contains("the log has no record of it"), "{nobody:?}");
    let key = told["key"].as_str().unwrap().to_string();
    let checked = place.run(&home, &["incident", "verify", packet.to_str().unwrap(), "--key", &key]).await;
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(checked.out.contains("The log in it is intact"), "{checked:?}");
    up.stop().await;
    // A log that is closed ends with a signature.
    let checkpoint = place.run(&home, &["audit", "checkpoint"]).await;
    assert!(checkpoint.out.starts_with("hardshell-checkpoint v1 "), "{checkpoint:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_running_home_is_proved_and_brings_back_what_was() {
    let place = Place::new();
    let home = place.home("home", None);
    let up = place.up(&home).await;
    assert_eq!(place.run(&home, &["chat", "-m", "/disk"]).await.code, Some(0));
    let key = home.join("run/key.txt");
    let made = place.run(&home, &["backup", "key", "--out", key.to_str().unwrap()]).await;
    assert_eq!(made.code, Some(0), "{made:?}");
    let recipient = made.out.trim().to_string();
    let nobody = place.run(&home, &["backup", "create"]).await;
    assert_eq!(nobody.code, Some(1), "{nobody:?}");
    assert!(nobody.err.contains("hint: hardshell backup key"), "{nobody:?}");
    let made = place.run(&home, &["backup", "create", "--recipient", &recipient, "--json"]).await;
    let made: Value = serde_json::from_str(&made.out).unwrap_or_else(|_not| panic!("{made:?}"));
    let file = made["file"].as_str().unwrap();
    let verified = place.run(&home, &["backup", "verify", file, "--identity", key.to_str().unwrap()]).await;
    assert_eq!(verified.code, Some(0), "{verified:?}");
    assert!(
        verified.out.contains("The log is intact") && verified.out.contains("holds  sandbox"),
        "{verified:?}"
    );
    let busy = place.run(&home, &["backup", "restore", file, "--identity", key.to_str().unwrap()]).await;
    assert_eq!(busy.code, Some(1), "{busy:?}");
    assert!(busy.err.contains("while Hardshell runs"), "{busy:?}");
    up.stop().await;
    fs::write(home.join("workspace/planted.txt"), "by somebody").unwrap();
    let kept = place.path("key.txt");
    fs::copy(&key, &kept).unwrap();
    std::os::unix::fs::chown(&kept, Some(owner(&home)), None).unwrap();
    let before = place
        .run(&home, &["backup", "restore", "--before", "2000-01-01", "--identity", kept.to_str().unwrap()])
        .await;
    assert_eq!(before.code, Some(1), "{before:?}");
    let back = place.run(&home, &["backup", "restore", "--identity", kept.to_str().unwrap()]).await;
    assert_eq!(back.code, Some(0), "{back:?}");
    assert!(!home.join("workspace/planted.txt").exists());
    let up = place.up(&home).await;
    let sessions = up.client.get("/api/v1/sessions").await;
    assert_eq!(sessions["sessions"].as_array().unwrap().len(), 1, "{sessions}");
    let listed = place.run(&home, &["backup", "list", "--json"]).await;
    let listed: Value = serde_json::from_str(&listed.out).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 1, "the backups stay with the home");
    up.stop().await;
}

fn owner(path: &std::path::Path) -> u32 {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata(path).unwrap().uid()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drill_goes_through_every_step() {
    let place = Place::new();
    let home = place.home("home", None);
    let said = place.run(&home, &["incident", "drill", "--json"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let told: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(told["passed"], true, "{told}");
    assert!(told["incident"]["ways_in"].as_array().is_some_and(|ways| !ways.is_empty()), "{told}");
}
