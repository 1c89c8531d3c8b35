//! `/api/v1/ws`, with a real client.

use crate::client::{ask, connect, sign_in, token};
use crate::house::{Running, audit_record, reply, reply_in};
use futures_util::{SinkExt as _, StreamExt as _};
use gateway::wire::{Event, ServerFrame, close};
use gateway::{Config, EVENTS_KEPT_MAX, Limits};
use http::HeaderValue;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Error, Message};

type Socket = WebSocketStream<TcpStream>;

/// Long enough for any answer of a test's gateway on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

async fn knock(running: &Running, headers: &[(&'static str, &str)]) -> Result<Socket, Error> {
    let mut request = format!("ws://127.0.0.1:{}/api/v1/ws", running.port()).into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().append(*name, HeaderValue::from_str(value).unwrap());
    }
    let stream = connect(running.handle.address()).await;
    tokio_tungstenite::client_async(request, stream).await.map(|(socket, _)| socket)
}

/// As the owner's page: a cookie and the page's origin.
async fn as_page(running: &Running) -> Socket {
    let cookie = sign_in(running).await;
    let origin = format!("http://127.0.0.1:{}", running.port());
    knock(running, &[("cookie", &cookie), ("origin", &origin)]).await.unwrap()
}

async fn with_token(running: &Running, token: &str) -> Socket {
    knock(running, &[("authorization", &format!("Bearer {token}"))]).await.unwrap()
}

async fn say(socket: &mut Socket, frame: Value) {
    socket.send(Message::text(frame.to_string())).await.unwrap();
}

/// The next text frame, or the close frame as `{"closed": code, "why": reason}`.
async fn hear(socket: &mut Socket) -> Value {
    loop {
        let message = tokio::time::timeout(PATIENCE, socket.next()).await.expect("silence");
        match message {
            Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).unwrap(),
            Some(Ok(Message::Close(Some(frame)))) => {
                return json!({"closed": u16::from(frame.code), "why": frame.reason.as_str()});
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            other => return json!({"ended": format!("{other:?}")}),
        }
    }
}

async fn greet(socket: &mut Socket, after: Option<u64>) -> Value {
    match after {
        None => say(socket, json!({"type": "hello"})).await,
        Some(after) => say(socket, json!({"type": "hello", "after": after})).await,
    }
    hear(socket).await
}

async fn with(limits: Limits) -> Running {
    Running::with(Config { limits, ..Config::loopback(0) }).await
}

#[tokio::test]
async fn a_message_goes_in_and_its_events_come_out() {
    let running = Running::start().await;
    let mut socket = as_page(&running).await;
    let welcome = greet(&mut socket, None).await;
    let seq = welcome["seq"].as_u64().unwrap();
    assert_eq!(welcome, json!({"type": "welcome", "version": 1, "seq": seq, "resumed": true}));
    say(&mut socket, json!({"type": "send", "session": "main", "id": "m1", "text": "hello"})).await;
    let accepted = hear(&mut socket).await;
    assert_eq!(
        accepted,
        json!({"type": "event", "seq": seq + 1, "time": accepted["time"], "kind": "accepted", "session": "main",
            "task": "t0", "message": "m1", "by": "owner", "text": "hello"})
    );
    let reply = hear(&mut socket).await;
    assert_eq!(
        (&reply["kind"], &reply["text"], &reply["seq"]),
        (&json!("reply"), &json!("you said: hello"), &json!(seq + 2))
    );
    say(&mut socket, json!({"type": "answer", "question": "q1", "answer": "always"})).await;
    let answered = hear(&mut socket).await;
    assert_eq!((&answered["kind"], &answered["answer"]), (&json!("answered"), &json!("always")));
    say(&mut socket, json!({"type": "ping", "id": "p1"})).await;
    assert_eq!(hear(&mut socket).await, json!({"type": "pong", "id": "p1"}));
}

#[tokio::test]
async fn a_socket_that_comes_back_goes_on_where_it_was() {
    let running = Running::start().await;
    let mut socket = as_page(&running).await;
    greet(&mut socket, None).await;
    running.publish(reply("one"));
    let last = hear(&mut socket).await["seq"].as_u64().unwrap();
    drop(socket);
    for text in ["two", "three"] {
        running.publish(reply(text));
    }
    let mut socket = as_page(&running).await;
    assert_eq!(greet(&mut socket, Some(last)).await["resumed"], true);
    assert_eq!(hear(&mut socket).await["text"], "two");
    assert_eq!(hear(&mut socket).await["text"], "three");
    running.publish(reply("four"));
    assert_eq!(hear(&mut socket).await["text"], "four");
}

#[tokio::test]
async fn a_socket_that_missed_events_is_told_so() {
    let running = Running::start().await;
    let first = running.publish(reply("gone"));
    for _ in 0..=EVENTS_KEPT_MAX {
        running.publish(reply("x"));
    }
    for after in [0, first - 1, first, u64::MAX] {
        let mut socket = as_page(&running).await;
        let welcome = greet(&mut socket, Some(after)).await;
        assert_eq!(welcome["resumed"], false, "{after}");
        let newest = welcome["seq"].as_u64().unwrap();
        running.publish(reply("new"));
        assert_eq!(hear(&mut socket).await["seq"], newest + 1);
    }
}

#[tokio::test]
async fn everyone_sees_what_they_may_and_no_more() {
    let running = Running::start().await;
    let mut owner = as_page(&running).await;
    let mut member = with_token(&running, &token(&running, "bot", &["read"], "member").await).await;
    let mut auditor = with_token(&running, &token(&running, "log", &["read", "audit"], "member").await).await;
    for socket in [&mut owner, &mut member, &mut auditor] {
        greet(socket, None).await;
    }
    running.publish(Event::Audit { record: audit_record() });
    running.publish(reply_in("private", "for the owner"));
    running.publish(reply_in("no session id at all", "for the owner"));
    running.publish(reply("for all"));
    let audit = hear(&mut owner).await;
    assert_eq!(
        (&audit["kind"], &audit["record"]["kind"], &audit["record"]["tool"]),
        (&json!("audit"), &json!("intent"), &json!("shell.run"))
    );
    assert_eq!(hear(&mut owner).await["session"], "private");
    assert_eq!(hear(&mut owner).await["text"], "for the owner");
    assert_eq!(hear(&mut owner).await["text"], "for all");
    assert_eq!(hear(&mut member).await["text"], "for all");
    assert_eq!(hear(&mut auditor).await["kind"], "audit");
    assert_eq!(hear(&mut auditor).await["text"], "for all");
}

#[tokio::test]
async fn a_frame_needs_the_scope_that_its_route_needs() {
    let running = Running::start().await;
    let mut socket = with_token(&running, &token(&running, "eye", &["read"], "owner").await).await;
    greet(&mut socket, None).await;
    for (frame, about) in [
        (json!({"type": "send", "session": "main", "id": "m1", "text": "x"}), "m1"),
        (json!({"type": "cancel", "session": "main"}), "main"),
        (json!({"type": "answer", "question": "q1", "answer": "approve"}), "q1"),
    ] {
        say(&mut socket, frame).await;
        let error = hear(&mut socket).await;
        assert_eq!((&error["about"], &error["error"]["code"]), (&json!(about), &json!("not_allowed")));
    }
    assert!(running.house.delivered.lock().unwrap().is_empty());
    assert!(running.house.answers.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_frame_that_cannot_be_carried_out_says_why_and_the_socket_stays() {
    let running = Running::start().await;
    let mut socket = as_page(&running).await;
    greet(&mut socket, None).await;
    for (frame, code, about) in [
        ("{", "invalid", Value::Null),
        ("[]", "invalid", Value::Null),
        (r#"{"type":"event"}"#, "invalid", Value::Null),
        (r#"{"type":"ping","id":"p","x":1}"#, "invalid", Value::Null),
        (r#"{"type":"hello"}"#, "invalid", Value::Null),
        (r#"{"type":"send","session":"none","id":"m1","text":"x"}"#, "not_found", json!("m1")),
        (r#"{"type":"send","session":"../x","id":"m1","text":"x"}"#, "invalid", json!("m1")),
        (r#"{"type":"send","session":"main","id":"m1","text":""}"#, "invalid", json!("m1")),
        (r#"{"type":"answer","question":"q9","answer":"deny"}"#, "not_found", json!("q9")),
    ] {
        socket.send(Message::text(frame)).await.unwrap();
        let error = hear(&mut socket).await;
        assert_eq!((&error["error"]["code"], &error["about"]), (&json!(code), &about), "{frame}");
    }
    say(&mut socket, json!({"type": "ping"})).await;
    assert_eq!(hear(&mut socket).await, json!({"type": "pong"}));
}

#[tokio::test]
async fn who_may_not_read_gets_no_socket() {
    let running = Running::start().await;
    let cookie = sign_in(&running).await;
    let chat_only = format!("Bearer {}", token(&running, "chat", &["chat"], "owner").await);
    let own = format!("http://127.0.0.1:{}", running.port());
    let elsewhere = format!("http://localhost:{}", running.port());
    for (what, headers, status) in [
        ("nothing", vec![], 401),
        ("a wrong cookie", vec![("cookie", "hardshell=x"), ("origin", own.as_str())], 401),
        ("a token without the scope", vec![("authorization", chat_only.as_str())], 403),
        ("a cookie without an origin", vec![("cookie", cookie.as_str())], 403),
        (
            "a page of another origin",
            vec![("cookie", cookie.as_str()), ("origin", "https://evil.example")],
            403,
        ),
        (
            "a page of the same machine",
            vec![("cookie", cookie.as_str()), ("origin", elsewhere.as_str())],
            403,
        ),
    ] {
        match knock(&running, &headers).await {
            Err(Error::Http(response)) => assert_eq!(response.status().as_u16(), status, "{what}"),
            other => panic!("{what}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn taking_a_credential_back_ends_its_sockets_at_once() {
    let running = Running::start().await;
    let cookie = sign_in(&running).await;
    let origin = format!("http://127.0.0.1:{}", running.port());
    let mut page = knock(&running, &[("cookie", &cookie), ("origin", &origin)]).await.unwrap();
    let token = token(&running, "bot", &["read"], "member").await;
    let mut program = with_token(&running, &token).await;
    let mut silent = with_token(&running, &token).await;
    greet(&mut page, None).await;
    greet(&mut program, None).await;
    let id = crate::client::get("/api/v1/sign-in").bearer(&token).send(&running).await.json()["id"].clone();
    let revoke = ask("DELETE", &format!("/api/v1/sign-ins/{}", id.as_str().unwrap()));
    assert_eq!(revoke.cookie(&running, &cookie).send(&running).await.status, 204);
    for socket in [&mut program, &mut silent] {
        assert_eq!(
            hear(socket).await,
            json!({"closed": close::SIGNED_OUT, "why": "the sign-in was taken back"})
        );
    }
    running.publish(reply("still here"));
    assert_eq!(hear(&mut page).await["text"], "still here");
    assert_eq!(ask("POST", "/api/v1/sign-out").cookie(&running, &cookie).send(&running).await.status, 204);
    assert_eq!(hear(&mut page).await["closed"], close::SIGNED_OUT);
}

#[tokio::test]
async fn a_lockdown_ends_every_socket() {
    let running = Running::start().await;
    let mut page = as_page(&running).await;
    greet(&mut page, None).await;
    running.handle.credentials().revoke_all().await.unwrap();
    assert_eq!(hear(&mut page).await["closed"], close::SIGNED_OUT);
}

#[tokio::test]
async fn a_gateway_that_stops_says_goodbye() {
    let running = Running::start().await;
    let mut page = as_page(&running).await;
    greet(&mut page, None).await;
    let stopping = tokio::spawn(running.handle.stop());
    assert_eq!(hear(&mut page).await, json!({"closed": 1001, "why": "the program stops"}));
    stopping.await.unwrap();
}

#[tokio::test]
async fn the_first_frame_is_hello_and_comes_in_time() {
    let running = with(Limits { hello_time: Duration::from_millis(200), ..Limits::default() }).await;
    let mut silent = as_page(&running).await;
    assert_eq!(hear(&mut silent).await["closed"], close::NO_HELLO);
    for first in [r#"{"type":"ping"}"#, "hello", r#"{"type":"hello","after":-1}"#] {
        let mut socket = as_page(&running).await;
        socket.send(Message::text(first)).await.unwrap();
        assert_eq!(hear(&mut socket).await["closed"], close::NO_HELLO, "{first}");
    }
}

#[tokio::test]
async fn a_socket_is_pinged_and_a_dead_one_is_closed() {
    let limits = Limits {
        ping_every: Duration::from_millis(50),
        silence_time: Duration::from_millis(400),
        ..Limits::default()
    };
    let running = with(limits).await;
    let mut alive = as_page(&running).await;
    greet(&mut alive, None).await;
    // A client that reads answers pings by itself; this one hears twenty of them, well beyond the silence.
    let mut pings = 0;
    while pings < 20 {
        match tokio::time::timeout(PATIENCE, alive.next()).await.unwrap() {
            Some(Ok(Message::Ping(_))) => pings += 1,
            other => panic!("{other:?}"),
        }
    }
    // One that never answers: the handshake by hand, and then nothing.
    let cookie = sign_in(&running).await;
    let mut dead = connect(running.handle.address()).await;
    dead.write_all(handshake(&running, &cookie).as_bytes()).await.unwrap();
    dead.write_all(&[0x81, 0x80 | 16, 0, 0, 0, 0]).await.unwrap();
    dead.write_all(br#"{"type":"hello"}"#).await.unwrap();
    let mut everything = Vec::new();
    tokio::time::timeout(PATIENCE, dead.read_to_end(&mut everything)).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&everything).into_owned();
    assert!(text.contains("nothing was heard for too long"), "{text}");
}

fn handshake(running: &Running, cookie: &str) -> String {
    let port = running.port();
    format!(
        "GET /api/v1/ws HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\norigin: http://127.0.0.1:{port}\r\ncookie: {cookie}\r\n\
         connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

#[tokio::test]
async fn too_many_frames_end_the_socket() {
    let running = with(Limits { frames_per_second: 1, frames_burst: 20, ..Limits::default() }).await;
    let mut socket = as_page(&running).await;
    greet(&mut socket, None).await;
    for _ in 0..30 {
        if socket.send(Message::text(r#"{"type":"ping"}"#)).await.is_err() {
            break;
        }
    }
    let mut pongs = 0;
    let last = loop {
        let heard = hear(&mut socket).await;
        if heard["type"] != "pong" {
            break heard;
        }
        pongs += 1;
    };
    assert_eq!((last["closed"].clone(), pongs < 30), (json!(close::TOO_MANY), true));

    let mut socket = as_page(&running).await;
    greet(&mut socket, None).await;
    for _ in 0..3 {
        let _closed = socket.send(Message::text("not json")).await;
    }
    let last = loop {
        let heard = hear(&mut socket).await;
        if heard["type"] != "error" {
            break heard;
        }
    };
    assert_eq!(last["closed"], close::TOO_MANY, "broken frames cost more");
}

#[tokio::test]
async fn a_reader_that_is_too_slow_is_closed_and_nobody_else_notices() {
    let running = with(Limits { write_stall_time: Duration::from_millis(300), ..Limits::default() }).await;
    let mut slow = as_page(&running).await;
    let mut quick = as_page(&running).await;
    greet(&mut slow, None).await;
    greet(&mut quick, None).await;
    let text = "x".repeat(64 * 1024);
    for _ in 0..200 {
        running.publish(reply(&text));
        assert_eq!(hear(&mut quick).await["kind"], "reply");
    }
    // The slow one now reads what fits into the sockets' buffers, and then the end.
    let mut events = 0;
    let last = loop {
        let heard = hear(&mut slow).await;
        if heard["type"] != "event" {
            break heard;
        }
        events += 1;
    };
    assert!(events < 200, "{events}");
    let closed_with_reason = last["closed"] == close::TOO_SLOW;
    let cut_off = last.get("ended").is_some();
    assert!(closed_with_reason || cut_off, "{last}");
    let token = token(&running, "ops", &["metrics"], "owner").await;
    let metrics = crate::client::get("/metrics").bearer(&token).send(&running).await;
    let metrics = String::from_utf8(metrics.body.to_vec()).unwrap();
    assert!(metrics.contains(r#"sockets_dropped_total{why="too_slow"} 1"#), "{metrics}");
}

#[tokio::test]
async fn frames_that_break_the_protocol_end_the_socket_with_the_reason() {
    let running = Running::start().await;
    let hello = || Message::text(r#"{"type":"hello"}"#);
    let raw = |frame: Frame| Message::Frame(frame);
    let large = "x".repeat(1024 * 1024 + 1);
    for (what, messages, code) in [
        ("binary", vec![hello(), Message::binary(vec![1, 2, 3])], 1003),
        ("too big", vec![hello(), Message::text(large)], 1009),
        (
            "text that is not UTF-8",
            vec![hello(), raw(Frame::message(vec![0xff], OpCode::Data(Data::Text), true))],
            1002,
        ),
        (
            "a reserved opcode",
            vec![hello(), raw(Frame::message(vec![], OpCode::Data(Data::Reserved(3)), true))],
            1002,
        ),
        (
            "a continuation of nothing",
            vec![hello(), raw(Frame::message(vec![b'x'], OpCode::Data(Data::Continue), true))],
            1002,
        ),
        ("binary first", vec![Message::binary(vec![])], 1003),
    ] {
        let mut socket = as_page(&running).await;
        for message in messages {
            let _cut_off = socket.send(message).await;
        }
        let last = loop {
            let heard = hear(&mut socket).await;
            if heard["type"] != "welcome" {
                break heard;
            }
        };
        let reset = last.get("ended").is_some() && code == 1009;
        assert!(last["closed"] == code || reset, "{what}: {last}");
    }
    let mut socket = as_page(&running).await;
    greet(&mut socket, None).await;
}

#[tokio::test]
async fn many_small_pieces_of_one_large_message_are_too_large_too() {
    let running = Running::start().await;
    let mut socket = as_page(&running).await;
    greet(&mut socket, None).await;
    let piece = vec![b'x'; 64 * 1024];
    let first = Frame::message(piece.clone(), OpCode::Data(Data::Text), false);
    let mut sent = socket.send(Message::Frame(first)).await.is_ok();
    for _ in 0..20 {
        let next = Frame::message(piece.clone(), OpCode::Data(Data::Continue), false);
        sent = sent && socket.send(Message::Frame(next)).await.is_ok();
    }
    let last = hear(&mut socket).await;
    assert!(last["closed"] == 1009 || last.get("ended").is_some(), "{last}");
}

#[tokio::test]
async fn raw_bytes_after_the_handshake_end_the_socket() {
    let running = with(Limits { hello_time: Duration::from_millis(500), ..Limits::default() }).await;
    let cookie = sign_in(&running).await;
    for bytes in [
        &b"\x81\x05hello"[..],                       // not masked
        b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff", // a length of 2^64 - 1
        b"\xc1\x80\x00\x00\x00\x00",                 // a reserved bit
        b"\x89\xfe\x00\x7e\x00\x00\x00\x00",         // a ping of 126 bytes
        b"\x09\x80\x00\x00\x00\x00",                 // a ping in pieces
        b"GET / HTTP/1.1\r\n\r\n",
        &[0; 64],
    ] {
        let mut stream = connect(running.handle.address()).await;
        stream.write_all(handshake(&running, &cookie).as_bytes()).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut everything = Vec::new();
        // A reset is an end too.
        let _reset =
            tokio::time::timeout(PATIENCE, stream.read_to_end(&mut everything)).await.expect("it stays open");
        let text = String::from_utf8_lossy(&everything).into_owned();
        assert!(text.starts_with("HTTP/1.1 101"), "{text}");
        assert!(!text.contains("welcome"), "{text}");
    }
}

#[test]
fn every_server_frame_reads_back() {
    let frames = [
        json!({"type": "welcome", "version": 1, "seq": 5, "resumed": false}),
        json!({"type": "pong"}),
        json!({"type": "error", "about": "m1", "error": {"code": "locked_down", "message": "x"}}),
        json!({"type": "event", "seq": 1, "time": 2, "kind": "draft", "session": "s", "task": "t", "step": 0, "text": "a"}),
        json!({"type": "event", "seq": 1, "time": 2, "kind": "audit",
            "record": {"seq": 9, "time": 3, "kind": "intent", "hash": "00", "tool": "shell.run"}}),
    ];
    for frame in frames {
        let read: ServerFrame = serde_json::from_value(frame.clone()).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), frame);
    }
}
