//! The command line's way in: the kernel says who it is.

use crate::client::{Answer, Ask, ask, get, post};
use crate::house::Running;
use gateway::{Config, StartError};
use serde_json::json;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use tokio::net::UnixStream;

async fn running(folder: &Path) -> Running {
    Running::with(Config { socket: Some(socket(folder)), ..Config::loopback(0) }).await
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("hardshell.sock")
}

async fn over(folder: &Path, ask: Ask) -> Answer {
    let stream = UnixStream::connect(socket(folder)).await.unwrap();
    ask.send_over(stream, "hardshell").await
}

#[tokio::test]
async fn the_owner_comes_in_without_a_credential_and_makes_links() {
    let folder = tempfile::tempdir().unwrap();
    let running = running(folder.path()).await;
    assert_eq!(std::fs::metadata(socket(folder.path())).unwrap().mode() & 0o7777, 0o600);
    let who = over(folder.path(), get("/api/v1/sign-in")).await.json();
    assert_eq!((&who["id"], &who["principal"]), (&json!("local"), &json!("owner")));
    let link = over(folder.path(), ask("POST", "/api/v1/sign-in-links")).await;
    assert_eq!(link.status, 200);
    let link = link.json()["link"].as_str().unwrap().to_string();
    let token = link.split_once("#token=").unwrap().1;
    assert_eq!(post("/api/v1/sign-in", &json!({"token": token})).send(&running).await.status, 200);
    let message = json!({"id": "m1", "text": "hi"});
    assert_eq!(over(folder.path(), post("/api/v1/sessions/main/messages", &message)).await.status, 202);
    assert_eq!(running.house.delivered.lock().unwrap()[0].sender.channel, domain::Channel::Cli);
    assert_eq!(over(folder.path(), ask("POST", "/api/v1/sign-out")).await.status, 400);
}

#[tokio::test]
async fn a_token_shown_on_the_socket_reaches_no_further_than_itself() {
    let folder = tempfile::tempdir().unwrap();
    let running = running(folder.path()).await;
    let token = crate::client::token(&running, "one", &["read"], "owner").await;
    assert_eq!(over(folder.path(), get("/api/v1/status").bearer(&token)).await.status, 200);
    assert_eq!(over(folder.path(), get("/api/v1/audit").bearer(&token)).await.status, 403);
    assert_eq!(over(folder.path(), get("/api/v1/audit").bearer("hs_wrong")).await.status, 401);
}

#[tokio::test]
async fn no_page_speaks_over_the_socket() {
    let folder = tempfile::tempdir().unwrap();
    let _running = running(folder.path()).await;
    let answer = over(folder.path(), get("/api/v1/status").header("origin", "http://127.0.0.1:18789")).await;
    assert_eq!(answer.status, 403);
}

#[tokio::test]
async fn a_socket_in_use_is_left_alone_and_a_stale_one_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let first = running(folder.path()).await;
    let error =
        crate::start::refused(Config { socket: Some(socket(folder.path())), ..Config::loopback(0) }).await;
    assert!(matches!(error, StartError::SocketTaken { .. }), "{error}");
    assert_eq!(over(folder.path(), get("/healthz")).await.status, 200, "the first one goes on");
    first.handle.stop().await;
    assert!(!socket(folder.path()).exists());

    drop(std::os::unix::net::UnixListener::bind(socket(folder.path())).unwrap());
    assert!(socket(folder.path()).exists(), "left over from a program that was killed");
    let second = running(folder.path()).await;
    assert_eq!(over(folder.path(), get("/healthz")).await.status, 200);
    second.handle.stop().await;
}

#[tokio::test]
async fn a_socket_that_cannot_be_made_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    for (path, part) in [
        (folder.path().join("x".repeat(120)), "at most 107"),
        (folder.path().join("none/hardshell.sock"), "No such file"),
        (file.clone(), "something else"),
    ] {
        let error = crate::start::refused(Config { socket: Some(path.clone()), ..Config::loopback(0) }).await;
        assert!(error.to_string().contains(part), "{error}");
        assert!(error.hint().contains("0700"));
    }
    assert_eq!(std::fs::read(&file).unwrap(), b"x", "and destroys nothing");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o111, 0);
}

/// Connects as the user 65534 and prints what it is answered.
const STRANGER: &str = r#"
import os, socket, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
s = socket.socket(socket.AF_UNIX); s.settimeout(30); s.connect(sys.argv[1])
try:
    s.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    print(s.recv(1000))
except (BrokenPipeError, ConnectionResetError):
    print(b"")
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "another user can only be another process")]
async fn another_user_gets_nothing_even_where_the_file_lets_them() {
    if !rustix::process::geteuid().is_root() {
        // Only root can become a stranger; what the kernel tells is then compared as in `server::tests`.
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let _running = running(folder.path()).await;
    let open =
        |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    open(folder.path(), 0o755);
    open(&socket(folder.path()), 0o666);
    let path = socket(folder.path());
    let knock =
        move || std::process::Command::new("python3").args(["-c", STRANGER]).arg(path).output().unwrap();
    let output = tokio::task::spawn_blocking(knock).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "b''", "{output:?}");
    assert_eq!(over(folder.path(), get("/healthz")).await.status, 200);
}
