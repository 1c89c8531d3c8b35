//! Other pages, other hosts, other sites: refused on every route.

use crate::client::{ask, get, post, raw, sign_in, token};
use crate::house::Running;
use domain::Host;
use gateway::Config;
use serde_json::json;

const ROUTES: [&str; 6] =
    ["/", "/healthz", "/api/v1/status", "/v1/models", "/api/v1/openapi.json", "/api/v1/ws"];

#[tokio::test]
async fn a_name_that_is_not_ours_reaches_nothing() {
    let running = Running::start().await;
    let port = running.port();
    let cookie = sign_in(&running).await;
    for host in [
        "evil.example".to_string(),
        format!("evil.example:{port}"),
        format!("127.0.0.1.evil.example:{port}"),
        "127.0.0.1".to_string(),
        "127.0.0.1:1".to_string(),
        format!("localhost.:{port}"),
        format!("0.0.0.0:{port}"),
        format!("127.0.0.2:{port}"),
    ] {
        for route in ROUTES {
            let answer = get(route).header("host", &host).cookie(&running, &cookie).send(&running).await;
            assert_eq!(answer.status, 421, "{host} {route}");
            assert!(!String::from_utf8_lossy(&answer.body).contains("public_names"), "{host} {route}");
        }
    }
    let answer = get("/healthz").header("host", &format!("localhost:{port}")).send(&running).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_request_without_exactly_one_host_is_refused() {
    let running = Running::start().await;
    let host = format!("host: 127.0.0.1:{}\r\n", running.port());
    for (hosts, status) in [
        (String::new(), "HTTP/1.1 421"),
        (host.repeat(2), "HTTP/1.1 421"),
        (format!("{host}host: evil.example\r\n"), "HTTP/1.1 421"),
        (host, "HTTP/1.1 200"),
    ] {
        let request = format!("GET /healthz HTTP/1.1\r\n{hosts}connection: close\r\n\r\n");
        let answer = raw(running.handle.address(), request.as_bytes()).await;
        assert!(answer.starts_with(status), "{hosts:?}: {answer}");
    }
}

#[tokio::test]
async fn a_page_of_another_origin_reaches_nothing() {
    let running = Running::start().await;
    let port = running.port();
    let cookie = sign_in(&running).await;
    let token = token(&running, "all", &["read", "chat"], "owner").await;
    for origin in [
        "https://evil.example".to_string(),
        "null".to_string(),
        format!("http://localhost:{port}"),
        format!("https://127.0.0.1:{port}"),
        format!("http://127.0.0.1:{}", port ^ 1),
        format!("http://127.0.0.1:{port}.evil.example"),
    ] {
        for route in ROUTES {
            let answer = get(route).header("origin", &origin).header("cookie", &cookie).send(&running).await;
            assert_eq!(answer.status, 403, "{origin} {route}");
            let answer = get(route).header("origin", &origin).bearer(&token).send(&running).await;
            assert_eq!(answer.status, 403, "{origin} {route} with a token");
        }
    }
}

#[tokio::test]
async fn a_cookie_alone_changes_nothing() {
    let running = Running::start().await;
    let cookie = sign_in(&running).await;
    let own = format!("http://127.0.0.1:{}", running.port());
    let message = json!({"id": "m1", "text": "wipe the disk"});
    let send = || post("/api/v1/sessions/main/messages", &message).header("cookie", &cookie);
    for (what, ask, status) in [
        ("neither origin nor site", send(), 403),
        ("another site", send().header("origin", &own).header("sec-fetch-site", "cross-site"), 403),
        (
            "another port of this host",
            send().header("origin", &own).header("sec-fetch-site", "same-site"),
            403,
        ),
        ("our own page", send().header("origin", &own).header("sec-fetch-site", "same-origin"), 202),
    ] {
        let answer = ask.send(&running).await;
        assert_eq!(answer.status, status, "{what}: {:?}", answer.body);
    }
    let read = || get("/api/v1/sessions").header("cookie", &cookie);
    assert_eq!(read().send(&running).await.status, 200);
    for site in ["cross-site", "same-site", "something new"] {
        assert_eq!(read().header("sec-fetch-site", site).send(&running).await.status, 403, "{site}");
        let page = get("/").header("cookie", &cookie).header("sec-fetch-site", site).send(&running).await;
        assert_eq!(page.status, 200, "a link from {site} may lead to the page");
    }
}

#[tokio::test]
async fn a_form_of_another_site_is_not_a_request() {
    let running = Running::start().await;
    let cookie = sign_in(&running).await;
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""] {
        let answer = ask("POST", "/api/v1/sessions/main/messages")
            .header("content-type", kind)
            .body(r#"{"id":"m1","text":"x"}"#)
            .cookie(&running, &cookie)
            .send(&running)
            .await;
        assert_eq!((answer.status, answer.code().as_str()), (415, "wrong_type"), "{kind:?}");
    }
    let answer = ask("OPTIONS", "/api/v1/sessions/main/messages")
        .header("access-control-request-method", "POST")
        .send(&running)
        .await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (405, ""));
}

#[tokio::test]
async fn every_answer_keeps_other_pages_out() {
    let running = Running::start().await;
    for route in ["/", "/assets/none.js", "/api/v1/status", "/healthz", "/v1/models", "/api/none"] {
        let answer = get(route).send(&running).await;
        let policy = answer.header("content-security-policy");
        for part in ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"]
        {
            assert!(policy.contains(part), "{route}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{route}: {policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), value, "{route}: {name}");
        }
        assert!(answer.headers.get("access-control-allow-origin").is_none(), "{route}");
        assert!(!answer.header("cache-control").is_empty(), "{route}");
    }
}

#[tokio::test]
async fn behind_a_proxy_its_public_name_counts_and_the_cookie_is_for_https() {
    let mut config = Config::loopback(0);
    config.public_names = vec!["assistant.example.org".parse::<Host>().unwrap()];
    let running = Running::with(config).await;
    let link = running.handle.sign_in_link().await.unwrap();
    let token = link.link.dangerous_reveal().split_once("#token=").unwrap().1;
    let from_afar = |origin: &str| {
        post("/api/v1/sign-in", &json!({"token": token}))
            .header("host", "assistant.example.org")
            .header("origin", origin)
    };
    assert_eq!(from_afar("http://assistant.example.org").send(&running).await.status, 403);
    let answer = from_afar("https://assistant.example.org").send(&running).await;
    assert_eq!(answer.status, 200);
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-hardshell=hsb_") && cookie.contains("; Secure"), "attributes only");
}
