//! The vendors' own Python clients, at the versions in `clients/requirements.txt`, against the fakes: a fake that they
//! do not understand, or that takes what they would not send, is no measure of us.

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use testkit::anthropic::Anthropic;
use testkit::http::{Answer, Manner, Next, Pieces, Refusal, Server, Stop};
use testkit::ollama::{Ollama, Tools};
use testkit::openai::{Dialect, OpenAi};

const KEY: &str = "sk-test-0123456789abcdefghij";
const REQUIREMENTS: &str = include_str!("../clients/requirements.txt");

/// What every fake answers, in the order that `ask.py` asks.
fn prepare(server: &Server) {
    let calls = vec![
        ("files__read".to_string(), json!({"path": "Grüße"})),
        ("files__read".to_string(), json!({"path": "b"})),
    ];
    let manner = Manner { pieces: Pieces::Bytes(3), ..Manner::default() };
    let say = |text: &str| Next::Answer(Answer { text: text.into(), ..Answer::default() });
    server
        .then(say("Hello, 日本 🦀"))
        .then(Next::Answer(Answer {
            text: "Ich schaue, 日本 🦀".into(), calls, stop: Stop::Done, manner
        }))
        .then(say("read"));
}

fn prepare_retries(server: &Server) {
    let say = |text: &str| Next::Answer(Answer { text: text.into(), ..Answer::default() });
    server
        .then(Next::Refuse(Refusal::RateLimited(Some("1".into()))))
        .then(say("at last"))
        .then(Next::Refuse(Refusal::Overloaded(None)));
}

/// A Python with the clients, made once for each set of versions.
fn python() -> PathBuf {
    let digest =
        REQUIREMENTS.bytes().fold(5_381_u64, |sum, byte| sum.wrapping_mul(33).wrapping_add(u64::from(byte)));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("clients-{digest:x}"));
    let python = folder.join("bin/python");
    let whole = folder.join("whole");
    if !whole.exists() {
        let _ = std::fs::remove_dir_all(&folder);
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder));
        let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/requirements.txt");
        run(Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"])
            .arg(requirements));
        std::fs::write(whole, "").unwrap();
    }
    python
}

fn run(command: &mut Command) -> Vec<u8> {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error} (needs python3 and python3-venv)"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[tokio::test]
async fn the_vendors_own_clients_accept_the_fakes() {
    let openai =
        OpenAi { dialect: Dialect::OpenAi, key: KEY.into(), model: "m-1".into(), context_tokens: 10_000 };
    let anthropic = Anthropic { key: KEY.into(), model: "m-1".into(), context_tokens: 10_000 };
    let ollama = Ollama { key: Some(KEY.into()), model: "m-1".into(), tools: Tools::Known };
    let openai = openai.start().await.unwrap();
    let anthropic = anthropic.start().await.unwrap();
    let ollama = ollama.start().await.unwrap();
    for server in [&openai, &anthropic] {
        prepare(server);
        prepare_retries(server);
    }
    prepare(&ollama);
    ollama.then(Next::Refuse(Refusal::Overloaded(None)));

    let origins = [openai.origin(), anthropic.origin(), ollama.origin()];
    let output = tokio::task::spawn_blocking(move || {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/ask.py");
        run(Command::new(python()).arg(script).args(origins))
    });
    let found: Value = serde_json::from_slice(&output.await.unwrap()).unwrap();

    let calls = json!([["files__read", {"path": "Grüße"}], ["files__read", {"path": "b"}]]);
    let (hello, look) = ("Hello, 日本 🦀", "Ich schaue, 日本 🦀");
    let wanted = json!({
        "openai": {
            "models": ["m-1"],
            "whole": [hello, "stop", 14],
            "stream": [look, "tool_calls", 7, calls],
            "results": "read",
            "retried": "at last",
            "failures": [
                ["InternalServerError", 503], ["AuthenticationError", 401], ["NotFoundError", 404],
                ["BadRequestError", 400], ["BadRequestError", 400],
            ],
        },
        "anthropic": {
            "whole": [hello, "end_turn", 11],
            "stream": [look, "tool_use", 7, calls],
            "results": "read",
            "retried": "at last",
            "failures": [
                ["OverloadedError", 529], ["AuthenticationError", 401], ["NotFoundError", 404],
                ["BadRequestError", 400], ["BadRequestError", 400],
            ],
        },
        "ollama": {
            "models": ["m-1"],
            "whole": [hello, "stop", 14],
            "stream": [look, "stop", 7, calls],
            "results": "read",
            "failures": [
                ["ResponseError", 503], ["ResponseError", 401], ["ResponseError", 404], ["ResponseError", 400],
            ],
        },
    });
    assert_eq!(found, wanted);
    for (server, complaints) in [(&openai, 4), (&anthropic, 4), (&ollama, 3)] {
        assert_eq!(server.complaints().len(), complaints, "{:?}", server.complaints());
    }
}
