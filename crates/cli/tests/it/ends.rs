//! How commands end: what they leave behind, and what is told when nobody takes their output.

use crate::client::Client;
use crate::place::{PATIENCE, Place};
use serde_json::json;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn in_folder(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn what_a_killed_run_left_goes_with_the_next_one_and_what_is_in_use_stays() {
    let place = Place::new();
    let temporary = place.path("temporary");
    fs::create_dir(&temporary).unwrap();
    let run = |line: &str| {
        let mut command = place.command(Path::new("/nonexistent"));
        command.args(["sandbox", "run", "--host", "example.org", "--", "sh", "-c", line]);
        command.env("TMPDIR", &temporary).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    let ready = |mut command: Command| {
        let mut child = command.spawn().unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut first).unwrap();
        assert_eq!(first, "ready\n");
        child
    };
    let mut killed = ready(run("echo ready; sleep 60"));
    let left = in_folder(&temporary);
    assert_eq!(left.len(), 1, "{left:?}");
    let mut lives = ready(run("echo ready; sleep 60"));
    assert!(left[0].exists(), "it was in use");
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(left[0].exists(), "nothing was left to remove");
    let done = run("true").output().unwrap();
    assert!(done.status.success(), "{done:?}");
    let now = in_folder(&temporary);
    assert!(now.len() == 1 && now != left, "{now:?}, and before {left:?}");
    lives.kill().unwrap();
    lives.wait().unwrap();
    assert!(run("true").output().unwrap().status.success());
    assert_eq!(in_folder(&temporary), Vec::<PathBuf>::new());
}

#[test]
fn who_cannot_write_its_output_does_not_end_well() {
    let place = Place::new();
    let told = ["policy", "show"].as_slice();
    let explained = ["sandbox", "run", "--explain", "--", "true"].as_slice();
    let passed = ["sandbox", "run", "--", "sh", "-c", "echo hi"].as_slice();
    let home = place.home("home", Some(""));
    for arguments in [told, explained, passed] {
        for (to, code, words) in [("nobody", 141, ""), ("a full disk", 1, "could not print")] {
            let mut command = place.command(&home);
            command.args(arguments).stderr(Stdio::piped());
            if to == "nobody" {
                let (read, write) = std::io::pipe().unwrap();
                drop(read);
                command.stdout(write);
            } else {
                command.stdout(OpenOptions::new().write(true).open("/dev/full").unwrap());
            }
            let output = command.output().unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(code), "{arguments:?} to {to}: {said}");
            assert!(said.contains(words), "{arguments:?} to {to}: {said}");
            let is_silent = !said.contains("could not");
            assert_eq!(is_silent, words.is_empty(), "{arguments:?} to {to}: {said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_that_started_its_own_house_leaves_in_order_while_a_command_runs() {
    let place = Place::new();
    let script = place.path("script.jsonl");
    let call = "{\"calls\": [{\"tool\": \"shell.run\", \"args\": {\"command\": \"sleep 61234\"}}]}\n";
    fs::write(&script, call).unwrap();
    let config = format!(
        "model = \"s\"\n[[models]]\nname = \"s\"\nkind = \"script\"\nscript = \"{}\"\n\
         [shell]\nallowed = [\"sleep\"]\n",
        script.display()
    );
    let home = place.home("home", Some(&config));
    let errors = place.path("errors");
    let mut chat = place.command(&home);
    chat.arg("chat").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(File::create(&errors).unwrap());
    let mut chat = chat.spawn().unwrap();
    let client = Client::of(&home);
    let begun = Instant::now();
    let opened = loop {
        if let Ok((200 | 201, body)) = client.ask("POST", "/api/v1/sessions", Some(json!({}))).await {
            break body;
        }
        assert!(begun.elapsed() < PATIENCE, "{}", fs::read_to_string(&errors).unwrap());
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let path = format!("/api/v1/sessions/{}/messages", opened["id"].as_str().unwrap());
    client.post(&path, json!({"id": "m", "text": "rest"})).await;
    let is_asleep = || {
        let own = |pid: &Path| {
            fs::read(pid.join("cmdline")).is_ok_and(|line| line.ends_with(b"sleep\x0061234\x00"))
        };
        in_folder(Path::new("/proc")).iter().any(|pid| own(pid))
    };
    while !is_asleep() {
        assert!(begun.elapsed() < PATIENCE, "it never ran");
        let open = client.get("/api/v1/approvals").await;
        for question in open["questions"].as_array().unwrap() {
            client
                .post("/api/v1/approvals", json!({"questions": [question["id"]], "answer": "approve"}))
                .await;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // The end of its input is how it is left.
    drop(chat.stdin.take());
    let status = tokio::task::spawn_blocking(move || chat.wait().unwrap()).await.unwrap();
    let mut said = String::new();
    File::open(&errors).unwrap().read_to_string(&mut said).unwrap();
    assert!(status.success(), "{status:?}: {said}");
    assert!(!said.contains("panic"), "{said}");
    assert!(!is_asleep(), "the command outlived the house");
    let verified = place.run(&home, &["audit", "verify"]).await;
    assert_eq!(verified.code, Some(0), "{verified:?}");
}
