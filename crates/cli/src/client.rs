//! Talks to the running Hardshell over its unix socket, where the kernel says who we are.

use crate::problem::Problem;
use futures_util::{SinkExt as _, StreamExt as _};
use gateway::wire;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};
use tokio::net::UnixStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// The longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Where the socket is, below the home.
pub const SOCKET: &str = "run/hardshell.sock";

/// A way to the running Hardshell.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
}

impl Client {
    /// The one of the home at `root`.
    pub fn of(root: &Path) -> Self {
        Self { socket: root.join(SOCKET) }
    }

    /// Whether somebody answers there.
    pub async fn is_there(&self) -> bool {
        UnixStream::connect(&self.socket).await.is_ok()
    }

    async fn connect(&self) -> Result<UnixStream, Problem> {
        UnixStream::connect(&self.socket)
            .await
            .map_err(|source| Problem::NotRunning { socket: self.socket.clone(), source })
    }

    /// Gets `path`.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Problem> {
        self.ask("GET", path, None).await
    }

    /// Posts `body` to `path`.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Problem> {
        let body = serde_json::to_vec(body).map_err(Problem::Answer)?;
        self.ask("POST", path, Some(body)).await
    }

    /// Deletes `path`.
    pub async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, Problem> {
        self.ask("DELETE", path, None).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<T, Problem> {
        let stream = self.connect().await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let request =
            request.body(Full::new(Bytes::from(body.unwrap_or_default()))).map_err(Problem::Request)?;
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = http_body_util::Limited::new(response.into_body(), ANSWER_BYTES_MAX);
        let body =
            body.collect().await.map_err(|error| Problem::TooLong { why: error.to_string() })?.to_bytes();
        if status.is_success() {
            let body = if body.is_empty() { Bytes::from_static(b"null") } else { body };
            return serde_json::from_slice(&body).map_err(Problem::Answer);
        }
        let error: wire::ErrorBody = serde_json::from_slice(&body).map_err(Problem::Answer)?;
        Err(Problem::Refused(Box::new(error.error)))
    }

    /// Follows events, from the newest on.
    pub async fn follow(&self) -> Result<Following, Problem> {
        let stream = self.connect().await?;
        let (mut socket, _) =
            tokio_tungstenite::client_async("ws://localhost/api/v1/ws", stream).await.map_err(Box::new)?;
        let hello = serde_json::json!({"type": "hello"});
        socket.send(Message::text(hello.to_string())).await.map_err(Box::new)?;
        let mut following = Following { socket };
        match following.next().await? {
            Some(wire::ServerFrame::Welcome { .. }) => Ok(following),
            Some(wire::ServerFrame::Error { error, about: _ }) => Err(Problem::Refused(Box::new(error))),
            Some(wire::ServerFrame::Event(_) | wire::ServerFrame::Pong { .. }) | None => {
                Err(Problem::NoWelcome)
            }
        }
    }
}

/// Events as they come.
pub struct Following {
    socket: WebSocketStream<UnixStream>,
}

impl Following {
    /// The next frame; nothing when Hardshell stops. Safe to cancel.
    pub async fn next(&mut self) -> Result<Option<wire::ServerFrame>, Problem> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    return serde_json::from_str(&text).map(Some).map_err(Problem::Answer);
                }
                Some(Ok(Message::Close(_))) | None => return Ok(None),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Binary(_) | Message::Frame(_))) => {}
                Some(Err(error)) => return Err(Box::new(error).into()),
            }
        }
    }
}
