//! `/api/v1/ws`: events as they happen, and messages in.
//!
//! A socket holds no queue of its own: it reads the house's events at its own pace, and one that falls behind what is
//! kept is closed with a reason.

mod bucket;
mod frames;

use crate::events::{Audience, KeptEvent, Look};
use crate::gate::Peer;
use crate::live::Leash;
use crate::metrics::Why;
use crate::refusal::Refusal;
use crate::shared::Shared;
use crate::wire::{ClientFrame, ErrorCode, FRAME_BYTES_MAX, ServerFrame, VERSION, close};
use crate::{Caller, Scope};
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, State};
use axum::response::Response;
use bucket::Bucket;

use bytes::Bytes;
use domain::Role;
use futures_util::SinkExt;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_tungstenite::tungstenite;

/// The buffer that a socket reads into: most frames are small, and there may be thousands of sockets.
const READ_BUFFER_BYTES: usize = 4 * 1024;
/// How much may wait to be written; above any event, since only one is written at a time.
const WRITE_BUFFER_BYTES_MAX: usize = 32 * 1024 * 1024;
/// How long the other side may take to answer a close.
const CLOSE_TIME: Duration = Duration::from_secs(1);
/// A frame that cannot be read costs as much as so many good ones.
const BROKEN_FRAME_COST: u32 = 10;

pub(crate) async fn open(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Extension(peer): Extension<Peer>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Refusal> {
    let upgrade = upgrade.map_err(|error| {
        Refusal::invalid(format!("this is a WebSocket: {}", error.body_text()))
            .hint("connect with a WebSocket client, RFC 6455 version 13")
    })?;
    let Some(leash) = shared.live.leash(&caller, &shared.clock) else {
        return Err(Refusal::new(ErrorCode::NotSignedIn, "the sign-in was taken back"));
    };
    let upgrade = upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BUFFER_BYTES_MAX)
        .max_message_size(FRAME_BYTES_MAX)
        .max_frame_size(FRAME_BYTES_MAX);
    Ok(upgrade.on_upgrade(move |socket| async move {
        shared.metrics.sockets.inc();
        let counted = Counted(Arc::clone(&shared));
        // The slot is held for as long as the socket lives.
        let _slot = peer.slot;
        Session::new(shared, caller, socket).run(leash).await;
        drop(counted);
    }))
}

struct Counted(Arc<Shared>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.metrics.sockets.dec();
    }
}

/// Why a socket ends.
enum End {
    /// The other side is gone, or said goodbye.
    Gone,
    /// We close it.
    Close { code: u16, why: &'static str, word: &'static str },
}

const GOING_AWAY: End = End::Close { code: 1001, why: "the program stops", word: "stopping" };
const PROTOCOL: End = End::Close { code: 1002, why: "the frame breaks RFC 6455", word: "protocol" };
const NOT_TEXT: End = End::Close { code: 1003, why: "frames are text: JSON objects", word: "not_text" };
const TOO_BIG: End = End::Close { code: 1009, why: "the frame is over 1048576 bytes", word: "too_big" };
const NO_HELLO: End = End::Close {
    code: close::NO_HELLO,
    why: "the first frame must be `hello`, and come in time",
    word: "no_hello",
};
const TOO_SLOW: End =
    End::Close { code: close::TOO_SLOW, why: "you read more slowly than events come", word: "too_slow" };
const TOO_MANY: End =
    End::Close { code: close::TOO_MANY, why: "too many frames in a short time", word: "too_many" };
const SILENT: End = End::Close { code: close::SILENT, why: "nothing was heard for too long", word: "silent" };

/// A frame that is being carried out; what it ends in is sent, if anything is.
type Pending = BoxFuture<'static, Option<ServerFrame>>;

struct Session {
    shared: Arc<Shared>,
    caller: Caller,
    socket: WebSocket,
    /// The number of the last event that was sent, or skipped because it is not for this caller.
    cursor: u64,
    bucket: Bucket,
    heard: Instant,
}

impl Session {
    fn new(shared: Arc<Shared>, caller: Caller, socket: WebSocket) -> Self {
        let bucket = Bucket::new(shared.limits.frames_per_second, shared.limits.frames_burst);
        Self { shared, caller, socket, cursor: 0, bucket, heard: Instant::now() }
    }

    async fn run(mut self, mut leash: Leash) {
        let mut stopping = self.shared.stopping.clone();
        let end = tokio::select! {
            why = leash.ended() => End::Close { code: close::SIGNED_OUT, why, word: "signed_out" },
            _ = stopping.wait_for(|stopping| *stopping) => GOING_AWAY,
            end = self.serve() => end,
        };
        if let End::Close { code, why, word } = end {
            self.shared.metrics.sockets_dropped.get_or_create(&Why { why: word }).inc();
            tracing::debug!(code, why, caller = self.caller.id(), "closing a socket");
            self.say_goodbye(code, why).await;
        }
    }

    async fn serve(&mut self) -> End {
        match self.greet().await {
            Ok(()) => {}
            Err(end) => return end,
        }
        match self.follow().await {
            Ok(()) => End::Gone,
            Err(end) => end,
        }
    }

    /// Waits for `hello` and answers it.
    async fn greet(&mut self) -> Result<(), End> {
        let first = tokio::time::timeout(self.shared.limits.hello_time, self.receive());
        let text = match first.await {
            Ok(text) => text?,
            Err(_elapsed) => return Err(NO_HELLO),
        };
        let after = match ClientFrame::parse(&text) {
            Ok(ClientFrame::Hello { after }) => after,
            Ok(
                ClientFrame::Send { .. }
                | ClientFrame::Cancel { .. }
                | ClientFrame::Answer { .. }
                | ClientFrame::Ping { .. },
            )
            | Err(_) => return Err(NO_HELLO),
        };
        let events = Arc::clone(self.shared.house.events());
        let seq = events.newest();
        let (cursor, resumed) = match after {
            None => (seq, true),
            Some(after) => match events.after(after) {
                Look::Next(_) => (after, true),
                Look::Missed => (seq, false),
            },
        };
        self.cursor = cursor;
        self.send(&ServerFrame::Welcome { version: VERSION, seq, resumed }).await
    }

    /// Sends events and carries out frames until either side ends it.
    async fn follow(&mut self) -> Result<(), End> {
        let mut newest: watch::Receiver<u64> = self.shared.house.events().watch();
        newest.mark_changed();
        let every = self.shared.limits.ping_every;
        let first = Instant::now().checked_add(every).unwrap_or_else(Instant::now);
        let mut ticks = interval_at(first, every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut pending: Option<Pending> = None;
        loop {
            let busy = pending.is_some();
            let carried_out = async {
                match pending.as_mut() {
                    Some(pending) => pending.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                answer = carried_out => {
                    pending = None;
                    if let Some(frame) = answer {
                        self.send(&frame).await?;
                    }
                }
                // While a frame is carried out no other is read: the client feels the pressure.
                received = self.socket.recv(), if !busy => {
                    if let Some(text) = self.took(received)? {
                        pending = self.frame(&text).await?;
                    }
                }
                _ = ticks.tick() => self.tick().await?,
                changed = newest.changed() => {
                    if changed.is_err() {
                        return Err(GOING_AWAY);
                    }
                    if self.send_events().await? {
                        newest.mark_changed();
                    }
                }
            }
        }
    }

    /// Sends the next events; true when there may be more.
    async fn send_events(&mut self) -> Result<bool, End> {
        let next = match self.shared.house.events().after(self.cursor) {
            Look::Next(next) => next,
            Look::Missed => return Err(TOO_SLOW),
        };
        let more = !next.is_empty();
        for event in next {
            self.cursor = event.seq;
            if self.may_see(&event) {
                self.write(Message::Text(Utf8Bytes::from(&*event.text)), Flush::Later).await?;
            }
        }
        self.flush().await?;
        Ok(more)
    }

    fn may_see(&self, event: &KeptEvent) -> bool {
        let kind = match event.audience {
            Audience::Readers => true,
            Audience::Auditors => self.caller.may(Scope::Audit),
            Audience::Owner => self.caller.principal().role == Role::Owner,
        };
        let session = match (&event.session, self.caller.principal().role) {
            (_, Role::Owner) | (None, _) => true,
            (Some(session), Role::Member | Role::Guest | Role::House) => {
                self.shared.house.may_see(&self.caller, session)
            }
        };
        kind && session
    }

    async fn tick(&mut self) -> Result<(), End> {
        if self.heard.elapsed() > self.shared.limits.silence_time {
            return Err(SILENT);
        }
        self.write(Message::Ping(Bytes::new()), Flush::Now).await
    }

    /// The next text frame.
    async fn receive(&mut self) -> Result<Utf8Bytes, End> {
        loop {
            let received = self.socket.recv().await;
            if let Some(text) = self.took(received)? {
                return Ok(text);
            }
        }
    }

    fn took(&mut self, received: Option<Result<Message, axum::Error>>) -> Result<Option<Utf8Bytes>, End> {
        let message = match received {
            None => return Err(End::Gone),
            Some(Ok(message)) => message,
            Some(Err(error)) => return Err(broken(error)),
        };
        self.heard = Instant::now();
        if !self.bucket.take(1) {
            return Err(TOO_MANY);
        }
        match message {
            Message::Text(text) => Ok(Some(text)),
            Message::Binary(_) => Err(NOT_TEXT),
            Message::Ping(_) | Message::Pong(_) => Ok(None),
            Message::Close(_) => Err(End::Gone),
        }
    }

    /// Begins to carry out one frame.
    async fn frame(&mut self, text: &str) -> Result<Option<Pending>, End> {
        let frame = match ClientFrame::parse(text) {
            Ok(frame) => frame,
            Err(error) => {
                if !self.bucket.take(BROKEN_FRAME_COST) {
                    return Err(TOO_MANY);
                }
                let error =
                    Refusal::invalid(error.to_string()).hint("`docs/api.md` shows every frame").error();
                self.send(&ServerFrame::Error { about: None, error }).await?;
                return Ok(None);
            }
        };
        match frame {
            ClientFrame::Ping { id } => {
                self.send(&ServerFrame::Pong { id }).await?;
                Ok(None)
            }
            ClientFrame::Hello { after: _ } => {
                let error = Refusal::invalid("`hello` comes once, first").error();
                self.send(&ServerFrame::Error { about: None, error }).await?;
                Ok(None)
            }
            ClientFrame::Send { .. } | ClientFrame::Cancel { .. } | ClientFrame::Answer { .. } => {
                let (shared, caller) = (Arc::clone(&self.shared), self.caller.clone());
                Ok(Some(Box::pin(frames::carry_out(shared, caller, frame))))
            }
        }
    }

    async fn send(&mut self, frame: &ServerFrame) -> Result<(), End> {
        match serde_json::to_string(frame) {
            Ok(text) => self.write(Message::Text(text.into()), Flush::Now).await,
            Err(error) => {
                tracing::error!(%error, "a frame cannot be written as JSON");
                Err(End::Close { code: 1011, why: "the answer could not be written", word: "failed" })
            }
        }
    }

    async fn write(&mut self, message: Message, flush: Flush) -> Result<(), End> {
        let limit = self.shared.limits.write_stall_time;
        let written = match flush {
            Flush::Now => tokio::time::timeout(limit, self.socket.send(message)).await,
            Flush::Later => tokio::time::timeout(limit, self.socket.feed(message)).await,
        };
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(broken(error)),
            Err(_elapsed) => Err(TOO_SLOW),
        }
    }

    async fn flush(&mut self) -> Result<(), End> {
        let limit = self.shared.limits.write_stall_time;
        match tokio::time::timeout(limit, SinkExt::<Message>::flush(&mut self.socket)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(broken(error)),
            Err(_elapsed) => Err(TOO_SLOW),
        }
    }

    /// Says why, and waits a moment for the other side, so that the reason is not lost with the connection.
    async fn say_goodbye(mut self, code: u16, why: &'static str) {
        let frame = CloseFrame { code, reason: Utf8Bytes::from_static(why) };
        let goodbye = async {
            if self.socket.send(Message::Close(Some(frame))).await.is_ok() {
                while let Some(Ok(_)) = self.socket.recv().await {}
            }
        };
        // Whoever does not answer in time is cut off.
        let _answered_or_not = tokio::time::timeout(CLOSE_TIME, goodbye).await;
    }
}

/// Whether a message goes out at once or with the ones behind it.
#[derive(Clone, Copy)]
enum Flush {
    Now,
    Later,
}

fn broken(error: axum::Error) -> End {
    match error.into_inner().downcast_ref::<tungstenite::Error>() {
        Some(tungstenite::Error::Capacity(_)) => TOO_BIG,
        Some(tungstenite::Error::Io(error)) if error.kind() == std::io::ErrorKind::TimedOut => TOO_SLOW,
        Some(tungstenite::Error::Protocol(
            tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
        )) => End::Gone,
        Some(tungstenite::Error::Protocol(_) | tungstenite::Error::Utf8(_)) => PROTOCOL,
        Some(
            tungstenite::Error::ConnectionClosed
            | tungstenite::Error::AlreadyClosed
            | tungstenite::Error::Io(_)
            | tungstenite::Error::Tls(_)
            | tungstenite::Error::WriteBufferFull(_)
            | tungstenite::Error::AttackAttempt
            | tungstenite::Error::Url(_)
            | tungstenite::Error::Http(_)
            | tungstenite::Error::HttpFormat(_),
        )
        | None => End::Gone,
    }
}
