//! Peers that lie, stall, flood and explode.

use crate::house::{House, LOOPBACK, Server, read_request, scope};
use egress::{Error, Limits, Request, Scope};
use std::io::Write;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

/// What comes of an answer: the body, or the step that failed.
async fn outcome(answer: Vec<u8>, limits: Limits) -> Result<Vec<u8>, Error> {
    let house = House::new();
    let server = Server::answering(move |_| answer.clone()).await;
    let url = format!("http://api.test:{}/", server.port).parse().unwrap();
    let scope = Scope { limits, ..scope(&["api.test"], server.port) };
    let result = match house.egress.request(Request::get(url), &scope).await {
        Ok(response) => response.body.collect().await.map(|body| body.to_vec()),
        Err(error) => Err(error),
    };
    let stages = house.memory.stages();
    assert_eq!(stages.first().map(String::as_str), Some("connecting"));
    assert_eq!(stages.len(), 2, "{stages:?}");
    assert_eq!(stages[1] == "failed", result.is_err(), "{stages:?} {result:?}");
    result
}

#[tokio::test]
async fn an_answer_that_could_mean_two_things_is_refused() {
    for (shows, answer) in [
        ("two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"),
        (
            "length and chunks",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        ),
        (
            "chunks and length",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        ),
        ("a length that is no number", "HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\nhello"),
        ("a negative length", "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello"),
        ("a folded header", "HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 0\r\n\r\n"),
        ("a space before the colon", "HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello"),
        ("a NUL in a header", "HTTP/1.1 200 OK\r\nX-A: b\0c\r\nContent-Length: 0\r\n\r\n"),
        ("no HTTP at all", "SSH-2.0-OpenSSH_9.6\r\n"),
        ("HTTP/0.9", "<html>hello</html>"),
        ("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        (
            "another protocol",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
        ),
        (
            "a bad chunk length",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
        ),
        (
            "a chunk too long",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\nhello\r\n",
        ),
        ("too little", "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello"),
        ("chunks that never end", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
        ("nothing", ""),
        (
            "a coding that was not asked for",
            "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 5\r\n\r\nhello",
        ),
        ("two codings", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\nContent-Length: 5\r\n\r\nhello"),
        ("gzip that is none", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello"),
    ] {
        let result = outcome(answer.as_bytes().to_vec(), crate::house::short()).await;
        assert!(matches!(result, Err(Error::Peer { .. })), "{shows}: {result:?}");
    }
}

#[tokio::test]
async fn a_head_or_body_over_its_limit_is_refused() {
    let limits = Limits { head_bytes_max: 8192, body_bytes_max: 1000, ..crate::house::short() };
    let long_header = format!("HTTP/1.1 200 OK\r\nX-A: {}\r\nContent-Length: 0\r\n\r\n", "a".repeat(20_000));
    let many_headers = format!("HTTP/1.1 200 OK\r\n{}Content-Length: 0\r\n\r\n", "X-A: b\r\n".repeat(200));
    let stated = format!("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n{}", "a".repeat(1001));
    let chunked = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
        "0a\r\n0123456789\r\n".repeat(101)
    );
    let until_close = format!("HTTP/1.1 200 OK\r\n\r\n{}", "a".repeat(1001));
    for (shows, answer, too_large) in [
        ("one long header", long_header, true),
        ("many headers", many_headers, true),
        ("a stated length", stated, false),
        ("chunks", chunked, true),
        ("until close", until_close, true),
    ] {
        let error = outcome(answer.into_bytes(), limits).await.unwrap_err();
        assert_eq!(matches!(error, Error::TooLarge { .. }), too_large, "{shows}: {error:?}");
    }
    let fits = format!("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{}", "a".repeat(1000));
    assert_eq!(outcome(fits.into_bytes(), limits).await.unwrap().len(), 1000);
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

fn with_gzip(packed: &[u8]) -> Vec<u8> {
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", packed.len());
    [head.as_bytes(), packed].concat()
}

#[tokio::test]
async fn a_bomb_goes_off_at_the_limit_and_not_in_memory() {
    let limits = Limits { body_bytes_max: 1024 * 1024, ..crate::house::short() };
    let bomb = gzipped(&vec![0; 256 * 1024 * 1024]);
    assert!(bomb.len() < 512 * 1024);
    let error = outcome(with_gzip(&bomb), limits).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { what: "body", .. }), "{error:?}");
    // Many members that hold nothing: much travels, nothing comes out.
    let hollow = gzipped(b"").repeat(70_000);
    assert!(u64::try_from(hollow.len()).unwrap() > limits.body_bytes_max);
    let chunked = [b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n".as_slice(), &hollow].concat();
    let error = outcome(chunked, limits).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { what: "body", .. }), "{error:?}");
    let truncated = gzipped(b"hello hello hello");
    let error = outcome(with_gzip(&truncated[..truncated.len() - 6]), limits).await.unwrap_err();
    assert!(matches!(error, Error::Peer { .. }), "{error:?}");
}

/// A peer that sends `first`, and then nothing, and does not hang up.
async fn stalled(first: &'static [u8], limits: Limits) -> Error {
    let house = House::new();
    let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        stream.write_all(first).await.unwrap();
        std::future::pending::<()>().await;
    });
    let url = format!("http://api.test:{port}/").parse().unwrap();
    let scope = Scope { limits, ..scope(&["api.test"], port) };
    let error = match house.egress.request(Request::get(url), &scope).await {
        Ok(response) => response.body.collect().await.unwrap_err(),
        Err(error) => error,
    };
    server.abort();
    assert_eq!(house.memory.stages(), ["connecting", "failed"]);
    error
}

#[tokio::test]
async fn a_peer_that_stalls_is_left() {
    let soon = Duration::from_millis(50);
    let limits = Limits { head_timeout: soon, idle_timeout: soon, ..crate::house::short() };
    for (shows, first) in [
        ("before the head", b"".as_slice()),
        ("in the head", b"HTTP/1.1 200 OK\r\nContent-Le"),
        ("before the body", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"),
        ("in the body", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"),
        ("in a chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"),
    ] {
        let error = stalled(first, limits).await;
        assert!(matches!(error, Error::Timeout { .. }), "{shows}: {error:?}");
    }
}

#[tokio::test]
async fn a_peer_that_drips_is_left_when_the_whole_takes_too_long() {
    let house = House::new();
    let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n").await;
        let mut drip = tokio::time::interval(Duration::from_millis(20));
        while stream.write_all(b"x").await.is_ok() {
            drip.tick().await;
        }
    });
    let url = format!("http://api.test:{port}/").parse().unwrap();
    let limits = Limits { total_timeout: Duration::from_millis(300), ..crate::house::short() };
    let scope = Scope { limits, ..scope(&["api.test"], port) };
    let response = house.egress.request(Request::get(url), &scope).await.unwrap();
    let error = response.body.collect().await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    server.await.unwrap();
}

#[tokio::test]
async fn a_peer_that_never_finishes_tls_is_left() {
    let house = House::new();
    let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = format!("https://api.test:{port}/").parse().unwrap();
    let limits = Limits { connect_timeout: Duration::from_millis(50), ..crate::house::short() };
    let scope = Scope { limits, ..scope(&["api.test"], port) };
    let error = house.egress.request(Request::get(url), &scope).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    assert_eq!(house.memory.stages(), ["connecting", "failed"]);
}
