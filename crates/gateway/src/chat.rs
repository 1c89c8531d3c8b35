//! `/v1/chat/completions` and `/v1/models`, as OpenAI's own clients speak them.
//!
//! Source: the public reference at <https://platform.openai.com/docs/api-reference/chat>. A chat is a task like any
//! other: it goes through the same door, and tools run inside the house, so a request that brings its own is refused.

mod answer;
mod request;

use crate::body::{CHAT_BYTES_MAX, JsonBody};
use crate::live::Leash;
use crate::refusal::Refusal;
use crate::shared::Shared;
use crate::wire::ErrorCode;
use crate::{Caller, HouseError, Model};
use answer::{Heading, Streamed};
use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use request::{Asked, Request};
use std::sync::Arc;

type Gateway = State<Arc<Shared>>;

pub(crate) async fn complete(
    State(shared): Gateway,
    Extension(caller): Extension<Caller>,
    JsonBody(request): JsonBody<Request, CHAT_BYTES_MAX>,
) -> Result<Response, Refusal> {
    let leash = leash(&shared, &caller)?;
    let mut id = [0_u8; 16];
    (shared.random)(&mut id)?;
    let id = format!("chatcmpl-{:032x}", u128::from_be_bytes(id));
    let Asked { chat, delivery } = request.into_chat(&id)?;
    let completion = shared.ask(shared.house.complete(&caller, chat)).await?;
    let heading = Heading { id, created: shared.now().seconds(), model: completion.model };
    match delivery {
        request::Delivery::Whole => {
            answer::whole(heading, completion.pieces, leash).await.map(Json).map(|json| json.into_response())
        }
        request::Delivery::Streamed { usage } => {
            let stream = Streamed::new(heading, completion.pieces, leash, usage, shared.stopping.clone())
                .into_stream();
            let body = Body::from_stream(stream);
            Ok((StatusCode::OK, [(header::CONTENT_TYPE, "text/event-stream")], body).into_response())
        }
    }
}

fn leash(shared: &Shared, caller: &Caller) -> Result<Leash, Refusal> {
    shared
        .live
        .leash(caller, &shared.clock)
        .ok_or_else(|| Refusal::new(ErrorCode::NotSignedIn, "the token was taken back"))
}

fn model_object(model: &Model) -> serde_json::Value {
    serde_json::json!({"id": model.name, "object": "model", "created": model.created, "owned_by": model.owned_by})
}

pub(crate) async fn models(State(shared): Gateway) -> Result<Json<serde_json::Value>, Refusal> {
    let models = shared.ask(shared.house.models()).await?;
    let data: Vec<_> = models.iter().map(model_object).collect();
    Ok(Json(serde_json::json!({"object": "list", "data": data})))
}

pub(crate) async fn model(
    State(shared): Gateway,
    Path(id): Path<String>,
) -> Result<Json<serde_json::Value>, Refusal> {
    let models = shared.ask(shared.house.models()).await?;
    match models.iter().find(|model| model.name == id) {
        Some(model) => Ok(Json(model_object(model))),
        None => Err(HouseError::UnknownModel { model: id.chars().take(80).collect() }.into()),
    }
}
