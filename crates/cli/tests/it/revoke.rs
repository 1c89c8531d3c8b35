//! What is taken back ends at once, with the shipped program: a secret, the connections and commands it was lent to, a
//! session with what runs in it, a channel with its open sockets.
#![expect(clippy::disallowed_methods, reason = "the far sides of a model and of a command listen here")]

use crate::place::{PATIENCE, Place, Up};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < PATIENCE, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn say(up: &Up, session: &str, id: &str, text: &str) {
    let path = format!("/api/v1/sessions/{session}/messages");
    up.client.post(&path, json!({"id": id, "text": text})).await;
}

async fn open(up: &Up) -> String {
    up.client.post("/api/v1/sessions", json!({})).await["id"].as_str().unwrap().to_string()
}

async fn secrets_on_record(up: &Up, act: &str) -> usize {
    let found = up.client.get("/api/v1/audit?kind=secret").await;
    found["records"].as_array().unwrap().iter().filter(|record| record["act"] == act).count()
}

/// Waits for the end of what the other side says.
async fn ended(mut socket: TcpStream) {
    let ended = tokio::task::spawn_blocking(move || {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut rest = Vec::new();
        socket.read_to_end(&mut rest).map(|_bytes| ())
    });
    let ended = ended.await.unwrap();
    let reset = |error: &std::io::Error| error.kind() == std::io::ErrorKind::ConnectionReset;
    assert!(ended.as_ref().map_or_else(reset, |()| true), "{ended:?}");
}

fn processes_with(marker: &str) -> usize {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| line.split(|byte| *byte == 0).any(|word| word == marker.as_bytes())).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_secret_ends_the_model_s_connection_and_goes_along_no_more() {
    let place = Place::new();
    let far = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = far.local_addr().unwrap().port();
    let config = format!(
        "model = \"m\"\n[agent]\nplan = false\n[[models]]\nname = \"m\"\nkind = \"openai\"\nmodel = \"slow\"\nurl = \"http://localhost:{port}/v1\"\nkey = \"secret://model\"\nlocal = true\n[network]\nprivate_hosts = [\"localhost:{port}\"]\n"
    );
    let home = place.home("home", Some(&config));
    let kept = place
        .run_with(&home, &["secret", "set", "model", "--host", "localhost"], "the-key-of-the-model\n")
        .await;
    assert_eq!(kept.code, Some(0), "{kept:?}");
    let up = place.up(&home).await;
    let session = open(&up).await;
    say(&up, &session, "m-1", "think about it for long").await;
    let accepted = tokio::task::spawn_blocking(move || far.accept().map(|(socket, _)| (socket, far)));
    let (mut socket, far) = tokio::time::timeout(PATIENCE, accepted).await.unwrap().unwrap().unwrap();
    let mut head = [0; 4096];
    let read = socket.read(&mut head).unwrap();
    assert!(String::from_utf8_lossy(&head[..read]).contains("the-key-of-the-model"));
    let unknown = place.run(&home, &["secret", "revoke", "nothing"]).await;
    assert_eq!(unknown.code, Some(1), "{unknown:?}");
    let revoked = place.run(&home, &["secret", "revoke", "model"]).await;
    assert_eq!(revoked.code, Some(0), "{revoked:?}");
    ended(socket).await;
    until("it is on record", async || secrets_on_record(&up, "revoked").await == 1).await;
    // Asked again, nobody is connected to with it.
    far.set_nonblocking(true).unwrap();
    let session = open(&up).await;
    say(&up, &session, "m-2", "and now?").await;
    until("the task has ended", async || {
        let transcript = up.client.get(&format!("/api/v1/sessions/{session}")).await;
        transcript["items"]
            .as_array()
            .unwrap()
            .iter()
            .any(|item| item["kind"] == "ended" || item["kind"] == "replied")
    })
    .await;
    while let Ok((mut socket, _)) = far.accept() {
        socket.set_nonblocking(false).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        let mut head = [0; 4096];
        let read = socket.read(&mut head).unwrap_or(0);
        assert!(!String::from_utf8_lossy(&head[..read]).contains("the-key-of-the-model"));
    }
    let listed = place.run(&home, &["secret", "list"]).await;
    assert!(listed.out.contains("! revoked"), "{listed:?}");
    let lifted = place.run(&home, &["secret", "revoke", "model", "--lift"]).await;
    assert_eq!(lifted.code, Some(0), "{lifted:?}");
    until("that is on record too", async || secrets_on_record(&up, "reinstated").await == 1).await;
    up.stop().await;
    // Without a running house the command itself puts it on record.
    let revoked = place.run(&home, &["secret", "revoke", "model"]).await;
    assert!(revoked.out.contains("That is on record."), "{revoked:?}");
    let found =
        place.run(&home, &["audit", "query", "--kind", "secret", "--text", "revoked", "--json"]).await;
    let found: Value = serde_json::from_str(&found.out).unwrap();
    assert_eq!(found["records"].as_array().unwrap().len(), 2, "{found}");
    let verified = place.run(&home, &["audit", "verify"]).await;
    assert_eq!(verified.code, Some(0), "{verified:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_has_a_stand_in_ends_when_its_secret_is_revoked() {
    let place = Place::new();
    let config = "[[sandbox.hosts]]\nhost = \"localhost\"\nports = [9]\nsecret = \"secret://wiki\"\nvariable = \"WIKI\"\n[network]\nprivate_hosts = [\"localhost:9\"]\n";
    let home = place.home("home", Some(config));
    let kept = place
        .run_with(&home, &["secret", "set", "wiki", "--host", "localhost"], "the-key-of-the-wiki\n")
        .await;
    assert_eq!(kept.code, Some(0), "{kept:?}");
    let up = place.up(&home).await;
    let marker = "76541.23";
    let (session, other) = (open(&up).await, open(&up).await);
    say(&up, &session, "m-1", &format!("/run --host localhost sleep {marker}")).await;
    say(&up, &other, "m-2", &format!("/run sleep {marker}9")).await;
    until("both run", async || {
        for question in up.client.get("/api/v1/approvals").await["questions"].as_array().unwrap() {
            let path = format!("/api/v1/approvals/{}", question["id"].as_str().unwrap());
            up.client.ask("POST", &path, Some(json!({"answer": "approve"}))).await.unwrap();
        }
        processes_with(marker) > 0 && processes_with(&format!("{marker}9")) > 0
    })
    .await;
    assert_eq!(place.run(&home, &["secret", "revoke", "wiki"]).await.code, Some(0));
    until("the command that was lent it has ended", async || processes_with(marker) == 0).await;
    assert!(processes_with(&format!("{marker}9")) > 0, "the other goes on");
    // A session that is taken back ends with what runs in it.
    let revoked = place.run(&home, &["session", "revoke", &other]).await;
    assert_eq!(revoked.code, Some(0), "{revoked:?}");
    until("its command has ended", async || processes_with(&format!("{marker}9")) == 0).await;
    up.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_is_taken_back_closes_its_open_sockets() {
    let place = Place::new();
    let home = place.home("home", None);
    let up = place.up(&home).await;
    let made =
        up.client.post("/api/v1/tokens", json!({"name": "a-program", "scopes": ["read", "chat"]})).await;
    let token = made["token"].as_str().unwrap().to_string();
    let mut request = format!("ws://{}/api/v1/ws", up.address).into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    let stream = tokio::net::TcpStream::connect(&up.address).await.unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
    socket.send(Message::text("{\"type\":\"hello\"}")).await.unwrap();
    let welcome = socket.next().await.unwrap().unwrap();
    assert!(welcome.to_text().unwrap().contains("welcome"), "{welcome}");
    let listed = place.run(&home, &["channel", "list"]).await;
    assert!(listed.out.contains("api   1 token(s)") && listed.out.contains("a-program"), "{listed:?}");
    assert_eq!(place.run(&home, &["channel", "revoke", "web"]).await.code, Some(0));
    let revoked = place.run(&home, &["channel", "revoke", "api"]).await;
    assert!(revoked.out.contains("Taken back on api: 1"), "{revoked:?}");
    let gone = async {
        while let Some(Ok(message)) = socket.next().await
            && !message.is_close()
        {}
    };
    tokio::time::timeout(PATIENCE, gone).await.unwrap();
    let mut plain = TcpStream::connect(&up.address).unwrap();
    let ask = format!(
        "GET /api/v1/status HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n",
        up.address
    );
    plain.write_all(ask.as_bytes()).unwrap();
    let mut answer = String::new();
    plain.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    up.stop().await;
}
