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
const NO_CREDIT_PHRASES: &[&str] =
    &["credit balance is too low", "insufficient credits", "requires more credits", "insufficient balance"];
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
mod tests {
    use super::*;

    #[test]
    fn each_vendors_refusal_is_understood() {
        let unknown = || Trouble::UnknownModel { name: "m".into() };
        let cases: Vec<(u16, &str, Trouble)> = vec![
            // Anthropic
            (
                401,
                r#"{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}"#,
                Trouble::WrongKey,
            ),
            (
                400,
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the API."}}"#,
                Trouble::NoCredit,
            ),
            (402, r#"{"type":"error","error":{"type":"billing_error","message":"x"}}"#, Trouble::NoCredit),
            (
                403,
                r#"{"type":"error","error":{"type":"permission_error","message":"x"}}"#,
                Trouble::NotPermitted,
            ),
            (404, r#"{"type":"error","error":{"type":"not_found_error","message":"model: m"}}"#, unknown()),
            (
                400,
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 200241 tokens > 200000 maximum"}}"#,
                Trouble::ContextTooLong,
            ),
            (
                413,
                r#"{"type":"error","error":{"type":"request_too_large","message":"x"}}"#,
                Trouble::ContextTooLong,
            ),
            (
                429,
                r#"{"type":"error","error":{"type":"rate_limit_error","message":"x"}}"#,
                Trouble::RateLimited,
            ),
            (
                529,
                r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
                Trouble::Overloaded,
            ),
            (500, r#"{"type":"error","error":{"type":"api_error","message":"x"}}"#, Trouble::ServerFault),
            (
                200,
                r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
                Trouble::Overloaded,
            ),
            (
                400,
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"messages: x"}}"#,
                Trouble::BadRequest,
            ),
            // OpenAI
            (
                401,
                r#"{"error":{"message":"Incorrect API key","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#,
                Trouble::WrongKey,
            ),
            (
                429,
                r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#,
                Trouble::NoCredit,
            ),
            (
                429,
                r#"{"error":{"message":"x","type":"requests","param":null,"code":"rate_limit_exceeded"}}"#,
                Trouble::RateLimited,
            ),
            (
                404,
                r#"{"error":{"message":"The model `m` does not exist","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#,
                unknown(),
            ),
            (
                400,
                r#"{"error":{"message":"This model's maximum context length is 8192 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#,
                Trouble::ContextTooLong,
            ),
            (
                400,
                r#"{"error":{"message":"filtered","code":"content_filter","innererror":{"code":"ResponsibleAIPolicyViolation"}}}"#,
                Trouble::Filtered,
            ),
            // OpenRouter
            (402, r#"{"error":{"message":"Insufficient credits.","code":402}}"#, Trouble::NoCredit),
            (
                403,
                r#"{"error":{"message":"x","code":403,"metadata":{"reasons":["violence"],"flagged_input":"…"}}}"#,
                Trouble::Filtered,
            ),
            (400, r#"{"error":{"message":"m is not a valid model ID","code":400}}"#, unknown()),
            (200, r#"{"error":{"message":"Provider returned error","code":502}}"#, Trouble::ServerFault),
            (200, r#"{"error":{"message":"slow","code":429}}"#, Trouble::RateLimited),
            (
                404,
                r#"{"error":{"message":"No endpoints found that support tool use.","code":404}}"#,
                Trouble::NoTools,
            ),
            // vLLM
            (
                400,
                r#"{"object":"error","message":"This model's maximum context length is 4096 tokens.","type":"BadRequestError","param":null,"code":400}"#,
                Trouble::ContextTooLong,
            ),
            (
                404,
                r#"{"error":{"message":"The model `m` does not exist.","type":"NotFoundError","param":"model","code":404}}"#,
                unknown(),
            ),
            (404, r#"{"detail":"Not Found"}"#, Trouble::NoSuchPath),
            // llama.cpp
            (
                400,
                r#"{"error":{"code":400,"message":"the request exceeds the available context size, try increasing it","type":"exceed_context_size_error","n_prompt_tokens":9,"n_ctx":8}}"#,
                Trouble::ContextTooLong,
            ),
            (
                503,
                r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#,
                Trouble::Overloaded,
            ),
            // LM Studio
            (
                400,
                r#"{"error":"Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens"}"#,
                Trouble::ContextTooLong,
            ),
            // Ollama
            (404, r#"{"error":"model 'm' not found"}"#, unknown()),
            (400, r#"{"error":"registry.ollama.ai/library/m does not support tools"}"#, Trouble::NoTools),
            (
                400,
                r#"{"error":"{\"error\":{\"code\":400,\"message\":\"request (8889 tokens) exceeds the available context size\",\"type\":\"exceed_context_size_error\"}}"}"#,
                Trouble::ContextTooLong,
            ),
            // Something in between
            (502, "<html><body>Bad Gateway</body></html>", Trouble::ServerFault),
            (404, "404 page not found", Trouble::NoSuchPath),
            (400, "", Trouble::BadRequest),
            (418, "null", Trouble::BadRequest),
        ];
        for (status, body, trouble) in cases {
            assert_eq!(PeerError::read(body).trouble(status, "m"), trouble, "{status} {body}");
        }
    }

    #[test]
    fn words_about_a_refused_key_are_not_repeated() {
        let error = PeerError::read(
            r#"{"error":{"message":"Incorrect API key provided: abc","code":"invalid_api_key"}}"#,
        );
        assert_eq!(error.words(&error.trouble(401, "m")), None);
        assert_eq!(PeerError::read("<html>x</html>").words(&Trouble::ServerFault), None);
        assert_eq!(PeerError::read("busy").words(&Trouble::Overloaded).as_deref(), Some("busy"));
    }
}
