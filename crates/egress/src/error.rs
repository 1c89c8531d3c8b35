//! What can go wrong on the way out, by step. No message repeats a header, a query, a body or a secret.

use crate::redact::Redactor;
use crate::{Refusal, UrlError};
use std::io;
use std::time::Duration;

/// Why something did not go out, or did not come back.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL, or a `Location` header, is not one.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The rules, or the address guard, do not let it out.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The caller asked for something that HTTP, or this client, does not do.
    #[error("send a request to `{destination}`: {reason}")]
    Request {
        /// Host and port.
        destination: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// The name has no address.
    #[error("find the address of `{host}`")]
    Resolve {
        /// The name.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// No connection was made.
    #[error("connect to `{destination}`")]
    Connect {
        /// Host and port.
        destination: String,
        /// What the system said.
        source: io::Error,
    },
    /// The peer's certificate or its TLS is not acceptable.
    #[error("speak TLS with `{destination}`")]
    Tls {
        /// Host and port.
        destination: String,
        /// What the TLS library said.
        source: io::Error,
    },
    /// The peer broke the protocol, or the connection.
    #[error("{step} `{destination}`: {reason}")]
    Peer {
        /// What was being done: `read the answer of`, …
        step: &'static str,
        /// Host and port.
        destination: String,
        /// What happened.
        reason: String,
    },
    /// The peer was slower than the limit.
    #[error("{step} `{destination}`: it took longer than {} ms", after.as_millis())]
    Timeout {
        /// What was being done.
        step: &'static str,
        /// Host and port.
        destination: String,
        /// The limit.
        after: Duration,
    },
    /// The answer is larger than the limit.
    #[error("read the answer of `{destination}`: its {what} is larger than {limit} bytes")]
    TooLarge {
        /// Host and port.
        destination: String,
        /// `head` or `body`.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// A secret is not there, or not for this host.
    #[error(transparent)]
    Secret(#[from] vault::Error),
    /// Egress itself could not be set up.
    #[error("prepare the way out: {reason}")]
    Setup {
        /// What is wrong.
        reason: String,
    },
}

impl Error {
    /// The same with secrets taken out of what a peer, or a caller, put into it: a key echoed as a host name in a
    /// redirect is a key in a message.
    pub(crate) fn redacted(self, redactor: &Redactor) -> Self {
        let clean = |text: String| redactor.redact(&text).into_owned();
        match self {
            Self::Url(UrlError::Host(error)) => {
                Self::Url(UrlError::Host(domain::HostError { text: clean(error.text), ..error }))
            }
            Self::Url(UrlError::Shape { reason }) => Self::Url(UrlError::Shape { reason }),
            Self::Refused(Refusal { rule, destination, why }) => {
                Self::Refused(Refusal { rule, destination: clean(destination), why: clean(why) })
            }
            Self::Request { destination, reason } => {
                Self::Request { destination: clean(destination), reason }
            }
            Self::Resolve { host, source } => Self::Resolve { host: clean(host), source },
            Self::Connect { destination, source } => {
                Self::Connect { destination: clean(destination), source }
            }
            Self::Tls { destination, source } => Self::Tls { destination: clean(destination), source },
            Self::Peer { step, destination, reason } => {
                Self::Peer { step, destination: clean(destination), reason: clean(reason) }
            }
            Self::Timeout { step, destination, after } => {
                Self::Timeout { step, destination: clean(destination), after }
            }
            Self::TooLarge { destination, what, limit } => {
                Self::TooLarge { destination: clean(destination), what, limit }
            }
            Self::Secret(error) => Self::Secret(error),
            Self::Setup { reason } => Self::Setup { reason: clean(reason) },
        }
    }

    /// The rule that refused, when one did.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Url(_)
            | Self::Request { .. }
            | Self::Resolve { .. }
            | Self::Connect { .. }
            | Self::Tls { .. }
            | Self::Peer { .. }
            | Self::Timeout { .. }
            | Self::TooLarge { .. }
            | Self::Secret(_)
            | Self::Setup { .. } => None,
        }
    }
}
