//! Why the gateway does not start, in words for the owner.

use crate::SignInsError;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Something else listens there.
    #[error("the address {address} is taken{}", holder.as_ref().map(|holder| format!(" by {holder}")).unwrap_or_default())]
    PortTaken {
        /// The address.
        address: SocketAddr,
        /// The program, where it can be told: `node (pid 4711)`.
        holder: Option<String>,
    },
    /// The address is reachable from afar and something that this needs is missing.
    #[error("the address {address} can be reached from other machines, and {missing}")]
    Exposed {
        /// The address.
        address: SocketAddr,
        /// What is missing.
        missing: Missing,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The unix socket cannot be made.
    #[error("cannot make the socket `{}`: {why}", path.display())]
    Socket {
        /// Its path.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Another gateway serves the unix socket.
    #[error("another Hardshell serves the socket `{}`", path.display())]
    SocketTaken {
        /// Its path.
        path: PathBuf,
    },
    /// The certificate or its key cannot be used.
    #[error("cannot use the TLS file `{}`: {why}", path.display())]
    Tls {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The sign-ins cannot be read.
    #[error(transparent)]
    SignIns(#[from] SignInsError),
}

/// What an address that can be reached from afar lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// No `exposure = "public"`.
    Exposure,
    /// No certificate.
    Tls,
    /// No name by which browsers reach it.
    Name,
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Exposure => "`exposure = \"public\"` is not set",
            Self::Tls => "no TLS certificate is set",
            Self::Name => "no public name is set",
        })
    }
}

impl StartError {
    /// What helps, for the line `hint:`.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::PortTaken { address, holder: _ } => {
                let other = if address.port() == u16::MAX { 1024 } else { address.port().saturating_add(1) };
                format!("`hardshell up --port {other}` takes another one; `ss -ltnp 'sport = :{}'` shows who has it", address.port())
            }
            Self::Exposed { missing, .. } => match missing {
                Missing::Exposure => "stay on 127.0.0.1 and reach it through `ssh -L 18789:127.0.0.1:18789 HOST`".to_string(),
                Missing::Tls => "set `certificate` and `key` under `[gateway.tls]`, or put a proxy with TLS before it".to_string(),
                Missing::Name => "set `names = [\"assistant.example.org\"]` under `[gateway]`".to_string(),
            },
            Self::Listen { address, source } if source.kind() == io::ErrorKind::PermissionDenied && address.port() < 1024 => {
                "ports below 1024 need root, which the assistant never is: take another, `hardshell up --port 18789`, or put a proxy before it".to_string()
            }
            Self::Listen { address, .. } => format!("`ip address` shows this machine's addresses; {} must be one of them", address.ip()),
            Self::Socket { .. } => "its folder must exist, belong to you with mode 0700, and the whole path stay below 108 bytes".to_string(),
            Self::SocketTaken { .. } => "`hardshell chat` talks to the one that runs; stop it first, or choose another home with `--home`".to_string(),
            Self::Tls { path, .. } => format!("it must be a PEM file; a key needs mode 0600: `chmod 600 {}`", path.display()),
            Self::SignIns(_) => "`ls -l` shows whether the home is whole".to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_only_root_may_have_is_told_from_an_address_that_is_not_this_machines() {
        let hint = |address: &str, kind: io::ErrorKind| {
            StartError::Listen { address: address.parse().unwrap(), source: kind.into() }.hint()
        };
        let low = hint("127.0.0.1:80", io::ErrorKind::PermissionDenied);
        assert!(low.contains("below 1024 need root") && low.contains("`hardshell up --port 18789`"), "{low}");
        let other = hint("192.0.2.1:80", io::ErrorKind::AddrNotAvailable);
        assert!(other.starts_with("`ip address`") && other.contains("192.0.2.1"), "{other}");
    }
}
