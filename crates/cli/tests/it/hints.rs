//! What the shipped program says when something goes wrong, and that each hint is a line that helps as it is printed.
#![expect(clippy::disallowed_methods, reason = "a model that never answers is a socket of the test's")]

use crate::place::{PATIENCE, Place, Said};
use serde_json::Value;
use std::fs;
use std::net::TcpListener;
use std::process::Stdio;

fn failed_with(said: &Said, code: i32, words: &[&str]) {
    assert_eq!(said.code, Some(code), "{said:?}");
    assert!(words.iter().all(|word| said.err.contains(word)), "{words:?} are not all in {said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_taken_and_a_kind_that_is_none_add_no_model() {
    let place = Place::new();
    let home = place.home("home", Some("[[models]]\nname = \"y\"\nkind = \"ollama\"\nmodel = \"m\"\n"));
    let before = fs::read_to_string(home.join("hardshell.toml")).unwrap();
    for (name, words) in [
        ("builtin", "`builtin` is the name of what answers without a language model; nothing was written"),
        ("y", "entry 1 of `[[models]]` is called that already; nothing was written"),
    ] {
        let said = place.run(&home, &["model", "add", name, "--kind", "ollama", "--model", "x"]).await;
        failed_with(&said, 1, &[words, "hint: `hardshell model list`"]);
    }
    let said = place.run(&home, &["model", "add", "z", "--kind", "foo", "--model", "x"]).await;
    failed_with(&said, 2, &["'foo'", "anthropic, openai, ollama"]);
    assert_eq!(fs::read_to_string(home.join("hardshell.toml")).unwrap(), before);
    let url = "https://llm.example.org/v1";
    let arguments = ["model", "add", "lab", "--kind", "openai", "--model", "q", "--url", url, "--key", "lab"];
    let said = place.run(&home, &arguments).await;
    failed_with(&said, 0, &["hint: hardshell secret set lab --host llm.example.org\n"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_is_no_text_no_file_or_too_long_is_named_as_what_it_is() {
    let place = Place::new();
    let home = place.home("latin", Some(""));
    let path = home.join("hardshell.toml");
    fs::write(&path, b"model = \"builtin\"\n# caf\xe9\n").unwrap();
    let at = format!("{}:2:6: from here on it is not UTF-8 text", path.display());
    for arguments in [&["config", "check"][..], &["model", "list"]] {
        failed_with(&place.run(&home, arguments).await, 1, &[&at, "hint: save it as UTF-8", "iconv"]);
    }
    fs::write(&path, "#".repeat((1 << 20) + 1)).unwrap();
    let said = place.run(&home, &["config", "check"]).await;
    failed_with(&said, 1, &["has 1048577 bytes; the limit is 1048576", "hint: shorten it"]);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let said = place.run(&home, &["config", "check"]).await;
    failed_with(&said, 1, &["it is a folder, not a file", "hint: mv '"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_no_home_that_is_said() {
    let place = Place::new();
    let none = place.path("none");
    for arguments in [&["audit", "verify"][..], &["audit", "query"], &["audit", "checkpoint"]] {
        let said = place.run(&none, arguments).await;
        let what = format!("there is no home at {}", none.display());
        failed_with(&said, 1, &[&what, "hint: `hardshell up` makes one"]);
        assert!(!none.exists());
    }
    let file = place.path("file");
    fs::write(&file, "").unwrap();
    let said = place.run(&file, &["up", "--port", "0"]).await;
    failed_with(&said, 1, &[&format!("{} is no folder", file.display()), "hint: `--home DIR`"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_without_its_key_or_with_another_byte_says_what_helps() {
    let place = Place::new();
    let home = place.home("home", None);
    place.up(&home).await.stop().await;
    let up = place.up(&home).await;
    let said = place.run(&home, &["approvals", "approve", "q-nope"]).await;
    failed_with(&said, 1, &["no question `q-nope`", "hint: `hardshell approvals list`"]);
    up.stop().await;
    let segment = home.join("audit/segment-00000001.jsonl");
    let text = fs::read_to_string(&segment).unwrap();
    fs::write(&segment, text.replacen("\"time\":1", "\"time\":2", 1)).unwrap();
    let said = place.run(&home, &["audit", "verify"]).await;
    failed_with(&said, 5, &["hint: `hardshell incident report"]);
    fs::remove_file(home.join("audit.key")).unwrap();
    for arguments in [&["audit", "verify"][..], &["up", "--port", "0"]] {
        failed_with(&place.run(&home, arguments).await, 1, &["signing key", "hint: `hardshell backup list`"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_are_told_what_failed_and_a_pipe_goes_on_behind_a_line_that_cannot_be_said() {
    let place = Place::new();
    let home = place.home("home", None);
    let said = place.run(&home, &["status", "--json"]).await;
    let error: Value = serde_json::from_str::<Value>(&said.out).unwrap()["error"].take();
    assert_eq!(error["exit"], 1, "{said:?}");
    assert!(error["what"].as_str().unwrap().starts_with("could not reach Hardshell at "), "{said:?}");
    assert!(error["hint"].as_str().unwrap().contains("`hardshell up`"), "{said:?}");
    let up = place.up(&home).await;
    for (text, failed) in [("/disk", false), ("/read missing.txt", true)] {
        let said = place.run(&home, &["chat", "-m", text, "--json"]).await;
        let reply: Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!((&reply["kind"], &reply["failed"]), (&"reply".into(), &failed.into()), "{said:?}");
        assert_eq!(said.code, Some(i32::from(failed)), "{said:?}");
        // What a language model is advised to do is not said to whoever typed the command.
        assert!(!said.out.contains("try again"), "{said:?}");
    }
    let said = place.run(&home, &["chat", "--session", "s-typo", "-m", "/disk"]).await;
    failed_with(&said, 1, &["there is no session of that name", "hint: `hardshell session list`"]);
    let said = place.run(&home, &["chat", "--session", "mine", "-m", "/disk"]).await;
    failed_with(&said, 0, &["no session is called mine: this is a new one"]);
    let lines = format!("/disk\n{}\n/help\n", "x".repeat((1 << 20) + 1));
    let said = place.run_with(&home, &["chat"], &lines).await;
    failed_with(&said, 1, &["could not say line 2: it has more than 1048576 bytes; the others go on"]);
    assert!(said.out.contains("**Disks**") && said.out.contains("| command |"), "{said:?}");
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_hardshell_goes_away_under_a_chat_it_says_that_the_message_is_kept() {
    let place = Place::new();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let config = format!(
        "model = \"m\"\n[[models]]\nname = \"m\"\nkind = \"ollama\"\nmodel = \"x\"\nurl = \"{url}\"\n"
    );
    let home = place.home("home", Some(&config));
    let mut up = place.up(&home).await;
    let mut command = place.command(&home);
    command.args(["chat", "-m", "hello"]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    // The model is asked about a message that was taken.
    let asked = tokio::task::spawn_blocking(move || listener.accept());
    let (_asked, _from) = tokio::time::timeout(PATIENCE, asked).await.unwrap().unwrap().unwrap();
    up.client.get("/api/v1/status").await;
    up.kill();
    let ended = tokio::task::spawn_blocking(move || child.wait_with_output());
    let ended = tokio::time::timeout(PATIENCE, ended).await.unwrap().unwrap().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("Hardshell went away; your message was taken and is kept"), "{said}");
    assert!(said.contains("hint: `hardshell up`, then `hardshell chat --session s-"), "{said}");
}
