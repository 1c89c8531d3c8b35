//! Names to addresses. Each connection asks once and keeps to the answer, so that a name that changes its address
//! between the check and the connection gains nothing.

use domain::Host;
use futures_util::future::BoxFuture;
use std::io;
use std::net::IpAddr;

/// Where addresses come from.
pub trait Resolve: Send + Sync {
    /// Every address of `host`; an error when it has none.
    fn resolve<'a>(&'a self, host: &'a Host) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// The system's own way: `/etc/hosts`, then its name servers.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a Host) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}
