//! What the model vendors' fakes share: an HTTP server on a free loopback port that keeps what it was asked, answers
//! from a list, and can be as awkward about it as real servers are.

use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt};
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

/// The largest request, in bytes: what Anthropic allows.
const REQUEST_BYTES_MAX: usize = 32 * 1024 * 1024;

/// What a fake does with the next request that is in order.
#[derive(Clone, Debug)]
pub enum Next {
    /// Answers as a model would.
    Answer(Answer),
    /// Refuses as the vendor would.
    Refuse(Refusal),
    /// Sends these bytes as they are.
    Raw {
        /// The status.
        status: u16,
        /// The content type.
        content_type: &'static str,
        /// The body.
        body: Vec<u8>,
    },
    /// Closes the connection without a word.
    HangUp,
    /// Takes the request and never answers.
    Silence,
}

/// What a model says.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Its text.
    pub text: String,
    /// The tools it calls, by the name on the wire, with their arguments.
    pub calls: Vec<(String, Value)>,
    /// Why it stops.
    pub stop: Stop,
    /// How it is sent.
    pub manner: Manner,
}

/// Why a model stops; where there are calls, [`Stop::Done`] means that it waits for their results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stop {
    /// It has said all.
    #[default]
    Done,
    /// It reached its limit of tokens.
    Length,
    /// The provider withheld the rest.
    Filtered,
}

/// How an answer is sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner {
    /// How it is cut.
    pub pieces: Pieces,
    /// How it ends.
    pub end: End,
    /// How long to wait before each piece.
    pub pause: Duration,
}

/// How an answer is cut into pieces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pieces {
    /// One event at a time.
    #[default]
    Events,
    /// So many bytes at a time, through characters and line ends.
    Bytes(usize),
    /// All at once.
    Whole,
}

/// How an answer ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// As it should.
    #[default]
    Properly,
    /// After so many bytes the connection breaks.
    BreakAfter(usize),
    /// After so many bytes the body ends as if that were all.
    StopAfter(usize),
    /// After so many bytes nothing more comes, and the connection stays.
    StallAfter(usize),
    /// After so many events the vendor says in the stream that it is overloaded.
    OverloadedAfter(usize),
}

/// How a vendor refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The key is not good.
    WrongKey,
    /// The account is empty.
    NoCredit,
    /// There is no such model.
    UnknownModel,
    /// The prompt is too long.
    ContextTooLong,
    /// Asked too often; with what `retry-after` says.
    RateLimited(Option<String>),
    /// Too many are asking; with what `retry-after` says.
    Overloaded(Option<String>),
    /// An error of the vendor's own.
    ServerFault,
    /// The content is not allowed.
    Filtered,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its path.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body; null when it was not JSON.
    pub body: Value,
    /// What the vendor would complain of; none when it was in order.
    pub complaint: Option<String>,
    /// When it came.
    pub at: Instant,
}

/// A response in a vendor's own words.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) events: Vec<Bytes>,
    pub(crate) manner: Manner,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        let events = vec![Bytes::from(body.to_string())];
        let manner = Manner::default();
        Self { status, content_type: "application/json", headers: Vec::new(), events, manner }
    }
}

/// A request, read and waiting to be judged.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a Result<Value, String>,
}

/// A request that is not in order.
#[derive(Debug)]
pub(crate) struct Refused {
    /// What the vendor would complain of.
    pub(crate) complaint: String,
    /// The response that goes with it.
    pub(crate) reply: Reply,
}

/// What is particular to a vendor.
pub(crate) trait Vendor: Send + Sync + 'static {
    /// Judges a request. `Ok(None)`: it is in order and the next answer is due.
    /// `Ok(Some(_))`: it is in order and answered by itself (a list of models).
    ///
    /// # Errors
    ///
    /// The complaint.
    fn judge(&self, asked: &Asked) -> Result<Option<Reply>, Box<Refused>>;

    /// Puts an answer to `request` into the vendor's words.
    fn answer(&self, request: &Value, answer: &Answer) -> Reply;

    /// Puts a refusal into the vendor's words.
    fn refuse(&self, refusal: &Refusal) -> Reply;
}

/// A running fake. It stops when dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    accepting: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct State {
    next: VecDeque<Next>,
    seen: Vec<Seen>,
}

impl Server {
    /// Starts on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// When nothing can listen there.
    pub(crate) async fn start(vendor: impl Vendor) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(Mutex::new(State::default()));
        let vendor = Arc::new(vendor);
        let accepting = tokio::spawn(accept(listener, Arc::clone(&state), vendor));
        Ok(Self { address, state, accepting })
    }

    /// Where it listens: `http://127.0.0.1:PORT`, without a path.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Adds to the list of what it does. When the list is empty it answers "ok".
    pub fn then(&self, next: Next) -> &Self {
        lock(&self.state).next.push_back(next);
        self
    }

    /// Every request so far, oldest first.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.state).seen.clone()
    }

    /// What it complained of so far.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        lock(&self.state).seen.iter().filter_map(|seen| seen.complaint.clone()).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The connections belong to the task and end with it.
        self.accepting.abort();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept<V: Vendor>(listener: TcpListener, state: Arc<Mutex<State>>, vendor: Arc<V>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        // Small pieces must leave as small pieces.
        let _ = stream.set_nodelay(true);
        let (state, vendor) = (Arc::clone(&state), Arc::clone(&vendor));
        connections.spawn(async move {
            let service = service_fn(|request| serve(request, &state, vendor.as_ref()));
            // A client that goes away, or a break on purpose, is no error of the fake's.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
        while connections.try_join_next().is_some() {}
    }
}

type Body = UnsyncBoxBody<Bytes, io::Error>;

async fn serve<V: Vendor>(
    request: Request<Incoming>,
    state: &Mutex<State>,
    vendor: &V,
) -> Result<Response<Body>, io::Error> {
    let at = Instant::now();
    let (head, body) = request.into_parts();
    let body = Limited::new(body, REQUEST_BYTES_MAX).collect().await;
    let body = body.map_err(|error| io::Error::other(error.to_string()))?.to_bytes();
    let body = if body.is_empty() {
        Ok(Value::Null)
    } else {
        serde_json::from_slice::<Value>(&body).map_err(|error| error.to_string())
    };
    let asked = Asked { method: &head.method, path: head.uri.path(), headers: &head.headers, body: &body };
    let judged = vendor.judge(&asked);
    let request = body.unwrap_or(Value::Null);
    let complaint = judged.as_ref().err().map(|refused| refused.complaint.clone());
    let is_due = matches!(judged, Ok(None));
    let next = {
        let mut state = lock(state);
        let path = head.uri.path().to_string();
        state.seen.push(Seen { path, headers: head.headers, body: request.clone(), complaint, at });
        is_due.then(|| state.next.pop_front()).flatten()
    };
    let reply = match judged {
        Err(refused) => refused.reply,
        Ok(Some(reply)) => reply,
        Ok(None) => match next {
            None => vendor.answer(&request, &Answer { text: "ok".to_string(), ..Answer::default() }),
            Some(Next::Answer(answer)) => vendor.answer(&request, &answer),
            Some(Next::Refuse(refusal)) => vendor.refuse(&refusal),
            Some(Next::Raw { status, content_type, body }) => {
                let events = vec![Bytes::from(body)];
                Reply { status, content_type, headers: Vec::new(), events, manner: Manner::default() }
            }
            Some(Next::HangUp) => return Err(io::Error::other("hung up on purpose")),
            Some(Next::Silence) => return std::future::pending().await,
        },
    };
    respond(reply)
}

fn respond(reply: Reply) -> Result<Response<Body>, io::Error> {
    let mut response =
        Response::builder().status(StatusCode::from_u16(reply.status).map_err(io::Error::other)?);
    response = response.header(header::CONTENT_TYPE, reply.content_type);
    for (name, value) in &reply.headers {
        response = response.header(*name, value);
    }
    let body = if reply.content_type == "application/json" {
        let whole: Vec<u8> = reply.events.concat();
        Full::new(Bytes::from(whole)).map_err(|never: Infallible| match never {}).boxed_unsync()
    } else {
        BodyExt::boxed_unsync(StreamBody::new(pieces(reply)))
    };
    response.body(body).map_err(io::Error::other)
}

/// The pieces of an answer, each after its pause, and its end.
fn pieces(reply: Reply) -> impl Stream<Item = io::Result<Frame<Bytes>>> + Send {
    let Manner { pieces, end, pause } = reply.manner;
    let mut cut: Vec<Bytes> = match pieces {
        Pieces::Events => reply.events,
        Pieces::Whole => vec![Bytes::from(reply.events.concat())],
        Pieces::Bytes(size) => {
            reply.events.concat().chunks(size.max(1)).map(Bytes::copy_from_slice).collect()
        }
    };
    let limit = match end {
        End::Properly | End::OverloadedAfter(_) => usize::MAX,
        End::BreakAfter(bytes) | End::StopAfter(bytes) | End::StallAfter(bytes) => bytes,
    };
    let mut left = limit;
    cut.retain_mut(|piece| {
        piece.truncate(left);
        left = left.saturating_sub(piece.len());
        !piece.is_empty()
    });
    let paced = stream::iter(cut).then(move |piece| async move {
        if pause.is_zero() {
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(pause).await;
        }
        Ok(Frame::data(piece))
    });
    paced.chain(stream::once(async move {
        match end {
            End::BreakAfter(_) => Err(io::Error::other("broken on purpose")),
            End::StallAfter(_) => std::future::pending().await,
            End::Properly | End::StopAfter(_) | End::OverloadedAfter(_) => Ok(Frame::data(Bytes::new())),
        }
    }))
}
