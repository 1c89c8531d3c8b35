//! Speaks HTTP and WebSocket over the home's unix socket, as programs of the owner's do.

use futures_util::{SinkExt as _, StreamExt as _};
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::error::Error;
use std::path::{Path, PathBuf};
use tokio::net::UnixStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// Where a home is spoken to.
#[derive(Clone)]
pub struct Client {
    socket: PathBuf,
}

type Gone = Box<dyn Error + Send + Sync>;

impl Client {
    pub fn of(home: &Path) -> Self {
        Self { socket: home.join("run/hardshell.sock") }
    }

    /// One request. An error means that nobody knows whether it was heard.
    pub async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Result<(u16, Value), Gone> {
        let stream = UnixStream::connect(&self.socket).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body.map(|body| body.to_string()).unwrap_or_default())))?;
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await?.to_bytes();
        connection.abort();
        Ok((status, if body.is_empty() { Value::Null } else { serde_json::from_slice(&body)? }))
    }

    /// The body of an answer that is no JSON.
    pub async fn text(&self, path: &str) -> String {
        let request = Request::get(path).header("host", "localhost").body(Full::new(Bytes::new())).unwrap();
        self.text_of(request).await
    }

    /// The body of the answer to a document, as it stands.
    pub async fn post_for_text(&self, path: &str, body: &Value) -> String {
        let request = Request::post(path)
            .header("host", "localhost")
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body.to_string())))
            .unwrap();
        self.text_of(request).await
    }

    async fn text_of(&self, request: Request<Full<Bytes>>) -> String {
        let path = request.uri().to_string();
        let stream = UnixStream::connect(&self.socket).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let connection = tokio::spawn(connection);
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.status().as_u16(), 200, "{path}");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        connection.abort();
        String::from_utf8(body.to_vec()).unwrap()
    }

    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", path, None).await.unwrap();
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    pub async fn post(&self, path: &str, body: Value) -> Value {
        let (status, body) = self.ask("POST", path, Some(body)).await.unwrap();
        assert!((200..300).contains(&status), "{path}: {status} {body}");
        body
    }

    /// Follows events, from the next one on.
    pub async fn follow(&self) -> Following {
        let stream = UnixStream::connect(&self.socket).await.unwrap();
        let (mut socket, _) =
            tokio_tungstenite::client_async("ws://localhost/api/v1/ws", stream).await.unwrap();
        socket.send(Message::text(r#"{"type":"hello"}"#)).await.unwrap();
        let mut following = Following { socket };
        assert_eq!(following.next().await.unwrap()["type"], "welcome");
        following
    }
}

/// Events as they come.
pub struct Following {
    socket: WebSocketStream<UnixStream>,
}

impl Following {
    /// Sends a frame to the house, which may be gone.
    pub async fn say(&mut self, frame: &Value) {
        let _gone = self.socket.send(Message::text(frame.to_string())).await;
    }

    /// The next frame; nothing when the other side is gone. Safe to cancel.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            match self.socket.next().await? {
                Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Binary(_) | Message::Frame(_)) => {}
            }
        }
    }
}
