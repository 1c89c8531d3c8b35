//! Signing in and out, tokens, and what wrong tries cost.

use crate::client::{Answer, ask, get, post, sign_in, token};
use crate::house::Running;
use gateway::{CredentialKind, Happening, SignIns as _};
use serde_json::json;
use std::sync::atomic::Ordering;

async fn link_token(running: &Running) -> String {
    let link = running.handle.sign_in_link().await.unwrap();
    let (address, token) = link.link.dangerous_reveal().split_once("/#token=").unwrap();
    assert_eq!(address, format!("http://127.0.0.1:{}", running.port()));
    token.to_string()
}

async fn exchange(running: &Running, token: &str) -> Answer {
    post("/api/v1/sign-in", &json!({"token": token})).send(running).await
}

#[tokio::test]
async fn a_link_is_good_once() {
    let running = Running::start().await;
    let token = link_token(&running).await;
    let first = exchange(&running, &token).await;
    assert_eq!(first.status, 200);
    let cookie = first.header("set-cookie");
    let name = format!("hardshell-{}=hsb_", running.port());
    assert!(cookie.starts_with(&name), "the name only");
    for part in ["; HttpOnly", "; SameSite=Strict", "; Path=/", "; Max-Age=1209600"] {
        assert!(cookie.contains(part), "{part}");
    }
    assert!(!cookie.contains("Domain"));
    let body = first.json();
    assert_eq!(
        (&body["principal"], &body["scopes"]),
        (&json!("owner"), &json!(["chat", "read", "approve", "audit", "metrics"]))
    );
    let second = exchange(&running, &token).await;
    assert_eq!((second.status, second.code().as_str()), (401, "not_signed_in"));
    assert!(second.json()["error"]["hint"].as_str().unwrap().contains("hardshell sign-in"));
}

#[tokio::test]
async fn of_many_who_take_the_same_link_at_once_one_gets_in() {
    let running = Running::start().await;
    let token = link_token(&running).await;
    let body = json!({"token": token});
    let all = (0..20).map(|_| post("/api/v1/sign-in", &body).send(&running));
    let in_at =
        futures_util::future::join_all(all).await.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(in_at, 1);
}

#[tokio::test]
async fn a_link_lapses_after_ten_minutes() {
    let running = Running::start().await;
    let token = link_token(&running).await;
    running.wait(10 * 60 * 1000);
    assert_eq!(exchange(&running, &token).await.status, 401);
}

#[tokio::test]
async fn nothing_secret_is_kept_or_recorded() {
    let running = Running::start().await;
    let token = link_token(&running).await;
    let cookie = sign_in(&running).await;
    let secret = cookie.split_once('=').unwrap().1;
    let kept = running.sign_ins.list().await.unwrap();
    assert_eq!(kept.len(), 2, "a link not yet taken, and a browser");
    let happenings = running.house.happenings.lock().unwrap().clone();
    let everything = format!("{kept:?} {happenings:?}");
    assert!(!everything.contains(secret) && !everything.contains(&token));
    let browser = kept.iter().find(|record| record.kind == CredentialKind::Browser).unwrap();
    assert!(!String::from_utf8_lossy(browser.digest.as_bytes()).contains(secret));
    assert!(
        matches!(&happenings[..], [Happening::LinkMade { .. }, Happening::LinkMade { .. }, Happening::SignedIn { peer, .. }] if peer == "127.0.0.1")
    );
}

#[tokio::test]
async fn what_cannot_be_recorded_does_not_happen() {
    let running = Running::start().await;
    let cookie = sign_in(&running).await;
    let token = link_token(&running).await;
    running.house.cannot_record.store(true, Ordering::SeqCst);
    assert!(running.handle.sign_in_link().await.is_err());
    let answer = exchange(&running, &token).await;
    assert_eq!((answer.status, answer.header("set-cookie")), (500, ""));
    let wanted = json!({"name": "x", "scopes": ["read"]});
    assert_eq!(post("/api/v1/tokens", &wanted).cookie(&running, &cookie).send(&running).await.status, 500);
    let kept = running.sign_ins.list().await.unwrap();
    assert_eq!(kept.len(), 1, "the first browser alone: {kept:?}");
}

#[tokio::test]
async fn signing_out_ends_the_cookie() {
    let running = Running::start().await;
    let cookie = sign_in(&running).await;
    let who = get("/api/v1/sign-in").cookie(&running, &cookie).send(&running).await;
    assert_eq!((who.status, &who.json()["principal"]), (200, &json!("owner")));
    let out = ask("POST", "/api/v1/sign-out").cookie(&running, &cookie).send(&running).await;
    assert_eq!(out.status, 204);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(get("/api/v1/sign-in").cookie(&running, &cookie).send(&running).await.status, 401);
}

#[tokio::test]
async fn a_token_is_what_the_owner_asked_for_and_nothing_else() {
    let running = Running::start().await;
    let cookie = sign_in(&running).await;
    for (wanted, status) in [
        (json!({"name": "good-1", "scopes": ["read"]}), 201),
        (json!({"name": "good-1", "scopes": ["read"]}), 409),
        (json!({"name": "good-2", "scopes": ["read", "read"], "days": 366}), 201),
        (json!({"name": "x", "scopes": []}), 400),
        (json!({"name": "x", "scopes": ["admin"]}), 400),
        (json!({"name": "x", "scopes": ["READ"]}), 400),
        (json!({"name": "x", "scopes": "read"}), 400),
        (json!({"name": "", "scopes": ["read"]}), 400),
        (json!({"name": "A b", "scopes": ["read"]}), 400),
        (json!({"name": "-x", "scopes": ["read"]}), 400),
        (json!({"name": "x".repeat(65), "scopes": ["read"]}), 400),
        (json!({"name": "x", "scopes": ["read"], "days": 0}), 400),
        (json!({"name": "x", "scopes": ["read"], "days": 367}), 400),
        (json!({"name": "x", "scopes": ["read"], "role": "owner"}), 400),
        (json!({"name": "x", "scopes": ["approve"]}), 400),
        (json!({"name": "x", "scopes": ["approve"], "speaks_for": "house"}), 400),
        (json!({"name": "x", "scopes": ["approve"], "speaks_for": "owner"}), 201),
    ] {
        let answer = post("/api/v1/tokens", &wanted).cookie(&running, &cookie).send(&running).await;
        assert_eq!(answer.status, status, "{wanted}: {:?}", answer.body);
    }
    let list = get("/api/v1/sign-ins").cookie(&running, &cookie).send(&running).await.json();
    let names: Vec<_> =
        list["sign_ins"].as_array().unwrap().iter().map(|entry| entry["name"].clone()).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(!list.to_string().contains("hs_") && !list.to_string().contains("hsb_"));
}

#[tokio::test]
async fn a_token_speaks_for_a_member_unless_the_owner_says_otherwise() {
    let running = Running::start().await;
    for (name, speaks_for, principal) in [("ci", "member", "member:ci"), ("me", "owner", "owner")] {
        let token = token(&running, name, &["chat", "read"], speaks_for).await;
        let message = json!({"id": format!("m-{name}"), "text": "hi"});
        let answer = post("/api/v1/sessions/main/messages", &message).bearer(&token).send(&running).await;
        assert_eq!(answer.status, 202);
        let delivered = running.house.delivered.lock().unwrap();
        let inbound = delivered.last().unwrap();
        assert_eq!(inbound.principal.to_string(), principal);
        assert_eq!(inbound.sender.channel, domain::Channel::Api);
        assert!(inbound.sender.account.starts_with("token-"));
    }
}

#[tokio::test]
async fn guessing_is_locked_out_on_loopback_too() {
    let running = Running::start().await;
    let good = token(&running, "good", &["read"], "owner").await;
    let cookie = sign_in(&running).await;
    let guess = |n: u32| get("/api/v1/status").bearer(&format!("hs_guess{n}")).send(&running);
    for n in 0..9 {
        assert_eq!(guess(n).await.status, 401);
    }
    let tenth = guess(9).await;
    assert_eq!((tenth.status, tenth.header("retry-after")), (429, "2"));
    let locked = get("/api/v1/status").bearer(&good).send(&running).await;
    assert_eq!(
        (locked.status, locked.code().as_str()),
        (429, "too_many"),
        "not even the right one is looked at"
    );
    assert_eq!(
        get("/api/v1/status").cookie(&running, &cookie).send(&running).await.status,
        200,
        "browsers are apart"
    );
    assert_eq!(get("/healthz").bearer("hs_x").send(&running).await.status, 200);
    running.wait(2000);
    assert_eq!(get("/api/v1/status").bearer(&good).send(&running).await.status, 200);
    assert_eq!(guess(10).await.header("retry-after"), "4", "twice as long");
    let happened = running.house.happenings.lock().unwrap().clone();
    let lockouts =
        happened.iter().filter(|happening| matches!(happening, Happening::LockedOut { .. })).count();
    assert_eq!(lockouts, 2);
}

#[tokio::test]
async fn guessing_links_and_cookies_is_locked_out() {
    let running = Running::start().await;
    for n in 0..10 {
        exchange(&running, &format!("hsl_guess{n}")).await;
    }
    let token = link_token(&running).await;
    assert_eq!(exchange(&running, &token).await.status, 429);
    running.wait(2000);
    assert_eq!(exchange(&running, &token).await.status, 200, "the link was not used up");

    let cookie = sign_in(&running).await;
    let name = cookie.split_once('=').unwrap().0;
    for n in 0..10 {
        get("/api/v1/status").header("cookie", &format!("{name}=guess{n}")).send(&running).await;
    }
    assert_eq!(get("/api/v1/status").cookie(&running, &cookie).send(&running).await.status, 429);
}

#[tokio::test]
async fn a_page_with_a_stale_cookie_does_not_lock_its_owner_out() {
    let running = Running::start().await;
    let cookie = sign_in(&running).await;
    let name = cookie.split_once('=').unwrap().0.to_string();
    for _ in 0..50 {
        let answer = get("/api/v1/status").header("cookie", &format!("{name}=stale")).send(&running).await;
        assert_eq!(answer.status, 401);
    }
    assert_eq!(get("/api/v1/status").cookie(&running, &cookie).send(&running).await.status, 200);
}

#[tokio::test]
async fn revoking_everything_leaves_no_way_in_but_the_machine() {
    let running = Running::start().await;
    let cookie = sign_in(&running).await;
    let token = token(&running, "one", &["read"], "owner").await;
    let link = link_token(&running).await;
    running.handle.credentials().revoke_all().await.unwrap();
    assert_eq!(get("/api/v1/status").cookie(&running, &cookie).send(&running).await.status, 401);
    assert_eq!(get("/api/v1/status").bearer(&token).send(&running).await.status, 401);
    assert_eq!(exchange(&running, &link).await.status, 401);
    sign_in(&running).await;
}
