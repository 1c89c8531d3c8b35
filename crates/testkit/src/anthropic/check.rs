//! Checks a request to Anthropic Messages, field by field; the complaints are the vendor's.

use crate::shape::{Shape, is_function_name};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

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

/// Checks a request's body; the complaint is the vendor's.
pub(super) fn check(body: &Value) -> Result<(), String> {
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
