//! Request bodies: JSON, within a size, within a time, with an error that says where it is wrong.

use crate::refusal::Refusal;
use crate::shared::Shared;
use crate::wire::ErrorCode;
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::header;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// A body of at most `BYTES_MAX` bytes, read as `T`.
pub(crate) struct JsonBody<T, const BYTES_MAX: usize>(pub(crate) T);

/// The largest body but a message's: names, tokens, an answer.
pub(crate) const SMALL_BYTES_MAX: usize = 8 * 1024;
/// The largest body with a message: the longest text and as much quoted, JSON-escaped.
pub(crate) const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// The largest OpenAI-style conversation: a million tokens of plain text.
pub(crate) const CHAT_BYTES_MAX: usize = 4 * 1024 * 1024;

const SHAPES: &str = "`/api/v1/openapi.json` shows every shape";

impl<T: DeserializeOwned, const BYTES_MAX: usize> FromRequest<Arc<Shared>> for JsonBody<T, BYTES_MAX> {
    type Rejection = Refusal;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Self, Refusal> {
        check_type(&request)?;
        let bytes = read(request, shared, BYTES_MAX).await?;
        // serde also reads a struct from a list of its fields, which is no form of ours.
        if !bytes.trim_ascii_start().starts_with(b"{") {
            return Err(Refusal::invalid("the body is not a JSON object").hint(SHAPES));
        }
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            Refusal::invalid(format!("the body is not what this route takes: {error}")).hint(SHAPES)
        })
    }
}

/// A JSON body makes a browser ask first (CORS preflight), which is never granted: a form of another site cannot be
/// one.
fn check_type(request: &Request) -> Result<(), Refusal> {
    let text =
        request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = text.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        Ok(())
    } else {
        Err(Refusal::new(ErrorCode::WrongType, "the body is not `content-type: application/json`"))
    }
}

async fn read(request: Request, shared: &Shared, bytes_max: usize) -> Result<Bytes, Refusal> {
    let body = Limited::new(request.into_body(), bytes_max).collect();
    match tokio::time::timeout(shared.limits.body_time, body).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(Refusal::new(ErrorCode::TooLarge, format!("the body is over {bytes_max} bytes")))
        }
        Ok(Err(_broken)) => Err(Refusal::invalid("the body breaks off")),
        Err(_elapsed) => {
            let seconds = shared.limits.body_time.as_secs();
            Err(Refusal::new(ErrorCode::TooSlow, format!("the body did not come within {seconds} seconds")))
        }
    }
}
