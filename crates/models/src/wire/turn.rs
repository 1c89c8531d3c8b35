//! An answer as it grows: text, calls, the reason it stopped, the bill.

use super::{Names, ProposedCall, StopReason, StreamError, Usage};
use domain::ModelTurn;
use serde_json::Value;

/// The longest text of one answer, in bytes: far above what any model writes in one go.
const TEXT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The longest arguments of one call, in bytes: a file to be written, as JSON.
const ARGUMENTS_BYTES_MAX: usize = 2 * 1024 * 1024;
/// The most calls in one answer.
const CALLS_MAX: usize = 64;
/// The longest id or name of a call, in bytes.
const NAME_BYTES_MAX: usize = 256;

/// A whole answer. Tool names are those of the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    /// What the model said.
    pub text: String,
    /// What it wants done, in order.
    pub calls: Vec<ProposedCall>,
    /// Why it stopped.
    pub stop: StopReason,
    /// What it cost.
    pub usage: Usage,
}

impl Whole {
    /// The turn, with our own names for the tools.
    #[must_use]
    pub fn into_turn(mut self, names: &Names, answered_by: String) -> ModelTurn {
        for call in &mut self.calls {
            call.tool = names.undo(&call.tool);
        }
        ModelTurn { text: self.text, calls: self.calls, stop: self.stop, usage: self.usage, answered_by }
    }
}

/// An answer that is not over yet.
#[derive(Debug, Default)]
pub(super) struct Growing {
    pub(super) text: String,
    pub(super) calls: Vec<ProposedCall>,
    pub(super) usage: Usage,
}

impl Growing {
    pub(super) fn say(&mut self, piece: &str, text: &mut dyn FnMut(&str)) -> Result<(), StreamError> {
        if self.text.len().saturating_add(piece.len()) > TEXT_BYTES_MAX {
            return Err(StreamError::TooLarge { what: "text", max: TEXT_BYTES_MAX, unit: "bytes" });
        }
        if !piece.is_empty() {
            self.text.push_str(piece);
            text(piece);
        }
        Ok(())
    }

    /// Begins a call and gives its place.
    pub(super) fn begin_call(&mut self, id: &str, name: &str) -> Result<usize, StreamError> {
        if self.calls.len() >= CALLS_MAX {
            return Err(StreamError::TooLarge { what: "a list of calls", max: CALLS_MAX, unit: "calls" });
        }
        if id.len() > NAME_BYTES_MAX || name.len() > NAME_BYTES_MAX {
            return Err(StreamError::TooLarge { what: "a call's name", max: NAME_BYTES_MAX, unit: "bytes" });
        }
        self.calls.push(ProposedCall {
            id: id.to_string(),
            tool: name.to_string(),
            arguments: String::new(),
        });
        Ok(self.calls.len().saturating_sub(1))
    }

    pub(super) fn argue(&mut self, at: usize, piece: &str) -> Result<(), StreamError> {
        let Some(call) = self.calls.get_mut(at) else {
            return Err(StreamError::Malformed("arguments belong to no call".to_string()));
        };
        if call.arguments.len().saturating_add(piece.len()) > ARGUMENTS_BYTES_MAX {
            let what = "a call's arguments";
            return Err(StreamError::TooLarge { what, max: ARGUMENTS_BYTES_MAX, unit: "bytes" });
        }
        call.arguments.push_str(piece);
        Ok(())
    }

    /// The whole answer, stopped for `stop`.
    ///
    /// A call cut off by the limit of tokens is dropped, and after a filter every call is: what is left of them is not
    /// what the model meant. Missing, doubled or odd ids are given anew, so that each is unique.
    pub(super) fn finish(mut self, stop: StopReason) -> Result<Whole, StreamError> {
        match stop {
            StopReason::Filtered => self.calls.clear(),
            StopReason::Length => self.calls.retain(|call| is_object_or_empty(&call.arguments)),
            StopReason::Finished | StopReason::Calls => {}
        }
        if self.calls.iter().any(|call| call.tool.trim().is_empty()) {
            return Err(StreamError::Malformed("a call names no tool".to_string()));
        }
        let mut ids: Vec<String> = Vec::new();
        for (at, call) in self.calls.iter_mut().enumerate() {
            let odd = call.id.is_empty()
                || !call
                    .id
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':'));
            if odd || ids.contains(&call.id) {
                call.id = (at..)
                    .map(|number| format!("call_{number}"))
                    .find(|id| !ids.contains(id))
                    .unwrap_or_default();
            }
            ids.push(call.id.clone());
            if call.arguments.trim().is_empty() {
                call.arguments = "{}".to_string();
            }
        }
        let stop = match stop {
            StopReason::Finished | StopReason::Calls if self.calls.is_empty() => StopReason::Finished,
            StopReason::Finished | StopReason::Calls => StopReason::Calls,
            StopReason::Length => StopReason::Length,
            StopReason::Filtered => StopReason::Filtered,
        };
        Ok(Whole { text: self.text, calls: self.calls, stop, usage: self.usage })
    }
}

fn is_object_or_empty(arguments: &str) -> bool {
    arguments.trim().is_empty() || matches!(serde_json::from_str(arguments), Ok(Value::Object(_)))
}

/// Sets a field of an object; of anything else there is none to set.
pub(super) fn put(object: &mut Value, name: &str, value: Value) {
    if let Value::Object(fields) = object {
        fields.insert(name.to_string(), value);
    }
}

/// Parses one JSON object; what does not parse is named, not quoted.
pub(super) fn object(text: &str, what: &str) -> Result<Value, StreamError> {
    match serde_json::from_str(text) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(StreamError::Malformed(format!("{what} is not a JSON object"))),
        Err(error) => Err(StreamError::Malformed(format!("{what} is not JSON ({error})"))),
    }
}

/// The text at `name`, empty when absent or null.
pub(super) fn text_at<'a>(value: &'a Value, name: &str) -> Result<&'a str, StreamError> {
    match value.get(name) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text),
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Err(StreamError::Malformed(format!("`{name}` is not text")))
        }
    }
}

/// The count at `name`, if there is one.
pub(super) fn count_at(value: &Value, name: &str) -> Option<u64> {
    value.get(name).and_then(Value::as_u64)
}
