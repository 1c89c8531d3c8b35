//! What a stranger can cost: little, and not for long.

use crate::client::{ask, connect, get, post, raw, sign_in, token};
use crate::house::Running;
use gateway::{Config, Limits};
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Long enough for any answer of a test's gateway on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

async fn with(limits: Limits) -> Running {
    Running::with(Config { limits, ..Config::loopback(0) }).await
}

/// Reads until the other side ends it; an answer that does not end is a failure.
async fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    assert!(ended.is_ok(), "the connection stays open");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_connection_that_says_nothing_or_dawdles_is_ended() {
    let running = with(Limits { head_time: Duration::from_millis(200), ..Limits::default() }).await;
    for begun in ["", "G", "GET /healthz HTTP/1.1\r\n", "GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nx: "] {
        let mut stream = connect(running.handle.address()).await;
        stream.write_all(begun.as_bytes()).await.unwrap();
        rest(stream).await;
    }
}

#[tokio::test]
async fn a_head_that_trickles_in_has_one_time_limit_for_all_of_it() {
    let running = with(Limits { head_time: Duration::from_millis(300), ..Limits::default() }).await;
    let mut stream = connect(running.handle.address()).await;
    let began = tokio::time::Instant::now();
    stream.write_all(b"GET /healthz HTTP/1.1\r\n").await.unwrap();
    let mut pace = tokio::time::interval(Duration::from_millis(50));
    let mut byte = [0; 1];
    loop {
        tokio::select! {
            _ = pace.tick() => {
                if stream.write_all(b"x: y\r\n").await.is_err() {
                    break;
                }
            }
            read = stream.readable() => {
                read.unwrap();
                match stream.try_read(&mut byte) {
                    Ok(0) | Err(_) => break,
                    Ok(_) => {}
                }
            }
        }
        assert!(began.elapsed() < PATIENCE, "it may dawdle for ever");
    }
}

#[tokio::test]
async fn a_body_that_does_not_come_is_refused() {
    let running = with(Limits { body_time: Duration::from_millis(200), ..Limits::default() }).await;
    let head = format!(
        "POST /api/v1/sign-in HTTP/1.1\r\nhost: 127.0.0.1:{}\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{{",
        running.port()
    );
    let mut stream = connect(running.handle.address()).await;
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = rest(stream).await;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("too_slow"), "{answer}");
}

#[tokio::test]
async fn heads_and_bodies_have_a_size() {
    let running = Running::start().await;
    let token = token(&running, "one", &["chat"], "owner").await;
    let long = "x".repeat(20_000);
    let host = format!("host: 127.0.0.1:{}\r\n", running.port());
    for request in [
        format!("GET /{long} HTTP/1.1\r\n{host}\r\n"),
        format!("GET / HTTP/1.1\r\n{host}x: {long}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{host}{}\r\n", "x: y\r\n".repeat(100)),
    ] {
        let answer = raw(running.handle.address(), request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 431") || answer.starts_with("HTTP/1.1 414"), "{answer}");
    }
    for (target, bytes) in [
        ("/api/v1/sign-in", 8 * 1024),
        ("/api/v1/sessions", 8 * 1024),
        ("/api/v1/sessions/main/messages", 1024 * 1024),
        ("/v1/chat/completions", 4 * 1024 * 1024),
    ] {
        let body = json!({"filler": "x".repeat(bytes)});
        let answer = post(target, &body).bearer(&token).send(&running).await;
        assert_eq!(answer.status, 413, "{target}");
    }
    let message = json!({"id": "m1", "text": "x".repeat(256 * 1024 + 1)});
    let answer = post("/api/v1/sessions/main/messages", &message).bearer(&token).send(&running).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "too_large"));
    let message = json!({"id": "m1", "text": "x".repeat(256 * 1024)});
    assert_eq!(
        post("/api/v1/sessions/main/messages", &message).bearer(&token).send(&running).await.status,
        202
    );
}

#[tokio::test]
async fn a_body_without_a_credential_is_not_even_read() {
    let running = Running::start().await;
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{}\r\ncontent-type: application/json\r\ncontent-length: 4000000\r\n\r\n",
        running.port()
    );
    let mut stream = connect(running.handle.address()).await;
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = rest(stream).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
}

#[tokio::test]
async fn strangers_cannot_keep_the_owner_out() {
    let running = with(Limits { unproven_max: 8, connections_max: 64, ..Limits::default() }).await;
    let cookie = sign_in(&running).await;
    let mut strangers = Vec::new();
    for _ in 0..40 {
        strangers.push(connect(running.handle.address()).await);
        let answer = get("/api/v1/status").cookie(&running, &cookie).send(&running).await;
        assert_eq!(answer.status, 200);
    }
    // The oldest ones had to go.
    for stranger in strangers.drain(..30) {
        assert_eq!(rest(stranger).await, "");
    }
}

#[tokio::test]
async fn when_every_place_is_taken_by_someone_known_the_next_one_hears_so() {
    let running = with(Limits { unproven_max: 2, connections_max: 2, ..Limits::default() }).await;
    let token = token(&running, "one", &["read"], "owner").await;
    let request = format!(
        "GET /api/v1/status HTTP/1.1\r\nhost: 127.0.0.1:{}\r\nauthorization: Bearer {token}\r\n\r\n",
        running.port()
    );
    let mut known = Vec::new();
    for _ in 0..2 {
        let mut stream = connect(running.handle.address()).await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        known.push(stream);
    }
    let answer = rest(connect(running.handle.address()).await).await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after"), "{answer}");
    drop(known);
}

#[tokio::test]
async fn what_is_counted_names_nothing_a_client_chose() {
    let running = Running::start().await;
    let token = token(&running, "ops", &["metrics"], "owner").await;
    get("/secret-path-of-a-client?token=hs_x").send(&running).await;
    get("/api/v1/sessions/some-session").send(&running).await;
    ask("BREW", "/healthz").send(&running).await;
    let answer = get("/metrics").bearer(&token).send(&running).await;
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(answer.header("content-type").starts_with("application/openmetrics-text"));
    assert!(text.contains(r#"route="/api/v1/sessions/{id}",status="401""#), "{text}");
    for chosen in ["secret-path", "some-session", "BREW", "hs_", "127.0.0.1"] {
        assert!(!text.contains(chosen), "{chosen}: {text}");
    }
}
