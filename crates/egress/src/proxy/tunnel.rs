//! Connections that pass by unread, once it is certain whom they are for.

use super::hello::{HELLO_BYTES_MAX, Hello, read_hello};
use super::{GREETING_TIMEOUT, Shared, forward, is_named, tell};
use crate::connect::Deadline;
use crate::record::{Counts, Trace};
use crate::rules::Passing;
use crate::socket::{Counted, Socket, add};
use crate::{Destination, Error, Scheme};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::time::timeout;

/// What is copied at a time, in bytes: it stays in the nearest caches. Eight times as much halves the speed, and
/// splice(2) is slower too: each page that it moves, the sender must allocate anew.
const COPY_BYTES: usize = 32 * 1024;

/// A tunnel that may be opened.
pub(super) struct Ready {
    destination: Destination,
    port: u16,
    far: Far,
}

enum Far {
    /// Connected, and to be checked for TLS or HTTP for this host before anything passes.
    Checked(Counted, Trace),
    /// Connected; anything passes.
    Opaque(Counted, Trace),
    /// Each request will be looked into, and makes a connection of its own.
    Inspected,
}

/// Judges a tunnel, and connects it.
pub(super) async fn prepare(shared: &Shared, destination: &Destination, port: u16) -> Result<Ready, Error> {
    let ready = |far| Ready { destination: destination.clone(), port, far };
    let mut trace = shared.trace(&destination.to_string(), port);
    let judged = is_named(destination, port).and_then(|()| shared.run.rules.judge_tunnel(destination, port));
    let (reach, passing) = judged.inspect_err(|refusal| trace.refused(refusal.rule, &refusal.why))?;
    // HTTP in the clear is read request by request, whoever asked for the tunnel.
    if passing != Passing::Opaque && (shared.inspects(destination, port) || port == Scheme::Http.port()) {
        return Ok(ready(Far::Inspected));
    }
    let deadline = Deadline::after(shared.run.limits.connect_timeout);
    let socket = shared.egress.dialer.dial(&mut trace, destination, port, reach, deadline).await?;
    Ok(ready(match passing {
        Passing::Opaque => Far::Opaque(socket, trace),
        Passing::Tls | Passing::Inspected => Far::Checked(socket, trace),
    }))
}

/// Carries a tunnel to its end. `first` was read from `near` already.
pub(super) async fn carry(mut near: TcpStream, first: Vec<u8>, ready: Ready, shared: &Arc<Shared>) {
    let Ready { destination, port, far } = ready;
    let (socket, mut trace) = match far {
        Far::Opaque(socket, trace) => return pass_by(near, first, socket, trace, shared).await,
        Far::Checked(socket, trace) => (Some(socket), trace),
        Far::Inspected => (None, shared.trace(&destination.to_string(), port)),
    };
    let (first, spoken) = match timeout(GREETING_TIMEOUT, listen(&mut near, first, &destination)).await {
        Ok(Ok(heard)) => heard,
        Ok(Err(why)) => {
            trace.refused_after("egress.sni", &why);
            return;
        }
        Err(_) => {
            trace.failed("the program said nothing");
            return;
        }
    };
    match (spoken, socket) {
        (Spoken::Tls, Some(socket)) => pass_by(near, first, socket, trace, shared).await,
        (Spoken::Tls, None) => {
            let near = Counted::new(near, Arc::default(), first);
            if let Err(error) = forward::serve_tls(near, destination, port, shared).await {
                tell(&mut trace, &error);
            }
        }
        (Spoken::Http, socket) => {
            drop(socket);
            trace.closed(None);
            let near = Counted::new(near, Arc::default(), first);
            let origin = forward::Origin { scheme: Scheme::Http, destination, port };
            forward::serve_origin(Socket::Plain(near), origin, shared).await;
        }
    }
}

/// What a program speaks in its tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spoken {
    Tls,
    Http,
}

/// Reads until it is known what is spoken, and for TLS for whom. Returns what was read.
async fn listen(
    near: &mut TcpStream,
    mut first: Vec<u8>,
    destination: &Destination,
) -> Result<(Vec<u8>, Spoken), String> {
    loop {
        match first.first() {
            // The methods of HTTP begin with a capital letter.
            Some(byte) if byte.is_ascii_uppercase() => return Ok((first, Spoken::Http)),
            Some(_) => match read_hello(&first).map_err(|error| error.to_string())? {
                Hello::Incomplete => {}
                Hello::For(host) if destination.name() == Some(&host) => return Ok((first, Spoken::Tls)),
                Hello::For(host) => return Err(format!("the TLS inside is for `{host}`")),
            },
            None => {}
        }
        if first.len() >= HELLO_BYTES_MAX {
            return Err("it is neither TLS nor HTTP".to_string());
        }
        match near.read_buf(&mut first).await {
            Ok(0) => return Err("it ended before it said what it is".to_string()),
            Ok(_) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
}

/// Carries both ways, unread, until both have ended, or neither moved for the idle limit. `first` was read from `near` already.
async fn pass_by(mut near: TcpStream, first: Vec<u8>, far: Counted, mut trace: Trace, shared: &Shared) {
    let limits = &shared.run.limits;
    let Counted { inner: mut far, counts, .. } = far;
    let carried = async {
        far.write_all(&first).await?;
        add(&counts.sent, first.len());
        let ((from_near, to_near), (from_far, to_far)) = (near.split(), far.split());
        let there = pass(from_near, to_far, &counts.sent);
        let back = pass(from_far, to_near, &counts.received);
        tokio::select! {
            done = async { tokio::try_join!(there, back) } => done.map(drop),
            () = idle(&counts, limits.idle_timeout) => Err(io::Error::other("nothing moved for too long")),
        }
    };
    match timeout(limits.total_timeout, carried).await {
        Ok(Ok(())) => trace.closed(None),
        Ok(Err(error)) => trace.failed(&error.to_string()),
        Err(_) => trace.failed("it took longer than the limit"),
    }
}

/// Ends when nothing moved for `limit`, or half as long again.
async fn idle(counts: &Counts, limit: Duration) {
    let moved = || (counts.sent.load(Ordering::Relaxed), counts.received.load(Ordering::Relaxed));
    let (mut before, mut still) = (moved(), 0_u8);
    while still < 3 {
        tokio::time::sleep(limit / 2).await;
        still = if moved() == before { still.saturating_add(1) } else { 0 };
        before = moved();
    }
}

/// Carries one way, and passes the end on.
async fn pass(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, count: &AtomicU64) -> io::Result<()> {
    let mut buffer = vec![0; COPY_BYTES];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(buffer.get(..read).unwrap_or_default()).await?;
        add(count, read);
    }
}
