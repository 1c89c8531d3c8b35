//! WebSocket connections (RFC 6455), with a secret in a frame where a service wants it there.

use crate::client::Scope;
use crate::connect::{Deadline, Inside, reason};
use crate::record::Trace;
use crate::redact::Reader;
use crate::socket::Socket;
use crate::{Egress, Error, Limits, Request, Scheme, Url};
use bytes::Bytes;
use domain::SecretName;
use futures_util::{SinkExt, StreamExt};
use http::{HeaderValue, Method};
use std::borrow::Cow;
use std::sync::Arc;
use tokio::time::timeout_at;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::Error as WireError;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// The largest message either side may send, in bytes, unless the scope's body limit is smaller.
const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A message that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Bytes),
}

/// An open connection. Pings are answered while [`WebSocket::receive`] waits.
pub struct WebSocket {
    egress: Arc<Egress>,
    stream: WebSocketStream<Socket>,
    url: Url,
    who: String,
    limits: Limits,
    trace: Trace,
}

impl Egress {
    /// Opens a WebSocket: a GET request with its secrets and rules, whose URL is `http` for `ws` and `https` for `wss`.
    /// Redirects are not followed.
    ///
    /// # Errors
    ///
    /// As for [`Egress::request`]; [`Error::Peer`] when the server does not switch to WebSocket.
    pub async fn websocket(self: &Arc<Self>, request: Request, scope: &Scope) -> Result<WebSocket, Error> {
        let redactor = self.redactor()?;
        let opened = self.open_websocket(request, scope, &redactor).await;
        opened.map_err(|error| error.redacted(&redactor))
    }

    async fn open_websocket(
        self: &Arc<Self>,
        request: Request,
        scope: &Scope,
        redactor: &crate::Redactor,
    ) -> Result<WebSocket, Error> {
        let url = request.url.clone();
        let (mut trace, dressed, reach) = self.admit(&request, scope, redactor)?;
        if request.method != Method::GET || !request.body.is_empty() {
            let reason = "a WebSocket is opened by GET without a body";
            trace.refused("egress.request", reason);
            return Err(Error::Request { destination: url.authority(), reason });
        }
        let deadline = Deadline::after(scope.limits.connect_timeout);
        let socket = self.dialer.dial(&mut trace, &url.destination, url.port, reach, deadline).await?;
        let opened = async {
            let socket = match url.scheme {
                Scheme::Http => Socket::Plain(socket),
                Scheme::Https => {
                    let (to, trust) = (&url.destination, scope.rules.trust());
                    self.dialer.wrap(socket, to, url.port, Inside::Http, trust, deadline).await?
                }
            };
            let handshake = handshake(&dressed.url, dressed.headers)?;
            let largest =
                usize::try_from(scope.limits.body_bytes_max).unwrap_or(usize::MAX).min(MESSAGE_BYTES_MAX);
            let config =
                WebSocketConfig::default().max_message_size(Some(largest)).max_frame_size(Some(largest));
            let opening = tokio_tungstenite::client_async_with_config(handshake, socket, Some(config));
            match timeout_at(deadline.at, opening).await {
                Ok(Ok((stream, _answer))) => Ok(stream),
                Ok(Err(error)) => Err(broken("open a WebSocket to", &url, &error)),
                Err(_) => Err(deadline.passed("open a WebSocket to", &url.destination, url.port)),
            }
        };
        let stream = opened.await.inspect_err(|error| trace.failed(&reason(error)))?;
        Ok(WebSocket {
            egress: Arc::clone(self),
            stream,
            url,
            who: scope.who.clone(),
            limits: scope.limits,
            trace,
        })
    }
}

impl WebSocket {
    /// Sends text; secrets of other hosts in it are redacted.
    ///
    /// # Errors
    ///
    /// [`Error::Peer`] and [`Error::Timeout`] when it cannot be sent; [`Error::Secret`] when the vault cannot be read.
    pub async fn send(&mut self, text: &str) -> Result<(), Error> {
        let clean = self.cleaned(text)?;
        self.put(Utf8Bytes::from(clean)).await
    }

    /// Sends text with `secret`, as in a JSON string, in the place of `marker`, which stands in it exactly once.
    ///
    /// # Errors
    ///
    /// As for [`WebSocket::send`]; [`Error::Secret`] when the secret is not for this host; [`Error::Request`] when
    /// the marker is not there exactly once, or the secret would travel in the clear.
    pub async fn send_with_secret(
        &mut self,
        text: &str,
        marker: &str,
        secret: &SecretName,
    ) -> Result<(), Error> {
        let failed = |reason| Error::Request { destination: self.url.authority(), reason };
        let clean = self.cleaned(text)?;
        let host =
            self.url.destination.name().ok_or_else(|| failed("a secret goes only to a host with a name"))?;
        if self.url.scheme == Scheme::Http && !self.stream.get_ref().is_loopback() {
            return Err(failed("a secret would travel in the clear"));
        }
        let missing = "its text does not have the marker exactly once";
        let (before, behind) =
            clean.split_once(marker).filter(|_| !marker.is_empty()).ok_or_else(|| failed(missing))?;
        if behind.contains(marker) {
            return Err(failed(missing));
        }
        let whole = self.egress.vault.with(secret, host, &self.who, |value| {
            let quoted = zeroize::Zeroizing::new(serde_json::to_string(value).unwrap_or_default());
            let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default();
            [before, inner, behind].concat()
        })?;
        let held = self.trace.lent(secret, &self.egress.lent, self.stream.get_ref().tcp());
        held.map_err(|source| Error::Connect { destination: self.url.authority(), source })?;
        self.put(Utf8Bytes::from(whole)).await
    }

    /// The next message; `None` when the other side closed. Giving up waiting loses nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`] when nothing, not even a ping, came within the idle limit; [`Error::TooLarge`];
    /// [`Error::Peer`] when the connection or the protocol broke.
    pub async fn receive(&mut self) -> Result<Option<Frame>, Error> {
        loop {
            let deadline = Deadline::after(self.limits.idle_timeout);
            let next = match timeout_at(deadline.at, self.stream.next()).await {
                Ok(next) => next,
                Err(_) => {
                    let error =
                        deadline.passed("wait for a message of", &self.url.destination, self.url.port);
                    return Err(self.failed(error));
                }
            };
            match next {
                None | Some(Ok(Message::Close(_)) | Err(WireError::ConnectionClosed)) => {
                    self.trace.closed(None);
                    return Ok(None);
                }
                Some(Ok(Message::Text(text))) => return Ok(Some(Frame::Text(text.as_str().to_string()))),
                Some(Ok(Message::Binary(bytes))) => return Ok(Some(Frame::Binary(bytes))),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Err(error)) => {
                    let error = broken("read a message of", &self.url, &error);
                    return Err(self.failed(error));
                }
            }
        }
    }

    /// Says goodbye and hangs up.
    pub async fn close(mut self) {
        let deadline = Deadline::after(self.limits.connect_timeout);
        // A peer that does not answer the goodbye is left without it.
        let _ = timeout_at(deadline.at, self.stream.close(None)).await;
        self.trace.closed(None);
    }

    fn cleaned(&self, text: &str) -> Result<String, Error> {
        let redactor = self.egress.redactor()?;
        let reader = self.url.destination.name().map_or(Reader::Anyone, Reader::Host);
        Ok(match redactor.redact_bytes(text.as_bytes(), reader) {
            Cow::Borrowed(_) => text.to_string(),
            Cow::Owned(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        })
    }

    async fn put(&mut self, text: Utf8Bytes) -> Result<(), Error> {
        let deadline = Deadline::after(self.limits.idle_timeout);
        let sent = timeout_at(deadline.at, self.stream.send(Message::Text(text))).await;
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                let error = broken("send a message to", &self.url, &error);
                Err(self.failed(error))
            }
            Err(_) => {
                let error = deadline.passed("send a message to", &self.url.destination, self.url.port);
                Err(self.failed(error))
            }
        }
    }

    fn failed(&mut self, error: Error) -> Error {
        self.trace.failed(&reason(&error));
        error
    }
}

/// What opens a WebSocket: the headers of the request, and those of RFC 6455 §4.1.
fn handshake(url: &Url, headers: http::HeaderMap) -> Result<http::Request<()>, Error> {
    let scheme = match url.scheme {
        Scheme::Http => "ws",
        Scheme::Https => "wss",
    };
    let failed =
        |_| Error::Request { destination: url.authority(), reason: "its URL is not one for a WebSocket" };
    let text = format!("{scheme}://{}{}", url.authority(), url.path_and_query());
    let mut request = text.into_client_request().map_err(failed)?;
    for (name, value) in headers {
        if let Some(name) = name.filter(|name| *name != http::header::ACCEPT_ENCODING) {
            request.headers_mut().insert(name, value);
        }
    }
    let host = HeaderValue::from_str(&url.authority());
    let host = host.map_err(|_| Error::Request {
        destination: url.authority(),
        reason: "its host is not one for HTTP",
    })?;
    request.headers_mut().insert(http::header::HOST, host);
    Ok(request)
}

/// An error of the protocol, without what the peer said: an answer may repeat what was sent.
fn broken(step: &'static str, url: &Url, error: &WireError) -> Error {
    let reason = match error {
        WireError::ConnectionClosed | WireError::AlreadyClosed => "the connection was closed".to_string(),
        WireError::Io(error) => error.to_string(),
        WireError::Tls(_) => "TLS broke".to_string(),
        WireError::Capacity(_) => "a message is larger than the limit".to_string(),
        WireError::Protocol(error) => error.to_string(),
        WireError::WriteBufferFull(_) => "it takes nothing".to_string(),
        WireError::Utf8(_) => "a text is not UTF-8".to_string(),
        WireError::AttackAttempt => "an attack was recognized".to_string(),
        WireError::Url(_) | WireError::HttpFormat(_) => "the request is not one for a WebSocket".to_string(),
        WireError::Http(answer) => format!("it answered {}", answer.status().as_u16()),
    };
    Error::Peer { step, destination: url.authority(), reason }
}

impl std::fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebSocket").field("url", &self.url).finish_non_exhaustive()
    }
}
