//! The far side of Anthropic Messages, from its public API reference: every field is checked, and complaints read as
//! the vendor's do.

mod check;

use crate::http::{Answer, Asked, End, Refusal, Refused, Reply, Server, Stop, Vendor};
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use std::io;

/// The versions of the interface that are served.
const VERSIONS: [&str; 2] = ["2023-06-01", "2026-10-21"];

/// A fake of the vendor.
#[derive(Clone, Debug)]
pub struct Anthropic {
    /// The one good key.
    pub key: String,
    /// The one model.
    pub model: String,
    /// Its window, in tokens of four bytes.
    pub context_tokens: usize,
}

impl Anthropic {
    /// Starts it; requests go to `{origin}/v1/messages`.
    ///
    /// # Errors
    ///
    /// When nothing can listen on 127.0.0.1.
    pub async fn start(self) -> io::Result<Server> {
        Server::start(self).await
    }
}

impl Vendor for Anthropic {
    fn judge(&self, asked: &Asked) -> Result<Option<Reply>, Box<Refused>> {
        let header = |name: &str| asked.headers.get(name).and_then(|value| value.to_str().ok());
        let refused = |status, kind: &str, complaint: &str| {
            Err(Box::new(Refused { complaint: complaint.to_string(), reply: error(status, kind, complaint) }))
        };
        if asked.path != "/v1/messages" {
            return refused(404, "not_found_error", "Not Found");
        }
        if asked.method != Method::POST {
            return refused(405, "invalid_request_error", "Method Not Allowed");
        }
        // The vendor's own client has moved from the first to the second.
        let bearer = header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        match header("x-api-key").or(bearer) {
            None => return refused(401, "authentication_error", "x-api-key header is required"),
            Some(key) if key != self.key => {
                return refused(401, "authentication_error", "invalid x-api-key");
            }
            Some(_) => {}
        }
        match header("anthropic-version") {
            Some(version) if VERSIONS.contains(&version) => {}
            None => return refused(400, "invalid_request_error", "anthropic-version: header is required"),
            Some(_) => {
                return refused(400, "invalid_request_error", "anthropic-version: is not a valid version");
            }
        }
        let newest = header("anthropic-version") == VERSIONS.last().copied();
        if !header("content-type").is_some_and(|kind| kind.starts_with("application/json")) {
            return refused(400, "invalid_request_error", "content-type: must be application/json");
        }
        let body = match asked.body {
            Ok(body) => body,
            Err(problem) => {
                return refused(
                    400,
                    "invalid_request_error",
                    &format!("The request body is not valid JSON: {problem}"),
                );
            }
        };
        let removed = ["temperature", "top_p", "top_k"].iter().find(|name| body.get(**name).is_some());
        if let (Some(name), true) = (removed, newest) {
            return refused(400, "invalid_request_error", &format!("{name}: Extra inputs are not permitted"));
        }
        if let Err(complaint) = check::check(body) {
            return refused(400, "invalid_request_error", &complaint);
        }
        if body.get("model").and_then(Value::as_str) != Some(&self.model) {
            let name = body.get("model").and_then(Value::as_str).unwrap_or_default();
            return refused(404, "not_found_error", &format!("model: {name}"));
        }
        let tokens = body.to_string().len() / 4;
        if tokens > self.context_tokens {
            let complaint = format!("prompt is too long: {tokens} tokens > {} maximum", self.context_tokens);
            return refused(400, "invalid_request_error", &complaint);
        }
        Ok(None)
    }

    fn answer(&self, request: &Value, answer: &Answer) -> Reply {
        let reason = match (answer.stop, answer.calls.is_empty()) {
            (Stop::Done, true) => "end_turn",
            (Stop::Done, false) => "tool_use",
            (Stop::Length, _) => "max_tokens",
            (Stop::Filtered, _) => "refusal",
        };
        if request.get("stream") != Some(&Value::Bool(true)) {
            return Reply::json(200, &whole(&self.model, answer, reason));
        }
        let mut events: Vec<Bytes> = events(&self.model, answer, reason).iter().map(event).collect();
        if let End::OverloadedAfter(count) = answer.manner.end {
            events.truncate(count);
            events.push(event(
                &json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
            ));
        }
        let headers = vec![
            ("request-id", "req_011FakeFakeFakeFakeFake".to_string()),
            ("cache-control", "no-cache".to_string()),
        ];
        Reply {
            status: 200,
            content_type: "text/event-stream; charset=utf-8",
            headers,
            events,
            manner: answer.manner,
        }
    }

    fn refuse(&self, refusal: &Refusal) -> Reply {
        let (status, kind, message) = match refusal {
            Refusal::WrongKey => (401, "authentication_error", "invalid x-api-key".to_string()),
            Refusal::NoCredit => (
                400,
                "invalid_request_error",
                "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.".to_string(),
            ),
            Refusal::UnknownModel => (404, "not_found_error", format!("model: {}", self.model)),
            Refusal::ContextTooLong => (400, "invalid_request_error", "prompt is too long: 200241 tokens > 200000 maximum".to_string()),
            Refusal::RateLimited(_) => (429, "rate_limit_error", "This request would exceed your organization's rate limit.".to_string()),
            Refusal::Overloaded(_) => (529, "overloaded_error", "Overloaded".to_string()),
            Refusal::ServerFault => (500, "api_error", "Internal server error".to_string()),
            Refusal::Filtered => (400, "invalid_request_error", "Output blocked by content filtering policy".to_string()),
        };
        let mut reply = error(status, kind, &message);
        if let Refusal::RateLimited(Some(wait)) | Refusal::Overloaded(Some(wait)) = refusal {
            reply.headers.push(("retry-after", wait.clone()));
        }
        reply
    }
}

fn error(status: u16, kind: &str, message: &str) -> Reply {
    let body = json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_011FakeFakeFakeFakeFake"});
    Reply::json(status, &body)
}

fn event(value: &Value) -> Bytes {
    let name = value.get("type").and_then(Value::as_str).unwrap_or_default();
    Bytes::from(format!("event: {name}\ndata: {value}\n\n"))
}

fn message(model: &str, content: &Value, reason: &Value, output_tokens: usize) -> Value {
    json!({
        "id": "msg_01FakeFakeFakeFakeFake", "type": "message", "role": "assistant", "model": model,
        "content": content, "stop_reason": reason, "stop_sequence": null,
        "usage": {"input_tokens": 11, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 3,
                  "output_tokens": output_tokens, "service_tier": "standard"},
    })
}

fn tool_use(at: usize, name: &str, input: &Value) -> Value {
    json!({"type": "tool_use", "id": format!("toolu_01Fake{at:04}"), "name": name, "input": input})
}

fn whole(model: &str, answer: &Answer, reason: &str) -> Value {
    let text = (!answer.text.is_empty()).then(|| json!({"type": "text", "text": answer.text}));
    let calls = answer.calls.iter().enumerate().map(|(at, (name, input))| tool_use(at, name, input));
    let content: Vec<Value> = text.into_iter().chain(calls).collect();
    message(model, &json!(content), &json!(reason), 7)
}

fn events(model: &str, answer: &Answer, reason: &str) -> Vec<Value> {
    let mut events = vec![
        json!({"type": "message_start", "message": message(model, &json!([]), &Value::Null, 1)}),
        json!({"type": "ping"}),
    ];
    let mut index = 0_usize;
    if !answer.text.is_empty() {
        events.push(json!({"type": "content_block_start", "index": index, "content_block": {"type": "text", "text": ""}}));
        for piece in words(&answer.text) {
            events.push(json!({"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": piece}}));
        }
        events.push(json!({"type": "content_block_stop", "index": index}));
        index = index.saturating_add(1);
    }
    for (at, (name, input)) in answer.calls.iter().enumerate() {
        events.push(json!({"type": "content_block_start", "index": index, "content_block": tool_use(at, name, &json!({}))}));
        events.push(json!({"type": "content_block_delta", "index": index, "delta": {"type": "input_json_delta", "partial_json": ""}}));
        for piece in words(&input.to_string()) {
            events.push(json!({"type": "content_block_delta", "index": index, "delta": {"type": "input_json_delta", "partial_json": piece}}));
        }
        events.push(json!({"type": "content_block_stop", "index": index}));
        index = index.saturating_add(1);
    }
    events.push(json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null}, "usage": {"output_tokens": 7}}));
    events.push(json!({"type": "message_stop"}));
    events
}

/// `text` in pieces of a few characters, as models write.
pub(crate) fn words(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters.chunks(4).map(|piece| piece.iter().collect()).collect()
}
