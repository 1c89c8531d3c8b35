//! The far side of Anthropic Messages, from its public API reference: every field is checked, and complaints read as
//! the vendor's do.

use crate::http::{Answer, Asked, End, Refusal, Refused, Reply, Server, Stop, Vendor};
use crate::shape::{Shape, is_function_name};
use bytes::Bytes;
use http::Method;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::io;

/// The version of the interface.
const VERSION: &str = "2023-06-01";
/// The fields of a request.
const FIELDS: &[&str] = &[
    "model",
    "messages",
    "max_tokens",
    "system",
    "tools",
    "tool_choice",
    "stream",
    "stop_sequences",
    "temperature",
    "top_k",
    "top_p",
    "metadata",
    "service_tier",
    "thinking",
    "container",
    "cache_control",
    "inference_geo",
    "output_config",
    "diagnostics",
];
/// How many cache marks a request may carry.
const CACHE_MARKS_MAX: usize = 4;

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
        match header("x-api-key") {
            None => return refused(401, "authentication_error", "x-api-key header is required"),
            Some(key) if key != self.key => return refused(401, "authentication_error", "invalid x-api-key"),
            Some(_) => {}
        }
        match header("anthropic-version") {
            Some(VERSION) => {}
            None => return refused(400, "invalid_request_error", "anthropic-version: header is required"),
            Some(_) => {
                return refused(400, "invalid_request_error", "anthropic-version: is not a valid version");
            }
        }
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
        if let Err(complaint) = check(body) {
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

/// Checks a request's body; the complaint is the vendor's.
fn check(body: &Value) -> Result<(), String> {
    let body = Shape::of(body, "")?;
    body.only(FIELDS)?;
    body.text("model")?;
    if body.count("max_tokens", 1)?.is_none() {
        return body.complain("max_tokens", "Field required");
    }
    body.flag("stream")?;
    let mut marks = 0;
    match body.get("system") {
        None | Some(Value::String(_)) => {}
        Some(Value::Array(blocks)) => {
            for (at, block) in blocks.iter().enumerate() {
                let block = Shape::of(block, &format!("system.{at}"))?;
                text_block(&block, &mut marks)?;
            }
        }
        Some(_) => return body.complain("system", "Input should be a valid string or list"),
    }
    tools(&body, &mut marks)?;
    messages(body.list("messages")?, &mut marks)?;
    if marks > CACHE_MARKS_MAX {
        return Err(format!("A maximum of 4 blocks with cache_control may be provided. Found {marks}."));
    }
    Ok(())
}

fn tools(body: &Shape, marks: &mut usize) -> Result<(), String> {
    if body.get("tools").is_none() {
        return Ok(());
    }
    let mut names = BTreeSet::new();
    for (at, tool) in body.list("tools")?.iter().enumerate() {
        let tool = Shape::of(tool, &format!("tools.{at}.custom"))?;
        tool.only(&["type", "name", "description", "input_schema", "cache_control", "strict"])?;
        let name = tool.text("name")?;
        if !is_function_name(name) {
            return tool.complain("name", "String should match pattern '^[a-zA-Z0-9_-]{1,64}$'");
        }
        if !names.insert(name) {
            return Err("tools: Tool names must be unique.".to_string());
        }
        tool.text_if_any("description")?;
        let schema = tool.object("input_schema")?;
        if schema.text("type")? != "object" {
            return schema.complain("type", "Input should be 'object'");
        }
        cache_mark(&tool, marks)?;
    }
    Ok(())
}

fn cache_mark(block: &Shape, marks: &mut usize) -> Result<(), String> {
    if block.get("cache_control").is_none_or(Value::is_null) {
        return Ok(());
    }
    *marks = marks.saturating_add(1);
    let mark = block.object("cache_control")?;
    mark.only(&["type", "ttl"])?;
    if mark.text("type")? == "ephemeral" {
        Ok(())
    } else {
        mark.complain("type", "Input should be 'ephemeral'")
    }
}

fn text_block(block: &Shape, marks: &mut usize) -> Result<(), String> {
    block.only(&["type", "text", "cache_control", "citations"])?;
    if block.text("type")? != "text" {
        return block.complain("type", "Input should be 'text'");
    }
    if block.text("text")?.is_empty() {
        return Err("messages: text content blocks must be non-empty".to_string());
    }
    cache_mark(block, marks)
}

fn messages(list: &[Value], marks: &mut usize) -> Result<(), String> {
    if list.is_empty() {
        return Err("messages: at least one message is required".to_string());
    }
    let mut open: Vec<String> = Vec::new();
    let mut used = BTreeSet::new();
    let mut last_role = "";
    for (at, message) in list.iter().enumerate() {
        let message = Shape::of(message, &format!("messages.{at}"))?;
        message.only(&["role", "content"])?;
        let role = message.text("role")?;
        let results = match role {
            "user" => user(&message, at, &open, marks)?,
            "assistant" if at == 0 => {
                return Err("messages: first message must use the \"user\" role".to_string());
            }
            "assistant" => BTreeSet::new(),
            _ => return message.complain("role", "Input should be 'user' or 'assistant'"),
        };
        let missing: Vec<&str> =
            open.iter().map(String::as_str).filter(|id| !results.contains(*id)).collect();
        if !missing.is_empty() {
            return Err(format!(
                "messages.{}: `tool_use` ids were found without `tool_result` blocks immediately after: {}. Each `tool_use` block must have a corresponding `tool_result` block in the next message.",
                at.saturating_sub(1),
                missing.join(", ")
            ));
        }
        open = if role == "assistant" { assistant(&message, &mut used, marks)? } else { Vec::new() };
        last_role = role;
    }
    if last_role == "assistant" {
        return Err("This model does not support assistant message prefill. The conversation must end with a user message.".to_string());
    }
    Ok(())
}

/// The ids of the results in a user's message.
fn user<'a>(
    message: &Shape<'a>,
    at: usize,
    open: &[String],
    marks: &mut usize,
) -> Result<BTreeSet<&'a str>, String> {
    let mut results = BTreeSet::new();
    let Some(blocks) = blocks(message)? else { return Ok(results) };
    let mut others = false;
    for (place, block) in blocks.iter().enumerate() {
        let block = Shape::of(block, &format!("{}.{place}", message.path("content")))?;
        match block.text("type")? {
            "text" => {
                others = true;
                text_block(&block, marks)?;
            }
            "tool_result" => {
                block.only(&["type", "tool_use_id", "content", "is_error", "cache_control"])?;
                let id = block.text("tool_use_id")?;
                if !open.iter().any(|open| open == id) {
                    return Err(format!(
                        "messages.{at}.content.{place}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
                    ));
                }
                if others || !results.insert(id) {
                    return Err(format!(
                        "messages.{at}: `tool_result` blocks come first, one for each `tool_use` block."
                    ));
                }
                match block.get("content") {
                    None | Some(Value::String(_)) => {}
                    Some(Value::Array(parts)) => {
                        for (part_at, part) in parts.iter().enumerate() {
                            text_block(
                                &Shape::of(part, &format!("{}.{part_at}", block.path("content")))?,
                                marks,
                            )?;
                        }
                    }
                    Some(_) => return block.complain("content", "Input should be a valid string or list"),
                }
                block.flag("is_error")?;
                cache_mark(&block, marks)?;
            }
            _ => {
                return block.complain(
                    "type",
                    "Input tag does not match any of the expected tags: 'text', 'tool_result'",
                );
            }
        }
    }
    Ok(results)
}

/// The ids of the calls in an assistant's message.
fn assistant<'a>(
    message: &Shape<'a>,
    used: &mut BTreeSet<&'a str>,
    marks: &mut usize,
) -> Result<Vec<String>, String> {
    let mut open = Vec::new();
    let Some(blocks) = blocks(message)? else { return Ok(open) };
    for (place, block) in blocks.iter().enumerate() {
        let block = Shape::of(block, &format!("{}.{place}", message.path("content")))?;
        match block.text("type")? {
            "text" => text_block(&block, marks)?,
            "tool_use" => {
                block.only(&["type", "id", "name", "input", "cache_control"])?;
                let id = block.text("id")?;
                if id.is_empty() || !id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
                {
                    return block.complain("id", "String should match pattern '^[a-zA-Z0-9_-]+$'");
                }
                if !used.insert(id) {
                    return Err(format!("{}: `tool_use` ids must be unique", message.path("content")));
                }
                if !is_function_name(block.text("name")?) {
                    return block.complain("name", "String should match pattern '^[a-zA-Z0-9_-]{1,64}$'");
                }
                block
                    .object("input")
                    .map_err(|_| format!("{}: Input should be a valid dictionary", block.path("input")))?;
                cache_mark(&block, marks)?;
                open.push(id.to_string());
            }
            _ => {
                return block.complain(
                    "type",
                    "Input tag does not match any of the expected tags: 'text', 'tool_use'",
                );
            }
        }
    }
    Ok(open)
}

fn blocks<'a>(message: &Shape<'a>) -> Result<Option<&'a [Value]>, String> {
    match message.need("content")? {
        Value::String(text) if text.is_empty() => {
            message.complain("content", "all messages must have non-empty content")
        }
        Value::String(_) => Ok(None),
        Value::Array(blocks) if blocks.is_empty() => {
            message.complain("content", "all messages must have non-empty content")
        }
        Value::Array(blocks) => Ok(Some(blocks)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(Map { .. }) => {
            message.complain("content", "Input should be a valid string or list")
        }
    }
}
