//! The stop switch, with the shipped program: also when it hangs, also after a restart, and released by nobody who is
//! not at a terminal.
#![expect(clippy::disallowed_methods, reason = "a terminal and a far side that never answers are made here")]
#![expect(clippy::print_stdout, reason = "how long it took is what a long run is for")]

use crate::dice::from_environment;
use crate::place::{PATIENCE, Place, Up};
use serde_json::{Value, json};
use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

/// How many commands run when everything is stopped; `HARDSHELL_SANDBOXES` is for longer runs.
const BUSY: usize = 3;
/// How many sessions they are in at most: a line has several commands when there are more.
const SESSIONS_MAX: usize = 25;
/// How many screens are open beside them.
const SCREENS: usize = 20;

fn busy() -> usize {
    from_environment("HARDSHELL_SANDBOXES").map_or(BUSY, |busy| usize::try_from(busy).unwrap())
}

/// How many processes of the host have this in their command line.
fn processes_with(marker: &str) -> usize {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| line.split(|byte| *byte == 0).any(|word| word == marker.as_bytes())).count()
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < PATIENCE, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn say(up: &Up, text: &str) -> Value {
    let session = up.client.post("/api/v1/sessions", json!({})).await["id"].as_str().unwrap().to_string();
    let path = format!("/api/v1/sessions/{session}/messages");
    up.client.post(&path, json!({"id": format!("m-{session}"), "text": text})).await
}

/// Sessions whose commands do not end by themselves, each in a sandbox of its own.
async fn keep_busy(up: &Up, marker: &str) {
    let busy = busy();
    let sessions = busy.min(SESSIONS_MAX);
    for session in 0..sessions {
        let commands = busy / sessions + usize::from(session < busy % sessions);
        let line = vec![format!("sleep {marker}"); commands].join(" | ");
        say(up, &format!("/run {line}")).await;
    }
    until("the commands run", async || {
        for question in up.client.get("/api/v1/approvals").await["questions"].as_array().unwrap() {
            let path = format!("/api/v1/approvals/{}", question["id"].as_str().unwrap());
            up.client.post(&path, json!({"answer": "approve"})).await;
        }
        processes_with(marker) >= busy
    })
    .await;
}

/// Types `hardshell lockdown off` at a terminal.
async fn release(place: &Place, home: &Path) {
    let line = format!("'{}' --home '{}' lockdown off", place.path("hardshell").display(), home.display());
    let mut command = std::process::Command::new("script");
    command.args(["-qec", &line, "/dev/null"]).stdin(std::process::Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_house_that_hangs_is_stopped_from_outside_and_stays_stopped() {
    let place = Place::new();
    let home = place.home("home", None);
    let mut up = place.up(&home).await;
    let marker = "76543.21";
    keep_busy(&up, marker).await;
    up.hang();
    let said = place.run(&home, &["lockdown", "on", "--json"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let stopped: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(
        (&stopped["stopped"]["ran"], &stopped["stopped"]["killed"], &stopped["stopped"]["left"]),
        (&json!(true), &json!(true), &json!(0)),
        "{stopped}"
    );
    assert_eq!(processes_with(marker), 0);
    println!(
        "{} commands of a house that hung had ended after {} ms",
        busy(),
        stopped["stopped"]["milliseconds"]
    );
    assert!(!up.ended().await.success());
    let up = place.up(&home).await;
    let said = place.run(&home, &["chat", "-m", "/disk"]).await;
    assert_eq!(said.code, Some(6), "{said:?}");
    let said = place.run(&home, &["audit", "verify"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    until("the lockdown is on record", async || {
        let found = up.client.get("/api/v1/audit?kind=lockdown").await;
        found["records"].as_array().unwrap().iter().any(|record| record["act"] == "on")
    })
    .await;
    release(&place, &home).await;
    until("it takes messages again", async || {
        place.run(&home, &["chat", "-m", "/disk"]).await.code == Some(0)
    })
    .await;
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_runs_and_every_screen_has_ended_when_the_command_says_so() {
    let place = Place::new();
    let home = place.home("home", None);
    let up = place.up(&home).await;
    let marker = "76543.23";
    keep_busy(&up, marker).await;
    let mut screens = Vec::new();
    for _ in 0..SCREENS {
        screens.push(up.client.follow().await);
    }
    let said = place.run(&home, &["lockdown", "on", "--json"]).await;
    let stopped: Value = serde_json::from_str(&said.out).unwrap_or_else(|_not| panic!("{said:?}"));
    let stopped = &stopped["stopped"];
    assert_eq!(
        (&stopped["ran"], &stopped["killed"], &stopped["left"]),
        (&json!(true), &json!(false), &json!(0))
    );
    assert_eq!(processes_with(marker), 0);
    for screen in &mut screens {
        while tokio::time::timeout(PATIENCE, screen.next()).await.unwrap().is_some() {}
    }
    println!("{} commands and {SCREENS} screens had ended after {} ms", busy(), stopped["milliseconds"]);
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_word_ends_commands_connections_and_screens() {
    let place = Place::new();
    let far = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = far.local_addr().unwrap().port();
    let config = format!(
        "model = \"m\"\n[[models]]\nname = \"m\"\nkind = \"openai\"\nmodel = \"slow\"\nurl = \"http://localhost:{port}/v1\"\nlocal = true\n[network]\nprivate_hosts = [\"localhost:{port}\"]\n"
    );
    let home = place.home("home", Some(&config));
    let up = place.up(&home).await;
    // A model that is asked and never answers: a connection that is open.
    say(&up, "think about it for long").await;
    let accepted = tokio::task::spawn_blocking(move || far.accept());
    let (mut socket, _) = tokio::time::timeout(PATIENCE, accepted).await.unwrap().unwrap().unwrap();
    let mut screen = up.client.follow().await;
    let said = place.run(&home, &["chat", "-m", "/lockdown"]).await;
    assert_eq!(said.code, Some(6), "{said:?}");
    let ended = tokio::task::spawn_blocking(move || {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut rest = Vec::new();
        socket.read_to_end(&mut rest)
    });
    let ended = ended.await.unwrap();
    assert!(ended.is_ok() || ended.unwrap_err().kind() == std::io::ErrorKind::ConnectionReset);
    while tokio::time::timeout(PATIENCE, screen.next()).await.unwrap().is_some() {}
    let said = place.run(&home, &["lockdown", "status"]).await;
    assert_eq!(said.code, Some(6), "{said:?}");
    assert!(said.err.contains("because: the owner said /lockdown on cli"), "{said:?}");
    let said = place.run(&home, &["lockdown", "on", "--json"]).await;
    let stopped: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&stopped["stopped"]["killed"], &stopped["stopped"]["left"]), (&json!(false), &json!(0)));
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_somebody_changed_locks_the_house_at_its_start() {
    let place = Place::new();
    let home = place.home("home", None);
    place.up(&home).await.stop().await;
    let segment = home.join("audit/segment-00000001.jsonl");
    let mut file = fs::File::options().read(true).write(true).open(&segment).unwrap();
    let middle = file.metadata().unwrap().len().checked_div(2).unwrap();
    file.seek(SeekFrom::Start(middle)).unwrap();
    file.write_all(b"\x01").unwrap();
    drop(file);
    let up = place.up(&home).await;
    let said = place.run(&home, &["lockdown", "status"]).await;
    assert_eq!(said.code, Some(6), "{said:?}");
    assert!(said.err.contains("because: somebody changed the audit log"), "{said:?}");
    up.stop().await;
}

/// A disk without a free inode: no file can be made. `$4` is whether the file is there that was made for such a day.
const NO_ROOM: &str = r#"
home=$1 program=$2 out=$3
hardshell() { "$program" --home "$home" "$@"; }
until_true() {
	tries=0
	until "$@"; do
		tries=$((tries + 1)); [ $tries -lt 600 ] || { echo "never: $*" >>"$out/log"; exit 1; }
		sleep 0.1
	done
}
runs() { pgrep -f "^sleep 65432.$4\$" >/dev/null; }
"$program" --home "$home" up --port 0 --json >"$out/up" 2>>"$out/log" &
daemon=$!
trap 'kill $daemon 2>/dev/null' EXIT
until_true [ -s "$out/up" ]
hardshell chat -m "/run sleep 65432.$4" >>"$out/log" 2>&1 &
until_true runs "$@"
[ "$4" = 1 ] || rm "$home/run/lockdown.ready"
i=0; while true 2>/dev/null >"$home/workspace/fill$i"; do i=$((i + 1)); done
hardshell lockdown on >"$out/on" 2>&1; echo $? >"$out/on.code"
! runs "$@"; echo $? >"$out/ended.code"
hardshell lockdown status >"$out/status" 2>&1; echo $? >"$out/status.code"
hardshell chat -m /disk >"$out/chat" 2>&1; echo $? >"$out/chat.code"
kill $daemon; wait $daemon
hardshell lockdown status >"$out/again" 2>&1; echo $? >"$out/again.code"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn on_a_disk_where_no_file_can_be_made_everything_is_stopped_all_the_same() {
    for (ready, on, again) in [("1", "0", "6"), ("2", "1", "0")] {
        let place = Place::new();
        let home = place.home("home", None);
        let out = place.home("out", None);
        let mut command = place.on_small_disk(&home, "64m,nr_inodes=400", NO_ROOM);
        command.arg(&home).arg(place.path("hardshell")).arg(&out).arg(ready);
        let ended = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let said = |name: &str| fs::read_to_string(out.join(name)).unwrap_or_default();
        let everything =
            || format!("{ended:?}\n{}\n{}\n{}\n{}", said("log"), said("on"), said("status"), said("again"));
        let code = |name: &str| said(name).trim().to_string();
        assert_eq!(code("on.code"), on, "{}", everything());
        assert_eq!(code("ended.code"), "0", "the command ended: {}", everything());
        assert_eq!((code("status.code"), code("chat.code")), ("6".into(), "6".into()), "{}", everything());
        assert_eq!(code("again.code"), again, "{}", everything());
        let words =
            if ready == "1" { "also after a restart" } else { "for as long as this process of it runs" };
        assert!(said("on").contains(words), "{}", everything());
    }
}
