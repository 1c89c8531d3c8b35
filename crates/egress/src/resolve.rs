//! Names to addresses. Each connection asks once and keeps to the answer, so that a name that changes its address
//! between the check and the connection gains nothing.

use domain::Host;
use futures_util::future::BoxFuture;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where addresses come from.
pub trait Resolve: Send + Sync {
    /// Every address of `host`; an error when it has none.
    fn resolve<'a>(&'a self, host: &'a Host) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// The system's own way: `/etc/hosts`, then its name servers. Nobody is asked where `localhost` is (RFC 6761, 6.3): a
/// machine may have no `/etc/hosts`, and no name server's answer counts for this one.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a Host) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            if is_localhost(host.as_str()) {
                return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
            }
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

fn is_localhost(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_is_asked_where_localhost_is() {
        for name in ["localhost", "a.localhost"] {
            let found = SystemResolver.resolve(&name.parse().unwrap()).await.unwrap();
            assert_eq!(
                found,
                [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)],
                "{name}"
            );
        }
        assert!(!is_localhost("notlocalhost") && !is_localhost("localhost.example.org"));
    }
}
