//! The routes that ask the house: sessions, approvals, audit log, status.

use crate::Caller;
use crate::body::{JsonBody, MESSAGE_BYTES_MAX, SMALL_BYTES_MAX};
use crate::refusal::Refusal;
use crate::shared::Shared;
use crate::wire::{
    self, Accepted, Answered, ApprovalStats, Approvals, AuditPage, AuditQuery, Cancelled, Commands, Demo,
    NewAnswer, NewCeiling, NewDemo, NewMessage, NewSession, NewSheetAnswer, PolicyInForce, RECORDS_MAX,
    Receivers, SHEET_QUESTIONS_MAX, STATS_DAYS_MAX, Session, Sessions, SheetAnswered, Status, TEXT_BYTES_MAX,
    TITLE_CHARACTERS_MAX, Transcript,
};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Path, Query, State};
use domain::{IdError, Inbound, QuestionId};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;

/// How many sessions are listed when the client does not say.
const SESSIONS_DEFAULT: u32 = 100;
/// The most sessions of one list.
const SESSIONS_MAX: u32 = 1000;
/// How many records are shown when the client does not say.
const RECORDS_DEFAULT: u32 = 100;
/// How many days of questions are counted when the client does not say.
const STATS_DAYS: u32 = 30;

/// The longest sheet of ids: [`SHEET_QUESTIONS_MAX`] of the longest there are, quoted, with room for the rest.
const SHEET_BYTES_MAX: usize = 16 * 1024;

type House = State<Arc<Shared>>;
type By = Extension<Caller>;

pub(crate) async fn status(State(shared): House) -> Result<Json<Status>, Refusal> {
    shared.ask(shared.house.status()).await.map(Json)
}

/// The query of `GET /api/v1/sessions`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SessionsQuery {
    /// At most so many: 1 to 1000, 100 when not given.
    limit: Option<u32>,
}

pub(crate) async fn sessions(
    State(shared): House,
    Extension(caller): By,
    query: Result<Query<SessionsQuery>, QueryRejection>,
) -> Result<Json<Sessions>, Refusal> {
    let limit = limit(read_query(query)?.limit, SESSIONS_DEFAULT, SESSIONS_MAX)?;
    let sessions = shared.ask(shared.house.sessions(&caller, limit)).await?;
    Ok(Json(Sessions { sessions }))
}

pub(crate) async fn open_session(
    State(shared): House,
    Extension(caller): By,
    JsonBody(new): JsonBody<NewSession, SMALL_BYTES_MAX>,
) -> Result<(StatusCode, Json<Session>), Refusal> {
    if let Some(title) = &new.title {
        let length = title.chars().count();
        if length == 0 || length > TITLE_CHARACTERS_MAX || title.chars().any(char::is_control) {
            return Err(Refusal::invalid(format!(
                "a title has 1 to {TITLE_CHARACTERS_MAX} characters on one line"
            )));
        }
    }
    let session = shared.ask(shared.house.open_session(&caller, new)).await?;
    Ok((StatusCode::CREATED, Json(session)))
}

pub(crate) async fn set_ceiling(
    State(shared): House,
    Extension(caller): By,
    Path(id): Path<String>,
    JsonBody(NewCeiling { ceiling }): JsonBody<NewCeiling, SMALL_BYTES_MAX>,
) -> Result<Json<Session>, Refusal> {
    let id = read_id(&id)?;
    shared.ask(shared.house.set_ceiling(&caller, &id, ceiling)).await.map(Json)
}

pub(crate) async fn session(
    State(shared): House,
    Extension(caller): By,
    Path(id): Path<String>,
) -> Result<Json<Transcript>, Refusal> {
    let id = read_id(&id)?;
    shared.ask(shared.house.session(&caller, &id)).await.map(Json)
}

pub(crate) async fn send(
    State(shared): House,
    Extension(caller): By,
    Path(id): Path<String>,
    JsonBody(message): JsonBody<NewMessage, MESSAGE_BYTES_MAX>,
) -> Result<(StatusCode, Json<Accepted>), Refusal> {
    let inbound = inbound(&shared, &caller, &id, message)?;
    let accepted = shared.ask(shared.house.deliver(inbound)).await?;
    Ok((StatusCode::ACCEPTED, Json(accepted)))
}

/// A message of `caller`, checked and ready for the house.
pub(crate) fn inbound(
    shared: &Shared,
    caller: &Caller,
    session: &str,
    message: NewMessage,
) -> Result<Inbound, Refusal> {
    let NewMessage { id, text, quoted } = message;
    let bytes = text.len().saturating_add(quoted.as_ref().map_or(0, String::len));
    if text.trim().is_empty() && quoted.as_ref().is_none_or(|quoted| quoted.trim().is_empty()) {
        return Err(Refusal::invalid("the message is empty"));
    }
    if bytes > TEXT_BYTES_MAX {
        let message = format!("the message has {bytes} bytes, at most {TEXT_BYTES_MAX} are taken");
        return Err(Refusal::new(wire::ErrorCode::TooLarge, message)
            .hint("put long text into a file in the workspace"));
    }
    Ok(Inbound {
        id: read_id(&id)?,
        session: read_id(session)?,
        sender: caller.sender(),
        principal: caller.principal().clone(),
        text,
        quoted,
        received: shared.now(),
    })
}

/// How long an attack may play: it starts a house of its own, proofs included.
const DEMO_TIME_MAX: Duration = Duration::from_secs(120);

pub(crate) async fn demo(
    State(shared): House,
    JsonBody(new): JsonBody<NewDemo, SMALL_BYTES_MAX>,
) -> Result<Json<Demo>, Refusal> {
    shared.ask_within(DEMO_TIME_MAX, shared.house.demo(new)).await.map(Json)
}

pub(crate) async fn cancel(
    State(shared): House,
    Extension(caller): By,
    Path(id): Path<String>,
) -> Result<Json<Cancelled>, Refusal> {
    let id = read_id(&id)?;
    shared.ask(shared.house.cancel(&caller, &id)).await.map(Json)
}

pub(crate) async fn revoke_session(
    State(shared): House,
    Extension(caller): By,
    Path(id): Path<String>,
) -> Result<Json<Cancelled>, Refusal> {
    let id = read_id(&id)?;
    shared.ask(shared.house.revoke_session(&caller, &id)).await.map(Json)
}

pub(crate) async fn lock_down(State(shared): House, Extension(caller): By) -> Result<Json<Status>, Refusal> {
    shared.ask(shared.house.lock_down(&caller)).await.map(Json)
}

pub(crate) async fn approvals(
    State(shared): House,
    Extension(caller): By,
) -> Result<Json<Approvals>, Refusal> {
    let questions = shared.ask(shared.house.approvals(&caller)).await?;
    Ok(Json(Approvals::of(questions)))
}

/// The query of `GET /api/v1/approvals/stats`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatsQuery {
    /// How many days back: 1 to 366, 30 when not given.
    days: Option<u32>,
}

pub(crate) async fn approval_stats(
    State(shared): House,
    Extension(caller): By,
    query: Result<Query<StatsQuery>, QueryRejection>,
) -> Result<Json<ApprovalStats>, Refusal> {
    let days = limit(read_query(query)?.days, STATS_DAYS, STATS_DAYS_MAX)?;
    shared.ask(shared.house.approval_stats(&caller, days)).await.map(Json)
}

pub(crate) async fn shipping(State(shared): House) -> Result<Json<Receivers>, Refusal> {
    let receivers = shared.ask(shared.house.receivers()).await?;
    Ok(Json(Receivers { receivers }))
}

pub(crate) async fn reload_policy(
    State(shared): House,
    Extension(caller): By,
) -> Result<Json<PolicyInForce>, Refusal> {
    shared.ask(shared.house.reload_policy(&caller)).await.map(Json)
}

pub(crate) async fn answer(
    State(shared): House,
    Extension(caller): By,
    Path(id): Path<String>,
    JsonBody(NewAnswer { answer }): JsonBody<NewAnswer, SMALL_BYTES_MAX>,
) -> Result<Json<Answered>, Refusal> {
    let id = read_id(&id)?;
    shared.ask(shared.house.answer(&caller, &id, answer)).await.map(Json)
}

pub(crate) async fn answer_sheet(
    State(shared): House,
    Extension(caller): By,
    JsonBody(NewSheetAnswer { questions, answer }): JsonBody<NewSheetAnswer, SHEET_BYTES_MAX>,
) -> Result<Json<SheetAnswered>, Refusal> {
    let found = questions.len();
    if found == 0 || found > SHEET_QUESTIONS_MAX {
        return Err(Refusal::invalid(format!(
            "{found} questions are named, 1 to {SHEET_QUESTIONS_MAX} are taken"
        )));
    }
    let mut ids: Vec<QuestionId> = Vec::with_capacity(found);
    for question in &questions {
        let id = read_id(question)?;
        if ids.contains(&id) {
            return Err(Refusal::invalid(format!("the question `{id}` is named twice")));
        }
        ids.push(id);
    }
    shared.ask(shared.house.answer_sheet(&caller, &ids, answer)).await.map(Json)
}

pub(crate) async fn audit(
    State(shared): House,
    Extension(caller): By,
    query: Result<Query<AuditQuery>, QueryRejection>,
) -> Result<Json<AuditPage>, Refusal> {
    let mut query = read_query(query)?;
    query.limit = Some(limit(query.limit, RECORDS_DEFAULT, RECORDS_MAX)?);
    shared.ask(shared.house.audit(&caller, query)).await.map(Json)
}

pub(crate) async fn commands(State(shared): House) -> Result<Json<Commands>, Refusal> {
    let commands = shared.ask(shared.house.commands()).await?;
    Ok(Json(Commands { commands }))
}

/// An id out of a path, body or frame.
pub(crate) fn read_id<T: std::str::FromStr<Err = IdError>>(text: &str) -> Result<T, Refusal> {
    text.parse().map_err(|error: IdError| Refusal::invalid(error.to_string()))
}

fn read_query<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Refusal> {
    query.map(|Query(query)| query).map_err(|error| {
        Refusal::invalid(format!("the query is not what this route takes: {}", error.body_text()))
            .hint("`/api/v1/openapi.json` shows every parameter")
    })
}

fn limit(asked: Option<u32>, default: u32, most: u32) -> Result<u32, Refusal> {
    match asked {
        None => Ok(default),
        Some(limit) if (1..=most).contains(&limit) => Ok(limit),
        Some(limit) => Err(Refusal::invalid(format!("`limit` is {limit}, it must be 1 to {most}"))),
    }
}
