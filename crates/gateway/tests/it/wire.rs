//! The bytes of version 1: what clients of today write and read stays readable.

use gateway::Scope;
use gateway::wire::{
    ApiError, Approvals, AuditPage, ClientFrame, Commands, ErrorBody, ErrorCode, FRAME_BYTES_MAX, FrameError,
    NewMessage, NewToken, Readiness, ServerFrame, Sessions, SignIns, SignedIn, Status, Transcript,
};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn check<T: Serialize + DeserializeOwned>(shape: Value) {
    let read: T = serde_json::from_value(shape.clone()).unwrap_or_else(|error| panic!("{error}: {shape}"));
    assert_eq!(serde_json::to_value(read).unwrap(), shape);
}

fn label() -> Value {
    json!({"integrity": "untrusted", "tier": "medium", "sources": ["mail:x@example.org"]})
}

fn rule() -> Value {
    json!({"verdict": "ask", "id": "flow.untrusted", "why": "a mail is in the session"})
}

fn session() -> Value {
    json!({"id": "main", "title": "Main", "channel": "web", "created": 1, "updated": 2, "state": "waiting", "label": label(), "ceiling": "high"})
}

fn question() -> Value {
    json!({"id": "q1", "session": "main", "task": "t1", "title": "Run", "text": "df -h", "rules": [rule()],
        "source": "mail from x@example.org", "tool": "shell.run", "effect": "execute",
        "arguments": [{"name": "command", "value": "df -h", "role": "authority"}],
        "label": label(), "asked": 1, "expires": 2, "always": "allow `df -h`"})
}

fn status() -> Value {
    json!({"version": "0.1.0", "ready": true, "lockdown": false,
        "isolation": {"level": "landlock", "reason": "no user namespaces", "fix": "hardshell harden apparmor"},
        "proofs": [{"name": "egress.direct", "state": "holds", "detail": "refused", "checked": 3}, {"name": "x", "state": "off", "detail": ""}],
        "model": {"name": "builtin", "kind": "builtin"}, "home": "/home/a/.hardshell", "sample_mailbox": true})
}

#[test]
fn the_answers_of_version_1() {
    check::<Status>(status());
    check::<Sessions>(json!({"sessions": [session()]}));
    check::<Approvals>(json!({"questions": [question()]}));
    check::<AuditPage>(
        json!({"records": [{"seq": 1, "time": 2, "kind": "intent", "hash": "00", "tool": "shell.run", "prev": "11"}], "more": true}),
    );
    check::<Commands>(
        json!({"commands": [{"name": "/fetch", "arguments": "URL", "help": "fetch", "example": "/fetch https://example.org"}]}),
    );
    check::<Readiness>(json!({"ready": false, "reasons": [{"name": "lockdown"}]}));
    check::<SignedIn>(
        json!({"id": "local", "principal": "owner", "scopes": ["chat", "read", "approve", "audit", "metrics"]}),
    );
    check::<SignIns>(
        json!({"sign_ins": [{"id": "token-1", "kind": "token", "name": "ci", "principal": "member:ci", "scopes": ["chat"],
        "created": 1, "expires": 2, "current": false}]}),
    );
    check::<ErrorBody>(
        json!({"error": {"code": "refused", "message": "the policy refuses it", "hint": "ask", "rules": [rule()]}}),
    );
    let items = json!([
        {"number": 1, "task": "t1", "time": 1, "label": label(), "kind": "said", "by": "owner", "text": "hi", "quoted": "q"},
        {"number": 2, "task": "t1", "time": 1, "label": label(), "kind": "answered", "text": "",
            "calls": [{"call_id": "c1", "tool": "shell.run", "arguments": "{"}]},
        {"number": 3, "task": "t1", "time": 1, "label": label(), "kind": "asked", "call_id": "c1", "question": "q1"},
        {"number": 4, "task": "t1", "time": 1, "label": label(), "kind": "result", "call_id": "c1", "tool": "shell.run",
            "text": "x", "failed": true, "rules": [rule()]},
        {"number": 5, "task": "t1", "time": 1, "label": label(), "kind": "summary", "text": "s", "up_to": 4},
        {"number": 6, "task": "t1", "time": 1, "label": label(), "kind": "replied", "text": "done"},
        {"number": 7, "task": "t2", "time": 1, "label": label(), "kind": "ended", "state": "cancelled", "why": "you said so"},
        {"number": 8, "task": "t2", "time": 1, "label": label(), "kind": "planned", "grants": [], "why": "no model"},
    ]);
    check::<Transcript>(json!({"session": session(), "label": label(), "items": items, "seq": 9}));
}

#[test]
fn the_events_of_version_1() {
    for event in [
        json!({"kind": "accepted", "session": "s", "task": "t", "message": "m", "by": "owner", "text": "x"}),
        json!({"kind": "planned", "session": "s", "task": "t", "grants": ["mail.send once"], "why": ""}),
        json!({"kind": "draft", "session": "s", "task": "t", "step": 0, "text": "x"}),
        json!({"kind": "call", "session": "s", "task": "t", "call_id": "c", "tool": "host.disk", "arguments": [], "effect": "read"}),
        json!({"kind": "decided", "session": "s", "task": "t", "call_id": "c", "verdict": "deny", "rules": [rule()], "label": label()}),
        json!({"kind": "result", "session": "s", "task": "t", "call_id": "c", "text": "x", "failed": false, "label": label()}),
        json!({"kind": "asked", "question": question(), "call_id": "c"}),
        json!({"kind": "waits", "session": "s", "task": "t", "questions": ["q", "r"]}),
        json!({"kind": "answered", "session": "s", "question": "q", "answer": "deny"}),
        json!({"kind": "answered", "session": "s", "question": "q"}),
        json!({"kind": "reply", "session": "s", "task": "t", "text": "x", "label": label()}),
        json!({"kind": "ended", "session": "s", "task": "t", "state": "failed", "why": "x"}),
        json!({"kind": "label", "session": "s", "label": label()}),
        json!({"kind": "progress", "session": "s", "task": "t", "call_id": "c", "text": "x", "percent": 50}),
        json!({"kind": "audit", "record": {"seq": 1, "time": 2, "kind": "intent", "hash": "00", "tool": "x"}}),
        json!({"kind": "status", "status": status()}),
    ] {
        let mut frame = json!({"type": "event", "seq": 5, "time": 6});
        frame.as_object_mut().unwrap().extend(event.as_object().unwrap().clone());
        check::<ServerFrame>(frame);
    }
}

#[test]
fn a_client_ignores_what_a_later_server_adds() {
    let later = json!({"type": "welcome", "version": 1, "seq": 1, "resumed": true, "mood": "good"});
    assert!(serde_json::from_value::<ServerFrame>(later).is_ok());
    let later = json!({"ready": true, "reasons": [], "since": 5});
    assert!(serde_json::from_value::<Readiness>(later).is_ok());
}

#[test]
fn what_clients_send_is_exact() {
    for (text, good) in [
        (r#"{"type":"hello"}"#, true),
        (r#"{"type":"hello","after":5}"#, true),
        (r#"{"after":5,"type":"hello"}"#, true),
        (r#"{"type":"hello","after":5.0}"#, false),
        (r#"{"type":"hello","after":-5}"#, false),
        (r#"{"type":"hello","after":18446744073709551616}"#, false),
        (r#"{"type":"hello","after":1,"after":2}"#, false),
        (r#"{"type":"hello","type":"ping"}"#, false),
        (r#"{"type":"Hello"}"#, false),
        (r#"{"type":"hello","token":"x"}"#, false),
        (r#"{"type":"send","session":"s","id":"m","text":"x"}"#, true),
        (r#"{"type":"send","session":"s","id":"m","text":"x","quoted":"q"}"#, true),
        (r#"{"type":"send","session":"s","id":"m","text":"x","label":{}}"#, false),
        (r#"{"type":"send","session":"s","id":"m"}"#, false),
        (r#"{"type":"send","session":["s"],"id":"m","text":"x"}"#, false),
        (r#"{"type":"cancel","session":"s"}"#, true),
        (r#"{"type":"answer","question":"q","answer":"approve"}"#, true),
        (r#"{"type":"answer","question":"q","answer":"APPROVE"}"#, false),
        (r#"{"type":"answer","question":"q","answer":"approve "}"#, false),
        (r#"{"type":"answer","question":"q","answer":true}"#, false),
        (r#"{"type":"answer","question":"q"}"#, false),
        (r#"{"type":"ping"}"#, true),
        (r#"{"type":"event"}"#, false),
        (r#"["ping"]"#, false),
        (r#""ping""#, false),
        ("", false),
        ("{\"type\":\"ping\"}\0", false),
        ("\u{feff}{\"type\":\"ping\"}", false),
    ] {
        assert_eq!(ClientFrame::parse(text).is_ok(), good, "{text}");
    }
    assert!(
        serde_json::from_value::<NewMessage>(json!({"id": "m", "text": "x", "principal": "owner"})).is_err()
    );
    assert!(serde_json::from_value::<NewToken>(json!({"name": "x", "scopes": ["read", "root"]})).is_err());
    let long = format!(r#"{{"type":"ping","id":"{}"}}"#, "x".repeat(FRAME_BYTES_MAX));
    assert!(matches!(ClientFrame::parse(&long), Err(FrameError::TooLong { .. })));
}

#[test]
fn every_code_has_its_status_and_every_scope_its_word() {
    for (code, word, status) in [
        (ErrorCode::Invalid, "invalid", 400),
        (ErrorCode::NotSignedIn, "not_signed_in", 401),
        (ErrorCode::NotAllowed, "not_allowed", 403),
        (ErrorCode::WrongOrigin, "wrong_origin", 403),
        (ErrorCode::Refused, "refused", 403),
        (ErrorCode::NotFound, "not_found", 404),
        (ErrorCode::WrongMethod, "wrong_method", 405),
        (ErrorCode::TooSlow, "too_slow", 408),
        (ErrorCode::Conflict, "conflict", 409),
        (ErrorCode::TooLarge, "too_large", 413),
        (ErrorCode::WrongType, "wrong_type", 415),
        (ErrorCode::WrongHost, "wrong_host", 421),
        (ErrorCode::LockedDown, "locked_down", 423),
        (ErrorCode::TooMany, "too_many", 429),
        (ErrorCode::Failed, "failed", 500),
        (ErrorCode::NotReady, "not_ready", 503),
    ] {
        let error = ApiError { code, message: "x".to_string(), hint: None, rules: vec![] };
        assert_eq!(
            (serde_json::to_value(error).unwrap(), code.status()),
            (json!({"code": word, "message": "x"}), status)
        );
    }
    for scope in Scope::ALL {
        assert_eq!(serde_json::to_value(scope).unwrap(), json!(scope.as_str()));
    }
}

proptest! {
    #[test]
    fn any_text_is_a_frame_or_an_error(text in ".*") {
        if let Err(error) = ClientFrame::parse(&text) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn any_message_survives_the_wire(session in ".*", id in ".*", text in ".*", quoted in proptest::option::of(".*")) {
        let frame = ClientFrame::Send { session, id, text, quoted };
        prop_assert_eq!(ClientFrame::parse(&serde_json::to_string(&frame).unwrap()).unwrap(), frame);
    }
}

#[test]
fn the_corpus_is_read_or_refused_and_what_is_read_is_written_the_same() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/ws_client_frame");
    let mut read = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let Ok(text) = std::str::from_utf8(&bytes) else { continue };
        if let Ok(frame) = ClientFrame::parse(text) {
            read += 1;
            assert_eq!(
                ClientFrame::parse(&serde_json::to_string(&frame).unwrap()).unwrap(),
                frame,
                "{path:?}"
            );
        }
    }
    assert!(read >= 6, "{read} frames of the corpus are good");
}
