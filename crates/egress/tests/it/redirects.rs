//! Every hop of a redirect is judged, and what was meant for one origin stays there.

use crate::house::{API_KEY, House, Server, ok, scope, secret, tls};
use egress::{Credential, Error, HeaderName, HeaderValue, Limits, Method, Place, Request, Scope, header};

fn redirect(status: u16, location: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} Redirect\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n").into_bytes()
}

struct Case {
    shows: &'static str,
    status: u16,
    method: Method,
    to: &'static str,
    /// Method, whether the key came along, and whether the body did; or the rule that refused.
    arrives: Result<(&'static str, bool, bool), &'static str>,
}

fn case(
    shows: &'static str,
    status: u16,
    method: Method,
    to: &'static str,
    arrives: Result<(&'static str, bool, bool), &'static str>,
) -> Case {
    Case { shows, status, method, to, arrives }
}

#[tokio::test]
async fn credentials_and_bodies_stay_with_their_origin() {
    const SAME: &str = "/next";
    const OTHER: &str = "http://other.test:PORT/next";
    let cases = [
        case("same origin, see other", 303, Method::POST, SAME, Ok(("GET", true, false))),
        case("same origin, found", 302, Method::POST, SAME, Ok(("GET", true, false))),
        case("same origin, moved", 301, Method::POST, SAME, Ok(("GET", true, false))),
        case("same origin, temporary", 307, Method::POST, SAME, Ok(("POST", true, true))),
        case("same origin, permanent", 308, Method::POST, SAME, Ok(("POST", true, true))),
        case("same origin, get", 302, Method::GET, SAME, Ok(("GET", true, false))),
        case("other origin, get", 302, Method::GET, OTHER, Ok(("GET", false, false))),
        case("other origin, found after post", 302, Method::POST, OTHER, Ok(("GET", false, false))),
        case("other origin, see other", 303, Method::POST, OTHER, Ok(("GET", false, false))),
        case("other origin, temporary", 307, Method::POST, OTHER, Err("egress.redirect")),
        case("other origin, permanent", 308, Method::POST, OTHER, Err("egress.redirect")),
        case("other origin, temporary get", 307, Method::GET, OTHER, Ok(("GET", false, false))),
        case("outside the rules", 302, Method::GET, "http://evil.example:PORT/", Err("egress.host")),
        case("another port", 302, Method::GET, "http://api.test:1/", Err("egress.port")),
        case("the metadata service", 302, Method::GET, "http://169.254.169.254/latest/", Err("egress.host")),
        case("loopback by number", 302, Method::GET, "http://127.0.0.1:PORT/", Err("egress.host")),
        case(
            "metadata by name",
            302,
            Method::GET,
            "http://metadata.google.internal:PORT/",
            Err("egress.metadata"),
        ),
    ];
    for case in cases {
        let house = House::new();
        let (status, to) = (case.status, case.to);
        let server = Server::answering(move |request| {
            let port = request
                .lines()
                .find_map(|line| line.strip_prefix("host: ")?.rsplit_once(':'))
                .map_or("", |(_, port)| port);
            if request.contains(" /next ") {
                ok("arrived")
            } else {
                redirect(status, &to.replace("PORT", port))
            }
        })
        .await;
        let url = format!("http://api.test:{}/first", server.port).parse().unwrap();
        let request = Request {
            method: case.method.clone(),
            body: if case.method == Method::POST { "the body".into() } else { "".into() },
            ..Request::get(url)
        }
        .header(HeaderName::from_static("x-custom"), HeaderValue::from_static("for the first origin"))
        .header(header::ACCEPT, HeaderValue::from_static("text/html"))
        .credential(Credential { secret: secret("api-key"), place: Place::Bearer });
        let found = house.egress.request(request, &scope(&["api.test", "other.test"], server.port)).await;
        match (case.arrives, found) {
            (Ok((method, key, body)), Ok(response)) => {
                assert_eq!(response.body.collect().await.unwrap(), "arrived", "{}", case.shows);
                let last = server.requests().pop().unwrap();
                assert!(last.starts_with(&format!("{method} /next ")), "{}: {last}", case.shows);
                assert_eq!(last.contains(API_KEY), key, "{}: {last}", case.shows);
                assert_eq!(last.contains("for the first origin"), key, "{}: {last}", case.shows);
                assert_eq!(last.contains("the body"), body, "{}: {last}", case.shows);
                assert!(last.contains("accept: text/html"), "{}: {last}", case.shows);
            }
            (Err(rule), Err(error)) => {
                assert_eq!(error.refusal().unwrap().rule, rule, "{}", case.shows);
                assert_eq!(server.requests().len(), 1, "{}", case.shows);
            }
            (wanted, found) => panic!("{}: {wanted:?}, and was {found:?}", case.shows),
        }
    }
}

/// Otherwise the key would be in the URL that the caller gets back, and in whatever shows it.
#[tokio::test]
async fn a_redirect_that_repeats_the_secret_is_not_followed() {
    let house = House::new();
    let server = Server::answering(|request| {
        let query = request.split([' ', '?']).nth(2).unwrap_or_default();
        redirect(302, &format!("/next?{query}"))
    })
    .await;
    let url = format!("http://api.test:{}/first", server.port).parse().unwrap();
    let place = Place::Query { name: "key".to_string() };
    let request = Request::get(url).credential(Credential { secret: secret("api-key"), place });
    let error = house.egress.request(request, &scope(&["api.test"], server.port)).await.unwrap_err();
    assert_eq!(error.refusal().unwrap().rule, "egress.secret");
    assert!(server.requests()[0].contains("key=the-api-key"), "{:?}", server.requests());
    assert_eq!(server.requests().len(), 1);
    assert_eq!(house.memory.stages().iter().filter(|stage| *stage == "refused egress.secret").count(), 1);
}

#[tokio::test]
async fn a_redirect_from_https_to_http_is_refused() {
    let (settings, acceptor) = tls(&["api.test"]);
    let house = House::with(settings);
    let server = Server::over_tls(acceptor, |_| redirect(302, "http://api.test/")).await;
    let url = format!("https://api.test:{}/", server.port).parse().unwrap();
    let error =
        house.egress.request(Request::get(url), &scope(&["api.test"], server.port)).await.unwrap_err();
    assert_eq!(error.refusal().unwrap().rule, "egress.downgrade");
}

#[tokio::test]
async fn a_circle_of_redirects_ends() {
    let house = House::new();
    let server = Server::answering(|_| redirect(302, "/again")).await;
    let url = format!("http://api.test:{}/", server.port).parse().unwrap();
    let error =
        house.egress.request(Request::get(url), &scope(&["api.test"], server.port)).await.unwrap_err();
    assert_eq!(error.refusal().unwrap().rule, "egress.redirect");
    assert_eq!(server.requests().len(), 6);
}

#[tokio::test]
async fn a_caller_who_follows_none_gets_the_redirect_itself() {
    let house = House::new();
    let server = Server::answering(|_| redirect(302, "http://evil.example/")).await;
    let url = format!("http://api.test:{}/", server.port).parse().unwrap();
    let scope = scope(&["api.test"], server.port);
    let scope = Scope { limits: Limits { redirects_max: 0, ..scope.limits }, ..scope };
    let response = house.egress.request(Request::get(url), &scope).await.unwrap();
    assert_eq!(
        (response.status.as_u16(), &response.headers[header::LOCATION]),
        (302, &HeaderValue::from_static("http://evil.example/"))
    );
}

#[tokio::test]
async fn a_location_that_is_no_url_is_an_error() {
    for location in [
        "javascript:alert(1)",
        "file:///etc/passwd",
        "//user@api.test/",
        "http://127.1/",
        "\\\\evil.example",
        "http://аpi.test/",
    ] {
        let house = House::new();
        let server = Server::answering(move |_| redirect(302, location)).await;
        let url = format!("http://api.test:{}/", server.port).parse().unwrap();
        let error =
            house.egress.request(Request::get(url), &scope(&["api.test"], server.port)).await.unwrap_err();
        assert!(matches!(error, Error::Url(_) | Error::Request { .. }), "{location}: {error:?}");
        assert_eq!(server.requests().len(), 1, "{location}");
    }
}
