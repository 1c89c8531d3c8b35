//! Accepts connections and serves HTTP/1.1 on them, within the limits that hold before anyone has shown a credential.

use crate::connections::Slot;
use crate::gate::{Came, Peer};
use crate::metrics::Why;
use crate::shared::Shared;
use crate::stall::Stall;
use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

/// The most bytes of a request's head: browsers stay below 8 KiB, and nothing of ours is long.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// The most headers of a request.
const HEADERS_MAX: usize = 64;
/// How long to wait when accepting fails for want of something (file descriptors, memory).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long open connections may take to end when the gateway stops.
const FAREWELL_TIME: Duration = Duration::from_secs(3);
/// Said to whoever finds no place; best effort, since nobody waits for it to be read.
const NO_ROOM: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// What an accept loop needs.
pub(crate) struct Serving {
    pub(crate) shared: Arc<Shared>,
    pub(crate) router: Router,
    pub(crate) stopping: watch::Receiver<bool>,
}

impl Serving {
    /// Accepts on `listener` until the gateway stops, then lets what is open end.
    pub(crate) async fn tcp(self, listener: TcpListener, tls: Option<TlsAcceptor>) {
        let mut stopping = self.stopping.clone();
        let mut open = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = stopped(&mut stopping) => break,
                Some(_) = open.join_next(), if !open.is_empty() => continue,
                accepted = listener.accept() => accepted,
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Some(slot) = self.admit() else {
                // Whether the goodbye arrives is the peer's business.
                let _said = stream.try_write(NO_ROOM);
                continue;
            };
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "a connection stays without TCP_NODELAY");
            }
            let peer = Peer { came: Came::Network(address.ip()), slot: Arc::new(slot) };
            let stream = Stall::new(stream, self.shared.limits.write_stall_time);
            match &tls {
                None => open.spawn(self.connection(peer, stream)),
                Some(tls) => open.spawn(self.tls_connection(peer, tls.clone(), stream)),
            };
        }
        drop(listener);
        farewell(open).await;
    }

    /// Accepts on the unix socket. Only the daemon's own uid and root get in.
    pub(crate) async fn unix(self, listener: UnixListener) {
        let own = rustix::process::geteuid().as_raw();
        let mut stopping = self.stopping.clone();
        let mut open = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = stopped(&mut stopping) => break,
                Some(_) = open.join_next(), if !open.is_empty() => continue,
                accepted = listener.accept() => accepted,
            };
            let stream = match accepted {
                Ok((stream, _unnamed)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted on the unix socket");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            if !is_let_in(&stream, own) {
                self.refused("wrong_uid");
                continue;
            }
            let Some(slot) = self.admit() else {
                let _said = stream.try_write(NO_ROOM);
                continue;
            };
            slot.prove();
            let peer = Peer { came: Came::Local, slot: Arc::new(slot) };
            open.spawn(self.connection(peer, Stall::new(stream, self.shared.limits.write_stall_time)));
        }
        drop(listener);
        farewell(open).await;
    }

    fn admit(&self) -> Option<Slot> {
        let slot = self.shared.connections.admit();
        if slot.is_none() {
            self.refused("no_room");
        }
        slot
    }

    fn refused(&self, why: &'static str) {
        self.shared.metrics.connections_refused.get_or_create(&Why { why }).inc();
    }

    fn tls_connection<I>(
        &self,
        peer: Peer,
        tls: TlsAcceptor,
        stream: I,
    ) -> impl Future<Output = ()> + Send + 'static
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let limit = self.shared.limits.handshake_time;
        let metrics = self.shared.metrics.clone();
        let slot = Arc::clone(&peer.slot);
        let (shared, router, stopping) =
            (Arc::clone(&self.shared), self.router.clone(), self.stopping.clone());
        async move {
            let shaken = tokio::select! {
                () = slot.evicted() => return,
                shaken = tokio::time::timeout(limit, tls.accept(stream)) => shaken,
            };
            match shaken {
                Ok(Ok(stream)) => serve(shared, router, stopping, peer, stream).await,
                Ok(Err(_)) | Err(_) => {
                    metrics.connections_refused.get_or_create(&Why { why: "no_handshake" }).inc();
                }
            }
        }
    }

    fn connection<I>(&self, peer: Peer, stream: I) -> impl Future<Output = ()> + Send + 'static
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        serve(Arc::clone(&self.shared), self.router.clone(), self.stopping.clone(), peer, stream)
    }
}

/// Whether the kernel says that the other side is us or root (`SO_PEERCRED`, unix(7)).
fn is_let_in(stream: &UnixStream, own: u32) -> bool {
    match stream.peer_cred() {
        Ok(peer) if is_owner(peer.uid(), own) => true,
        Ok(peer) => {
            tracing::warn!(uid = peer.uid(), "a stranger knocked at the unix socket");
            false
        }
        Err(error) => {
            tracing::warn!(%error, "the unix socket's peer is not known");
            false
        }
    }
}

/// Whoever runs the daemon is its owner; root could take everything anyway, and talks to the service so.
fn is_owner(uid: u32, own: u32) -> bool {
    uid == own || uid == 0
}

async fn serve<I>(
    shared: Arc<Shared>,
    router: Router,
    mut stopping: watch::Receiver<bool>,
    peer: Peer,
    stream: I,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let evicted = {
        let slot = Arc::clone(&peer.slot);
        async move { slot.evicted().await }
    };
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer.clone());
        router.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(shared.limits.head_time)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .half_close(false)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let end = tokio::select! {
        ended = connection.as_mut() => End::Ended(ended),
        () = evicted => End::Evicted,
        () = stopped(&mut stopping) => End::Stopping,
    };
    let ended = match end {
        End::Ended(ended) => ended,
        End::Evicted => {
            shared.metrics.connections_refused.get_or_create(&Why { why: "evicted" }).inc();
            Ok(())
        }
        End::Stopping => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // Text from outside is no part of hyper's errors.
        tracing::debug!(%error, "a connection ended");
    }
}

/// How the wait for a connection ended. An upgraded connection goes on in its own task, which holds the slot.
enum End {
    Ended(Result<(), hyper::Error>),
    Evicted,
    Stopping,
}

/// Waits until the gateway stops; a gateway that is gone has stopped.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _gone_or_stopping = stopping.wait_for(|stopping| *stopping).await.is_ok();
}

async fn farewell(mut open: JoinSet<()>) {
    let all = async { while open.join_next().await.is_some() {} };
    // Whoever is not done by then is cut off when the set is dropped.
    let _done_or_not = tokio::time::timeout(FAREWELL_TIME, all).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_daemons_user_and_root_are_the_owner() {
        for (uid, own, is) in
            [(1000, 1000, true), (0, 1000, true), (1001, 1000, false), (1000, 0, false), (0, 0, true)]
        {
            assert_eq!(is_owner(uid, own), is, "{uid} at {own}");
        }
    }

    #[tokio::test]
    async fn the_kernel_says_who_it_is() {
        let own = rustix::process::geteuid().as_raw();
        let (near, _far) = UnixStream::pair().unwrap();
        assert!(is_let_in(&near, own));
        assert_eq!(is_let_in(&near, own.wrapping_add(1)), own == 0, "root alone gets in everywhere");
    }
}
