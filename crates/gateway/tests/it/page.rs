//! The page, built in or not.

use crate::client::{ask, get};
use crate::house::Running;

#[tokio::test]
async fn the_page_is_served_or_says_how_to_build_it() {
    let running = Running::start().await;
    for path in ["/", "/sessions/main", "/settings"] {
        let answer = get(path).send(&running).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, "text/html; charset=utf-8"),
            "{path}"
        );
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        assert!(text.contains("Hardshell"), "{text}");
        assert!(!text.contains("<script>") && !text.contains(" style="), "nothing inline: {text}");
    }
}

#[tokio::test]
async fn paths_lead_nowhere_else() {
    let running = Running::start().await;
    for path in [
        "/assets/../index.html",
        "/../Cargo.toml",
        "/%2e%2e/Cargo.toml",
        "/..%2fCargo.toml",
        "/.vite/manifest.json",
        "//etc/passwd.txt",
        "/assets/none.js",
        "/assets/%00.js",
    ] {
        let answer = get(path).send(&running).await;
        assert_eq!(answer.status, 404, "{path}");
    }
    assert_eq!(ask("POST", "/").send(&running).await.status, 405);
    assert_eq!(get("/api/none").send(&running).await.code(), "not_found");
    assert_eq!(get("/api/v1/none").send(&running).await.code(), "not_found");
    assert_eq!(ask("PUT", "/api/v1/sessions").send(&running).await.code(), "wrong_method");
    let answer = get("/v1/none").send(&running).await;
    assert_eq!(
        (answer.status, answer.json()["error"]["type"].as_str()),
        (404, Some("invalid_request_error"))
    );
}

#[tokio::test]
async fn a_head_has_no_body() {
    let running = Running::start().await;
    let answer = ask("HEAD", "/healthz").send(&running).await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));
}

#[tokio::test]
async fn what_the_page_names_is_served_with_its_type_and_kept() {
    let running = Running::start().await;
    let page = get("/").send(&running).await;
    let text = String::from_utf8(page.body.to_vec()).unwrap();
    for reference in text.split('"').filter(|part| part.starts_with("/assets/")) {
        let answer = get(reference).send(&running).await;
        let kind = match reference.rsplit('.').next().unwrap() {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml",
            other => panic!("the page names a file of the kind {other}"),
        };
        assert_eq!((answer.status, answer.header("content-type")), (200, kind), "{reference}");
        assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable");
        let again = get(reference).header("if-none-match", answer.header("etag")).send(&running).await;
        assert_eq!((again.status, again.body.len()), (304, 0), "{reference}");
    }
    if !page.header("etag").is_empty() {
        assert_eq!(page.header("cache-control"), "no-cache", "a new page is seen at once");
    }
}
