//! HTTP as programs speak it to their proxy, and in their tunnels: each request is asked for.

use crate::greeting;
use crate::line::Line;
use crate::wire::{self, Answer, Ask, Asked, Breaks, HasBody, Reader, Spoken, Writer};
use bytes::Bytes;
use egress::proxy::GREETING_TIMEOUT;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Body as _, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::io;
use std::sync::{Arc, Mutex as StandardMutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;

/// The most headers a request of a program may have.
const REQUEST_HEADERS_MAX: usize = 100;
/// The largest head of a request, in bytes.
const REQUEST_HEAD_BYTES_MAX: usize = 64 * 1024;

/// How long the end of an answer may take once nobody takes more of it.
const END_TIMEOUT: Duration = Duration::from_secs(1);

type Reply = Response<UnsyncBoxBody<Bytes, io::Error>>;
/// The line, while it is not in use; gone when part of a body is left on it.
type Shared = Arc<Mutex<Option<Line>>>;
/// A tunnel that was agreed on, until its connection is handed over.
type Opened = Arc<StandardMutex<Option<(OnUpgrade, String, Answer)>>>;

/// Serves a connection that speaks to a proxy: CONNECT, or requests with whole URLs.
pub(crate) async fn serve_proxy(near: TcpStream, line: Line) -> io::Result<()> {
    let line: Shared = Arc::new(Mutex::new(Some(line)));
    let opened = Opened::default();
    let service = service_fn(|request: Request<Incoming>| {
        let (line, opened) = (Arc::clone(&line), Arc::clone(&opened));
        async move {
            match *request.method() {
                Method::CONNECT => connect(request, &line, &opened).await,
                _ => ask(request, Spoken::Http, &line).await,
            }
        }
    });
    // It may have ended in a tunnel; that it broke otherwise is the program's business.
    let _ = builder().serve_connection(TokioIo::new(near), service).with_upgrades().await;
    let tunnel = opened.lock().unwrap_or_else(PoisonError::into_inner).take();
    let (Some((upgrade, target, answer)), Some(line)) = (tunnel, line.lock().await.take()) else {
        return Ok(());
    };
    let upgraded = upgrade.await.map_err(io::Error::other)?;
    let parts = upgraded.downcast::<TokioIo<TcpStream>>().map_err(|_| io::ErrorKind::InvalidData)?;
    greeting::tunnel(parts.io.into_inner(), parts.read_buf.to_vec(), &target, answer, line).await
}

/// Serves a connection that speaks to one origin.
pub(crate) async fn serve_origin(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send,
    spoken: Spoken,
    line: Line,
) -> io::Result<()> {
    let line: Shared = Arc::new(Mutex::new(Some(line)));
    let service = service_fn(|request: Request<Incoming>| {
        let line = Arc::clone(&line);
        async move { ask(request, spoken, &line).await }
    });
    builder().serve_connection(TokioIo::new(stream), service).await.map_err(io::Error::other)
}

fn builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(GREETING_TIMEOUT)
        .max_headers(REQUEST_HEADERS_MAX)
        .max_buf_size(REQUEST_HEAD_BYTES_MAX);
    builder
}

/// Answers CONNECT.
async fn connect(request: Request<Incoming>, line: &Shared, opened: &Opened) -> io::Result<Reply> {
    let target = request.uri().authority().map_or("", http::uri::Authority::as_str).to_string();
    let mut line = line.lock().await;
    let line = line.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
    // A Host header beside the target must be the same (RFC 9112 §3.2.2), or somebody is being misled.
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let same = |host: &HeaderValue| host.as_bytes().eq_ignore_ascii_case(target.as_bytes());
    if !hosts.next().is_none_or(same) || hosts.next().is_some() {
        let why = "its Host header names another host";
        line.nonsense(&target, Breaks::Host, why).await?;
        return Ok(plain(StatusCode::FORBIDDEN, format!("hardshell: {why} (egress.host)\n")));
    }
    match line.tunnel(target.clone()).await? {
        Answer::Refused { status, why } => Ok(plain(code(status)?, why)),
        answer @ (Answer::Opaque | Answer::Checked | Answer::Inspected { .. } | Answer::Head { .. }) => {
            *opened.lock().unwrap_or_else(PoisonError::into_inner) =
                Some((hyper::upgrade::on(request), target, answer));
            Ok(Response::new(text("")))
        }
    }
}

/// Asks for one request, and gives the answer on. The line is held until the answer is over.
async fn ask(request: Request<Incoming>, spoken: Spoken, shared: &Shared) -> io::Result<Reply> {
    let mut held = Arc::clone(shared).lock_owned().await;
    let Line { mut answers, mut asks } = held.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let (head, body) = request.into_parts();
    let asked = Asked {
        spoken,
        method: head.method.to_string(),
        target: head.uri.to_string(),
        headers: wire::fields(&head.headers),
        body: if body.is_end_stream() { HasBody::None } else { HasBody::Follows },
    };
    let has_body = asked.body;
    asks.message(&Ask::Request(asked)).await?;
    let mut sending = Sending(tokio::spawn(async move {
        if has_body == HasBody::Follows {
            send(body, &mut asks).await?;
        }
        Ok(asks)
    }));
    let answer = answers.message::<Answer>().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let (status, headers) = match answer {
        Answer::Refused { status, why } => {
            let mut reply = plain(code(status)?, why);
            match has_body {
                HasBody::None => *held = Some(Line { answers, asks: sending.finished().await? }),
                // What is left of its body is on the line.
                HasBody::Follows => {
                    reply.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
            }
            return Ok(reply);
        }
        Answer::Head { status, headers } => (code(status)?, headers),
        Answer::Opaque | Answer::Checked | Answer::Inspected { .. } => {
            return Err(io::ErrorKind::InvalidData.into());
        }
    };
    let (give, take) = mpsc::channel(1);
    tokio::spawn(async move {
        if let Err(error) = receive(&mut answers, &give).await {
            // Nobody takes it any more where the program has left.
            let _gone = give.send(Err(error)).await;
            return;
        }
        drop(give);
        *held = tokio::select! {
            asks = sending.finished() => asks.ok().map(|asks| Line { answers, asks }),
            // The request's body was not wanted to its end: the connection ends with this answer.
            () = answers.interrupted() => None,
        };
    });
    let pieces =
        futures_util::stream::unfold(take, |mut take| async move { Some((take.recv().await?, take)) });
    let mut reply = Response::new(StreamBody::new(pieces).boxed_unsync());
    *reply.status_mut() = status;
    *reply.headers_mut() = wire::headers(&headers).ok_or(io::ErrorKind::InvalidData)?;
    Ok(reply)
}

/// Takes an answer's body from the line, to its end. Whoever has all that it said it would have takes no more, and its
/// end is on its way then.
async fn receive(answers: &mut Reader, give: &mpsc::Sender<io::Result<Frame<Bytes>>>) -> io::Result<()> {
    let mut since = std::pin::pin!(async {
        give.closed().await;
        tokio::time::sleep(END_TIMEOUT).await;
    });
    loop {
        let piece = tokio::select! {
            piece = answers.piece() => piece?,
            () = &mut since => return Err(io::ErrorKind::BrokenPipe.into()),
        };
        match piece {
            Some(piece) => give.send(Ok(Frame::data(piece))).await.map_err(io::Error::other)?,
            None => return Ok(()),
        }
    }
}

/// Sends a body on, to its end.
async fn send(mut body: Incoming, asks: &mut Writer) -> io::Result<()> {
    while let Some(frame) = body.frame().await {
        // Trailers are not used by anyone here.
        if let Ok(piece) = frame.map_err(io::Error::other)?.into_data() {
            asks.piece(&piece).await?;
        }
    }
    asks.end().await
}

/// A body on its way; given up with whoever waits for it.
struct Sending(JoinHandle<io::Result<Writer>>);

impl Sending {
    async fn finished(&mut self) -> io::Result<Writer> {
        (&mut self.0).await.map_err(io::Error::other)?
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn code(status: u16) -> io::Result<StatusCode> {
    StatusCode::from_u16(status).map_err(io::Error::other)
}

fn plain(status: StatusCode, message: String) -> Reply {
    let mut reply = Response::new(text(message));
    *reply.status_mut() = status;
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    reply
}

fn text(text: impl Into<Bytes>) -> UnsyncBoxBody<Bytes, io::Error> {
    Full::new(text.into()).map_err(|never| match never {}).boxed_unsync()
}
