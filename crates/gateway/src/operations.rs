//! For whoever runs it: health, readiness, metrics, the OpenAPI document.

use crate::refusal::Refusal;
use crate::shared::Shared;
use crate::wire::{ErrorCode, Readiness, Reason};
use crate::{Caller, Scope};
use axum::Json;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The media type of OpenMetrics text, which prometheus-client writes.
pub(crate) const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Gateway = State<Arc<Shared>>;

/// `GET /healthz`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Healthy {
    /// Always true: a process that cannot say so does not answer.
    ok: bool,
}

pub(crate) async fn healthy() -> Json<Healthy> {
    Json(Healthy { ok: true })
}

pub(crate) async fn ready(State(shared): Gateway, caller: Option<Extension<Caller>>) -> Response {
    let asked = tokio::time::timeout(shared.limits.answer_time, shared.house.readiness()).await;
    let mut readiness = asked.unwrap_or_else(|_elapsed| Readiness {
        ready: false,
        reasons: vec![Reason { name: "daemon".to_string(), detail: Some("it does not answer".to_string()) }],
    });
    if !caller.is_some_and(|Extension(caller)| caller.may(Scope::Read)) {
        readiness.reasons.iter_mut().for_each(|reason| reason.detail = None);
    }
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness)).into_response()
}

pub(crate) async fn metrics(State(shared): Gateway) -> Result<Response, Refusal> {
    shared.metrics.connections.set(i64::try_from(shared.connections.open()).unwrap_or(i64::MAX));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &shared.registry)
        .map_err(|_fmt| Refusal::new(ErrorCode::Failed, "the metrics could not be written"))?;
    Ok(([(header::CONTENT_TYPE, METRICS_TYPE)], text).into_response())
}

pub(crate) async fn openapi(State(shared): Gateway) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], shared.openapi.clone()).into_response()
}
