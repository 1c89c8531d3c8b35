//! Every route meets every state that a credential can be in.

use crate::client::{Ask, ask, get, post, sign_in, token};
use crate::house::Running;
use serde_json::{Value, json};

/// What a route asks for, in the words of `docs/api.md`.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Need {
    Nothing,
    Anyone,
    Has(&'static str),
    InPerson,
    AtTheMachine,
}

struct Row {
    ask: Ask,
    route: &'static str,
    need: Need,
    /// The status when the credential reaches far enough.
    good: u16,
}

fn rows() -> Vec<Row> {
    let row = |route: &'static str, target: &str, need, good, body: Value| {
        let method = route.split(' ').next().unwrap();
        let plain = if body.is_null() { ask(method, target) } else { post(target, &body) };
        Row { ask: plain, route, need, good }
    };
    let none = Value::Null;
    let message = json!({"id": "m1", "text": "hello"});
    let chat = json!({"model": "echo", "messages": [{"role": "user", "content": "hi"}]});
    vec![
        row("POST /api/v1/sign-in", "/api/v1/sign-in", Need::Nothing, 401, json!({"token": "hsl_never"})),
        row("GET /api/v1/sign-in", "/api/v1/sign-in", Need::Anyone, 200, none.clone()),
        row("POST /api/v1/sign-in-links", "/api/v1/sign-in-links", Need::AtTheMachine, 200, none.clone()),
        row("GET /api/v1/sign-ins", "/api/v1/sign-ins", Need::InPerson, 200, none.clone()),
        row("DELETE /api/v1/sign-ins/{id}", "/api/v1/sign-ins/token-none", Need::InPerson, 404, none.clone()),
        row("POST /api/v1/tokens", "/api/v1/tokens", Need::InPerson, 400, json!({"name": "x", "scopes": []})),
        row("GET /api/v1/status", "/api/v1/status", Need::Has("read"), 200, none.clone()),
        row("GET /api/v1/sessions", "/api/v1/sessions?limit=5", Need::Has("read"), 200, none.clone()),
        row("POST /api/v1/sessions", "/api/v1/sessions", Need::Has("chat"), 201, json!({"title": "A"})),
        row("GET /api/v1/sessions/{id}", "/api/v1/sessions/main", Need::Has("read"), 200, none.clone()),
        row(
            "POST /api/v1/sessions/{id}/messages",
            "/api/v1/sessions/main/messages",
            Need::Has("chat"),
            202,
            message,
        ),
        row(
            "POST /api/v1/sessions/{id}/cancel",
            "/api/v1/sessions/main/cancel",
            Need::Has("chat"),
            200,
            none.clone(),
        ),
        row("DELETE /api/v1/sessions/{id}", "/api/v1/sessions/main", Need::InPerson, 200, none.clone()),
        row(
            "POST /api/v1/sessions/{id}/ceiling",
            "/api/v1/sessions/main/ceiling",
            Need::InPerson,
            200,
            json!({"ceiling": "low"}),
        ),
        row("POST /api/v1/lockdown", "/api/v1/lockdown", Need::InPerson, 200, none.clone()),
        row(
            "GET /api/v1/approvals/stats",
            "/api/v1/approvals/stats?days=7",
            Need::Has("read"),
            200,
            none.clone(),
        ),
        row("GET /api/v1/shipping", "/api/v1/shipping", Need::Has("audit"), 200, none.clone()),
        row("POST /api/v1/policy/reload", "/api/v1/policy/reload", Need::InPerson, 200, none.clone()),
        row("GET /api/v1/approvals", "/api/v1/approvals", Need::Has("read"), 200, none.clone()),
        row(
            "POST /api/v1/approvals",
            "/api/v1/approvals",
            Need::Has("approve"),
            200,
            json!({"questions": ["q1"], "answer": "deny"}),
        ),
        row(
            "POST /api/v1/approvals/{id}",
            "/api/v1/approvals/q1",
            Need::Has("approve"),
            200,
            json!({"answer": "deny"}),
        ),
        row("GET /api/v1/audit", "/api/v1/audit?limit=3&kind=intent", Need::Has("audit"), 200, none.clone()),
        row("GET /api/v1/commands", "/api/v1/commands", Need::Has("read"), 200, none.clone()),
        row("POST /api/v1/demo", "/api/v1/demo", Need::InPerson, 200, json!({"name": "signature"})),
        // Not a WebSocket handshake, so the best there is to get is a 400.
        row("GET /api/v1/ws", "/api/v1/ws", Need::Has("read"), 400, none.clone()),
        row("POST /v1/chat/completions", "/v1/chat/completions", Need::Has("chat"), 200, chat),
        row("GET /v1/models", "/v1/models", Need::Has("chat"), 200, none.clone()),
        row("GET /v1/models/{id}", "/v1/models/echo", Need::Has("chat"), 200, none.clone()),
        row("GET /metrics", "/metrics", Need::Has("metrics"), 200, none.clone()),
        row("GET /api/v1/openapi.json", "/api/v1/openapi.json", Need::Nothing, 200, none.clone()),
        row("GET /healthz", "/healthz", Need::Nothing, 200, none.clone()),
        row("GET /readyz", "/readyz", Need::Nothing, 200, none.clone()),
        // Last: it takes the credential back.
        row("POST /api/v1/sign-out", "/api/v1/sign-out", Need::Anyone, 204, none),
    ]
}

const SCOPES: [&str; 5] = ["chat", "read", "approve", "audit", "metrics"];

/// What the answer must be for a good credential with `scopes`, held `in_person` or not.
fn expected(row: &Row, scopes: &[&str], holder: Holder) -> u16 {
    let far_enough = match row.need {
        Need::Nothing | Need::Anyone => true,
        Need::Has(scope) => scopes.contains(&scope),
        Need::InPerson => holder == Holder::Browser,
        Need::AtTheMachine => false,
    };
    if far_enough { row.good } else { 403 }
}

#[derive(Clone, Copy, PartialEq)]
enum Holder {
    Browser,
    Program,
}

#[tokio::test]
async fn the_table_has_every_route() {
    let running = Running::start().await;
    let document = get("/api/v1/openapi.json").send(&running).await.json();
    let mut served: Vec<String> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap();
            methods.keys().map(|method| format!("{} {path}", method.to_uppercase())).collect::<Vec<_>>()
        })
        .collect();
    let mut listed: Vec<String> = rows().iter().map(|row| row.route.to_string()).collect();
    served.sort();
    listed.sort();
    assert_eq!(listed, served);
}

#[tokio::test]
async fn nobody_gets_what_needs_a_credential() {
    let running = Running::start().await;
    for row in rows() {
        let answer = row.ask.send(&running).await;
        let expected = if row.need == Need::Nothing { row.good } else { 401 };
        assert_eq!(answer.status, expected, "{}: {:?}", row.route, answer.body);
    }
}

#[tokio::test]
async fn a_wrong_credential_is_worth_nothing() {
    for (kind, value) in [
        ("authorization", "Bearer hs_wrong"),
        ("authorization", "Bearer "),
        ("authorization", "Bearer"),
        ("authorization", "Basic b3duZXI6b3duZXI="),
        ("authorization", "bearer hsb_wrong"),
        ("cookie", "hardshell-PORT=wrong"),
        ("cookie", "hardshell-PORT="),
        ("cookie", "__Host-hardshell=wrong"),
    ] {
        let running = Running::start().await;
        let value = value.replace("PORT", &running.port().to_string());
        for row in rows() {
            let answer = row.ask.header(kind, &value).send(&running).await;
            let expected = if row.need == Need::Nothing { row.good } else { 401 };
            assert_eq!(answer.status, expected, "{} with {kind}: {value}: {:?}", row.route, answer.body);
        }
    }
}

#[tokio::test]
async fn a_browser_of_the_owner_reaches_everything_but_the_machine() {
    let running = Running::start().await;
    let cookie = sign_in(&running).await;
    for row in rows() {
        let answer = row.ask.clone().cookie(&running, &cookie).send(&running).await;
        assert_eq!(
            answer.status,
            expected(&row, &SCOPES, Holder::Browser),
            "{}: {:?}",
            row.route,
            answer.body
        );
    }
}

#[tokio::test]
async fn a_token_reaches_as_far_as_its_scopes_and_never_further() {
    for scope in SCOPES {
        let running = Running::start().await;
        let token = token(&running, "one", &[scope], "owner").await;
        for row in rows() {
            let answer = row.ask.clone().bearer(&token).send(&running).await;
            let expected = expected(&row, &[scope], Holder::Program);
            assert_eq!(answer.status, expected, "{} with `{scope}`: {:?}", row.route, answer.body);
        }
    }
    let running = Running::start().await;
    let token = token(&running, "all", &SCOPES, "owner").await;
    for row in rows() {
        let answer = row.ask.clone().bearer(&token).send(&running).await;
        assert_eq!(
            answer.status,
            expected(&row, &SCOPES, Holder::Program),
            "{}: {:?}",
            row.route,
            answer.body
        );
    }
}

#[tokio::test]
async fn what_has_lapsed_or_was_taken_back_is_worth_nothing() {
    let fifteen_days = 15 * 24 * 60 * 60 * 1000;
    let running = Running::start().await;
    let cookie = sign_in(&running).await;
    let old = token(&running, "old", &SCOPES, "owner").await;
    let revoked = token(&running, "revoked", &SCOPES, "owner").await;
    let id = get("/api/v1/sign-in").bearer(&revoked).send(&running).await.json()["id"]
        .as_str()
        .unwrap()
        .to_string();
    let answer =
        ask("DELETE", &format!("/api/v1/sign-ins/{id}")).cookie(&running, &cookie).send(&running).await;
    assert_eq!(answer.status, 204);
    running.wait(fifteen_days);
    assert_eq!(get("/api/v1/status").bearer(&old).send(&running).await.status, 200, "tokens last 90 days");
    for row in rows() {
        let expected = if row.need == Need::Nothing { row.good } else { 401 };
        let answer = row.ask.clone().cookie(&running, &cookie).send(&running).await;
        assert_eq!(answer.status, expected, "lapsed cookie: {}: {:?}", row.route, answer.body);
        let answer = row.ask.clone().bearer(&revoked).send(&running).await;
        assert_eq!(answer.status, expected, "revoked token: {}: {:?}", row.route, answer.body);
    }
    running.wait(6 * fifteen_days);
    for row in rows() {
        let expected = if row.need == Need::Nothing { row.good } else { 401 };
        let answer = row.ask.clone().bearer(&old).send(&running).await;
        assert_eq!(answer.status, expected, "lapsed token: {}: {:?}", row.route, answer.body);
    }
}

#[tokio::test]
async fn a_secret_of_one_kind_is_none_of_another() {
    let running = Running::start().await;
    let cookie = sign_in(&running).await;
    let (name, value) = cookie.split_once('=').unwrap();
    let token = token(&running, "one", &SCOPES, "owner").await;
    let link = running.handle.sign_in_link().await.unwrap();
    let link = link.link.dangerous_reveal().split_once("#token=").unwrap().1;
    for (secret, what) in [(value, "a cookie"), (link, "a link")] {
        let answer = get("/api/v1/status").bearer(secret).send(&running).await;
        assert_eq!(answer.status, 401, "{what} as a token");
    }
    for (secret, what) in [(token.as_str(), "a token"), (link, "a link")] {
        let answer = get("/api/v1/status").header("cookie", &format!("{name}={secret}")).send(&running).await;
        assert_eq!(answer.status, 401, "{what} as a cookie");
    }
    for (secret, what) in [(token.as_str(), "a token"), (value, "a cookie")] {
        let answer = post("/api/v1/sign-in", &json!({"token": secret})).send(&running).await;
        assert_eq!(answer.status, 401, "{what} as a link");
    }
}

#[tokio::test]
async fn a_credential_in_the_url_is_none() {
    let running = Running::start().await;
    let token = token(&running, "one", &SCOPES, "owner").await;
    for target in [
        format!("/api/v1/commands?token={token}"),
        format!("/api/v1/commands?access_token={token}"),
        format!("/api/v1/commands?api_key={token}"),
        format!("/api/v1/ws?token={token}"),
    ] {
        assert_eq!(get(&target).send(&running).await.status, 401, "{target}");
    }
}

#[tokio::test]
async fn readiness_says_why_not_and_the_details_only_to_those_who_may_read() {
    let running = Running::start().await;
    let reader = token(&running, "reader", &["read"], "member").await;
    running.house.ready.store(false, std::sync::atomic::Ordering::SeqCst);
    let answer = get("/readyz").send(&running).await;
    assert_eq!(
        (answer.status, answer.json()),
        (503, json!({"ready": false, "reasons": [{"name": "proof.egress"}]}))
    );
    let answer = get("/readyz").bearer(&reader).send(&running).await;
    assert_eq!(answer.json()["reasons"][0]["detail"], "a canary got out");
    assert_eq!(get("/healthz").send(&running).await.json(), json!({"ok": true}));
}
