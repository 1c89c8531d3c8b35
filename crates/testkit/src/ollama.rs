//! The far side of Ollama's own chat, from docs/api.md and api/types.go of its repository. Stricter than the real one,
//! which passes over fields it does not know.

use crate::anthropic::words;
use crate::http::{Answer, Asked, End, Refusal, Refused, Reply, Server, Stop, Vendor};
use crate::shape::{Shape, put};
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use std::io;

/// The fields of a request.
const FIELDS: &[&str] = &[
    "model",
    "messages",
    "tools",
    "stream",
    "format",
    "options",
    "keep_alive",
    "think",
    "truncate",
    "shift",
];
/// The options that are used or likely; the rest is left to the model file.
const OPTIONS: &[&str] = &[
    "num_ctx",
    "num_predict",
    "num_keep",
    "seed",
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "stop",
    "repeat_penalty",
    "repeat_last_n",
    "presence_penalty",
    "frequency_penalty",
    "num_thread",
    "num_gpu",
    "num_batch",
];

/// A fake Ollama.
#[derive(Clone, Debug)]
pub struct Ollama {
    /// The key it wants; none for one on the same machine.
    pub key: Option<String>,
    /// The one model it has.
    pub model: String,
    /// Whether the model can call tools.
    pub tools: Tools,
}

/// Whether a model can call tools.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tools {
    /// It can.
    #[default]
    Known,
    /// A request with tools is refused.
    Unknown,
}

impl Ollama {
    /// Starts it; requests go to `{origin}/api/chat`.
    ///
    /// # Errors
    ///
    /// When nothing can listen on 127.0.0.1.
    pub async fn start(self) -> io::Result<Server> {
        Server::start(self).await
    }
}

impl Vendor for Ollama {
    fn judge(&self, asked: &Asked) -> Result<Option<Reply>, Box<Refused>> {
        let header = |name: &str| asked.headers.get(name).and_then(|value| value.to_str().ok());
        let refused = |status, complaint: &str| {
            Err(Box::new(Refused { complaint: complaint.to_string(), reply: error(status, complaint) }))
        };
        if let Some(key) = &self.key
            && header("authorization") != Some(&format!("Bearer {key}"))
        {
            return refused(401, "unauthorized");
        }
        match (asked.method, asked.path) {
            (&Method::GET, "/api/version") => {
                return Ok(Some(Reply::json(200, &json!({"version": "0.40.12"}))));
            }
            (&Method::GET, "/api/tags") => {
                let model = json!({"name": self.model, "model": self.model, "modified_at": "2026-01-01T00:00:00Z", "size": 1, "digest": "00"});
                return Ok(Some(Reply::json(200, &json!({"models": [model]}))));
            }
            (&Method::POST, "/api/chat") => {}
            _ => return refused(404, "404 page not found"),
        }
        let body = match asked.body {
            Ok(body) => body,
            Err(problem) => return refused(400, problem),
        };
        if let Err(complaint) = check(body) {
            return refused(400, &complaint);
        }
        if body.get("model").and_then(Value::as_str) != Some(&self.model) {
            let name = body.get("model").and_then(Value::as_str).unwrap_or_default();
            return refused(404, &format!("model '{name}' not found"));
        }
        let has_tools = body.get("tools").and_then(Value::as_array).is_some_and(|tools| !tools.is_empty());
        if has_tools && self.tools == Tools::Unknown {
            return refused(
                400,
                &format!("registry.ollama.ai/library/{} does not support tools", self.model),
            );
        }
        let window = body.pointer("/options/num_ctx").and_then(Value::as_u64).unwrap_or(4_096);
        let tokens = body.to_string().len() / 4;
        if body.get("truncate") == Some(&Value::Bool(false))
            && u64::try_from(tokens).is_ok_and(|t| t > window)
        {
            // The runner's own error, passed on as text.
            let inner = json!({"error": {"code": 400, "message": format!("request ({tokens} tokens) exceeds the available context size ({window} tokens), try increasing it"), "type": "exceed_context_size_error", "n_prompt_tokens": tokens, "n_ctx": window}});
            return refused(400, &inner.to_string());
        }
        Ok(None)
    }

    fn answer(&self, request: &Value, answer: &Answer) -> Reply {
        let line = |message: Value| json!({"model": self.model, "created_at": "2026-01-01T00:00:00.000000Z", "message": message, "done": false});
        let calls: Vec<Value> = answer
            .calls
            .iter()
            .map(|(name, arguments)| json!({"function": {"name": name, "arguments": arguments}}))
            .collect();
        let reason = match answer.stop {
            Stop::Done | Stop::Filtered => "stop",
            Stop::Length => "length",
        };
        let finish = |mut last: Value| {
            put(&mut last, "done", json!(true));
            put(&mut last, "done_reason", json!(reason));
            for (name, count) in [
                ("total_duration", 9),
                ("load_duration", 1),
                ("prompt_eval_count", 14),
                ("prompt_eval_duration", 3),
                ("eval_count", 7),
                ("eval_duration", 5),
            ] {
                put(&mut last, name, json!(count));
            }
            last
        };
        if request.get("stream") == Some(&Value::Bool(false)) {
            let mut message = json!({"role": "assistant", "content": answer.text});
            if !calls.is_empty() {
                put(&mut message, "tool_calls", json!(calls));
            }
            return Reply::json(200, &finish(line(message)));
        }
        let mut lines: Vec<Value> = words(&answer.text)
            .iter()
            .map(|piece| line(json!({"role": "assistant", "content": piece})))
            .collect();
        lines.extend(
            calls.iter().map(|call| line(json!({"role": "assistant", "content": "", "tool_calls": [call]}))),
        );
        lines.push(finish(line(json!({"role": "assistant", "content": ""}))));
        if let End::OverloadedAfter(count) = answer.manner.end {
            lines.truncate(count);
            lines.push(json!({"error": "model runner has unexpectedly stopped, this may be due to resource limitations"}));
        }
        let events = lines.iter().map(|line| Bytes::from(format!("{line}\n"))).collect();
        Reply {
            status: 200,
            content_type: "application/x-ndjson",
            headers: Vec::new(),
            events,
            manner: answer.manner,
        }
    }

    fn refuse(&self, refusal: &Refusal) -> Reply {
        let mut reply = match refusal {
            Refusal::WrongKey => error(401, "unauthorized"),
            Refusal::NoCredit => error(402, "you have reached your usage limit"),
            Refusal::UnknownModel => error(404, &format!("model '{}' not found", self.model)),
            Refusal::ContextTooLong => error(400, "the input length exceeds the context length"),
            Refusal::RateLimited(_) => error(429, "too many requests"),
            Refusal::Overloaded(_) => {
                error(503, "server busy, please try again.  maximum pending requests exceeded")
            }
            Refusal::ServerFault | Refusal::Filtered => error(500, "llama runner process has terminated"),
        };
        if let Refusal::RateLimited(Some(wait)) | Refusal::Overloaded(Some(wait)) = refusal {
            reply.headers.push(("retry-after", wait.clone()));
        }
        reply
    }
}

fn error(status: u16, message: &str) -> Reply {
    Reply::json(status, &json!({"error": message}))
}

fn check(body: &Value) -> Result<(), String> {
    let body = Shape::of(body, "")?;
    body.only(FIELDS)?;
    if body.text("model")?.is_empty() {
        return Err("model is required".to_string());
    }
    for flag in ["stream", "truncate", "shift"] {
        body.flag(flag)?;
    }
    if body.get("options").is_some_and(|options| !options.is_null()) {
        let options = body.object("options")?;
        options.only(OPTIONS)?;
        options.count("num_ctx", 1)?;
        options.count("num_predict", 1)?;
    }
    if body.get("tools").is_some_and(|tools| !tools.is_null()) {
        for (at, tool) in body.list("tools")?.iter().enumerate() {
            tool_shape(&Shape::of(tool, &format!("tools[{at}]"))?)?;
        }
    }
    let mut open: Vec<&str> = Vec::new();
    for (at, message) in body.list("messages")?.iter().enumerate() {
        let message = Shape::of(message, &format!("messages[{at}]"))?;
        message.only(&[
            "role",
            "content",
            "thinking",
            "images",
            "tool_calls",
            "tool_name",
            "tool_call_id",
        ])?;
        let content = message.text("content")?;
        match message.text("role")? {
            "system" | "user" if content.is_empty() => return message.complain("content", "is empty"),
            "system" | "user" => open.clear(),
            "assistant" => open = calls(&message)?,
            // Names are what results are matched by.
            "tool" => match open.iter().position(|name| Ok(*name) == message.text("tool_name")) {
                Some(place) => {
                    open.remove(place);
                }
                None => return message.complain("tool_name", "no such call is open"),
            },
            role => {
                return Err(format!("invalid role: {role}, must be one of [system, user, assistant, tool]"));
            }
        }
    }
    Ok(())
}

fn tool_shape(tool: &Shape) -> Result<(), String> {
    tool.only(&["type", "function"])?;
    if tool.text("type")? != "function" {
        return tool.complain("type", "is not `function`");
    }
    let function = tool.object("function")?;
    function.only(&["name", "description", "parameters"])?;
    function.text("name")?;
    function.text_if_any("description")?;
    let schema = function.object("parameters")?;
    if schema.text("type")? == "object" { Ok(()) } else { schema.complain("type", "is not `object`") }
}

/// The names of the tools that an assistant's message calls.
fn calls<'a>(message: &Shape<'a>) -> Result<Vec<&'a str>, String> {
    let mut names = Vec::new();
    if message.get("tool_calls").is_none() {
        return Ok(names);
    }
    for (at, call) in message.list("tool_calls")?.iter().enumerate() {
        let call = Shape::of(call, &format!("{}[{at}]", message.path("tool_calls")))?;
        call.only(&["id", "type", "function"])?;
        let function = call.object("function")?;
        function.only(&["name", "arguments", "index"])?;
        names.push(function.text("name")?);
        function.object("arguments").map_err(|_| {
            "json: cannot unmarshal string into Go struct field ToolCallFunction.messages.tool_calls.function.arguments of type api.ToolCallFunctionArguments".to_string()
        })?;
    }
    Ok(names)
}
