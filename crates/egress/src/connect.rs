//! From a name to a connected socket: look the name up once, judge every address, connect to one that was judged,
//! speak TLS for that name.

use crate::lent::Lent;
use crate::record::Trace;
use crate::socket::{Counted, Socket};
use crate::trust::builder;
use crate::{Destination, Error, Limits, Reach, Refusal, Resolve, Stopped, Trust};
use domain::Host;
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, ServerName};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

/// How many addresses of a name are tried, one after the other.
const ADDRESSES_TRIED_MAX: usize = 4;
/// How many addresses a name may have.
const ADDRESSES_MAX: usize = 64;

/// Makes connections.
pub(crate) struct Dialer {
    resolver: Arc<dyn Resolve>,
    names: BTreeMap<Host, Vec<IpAddr>>,
    http_tls: TlsConnector,
    raw_tls: TlsConnector,
    stopped: Stopped,
    lent: Arc<Lent>,
}

/// What is agreed on inside TLS.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inside {
    Http,
    Anything,
}

impl Dialer {
    pub(crate) fn new(
        resolver: Arc<dyn Resolve>,
        names: BTreeMap<Host, Vec<IpAddr>>,
        trusted: &[CertificateDer<'static>],
        stopped: Stopped,
        lent: Arc<Lent>,
    ) -> Result<Self, Error> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        for certificate in trusted {
            roots.add(certificate.clone()).map_err(|error| Error::Setup { reason: error.to_string() })?;
        }
        let mut config = builder(roots)?.with_no_client_auth();
        let raw_tls = TlsConnector::from(Arc::new(config.clone()));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { resolver, names, http_tls: TlsConnector::from(Arc::new(config)), raw_tls, stopped, lent })
    }

    /// Connects to an address of `destination` that `reach` allows.
    pub(crate) async fn dial(
        &self,
        trace: &mut Trace,
        destination: &Destination,
        port: u16,
        reach: Reach,
        deadline: Deadline,
    ) -> Result<Counted, Error> {
        let judged = self.judged(destination, port, reach, deadline).await;
        let addresses = judged.inspect_err(|error| match error.refusal() {
            Some(refusal) => trace.refused(refusal.rule, &refusal.why),
            None => trace.unreachable(&reason(error)),
        })?;
        let mut last = None;
        for address in addresses.into_iter().take(ADDRESSES_TRIED_MAX) {
            trace.connecting(address);
            let connecting = TcpStream::connect(SocketAddr::new(address, port));
            let error = match timeout_at(deadline.at, connecting).await {
                Ok(Ok(inner)) => {
                    // Without it small writes wait for each other; where it cannot be set they still arrive.
                    let _ = inner.set_nodelay(true);
                    let held = trace.hold(&self.lent, &inner);
                    let failed =
                        |source| Error::Connect { destination: format!("{destination}:{port}"), source };
                    held.map_err(failed)?;
                    return Ok(Counted::new(inner, trace.counts(), Vec::new()));
                }
                Ok(Err(source)) => Error::Connect { destination: format!("{destination}:{port}"), source },
                Err(_) => deadline.passed("connect to", destination, port),
            };
            trace.failed(&reason(&error));
            last = Some(error);
        }
        Err(last.unwrap_or_else(|| no_address(destination)))
    }

    /// Every address of `destination`; a refusal if `reach` does not allow each of them, since a name with one
    /// address outside and one inside is how an inside one is smuggled past a check.
    pub(crate) async fn judged(
        &self,
        destination: &Destination,
        port: u16,
        reach: Reach,
        deadline: Deadline,
    ) -> Result<Vec<IpAddr>, Error> {
        if (self.stopped)() {
            let destination = format!("{destination}:{port}");
            let why = "everything is stopped: lockdown is on".to_string();
            return Err(Refusal { rule: "egress.lockdown", destination, why }.into());
        }
        let mut addresses = match destination {
            Destination::Address(address) => vec![*address],
            Destination::Name(host) => match self.names.get(host) {
                Some(addresses) => addresses.clone(),
                None => match timeout_at(deadline.at, self.resolver.resolve(host)).await {
                    Ok(found) => found.map_err(|source| Error::Resolve { host: host.to_string(), source })?,
                    Err(_) => return Err(deadline.passed("find the address of", destination, port)),
                },
            },
        };
        addresses.truncate(ADDRESSES_MAX);
        if addresses.is_empty() {
            return Err(no_address(destination));
        }
        for address in &addresses {
            reach.judge(*address, destination, port)?;
        }
        let mut seen = std::collections::BTreeSet::new();
        addresses.retain(|address| seen.insert(*address));
        Ok(addresses)
    }

    /// Speaks TLS over `socket`, for the name in `destination`.
    pub(crate) async fn wrap(
        &self,
        socket: Counted,
        destination: &Destination,
        port: u16,
        inside: Inside,
        trust: Option<&Trust>,
        deadline: Deadline,
    ) -> Result<Socket, Error> {
        let name = match destination {
            Destination::Name(host) => ServerName::try_from(host.as_str().to_string()),
            Destination::Address(address) => Ok(ServerName::IpAddress((*address).into())),
        };
        let shown = || format!("{destination}:{port}");
        let name =
            name.map_err(|error| Error::Tls { destination: shown(), source: io::Error::other(error) })?;
        let connector = match (inside, trust) {
            (Inside::Http, None) => self.http_tls.clone(),
            (Inside::Anything, None) => self.raw_tls.clone(),
            (Inside::Anything, Some(trust)) => TlsConnector::from(Arc::clone(&trust.0)),
            (Inside::Http, Some(trust)) => {
                let mut config = rustls::ClientConfig::clone(&trust.0);
                config.alpn_protocols = vec![b"http/1.1".to_vec()];
                TlsConnector::from(Arc::new(config))
            }
        };
        match timeout_at(deadline.at, connector.connect(name, socket)).await {
            Ok(Ok(stream)) => Ok(Socket::Tls(Box::new(stream.into()), None)),
            Ok(Err(source)) => Err(Error::Tls { destination: shown(), source }),
            Err(_) => Err(deadline.passed("speak TLS with", destination, port)),
        }
    }
}

/// A moment, and the limit it came from.
#[derive(Clone, Copy)]
pub(crate) struct Deadline {
    pub(crate) at: Instant,
    after: std::time::Duration,
}

impl Deadline {
    pub(crate) fn after(after: std::time::Duration) -> Self {
        let now = Instant::now();
        Self { at: now.checked_add(after).unwrap_or(now), after }
    }

    /// `after` from now, but not later than this one.
    pub(crate) fn within(self, after: std::time::Duration) -> Self {
        let other = Self::after(after);
        if other.at < self.at { other } else { self }
    }

    /// For connecting under `limits`.
    pub(crate) fn connecting(self, limits: &Limits) -> Self {
        self.within(limits.connect_timeout)
    }

    pub(crate) fn passed(self, step: &'static str, destination: &Destination, port: u16) -> Error {
        Error::Timeout { step, destination: format!("{destination}:{port}"), after: self.after }
    }
}

/// An error with its causes in one line.
pub(crate) fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

fn no_address(destination: &Destination) -> Error {
    let source = io::Error::new(io::ErrorKind::NotFound, "it has no address");
    Error::Resolve { host: destination.to_string(), source }
}
