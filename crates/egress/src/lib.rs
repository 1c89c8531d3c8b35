//! The way out: everything that leaves this machine passes here, is judged, and is recorded.
//!
//! A caller brings a [`Request`] and a [`Scope`]: on whose behalf, which [`Rules`], which [`Limits`]. Egress looks the
//! name up itself, judges every address, connects to one it judged, adds the secrets that belong to that host, and
//! tells an [`Observer`] of every attempt. Nothing else in Hardshell opens a connection.
//!
//! - [`Egress::request`] speaks HTTP/1.1, in the clear or over TLS; the answer's body streams.
//! - [`Egress::websocket`] opens a WebSocket, and puts a secret into a frame where a service wants it there.
//! - [`Egress::connect`] gives a connection for SMTP or IMAP, which logs in with a secret its user never sees.
//! - [`Egress::datagrams`] sends datagrams to one host, and reads none.
//! - [`Egress::proxy`] judges and carries out what the programs of one sandbox ask their proxy for.
//! - [`Redactor`] takes secrets out of whatever is shown, stored or sent.
//!
//! This crate never prints or returns a secret, never follows an address that a rule does not open, and never trusts
//! what a peer says about itself.
#![forbid(unsafe_code)]

mod address;
mod aws;
mod body;
mod client;
mod connect;
mod connection;
mod credential;
mod datagrams;
mod error;
mod lent;
mod limits;
pub mod proxy;
mod record;
pub mod redact;
mod request;
mod resolve;
mod rules;
mod socket;
mod trust;
mod url;
mod websocket;

pub use address::AddressClass;
pub use body::Body;
pub use client::{Response, Scope};
pub use connection::{Connection, Login, Tls};
pub use credential::{Credential, Escape, Place};
pub use datagrams::{DATAGRAM_BYTES_MAX, Datagrams};
pub use error::Error;
pub use limits::Limits;
pub use record::{Observer, Record, Stage, Unobserved};
pub use redact::{Reader, RedactStream, Redactor};
pub use request::Request;
pub use resolve::{Resolve, SystemResolver};
pub use rules::{Reach, Refusal, Rule, Rules};
pub use trust::{OwnCertificate, Trust, tls_provider};
pub use url::{Destination, Scheme, Url, UrlError};
pub use websocket::{Frame, WebSocket};

// The types of requests and answers, so that callers need no edge to the crate they come from.
pub use bytes::Bytes;
pub use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
pub use rustls::pki_types::CertificateDer;

use connect::Dialer;
use domain::Host;
use proxy::Authority;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use vault::Vault;

/// The one client of this process. Shared by reference.
pub struct Egress {
    vault: Arc<Vault>,
    observer: Arc<dyn Observer>,
    dialer: Dialer,
    lent: Arc<lent::Lent>,
    redactor: RwLock<(Redactor, u64)>,
    authority: Mutex<Option<Arc<Authority>>>,
}

/// What the owner's configuration says of the network.
pub struct Settings {
    /// Certificates of authorities that are trusted besides the well-known ones.
    pub trusted: Vec<CertificateDer<'static>>,
    /// Addresses of names that are not looked up.
    pub names: BTreeMap<Host, Vec<IpAddr>>,
    /// Where the other addresses come from.
    pub resolver: Arc<dyn Resolve>,
    /// The stop switch, asked before every connection.
    pub stopped: Stopped,
}

/// Says whether everything is stopped: then nothing goes out.
pub type Stopped = Arc<dyn Fn() -> bool + Send + Sync>;

/// Well-known authorities, the system's resolver, and no stop switch, as where there is no home.
impl Default for Settings {
    fn default() -> Self {
        Self {
            trusted: Vec::new(),
            names: BTreeMap::new(),
            resolver: Arc::new(SystemResolver),
            stopped: Arc::new(|| false),
        }
    }
}

impl Egress {
    /// Sets the way out up: secrets come from `vault`, and `observer` hears of every attempt.
    ///
    /// # Errors
    ///
    /// [`Error::Setup`] when a trusted certificate is not one; [`Error::Secret`] when the vault cannot be read.
    pub fn new(vault: Arc<Vault>, settings: Settings, observer: Arc<dyn Observer>) -> Result<Self, Error> {
        let lent = lent::Lent::new();
        let (names, stopped) = (settings.names, settings.stopped);
        let dialer = Dialer::new(settings.resolver, names, &settings.trusted, stopped, Arc::clone(&lent))?;
        let redactor = RwLock::new(Redactor::of_vault_at(&vault)?);
        Ok(Self { vault, observer, dialer, lent, redactor, authority: Mutex::new(None) })
    }

    /// What takes every secret of the vault, as it is now, out of text. Cheap unless the vault changed.
    ///
    /// # Errors
    ///
    /// [`Error::Secret`] when the vault cannot be read: then nothing is known to be clean, and nothing may go out.
    pub fn redactor(&self) -> Result<Redactor, Error> {
        let generation = self.vault.generation()?;
        {
            let known = self.redactor.read().unwrap_or_else(PoisonError::into_inner);
            if known.1 == generation {
                return Ok(known.0.clone());
            }
        }
        let fresh = Redactor::of_vault_at(&self.vault)?;
        let redactor = fresh.0.clone();
        *self.redactor.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(redactor)
    }

    /// The authority that sandboxes of this process are to trust, made when it is first asked for.
    ///
    /// # Errors
    ///
    /// [`Error::Setup`] when it cannot be made.
    pub fn authority(&self) -> Result<Arc<Authority>, Error> {
        let mut authority = self.authority.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = &*authority {
            return Ok(Arc::clone(made));
        }
        let made = Arc::new(Authority::new()?);
        *authority = Some(Arc::clone(&made));
        Ok(made)
    }

    fn observer(&self) -> Arc<dyn Observer> {
        Arc::clone(&self.observer)
    }
}

impl fmt::Debug for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Egress").field("vault", &self.vault).finish_non_exhaustive()
    }
}
