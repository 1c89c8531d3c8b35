//! The web page, built into the program, and the headers that keep any page but ours out.

use crate::gate::{Came, Peer, Reached};
use crate::names::Secure;
use crate::refusal::Refusal;
use crate::wire::ErrorCode;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use flate2::read::GzDecoder;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use std::io::Read as _;

/// A file of the web page.
struct File {
    /// Its name below `web/dist`.
    name: &'static str,
    /// Whether it is kept compressed with gzip.
    is_small: bool,
    /// As it is kept.
    bytes: &'static [u8],
}

// What `npm run build` made in `web/`, as `build.rs` found it; empty when it had not run. Every build holds the files, a
// debug build too: whoever runs it may not be able to read the source folder.
include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// What may be loaded and run by the page: its own files, nothing inline, nothing from elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

/// Shown when the page is not built in.
const NOT_BUILT: &str = "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Hardshell</title></head>\n\
<body>\n<h1>Hardshell is running, without its page</h1>\n\
<p>This program was built before its web page. In the source folder:</p>\n\
<pre>npm --prefix web ci\nnpm --prefix web run build\ntouch crates/gateway/build.rs\ncargo build --release</pre>\n\
<p>The terminal works as it is: <code>hardshell chat</code>.</p>\n</body>\n</html>\n";

/// Files whose names carry their hash.
const HASHED: &str = "assets/";

pub(crate) async fn page(request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Refusal::new(ErrorCode::WrongMethod, "the page is only read").into_response();
    }
    let path = request.uri().path().trim_start_matches('/');
    if let Some(response) =
        Some(path).filter(|path| is_plain(path)).and_then(|path| serve(path, request.headers()))
    {
        return response;
    }
    let last = path.rsplit('/').next().unwrap_or_default();
    if last.contains('.') {
        return Refusal::new(ErrorCode::NotFound, "there is no such file").into_response();
    }
    let not_built = || ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], NOT_BUILT).into_response();
    serve("index.html", request.headers()).unwrap_or_else(not_built)
}

/// Only names that the build makes: no empty part, no `..`, no hidden file.
fn is_plain(path: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    path.split('/').all(|part| !part.is_empty() && !part.starts_with('.') && part.chars().all(plain))
}

/// The answer to a request for a file, if there is such a file.
fn serve(path: &str, asked: &HeaderMap) -> Option<Response> {
    let file = FILES.iter().find(|file| file.name == path)?;
    let as_kept = file.is_small && takes_gzip(asked);
    let bytes = if file.is_small && !as_kept {
        let mut bytes = Vec::new();
        // What the build compressed can be read; were it not so, there would be no such file.
        GzDecoder::new(file.bytes).read_to_end(&mut bytes).ok()?;
        Bytes::from(bytes)
    } else {
        Bytes::from_static(file.bytes)
    };
    let hash = blake3::hash(&bytes).to_hex();
    // What differs in its bytes differs in its tag (RFC 9110 §8.8.3.3).
    let tag = format!("\"{}\"", hash.get(..32)?);
    let cache = if path.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut response =
        if asked.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            ([(header::CONTENT_TYPE, media_type(path))], bytes).into_response()
        };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if as_kept {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    Some(response)
}

/// Whether whoever asks says that it reads gzip (RFC 9110 §12.5.3): by name, and not with a weight of nothing.
fn takes_gzip(asked: &HeaderMap) -> bool {
    let lines = asked.get_all(header::ACCEPT_ENCODING).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.trim().parse::<f32>().ok());
        name.trim().eq_ignore_ascii_case("gzip") && weight.unwrap_or(1.0) > 0.0
    })
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
    fn gzip_goes_to_whoever_reads_it() {
        for (said, takes) in [
            (Some("gzip, deflate, br, zstd"), true),
            (Some("GZIP;q=0.5"), true),
            (Some("br, gzip ; q=1"), true),
            (Some("gzip;q=0"), false),
            (Some("gzip;q=0.000, br"), false),
            (Some("identity"), false),
            (Some("xgzip"), false),
            (Some("*"), false),
            (None, false),
        ] {
            let mut asked = HeaderMap::new();
            if let Some(said) = said {
                asked.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(said));
            }
            assert_eq!(takes_gzip(&asked), takes, "{said:?}");
        }
    }

    #[tokio::test]
    async fn the_page_is_the_same_compressed_and_not() {
        // The page may not be built where the gateway is tested by itself.
        for name in FILES.iter().filter(|file| file.is_small).map(|file| file.name) {
            let mut asked = HeaderMap::new();
            let plain = serve(name, &asked).unwrap();
            asked.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
            let small = serve(name, &asked).unwrap();
            assert_eq!(small.headers()[header::CONTENT_ENCODING], "gzip");
            assert_eq!(plain.headers().get(header::CONTENT_ENCODING), None);
            assert_ne!(plain.headers()[header::ETAG], small.headers()[header::ETAG]);
            for answer in [&plain, &small] {
                assert_eq!(answer.headers()[header::CONTENT_TYPE], media_type(name));
                assert_eq!(answer.headers()[header::VARY], "accept-encoding");
            }
            asked.insert(header::IF_NONE_MATCH, small.headers()[header::ETAG].clone());
            assert_eq!(serve(name, &asked).unwrap().status(), StatusCode::NOT_MODIFIED);
            let whole = |answer: Response| axum::body::to_bytes(answer.into_body(), usize::MAX);
            let (plain, small) = (whole(plain).await.unwrap(), whole(small).await.unwrap());
            let mut read = Vec::new();
            GzDecoder::new(&*small).read_to_end(&mut read).unwrap();
            assert_eq!(read, plain, "{name}");
            assert!(small.len() < plain.len());
        }
    }

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
