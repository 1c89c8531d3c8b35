//! A client for tests: HTTP over any stream, and raw bytes.

use crate::house::Running;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The code of an error.
    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_string()
    }
}

/// A request in the making.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

pub(crate) fn get(target: &str) -> Ask {
    ask("GET", target)
}

pub(crate) fn ask(method: &str, target: &str) -> Ask {
    Ask { method: method.to_string(), target: target.to_string(), headers: vec![], body: vec![] }
}

pub(crate) fn post(target: &str, body: &Value) -> Ask {
    ask("POST", target).header("content-type", "application/json").body(body.to_string())
}

impl Ask {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_string(), value.to_string()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// With a browser's cookie, as its own page sends it.
    pub(crate) fn cookie(self, running: &Running, cookie: &str) -> Self {
        let origin = format!("http://127.0.0.1:{}", running.port());
        self.header("cookie", cookie).header("origin", &origin).header("sec-fetch-site", "same-origin")
    }

    pub(crate) async fn send(self, running: &Running) -> Answer {
        let stream = connect(running.handle.address()).await;
        self.send_over(stream, &format!("127.0.0.1:{}", running.port())).await
    }

    pub(crate) async fn send_over<S>(self, stream: S, host: &str) -> Answer
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let driver = tokio::spawn(connection);
        let mut request = Request::builder().method(self.method.as_str()).uri(&self.target);
        if !self.headers.iter().any(|(name, _)| name == "host") {
            request = request.header(header::HOST, host);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::from(self.body))).unwrap();
        let (head, body) = sender.send_request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        driver.abort();
        Answer { status: head.status.as_u16(), headers: head.headers, body }
    }
}

#[expect(clippy::disallowed_methods, reason = "a test plays the client")]
pub(crate) async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

/// Sends bytes as they are and reads until the other side ends it.
pub(crate) async fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = connect(address).await;
    // The other side may have had enough before it has read everything.
    let _enough = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _reset = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// Takes a link as a browser does; the cookie as `name=value`.
pub(crate) async fn sign_in(running: &Running) -> String {
    let link = running.handle.sign_in_link().await.unwrap();
    let token = link.link.dangerous_reveal().split_once("#token=").unwrap().1.to_string();
    let answer = post("/api/v1/sign-in", &json!({"token": token})).send(running).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.header("set-cookie").split(';').next().unwrap().to_string()
}

/// Makes a token as the owner's page does.
pub(crate) async fn token(running: &Running, name: &str, scopes: &[&str], speaks_for: &str) -> String {
    let cookie = sign_in(running).await;
    let wanted = json!({"name": name, "scopes": scopes, "speaks_for": speaks_for});
    let answer = post("/api/v1/tokens", &wanted).cookie(running, &cookie).send(running).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    answer.json()["token"].as_str().unwrap().to_string()
}
