//! The web page, built into the program, and the headers that keep any page but ours out.

use crate::gate::{Came, Peer, Reached};
use crate::names::Secure;
use crate::refusal::Refusal;
use crate::wire::ErrorCode;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use rust_embed::{EmbeddedFile, RustEmbed};

/// What `npm run build` made in `web/`. Every build holds the files, a debug build too: whoever runs it may not be able
/// to read the source folder.
#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Built;

/// What may be loaded and run by the page: its own files, nothing inline, nothing from elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

/// Shown when the page is not built in.
const NOT_BUILT: &str = "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Hardshell</title></head>\n\
<body>\n<h1>Hardshell is running, without its page</h1>\n\
<p>This program was built before its web page. In the source folder:</p>\n\
<pre>npm --prefix web ci\nnpm --prefix web run build\ntouch crates/gateway/src/page.rs\ncargo build --release</pre>\n\
<p>The terminal works as it is: <code>hardshell chat</code>.</p>\n</body>\n</html>\n";

/// Files whose names carry their hash.
const HASHED: &str = "assets/";

pub(crate) async fn page(request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Refusal::new(ErrorCode::WrongMethod, "the page is only read").into_response();
    }
    let path = request.uri().path().trim_start_matches('/');
    let if_none_match = request.headers().get(header::IF_NONE_MATCH).map(HeaderValue::as_bytes);
    if let Some(file) = Built::get(path).filter(|_| is_plain(path)) {
        return serve(path, file, if_none_match);
    }
    let last = path.rsplit('/').next().unwrap_or_default();
    if last.contains('.') {
        return Refusal::new(ErrorCode::NotFound, "there is no such file").into_response();
    }
    match Built::get("index.html") {
        Some(file) => serve("index.html", file, if_none_match),
        None => ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], NOT_BUILT).into_response(),
    }
}

/// Only names that the build makes: no empty part, no `..`, no hidden file.
fn is_plain(path: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    path.split('/').all(|part| !part.is_empty() && !part.starts_with('.') && part.chars().all(plain))
}

fn serve(path: &str, file: EmbeddedFile, if_none_match: Option<&[u8]>) -> Response {
    let hash: String =
        file.metadata.sha256_hash().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{hash}\"");
    let cache = if path.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut response = if if_none_match == Some(tag.as_bytes()) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let bytes = match file.data {
            std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            std::borrow::Cow::Owned(bytes) => Bytes::from(bytes),
        };
        ([(header::CONTENT_TYPE, media_type(path))], bytes).into_response()
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// The types that the build makes; anything else is only to be downloaded.
fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// Puts the headers on every answer that keep other pages, frames and guesses at types out.
pub(crate) async fn protect(request: Request, next: Next) -> Response {
    let network = matches!(request.extensions().get::<Peer>().map(|peer| peer.came), Some(Came::Network(_)));
    let mut response = next.run(request).await;
    let secure = matches!(response.extensions().get::<Reached>(), Some(Reached(Secure::Https)));
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if network && secure {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_files() {
        for (path, plain) in [
            ("index.html", true),
            ("assets/index-B1x_2.js", true),
            ("", false),
            ("../Cargo.toml", false),
            ("assets/../index.html", false),
            ("assets//x", false),
            (".vite/manifest.json", false),
            ("a%2e", false),
            ("a\\b", false),
        ] {
            assert_eq!(is_plain(path), plain, "{path:?}");
        }
    }
}
