//! What an ordinary request and an ordinary answer look like.

use crate::house::{House, Server, ok, scope, tls};
use egress::{Bytes, Credential, Error, HeaderValue, Method, Place, Request, StatusCode, header};
use std::io::Write;

#[tokio::test]
async fn a_request_goes_out_and_its_answer_comes_back_and_both_are_recorded() {
    let house = House::new();
    let server = Server::answering(|_| ok("hello")).await;
    let url = format!("http://api.test:{}/a/b?c=d", server.port).parse().unwrap();
    let response = house
        .egress
        .request(Request::post(url, "text/plain", "ping"), &scope(&["api.test"], server.port))
        .await
        .unwrap();
    assert_eq!(response.status, StatusCode::OK);
    assert_eq!(response.body.collect().await.unwrap(), "hello");
    let request = server.requests().remove(0);
    for line in [
        "POST /a/b?c=d HTTP/1.1\r\n",
        &format!("host: api.test:{}\r\n", server.port),
        "content-length: 4\r\n",
        "\r\n\r\nping",
    ] {
        assert!(request.contains(line), "{request}");
    }
    assert_eq!(house.memory.stages(), ["connecting", "closed 200"]);
    let records = house.memory.records();
    let last = records.last().unwrap();
    assert_eq!(
        (last.who.as_str(), last.port, last.method.clone()),
        ("a test", server.port, Some(Method::POST))
    );
    assert_eq!((last.path.as_deref(), last.address), (Some("/a/b"), Some(crate::house::LOOPBACK)));
    assert_eq!(last.sent_bytes, request.len() as u64);
    assert_eq!(last.received_bytes, ok("hello").len() as u64);
    assert_eq!(records[0].number, last.number);
}

#[tokio::test]
async fn tls_is_spoken_for_the_name_and_with_no_other() {
    let (settings, acceptor) = tls(&["api.test"]);
    let house = House::with(settings);
    let server = Server::over_tls(acceptor, |_| ok("hello")).await;
    let scope = scope(&["api.test", "other.test"], server.port);
    let get = |name: &str| Request::get(format!("https://{name}:{}/", server.port).parse().unwrap());
    let response = house.egress.request(get("api.test"), &scope).await.unwrap();
    assert_eq!(response.body.collect().await.unwrap(), "hello");
    let error = house.egress.request(get("other.test"), &scope).await.unwrap_err();
    assert!(matches!(error, Error::Tls { .. }), "{error}");
    assert_eq!(house.memory.stages(), ["connecting", "closed 200", "connecting", "failed"]);
}

#[tokio::test]
async fn an_authority_that_is_not_trusted_is_refused() {
    let (_, acceptor) = tls(&["api.test"]);
    let house = House::new();
    let server = Server::over_tls(acceptor, |_| ok("hello")).await;
    let url = format!("https://api.test:{}/", server.port).parse().unwrap();
    let error =
        house.egress.request(Request::get(url), &scope(&["api.test"], server.port)).await.unwrap_err();
    assert!(matches!(error, Error::Tls { .. }), "{error}");
    assert!(!server.requests().iter().any(|request| request.contains("GET")));
}

#[tokio::test]
async fn a_body_streams_piece_by_piece() {
    let house = House::new();
    let (send, receive) = tokio::sync::mpsc::unbounded_channel::<&'static str>();
    let listener = tokio::net::TcpListener::bind((crate::house::LOOPBACK, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        let mut receive = receive;
        let (mut stream, _) = listener.accept().await.unwrap();
        crate::house::read_request(&mut stream).await;
        stream
            .write_all(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
            )
            .await
            .unwrap();
        while let Some(text) = receive.recv().await {
            stream.write_all(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes()).await.unwrap();
        }
        stream.write_all(b"0\r\n\r\n").await.unwrap();
    });
    let url = format!("http://api.test:{port}/").parse().unwrap();
    let mut response = house.egress.request(Request::get(url), &scope(&["api.test"], port)).await.unwrap();
    for text in ["data: one\n\n", "data: two\n\n"] {
        send.send(text).unwrap();
        assert_eq!(response.body.chunk().await.unwrap(), Some(Bytes::from(text)));
    }
    drop(send);
    assert_eq!(response.body.chunk().await.unwrap(), None);
    assert_eq!(response.body.chunk().await.unwrap(), None);
    server.await.unwrap();
    assert_eq!(house.memory.stages(), ["connecting", "closed 200"]);
}

#[tokio::test]
async fn a_compressed_body_comes_out_plain() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all("compressed ".repeat(5000).as_bytes()).unwrap();
    let packed = gzip.finish().unwrap();
    let house = House::new();
    let server = Server::answering(move |request| {
        assert!(request.contains("accept-encoding: gzip\r\n"), "{request}");
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", packed.len());
        [head.as_bytes(), &packed].concat()
    })
    .await;
    let url = format!("http://api.test:{}/", server.port).parse().unwrap();
    let response = house.egress.request(Request::get(url), &scope(&["api.test"], server.port)).await.unwrap();
    assert!(!response.headers.contains_key(header::CONTENT_ENCODING));
    assert_eq!(response.body.collect().await.unwrap(), "compressed ".repeat(5000));
}

#[tokio::test]
async fn a_request_that_would_mean_two_things_is_not_sent() {
    let house = House::new();
    let server = Server::answering(|_| ok("hello")).await;
    let url = || format!("http://api.test:{}/", server.port).parse().unwrap();
    let with = |name, value: &'static str| Request::get(url()).header(name, HeaderValue::from_static(value));
    for request in [
        with(header::HOST, "other.test"),
        with(header::CONTENT_LENGTH, "5"),
        with(header::TRANSFER_ENCODING, "chunked"),
        with(header::CONNECTION, "upgrade"),
        with(header::UPGRADE, "websocket"),
        with(header::EXPECT, "100-continue"),
        with(header::TE, "trailers"),
        with(header::PROXY_AUTHORIZATION, "Basic x"),
        with(header::ACCEPT_ENCODING, "br"),
        Request::get(url()).credential(Credential {
            secret: "api-key".parse().unwrap(),
            place: Place::Header { name: header::HOST, prefix: String::new() },
        }),
        Request { method: Method::CONNECT, ..Request::get(url()) },
        Request { method: Method::TRACE, ..Request::get(url()) },
    ] {
        let shown = format!("{:?}", request.headers);
        let error = house.egress.request(request, &scope(&["api.test"], server.port)).await.unwrap_err();
        assert!(matches!(error, Error::Request { .. }), "{shown}: {error}");
    }
    assert_eq!(server.requests(), Vec::<String>::new());
    assert!(house.memory.stages().iter().all(|stage| stage == "refused egress.request"));
}

#[tokio::test]
async fn a_body_that_is_let_go_closes_the_connection() {
    let house = House::new();
    let server = Server::answering(|_| {
        [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n".as_slice(), &[b'x'; 100]].concat()
    })
    .await;
    let url = format!("http://api.test:{}/", server.port).parse().unwrap();
    drop(house.egress.request(Request::get(url), &scope(&["api.test"], server.port)).await.unwrap());
    assert_eq!(house.memory.stages(), ["connecting", "closed 200"]);
}

#[tokio::test]
async fn where_nobody_listens_there_is_an_error_and_a_record() {
    let house = House::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let url = format!("http://api.test:{port}/").parse().unwrap();
    let error = house.egress.request(Request::get(url), &scope(&["api.test"], port)).await.unwrap_err();
    assert!(matches!(error, Error::Connect { .. }), "{error}");
    assert_eq!(house.memory.stages(), ["connecting", "failed"]);
}
