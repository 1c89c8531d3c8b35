//! A secret reaches its own host, where it was put, and turns up nowhere else.

use crate::house::{API_KEY, HOST_LIKE, House, MAIL_PASSWORD, Server, ok, scope, secret, tls};
use base64::Engine;
use egress::{Credential, Error, Escape, HeaderName, HeaderValue, Place, Request, Rule, Rules, Scope};
use std::sync::Arc;

fn key(place: Place) -> Credential {
    Credential { secret: secret("api-key"), place }
}

#[tokio::test]
async fn a_secret_is_added_in_every_place() {
    let encoded = "the-api-key%2Fof%2Ba%3Dtest";
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("anna:{API_KEY}"));
    let cases = [
        (Place::Bearer, "/", "", format!("authorization: Bearer {API_KEY}\r\n")),
        (Place::Basic { user: "anna".to_string() }, "/", "", format!("authorization: Basic {basic}\r\n")),
        (
            Place::Header { name: HeaderName::from_static("x-api-key"), prefix: String::new() },
            "/",
            "",
            format!("x-api-key: {API_KEY}\r\n"),
        ),
        (
            Place::Header { name: HeaderName::from_static("authorization"), prefix: "Bot ".to_string() },
            "/",
            "",
            format!("authorization: Bot {API_KEY}\r\n"),
        ),
        (Place::Cookie { name: "session".to_string() }, "/", "", format!("cookie: session={API_KEY}\r\n")),
        (
            Place::Query { name: "key".to_string() },
            "/a?b=c",
            "",
            format!("POST /a?b=c&key={encoded} HTTP/1.1\r\n"),
        ),
        (Place::Query { name: "key".to_string() }, "/a", "", format!("POST /a?key={encoded} HTTP/1.1\r\n")),
        (
            Place::Path { marker: "__key__".to_string() },
            "/bot__key__/me",
            "",
            format!("POST /bot{encoded}/me HTTP/1.1\r\n"),
        ),
        (
            Place::Body { marker: "__key__".to_string(), escape: Escape::Percent },
            "/",
            "a=b&key=__key__&c=d",
            format!("a=b&key={encoded}&c=d"),
        ),
        (
            Place::Body { marker: "__key__".to_string(), escape: Escape::Json },
            "/",
            "{\"token\":\"__key__\"}",
            format!("{{\"token\":\"{API_KEY}\"}}"),
        ),
    ];
    for (place, path, body, wanted) in cases {
        let house = House::new();
        let server = Server::answering(|_| ok("hello")).await;
        let url = format!("http://api.test:{}{path}", server.port).parse().unwrap();
        let request = Request::post(url, "text/plain", body).credential(key(place.clone()));
        house.egress.request(request, &scope(&["api.test"], server.port)).await.unwrap();
        let sent = server.requests().remove(0);
        assert!(sent.contains(&wanted), "{place:?}: {sent}");
        assert_eq!(house.memory.records()[0].secrets, [secret("api-key")]);
        assert!(!format!("{:?}", house.memory.records()).contains("the-api-key"));
        assert_eq!(house.vault.list().unwrap().remove(0).used_by.as_deref(), Some("a test"));
    }
}

#[tokio::test]
async fn a_secret_goes_to_no_host_but_its_own_and_never_in_the_clear_to_the_public() {
    let house = House::new();
    let server = Server::answering(|_| ok("hello")).await;
    let get = |url: String| Request::get(url.parse().unwrap()).credential(key(Place::Bearer));
    let open = scope(&["other.test", "127.0.0.1"], server.port);
    let error =
        house.egress.request(get(format!("http://other.test:{}/", server.port)), &open).await.unwrap_err();
    assert!(matches!(error, Error::Secret(vault::Error::HostNotAllowed { .. })), "{error:?}");
    let error =
        house.egress.request(get(format!("http://127.0.0.1:{}/", server.port)), &open).await.unwrap_err();
    assert!(matches!(error, Error::Request { .. }), "{error:?}");
    let rules = Arc::new(Rules::new().with(Rule::host("api.test".parse().unwrap(), server.port)));
    let public = Scope { rules, ..open };
    let error =
        house.egress.request(get(format!("http://api.test:{}/", server.port)), &public).await.unwrap_err();
    assert_eq!(error.refusal().unwrap().rule, "egress.secret");
    assert_eq!(server.requests(), Vec::<String>::new());
    assert!(house.memory.stages().iter().all(|stage| stage.starts_with("refused")));
}

#[tokio::test]
async fn a_secret_written_into_a_request_is_refused_or_redacted() {
    let house = House::new();
    let server = Server::answering(|_| ok("hello")).await;
    let scope = scope(&["api.test", "other.test"], server.port);
    let to = |rest: &str| Request::get(format!("http://other.test:{}{rest}", server.port).parse().unwrap());
    let hex: String = API_KEY.bytes().map(|byte| format!("{byte:02x}")).collect();
    for request in [
        to(&format!("/?key={hex}")),
        to(&format!("/{hex}/x")),
        to("/?key=the-api-key%2Fof%2Ba%3Dtest"),
        to("/").header(HeaderName::from_static("x-leak"), HeaderValue::from_static(API_KEY)),
        to("/?key=AKIAIOSFODNN7EXAMPLE"),
    ] {
        let error = house.egress.request(request, &scope).await.unwrap_err();
        assert_eq!(error.refusal().unwrap().rule, "egress.secret");
        assert!(!error.to_string().contains("the-api-key") && !error.to_string().contains(&hex), "{error}");
    }
    assert_eq!(server.requests(), Vec::<String>::new());
    let body = format!("the key is {API_KEY}, the password is {MAIL_PASSWORD}");
    for (host, wanted) in [
        ("other.test", "the key is [redacted:api-key], the password is [redacted:mail]".to_string()),
        ("api.test", format!("the key is {API_KEY}, the password is [redacted:mail]")),
    ] {
        let url = format!("http://{host}:{}/", server.port).parse().unwrap();
        house.egress.request(Request::post(url, "text/plain", body.clone()), &scope).await.unwrap();
        let sent = server.requests().pop().unwrap();
        assert!(sent.ends_with(&wanted), "{sent}");
        assert!(sent.contains(&format!("content-length: {}\r\n", wanted.len())), "{sent}");
    }
    assert!(
        !format!("{:?}", house.memory.records()).contains(&hex),
        "a record shows the path with the key in it"
    );
}

#[tokio::test]
async fn what_cannot_be_put_there_is_an_error_that_does_not_show_it() {
    let house = House::new();
    let server = Server::answering(|_| ok("hello")).await;
    let url = |rest: &str| format!("http://mail.test:{}{rest}", server.port).parse().unwrap();
    let mail = |place| Credential { secret: secret("mail"), place };
    for request in [
        Request::get(url("/")).credential(mail(Place::Cookie { name: "a".to_string() })),
        Request::get(url("/")).credential(mail(Place::Basic { user: "a:b".to_string() })),
        Request::get(url("/")).credential(mail(Place::Path { marker: "__key__".to_string() })),
        Request::get(url("/__key__/__key__")).credential(mail(Place::Path { marker: "__key__".to_string() })),
        Request::post(url("/"), "text/plain", "none")
            .credential(mail(Place::Body { marker: "__key__".to_string(), escape: Escape::Json })),
        Request::get(url("/")).credential(mail(Place::Body { marker: String::new(), escape: Escape::Json })),
    ] {
        let error = house.egress.request(request, &scope(&["mail.test"], server.port)).await.unwrap_err();
        assert!(matches!(error, Error::Request { .. }), "{error:?}");
        assert!(!format!("{error:?} {error}").contains("pass"), "{error:?}");
    }
    assert_eq!(server.requests(), Vec::<String>::new());
}

/// A failed call must not carry its key into a message: the key echoed by the server, in a body, a header, a status.
#[tokio::test]
async fn no_error_and_no_record_shows_a_key_that_was_sent() {
    let (settings, acceptor) = tls(&["api.test"]);
    let house = House::with(settings);
    let answers = [
        format!("HTTP/1.1 401 bad key {API_KEY}\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nno"),
        format!("HTTP/1.1 200 {API_KEY}\r\nTransfer-Encoding: chunked\r\n\r\n{API_KEY}\r\n"),
        format!("{API_KEY}\r\n"),
        format!("HTTP/1.1 302 Found\r\nLocation: javascript:{API_KEY}\r\nContent-Length: 0\r\n\r\n"),
        format!(
            "HTTP/1.1 302 Found\r\nLocation: https://evil.example/?{API_KEY}\r\nContent-Length: 0\r\n\r\n"
        ),
        format!("HTTP/1.1 302 Found\r\nLocation: https://{HOST_LIKE}/\r\nContent-Length: 0\r\n\r\n"),
        format!("HTTP/1.1 302 Found\r\nLocation: https://{HOST_LIKE}_/\r\nContent-Length: 0\r\n\r\n"),
        format!("HTTP/1.1 200 OK\r\nContent-Encoding: {API_KEY}\r\nContent-Length: 0\r\n\r\n"),
    ];
    for answer in answers {
        let server = Server::over_tls(acceptor.clone(), move |_| answer.clone().into_bytes()).await;
        for place in [Place::Bearer, Place::Query { name: "key".to_string() }] {
            let url = format!("https://api.test:{}/", server.port).parse().unwrap();
            let request = Request::get(url).credential(key(place));
            let error = match house.egress.request(request, &scope(&["api.test"], server.port)).await {
                Ok(response) => response.body.collect().await.unwrap_err(),
                Err(error) => error,
            };
            let mut shown = format!("{error:?} {error}");
            let mut cause: &dyn std::error::Error = &error;
            while let Some(source) = cause.source() {
                shown = format!("{shown} {source}");
                cause = source;
            }
            assert!(!shown.contains("the-api-key") && !shown.contains(HOST_LIKE), "{shown}");
        }
    }
    let records = format!("{:?}", house.memory.records());
    assert!(!records.contains("the-api-key") && !records.contains(HOST_LIKE), "{records}");
}

#[tokio::test]
async fn a_secret_that_is_set_later_is_known_at_once() {
    let house = House::new();
    assert_eq!(house.egress.redactor().unwrap().redact("a-brand-new-secret"), "a-brand-new-secret");
    let about = vault::About { hosts: vec!["api.test".parse().unwrap()], ..vault::About::default() };
    house
        .vault
        .set(&secret("fresh"), vault::SecretText::new("a-brand-new-secret".to_string()).unwrap(), about)
        .unwrap();
    assert_eq!(house.egress.redactor().unwrap().redact("a-brand-new-secret"), "[redacted:fresh]");
}
