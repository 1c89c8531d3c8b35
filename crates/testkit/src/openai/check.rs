//! Checks a request for a chat completion, field by field; the complaints are the vendor's.

use crate::shape::{Shape, is_function_name};
use serde_json::Value;
use std::collections::BTreeSet;

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

/// Checks a request's body; the complaint is the vendor's.
pub(super) fn check(body: &Value) -> Result<(), String> {
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
