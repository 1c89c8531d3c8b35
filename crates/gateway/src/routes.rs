//! Every route, with what it needs: the one table that the router, the gate, the OpenAPI document and the tests read.

use crate::caller::Scope;
use crate::gate::{Gate, gate};
use crate::refusal::Refusal;
use crate::shared::Shared;
use crate::wire::{self, ErrorCode};
use crate::{api, chat, entry, operations, page, socket};
use axum::Router;
use axum::extract::Request;
use axum::handler::Handler;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use std::sync::Arc;

/// What a request must show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing.
    Nothing,
    /// Any credential.
    Anyone,
    /// A credential with this scope.
    Has(Scope),
    /// The owner: with a cookie or on the unix socket, never with a token.
    OwnerInPerson,
    /// The unix socket.
    AtTheMachine,
}

/// How a refusal is worded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// As [`wire::ErrorBody`].
    Api,
    /// As OpenAI words its errors.
    OpenAi,
}

/// How a shape is described.
pub(crate) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// What a route answers when all is well.
#[derive(Clone, Copy)]
pub(crate) enum Gives {
    /// JSON of this shape, under this status.
    Json(u16, SchemaOf),
    /// JSON of a shape that is not ours.
    Foreign(u16, &'static str),
    /// No body.
    Empty(u16),
    /// Text of this media type.
    Text(u16, &'static str),
    /// 101 and a WebSocket.
    Socket,
}

/// One route.
pub(crate) struct Route {
    pub(crate) method: Verb,
    pub(crate) path: &'static str,
    pub(crate) need: Need,
    pub(crate) style: Style,
    pub(crate) summary: &'static str,
    pub(crate) query: Option<SchemaOf>,
    pub(crate) takes: Option<SchemaOf>,
    pub(crate) gives: Gives,
    handler: MethodRouter<Arc<Shared>>,
}

/// The methods that routes have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
    Delete,
}

impl Verb {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }

    fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Delete => MethodFilter::DELETE,
        }
    }
}

impl Route {
    fn new<H, T>(method: Verb, path: &'static str, need: Need, summary: &'static str, handler: H) -> Self
    where
        H: Handler<T, Arc<Shared>>,
        T: 'static,
    {
        let style = if path.starts_with("/v1/") { Style::OpenAi } else { Style::Api };
        let handler = on(method.filter(), handler);
        Self {
            method,
            path,
            need,
            style,
            summary,
            query: None,
            takes: None,
            gives: Gives::Empty(204),
            handler,
        }
    }

    fn query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(|generator| generator.root_schema_for::<T>());
        self
    }

    fn takes<T: JsonSchema>(mut self) -> Self {
        self.takes = Some(|generator| generator.subschema_for::<T>());
        self
    }

    fn gives<T: JsonSchema>(mut self, status: u16) -> Self {
        self.gives = Gives::Json(status, |generator| generator.subschema_for::<T>());
        self
    }

    fn answers(mut self, gives: Gives) -> Self {
        self.gives = gives;
        self
    }
}

/// Every route but the page.
pub(crate) fn routes() -> Vec<Route> {
    let mut all = entry_routes();
    all.extend(house_routes());
    all.extend(open_routes());
    all
}

fn entry_routes() -> Vec<Route> {
    use Need::{Anyone, AtTheMachine, Nothing, OwnerInPerson};
    use Verb::{Delete, Get, Post};
    vec![
        Route::new(
            Post,
            "/api/v1/sign-in",
            Nothing,
            "Exchange a one-time link's token for a cookie",
            entry::sign_in,
        )
        .takes::<wire::SignIn>()
        .gives::<wire::SignedIn>(200),
        Route::new(Get, "/api/v1/sign-in", Anyone, "Who is signed in", entry::who)
            .gives::<wire::SignedIn>(200),
        Route::new(
            Post,
            "/api/v1/sign-out",
            Anyone,
            "Take back the credential of this very request",
            entry::sign_out,
        ),
        Route::new(Post, "/api/v1/sign-in-links", AtTheMachine, "Make a one-time link", entry::make_link)
            .gives::<wire::SignInLink>(200),
        Route::new(
            Get,
            "/api/v1/sign-ins",
            OwnerInPerson,
            "Browsers and programs that may come in",
            entry::list,
        )
        .gives::<wire::SignIns>(200),
        Route::new(
            Delete,
            "/api/v1/sign-ins/{id}",
            OwnerInPerson,
            "Take back a sign-in or token",
            entry::revoke,
        ),
        Route::new(
            Post,
            "/api/v1/tokens",
            OwnerInPerson,
            "Make a bearer token for a program",
            entry::make_token,
        )
        .takes::<wire::NewToken>()
        .gives::<wire::MadeToken>(201),
    ]
}

fn house_routes() -> Vec<Route> {
    use Need::{Has, OwnerInPerson};
    use Scope::{Approve, Audit, Chat, Read};
    use Verb::{Delete, Get, Post};
    vec![
        Route::new(Get, "/api/v1/status", Has(Read), "How the house is", api::status)
            .gives::<wire::Status>(200),
        Route::new(Get, "/api/v1/sessions", Has(Read), "The sessions, newest activity first", api::sessions)
            .query::<api::SessionsQuery>()
            .gives::<wire::Sessions>(200),
        Route::new(Post, "/api/v1/sessions", Has(Chat), "Open a session", api::open_session)
            .takes::<wire::NewSession>()
            .gives::<wire::Session>(201),
        Route::new(Get, "/api/v1/sessions/{id}", Has(Read), "A session's transcript", api::session)
            .gives::<wire::Transcript>(200),
        Route::new(
            Post,
            "/api/v1/sessions/{id}/ceiling",
            OwnerInPerson,
            "Say what a session may read at most",
            api::set_ceiling,
        )
        .takes::<wire::NewCeiling>()
        .gives::<wire::Session>(200),
        Route::new(Post, "/api/v1/sessions/{id}/messages", Has(Chat), "Send a message", api::send)
            .takes::<wire::NewMessage>()
            .gives::<wire::Accepted>(202),
        Route::new(
            Post,
            "/api/v1/sessions/{id}/cancel",
            Has(Chat),
            "Stop what a session is doing",
            api::cancel,
        )
        .gives::<wire::Cancelled>(200),
        Route::new(
            Delete,
            "/api/v1/sessions/{id}",
            OwnerInPerson,
            "Take a session back: nothing more happens in it",
            api::revoke_session,
        )
        .gives::<wire::Cancelled>(200),
        Route::new(
            Post,
            "/api/v1/lockdown",
            OwnerInPerson,
            "Stop everything; released only at the machine",
            api::lock_down,
        )
        .gives::<wire::Status>(200),
        Route::new(Get, "/api/v1/approvals", Has(Read), "Open questions, oldest first", api::approvals)
            .gives::<wire::Approvals>(200),
        Route::new(
            Get,
            "/api/v1/approvals/stats",
            Has(Read),
            "How often the owner is asked",
            api::approval_stats,
        )
        .query::<api::StatsQuery>()
        .gives::<wire::ApprovalStats>(200),
        Route::new(
            Get,
            "/api/v1/shipping",
            Has(Audit),
            "How it goes with who is sent the log",
            api::shipping,
        )
        .gives::<wire::Receivers>(200),
        Route::new(
            Post,
            "/api/v1/policy/reload",
            OwnerInPerson,
            "Put the rules on disk in force",
            api::reload_policy,
        )
        .gives::<wire::PolicyInForce>(200),
        Route::new(
            Post,
            "/api/v1/approvals",
            Has(Approve),
            "Answer several questions with one answer",
            api::answer_sheet,
        )
        .takes::<wire::NewSheetAnswer>()
        .gives::<wire::SheetAnswered>(200),
        Route::new(Post, "/api/v1/approvals/{id}", Has(Approve), "Answer a question", api::answer)
            .takes::<wire::NewAnswer>()
            .gives::<wire::Answered>(200),
        Route::new(Get, "/api/v1/audit", Has(Audit), "Look into the audit log", api::audit)
            .query::<wire::AuditQuery>()
            .gives::<wire::AuditPage>(200),
        Route::new(Get, "/api/v1/commands", Has(Read), "The slash commands", api::commands)
            .gives::<wire::Commands>(200),
        Route::new(
            Post,
            "/api/v1/demo",
            Need::OwnerInPerson,
            "Play an attack on a stage of its own, and tell what came of it",
            api::demo,
        )
        .takes::<wire::NewDemo>()
        .gives::<wire::Demo>(200),
        Route::new(Get, "/api/v1/ws", Has(Read), "Events as they happen, and messages in", socket::open)
            .answers(Gives::Socket),
        Route::new(Post, "/v1/chat/completions", Has(Chat), "OpenAI's chat completions", chat::complete)
            .answers(Gives::Foreign(200, "https://platform.openai.com/docs/api-reference/chat/create")),
        Route::new(Get, "/v1/models", Has(Chat), "OpenAI's list of models", chat::models)
            .answers(Gives::Foreign(200, "https://platform.openai.com/docs/api-reference/models/list")),
        Route::new(Get, "/v1/models/{id}", Has(Chat), "One of OpenAI's list of models", chat::model)
            .answers(Gives::Foreign(200, "https://platform.openai.com/docs/api-reference/models/retrieve")),
        Route::new(Get, "/metrics", Has(Scope::Metrics), "Prometheus metrics", operations::metrics)
            .answers(Gives::Text(200, operations::METRICS_TYPE)),
    ]
}

fn open_routes() -> Vec<Route> {
    use Need::Nothing;
    use Verb::Get;
    vec![
        Route::new(Get, "/api/v1/openapi.json", Nothing, "This document", operations::openapi)
            .answers(Gives::Foreign(200, "https://spec.openapis.org/oas/v3.1.0")),
        Route::new(Get, "/healthz", Nothing, "Whether the process serves", operations::healthy)
            .gives::<operations::Healthy>(200),
        Route::new(
            Get,
            "/readyz",
            Nothing,
            "Whether the house takes messages; 503 when not",
            operations::ready,
        )
        .gives::<wire::Readiness>(200),
    ]
}

/// The router: every route behind its gate, the page behind a gate that needs nothing.
pub(crate) fn router(shared: &Arc<Shared>) -> Router {
    let mut router = Router::new();
    for route in routes() {
        let gated =
            Gate { shared: Arc::clone(shared), need: route.need, style: route.style, route: route.path };
        let handler = route.handler.layer(axum::middleware::from_fn_with_state(gated, gate));
        router = router.route(route.path, handler);
    }
    let open = Gate { shared: Arc::clone(shared), need: Need::Nothing, style: Style::Api, route: "page" };
    let open_to_openai = Gate { style: Style::OpenAi, route: "none", ..open.clone() };
    let page = MethodRouter::new()
        .fallback(page::page)
        .layer(axum::middleware::from_fn_with_state(open.clone(), gate));
    let nothing = |gated: Gate| {
        MethodRouter::new().fallback(no_route).layer(axum::middleware::from_fn_with_state(gated, gate))
    };
    router
        .route("/api/{*rest}", nothing(Gate { route: "none", ..open.clone() }))
        .route("/v1/{*rest}", nothing(open_to_openai))
        .method_not_allowed_fallback(wrong_method)
        .fallback_service(page.with_state(Arc::clone(shared)))
        .layer(axum::middleware::from_fn(page::protect))
        .with_state(Arc::clone(shared))
}

async fn no_route(request: Request) -> Response {
    Refusal::new(ErrorCode::NotFound, format!("there is no `{}` here", shown(request.uri().path())))
        .hint("`/api/v1/openapi.json` lists what there is")
        .into_response()
}

async fn wrong_method(request: Request) -> Response {
    Refusal::new(
        ErrorCode::WrongMethod,
        format!("`{}` does not take this method", shown(request.uri().path())),
    )
    .hint("`/api/v1/openapi.json` lists what there is")
    .into_response()
}

/// The longest path that an error repeats, in characters.
const SHOWN_MAX: usize = 80;

fn shown(path: &str) -> String {
    path.chars().take(SHOWN_MAX).collect()
}
