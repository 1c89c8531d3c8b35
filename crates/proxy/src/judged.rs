//! The daemon's side: accepts what programs of a run connect, hands each connection to the run's proxy process with a line
//! to ask on, and has [`egress`] judge and carry out what is asked. Nothing that is asked is believed.

use crate::wire::{self, Answer, Ask, Breaks, HasBody, Reader, Spoken, Writer};
use bytes::Bytes;
use egress::proxy::{Asked, HELLO_BYTES_MAX, Judge, Origin, Passing, Run, Tunnel};
use egress::{Egress, Error, Scheme};
use http::{StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use sandbox::Connections;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream as StandardStream;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::Interest;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::{JoinHandle, JoinSet};

/// How many connections of one run are open at a time; further ones wait to be accepted.
pub const CONNECTIONS_MAX: usize = 256;
/// How much is shown of what a program named, in letters.
const SHOWN_LETTERS_MAX: usize = 260;
/// The rule that a proxy process breaks which does not do as ours does.
const BROKEN: &str = "egress.proxy";
/// What stands for the destination where there is none.
const NOBODY: &str = "(proxy)";

/// A way out at work. Dropping it ends every connection of its run at once.
#[derive(Debug)]
pub struct Open {
    accepting: JoinHandle<()>,
}

impl Drop for Open {
    fn drop(&mut self) {
        // The connections are in a set that this task owns, and end with it.
        self.accepting.abort();
    }
}

/// Serves the programs of `run`, whose connections come out of `connections`. `process`
/// leads to the run's proxy process; when that ends, so does every connection. To be called within a Tokio runtime.
///
/// # Errors
///
/// When the listener or the socket is not one.
pub fn open(
    egress: &Arc<Egress>,
    connections: impl Into<Connections>,
    process: StandardStream,
    run: Run,
) -> io::Result<Open> {
    process.set_nonblocking(true)?;
    let (arriving, process) = (Arriving::from(connections.into())?, UnixStream::from_std(process)?);
    let judge = egress.proxy(run);
    Ok(Open { accepting: tokio::spawn(serve(arriving, process, judge)) })
}

/// Connections as they come.
enum Arriving {
    Accepted(TcpListener),
    Handed(UnixStream),
}

impl Arriving {
    fn from(connections: Connections) -> io::Result<Self> {
        match connections {
            Connections::Accepted(listener) => {
                listener.set_nonblocking(true)?;
                TcpListener::from_std(listener).map(Self::Accepted)
            }
            Connections::Handed(socket) => {
                socket.set_nonblocking(true)?;
                UnixStream::from_std(socket).map(Self::Handed)
            }
        }
    }

    /// The next; never, when whoever hands them over has ended.
    async fn next(&self) -> io::Result<TcpStream> {
        match self {
            Self::Accepted(listener) => Ok(listener.accept().await?.0),
            Self::Handed(socket) => {
                let received = socket.async_io(Interest::READABLE, || crate::receive::<1>(socket)).await?;
                let Some([near]) = received else { return std::future::pending().await };
                let near = std::net::TcpStream::from(near);
                near.set_nonblocking(true)?;
                TcpStream::from_std(near)
            }
        }
    }
}

/// Serves until the proxy process is gone, or says something: nothing is heard from it but on its lines.
async fn serve(arriving: Arriving, process: UnixStream, judge: Arc<Judge>) {
    tokio::select! {
        () = accept(&arriving, &process, &judge) => {}
        () = spoken(&process) => {}
    }
    judge.refused(NOBODY, 0, BROKEN, "its proxy process has ended, and its way out with it");
}

/// Returns when the process has ended or says something.
async fn spoken(process: &UnixStream) {
    let would_block = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
    while process.readable().await.is_ok() && process.try_read(&mut [0]).as_ref().is_err_and(would_block) {}
}

async fn accept(arriving: &Arriving, process: &UnixStream, judge: &Arc<Judge>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        // An error here is of one connection that was gone before it was accepted, or of too many open files, which
        // passes when one of them closes.
        let accepted = async {
            let near = arriving.next().await?;
            let line = hand_over(&near, process).await?;
            io::Result::Ok((near, line))
        };
        let Ok((near, line)) = accepted.await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let judge = Arc::clone(judge);
        connections.spawn(async move {
            judged(near, line, &judge).await;
            drop(place);
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Hands a connection to the proxy process, with one end of its line; the other comes back.
async fn hand_over(near: &TcpStream, process: &UnixStream) -> io::Result<UnixStream> {
    // Without it small writes wait for each other; where it cannot be set they still arrive.
    let _ = near.set_nodelay(true);
    let (ours, theirs) = StandardStream::pair()?;
    ours.set_nonblocking(true)?;
    let descriptors = [near.as_fd(), theirs.as_fd()];
    let send = || {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(&descriptors));
        Ok(rustix::net::sendmsg(process, &[IoSlice::new(&[0])], &mut control, SendFlags::NOSIGNAL)?)
    };
    process.async_io(Interest::WRITABLE, send).await?;
    UnixStream::from_std(ours)
}

/// The two directions of a line.
struct Line {
    asks: Reader,
    answers: Writer,
}

/// Answers what is asked on a line until it ends. A proxy process that does not do as ours does is cut off.
async fn judged(near: TcpStream, line: UnixStream, judge: &Arc<Judge>) {
    let (asks, answers) = wire::halves(line);
    match converse(near, Line { asks, answers }, judge).await {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            let why = format!("its proxy process does not keep to the protocol: {error}");
            judge.refused(NOBODY, 0, BROKEN, &why);
        }
        // How a connection of a program ends is the program's business.
        Ok(()) | Err(_) => {}
    }
}

async fn converse(near: TcpStream, mut line: Line, judge: &Arc<Judge>) -> io::Result<()> {
    let mut tunnel: Option<Tunnel> = None;
    while let Some(ask) = line.asks.message::<Ask>().await? {
        match (ask, &mut tunnel) {
            (Ask::Nonsense { target, breaks, why }, _) => {
                let rule = match breaks {
                    Breaks::Host => "egress.host",
                    Breaks::Sni => "egress.sni",
                };
                let shown = |text: String| text.chars().take(SHOWN_LETTERS_MAX).collect::<String>();
                judge.refused(&shown(target), 0, rule, &shown(why));
            }
            (Ask::Tunnel { target }, None) => {
                let opened = judge.tunnel(&target).await;
                let passing = opened.and_then(|opened| tunnel.insert(opened).passing());
                let answer = match passing {
                    Ok(Passing::Opaque) => Answer::Opaque,
                    Ok(Passing::Checked) => Answer::Checked,
                    Ok(Passing::Inspected(leaf)) => Answer::Inspected { chain: leaf.chain, key: leaf.key },
                    Err(error) => refused(&error),
                };
                line.answers.message(&answer).await?;
            }
            (Ask::Carry, Some(_)) => {
                let first = whole(&mut line.asks).await?;
                // It is for here from now on, and the proxy process is done with it.
                drop(line);
                if let Some(tunnel) = tunnel {
                    tunnel.carry(&near, first).await;
                }
                return Ok(());
            }
            (Ask::Request(asked), tunnel) => {
                let scheme = match asked.spoken {
                    Spoken::Http => Scheme::Http,
                    Spoken::Https => Scheme::Https,
                };
                let origin = match tunnel {
                    Some(tunnel) => Some(tunnel.origin(scheme).ok_or_else(out_of_turn)?),
                    None => None,
                };
                match request(asked, origin, line, judge).await? {
                    Some(again) => line = again,
                    None => return Ok(()),
                }
            }
            (Ask::Tunnel { .. }, Some(_)) | (Ask::Carry, None) => return Err(out_of_turn()),
        }
    }
    Ok(())
}

fn out_of_turn() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a message came out of its turn")
}

/// What was read of a tunnel before it was handed back: at most a greeting.
async fn whole(asks: &mut Reader) -> io::Result<Vec<u8>> {
    let mut first = Vec::new();
    while let Some(piece) = asks.piece().await? {
        first.extend_from_slice(&piece);
        if first.len() > wire::PIECE_BYTES_MAX.max(HELLO_BYTES_MAX) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "too much was read of a tunnel"));
        }
    }
    Ok(first)
}

/// Has one request made. Returns the line when there may be another; not when the program has left, or part of the body
/// is still on it.
async fn request(
    asked: wire::Asked,
    origin: Option<Origin>,
    line: Line,
    judge: &Judge,
) -> io::Result<Option<Line>> {
    let Line { asks, mut answers } = line;
    let (method, headers) = (asked.method.parse::<http::Method>(), wire::headers(&asked.headers));
    let (Ok(method), Some(headers)) = (method, headers) else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a request is not one"));
    };
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let request = Asked { method, target: asked.target, headers };
    let (give, mut back) = oneshot::channel();
    let incoming = incoming(asks, asked.body, length, give);
    let mut asks = None;
    let interrupted = async {
        match (&mut back).await {
            Ok(reader) => Reader::interrupted(asks.insert(reader)).await,
            // What is left of the body will not be read, and the answer is on its way.
            Err(_) => std::future::pending().await,
        }
    };
    let answered = async {
        let (parts, mut body) = match judge.forward(request, incoming, origin.as_ref()).await {
            Ok(answer) => answer,
            Err(error) => return answers.message(&refused(&error)).await,
        };
        let (status, headers) = (parts.status.as_u16(), wire::fields(&parts.headers));
        answers.message(&Answer::Head { status, headers }).await?;
        while let Some(piece) = body.chunk().await.map_err(io::Error::other)? {
            answers.piece(&piece).await?;
        }
        answers.end().await
    };
    tokio::select! {
        done = answered => done?,
        () = interrupted => return Ok(None),
    }
    Ok(asks.or_else(|| back.try_recv().ok()).map(|asks| Line { asks, answers }))
}

/// The body on the line. Its end gives the line back: also where whoever reads it asks for no more than its stated
/// length.
fn incoming(
    asks: Reader,
    body: HasBody,
    length: Option<u64>,
    give: oneshot::Sender<Reader>,
) -> UnsyncBoxBody<Bytes, io::Error> {
    let state = match body {
        HasBody::Follows => Some((asks, length, give)),
        HasBody::None => {
            let _nobody_waits = give.send(asks);
            None
        }
    };
    let pieces = futures_util::stream::try_unfold(state, |state| async move {
        let Some((mut asks, mut length, give)) = state else { return Ok(None) };
        let piece = asks.piece().await?;
        if let (Some(piece), Some(left)) = (&piece, &mut length) {
            *left = left.saturating_sub(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        }
        if length == Some(0) && piece.is_some() && asks.piece().await?.is_some() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a body is longer than it was said to be",
            ));
        }
        if piece.is_none() || length == Some(0) {
            let _nobody_waits = give.send(asks);
            return Ok(piece.map(|piece| (Frame::data(piece), None)));
        }
        Ok(piece.map(|piece| (Frame::data(piece), Some((asks, length, give)))))
    });
    StreamBody::new(pieces).boxed_unsync()
}

/// What a program is told: the rule, so that its owner can be; never what was sent.
fn refused(error: &Error) -> Answer {
    let status = match error {
        Error::Refused(_) => StatusCode::FORBIDDEN,
        Error::Url(_) | Error::Request { .. } => StatusCode::BAD_REQUEST,
        Error::Timeout { .. } => StatusCode::GATEWAY_TIMEOUT,
        Error::Resolve { .. }
        | Error::Connect { .. }
        | Error::Tls { .. }
        | Error::Peer { .. }
        | Error::TooLarge { .. }
        | Error::Secret(_)
        | Error::Setup { .. } => StatusCode::BAD_GATEWAY,
    };
    Answer::Refused { status: status.as_u16(), why: format!("hardshell: could not {error}\n") }
}
