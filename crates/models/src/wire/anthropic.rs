//! Anthropic Messages, streaming: the request's body and the answer's events.
//!
//! Reference: platform.claude.com/docs/en/api/messages and …/build-with-claude/streaming, version 2026-10-21.

use super::sse::Event;
use super::turn::{Growing, count_at, object, put, text_at};
use super::{PeerError, StopReason, StreamError, Whole};
use crate::names::to_wire;
use crate::prompt::{Answered, Conversation, Turn};
use domain::ToolSchema;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Below the configured address.
pub(super) const PATH: &str = "/v1/messages";
/// The version of the interface this file speaks.
pub(super) const VERSION: &str = "2026-10-21";
/// The most content blocks in one answer, text and calls together.
const BLOCKS_MAX: usize = 1_024;

/// The request's body.
pub(super) fn body(
    model: &str,
    conversation: &Conversation,
    tools: &[ToolSchema],
    answer_tokens: u32,
) -> Value {
    let mut body = json!({
        "model": model,
        "max_tokens": answer_tokens,
        "stream": true,
        "messages": messages(&conversation.turns),
    });
    if !conversation.system.is_empty() {
        // Tools come before the system prompt in the vendor's cache, so this one mark keeps both.
        put(
            &mut body,
            "system",
            json!([{
                "type": "text", "text": conversation.system, "cache_control": {"type": "ephemeral"},
            }]),
        );
    }
    if !tools.is_empty() {
        let offered: Vec<Value> = tools
            .iter()
            .map(|tool| {
                json!({
                    "name": to_wire(&tool.name),
                    "description": tool.description,
                    "input_schema": tool.parameters,
                })
            })
            .collect();
        put(&mut body, "tools", Value::Array(offered));
    }
    body
}

fn messages(turns: &[Turn]) -> Vec<Value> {
    let mut messages = Vec::new();
    // Results go into the person's message that follows, before anything else in it.
    let mut content: Vec<Value> = Vec::new();
    for turn in turns {
        match turn {
            Turn::User(texts) => {
                content.extend(texts.iter().map(|text| json!({"type": "text", "text": text})))
            }
            Turn::Assistant { text, calls } => {
                let content_before = std::mem::take(&mut content);
                messages.push(json!({"role": "user", "content": content_before}));
                messages.push(json!({"role": "assistant", "content": assistant(text, calls)}));
                content = calls.iter().map(result).collect();
            }
        }
    }
    // The last mark lets the next step of the same turn reuse everything up to here.
    if let Some(last) = content.last_mut() {
        put(last, "cache_control", json!({"type": "ephemeral"}));
    }
    messages.push(json!({"role": "user", "content": content}));
    messages
}

fn assistant(text: &str, calls: &[Answered]) -> Vec<Value> {
    let text = (!text.trim().is_empty()).then(|| json!({"type": "text", "text": text}));
    let calls = calls.iter().map(|call| {
        json!({"type": "tool_use", "id": call.id, "name": to_wire(&call.tool), "input": call.arguments})
    });
    text.into_iter().chain(calls).collect()
}

fn result(call: &Answered) -> Value {
    let mut block = json!({"type": "tool_result", "tool_use_id": call.id, "content": call.result});
    if call.failed {
        put(&mut block, "is_error", json!(true));
    }
    block
}

/// The answer so far.
#[derive(Debug, Default)]
pub(super) struct Answer {
    growing: Growing,
    stage: Stage,
    blocks: BTreeMap<u64, Block>,
    stop: Option<StopReason>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Before,
    Within,
    Whole,
}

/// A content block that has been started.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Block {
    Text,
    /// A call, its place among the calls, and the input it was started with.
    Call {
        at: usize,
        given: String,
    },
    /// Of a kind we did not ask for: thinking, a server's own tools, whatever comes next.
    Other,
    Closed,
}

impl Answer {
    pub(super) fn event(&mut self, event: &Event, text: &mut dyn FnMut(&str)) -> Result<(), StreamError> {
        let value = object(&event.data, "an event")?;
        let kind = text_at(&value, "type")?;
        let kind = if kind.is_empty() { event.name.as_str() } else { kind };
        match (kind, self.stage) {
            ("ping", _) => Ok(()),
            ("error", _) => Err(StreamError::Peer(PeerError::from_json(&value))),
            (_, Stage::Whole) => malformed("something follows the end of the answer"),
            ("message_start", Stage::Before) => self.start(&value),
            ("message_start", Stage::Within) => malformed("the answer starts twice"),
            (
                "content_block_start"
                | "content_block_delta"
                | "content_block_stop"
                | "message_delta"
                | "message_stop",
                Stage::Before,
            ) => malformed("the answer goes on before it starts"),
            ("content_block_start", Stage::Within) => self.start_block(&value, text),
            ("content_block_delta", Stage::Within) => self.delta(&value, text),
            ("content_block_stop", Stage::Within) => self.stop_block(&value),
            ("message_delta", Stage::Within) => self.message_delta(&value),
            ("message_stop", Stage::Within) => self.stop(),
            // The vendor announces that more kinds of events may be added.
            (_, Stage::Before | Stage::Within) => Ok(()),
        }
    }

    fn start(&mut self, value: &Value) -> Result<(), StreamError> {
        let Some(message) = value.get("message") else { return malformed("the start carries no message") };
        self.stage = Stage::Within;
        self.bill(message.get("usage").unwrap_or(&Value::Null));
        Ok(())
    }

    /// What was read from or written to the vendor's cache is part of the prompt. All counts are cumulative.
    fn bill(&mut self, usage: &Value) {
        let input = ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"]
            .iter()
            .filter_map(|name| count_at(usage, name))
            .fold(None, |sum: Option<u64>, count| Some(sum.unwrap_or(0).saturating_add(count)));
        let bill = &mut self.growing.usage;
        bill.input_tokens = bill.input_tokens.max(input.unwrap_or(0));
        bill.output_tokens = count_at(usage, "output_tokens").unwrap_or(bill.output_tokens);
    }

    fn start_block(&mut self, value: &Value, text: &mut dyn FnMut(&str)) -> Result<(), StreamError> {
        let index = index(value)?;
        if self.blocks.contains_key(&index) {
            return malformed("a content block starts twice");
        }
        if self.blocks.len() >= BLOCKS_MAX {
            return Err(StreamError::TooLarge { what: "a list of blocks", max: BLOCKS_MAX, unit: "blocks" });
        }
        let Some(content) = value.get("content_block") else {
            return malformed("a content block starts without one");
        };
        let block = match text_at(content, "type")? {
            "text" => {
                self.growing.say(text_at(content, "text")?, text)?;
                Block::Text
            }
            "tool_use" => {
                let at = self.growing.begin_call(text_at(content, "id")?, text_at(content, "name")?)?;
                let given = match content.get("input") {
                    Some(Value::Object(input)) if !input.is_empty() => {
                        Value::Object(input.clone()).to_string()
                    }
                    Some(_) | None => String::new(),
                };
                Block::Call { at, given }
            }
            _ => Block::Other,
        };
        self.blocks.insert(index, block);
        Ok(())
    }

    fn delta(&mut self, value: &Value, text: &mut dyn FnMut(&str)) -> Result<(), StreamError> {
        let index = index(value)?;
        let Some(delta) = value.get("delta") else { return malformed("a delta event carries no delta") };
        let kind = text_at(delta, "type")?;
        match (self.blocks.get_mut(&index), kind) {
            (None | Some(Block::Closed), _) => malformed("a delta belongs to no open block"),
            (Some(Block::Text), "text_delta") => self.growing.say(text_at(delta, "text")?, text),
            (Some(Block::Call { at, given }), "input_json_delta") => {
                given.clear();
                self.growing.argue(*at, text_at(delta, "partial_json")?)
            }
            (Some(Block::Text), "input_json_delta") | (Some(Block::Call { .. }), "text_delta") => {
                malformed("a delta does not fit its block")
            }
            (Some(Block::Text | Block::Call { .. } | Block::Other), _) => Ok(()),
        }
    }

    fn stop_block(&mut self, value: &Value) -> Result<(), StreamError> {
        match self.blocks.insert(index(value)?, Block::Closed) {
            None | Some(Block::Closed) => malformed("a block ends that is not open"),
            Some(Block::Call { at, given }) => self.growing.argue(at, &given),
            Some(Block::Text | Block::Other) => Ok(()),
        }
    }

    fn message_delta(&mut self, value: &Value) -> Result<(), StreamError> {
        if let Some(usage) = value.get("usage") {
            self.bill(usage);
        }
        let reason =
            value.get("delta").map(|delta| text_at(delta, "stop_reason")).transpose()?.unwrap_or_default();
        self.stop = match reason {
            "" => self.stop,
            "tool_use" => Some(StopReason::Calls),
            "max_tokens" | "model_context_window_exceeded" => Some(StopReason::Length),
            "refusal" => Some(StopReason::Filtered),
            // `end_turn`, `stop_sequence`, `pause_turn` and what may be added.
            _ => Some(StopReason::Finished),
        };
        Ok(())
    }

    fn stop(&mut self) -> Result<(), StreamError> {
        if self.stop.is_none() {
            return malformed("the answer ends without a reason");
        }
        if self.blocks.values().any(|block| *block != Block::Closed) {
            return malformed("the answer ends within a content block");
        }
        self.stage = Stage::Whole;
        Ok(())
    }

    pub(super) fn is_whole(&self) -> bool {
        self.stage == Stage::Whole
    }

    pub(super) fn finish(self) -> Result<Whole, StreamError> {
        match (self.stage, self.stop) {
            (Stage::Whole, Some(stop)) => self.growing.finish(stop),
            (Stage::Before | Stage::Within | Stage::Whole, _) => Err(StreamError::Incomplete),
        }
    }
}

fn index(value: &Value) -> Result<u64, StreamError> {
    count_at(value, "index").ok_or_else(|| StreamError::Malformed("an event carries no index".to_string()))
}

fn malformed<T>(why: &str) -> Result<T, StreamError> {
    Err(StreamError::Malformed(why.to_string()))
}
