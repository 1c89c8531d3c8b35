//! Datagrams to one host, for protocols that only tell: syslog above all.

use crate::connect::{Deadline, reason};
use crate::connection::Ending;
use crate::record::{Counts, Trace};
use crate::socket::add;
use crate::{Destination, Egress, Error, Scope};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::UdpSocket;

/// The longest datagram, in bytes: what UDP over IPv4 carries (RFC 768, RFC 791).
pub const DATAGRAM_BYTES_MAX: usize = 65_507;

/// A way for datagrams to one host. Nothing that comes back is read.
pub struct Datagrams {
    socket: UdpSocket,
    shown: String,
    counts: Arc<Counts>,
    _ending: Ending,
}

impl Egress {
    /// Opens a way for datagrams to a host that the rules open without methods or paths.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] by the rules or the address guard; [`Error::Resolve`], [`Error::Connect`] and
    /// [`Error::Timeout`] when there is no way.
    pub async fn datagrams(
        &self,
        destination: &Destination,
        port: u16,
        scope: &Scope,
    ) -> Result<Datagrams, Error> {
        let redactor = self.redactor()?;
        let shown = format!("{destination}:{port}");
        let mut trace =
            Trace::new(self.observer(), Some(redactor), &scope.who, &destination.to_string(), port);
        let deadline = Deadline::after(scope.limits.connect_timeout);
        let addresses = match scope.rules.judge_connection(destination, port) {
            Ok(reach) => self.dialer.judged(destination, port, reach, deadline).await,
            Err(refusal) => Err(refusal.into()),
        };
        let addresses = addresses.inspect_err(|error| match error.refusal() {
            Some(refusal) => trace.refused(refusal.rule, &refusal.why),
            None => trace.unreachable(&reason(error)),
        })?;
        let mut last = io::Error::new(io::ErrorKind::NotFound, "it has no address");
        for address in addresses {
            trace.connecting(address);
            match open(SocketAddr::new(address, port)).await {
                Ok(socket) => {
                    let counts = trace.counts();
                    return Ok(Datagrams { socket, shown, counts, _ending: Ending(trace) });
                }
                Err(error) => {
                    trace.failed(&error.to_string());
                    last = error;
                }
            }
        }
        Err(Error::Connect { destination: shown, source: last })
    }
}

async fn open(to: SocketAddr) -> io::Result<UdpSocket> {
    let any = match to.ip() {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await?;
    socket.connect(to).await?;
    Ok(socket)
}

impl Datagrams {
    /// Sends one datagram of at most [`DATAGRAM_BYTES_MAX`]. That it was sent does not mean that it arrives.
    ///
    /// # Errors
    ///
    /// [`Error::Connect`] with what the network says of this one or of one before it.
    pub async fn send(&self, bytes: &[u8]) -> Result<(), Error> {
        let failed = |source| Error::Connect { destination: self.shown.clone(), source };
        add(&self.counts.sent, self.socket.send(bytes).await.map_err(failed)?);
        Ok(())
    }

    /// What the network said of datagrams that were sent: a host where nobody listens says so.
    ///
    /// # Errors
    ///
    /// [`Error::Connect`].
    pub fn check(&self) -> Result<(), Error> {
        let failed = |source| Error::Connect { destination: self.shown.clone(), source };
        self.socket.take_error().map_err(failed)?.map_or(Ok(()), |error| Err(failed(error)))
    }
}
