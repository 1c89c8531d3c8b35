//! The sockets of every connection: counted, read ahead, and filled from as many TLS records as have come.

use crate::record::Counts;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;

/// How much is read ahead of a reader that takes less, in bytes: the TLS library takes 4 KiB at a time.
const AHEAD_BYTES: usize = 32 * 1024;

/// A socket, in the clear or under TLS.
pub(crate) enum Socket {
    Plain(Counted),
    /// With an error that came after bytes that were still to be given.
    Tls(Box<TlsStream<Counted>>, Option<io::Error>),
}

/// A socket whose bytes are counted, and read ahead of those who take few at a time.
pub(crate) struct Counted {
    pub(crate) inner: TcpStream,
    pub(crate) counts: Arc<Counts>,
    ahead: Vec<u8>,
    // INVARIANT: within `ahead`: what was read and not yet taken.
    waiting: Range<usize>,
}

impl Counted {
    /// `first` was read from `inner` already.
    pub(crate) fn new(inner: TcpStream, counts: Arc<Counts>, first: Vec<u8>) -> Self {
        let waiting = 0..first.len();
        Self { inner, counts, ahead: first, waiting }
    }
}

impl AsyncRead for Counted {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.waiting.is_empty() {
            this.ahead.resize(AHEAD_BYTES, 0);
            let mut room = ReadBuf::new(&mut this.ahead);
            ready!(Pin::new(&mut this.inner).poll_read(cx, &mut room))?;
            this.waiting = 0..room.filled().len();
            add(&this.counts.received, this.waiting.len());
        }
        let count = this.waiting.len().min(buf.remaining());
        let end = this.waiting.start.saturating_add(count);
        buf.put_slice(this.ahead.get(this.waiting.start..end).unwrap_or_default());
        this.waiting.start = end;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, bytes))?;
        add(&self.counts.sent, written);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write_vectored(cx, pieces))?;
        add(&self.counts.sent, written);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(cx, buf),
            Self::Tls(socket, failed) => fill(socket, failed, cx, buf),
        }
    }
}

/// Takes as many records as there are and `buf` has room for; the TLS library gives one at a time.
fn fill(
    socket: &mut TlsStream<Counted>,
    failed: &mut Option<io::Error>,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    if let Some(error) = failed.take() {
        return Poll::Ready(Err(error));
    }
    let before = buf.filled().len();
    loop {
        let had = buf.filled().len();
        match Pin::new(&mut *socket).poll_read(cx, buf) {
            Poll::Ready(Ok(())) if buf.remaining() > 0 && buf.filled().len() > had => {}
            Poll::Ready(Err(error)) if had > before => {
                *failed = Some(error);
                return Poll::Ready(Ok(()));
            }
            Poll::Pending if had > before => return Poll::Ready(Ok(())),
            other @ (Poll::Ready(_) | Poll::Pending) => return other,
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().writer().poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().writer().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().writer().poll_shutdown(cx)
    }
}

impl Socket {
    pub(crate) fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(counted) => &counted.inner,
            Self::Tls(stream, _) => &stream.get_ref().0.inner,
        }
    }

    fn writer(&mut self) -> Pin<&mut (dyn AsyncWrite + Unpin)> {
        match self {
            Self::Plain(counted) => Pin::new(counted as _),
            Self::Tls(stream, _) => Pin::new(&mut **stream as _),
        }
    }

    /// Whether the far side is this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        self.tcp().peer_addr().is_ok_and(|address| address.ip().is_loopback())
    }
}

pub(crate) fn add(counter: &AtomicU64, bytes: usize) {
    counter.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
}
