//! A connection for protocols other than HTTP, mail above all, and logging in on it.

use crate::connect::{Deadline, Inside, reason};
use crate::lent::Lent;
use crate::record::Trace;
use crate::socket::Socket;
use crate::{Destination, Egress, Error, Scope, Trust};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::SecretName;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use vault::Vault;
use zeroize::Zeroizing;

/// Whether a connection speaks TLS from its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// From the first byte, for the host's name.
    Now,
    /// Not yet; [`Connection::start_tls`] begins it.
    Later,
}

/// A connection to one host. Reads and writes as any other stream.
pub struct Connection {
    socket: Socket,
    destination: Destination,
    port: u16,
    who: String,
    limits: crate::Limits,
    trust: Option<Trust>,
    lent: Arc<Lent>,
    vault: Arc<Vault>,
    ending: Ending,
}

/// Tells that a connection is over when its owner lets it go.
pub(crate) struct Ending(pub(crate) Trace);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.closed(None);
    }
}

/// How a protocol takes a secret. Each writes exactly one line, CRLF included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// IMAP: `TAG LOGIN "user" "secret"` (RFC 3501 §6.2.3).
    ImapLogin {
        /// The command's tag.
        tag: String,
        /// The account.
        user: String,
    },
    /// The answer to a SASL PLAIN challenge, of IMAP or SMTP (RFC 4616).
    SaslPlain {
        /// The account.
        user: String,
    },
    /// SMTP: `AUTH PLAIN …` in one line (RFC 4954 §4).
    SmtpAuthPlain {
        /// The account.
        user: String,
    },
    /// The answer to the second challenge of AUTH LOGIN: the secret in base64.
    SaslLoginSecret,
    /// The answer to a SASL XOAUTH2 challenge, the secret being an access token.
    SaslXoauth2 {
        /// The account.
        user: String,
    },
}

impl Egress {
    /// Connects to a host that the rules open without methods or paths.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] by the rules or the address guard; [`Error::Resolve`], [`Error::Connect`], [`Error::Tls`]
    /// and [`Error::Timeout`] when there is no connection.
    pub async fn connect(
        &self,
        destination: &Destination,
        port: u16,
        tls: Tls,
        scope: &Scope,
    ) -> Result<Connection, Error> {
        let redactor = self.redactor()?;
        let mut trace =
            Trace::new(self.observer(), Some(redactor), &scope.who, &destination.to_string(), port);
        let reach = scope.rules.judge_connection(destination, port).inspect_err(|refusal| {
            trace.refused(refusal.rule, &refusal.why);
        })?;
        let deadline = Deadline::after(scope.limits.connect_timeout);
        let socket = Socket::Plain(self.dialer.dial(&mut trace, destination, port, reach, deadline).await?);
        let connection = Connection {
            socket,
            destination: destination.clone(),
            port,
            who: scope.who.clone(),
            limits: scope.limits,
            trust: scope.rules.trust().cloned(),
            lent: Arc::clone(&self.lent),
            vault: Arc::clone(&self.vault),
            ending: Ending(trace),
        };
        match tls {
            Tls::Now => connection.start_tls(self).await,
            Tls::Later => Ok(connection),
        }
    }
}

impl Connection {
    /// Speaks TLS from here on, for the host's name. The caller must not have read past the answer to `STARTTLS`:
    /// what a peer sent before TLS is not to be taken for what it said inside (CVE-2021-38371 and its like).
    ///
    /// # Errors
    ///
    /// [`Error::Tls`], [`Error::Timeout`]; [`Error::Request`] when TLS is spoken already.
    pub async fn start_tls(mut self, egress: &Egress) -> Result<Self, Error> {
        let socket = match self.socket {
            Socket::Plain(socket) => socket,
            Socket::Tls(..) => {
                return Err(Error::Request {
                    destination: self.destination.to_string(),
                    reason: "TLS is spoken already",
                });
            }
        };
        let deadline = Deadline::after(self.limits.connect_timeout);
        let (to, trust) = (&self.destination, self.trust.as_ref());
        let wrapped = egress.dialer.wrap(socket, to, self.port, Inside::Anything, trust, deadline).await;
        self.socket = wrapped.inspect_err(|error| self.ending.0.failed(&reason(error)))?;
        Ok(self)
    }

    /// Whether TLS is spoken.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        matches!(self.socket, Socket::Tls(..))
    }

    /// Sends one line that logs in with `secret`, which the vault lends to this host. Only under TLS, or to a host
    /// whose every address is this machine's own.
    ///
    /// # Errors
    ///
    /// [`Error::Secret`] when the secret is not there or not for this host; [`Error::Request`] for a connection in
    /// the clear, or a user or secret that the line cannot carry; [`Error::Peer`] when the line cannot be sent.
    pub async fn log_in(&mut self, secret: &SecretName, login: &Login) -> Result<(), Error> {
        let shown = format!("{}:{}", self.destination, self.port);
        let failed = |reason| Error::Request { destination: shown.clone(), reason };
        let host =
            self.destination.name().ok_or_else(|| failed("a secret goes only to a host with a name"))?;
        if !self.is_tls() && !self.socket.is_loopback() {
            return Err(failed("a secret would travel in the clear; speak TLS first"));
        }
        let line = self.vault.with(secret, host, &self.who, |text| login.line(text))?.map_err(failed)?;
        let held = self.ending.0.lent(secret, &self.lent, self.socket.tcp());
        held.map_err(|source| Error::Connect { destination: shown.clone(), source })?;
        let sent = async {
            self.socket.write_all(&line).await?;
            self.socket.flush().await
        };
        sent.await.map_err(|error| Error::Peer {
            step: "log in at",
            destination: shown.clone(),
            reason: error.to_string(),
        })
    }
}

impl Login {
    /// The line to send.
    fn line(&self, secret: &str) -> Result<Zeroizing<Vec<u8>>, &'static str> {
        let mut line =
            Zeroizing::new(String::with_capacity(secret.len().saturating_mul(3).saturating_add(1024)));
        let user = match self {
            Self::ImapLogin { user, .. }
            | Self::SaslPlain { user }
            | Self::SmtpAuthPlain { user }
            | Self::SaslXoauth2 { user } => user,
            Self::SaslLoginSecret => "",
        };
        if user.chars().chain(secret.chars()).any(char::is_control) {
            return Err("the user or the secret has control characters, which would end the line");
        }
        match self {
            Self::ImapLogin { tag, user } => {
                if tag.is_empty() || !tag.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                    return Err("an IMAP tag has letters and digits only");
                }
                if !user.is_ascii() || !secret.is_ascii() {
                    return Err("an IMAP LOGIN is ASCII only; use SASL PLAIN");
                }
                line.push_str(tag);
                line.push_str(" LOGIN ");
                quote(user, &mut line);
                line.push(' ');
                quote(secret, &mut line);
            }
            Self::SaslPlain { user } => plain(user, secret, &mut line),
            Self::SmtpAuthPlain { user } => {
                line.push_str("AUTH PLAIN ");
                plain(user, secret, &mut line);
            }
            Self::SaslLoginSecret => STANDARD.encode_string(secret, &mut line),
            Self::SaslXoauth2 { user } => {
                let text = Zeroizing::new(format!("user={user}\x01auth=Bearer {secret}\x01\x01"));
                STANDARD.encode_string(text.as_bytes(), &mut line);
            }
        }
        line.push_str("\r\n");
        Ok(Zeroizing::new(std::mem::take(&mut *line).into_bytes()))
    }
}

/// RFC 4616: `authzid NUL authcid NUL passwd`, in base64.
fn plain(user: &str, secret: &str, line: &mut String) {
    let text = Zeroizing::new(format!("\0{user}\0{secret}"));
    STANDARD.encode_string(text.as_bytes(), line);
}

/// RFC 3501 §4.3, quoted.
fn quote(text: &str, line: &mut String) {
    line.push('"');
    for letter in text.chars() {
        if letter == '"' || letter == '\\' {
            line.push('\\');
        }
        line.push(letter);
    }
    line.push('"');
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("destination", &self.destination)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}
