//! The far side of chat completions, from `OpenAI`'s public API reference, with the habits of others who speak it.
//! Every field is checked, and complaints read as the vendor's do.

mod check;

use crate::anthropic::words;
use crate::http::{Answer, Asked, End, Refusal, Refused, Reply, Server, Stop, Vendor};
use crate::shape::put;
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use std::io;

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
        if let Err(complaint) = check::check(body) {
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
