//! The way out of a sandbox: HTTP CONNECT, plain HTTP and SOCKS5 on a listener that only one run can reach.
//!
//! The listener itself identifies the run, so nobody logs in. Names are resolved here; a run that asks for an address,
//! a number form, or anything else that is not a strict host name is refused. What passes by unread must be TLS for
//! exactly the host that was asked for; a host whose rules name methods or paths, or that one of the run's
//! placeholders belongs to, is spoken to under a certificate of this home's own, and each request is judged.

mod authority;
mod forward;
mod hello;
mod placeholder;
mod socks;
mod tunnel;

pub use authority::Authority;
pub use hello::{Hello, HelloError, read_hello};
pub use placeholder::{Binding, Placeholder, Placeholders};
pub use socks::{SocksError, SocksRequest, read_socks_request};

use crate::connect::reason;
use crate::record::Trace;
use crate::rules::refusal;
use crate::{Destination, Egress, Error, Limits, Refusal, Rules};
use std::net::TcpListener as StandardListener;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

/// How many connections of one run are open at a time; further ones wait to be accepted.
const CONNECTIONS_MAX: usize = 256;
/// How long a program has for what it says before its bytes are passed on: greeting, head, ClientHello.
const GREETING_TIMEOUT: Duration = Duration::from_secs(15);
/// The first byte of SOCKS 5 (RFC 1928 §3).
const SOCKS_VERSION: u8 = 5;

/// What one run may do.
#[derive(Clone)]
pub struct Run {
    /// Its name in records: `run 17`.
    pub who: String,
    /// What it may reach.
    pub rules: Arc<Rules>,
    /// How much and how long, for each request or connection.
    pub limits: Limits,
    /// What stands for secrets in it.
    pub placeholders: Placeholders,
}

/// A proxy at work. Dropping it ends every connection of its run at once.
pub struct Proxy {
    accepting: JoinHandle<()>,
}

/// What every connection of a run shares.
struct Shared {
    egress: Arc<Egress>,
    run: Run,
}

impl Limits {
    /// For what a program in a sandbox does: long downloads, each piece within two minutes.
    #[must_use]
    pub fn proxied() -> Self {
        Self {
            head_bytes_max: 64 * 1024,
            body_bytes_max: 4 * 1024 * 1024 * 1024,
            head_timeout: Duration::from_secs(300),
            idle_timeout: Duration::from_secs(120),
            total_timeout: Duration::from_secs(3600),
            redirects_max: 0,
            ..Self::default()
        }
    }
}

impl Egress {
    /// Serves the programs of one run, which connect to `listener`: in their own network namespace, or on loopback.
    /// To be called within a Tokio runtime.
    ///
    /// # Errors
    ///
    /// [`Error::Setup`] when the listener is not one.
    pub fn proxy(self: &Arc<Self>, listener: StandardListener, run: Run) -> Result<Proxy, Error> {
        let failed = |error: std::io::Error| Error::Setup { reason: format!("listen for a run: {error}") };
        listener.set_nonblocking(true).map_err(failed)?;
        let listener = TcpListener::from_std(listener).map_err(failed)?;
        let shared = Arc::new(Shared { egress: Arc::clone(self), run });
        Ok(Proxy { accepting: tokio::spawn(accept(listener, shared)) })
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // The connections are in a set that this task owns, and end with it.
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        // An error here is of one connection that was gone before it was accepted, or of too many open files, which
        // passes when one of them closes.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            serve(stream, &shared).await;
            drop(place);
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Serves one connection, whichever of the two protocols it speaks.
async fn serve(stream: TcpStream, shared: &Arc<Shared>) {
    // Without it small writes wait for each other; where it cannot be set they still arrive.
    let _ = stream.set_nodelay(true);
    let mut first = [0];
    match timeout(GREETING_TIMEOUT, stream.peek(&mut first)).await {
        Ok(Ok(1)) if first == [SOCKS_VERSION] => socks::serve(stream, shared).await,
        Ok(Ok(1)) => forward::serve_proxy(stream, shared).await,
        Ok(Ok(_) | Err(_)) | Err(_) => {}
    }
}

impl Shared {
    /// Follows an attempt of the run.
    fn trace(&self, destination: &str, port: u16) -> Trace {
        Trace::new(self.egress.observer(), self.egress.redactor().ok(), &self.run.who, destination, port)
    }

    /// Records something that was not let out before there was a destination to judge.
    fn refused(&self, destination: &str, port: u16, rule: &'static str, why: &str) {
        self.trace(destination, port).refused(rule, why);
    }

    /// Whether requests to this host are looked into.
    fn inspects(&self, destination: &Destination, port: u16) -> bool {
        self.run.rules.needs_inspection(destination, port) || self.run.placeholders.are_for(destination, port)
    }
}

/// A program in a sandbox names its hosts; an address, which says nothing of whose it is, is not reached.
fn is_named(destination: &Destination, port: u16) -> Result<(), Refusal> {
    let address = || refusal("egress.host", destination, port, "it is an address, and no name".to_string());
    destination.name().map(drop).ok_or_else(address)
}

/// Tells an attempt's trace what became of it, whichever kind of error it was.
fn tell(trace: &mut Trace, error: &Error) {
    match error.refusal() {
        Some(Refusal { rule, why, destination: _ }) => trace.refused(rule, why),
        None => trace.failed(&reason(error)),
    }
}
