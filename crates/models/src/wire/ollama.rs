//! Ollama's own chat: one JSON object a line.
//!
//! Reference: docs/api.md and api/types.go of the Ollama repository.

use super::turn::{Growing, count_at, object, put, text_at};
use super::{PeerError, StopReason, StreamError, Whole};
use crate::names::to_wire;
use crate::prompt::{Answered, Conversation, Turn};
use domain::ToolSchema;
use serde_json::{Value, json};

/// Below the configured address.
pub(super) const PATH: &str = "/api/chat";
/// Stands before the result of a call that failed: this interface has no mark of its own for it.
const FAILED: &str = "The call failed: ";

/// The window and the answer, in tokens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tokens {
    pub(super) context: u32,
    pub(super) answer: u32,
}

/// The request's body.
///
/// `truncate` and `shift` are off: by default Ollama drops the beginning of a prompt that is too long, instructions
/// first, and says nothing.
pub(super) fn body(model: &str, conversation: &Conversation, tools: &[ToolSchema], tokens: Tokens) -> Value {
    let mut body = json!({
        "model": model,
        "messages": messages(conversation),
        "stream": true,
        "truncate": false,
        "shift": false,
        "options": {"num_ctx": tokens.context, "num_predict": tokens.answer},
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

fn messages(conversation: &Conversation) -> Vec<Value> {
    let mut messages = Vec::new();
    if !conversation.system.is_empty() {
        messages.push(json!({"role": "system", "content": conversation.system}));
    }
    for turn in &conversation.turns {
        match turn {
            Turn::User(texts) => messages.push(json!({"role": "user", "content": texts.join("\n\n")})),
            Turn::Assistant { text, calls } => {
                let mut message = json!({"role": "assistant", "content": text});
                if !calls.is_empty() {
                    let proposed: Vec<Value> = calls.iter().map(call).collect();
                    put(&mut message, "tool_calls", Value::Array(proposed));
                }
                messages.push(message);
                messages.extend(calls.iter().map(result));
            }
        }
    }
    messages
}

fn call(call: &Answered) -> Value {
    json!({"function": {"name": to_wire(&call.tool), "arguments": call.arguments}})
}

/// A result is matched to its call by the tool's name and by order: this interface knows no ids.
fn result(call: &Answered) -> Value {
    let failed = if call.failed { FAILED } else { "" };
    json!({"role": "tool", "tool_name": to_wire(&call.tool), "content": format!("{failed}{}", call.result)})
}

/// The answer so far.
#[derive(Debug, Default)]
pub(super) struct Answer {
    growing: Growing,
    stop: Option<StopReason>,
}

impl Answer {
    pub(super) fn line(&mut self, line: &str, text: &mut dyn FnMut(&str)) -> Result<(), StreamError> {
        if line.trim().is_empty() {
            return Ok(());
        }
        let line = object(line, "a line")?;
        if line.get("error").is_some_and(|error| !error.is_null()) {
            return Err(StreamError::Peer(PeerError::from_json(&line)));
        }
        if self.stop.is_some() {
            return malformed("something follows the end of the answer");
        }
        if let Some(message) = line.get("message").filter(|message| !message.is_null()) {
            self.growing.say(text_at(message, "content")?, text)?;
            match message.get("tool_calls") {
                None | Some(Value::Null) => {}
                Some(Value::Array(calls)) => calls.iter().try_for_each(|call| self.call(call))?,
                Some(_) => return malformed("`tool_calls` is not a list"),
            }
        }
        match line.get("done") {
            Some(Value::Bool(true)) => self.done(&line),
            None | Some(Value::Bool(false)) => Ok(()),
            Some(_) => malformed("`done` is neither true nor false"),
        }
    }

    /// A call comes whole, its arguments an object.
    fn call(&mut self, call: &Value) -> Result<(), StreamError> {
        let Some(function) = call.get("function") else { return malformed("a call names no function") };
        let at = self.growing.begin_call(text_at(call, "id")?, text_at(function, "name")?)?;
        match function.get("arguments") {
            None | Some(Value::Null) => Ok(()),
            Some(arguments @ Value::Object(_)) => self.growing.argue(at, &arguments.to_string()),
            Some(Value::String(arguments)) => self.growing.argue(at, arguments),
            Some(_) => malformed("a call's arguments are not an object"),
        }
    }

    fn done(&mut self, line: &Value) -> Result<(), StreamError> {
        let bill = &mut self.growing.usage;
        bill.input_tokens = count_at(line, "prompt_eval_count").unwrap_or(0);
        bill.output_tokens = count_at(line, "eval_count").unwrap_or(0);
        self.stop = Some(match text_at(line, "done_reason")? {
            "length" => StopReason::Length,
            // Versions before 0.2 give none; `stop`, `load`, `unload`.
            _ => StopReason::Finished,
        });
        Ok(())
    }

    pub(super) fn is_whole(&self) -> bool {
        self.stop.is_some()
    }

    pub(super) fn finish(self) -> Result<Whole, StreamError> {
        match self.stop {
            Some(stop) => self.growing.finish(stop),
            None => Err(StreamError::Incomplete),
        }
    }
}

fn malformed<T>(why: &str) -> Result<T, StreamError> {
    Err(StreamError::Malformed(why.to_string()))
}
