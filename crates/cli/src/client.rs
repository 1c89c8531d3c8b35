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
use std::time::Duration;
use tokio::net::UnixStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// The longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// How long is waited before a connection that broke at its beginning is tried again.
const AGAIN_AFTER: [Duration; 3] =
    [Duration::from_millis(20), Duration::from_millis(100), Duration::from_millis(500)];

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
        self.follow_from(None).await
    }

    /// Follows events again where `lost` ended, from the next one on if it is still kept.
    /// A Hardshell that is going away may still take a connection, and drops it: a broken one is tried again.
    pub async fn follow_again(&self, lost: &Following) -> Result<Following, Problem> {
        for pause in AGAIN_AFTER {
            match self.follow_from(Some(lost.seq)).await {
                Err(Problem::Socket(_) | Problem::Closed { .. }) => tokio::time::sleep(pause).await,
                followed => return followed,
            }
        }
        self.follow_from(Some(lost.seq)).await
    }

    async fn follow_from(&self, after: Option<u64>) -> Result<Following, Problem> {
        let stream = self.connect().await?;
        let (mut socket, _) =
            tokio_tungstenite::client_async("ws://localhost/api/v1/ws", stream).await.map_err(Box::new)?;
        let hello = match after {
            Some(after) => serde_json::json!({"type": "hello", "after": after}),
            None => serde_json::json!({"type": "hello"}),
        };
        socket.send(Message::text(hello.to_string())).await.map_err(Box::new)?;
        let mut following = Following { socket, seq: 0, is_whole: true, closed: None };
        match following.next().await? {
            Some(wire::ServerFrame::Welcome { seq, resumed, version: _ }) => {
                following.seq = after.filter(|_| resumed).unwrap_or(seq);
                following.is_whole = resumed;
                Ok(following)
            }
            Some(wire::ServerFrame::Error { error, about: _ }) => Err(Problem::Refused(Box::new(error))),
            Some(wire::ServerFrame::Event(_) | wire::ServerFrame::Pong { .. }) => Err(Problem::NoWelcome),
            None => Err(following.ended()),
        }
    }
}

/// Events as they come.
pub struct Following {
    socket: WebSocketStream<UnixStream>,
    /// The number of the last event that came.
    seq: u64,
    /// Whether no event is missing since the last time.
    pub is_whole: bool,
    /// Why Hardshell closed it, in its words.
    closed: Option<String>,
}

impl Following {
    /// That it was closed, and why.
    pub fn ended(&self) -> Problem {
        let why = self.closed.clone().unwrap_or_else(|| "the connection was closed".to_string());
        Problem::Closed { why }
    }

    /// The next frame; nothing when Hardshell closed it. Safe to cancel.
    pub async fn next(&mut self) -> Result<Option<wire::ServerFrame>, Problem> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    let frame = serde_json::from_str(&text).map_err(Problem::Answer)?;
                    if let wire::ServerFrame::Event(event) = &frame {
                        self.seq = event.seq;
                    }
                    return Ok(Some(frame));
                }
                Some(Ok(Message::Close(frame))) => {
                    let why = frame.map(|frame| frame.reason.to_string());
                    self.closed = why.filter(|why| !why.is_empty());
                    return Ok(None);
                }
                None => return Ok(None),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Binary(_) | Message::Frame(_))) => {}
                // It was killed, or its machine went down: it says no good-bye.
                Some(Err(
                    tokio_tungstenite::tungstenite::Error::Io(_)
                    | tokio_tungstenite::tungstenite::Error::Protocol(
                        tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
                    ),
                )) => return Ok(None),
                Some(Err(error)) => return Err(Box::new(error).into()),
            }
        }
    }
}
