//! No way in leads past the door: every route of the interface and every command of the program is known here, and what
//! is asked for through each that can ask for an effect is in the audit log as a decision.

use crate::place::{Place, Up};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use tokio_tungstenite::tungstenite::Message;

/// What a route can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Can {
    /// Ask for any effect: it leads to a task.
    Effect,
    /// Shows, and changes nothing.
    Look,
    /// Answers, stops or opens something, and causes no effect of a tool by itself.
    Steer,
}

/// Every route, and what it can do. A new one that is not here fails the test.
const ROUTES: [(&str, Can); 34] = [
    ("DELETE /api/v1/sessions/{id}", Can::Steer),
    ("DELETE /api/v1/sign-ins/{id}", Can::Steer),
    ("GET /api/v1/approvals", Can::Look),
    ("GET /api/v1/approvals/stats", Can::Look),
    ("GET /api/v1/audit", Can::Look),
    ("GET /api/v1/commands", Can::Look),
    ("GET /api/v1/openapi.json", Can::Look),
    ("GET /api/v1/sessions", Can::Look),
    ("GET /api/v1/sessions/{id}", Can::Look),
    ("GET /api/v1/shipping", Can::Look),
    ("GET /api/v1/sign-in", Can::Look),
    ("GET /api/v1/sign-ins", Can::Look),
    ("GET /api/v1/status", Can::Look),
    ("GET /api/v1/ws", Can::Effect),
    ("GET /healthz", Can::Look),
    ("GET /metrics", Can::Look),
    ("GET /readyz", Can::Look),
    ("GET /v1/models", Can::Look),
    ("GET /v1/models/{id}", Can::Look),
    ("POST /api/v1/approvals", Can::Steer),
    ("POST /api/v1/approvals/{id}", Can::Steer),
    ("POST /api/v1/demo", Can::Steer),
    ("POST /api/v1/lockdown", Can::Steer),
    ("POST /api/v1/policy/reload", Can::Steer),
    ("POST /api/v1/sessions", Can::Steer),
    ("POST /api/v1/sessions/{id}/cancel", Can::Steer),
    ("POST /api/v1/sessions/{id}/ceiling", Can::Steer),
    ("POST /api/v1/sessions/{id}/messages", Can::Effect),
    ("POST /api/v1/sign-in", Can::Steer),
    ("POST /api/v1/sign-in-links", Can::Steer),
    ("POST /api/v1/sign-out", Can::Steer),
    ("POST /api/v1/tokens", Can::Steer),
    ("POST /v1/chat/completions", Can::Effect),
    ("the command line: chat", Can::Effect),
];

/// A home whose model always wants a file made.
fn home(place: &Place) -> PathBuf {
    let script = place.path("script.jsonl");
    let wants = r#"{"calls": [{"tool": "shell.run", "args": {"command": "touch made.txt"}}]}"#;
    std::fs::write(&script, format!("{wants}\n{{\"text\": \"done\"}}\n")).unwrap();
    let script = script.display();
    let config =
        format!("model = \"s\"\n[[models]]\nname = \"s\"\nkind = \"script\"\nscript = \"{script}\"\n");
    place.home("home", Some(&config))
}

/// How many decisions on `shell.run` are on record: an intent, a question or a refusal.
async fn decisions(up: &Up) -> usize {
    let page = up.client.get("/api/v1/audit?tool=shell.run&limit=1000").await;
    let decides =
        |record: &&Value| ["intent", "question", "refusal"].contains(&record["kind"].as_str().unwrap());
    page["records"].as_array().unwrap().iter().filter(decides).count()
}

async fn ask(place: &Place, home: &Path, up: &Up, way: &str) {
    match way {
        "the command line: chat" => {
            let said = place.run(home, &["chat", "-m", "tidy up"]).await;
            assert_eq!(said.code, Some(4), "{said:?}");
        }
        "POST /api/v1/sessions/{id}/messages" => {
            let session = up.client.post("/api/v1/sessions", json!({})).await["id"].clone();
            let path = format!("/api/v1/sessions/{}/messages", session.as_str().unwrap());
            up.client.post(&path, json!({"id": "m-http", "text": "tidy up"})).await;
        }
        "GET /api/v1/ws" => {
            let session = up.client.post("/api/v1/sessions", json!({})).await["id"].clone();
            let stream = tokio::net::UnixStream::connect(home.join("run/hardshell.sock")).await.unwrap();
            let (mut socket, _) =
                tokio_tungstenite::client_async("ws://localhost/api/v1/ws", stream).await.unwrap();
            let send = json!({"type": "send", "session": session, "id": "m-ws", "text": "tidy up"});
            for frame in [json!({"type": "hello"}), send] {
                socket.send(Message::text(frame.to_string())).await.unwrap();
                socket.next().await.unwrap().unwrap();
            }
        }
        "POST /v1/chat/completions" => {
            let body = json!({"model": "s", "messages": [{"role": "user", "content": "tidy up"}]});
            up.client.post("/v1/chat/completions", body).await;
        }
        other => panic!("nobody knows how to ask through {other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_on_any_way_in_is_on_record_as_a_decision() {
    let place = Place::new();
    let home = home(&place);
    let up = place.up(&home).await;
    let document = up.client.get("/api/v1/openapi.json").await;
    let served: BTreeSet<String> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase())).collect::<Vec<_>>()
        })
        .collect();
    let known: BTreeSet<String> =
        ROUTES.iter().filter(|(way, _)| way.contains('/')).map(|(way, _)| (*way).to_string()).collect();
    assert_eq!(served, known, "a way in that nobody has looked at");
    for (way, can) in ROUTES {
        match can {
            Can::Look | Can::Steer => {}
            Can::Effect => {
                let before = decisions(&up).await;
                ask(&place, &home, &up, way).await;
                let begun = std::time::Instant::now();
                while decisions(&up).await == before {
                    assert!(begun.elapsed() < crate::place::PATIENCE, "{way}: no decision on record");
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
                assert!(!home.join("workspace/made.txt").exists(), "{way}: it was done without an answer");
            }
        }
    }
    up.stop().await;
}

/// The commands, as the program's own help lists them.
async fn commands(place: &Place, home: &Path) -> BTreeSet<String> {
    let said = place.run(home, &["--help"]).await;
    let listed = said.out.split("Commands:").nth(1).unwrap().split("\n\n").next().unwrap();
    let named =
        listed.lines().filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')));
    let words = named.filter_map(|line| line.split_whitespace().next());
    words.filter(|word| *word != "help").map(str::to_string).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_is_known_and_none_but_chat_asks_for_an_effect() {
    let place = Place::new();
    let home = home(&place);
    let known = [
        "approvals",
        "audit",
        "backup",
        "channel",
        "chat",
        "completions",
        "config",
        "demo",
        "doctor",
        "incident",
        "install",
        "lockdown",
        "model",
        "policy",
        "prove",
        "replay",
        "sandbox",
        "secret",
        "session",
        "sign-in",
        "status",
        "up",
    ];
    let known: BTreeSet<String> = known.iter().map(|word| (*word).to_string()).collect();
    assert_eq!(commands(&place, &home).await, known, "a command that nobody has looked at");
}
