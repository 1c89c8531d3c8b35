//! Bytes that are not what they should be: HTTP over raw TCP, JSON in bodies, ids in paths.

use crate::client::{ask, get, post, raw, token};
use crate::house::Running;
use proptest::prelude::*;
use serde_json::json;

#[tokio::test]
async fn what_is_not_http_gets_an_error_and_an_end() {
    let running = Running::start().await;
    let host = format!("host: 127.0.0.1:{}", running.port());
    let long_chunk = format!("{}\r\n", "f".repeat(40));
    for (what, bytes) in [
        ("another protocol", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec()),
        ("HTTP/2 with prior knowledge", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        ("no version", b"GET /\r\n\r\n".to_vec()),
        ("a version of the future", format!("GET / HTTP/9.9\r\n{host}\r\n\r\n").into_bytes()),
        ("a zero byte in the target", format!("GET /\0 HTTP/1.1\r\n{host}\r\n\r\n").into_bytes()),
        ("a line feed in a header's name", format!("GET / HTTP/1.1\r\n{host}\r\nx\n: y\r\n\r\n").into_bytes()),
        ("a zero byte in a header", format!("GET / HTTP/1.1\r\n{host}\r\nx: \0\r\n\r\n").into_bytes()),
        ("a space before the colon", format!("GET / HTTP/1.1\r\n{host}\r\nx : y\r\n\r\n").into_bytes()),
        ("a folded header", format!("GET / HTTP/1.1\r\n{host}\r\nx: y\r\n z\r\n\r\n").into_bytes()),
        ("two lengths", format!("POST /api/v1/sign-in HTTP/1.1\r\n{host}\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab").into_bytes()),
        ("a negative length", format!("POST /api/v1/sign-in HTTP/1.1\r\n{host}\r\ncontent-length: -1\r\n\r\n").into_bytes()),
        ("a length with a sign", format!("POST /api/v1/sign-in HTTP/1.1\r\n{host}\r\ncontent-length: +1\r\n\r\na").into_bytes()),
        ("an unknown coding", format!("POST /api/v1/sign-in HTTP/1.1\r\n{host}\r\ntransfer-encoding: cow\r\n\r\n").into_bytes()),
        ("a chunk too long to count", format!("POST /api/v1/sign-in HTTP/1.1\r\n{host}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n{long_chunk}").into_bytes()),
        ("a chunk that is no number", format!("POST /api/v1/sign-in HTTP/1.1\r\n{host}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n").into_bytes()),
    ] {
        let answer = raw(running.handle.address(), &bytes).await;
        let status = answer.get(9..12).unwrap_or_default();
        assert!(status.is_empty() || status.starts_with('4') || status.starts_with('5'), "{what}: {answer}");
        assert!(!answer.contains("200 OK"), "{what}: {answer}");
    }
    assert_eq!(get("/healthz").send(&running).await.status, 200, "it still serves");
}

#[tokio::test]
async fn a_length_and_a_coding_together_smuggle_nothing() {
    let running = Running::start().await;
    let host = format!("host: 127.0.0.1:{}", running.port());
    let smuggled = format!("GET /api/v1/openapi.json HTTP/1.1\r\n{host}\r\n\r\n");
    let request = format!(
        "POST /api/v1/sign-in HTTP/1.1\r\n{host}\r\ncontent-type: application/json\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"
    );
    let answer = raw(running.handle.address(), request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
}

#[tokio::test]
async fn json_that_is_not_what_the_route_takes_says_where_it_is_wrong() {
    let running = Running::start().await;
    let token = token(&running, "one", &["chat", "approve", "read", "audit"], "owner").await;
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    for (what, body, part) in [
        ("nothing", String::new(), "not a JSON object"),
        ("no JSON", "hello".to_string(), "not a JSON object"),
        ("an object that is none", "{hello}".to_string(), "line 1 column 2"),
        ("half of it", r#"{"id":"m1","text":"#.to_string(), "EOF"),
        ("more behind it", r#"{"id":"m1","text":"x"} x"#.to_string(), "trailing"),
        ("a list of the fields", r#"["m1","x"]"#.to_string(), "not a JSON object"),
        ("a field too few", r#"{"id":"m1"}"#.to_string(), "missing field `text`"),
        ("a field too many", r#"{"id":"m1","text":"x","label":{}}"#.to_string(), "unknown field `label`"),
        ("a field twice", r#"{"id":"m1","id":"m2","text":"x"}"#.to_string(), "duplicate field `id`"),
        ("another type", r#"{"id":1,"text":"x"}"#.to_string(), "string"),
        ("null", r#"{"id":"m1","text":null}"#.to_string(), "string"),
        ("a lone surrogate", r#"{"id":"m1","text":"\ud800"}"#.to_string(), "hex escape"),
        ("lists in lists", deep.clone(), "not a JSON object"),
        ("a bad id", r#"{"id":"../m1","text":"x"}"#.to_string(), "message id"),
        ("an empty message", r#"{"id":"m1","text":"  "}"#.to_string(), "empty"),
    ] {
        let answer = ask("POST", "/api/v1/sessions/main/messages")
            .header("content-type", "application/json; charset=utf-8")
            .body(body)
            .bearer(&token)
            .send(&running)
            .await;
        let message = answer.json()["error"]["message"].as_str().unwrap().to_string();
        assert_eq!((answer.status, answer.code().as_str()), (400, "invalid"), "{what}: {message}");
        assert!(message.contains(part), "{what}: {message}");
    }
    let answer = ask("POST", "/api/v1/sessions/main/messages")
        .header("content-type", "application/json")
        .body(b"{\"id\":\"m1\",\"text\":\"\xff\"}".to_vec())
        .bearer(&token)
        .send(&running)
        .await;
    assert_eq!(answer.status, 400, "not UTF-8");
    let answer = ask("POST", "/v1/chat/completions")
        .header("content-type", "application/json")
        .body(format!(r#"{{"model":"echo","messages":[],"stop":{deep}}}"#))
        .bearer(&token)
        .send(&running)
        .await;
    let message = answer.json()["error"]["message"].as_str().unwrap().to_string();
    assert!(answer.status == 400 && message.contains("recursion limit"), "{message}");
    for (target, status) in [
        ("/api/v1/sessions/..%2f..%2fetc", 400),
        ("/api/v1/sessions/MAIN", 400),
        ("/api/v1/sessions/none", 404),
        ("/api/v1/sessions/%ff", 400),
        ("/api/v1/sessions?limit=0", 400),
        ("/api/v1/sessions?limit=1001", 400),
        ("/api/v1/sessions?limit=-1", 400),
        ("/api/v1/sessions?limit=x", 400),
        ("/api/v1/sessions?offset=1", 400),
        ("/api/v1/audit?limit=1001", 400),
        ("/api/v1/audit?after=18446744073709551616", 400),
        ("/api/v1/audit?kind=intent&kind=outcome", 400),
    ] {
        assert_eq!(get(target).bearer(&token).send(&running).await.status, status, "{target}");
    }
    let answer =
        post("/api/v1/approvals/q1", &json!({"answer": "Approve"})).bearer(&token).send(&running).await;
    assert_eq!(answer.status, 400, "answers are exact");
    assert!(running.house.delivered.lock().unwrap().is_empty());
    assert!(running.house.answers.lock().unwrap().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_bytes_come_the_gateway_goes_on(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let limits = gateway::Limits { head_time: std::time::Duration::from_millis(50), ..gateway::Limits::default() };
            let config = gateway::Config { limits, ..gateway::Config::loopback(0) };
            let running = Running::with(config).await;
            let answer = raw(running.handle.address(), &bytes).await;
            assert!(!answer.contains("HTTP/1.1 2"), "{answer}");
            assert_eq!(get("/healthz").send(&running).await.status, 200);
        });
    }
}
