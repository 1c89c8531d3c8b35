//! The far side of chat completions, from `OpenAI`'s public API reference, with the habits of others who speak it.
//! Every field is checked, and complaints read as the vendor's do.

use crate::anthropic::words;
use crate::http::{Answer, Asked, End, Refusal, Refused, Reply, Server, Stop, Vendor};
use crate::shape::{Shape, is_function_name, put};
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io;

/// The fields of a request.
const FIELDS: &[&str] = &[
    "model",
    "messages",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "stream",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "n",
    "stop",
    "seed",
    "user",
    "metadata",
    "store",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "response_format",
    "reasoning_effort",
    "service_tier",
    "safety_identifier",
    "prompt_cache_key",
    "verbosity",
    "modalities",
];
/// The longest id of a call.
const CALL_ID_BYTES_MAX: usize = 40;

/// Who is behind the interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// `OpenAI` itself.
    #[default]
    OpenAi,
    /// `OpenRouter`: comments while it waits, numbers for error codes, errors in the stream.
    OpenRouter,
    /// vLLM: `stop` as the reason even where there are calls, errors as older versions wrote them.
    Vllm,
    /// llama.cpp's server: errors as an `error:` field of the stream.
    LlamaCpp,
    /// LM Studio: errors as bare text, no `[DONE]`.
    LmStudio,
}

/// A fake of a vendor.
#[derive(Clone, Debug)]
pub struct OpenAi {
    /// Who it is.
    pub dialect: Dialect,
    /// The one good key.
    pub key: String,
    /// The one model. A name that starts with `o` and a digit is a reasoning model, which refuses `max_tokens`.
    pub model: String,
    /// Its window, in tokens of four bytes.
    pub context_tokens: usize,
}

impl OpenAi {
    /// Starts it; its base address is `{origin}/v1`.
    ///
    /// # Errors
    ///
    /// When nothing can listen on 127.0.0.1.
    pub async fn start(self) -> io::Result<Server> {
        Server::start(self).await
    }

    fn error(&self, status: u16, kind: &str, code: Option<&str>, message: &str) -> Reply {
        Reply::json(status, &self.error_body(status, kind, code, message))
    }

    fn error_body(&self, status: u16, kind: &str, code: Option<&str>, message: &str) -> Value {
        match self.dialect {
            Dialect::OpenAi => {
                json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
            }
            Dialect::OpenRouter => {
                json!({"error": {"message": message, "code": status}, "user_id": "user_fake"})
            }
            Dialect::Vllm => {
                json!({"object": "error", "message": message, "type": kind, "param": null, "code": status})
            }
            Dialect::LlamaCpp => json!({"error": {"code": status, "message": message, "type": kind}}),
            Dialect::LmStudio => json!({"error": message}),
        }
    }
}

impl Vendor for OpenAi {
    fn judge(&self, asked: &Asked) -> Result<Option<Reply>, Box<Refused>> {
        let header = |name: &str| asked.headers.get(name).and_then(|value| value.to_str().ok());
        let refused = |status, kind: &str, code: Option<&str>, complaint: &str| {
            Err(Box::new(Refused {
                complaint: complaint.to_string(),
                reply: self.error(status, kind, code, complaint),
            }))
        };
        let invalid = "invalid_request_error";
        match header("authorization").map(|value| value.strip_prefix("Bearer ")) {
            Some(Some(key)) if key == self.key => {}
            Some(Some(key)) => {
                // The vendor quotes the key back, which is why its words are not to be trusted with one.
                let complaint = format!(
                    "Incorrect API key provided: {key}. You can find your API key at https://platform.openai.com/account/api-keys."
                );
                return refused(401, invalid, Some("invalid_api_key"), &complaint);
            }
            Some(None) | None => return refused(401, invalid, None, "You didn't provide an API key."),
        }
        match (asked.method, asked.path) {
            (&Method::GET, "/v1/models") => {
                let model = json!({"id": self.model, "object": "model", "created": 1, "owned_by": "fake"});
                return Ok(Some(Reply::json(200, &json!({"object": "list", "data": [model]}))));
            }
            (&Method::POST, "/v1/chat/completions") => {}
            (method, path) => return refused(404, invalid, None, &format!("Invalid URL ({method} {path})")),
        }
        if !header("content-type").is_some_and(|kind| kind.starts_with("application/json")) {
            return refused(
                400,
                invalid,
                None,
                "you must provide a JSON body with content-type application/json",
            );
        }
        let body = match asked.body {
            Ok(body) => body,
            Err(problem) => {
                return refused(
                    400,
                    invalid,
                    None,
                    &format!("We could not parse the JSON body of your request: {problem}"),
                );
            }
        };
        if let Err(complaint) = check(body) {
            return refused(400, invalid, None, &complaint);
        }
        if body.get("model").and_then(Value::as_str) != Some(&self.model) {
            let name = body.get("model").and_then(Value::as_str).unwrap_or_default();
            let complaint = format!("The model `{name}` does not exist or you do not have access to it.");
            return refused(404, invalid, Some("model_not_found"), &complaint);
        }
        if is_reasoning(&self.model) && body.get("max_tokens").is_some() {
            let complaint = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
            return refused(400, invalid, Some("unsupported_parameter"), complaint);
        }
        let tokens = body.to_string().len() / 4;
        if tokens > self.context_tokens {
            let complaint = format!(
                "This model's maximum context length is {} tokens. However, your messages resulted in {tokens} tokens.",
                self.context_tokens
            );
            return refused(400, invalid, Some("context_length_exceeded"), &complaint);
        }
        Ok(None)
    }

    fn answer(&self, request: &Value, answer: &Answer) -> Reply {
        let reason = match (answer.stop, answer.calls.is_empty()) {
            (Stop::Done, false) if self.dialect != Dialect::Vllm => "tool_calls",
            (Stop::Done, _) => "stop",
            (Stop::Length, _) => "length",
            (Stop::Filtered, _) => "content_filter",
        };
        if request.get("stream") != Some(&Value::Bool(true)) {
            return Reply::json(200, &whole(&self.model, answer, reason));
        }
        let with_usage = request.pointer("/stream_options/include_usage") == Some(&Value::Bool(true));
        let mut events: Vec<Bytes> = chunks(&self.model, answer, reason, with_usage)
            .iter()
            .map(|chunk| Bytes::from(format!("data: {chunk}\n\n")))
            .collect();
        if self.dialect == Dialect::OpenRouter {
            events.insert(0, Bytes::from_static(b": OPENROUTER PROCESSING\n\n"));
        }
        if self.dialect != Dialect::LmStudio {
            events.push(Bytes::from_static(b"data: [DONE]\n\n"));
        }
        if let End::OverloadedAfter(count) = answer.manner.end {
            events.truncate(count);
            let error = self.error_body(503, "unavailable_error", None, "The server is overloaded");
            events.push(Bytes::from(match self.dialect {
                Dialect::LlamaCpp => format!("error: {}\n\n", error.get("error").unwrap_or(&Value::Null)),
                Dialect::LmStudio => format!("event: error\ndata: {error}\n\n"),
                Dialect::OpenAi | Dialect::OpenRouter | Dialect::Vllm => format!("data: {error}\n\n"),
            }));
        }
        Reply {
            status: 200,
            content_type: "text/event-stream; charset=utf-8",
            headers: Vec::new(),
            events,
            manner: answer.manner,
        }
    }

    fn refuse(&self, refusal: &Refusal) -> Reply {
        let quota = "You exceeded your current quota, please check your plan and billing details.";
        let (status, kind, code, message) = match (refusal, self.dialect) {
            (Refusal::WrongKey, _) => (401, "invalid_request_error", Some("invalid_api_key"), format!("Incorrect API key provided: {}.", self.key)),
            (Refusal::NoCredit, Dialect::OpenRouter) => (402, "", None, "Insufficient credits. Add more using https://openrouter.ai/settings/credits".to_string()),
            (Refusal::NoCredit, _) => (429, "insufficient_quota", Some("insufficient_quota"), quota.to_string()),
            (Refusal::UnknownModel, Dialect::OpenRouter) => (400, "", None, format!("{} is not a valid model ID", self.model)),
            (Refusal::UnknownModel, _) => (404, "invalid_request_error", Some("model_not_found"), format!("The model `{}` does not exist", self.model)),
            (Refusal::ContextTooLong, Dialect::LlamaCpp) => (400, "exceed_context_size_error", None, "the request exceeds the available context size, try increasing it".to_string()),
            (Refusal::ContextTooLong, Dialect::LmStudio) => (400, "", None, "The number of tokens to keep from the initial prompt is greater than the context length.".to_string()),
            (Refusal::ContextTooLong, _) => (400, "invalid_request_error", Some("context_length_exceeded"), "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.".to_string()),
            (Refusal::RateLimited(_), _) => (429, "requests", Some("rate_limit_exceeded"), "Rate limit reached for requests per min.".to_string()),
            (Refusal::Overloaded(_), _) => (503, "server_error", None, "The engine is currently overloaded, please try again later.".to_string()),
            (Refusal::ServerFault, _) => (500, "server_error", None, "The server had an error while processing your request.".to_string()),
            (Refusal::Filtered, _) => (400, "invalid_request_error", Some("content_policy_violation"), "Your request was rejected by the safety system.".to_string()),
        };
        let mut reply = self.error(status, kind, code, &message);
        if let Refusal::RateLimited(Some(wait)) | Refusal::Overloaded(Some(wait)) = refusal {
            reply.headers.push(("retry-after", wait.clone()));
        }
        reply
    }
}

fn is_reasoning(model: &str) -> bool {
    let mut characters = model.chars();
    characters.next() == Some('o') && characters.next().is_some_and(|c| c.is_ascii_digit())
}

fn call(at: usize, name: &str, arguments: &str) -> Value {
    json!({"id": format!("call_Fake{at:04}"), "type": "function", "function": {"name": name, "arguments": arguments}})
}

fn usage() -> Value {
    json!({"prompt_tokens": 14, "completion_tokens": 7, "total_tokens": 21})
}

fn whole(model: &str, answer: &Answer, reason: &str) -> Value {
    let content = if answer.text.is_empty() { Value::Null } else { json!(answer.text) };
    let mut message = json!({"role": "assistant", "content": content, "refusal": null, "annotations": []});
    if !answer.calls.is_empty() {
        let calls = answer.calls.iter().enumerate();
        let calls: Vec<Value> =
            calls.map(|(at, (name, arguments))| call(at, name, &arguments.to_string())).collect();
        put(&mut message, "tool_calls", Value::Array(calls));
    }
    json!({"id": "chatcmpl-Fake", "object": "chat.completion", "created": 1, "model": model, "usage": usage(),
           "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": reason}]})
}

fn chunks(model: &str, answer: &Answer, reason: &str, with_usage: bool) -> Vec<Value> {
    let chunk = |choices: Value| {
        let mut chunk = json!({"id": "chatcmpl-Fake", "object": "chat.completion.chunk", "created": 1, "model": model,
                               "system_fingerprint": null, "choices": choices});
        if with_usage {
            put(&mut chunk, "usage", Value::Null);
        }
        chunk
    };
    let delta = |delta: Value, reason: Option<&str>| {
        chunk(json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": reason}]))
    };
    let mut chunks = vec![delta(json!({"role": "assistant", "content": "", "refusal": null}), None)];
    chunks.extend(words(&answer.text).iter().map(|piece| delta(json!({"content": piece}), None)));
    for (at, (name, arguments)) in answer.calls.iter().enumerate() {
        let mut first = call(at, name, "");
        put(&mut first, "index", json!(at));
        chunks.push(delta(json!({"tool_calls": [first]}), None));
        for piece in words(&arguments.to_string()) {
            chunks
                .push(delta(json!({"tool_calls": [{"index": at, "function": {"arguments": piece}}]}), None));
        }
    }
    chunks.push(delta(json!({}), Some(reason)));
    if with_usage {
        let mut last = chunk(json!([]));
        put(&mut last, "usage", usage());
        chunks.push(last);
    }
    chunks
}

/// Checks a request's body; the complaint is the vendor's.
fn check(body: &Value) -> Result<(), String> {
    let body = Shape::of(body, "")?;
    body.only(FIELDS)
        .map_err(|complaint| complaint.replace(": Extra inputs are not permitted", "").trim().to_string())
        .map_err(|field| format!("Unrecognized request argument supplied: {field}"))?;
    body.text("model")?;
    let streams = body.flag("stream")?;
    if let Some(options) = body.get("stream_options").filter(|options| !options.is_null()) {
        if !streams {
            return Err(
                "The 'stream_options' parameter is only allowed when 'stream' is enabled.".to_string()
            );
        }
        let options = Shape::of(options, "stream_options")?;
        options.only(&["include_usage", "include_obfuscation"])?;
        options.flag("include_usage")?;
    }
    let limits = [body.count("max_tokens", 1)?, body.count("max_completion_tokens", 1)?];
    if limits.iter().all(Option::is_some) {
        return Err(
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.".to_string()
        );
    }
    tools(&body)?;
    messages(body.list("messages")?)
}

fn tools(body: &Shape) -> Result<(), String> {
    if body.get("tools").is_none() {
        return Ok(());
    }
    let tools = body.list("tools")?;
    if tools.is_empty() {
        return Err("Invalid 'tools': empty array. Expected an array with minimum length 1, but got an empty array instead.".to_string());
    }
    for (at, tool) in tools.iter().enumerate() {
        let tool = Shape::of(tool, &format!("tools[{at}]"))?;
        tool.only(&["type", "function"])?;
        if tool.text("type")? != "function" {
            return tool.complain("type", "supported values are: 'function'");
        }
        let function = tool.object("function")?;
        function.only(&["name", "description", "parameters", "strict"])?;
        if !is_function_name(function.text("name")?) {
            return Err(format!(
                "Invalid '{}': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.",
                function.path("name")
            ));
        }
        function.text_if_any("description")?;
        if function.get("parameters").is_some() {
            let schema = function.object("parameters")?;
            if schema.text("type")? != "object" {
                return Err(format!(
                    "Invalid schema for function '{}': schema must be a JSON Schema of 'type: \"object\"'.",
                    function.text("name")?
                ));
            }
        }
    }
    Ok(())
}

fn messages(list: &[Value]) -> Result<(), String> {
    if list.is_empty() {
        return Err("Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.".to_string());
    }
    let mut open: BTreeSet<String> = BTreeSet::new();
    for (at, message) in list.iter().enumerate() {
        let message = Shape::of(message, &format!("messages[{at}]"))?;
        let role = message.text("role")?;
        if role != "tool" && !open.is_empty() {
            return Err(unanswered(&open));
        }
        match role {
            "system" | "developer" | "user" => {
                message.only(&["role", "content", "name"])?;
                content(&message)?;
            }
            "assistant" => open = assistant(&message)?,
            "tool" => {
                message.only(&["role", "content", "tool_call_id"])?;
                content(&message)?;
                if !open.remove(message.text("tool_call_id")?) {
                    return Err(format!(
                        "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls' (messages.[{at}].role)."
                    ));
                }
            }
            _ => {
                return message.complain(
                    "role",
                    "supported values are: 'system', 'assistant', 'user', 'tool' and 'developer'",
                );
            }
        }
    }
    if open.is_empty() { Ok(()) } else { Err(unanswered(&open)) }
}

fn unanswered(open: &BTreeSet<String>) -> String {
    let ids: Vec<&str> = open.iter().map(String::as_str).collect();
    format!(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: {}",
        ids.join(", ")
    )
}

fn content(message: &Shape) -> Result<(), String> {
    match message.need("content")? {
        Value::String(_) => Ok(()),
        Value::Array(parts) => parts.iter().enumerate().try_for_each(|(at, part)| {
            let part = Shape::of(part, &format!("{}[{at}]", message.path("content")))?;
            part.only(&["type", "text"])?;
            if part.text("type")? == "text" {
                part.text("text").map(|_| ())
            } else {
                part.complain("type", "supported values are: 'text'")
            }
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Err(format!(
            "Invalid type for '{}': expected one of a string or array of objects.",
            message.path("content")
        )),
    }
}

/// The ids of the calls in an assistant's message.
fn assistant(message: &Shape) -> Result<BTreeSet<String>, String> {
    message.only(&["role", "content", "name", "refusal", "tool_calls"])?;
    let mut open = BTreeSet::new();
    if message.get("tool_calls").is_none() {
        content(message)?;
        return Ok(open);
    }
    if message.get("content").is_some_and(|content| !content.is_null()) {
        content(message)?;
    }
    let calls = message.list("tool_calls")?;
    if calls.is_empty() {
        return message.complain("tool_calls", "empty array. Expected an array with minimum length 1");
    }
    for (at, call) in calls.iter().enumerate() {
        let call = Shape::of(call, &format!("{}[{at}]", message.path("tool_calls")))?;
        call.only(&["id", "type", "function"])?;
        let id = call.text("id")?;
        if id.is_empty() || id.len() > CALL_ID_BYTES_MAX {
            return Err(format!(
                "Invalid '{}': string too long. Expected a string with maximum length 40.",
                call.path("id")
            ));
        }
        if call.text("type")? != "function" {
            return call.complain("type", "supported values are: 'function'");
        }
        let function = call.object("function")?;
        function.only(&["name", "arguments"])?;
        if !is_function_name(function.text("name")?) {
            return function.complain("name", "string does not match pattern '^[a-zA-Z0-9_-]+$'");
        }
        // vLLM and llama.cpp parse it; OpenAI takes any text.
        if !serde_json::from_str::<Value>(function.text("arguments")?).is_ok_and(|value| value.is_object()) {
            return function.complain("arguments", "is not a JSON object in a string");
        }
        if !open.insert(id.to_string()) {
            return call.complain("id", "is there twice");
        }
    }
    Ok(open)
}
