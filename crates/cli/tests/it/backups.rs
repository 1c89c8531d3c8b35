//! Backups that make themselves, day by day, and a restore that the power may cut short at any moment.
#![expect(clippy::disallowed_methods, reason = "a tracer kills the program at a chosen system call")]

use crate::place::{PATIENCE, Place, Said};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < PATIENCE, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| name.ends_with(".age"));
    names.sort();
    names
}

fn good(said: &Said) {
    assert_eq!(said.code, Some(0), "{said:?}");
}

async fn recipient(place: &Place, home: &Path, key: &Path) -> String {
    let made = place.run(home, &["backup", "key", "--out", key.to_str().unwrap()]).await;
    good(&made);
    made.out.trim().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_made_every_day_and_the_oldest_go() {
    let place = Place::new();
    let home = place.home("home", Some(""));
    place.folder(&home.join("run"));
    let key = home.join("run/key.txt");
    let recipient = recipient(&place, &home, &key).await;
    let config = format!("[backup]\nrecipients = [\"{recipient}\"]\nkeep = 2\n");
    place.text(&home.join("hardshell.toml"), &config);
    let folder = home.join("backups");
    let mut seen = Vec::new();
    for day in ["2027-03-01 10:00:00", "2027-03-02 10:01:00", "2027-03-03 10:02:00"] {
        let up = place.up_at(&home, &format!("@{day}")).await;
        until("a backup of the day", async || {
            names(&folder).last().is_some_and(|newest| !seen.contains(newest))
        })
        .await;
        seen.push(names(&folder).pop().unwrap());
        until("it is on record", async || {
            let found = up.client.get("/api/v1/audit?kind=backup").await;
            found["records"].as_array().unwrap().iter().filter(|record| record["act"] == "made").count()
                == seen.len()
        })
        .await;
        up.stop().await;
    }
    assert_eq!(names(&folder), seen[1..], "two are kept, the newest");
    // Later on the same day there is nothing to do.
    let up = place.up_at(&home, "@2027-03-03 20:00:00").await;
    until("the log was looked after", async || {
        up.client.text("/metrics").await.lines().any(|line| {
            line.strip_prefix("hardshell_audit_verify_bytes ")
                .is_some_and(|bytes| bytes != "0" && bytes != "0.0")
        })
    })
    .await;
    assert_eq!(names(&folder), seen[1..]);
    up.stop().await;
    let newest = folder.join(seen.last().unwrap());
    let verified = place
        .run(&home, &["backup", "verify", newest.to_str().unwrap(), "--identity", key.to_str().unwrap()])
        .await;
    good(&verified);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_with_a_passphrase_is_opened_and_proved_when_its_backup_is_verified() {
    let place = Place::new();
    let home = place.home("home", None);
    place.up(&home).await.stop().await;
    good(
        &place.run_with(&home, &["secret", "set", "wiki", "--host", "wiki.example"], "the-wiki-key\n").await,
    );
    good(&place.run_with(&home, &["secret", "key", "passphrase"], "long and known to me\n").await);
    place.text(&home.join("hardshell.toml"), "[vault]\nkey = \"passphrase\"\n");
    let key = home.join("run/key.txt");
    let recipient = recipient(&place, &home, &key).await;
    let made = place.run(&home, &["backup", "create", "--recipient", &recipient, "--json"]).await;
    let made: Value = serde_json::from_str(&made.out).unwrap_or_else(|_not| panic!("{made:?}"));
    let file = made["file"].as_str().unwrap();
    let verify = ["backup", "verify", file, "--identity", key.to_str().unwrap()];
    let verified = place.run_with(&home, &verify, "long and known to me\n").await;
    good(&verified);
    assert!(verified.out.contains("holds  sandbox"), "{verified:?}");
    let wrong = place.run_with(&home, &verify, "another one\n").await;
    assert_ne!(wrong.code, Some(0), "{wrong:?}");
    assert!(wrong.err.contains("this is not its key"), "{wrong:?}");
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(status.success());
}

/// What of a home tells the old from the restored: the settings, a text of the owner's, a file of the workspace.
fn marks(home: &Path) -> Vec<String> {
    let files = ["hardshell.toml", "SOUL.md", "workspace/mark.txt", "AGENTS.md"];
    files
        .iter()
        .map(|name| fs::read_to_string(home.join(name)).unwrap_or_else(|_gone| "gone".to_string()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_is_killed_at_any_rename_leaves_the_old_home_or_the_new() {
    let place = Place::new();
    let origin = place.home("origin", None);
    place.up(&origin).await.stop().await;
    let mark = |home: &Path, word: &str| {
        place.text(&home.join("hardshell.toml"), &format!("# {word}\n"));
        place.text(&home.join("SOUL.md"), word);
        place.text(&home.join("AGENTS.md"), word);
        place.text(&home.join("workspace/mark.txt"), word);
    };
    mark(&origin, "restored");
    let key = origin.join("run/key.txt");
    let recipient = recipient(&place, &origin, &key).await;
    let made = place.run(&origin, &["backup", "create", "--recipient", &recipient, "--json"]).await;
    let made: Value = serde_json::from_str(&made.out).unwrap_or_else(|_not| panic!("{made:?}"));
    let file = PathBuf::from(made["file"].as_str().unwrap());
    mark(&origin, "old");
    let (old, new) = (
        marks(&origin),
        vec!["# restored\n".to_string(), "restored".into(), "restored".into(), "restored".into()],
    );
    let (mut killed, mut kept_old) = (0, 0);
    for number in 1..200 {
        let home = place.path(&format!("home-{number}"));
        copy(&origin, &home);
        let inject = format!("inject=rename,renameat,renameat2:signal=KILL:when={number}");
        let mut command = Command::new("strace");
        command.args([
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            "trace=rename,renameat,renameat2",
            "-e",
            &inject,
        ]);
        command.arg(place.path("hardshell")).args(["backup", "restore", "--identity"]);
        command
            .arg(&key)
            .arg(&file)
            .env("HARDSHELL_HOME", &home)
            .env("HOME", place.path(""))
            .stdin(Stdio::null());
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        if output.status.success() {
            assert_eq!(marks(&home), new);
            assert!(killed > 10, "it was killed {killed} times only");
            assert!(kept_old > 0 && kept_old < killed, "{kept_old} of {killed}");
            return;
        }
        killed += 1;
        // Whoever opens the home next finds one or the other, whole.
        let verified = place.run(&home, &["audit", "verify"]).await;
        assert_eq!(verified.code, Some(0), "killed at rename {number}: {verified:?}");
        let found = marks(&home);
        assert!(found == old || found == new, "killed at rename {number}: {found:?}");
        kept_old += usize::from(found == old);
        fs::remove_dir_all(&home).unwrap();
    }
    panic!("it never came to its end");
}
