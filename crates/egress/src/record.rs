//! What is told of every attempt to go out, so that the audit log has each of them.

use crate::lent::{Held, Lent};
use crate::redact::Redactor;
use domain::SecretName;
use http::Method;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::net::TcpStream;

/// Hears of every attempt, as it happens. Called on the path of the request: it must not block for long.
pub trait Observer: Send + Sync {
    /// One attempt reached a stage. Each attempt has either one [`Stage::Refused`], or one [`Stage::Connecting`]
    /// for every address tried, each followed by one [`Stage::Failed`] or [`Stage::Closed`], or one [`Stage::Failed`]
    /// alone when the name has no address. A refusal that comes to light on an open connection, and a misplaced
    /// placeholder, are told in between.
    fn observe(&self, record: &Record);
}

/// Hears nothing. For programs without a log of their own, such as `hardshell sandbox run` without a home.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn observe(&self, _record: &Record) {}
}

/// One stage of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The attempt; the same number in all its records, and of no other attempt of this process.
    pub number: u64,
    /// For whom: `model openai`, `mail`, `run 17`.
    pub who: String,
    /// Where to: a host name or an address, without secrets.
    pub destination: String,
    /// Which port.
    pub port: u16,
    /// The address that was connected to, once there is one.
    pub address: Option<IpAddr>,
    /// The method, of an HTTP request.
    pub method: Option<Method>,
    /// The path, of an HTTP request, without its query and without secrets.
    pub path: Option<String>,
    /// The secrets that were added.
    pub secrets: Vec<SecretName>,
    /// Bytes sent so far, those of TLS included.
    pub sent_bytes: u64,
    /// Bytes received so far, those of TLS included.
    pub received_bytes: u64,
    /// How far it got.
    pub stage: Stage,
}

/// How far an attempt got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It was not let out; nothing was sent.
    Refused {
        /// The rule: `egress.host`, …
        rule: &'static str,
        /// Why.
        why: String,
    },
    /// The connection is about to be made.
    Connecting,
    /// It was made or tried, and failed.
    Failed {
        /// Why.
        why: String,
    },
    /// A placeholder stood where it is not good, and went on as a placeholder.
    Misplaced {
        /// The secret it stands for.
        secret: SecretName,
    },
    /// It is over.
    Closed {
        /// The HTTP status, where there was one.
        status: Option<u16>,
    },
}

/// Bytes through one socket.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) sent: AtomicU64,
    pub(crate) received: AtomicU64,
}

/// Follows one attempt, and tells how it ended even if nobody asks it to.
pub(crate) struct Trace {
    observer: Arc<dyn Observer>,
    redactor: Option<Redactor>,
    record: Record,
    counts: Arc<Counts>,
    connecting: bool,
    /// For as long as this is, the connection is known to carry its secrets.
    held: Vec<Held>,
}

static NUMBER: AtomicU64 = AtomicU64::new(1);

impl Trace {
    /// Without a `redactor`, which is when the vault cannot be read, nothing that others chose is told.
    pub(crate) fn new(
        observer: Arc<dyn Observer>,
        redactor: Option<Redactor>,
        who: &str,
        destination: &str,
        port: u16,
    ) -> Self {
        let record = Record {
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            who: who.to_string(),
            destination: clean(redactor.as_ref(), destination),
            port,
            address: None,
            method: None,
            path: None,
            secrets: Vec::new(),
            sent_bytes: 0,
            received_bytes: 0,
            stage: Stage::Connecting,
        };
        Self { observer, redactor, record, counts: Arc::default(), connecting: false, held: Vec::new() }
    }

    pub(crate) fn request(&mut self, method: &Method, path: &str, secrets: Vec<SecretName>) {
        self.record.method = Some(method.clone());
        self.record.path = Some(clean(self.redactor.as_ref(), path));
        self.record.secrets = secrets;
    }

    /// A secret goes along after the connection was made.
    pub(crate) fn lent(
        &mut self,
        secret: &SecretName,
        lent: &Arc<Lent>,
        socket: &TcpStream,
    ) -> std::io::Result<()> {
        self.record.secrets.push(secret.clone());
        self.held.push(lent.hold(secret, socket)?);
        Ok(())
    }

    /// The secrets of this attempt go along on `socket`.
    pub(crate) fn hold(&mut self, lent: &Arc<Lent>, socket: &TcpStream) -> std::io::Result<()> {
        for secret in &self.record.secrets {
            self.held.push(lent.hold(secret, socket)?);
        }
        Ok(())
    }

    pub(crate) fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }

    pub(crate) fn refused(&mut self, rule: &'static str, why: &str) {
        self.tell(Stage::Refused { rule, why: clean(self.redactor.as_ref(), why) });
    }

    /// What was connected turned out not to be allowed.
    pub(crate) fn refused_after(&mut self, rule: &'static str, why: &str) {
        self.refused(rule, why);
        self.failed(why);
    }

    pub(crate) fn misplaced(&mut self, secret: &SecretName) {
        self.tell(Stage::Misplaced { secret: secret.clone() });
    }

    /// There was nothing to connect to.
    pub(crate) fn unreachable(&mut self, why: &str) {
        self.tell(Stage::Failed { why: clean(self.redactor.as_ref(), why) });
    }

    pub(crate) fn connecting(&mut self, address: IpAddr) {
        self.record.address = Some(address);
        self.connecting = true;
        self.tell(Stage::Connecting);
    }

    /// Ends what [`Trace::connecting`] began; without it there is nothing to end.
    pub(crate) fn failed(&mut self, why: &str) {
        if std::mem::take(&mut self.connecting) {
            self.tell(Stage::Failed { why: clean(self.redactor.as_ref(), why) });
        }
    }

    pub(crate) fn closed(&mut self, status: Option<u16>) {
        if std::mem::take(&mut self.connecting) {
            self.tell(Stage::Closed { status });
        }
    }

    fn tell(&mut self, stage: Stage) {
        self.record.sent_bytes = self.counts.sent.load(Ordering::Relaxed);
        self.record.received_bytes = self.counts.received.load(Ordering::Relaxed);
        self.record.stage = stage;
        self.observer.observe(&self.record);
    }
}

/// What a record shows of a text that a caller or a peer chose: one place, so that no record can show a secret.
fn clean(redactor: Option<&Redactor>, text: &str) -> String {
    redactor.map_or("(not shown: the vault cannot be read)".to_string(), |redactor| {
        redactor.redact(text).into_owned()
    })
}

/// Whoever lets an attempt go without a word has given it up.
impl Drop for Trace {
    fn drop(&mut self) {
        self.failed("it was given up");
    }
}
