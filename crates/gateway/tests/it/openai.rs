//! OpenAI's shapes, byte by byte.

use crate::client::{Answer, connect, get, post, token};
use crate::house::Running;
use gateway::ChatRole;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

async fn chat(running: &Running, token: &str, body: &Value) -> Answer {
    post("/v1/chat/completions", body).bearer(token).send(running).await
}

fn one(text: &str) -> Value {
    json!({"model": "echo", "messages": [{"role": "user", "content": text}]})
}

#[tokio::test]
async fn an_answer_in_one_piece() {
    let running = Running::start().await;
    let token = token(&running, "app", &["chat"], "owner").await;
    let body = json!({"model": "echo", "temperature": 0.5, "user": "x", "seed": 1, "max_tokens": 7, "tools": [], "stop": null, "messages": [
        {"role": "developer", "content": "be brief"},
        {"role": "assistant", "content": [{"type": "text", "text": "hm"}]},
        {"role": "user", "name": "anna", "content": [{"type": "text", "text": "say"}, {"type": "text", "text": "this"}]},
    ]});
    let answer = chat(&running, &token, &body).await;
    let mut json = answer.json();
    assert!(json["id"].take().as_str().unwrap().starts_with("chatcmpl-"));
    assert_eq!(
        json,
        json!({"id": null, "object": "chat.completion", "created": 1_700_000_000, "model": "echo",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "say\nthis", "refusal": null},
                "logprobs": null, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}})
    );
    let chats = running.house.chats.lock().unwrap();
    let roles: Vec<_> = chats[0].messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [ChatRole::System, ChatRole::Assistant, ChatRole::User]);
    assert_eq!(chats[0].answer_tokens_max, Some(7));
}

fn events(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.header("content-type"), "text/event-stream");
    let text = std::str::from_utf8(&answer.body).unwrap();
    let events = text.split("\n\n").filter(|event| !event.is_empty());
    events.map(|event| event.strip_prefix("data: ").unwrap().to_string()).collect()
}

#[tokio::test]
async fn a_streamed_answer() {
    let running = Running::start().await;
    let token = token(&running, "app", &["chat"], "owner").await;
    let mut body = one("a b c");
    body["stream"] = json!(true);
    body["stream_options"] = json!({"include_usage": true});
    let answer = chat(&running, &token, &body).await;
    let events = events(&answer);
    assert_eq!(events.last().map(String::as_str), Some("[DONE]"));
    let chunks: Vec<Value> =
        events[..events.len() - 1].iter().map(|event| serde_json::from_str(event).unwrap()).collect();
    let deltas: Vec<_> = chunks.iter().map(|chunk| chunk["choices"][0]["delta"].clone()).collect();
    assert_eq!(
        deltas,
        [
            json!({"role": "assistant", "content": ""}),
            json!({"content": "a "}),
            json!({"content": "b "}),
            json!({"content": "c"}),
            json!({}),
            Value::Null,
        ]
    );
    assert_eq!(chunks[4]["choices"][0]["finish_reason"], "stop");
    assert_eq!(chunks[0]["usage"], Value::Null);
    assert_eq!(
        chunks[5],
        json!({"id": chunks[0]["id"], "object": "chat.completion.chunk", "created": 1_700_000_000,
        "model": "echo", "choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}})
    );
}

#[tokio::test]
async fn a_stream_that_fails_midway_says_so() {
    let running = Running::start().await;
    let token = token(&running, "app", &["chat"], "owner").await;
    for (text, message) in
        [("fail midway", "the model's provider hung up"), ("break off", "the answer broke off")]
    {
        let mut body = one(text);
        body["stream"] = json!(true);
        let events = events(&chat(&running, &token, &body).await);
        let last: Value = serde_json::from_str(events.last().unwrap()).unwrap();
        assert_eq!(
            last,
            json!({"error": {"message": message, "type": "server_error", "param": null, "code": "server_error"}})
        );
        let whole = chat(&running, &token, &one(text)).await;
        assert_eq!((whole.status, whole.json()["error"]["message"].as_str()), (500, Some(message)));
    }
}

#[tokio::test]
async fn what_cannot_be_had_is_refused_by_name() {
    let running = Running::start().await;
    let token = token(&running, "app", &["chat"], "owner").await;
    let with = |key: &str, value: Value| {
        let mut body = one("x");
        body[key] = value;
        body
    };
    let tool = json!([{"type": "function", "function": {"name": "f", "parameters": {}}}]);
    let image =
        json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x"}}]}]);
    for (body, status, code, param) in [
        (with("model", json!("gpt-none")), 404, "model_not_found", json!("model")),
        (one(&"x".repeat(6000)), 400, "context_length_exceeded", json!("messages")),
        (with("tools", tool.clone()), 400, "unsupported_parameter", json!("tools")),
        (with("functions", tool), 400, "unsupported_parameter", json!("functions")),
        (with("n", json!(2)), 400, "unsupported_parameter", json!("n")),
        (with("stop", json!(["x"])), 400, "unsupported_parameter", json!("stop")),
        (with("logprobs", json!(true)), 400, "unsupported_parameter", json!("logprobs")),
        (with("modalities", json!(["audio"])), 400, "unsupported_parameter", json!("modalities")),
        (
            with("response_format", json!({"type": "json_object"})),
            400,
            "unsupported_parameter",
            json!("response_format"),
        ),
        (with("messages", image), 400, "unsupported_parameter", json!("messages")),
        (
            with("messages", json!([{"role": "tool", "content": "x"}])),
            400,
            "unsupported_parameter",
            json!("messages"),
        ),
        (with("messages", json!([])), 400, "invalid_request", Value::Null),
        (
            with("messages", json!([{"role": "assistant", "content": "x"}])),
            400,
            "invalid_request",
            Value::Null,
        ),
        (with("messages", json!([{"role": "owner", "content": "x"}])), 400, "invalid_request", Value::Null),
        (with("max_tokens", json!(0)), 400, "invalid_request", Value::Null),
        (json!({"messages": []}), 400, "invalid_request", Value::Null),
    ] {
        let answer = chat(&running, &token, &body).await;
        let error = &answer.json()["error"];
        assert_eq!(
            (answer.status, error["code"].as_str(), &error["param"]),
            (status, Some(code), &param),
            "{body}"
        );
        assert_eq!(error["type"], "invalid_request_error");
        assert!(!error["message"].as_str().unwrap().is_empty());
    }
    let wrong = chat(&running, "hs_wrong", &one("x")).await;
    assert_eq!((wrong.status, &wrong.json()["error"]["code"]), (401, &json!("invalid_api_key")));
    let none = post("/v1/chat/completions", &one("x")).send(&running).await;
    assert_eq!((none.status, &none.json()["error"]["code"]), (401, &json!("invalid_api_key")));
    let model = get("/v1/models/none").bearer(&token).send(&running).await;
    assert_eq!((model.status, &model.json()["error"]["code"]), (404, &json!("model_not_found")));
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_its_task() {
    let running = Running::start().await;
    let token = token(&running, "app", &["chat"], "owner").await;
    let mut dropped = running.house.chats_dropped.subscribe();
    for (number, stream) in [(1, true), (2, false)] {
        let body = json!({"model": "echo", "stream": stream, "messages": [{"role": "user", "content": "never end"}]}).to_string();
        let request = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{}\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            running.port(),
            body.len()
        );
        let mut client = connect(running.handle.address()).await;
        client.write_all(request.as_bytes()).await.unwrap();
        if stream {
            let mut seen = String::new();
            let mut bytes = [0; 1024];
            while !seen.contains("first") {
                let count = client.read(&mut bytes).await.unwrap();
                seen.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
            }
        } else {
            while running.house.chats.lock().unwrap().len() < number {
                tokio::task::yield_now().await;
            }
        }
        drop(client);
        let patience = std::time::Duration::from_secs(30);
        tokio::time::timeout(patience, dropped.wait_for(|count| *count == number)).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn taking_a_token_back_ends_its_streams() {
    let running = Running::start().await;
    let token = token(&running, "app", &["chat"], "owner").await;
    let id =
        get("/api/v1/sign-in").bearer(&token).send(&running).await.json()["id"].as_str().unwrap().to_string();
    let mut body = one("never end");
    body["stream"] = json!(true);
    let revoke = async {
        while running.house.chats.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        running.handle.credentials().revoke(&id).await.unwrap();
    };
    let (answer, ()) = tokio::join!(chat(&running, &token, &body), revoke);
    let events = events(&answer);
    assert!(events.last().unwrap().contains("taken back"), "{events:?}");
}
