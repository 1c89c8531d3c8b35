//! What goes wrong most, each with its message and its exit code.
#![expect(clippy::disallowed_methods, reason = "a taken port needs somebody who has it, a pipe a shell")]

use crate::place::{Place, Said};
use serde_json::Value;
use std::fs::{self, Permissions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Whether `said` ended with `code`, and its stderr has each of `words`.
fn failed_with(said: &Said, code: i32, words: &[&str]) {
    assert_eq!(said.code, Some(code), "{said:?}");
    assert!(words.iter().all(|word| said.err.contains(word)), "{words:?} are not all in {said:?}");
    assert_eq!(said.out, "");
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_one_on_the_same_home_says_that_it_runs() {
    let place = Place::new();
    let home = place.home("home", None);
    let up = place.up(&home).await;
    let second = place.run(&home, &["up", "--port", "0"]).await;
    failed_with(
        &second,
        1,
        &[
            "could not start Hardshell: the audit log cannot be opened: another process has the audit log",
            "hint: Hardshell is running on this home already: `hardshell chat`, `hardshell status`",
        ],
    );
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_named_with_what_helps() {
    let place = Place::new();
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let said = place.run(&place.home("home", None), &["up", "--port", &port]).await;
    let address =
        format!("could not start Hardshell: the gateway cannot start: the address 127.0.0.1:{port} is taken");
    failed_with(&said, 1, &[&address, "hint: `hardshell up --port "]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slip_in_the_configuration_is_named_with_line_and_column() {
    let place = Place::new();
    let home = place.home("home", Some("model = \"builtin\"\n[gateway]\nprot = 1\n"));
    let slip = format!("{}:3:1: unknown field `prot`", home.join("hardshell.toml").display());
    let said = place.run(&home, &["up", "--port", "0"]).await;
    failed_with(&said, 1, &[&slip, "did you mean `port`?", "hint: hardshell config check"]);
    let said = place.run(&home, &["config", "check"]).await;
    let slip = slip.replace(":3:1: ", ":3:1: `gateway.prot`: ");
    assert_eq!((said.code, said.err.as_str()), (Some(1), ""), "{said:?}");
    for words in [&slip, "did you mean `port`?", "hint: `hardshell config schema`"] {
        assert!(said.out.contains(words), "{words}: {said:?}");
    }
    let good = place.home("good", Some("model = \"builtin\"\n"));
    let said = place.run(&good, &["config", "check"]).await;
    assert_eq!(
        (said.code, said.out),
        (Some(0), format!("{} is good\n", good.join("hardshell.toml").display()))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn config_check_names_everything_that_up_refuses_and_up_refuses_it() {
    let place = Place::new();
    let config = "[network]\nprivate_hosts = [\"localhost\"]\n[[models]]\nname = \"m\"\nkind = \"openai\"\nmodel = \"x\"\nurl = \"ftp://x\"\n";
    let home = place.home("home", Some(config));
    let said = place.run(&home, &["config", "check", "--json"]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    let report: Value = serde_json::from_str(&said.out).unwrap();
    let found = report["findings"].as_array().unwrap();
    let places: Vec<_> = found.iter().map(|finding| (&finding["key"], &finding["place"]["line"])).collect();
    assert_eq!(
        places,
        [(&"models.m.url".into(), &7.into()), (&"network.private_hosts".into(), &2.into())],
        "{report}"
    );
    let said = place.run(&home, &["config", "check"]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.out.ends_with("2 things for which `hardshell up` would refuse to start.\n"), "{said:?}");
    let said = place.run(&home, &["up", "--port", "0"]).await;
    failed_with(&said, 1, &["could not start Hardshell: ", "`m`", "hint: hardshell config check"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_went_away_ends_a_command_in_peace() {
    let place = Place::new();
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "\"$0\" config schema | head -c 1"]).arg(place.path("hardshell"));
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b"{"[..], &b""[..]), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_that_others_reach_or_nobody_can_write_is_refused_with_the_command() {
    let place = Place::new();
    let open = place.home("open", None);
    fs::set_permissions(&open, Permissions::from_mode(0o755)).unwrap();
    let said = place.run(&open, &["up", "--port", "0"]).await;
    failed_with(&said, 1, &["has mode 0755, so others on this machine can reach it", "hint: chmod 0700 '"]);
    let read_only = place.home("read-only", None);
    fs::set_permissions(&read_only, Permissions::from_mode(0o500)).unwrap();
    let said = place.run(&read_only, &["up", "--port", "0"]).await;
    failed_with(&said, 1, &["the home's", "cannot be made: Permission denied", "hint: ls -ld '"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_on_the_command_line_gets_one_document_and_lockdown_stops_it() {
    let place = Place::new();
    let home = place.home("home", None);
    let up = place.up(&home).await;
    let said = place.run(&home, &["chat", "-m", "/disk", "--json"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let reply: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(reply["kind"], "reply");
    assert!(reply["text"].as_str().unwrap().contains("% full"), "{reply}");
    let said = place.run(&home, &["lockdown", "on"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let said = place.run(&home, &["chat", "-m", "/disk", "--json"]).await;
    let error = &serde_json::from_str::<Value>(&said.out).unwrap()["error"];
    assert_eq!((&error["exit"], said.code), (&6.into(), Some(6)), "{said:?}");
    for (of, words) in [("what", "everything is stopped: lockdown is on"), ("hint", "hardshell lockdown off")]
    {
        assert!(error[of].as_str().unwrap().contains(words) && said.err.contains(words), "{said:?}");
    }
    let said = place.run(&home, &["lockdown", "status"]).await;
    assert_eq!((said.code, said.out.as_str()), (Some(6), "Lockdown is ON.\n"));
    let said = place.run(&home, &["lockdown", "off"]).await;
    failed_with(&said, 1, &["it is released by a person at the machine"]);
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_model_says_before_a_call_is_shown_to_its_last_word() {
    let place = Place::new();
    let script = place.path("script.jsonl");
    let answers = [
        r#"{"text": "first the mails", "calls": [{"tool": "mail.list", "args": {}}]}"#,
        r#"{"text": "then the machine", "calls": [{"tool": "host.load", "args": {}}]}"#,
        r#"{"text": "that is all"}"#,
    ];
    fs::write(&script, answers.join("\n")).unwrap();
    let config = format!(
        "model = \"s\"\n[[models]]\nname = \"s\"\nkind = \"script\"\nscript = \"{}\"\n",
        text(&script)
    );
    let home = place.home("home", Some(&config));
    let up = place.up(&home).await;
    let said = place.run(&home, &["chat", "-m", "look around"]).await;
    assert_eq!((said.code, said.out.as_str()), (Some(0), "first the mails\nthen the machine\nthat is all\n"));
    assert!(said.err.contains("untrusted"), "the mails were read first: {}", said.err);
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_nobody_asked_for_waits_with_exit_code_4_and_approve_runs_it() {
    let place = Place::new();
    let script = place.path("script.jsonl");
    let answers = "{\"calls\": [{\"tool\": \"shell.run\", \"args\": {\"command\": \"touch made.txt\"}}]}\n{\"text\": \"made\"}\n";
    fs::write(&script, answers).unwrap();
    let config = format!(
        "model = \"s\"\n[[models]]\nname = \"s\"\nkind = \"script\"\nscript = \"{}\"\n",
        text(&script)
    );
    let home = place.home("home", Some(&config));
    let up = place.up(&home).await;
    let mut following = up.client.follow().await;
    let said = place.run(&home, &["chat", "-m", "tidy up", "--json"]).await;
    assert_eq!(said.code, Some(4), "{said:?}");
    let asked: Value = serde_json::from_str(&said.out).unwrap();
    let made = home.join("workspace/made.txt");
    assert!(!made.exists());
    let question = asked["question"]["id"].as_str().unwrap();
    let approved = place.run(&home, &["approvals", "approve", question]).await;
    assert_eq!(
        (approved.code, approved.out),
        (Some(0), format!("{question}: approved, this once\n")),
        "{}",
        approved.err
    );
    while following.next().await.unwrap()["kind"] != "reply" {}
    assert!(made.exists());
    let again = place.run(&home, &["approvals", "approve", question]).await;
    assert_eq!(again.code, Some(1), "{again:?}");
    up.stop().await;
    let intact = place.run(&home, &["audit", "verify"]).await;
    assert_eq!(intact.code, Some(0), "{intact:?}");
    assert!(intact.out.starts_with("The log is intact: "), "{intact:?}");
    change_a_byte(&home.join("audit/segment-00000001.jsonl"));
    let changed = place.run(&home, &["audit", "verify"]).await;
    assert_eq!(changed.code, Some(5), "{changed:?}");
    assert!(changed.out.starts_with("The log is NOT intact after "), "{changed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_from_the_owners_words_runs_unasked_and_one_that_they_do_not_name_asks() {
    let place = Place::new();
    let script = place.path("script.jsonl");
    let plan = "{\"plan\": {\"version\": 1, \"grants\": [{\"tool\": \"shell.run\", \"why\": \"as asked\", \"arguments\": {\"command\": {\"is\": \"touch made.txt\"}}}]}}\n";
    let answers = "{\"calls\": [{\"tool\": \"shell.run\", \"args\": {\"command\": \"touch made.txt\"}}]}\n{\"text\": \"made\"}\n";
    fs::write(&script, format!("{plan}{answers}")).unwrap();
    let config = format!(
        "model = \"s\"\n[[models]]\nname = \"s\"\nkind = \"script\"\nscript = \"{}\"\n[actions]\nprofile = \"unless-granted\"\n",
        text(&script)
    );
    let home = place.home("home", Some(&config));
    let up = place.up(&home).await;
    let asked = place.run(&home, &["chat", "-m", "tidy up"]).await;
    assert_eq!(asked.code, Some(4), "a grant that the words do not name is of no use: {asked:?}");
    let done = place.run(&home, &["chat", "-m", "run `touch made.txt` for me"]).await;
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.err.contains("may do unasked: shell.run once, where command is touch made.txt"), "{done:?}");
    assert!(home.join("workspace/made.txt").exists());
    up.stop().await;
}

/// Turns a bit in the middle of a file.
fn change_a_byte(path: &Path) {
    let mut file = fs::File::options().read(true).write(true).open(path).unwrap();
    let middle = file.metadata().unwrap().len().checked_div(2).unwrap();
    let mut byte = [0_u8; 1];
    file.seek(SeekFrom::Start(middle)).unwrap();
    file.read_exact(&mut byte).unwrap();
    file.seek(SeekFrom::Start(middle)).unwrap();
    file.write_all(&[byte[0] ^ 1]).unwrap();
}
