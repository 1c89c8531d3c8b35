//! From what a server says when it refuses, to what went wrong.

use crate::trouble::{Trouble, presentable};
use serde_json::Value;

/// A refusal, as a server wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerError {
    /// Its words.
    pub message: String,
    /// Its machine-readable names for it: `type` and `code`, joined by a space.
    pub codes: String,
    /// A status inside the body, which counts where the HTTP status was 200 already.
    pub status: Option<u16>,
}

impl PeerError {
    /// Reads an error body. Knows Anthropic's and `OpenAI`'s `{"error": {"type", "code", "message"}}`, Ollama's
    /// `{"error": "…"}`, older vLLM's `{"object": "error", "message"}`, FastAPI's `{"detail"}`, and an error object
    /// inside a string (Ollama passing its runner's on). Anything else is taken as words.
    #[must_use]
    pub fn read(body: &str) -> Self {
        match serde_json::from_str::<Value>(body) {
            Ok(value) => Self::from_json(&value),
            Err(_) => {
                // A page of HTML is not for people to read here.
                let message =
                    if body.trim_start().starts_with('<') { String::new() } else { body.to_string() };
                Self { message, ..Self::default() }
            }
        }
    }

    /// The same for a body already parsed.
    #[must_use]
    pub fn from_json(value: &Value) -> Self {
        let inner = value.get("error").or_else(|| value.get("detail")).unwrap_or(value);
        match inner {
            Value::String(text) => {
                let nested = serde_json::from_str::<Value>(text).ok();
                match nested.as_ref().and_then(|nested| nested.get("error")).filter(|error| error.is_object())
                {
                    Some(error) => Self::from_object(error),
                    None => Self { message: text.clone(), ..Self::default() },
                }
            }
            Value::Object(_) => Self::from_object(inner),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
                Self { message: inner.to_string(), ..Self::default() }
            }
        }
    }

    fn from_object(error: &Value) -> Self {
        let text = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
        let number = |name: &str| error.get(name).and_then(Value::as_u64).and_then(|n| u16::try_from(n).ok());
        let mut codes: Vec<&str> = vec![text("type"), text("code")];
        if error.get("metadata").is_some_and(|metadata| metadata.get("flagged_input").is_some()) {
            codes.push("flagged_input");
        }
        // Azure names the reason for a filter one level down.
        codes.push(
            error.get("innererror").and_then(|e| e.get("code")).and_then(Value::as_str).unwrap_or_default(),
        );
        codes.retain(|code| !code.is_empty());
        let message = [text("message"), text("msg")].into_iter().find(|m| !m.is_empty()).unwrap_or_default();
        Self {
            message: message.to_string(),
            codes: codes.join(" "),
            status: number("code").or_else(|| number("status")).filter(|status| (400..600).contains(status)),
        }
    }

    /// Its words, fit to be shown. None when they could carry the key: a server that refuses a key likes to quote it.
    #[must_use]
    pub fn words(&self, trouble: &Trouble) -> Option<String> {
        if matches!(trouble, Trouble::WrongKey) { None } else { presentable(&self.message) }
    }

    /// What it means. `status` is the HTTP status (200 when the error came in the middle of a stream), `vendor_model`
    /// the name that was asked for.
    #[must_use]
    pub fn trouble(&self, status: u16, vendor_model: &str) -> Trouble {
        let status = if status == 200 { self.status.unwrap_or(200) } else { status };
        let message = self.message.to_lowercase();
        let says = |phrases: &[&str]| phrases.iter().any(|phrase| message.contains(phrase));
        let coded = |codes: &[&str]| self.codes.split(' ').any(|code| codes.contains(&code));

        if status == 401 || coded(WRONG_KEY_CODES) {
            return Trouble::WrongKey;
        }
        if status == 402 || coded(NO_CREDIT_CODES) || says(NO_CREDIT_PHRASES) {
            return Trouble::NoCredit;
        }
        if status == 413 || coded(TOO_LONG_CODES) || says(TOO_LONG_PHRASES) {
            return Trouble::ContextTooLong;
        }
        if coded(FILTERED_CODES) {
            return Trouble::Filtered;
        }
        if status == 429 || coded(&["rate_limit_error", "rate_limit_exceeded"]) {
            return Trouble::RateLimited;
        }
        if coded(&["model_not_found"]) || says(&["is not a valid model id", "invalid model name"]) {
            return Trouble::UnknownModel { name: vendor_model.to_string() };
        }
        if says(&[
            "does not support tools",
            "tool use is not supported",
            "no endpoints found that support tool use",
        ]) {
            return Trouble::NoTools;
        }
        if matches!(status, 503 | 529) || coded(&["overloaded_error", "unavailable_error"]) {
            return Trouble::Overloaded;
        }
        match status {
            403 => Trouble::NotPermitted,
            404 if message.contains("model") || coded(&["not_found_error"]) => {
                Trouble::UnknownModel { name: vendor_model.to_string() }
            }
            404 | 405 => Trouble::NoSuchPath,
            408 => Trouble::Overloaded,
            409 | 500..=599 => Trouble::ServerFault,
            200 if !coded(&["invalid_request_error"]) => Trouble::ServerFault,
            _ => Trouble::BadRequest,
        }
    }
}

const WRONG_KEY_CODES: &[&str] = &["authentication_error", "invalid_api_key", "invalid_authentication"];
const NO_CREDIT_CODES: &[&str] = &[
    "billing_error",
    "insufficient_quota",
    "billing_hard_limit_reached",
    "billing_not_active",
    "insufficient_credits",
];
/// Anthropic answers 400 `invalid_request_error` for an empty account.
const NO_CREDIT_PHRASES: &[&str] = &[
    "credit balance is too low",
    "insufficient credits",
    "requires more credits",
    "insufficient balance",
    "exceeded your current quota",
];
const TOO_LONG_CODES: &[&str] =
    &["context_length_exceeded", "exceed_context_size_error", "request_too_large", "string_above_max_length"];
const TOO_LONG_PHRASES: &[&str] = &[
    // Anthropic
    "prompt is too long",
    "exceed context limit",
    // OpenAI, vLLM, OpenRouter
    "maximum context length",
    "context window",
    // llama.cpp
    "exceeds the available context size",
    "context size has been exceeded",
    // Ollama
    "input length exceeds the context length",
    // LM Studio
    "greater than the context length",
    "context length of only",
];
const FILTERED_CODES: &[&str] = &[
    "content_filter",
    "content_policy_violation",
    "ResponsibleAIPolicyViolation",
    "flagged_input",
    "moderation_blocked",
];

#[cfg(test)]
mod tests;
