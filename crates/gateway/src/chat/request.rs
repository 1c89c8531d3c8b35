//! What a client asks for, and what of it is not to be had here.

use crate::api::read_id;
use crate::refusal::{OpenAiCode, Refusal};
use crate::{Chat, ChatMessage, ChatRole};
use serde::Deserialize;
use serde_json::Value;

/// The most messages of one conversation: far beyond any model's window, it bounds the work per byte.
const MESSAGES_MAX: usize = 4096;
/// The longest name of a model that is looked up, in bytes.
const MODEL_BYTES_MAX: usize = 200;

/// The request. Fields that only tune a model (`temperature`, `seed`, `user`, …) are ignored; those that would change
/// what the answer means are refused.
#[derive(Deserialize)]
pub(crate) struct Request {
    model: String,
    messages: Vec<Message>,
    #[serde(default)]
    stream: Option<bool>,
    #[serde(default)]
    stream_options: Option<StreamOptions>,
    #[serde(default)]
    max_tokens: Option<u32>,
    #[serde(default)]
    max_completion_tokens: Option<u32>,
    #[serde(default)]
    n: Option<u32>,
    #[serde(default)]
    tools: Option<Vec<Value>>,
    #[serde(default)]
    functions: Option<Vec<Value>>,
    #[serde(default)]
    response_format: Option<ResponseFormat>,
    #[serde(default)]
    stop: Option<Value>,
    #[serde(default)]
    logprobs: Option<bool>,
    #[serde(default)]
    modalities: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: Option<bool>,
}

#[derive(Deserialize)]
struct ResponseFormat {
    r#type: String,
}

#[derive(Deserialize)]
struct Message {
    role: String,
    #[serde(default)]
    content: Option<Content>,
    #[serde(default)]
    tool_calls: Option<Vec<Value>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
struct Part {
    r#type: String,
    #[serde(default)]
    text: Option<String>,
}

/// What was asked for, checked.
pub(super) struct Asked {
    pub(super) chat: Chat,
    pub(super) delivery: Delivery,
}

/// How the answer is wanted.
pub(super) enum Delivery {
    /// In one piece.
    Whole,
    /// As server-sent events.
    Streamed {
        /// Whether a last event tells the tokens.
        usage: Usage,
    },
}

/// Whether a last event tells the tokens.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Usage {
    Told,
    Untold,
}

fn unsupported(name: &'static str, why: &str) -> Refusal {
    Refusal::invalid(why).openai(OpenAiCode::UnsupportedParameter(name))
}

impl Request {
    pub(super) fn into_chat(self, id: &str) -> Result<Asked, Refusal> {
        self.check_supported()?;
        let usage = match self.stream_options.and_then(|options| options.include_usage) {
            Some(true) => Usage::Told,
            Some(false) | None => Usage::Untold,
        };
        let delivery = match self.stream {
            Some(true) => Delivery::Streamed { usage },
            Some(false) | None => Delivery::Whole,
        };
        if self.model.is_empty() || self.model.len() > MODEL_BYTES_MAX {
            return Err(Refusal::invalid(format!("`model` has 1 to {MODEL_BYTES_MAX} bytes")));
        }
        let answer_tokens_max = self.max_completion_tokens.or(self.max_tokens);
        if answer_tokens_max == Some(0) {
            return Err(Refusal::invalid("`max_completion_tokens` must be at least 1"));
        }
        if self.messages.len() > MESSAGES_MAX {
            return Err(Refusal::invalid(format!("`messages` has at most {MESSAGES_MAX} messages")));
        }
        let messages = self
            .messages
            .into_iter()
            .enumerate()
            .map(|(at, message)| message.read(at))
            .collect::<Result<Vec<_>, _>>()?;
        match messages.last() {
            Some(ChatMessage { role: ChatRole::User, text }) if !text.trim().is_empty() => {}
            Some(_) | None => {
                return Err(Refusal::invalid("the last of `messages` must be a `user`'s, and not empty"));
            }
        }
        let chat = Chat { id: read_id(id)?, model: self.model, messages, answer_tokens_max };
        Ok(Asked { chat, delivery })
    }

    fn check_supported(&self) -> Result<(), Refusal> {
        let some = |list: &Option<Vec<Value>>| list.as_ref().is_some_and(|list| !list.is_empty());
        if some(&self.tools) {
            return Err(unsupported("tools", "tools run inside Hardshell and are not taken from a request"));
        }
        if some(&self.functions) {
            return Err(unsupported(
                "functions",
                "functions run inside Hardshell and are not taken from a request",
            ));
        }
        if self.n.is_some_and(|n| n != 1) {
            return Err(unsupported("n", "a request gets one answer: `n` must be 1"));
        }
        if self.response_format.as_ref().is_some_and(|format| format.r#type != "text") {
            return Err(unsupported("response_format", "answers are text: `response_format` must be `text`"));
        }
        if self.stop.as_ref().is_some_and(|stop| !stop.is_null()) {
            return Err(unsupported("stop", "`stop` sequences are not supported"));
        }
        if self.logprobs == Some(true) {
            return Err(unsupported("logprobs", "`logprobs` are not supported"));
        }
        if self.modalities.as_ref().is_some_and(|kinds| kinds.iter().any(|kind| kind != "text")) {
            return Err(unsupported("modalities", "answers are text"));
        }
        Ok(())
    }
}

impl Message {
    fn read(self, at: usize) -> Result<ChatMessage, Refusal> {
        let role = match self.role.as_str() {
            "system" | "developer" => ChatRole::System,
            "user" => ChatRole::User,
            "assistant" => ChatRole::Assistant,
            "tool" | "function" => {
                return Err(unsupported("messages", "results of a client's own tools are not taken"));
            }
            other => {
                let other: String = other.chars().take(40).collect();
                return Err(Refusal::invalid(format!("messages[{at}] has the unknown role `{other}`")));
            }
        };
        if self.tool_calls.is_some_and(|calls| !calls.is_empty()) {
            return Err(unsupported("messages", "calls of a client's own tools are not taken"));
        }
        let text = match self.content {
            None => String::new(),
            Some(Content::Text(text)) => text,
            Some(Content::Parts(parts)) => {
                parts.into_iter().map(Part::read).collect::<Result<Vec<_>, _>>()?.join("\n")
            }
        };
        Ok(ChatMessage { role, text })
    }
}

impl Part {
    fn read(self) -> Result<String, Refusal> {
        match (self.r#type.as_str(), self.text) {
            ("text", Some(text)) => Ok(text),
            ("text", None) => Err(Refusal::invalid("a part of type `text` has no `text`")),
            _ => Err(unsupported("messages", "only parts of type `text` are taken")),
        }
    }
}
