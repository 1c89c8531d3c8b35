//! An answer on its way out, in one piece or as server-sent events.

use super::request::Usage;
use crate::live::Leash;
use crate::refusal::Refusal;
use crate::wire::ErrorCode;
use crate::{HouseError, Piece};
use bytes::Bytes;
use domain::StopReason;
use futures_util::stream::{BoxStream, Stream, StreamExt as _, unfold};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::watch;

/// The longest answer in one piece, in bytes.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long a whole answer may take: what the official clients wait for.
const ANSWER_TIME: Duration = Duration::from_secs(10 * 60);
/// How often a waiting client hears that the connection lives: below the idle time of common proxies.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What every part of an answer repeats.
pub(super) struct Heading {
    pub(super) id: String,
    pub(super) created: u64,
    pub(super) model: String,
}

type Pieces = BoxStream<'static, Result<Piece, HouseError>>;

fn reason(stop: StopReason) -> &'static str {
    match stop {
        // Calls are carried out inside the house, so an answer never ends in one for the client.
        StopReason::Finished | StopReason::Calls => "stop",
        StopReason::Length => "length",
        StopReason::Filtered => "content_filter",
    }
}

fn usage_object(usage: domain::Usage) -> Value {
    json!({
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens.saturating_add(usage.output_tokens),
    })
}

/// The answer in one piece. When the client goes away the future is dropped, and with it the task.
pub(super) async fn whole(heading: Heading, mut pieces: Pieces, mut leash: Leash) -> Result<Value, Refusal> {
    let collect = async {
        let mut text = String::new();
        while let Some(piece) = pieces.next().await {
            match piece? {
                Piece::Text(more) => text.push_str(&more),
                Piece::Done { stop, usage } => return Ok((text, stop, usage)),
            }
            if text.len() > ANSWER_BYTES_MAX {
                return Err(Refusal::new(ErrorCode::Failed, "the answer is too long; stream it"));
            }
        }
        Err(Refusal::new(ErrorCode::Failed, "the answer broke off"))
    };
    let (text, stop, usage) = tokio::select! {
        why = leash.ended() => return Err(Refusal::new(ErrorCode::NotSignedIn, why)),
        collected = tokio::time::timeout(ANSWER_TIME, collect) => match collected {
            Ok(collected) => collected?,
            Err(_elapsed) => return Err(Refusal::new(ErrorCode::NotReady, "no answer within 10 minutes; stream it")),
        },
    };
    Ok(json!({
        "id": heading.id,
        "object": "chat.completion",
        "created": heading.created,
        "model": heading.model,
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": text, "refusal": null},
            "logprobs": null,
            "finish_reason": reason(stop),
        }],
        "usage": usage_object(usage),
    }))
}

/// An answer as server-sent events.
pub(super) struct Streamed {
    heading: Heading,
    pieces: Pieces,
    leash: Leash,
    usage: Usage,
    stopping: watch::Receiver<bool>,
    at: At,
}

enum At {
    Start,
    Middle,
    Over,
}

impl Streamed {
    pub(super) fn new(
        heading: Heading,
        pieces: Pieces,
        leash: Leash,
        usage: Usage,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        Self { heading, pieces, leash, usage, stopping, at: At::Start }
    }

    pub(super) fn into_stream(self) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + 'static {
        unfold(self, |mut streamed| async move {
            let bytes = streamed.next().await?;
            Some((Ok(Bytes::from(bytes)), streamed))
        })
    }

    async fn next(&mut self) -> Option<String> {
        match self.at {
            At::Over => None,
            At::Start => {
                self.at = At::Middle;
                Some(self.chunk(json!({"role": "assistant", "content": ""}), None))
            }
            At::Middle => Some(self.middle().await),
        }
    }

    async fn middle(&mut self) -> String {
        let piece = tokio::select! {
            why = self.leash.ended() => Some(Err(Refusal::new(ErrorCode::NotSignedIn, why))),
            _ = self.stopping.wait_for(|stopping| *stopping) => {
                Some(Err(Refusal::new(ErrorCode::NotReady, "the program stops")))
            }
            piece = tokio::time::timeout(KEEP_ALIVE, self.pieces.next()) => match piece {
                Ok(piece) => piece.map(|piece| piece.map_err(Refusal::from)),
                Err(_elapsed) => return ": still at it\n\n".to_string(),
            },
        };
        match piece {
            Some(Ok(Piece::Text(text))) => self.chunk(json!({"content": text}), None),
            Some(Ok(Piece::Done { stop, usage })) => {
                self.at = At::Over;
                let last = self.chunk(json!({}), Some(reason(stop)));
                let told = match self.usage {
                    Usage::Told => self.event(json!([]), usage_object(usage)),
                    Usage::Untold => String::new(),
                };
                format!("{last}{told}data: [DONE]\n\n")
            }
            Some(Err(refusal)) => {
                self.at = At::Over;
                format!("data: {}\n\n", refusal.openai_body())
            }
            None => {
                self.at = At::Over;
                let refusal = Refusal::new(ErrorCode::Failed, "the answer broke off");
                format!("data: {}\n\n", refusal.openai_body())
            }
        }
    }

    fn chunk(&self, delta: Value, finish: Option<&'static str>) -> String {
        let choices = json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]);
        self.event(choices, Value::Null)
    }

    fn event(&self, choices: Value, usage: Value) -> String {
        let mut event = json!({
            "id": self.heading.id,
            "object": "chat.completion.chunk",
            "created": self.heading.created,
            "model": self.heading.model,
            "choices": choices,
        });
        if let (Usage::Told, Value::Object(fields)) = (self.usage, &mut event) {
            fields.insert("usage".to_string(), usage);
        }
        format!("data: {event}\n\n")
    }
}
