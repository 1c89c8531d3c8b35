//! Chat completions, streaming, as `OpenAI` made them and others speak them.
//!
//! Reference: the `CreateChatCompletionRequest` and `ChatCompletionChunk` schemas of `OpenAI`'s published
//! specification. Where `OpenRouter`, vLLM, llama.cpp's server, LM Studio and Ollama differ, it is said below.

use super::sse::Event;
use super::turn::{Growing, count_at, object, put, text_at};
use super::{PeerError, StopReason, StreamError, Whole};
use crate::names::to_wire;
use crate::prompt::{Answered, Conversation, Turn};
use domain::ToolSchema;
use serde_json::{Value, json};
use url::Url;

/// Below the configured address, which by custom ends in `/v1`.
pub(super) const PATH: &str = "/chat/completions";
/// Stands before the result of a call that failed: this interface has no mark of its own for it.
const FAILED: &str = "The call failed: ";

/// The request's body.
pub(super) fn body(
    base: &Url,
    model: &str,
    conversation: &Conversation,
    tools: &[ToolSchema],
    answer_tokens: u32,
) -> Value {
    let mut body = json!({
        "model": model,
        "messages": messages(conversation),
        "stream": true,
        "stream_options": {"include_usage": true},
        limit_field(base): answer_tokens,
    });
    if !tools.is_empty() {
        let offered: Vec<Value> = tools
            .iter()
            .map(|tool| {
                let name = to_wire(&tool.name);
                let (description, parameters) = (&tool.description, &tool.parameters);
                json!({
                    "type": "function",
                    "function": {"name": name, "description": description, "parameters": parameters},
                })
            })
            .collect();
        put(&mut body, "tools", Value::Array(offered));
    }
    body
}

/// `OpenAI` and Azure refuse `max_tokens` for their reasoning models; older local servers know nothing else.
fn limit_field(base: &Url) -> &'static str {
    let host = base.host_str().unwrap_or_default();
    if host == "api.openai.com" || host.ends_with(".openai.azure.com") {
        "max_completion_tokens"
    } else {
        "max_tokens"
    }
}

fn messages(conversation: &Conversation) -> Vec<Value> {
    let mut messages = Vec::new();
    if !conversation.system.is_empty() {
        messages.push(json!({"role": "system", "content": conversation.system}));
    }
    for turn in &conversation.turns {
        match turn {
            // Chat templates of local models insist that roles alternate.
            Turn::User(texts) => messages.push(json!({"role": "user", "content": texts.join("\n\n")})),
            Turn::Assistant { text, calls } => {
                messages.push(assistant(text, calls));
                messages.extend(calls.iter().map(result));
            }
        }
    }
    messages
}

fn assistant(text: &str, calls: &[Answered]) -> Value {
    let content = if text.is_empty() { Value::Null } else { Value::String(text.to_string()) };
    let mut message = json!({"role": "assistant", "content": content});
    if !calls.is_empty() {
        let proposed: Vec<Value> = calls
            .iter()
            .map(|call| {
                let arguments = Value::Object(call.arguments.clone()).to_string();
                json!({
                    "id": call.id,
                    "type": "function",
                    "function": {"name": to_wire(&call.tool), "arguments": arguments},
                })
            })
            .collect();
        put(&mut message, "tool_calls", Value::Array(proposed));
    }
    message
}

fn result(call: &Answered) -> Value {
    let failed = if call.failed { FAILED } else { "" };
    json!({"role": "tool", "tool_call_id": call.id, "content": format!("{failed}{}", call.result)})
}

/// The answer so far.
#[derive(Debug, Default)]
pub(super) struct Answer {
    growing: Growing,
    /// The index that the server gave each call, by the call's place.
    indices: Vec<Option<u64>>,
    stop: Option<StopReason>,
    refused: bool,
    done: bool,
}

impl Answer {
    pub(super) fn event(&mut self, event: &Event, text: &mut dyn FnMut(&str)) -> Result<(), StreamError> {
        if self.done {
            return Ok(());
        }
        if event.data.trim() == "[DONE]" {
            self.done = true;
            return Ok(());
        }
        let chunk = object(&event.data, "a chunk")?;
        // OpenRouter and LM Studio put an error object into the stream; older vLLM makes the chunk one; llama.cpp
        // names the event.
        let is_error = chunk.get("error").is_some_and(|error| !error.is_null())
            || event.name == "error"
            || chunk.get("object").and_then(Value::as_str) == Some("error");
        if is_error {
            return Err(StreamError::Peer(PeerError::from_json(&chunk)));
        }
        if let Some(usage) = chunk.get("usage").filter(|usage| usage.is_object()) {
            let bill = &mut self.growing.usage;
            bill.input_tokens = count_at(usage, "prompt_tokens").unwrap_or(bill.input_tokens);
            bill.output_tokens = count_at(usage, "completion_tokens").unwrap_or(bill.output_tokens);
        }
        let choices = match chunk.get("choices") {
            Some(Value::Array(choices)) => choices.as_slice(),
            // Some gateways send the bill alone.
            None | Some(Value::Null) => &[],
            Some(_) => return malformed("`choices` is not a list"),
        };
        for choice in choices.iter().filter(|choice| count_at(choice, "index").unwrap_or(0) == 0) {
            self.choice(choice, text)?;
        }
        Ok(())
    }

    fn choice(&mut self, choice: &Value, text: &mut dyn FnMut(&str)) -> Result<(), StreamError> {
        if let Some(delta) = choice.get("delta").filter(|delta| !delta.is_null()) {
            self.growing.say(text_at(delta, "content")?, text)?;
            let refusal = text_at(delta, "refusal")?;
            self.refused |= !refusal.is_empty();
            self.growing.say(refusal, text)?;
            match delta.get("tool_calls") {
                None | Some(Value::Null) => {}
                Some(Value::Array(calls)) => calls.iter().try_for_each(|call| self.call(call))?,
                Some(_) => return malformed("`tool_calls` is not a list"),
            }
        }
        self.stop = match text_at(choice, "finish_reason")? {
            "" => self.stop,
            "length" => Some(StopReason::Length),
            "content_filter" => Some(StopReason::Filtered),
            // OpenRouter, when the provider behind it failed.
            "error" => {
                let error = choice.get("error").map(PeerError::from_json).unwrap_or_default();
                return Err(StreamError::Peer(error));
            }
            // `stop`, `tool_calls`, `function_call`; vLLM, Gemini's gateway and others say `stop` after calls, too.
            _ => Some(StopReason::Finished),
        };
        Ok(())
    }

    /// A piece of a call. It begins a new call when its index is new, or when it brings a name and an id that the call
    /// under that index does not have: some gateways number every parallel call 0. A piece without an index and
    /// without a name goes on with the last call.
    fn call(&mut self, piece: &Value) -> Result<(), StreamError> {
        let function = piece.get("function").unwrap_or(&Value::Null);
        let (id, name) = (text_at(piece, "id")?, text_at(function, "name")?);
        let index = count_at(piece, "index");
        let known = match index {
            Some(_) => self.indices.iter().rposition(|have| *have == index),
            None if name.is_empty() => self.indices.len().checked_sub(1),
            None => None,
        };
        let known = known.filter(|at| {
            let have = self.growing.calls.get(*at);
            let is_same = have.is_some_and(|call| call.id == id || id.is_empty() || call.id.is_empty());
            is_same || name.is_empty() || have.is_some_and(|call| call.tool.is_empty())
        });
        let at = if let Some(at) = known {
            if let Some(call) = self.growing.calls.get_mut(at) {
                // Some servers repeat id and name with every piece, some bring the name late.
                if call.tool.is_empty() {
                    call.tool = name.chars().take(256).collect();
                }
                if call.id.is_empty() {
                    call.id = id.chars().take(256).collect();
                }
            }
            at
        } else {
            self.indices.push(index);
            self.growing.begin_call(id, name)?
        };
        match function.get("arguments") {
            None | Some(Value::Null) => Ok(()),
            Some(Value::String(arguments)) => self.growing.argue(at, arguments),
            // Ollama's and some gateways' older versions send the object itself.
            Some(whole @ Value::Object(_)) => self.growing.argue(at, &whole.to_string()),
            Some(_) => malformed("a call's arguments are not text"),
        }
    }

    pub(super) fn is_whole(&self) -> bool {
        self.done && self.stop.is_some()
    }

    /// A closed stream counts as whole once a reason to stop has come: some gateways leave `[DONE]` out. `[DONE]`
    /// without a reason does not.
    pub(super) fn finish(self) -> Result<Whole, StreamError> {
        match self.stop {
            Some(StopReason::Finished) if self.refused => self.growing.finish(StopReason::Filtered),
            Some(stop) => self.growing.finish(stop),
            None => Err(StreamError::Incomplete),
        }
    }
}

fn malformed<T>(why: &str) -> Result<T, StreamError> {
    Err(StreamError::Malformed(why.to_string()))
}
