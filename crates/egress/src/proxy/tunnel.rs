//! Connections that pass by unread, once it is certain whom they are for.

use super::authority::Leaf;
use super::forward::Origin;
use super::hello::{HELLO_BYTES_MAX, Hello, read_hello};
use super::{GREETING_TIMEOUT, Judge, is_named};
use crate::connect::{Deadline, reason};
use crate::record::{Counts, Trace};
use crate::rules;
use crate::socket::{Counted, add};
use crate::url::split_authority;
use crate::{Destination, Error, Limits, Refusal, Scheme};
use rustix::net::{RecvFlags, SendFlags, Shutdown};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// What is copied at a time, in bytes: it stays in the nearest caches. Eight times as much halves the speed, and
/// splice(2) is slower too: each page that it moves, the sender must allocate anew.
const COPY_BYTES: usize = 32 * 1024;
/// How much is shown of what a program named, in letters.
const TARGET_LETTERS_MAX: usize = 260;

/// A tunnel that may be opened.
pub struct Tunnel {
    judge: Arc<Judge>,
    destination: Destination,
    port: u16,
    far: Far,
}

enum Far {
    /// Connected, and to be checked for TLS for this host before anything passes.
    Checked(Counted, Trace),
    /// Connected; anything passes.
    Opaque(Counted, Trace),
    /// Each request will be looked into, and makes a connection of its own.
    Inspected,
}

/// What may pass a tunnel.
pub enum Passing {
    /// Anything.
    Opaque,
    /// TLS for its host, or requests that are asked for one by one.
    Checked,
    /// Requests that are asked for one by one, under TLS with this certificate.
    Inspected(Leaf),
}

impl Judge {
    /// Judges a tunnel to `HOST:PORT`, and connects it.
    ///
    /// # Errors
    ///
    /// As of [`Egress::request`](crate::Egress::request). It is on record.
    pub async fn tunnel(self: &Arc<Self>, target: &str) -> Result<Tunnel, Error> {
        let nowhere = |why: &str| {
            let destination: String = target.chars().take(TARGET_LETTERS_MAX).collect();
            self.refused(&destination, 0, "egress.host", why);
            Refusal { rule: "egress.host", destination, why: why.to_string() }
        };
        let (destination, port) = match split_authority(target) {
            Ok((destination, Some(port))) => (destination, port),
            Ok((_, None)) => return Err(nowhere("it names a host and no port").into()),
            Err(error) => return Err(nowhere(&reason(&error)).into()),
        };
        let mut trace = self.trace(&destination.to_string(), port);
        let judged =
            is_named(&destination, port).and_then(|()| self.run.rules.judge_tunnel(&destination, port));
        let (reach, passing) = judged.inspect_err(|refusal| trace.refused(refusal.rule, &refusal.why))?;
        // HTTP in the clear is read request by request, whoever asked for the tunnel.
        let is_read = self.inspects(&destination, port) || port == Scheme::Http.port();
        let far = if passing != rules::Passing::Opaque && is_read {
            Far::Inspected
        } else {
            let deadline = Deadline::after(self.run.limits.connect_timeout);
            let socket = self.egress.dialer.dial(&mut trace, &destination, port, reach, deadline).await?;
            match passing {
                rules::Passing::Opaque => Far::Opaque(socket, trace),
                rules::Passing::Tls | rules::Passing::Inspected => Far::Checked(socket, trace),
            }
        };
        Ok(Tunnel { judge: Arc::clone(self), destination, port, far })
    }
}

impl Tunnel {
    /// What may pass it.
    ///
    /// # Errors
    ///
    /// [`Error::Setup`] when there is no certificate for it.
    pub fn passing(&self) -> Result<Passing, Error> {
        match (&self.far, self.destination.name()) {
            (Far::Opaque(..), _) => Ok(Passing::Opaque),
            (Far::Checked(..), _) => Ok(Passing::Checked),
            (Far::Inspected, Some(host)) => {
                Ok(Passing::Inspected(self.judge.egress.authority()?.leaf(host)?))
            }
            (Far::Inspected, None) => Err(Error::Setup { reason: "a certificate is for a name".to_string() }),
        }
    }

    /// What a request in it is for; `None` where requests are not read. Each makes a connection of its own.
    pub fn origin(&mut self, scheme: Scheme) -> Option<Origin> {
        match std::mem::replace(&mut self.far, Far::Inspected) {
            opaque @ Far::Opaque(..) => {
                self.far = opaque;
                return None;
            }
            Far::Checked(_, mut trace) => trace.closed(None),
            Far::Inspected => {}
        }
        Some(Origin { scheme, destination: self.destination.clone(), port: self.port })
    }

    /// Carries it to its end, unread. `first` was read from `near` already. Where it is not opaque, it is carried only
    /// if what comes is TLS for its host; where requests are looked into, not even then.
    pub async fn carry(self, near: &TcpStream, first: Vec<u8>) {
        let limits = &self.judge.run.limits;
        let (socket, mut trace) = match self.far {
            Far::Opaque(socket, trace) => return pass_by(near, first, socket, trace, limits).await,
            Far::Checked(socket, trace) => (Some(socket), trace),
            Far::Inspected => (None, self.judge.trace(&self.destination.to_string(), self.port)),
        };
        match (timeout(GREETING_TIMEOUT, listen(near, first, &self.destination)).await, socket) {
            (Ok(Ok(first)), Some(socket)) => pass_by(near, first, socket, trace, limits).await,
            (Ok(Ok(_)), None) => trace.refused("egress.sni", "it would pass by unread"),
            (Ok(Err(why)), _) => trace.refused_after("egress.sni", &why),
            (Err(_), _) => trace.failed("the program said nothing"),
        }
    }
}

/// Reads until it is known that TLS for `destination` is spoken. Returns what was read.
async fn listen(near: &TcpStream, mut first: Vec<u8>, destination: &Destination) -> Result<Vec<u8>, String> {
    let mut buffer = vec![0; HELLO_BYTES_MAX];
    loop {
        match read_hello(&first).map_err(|error| error.to_string())? {
            Hello::Incomplete => {}
            Hello::For(host) if destination.name() == Some(&host) => return Ok(first),
            Hello::For(host) => return Err(format!("the TLS inside is for `{host}`")),
        }
        match receive(near, &mut buffer).await {
            Ok(0) => return Err("it ended before it said what it is".to_string()),
            Ok(read) => first.extend_from_slice(buffer.get(..read).unwrap_or_default()),
            Err(error) => return Err(error.to_string()),
        }
    }
}

/// Carries both ways, unread, until both have ended, or neither moved for the idle limit. `first` was read from `near`
/// already.
async fn pass_by(near: &TcpStream, first: Vec<u8>, far: Counted, mut trace: Trace, limits: &Limits) {
    let Counted { inner: mut far, counts, .. } = far;
    let carried = async {
        far.write_all(&first).await?;
        add(&counts.sent, first.len());
        let (mut from_far, mut to_far) = far.split();
        let there = async {
            let mut buffer = vec![0; COPY_BYTES];
            loop {
                let read = receive(near, &mut buffer).await?;
                if read == 0 {
                    return to_far.shutdown().await;
                }
                to_far.write_all(buffer.get(..read).unwrap_or_default()).await?;
                add(&counts.sent, read);
            }
        };
        let back = async {
            let mut buffer = vec![0; COPY_BYTES];
            loop {
                let read = from_far.read(&mut buffer).await?;
                if read == 0 {
                    return Ok(rustix::net::shutdown(near, Shutdown::Write)?);
                }
                send(near, buffer.get(..read).unwrap_or_default()).await?;
                add(&counts.received, read);
            }
        };
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

/// Reads what there is. The proxy process has the same socket and could make it one that blocks; this never does.
async fn receive(near: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    let read = || Ok(rustix::net::recv(near, &mut *buffer, RecvFlags::DONTWAIT)?.0);
    near.async_io(Interest::READABLE, read).await
}

/// Sends all of `bytes`, blocking as little.
async fn send(near: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let write = || Ok(rustix::net::send(near, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?);
        let sent = near.async_io(Interest::WRITABLE, write).await?;
        bytes = bytes.get(sent..).unwrap_or_default();
    }
    Ok(())
}
