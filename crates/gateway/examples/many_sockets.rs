//! How much 2,000 open WebSockets cost, and how long a ping takes while they are open:
//! `cargo run --release -p gateway --example many_sockets [-- COUNT]`.
//!
//! The gateway runs in this process, the clients in a child process of the same program, so that the memory that is
//! counted is the gateway's alone. Prints one JSON object.

use domain::{Inbound, QuestionId, SessionId, Timestamp};
use futures_util::future::{BoxFuture, FutureExt as _, ready};
use futures_util::{SinkExt as _, StreamExt as _};
use gateway::wire::{self, Event};
use gateway::{
    Caller, Chat, Completion, Config, Events, Gateway, Happening, House, HouseError, Later, Model, Parts,
    SignInsInMemory,
};
use std::io::{BufRead as _, Write as _};
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
type Socket = WebSocketStream<TcpStream>;

/// How many sockets connect at once.
const AT_ONCE: usize = 64;
/// How many pings are timed.
const PINGS: usize = 10_000;
/// How many events go to every socket.
const EVENTS: usize = 20;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["clients", address, token, count] => clients(address.parse()?, token, count.parse()?).await,
        [count] => measure(count.parse()?).await,
        _ => measure(2000).await,
    }
}

async fn measure(count: usize) -> Result<()> {
    let house = Arc::new(Quiet { events: Events::new(Timestamp(1_700_000_000_000)) });
    let parts = Parts {
        house: Arc::clone(&house) as Arc<dyn House>,
        sign_ins: Arc::new(SignInsInMemory::default()),
        clock: gateway::clock(),
        random: gateway::random(),
        registry: prometheus_client::registry::Registry::default(),
        version: "0.1.0".to_string(),
    };
    let folder = tempfile::tempdir()?;
    let socket = folder.path().join("bench.sock");
    let handle =
        Gateway::start(Config { socket: Some(socket.clone()), ..Config::loopback(0) }, parts).await?;
    let token = make_token(&socket).await?;
    let before = resident_kib()?;
    let mut child = start_clients(handle.address(), &token, count)?;
    let mut lines = std::io::BufReader::new(child.stdout.take().ok_or("no output")?).lines();
    let mut next = move || -> Result<String> { Ok(lines.next().ok_or("the clients are gone")??) };
    let (connected, next) = tokio::task::spawn_blocking(move || (next(), next)).await?;
    connected?;
    let after = resident_kib()?;
    for number in 0..EVENTS {
        let event =
            Event::Answered { session: "main".to_string(), question: format!("q{number}"), answer: None };
        house.events.publish(event, Timestamp(1_700_000_000_000));
    }
    let pings = tokio::task::spawn_blocking(next).await??;
    let busiest = resident_kib()?;
    child.wait()?;
    let each = |memory: u64| memory.saturating_sub(before) as f64 / count as f64;
    let mut out = std::io::stdout();
    writeln!(
        out,
        "{{\"sockets\": {count}, \"kib_each\": {:.1}, \"kib_each_after_events_and_pings\": {:.1}, {pings}}}",
        each(after),
        each(busiest)
    )?;
    handle.stop().await;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a benchmark plays the clients")]
fn start_clients(address: SocketAddr, token: &str, count: usize) -> Result<std::process::Child> {
    let program = std::env::current_exe()?;
    let mut command = std::process::Command::new(program);
    command.args(["clients", &address.to_string(), token, &count.to_string()]).stdout(Stdio::piped());
    Ok(command.spawn()?)
}

async fn make_token(socket: &std::path::Path) -> Result<String> {
    use http_body_util::{BodyExt as _, Full};
    let stream = tokio::net::UnixStream::connect(socket).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let body = r#"{"name":"bench","scopes":["read"],"speaks_for":"owner"}"#;
    let request = http::Request::post("/api/v1/tokens")
        .header("host", "bench")
        .header("content-type", "application/json")
        .body(Full::new(bytes::Bytes::from_static(body.as_bytes())))?;
    let answer = sender.send_request(request).await?.into_body().collect().await?.to_bytes();
    let made: wire::MadeToken = serde_json::from_slice(&answer)?;
    Ok(made.token.dangerous_reveal().to_string())
}

/// Resident memory of this process, in KiB (`proc_pid_status(5)`).
fn resident_kib() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.split_whitespace().next().ok_or("no number")?.parse()?)
}

async fn clients(address: SocketAddr, token: &str, count: usize) -> Result<()> {
    let opened = futures_util::stream::iter(0..count)
        .map(|_| open(address, token))
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<_>>()
        .await;
    let mut sockets = opened.into_iter().collect::<Result<Vec<_>>>()?;
    println(&format!("connected {}", sockets.len()))?;
    for socket in &mut sockets {
        for _ in 0..EVENTS {
            hear(socket).await?;
        }
    }
    let mut times = Vec::with_capacity(PINGS);
    let sample = sockets.len().min(PINGS);
    for number in 0..PINGS {
        let socket = sockets.get_mut(number % sample).ok_or("no socket")?;
        let began = Instant::now();
        socket.send(Message::text(r#"{"type":"ping"}"#)).await?;
        hear(socket).await?;
        times.push(began.elapsed());
    }
    times.sort();
    let at =
        |share: usize| times.get(times.len() * share / 1000).copied().unwrap_or(Duration::MAX).as_micros();
    println(&format!(
        "\"ping_p50_us\": {}, \"ping_p99_us\": {}, \"ping_p999_us\": {}",
        at(500),
        at(990),
        at(999)
    ))
}

fn println(line: &str) -> Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

#[expect(clippy::disallowed_methods, reason = "a benchmark plays the clients")]
async fn open(address: SocketAddr, token: &str) -> Result<Socket> {
    let mut request = format!("ws://{address}/api/v1/ws").into_client_request()?;
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse()?);
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await?;
    socket.send(Message::text(r#"{"type":"hello"}"#)).await?;
    hear(&mut socket).await?;
    Ok(socket)
}

async fn hear(socket: &mut Socket) -> Result<()> {
    loop {
        match socket.next().await.ok_or("the socket ended")?? {
            Message::Text(_) => return Ok(()),
            Message::Ping(_) | Message::Pong(_) => {}
            Message::Binary(_) | Message::Close(_) | Message::Frame(_) => {
                return Err("not what was expected".into());
            }
        }
    }
}

/// A house in which nothing happens but what the benchmark publishes.
struct Quiet {
    events: Arc<Events>,
}

fn nothing<T: Send + 'static>() -> Later<'static, T> {
    ready(Err(HouseError::NotReady { why: "this is a benchmark".to_string() })).boxed()
}

impl House for Quiet {
    fn events(&self) -> &Arc<Events> {
        &self.events
    }

    fn status(&self) -> Later<'_, wire::Status> {
        nothing()
    }

    fn readiness(&self) -> BoxFuture<'_, wire::Readiness> {
        ready(wire::Readiness { ready: true, reasons: Vec::new() }).boxed()
    }

    fn sessions<'a>(&'a self, _: &'a Caller, _: u32) -> Later<'a, Vec<wire::Session>> {
        nothing()
    }

    fn open_session<'a>(&'a self, _: &'a Caller, _: wire::NewSession) -> Later<'a, wire::Session> {
        nothing()
    }

    fn set_ceiling<'a>(&'a self, _: &'a Caller, _: &'a SessionId, _: wire::Tier) -> Later<'a, wire::Session> {
        nothing()
    }

    fn session<'a>(&'a self, _: &'a Caller, _: &'a SessionId) -> Later<'a, wire::Transcript> {
        nothing()
    }

    fn may_see(&self, _: &Caller, _: &SessionId) -> bool {
        true
    }

    fn deliver(&self, _: Inbound) -> Later<'_, wire::Accepted> {
        nothing()
    }

    fn cancel<'a>(&'a self, _: &'a Caller, _: &'a SessionId) -> Later<'a, wire::Cancelled> {
        nothing()
    }

    fn revoke_session<'a>(&'a self, _: &'a Caller, _: &'a SessionId) -> Later<'a, wire::Cancelled> {
        nothing()
    }

    fn lock_down<'a>(&'a self, _: &'a Caller) -> Later<'a, wire::Status> {
        nothing()
    }

    fn approvals<'a>(&'a self, _: &'a Caller) -> Later<'a, Vec<wire::Question>> {
        nothing()
    }

    fn approval_stats<'a>(&'a self, _: &'a Caller, _: u32) -> Later<'a, wire::ApprovalStats> {
        nothing()
    }

    fn receivers(&self) -> Later<'_, Vec<wire::Receiver>> {
        nothing()
    }

    fn reload_policy<'a>(&'a self, _: &'a Caller) -> Later<'a, wire::PolicyInForce> {
        nothing()
    }

    fn answer<'a>(&'a self, _: &'a Caller, _: &'a QuestionId, _: wire::Answer) -> Later<'a, wire::Answered> {
        nothing()
    }

    fn answer_sheet<'a>(
        &'a self,
        _: &'a Caller,
        _: &'a [QuestionId],
        _: wire::SheetAnswer,
    ) -> Later<'a, wire::SheetAnswered> {
        nothing()
    }

    fn audit<'a>(&'a self, _: &'a Caller, _: wire::AuditQuery) -> Later<'a, wire::AuditPage> {
        nothing()
    }

    fn commands(&self) -> Later<'_, Vec<wire::Command>> {
        nothing()
    }

    fn demo(&self, _: wire::NewDemo) -> Later<'_, wire::Demo> {
        nothing()
    }

    fn models(&self) -> Later<'_, Vec<Model>> {
        nothing()
    }

    fn complete<'a>(&'a self, _: &'a Caller, _: Chat) -> Later<'a, Completion> {
        nothing()
    }

    fn record(&self, _: Happening) -> Later<'_, ()> {
        ready(Ok(())).boxed()
    }
}
