//! Connections that pass by unread, once it is certain whom they are for.

use super::hello::{HELLO_BYTES_MAX, Hello, read_hello};
use super::{GREETING_TIMEOUT, Shared, forward, tell};
use crate::connect::{Counted, Deadline};
use crate::record::Trace;
use crate::rules::{Passing, refusal};
use crate::{Destination, Error, Scheme};
use bytes::{Buf, Bytes, BytesMut};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, timeout};

/// What is copied at a time, in bytes.
const COPY_BYTES: usize = 64 * 1024;

/// A connection of a program.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

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
    let judged = match destination.name() {
        Some(_) => shared.run.rules.judge_tunnel(destination, port),
        None => {
            let why = "it is an address; a program in a sandbox names its hosts".to_string();
            Err(refusal("egress.host", destination, port, why))
        }
    };
    let (reach, passing) = judged.inspect_err(|refusal| trace.refused(refusal.rule, &refusal.why))?;
    // HTTP in the clear is read request by request, whoever asked for the tunnel.
    if passing != Passing::Opaque && (shared.inspects(destination, port) || port == Scheme::Http.port()) {
        return Ok(ready(Far::Inspected));
    }
    let deadline = Deadline::after(shared.run.limits.connect_timeout);
    let socket = shared.egress.dialer().dial(&mut trace, destination, port, reach, deadline).await?;
    Ok(ready(match passing {
        Passing::Opaque => Far::Opaque(socket, trace),
        Passing::Tls | Passing::Inspected => Far::Checked(socket, trace),
    }))
}

/// Carries a tunnel to its end.
pub(super) async fn carry(mut near: Box<dyn Stream>, ready: Ready, shared: &Arc<Shared>) {
    let Ready { destination, port, far } = ready;
    let (socket, mut trace) = match far {
        Far::Opaque(socket, trace) => return splice(near, socket, Bytes::new(), trace, shared).await,
        Far::Checked(socket, trace) => (Some(socket), trace),
        Far::Inspected => (None, shared.trace(&destination.to_string(), port)),
    };
    let (first, spoken) = match timeout(GREETING_TIMEOUT, listen(&mut near, &destination)).await {
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
        (Spoken::Tls, Some(socket)) => splice(near, socket, first, trace, shared).await,
        (Spoken::Tls, None) => {
            if let Err(error) =
                forward::serve_tls(Rewound { first, inner: near }, destination, port, shared).await
            {
                tell(&mut trace, &error);
            }
        }
        (Spoken::Http, socket) => {
            drop(socket);
            trace.closed(None);
            let origin = forward::Origin { scheme: Scheme::Http, destination, port };
            forward::serve_origin(Rewound { first, inner: near }, origin, shared).await;
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
async fn listen(near: &mut Box<dyn Stream>, destination: &Destination) -> Result<(Bytes, Spoken), String> {
    let mut first = BytesMut::with_capacity(2048);
    loop {
        match first.first() {
            // The methods of HTTP begin with a capital letter.
            Some(byte) if byte.is_ascii_uppercase() => return Ok((first.freeze(), Spoken::Http)),
            Some(_) => match read_hello(&first).map_err(|error| error.to_string())? {
                Hello::Incomplete => {}
                Hello::For(host) if destination.name() == Some(&host) => {
                    return Ok((first.freeze(), Spoken::Tls));
                }
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

/// Copies both ways until both have ended, or neither moved for the idle limit.
async fn splice(near: Box<dyn Stream>, mut far: Counted, first: Bytes, mut trace: Trace, shared: &Shared) {
    let limits = &shared.run.limits;
    let carried = async {
        far.write_all(&first).await?;
        let (near_reader, near_writer) = tokio::io::split(near);
        let (far_reader, far_writer) = tokio::io::split(far);
        let moved = std::sync::Mutex::new(Instant::now());
        let both = async {
            tokio::try_join!(copy(near_reader, far_writer, &moved), copy(far_reader, near_writer, &moved))
                .map(drop)
        };
        tokio::select! {
            done = both => done,
            () = idle(&moved, limits.idle_timeout) => Err(io::Error::other("nothing moved for too long")),
        }
    };
    match timeout(limits.total_timeout, carried).await {
        Ok(Ok(())) => trace.closed(None),
        Ok(Err(error)) => trace.failed(&error.to_string()),
        Err(_) => trace.failed("it took longer than the limit"),
    }
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    moved: &std::sync::Mutex<Instant>,
) -> io::Result<()> {
    let mut buffer = vec![0; COPY_BYTES];
    loop {
        let read = from.read(&mut buffer).await?;
        *moved.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Instant::now();
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(buffer.get(..read).unwrap_or_default()).await?;
    }
}

/// Ends when nothing moved for `limit`.
async fn idle(moved: &std::sync::Mutex<Instant>, limit: std::time::Duration) {
    loop {
        let last = *moved.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let Some(end) = last.checked_add(limit) else { return std::future::pending().await };
        if end <= Instant::now() {
            return;
        }
        tokio::time::sleep_until(end).await;
    }
}

/// A stream whose first bytes were read already.
pub(super) struct Rewound {
    pub(super) first: Bytes,
    pub(super) inner: Box<dyn Stream>,
}

impl AsyncRead for Rewound {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.first.is_empty() {
            return Pin::new(&mut self.inner).poll_read(cx, buf);
        }
        let count = self.first.len().min(buf.remaining());
        buf.put_slice(self.first.get(..count).unwrap_or_default());
        self.first.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Rewound {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
