//! Where mail is read and how it is sent.

use super::message::Mail;
use domain::{Address, Host, HostError, SecretName};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// One mailbox of the owner's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    /// The owner's name for it: letters, digits, `-`, `_`.
    pub name: String,
    /// Where it is.
    pub place: MailPlace,
}

/// Where a mailbox is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailPlace {
    /// A Maildir on this machine.
    Maildir(PathBuf),
    /// An IMAP server.
    Imap(ImapServer),
}

/// How a mail server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte.
    Tls,
    /// TLS after `STARTTLS`, or not at all.
    StartTls,
    /// In the clear; only to this machine.
    Plain,
}

/// An IMAP server and who signs in there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImapServer {
    /// The host.
    pub host: Host,
    /// The port.
    pub port: u16,
    /// How it is spoken to.
    pub security: Security,
    /// The account.
    pub user: String,
    /// The secret that is its password.
    pub secret: SecretName,
}

/// An SMTP server and who sends through it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpServer {
    /// The host.
    pub host: Host,
    /// The port.
    pub port: u16,
    /// How it is spoken to.
    pub security: Security,
    /// The account and the secret that is its password, where it wants one.
    pub login: Option<(String, SecretName)>,
    /// The address that mail is from.
    pub from: Address,
}

/// Whose mail was written by the owner's own people, and which server proves who sent it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InternalMail {
    /// The owner's own receiving server of a mailbox, as it calls itself in `Authentication-Results`, by the mailbox's
    /// name. Without one nothing of that mailbox is internal.
    pub servers: BTreeMap<String, String>,
    /// Addresses and `@domain`s.
    pub senders: Vec<String>,
}

impl InternalMail {
    /// Whether `mail`, which lies in `mailbox`, was proved to come from one of the senders.
    pub(crate) fn covers(&self, mailbox: &str, mail: &Mail) -> bool {
        let (Some(server), Some(proof)) = (self.servers.get(mailbox), &mail.proof) else { return false };
        let (from, domain) = (proof.from.as_str(), proof.from.domain());
        proof.by.eq_ignore_ascii_case(server)
            && self.senders.iter().map(|sender| sender.trim().to_lowercase()).any(|sender| {
                match sender.strip_prefix('@') {
                    Some(of) => domain == Some(of),
                    None => sender == from,
                }
            })
    }
}

/// The text names no mail server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{url}` is not a mail server: {reason}")]
pub struct ServerError {
    /// The text.
    pub url: String,
    /// What is wrong.
    pub reason: String,
}

struct Parts {
    scheme: String,
    user: Option<String>,
    host: Host,
    port: Option<u16>,
}

impl ImapServer {
    /// Reads `imaps://user@imap.example.org`, `imap://user@host` (STARTTLS, port 143) or `imap+plain://user@localhost`.
    ///
    /// # Errors
    ///
    /// [`ServerError`] when it is another URL, has a password in it or no user.
    pub fn parse(url: &str, secret: SecretName) -> Result<Self, ServerError> {
        let parts = parts(url)?;
        let bad = |reason: &str| ServerError { url: url.to_string(), reason: reason.to_string() };
        let (security, port) = match parts.scheme.as_str() {
            "imaps" => (Security::Tls, 993),
            "imap" => (Security::StartTls, 143),
            "imap+plain" => (Security::Plain, 143),
            _other => return Err(bad("it begins with imaps://, imap:// or imap+plain://")),
        };
        let user = parts.user.ok_or_else(|| bad("it names no user: imaps://user@host"))?;
        Ok(Self { host: parts.host, port: parts.port.unwrap_or(port), security, user, secret })
    }
}

impl SmtpServer {
    /// Reads `smtps://user@smtp.example.org`, `smtp://user@host:587` (STARTTLS) or `smtp+plain://localhost:25`.
    ///
    /// # Errors
    ///
    /// [`ServerError`] when it is another URL, has a password in it, or a user without a secret or the other way round.
    pub fn parse(url: &str, from: Address, secret: Option<SecretName>) -> Result<Self, ServerError> {
        let parts = parts(url)?;
        let bad = |reason: &str| ServerError { url: url.to_string(), reason: reason.to_string() };
        let (security, port) = match parts.scheme.as_str() {
            "smtps" => (Security::Tls, 465),
            "smtp" => (Security::StartTls, 587),
            "smtp+plain" => (Security::Plain, 25),
            _other => return Err(bad("it begins with smtps://, smtp:// or smtp+plain://")),
        };
        let login = match (parts.user, secret) {
            (Some(user), Some(secret)) => Some((user, secret)),
            (None, None) => None,
            (Some(_), None) => return Err(bad("it names a user and no password is given")),
            (None, Some(_)) => return Err(bad("a password is given and it names no user")),
        };
        Ok(Self { host: parts.host, port: parts.port.unwrap_or(port), security, login, from })
    }
}

fn parts(url: &str) -> Result<Parts, ServerError> {
    let bad = |reason: String| ServerError { url: url.to_string(), reason };
    let (scheme, rest) = url.split_once("://").ok_or_else(|| bad("it has no `://`".to_string()))?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    // A user may be a mail address, so that the last `@` ends it.
    let (user, place) = rest.rsplit_once('@').map_or((None, rest), |(user, place)| (Some(user), place));
    if user.is_some_and(|user| user.is_empty() || user.contains(':') || user.chars().any(char::is_control)) {
        let reason =
            "the user is empty or has a password in it; passwords are secrets: `secret = \"secret://name\"`";
        return Err(ServerError { url: scheme.to_string() + "://…", reason: reason.to_string() });
    }
    let (host, port) = match place.split_once(':') {
        Some((host, port)) => {
            (host, Some(port.parse::<u16>().map_err(|_| bad(format!("`{port}` is no port")))?))
        }
        None => (place, None),
    };
    let host: Host = host.parse().map_err(|error: HostError| bad(error.to_string()))?;
    Ok(Parts { scheme: scheme.to_string(), user: user.map(str::to_string), host, port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_read_or_refused() {
        let smtp = |url: &str, secret: Option<&str>| {
            let secret = secret.map(|name| name.parse().unwrap());
            SmtpServer::parse(url, "me@example.org".parse().unwrap(), secret)
                .map(|server| {
                    (server.host.to_string(), server.port, server.security, server.login.map(|login| login.0))
                })
                .map_err(|error| error.reason)
        };
        let host = || "mail.example.org".to_string();
        let me = || Some("me@example.org".to_string());
        assert_eq!(
            smtp("smtps://me@example.org@mail.example.org", Some("smtp")),
            Ok((host(), 465, Security::Tls, me()))
        );
        assert_eq!(
            smtp("smtp+plain://mail.example.org:2525/", None),
            Ok((host(), 2525, Security::Plain, None))
        );
        for (url, secret) in [
            ("http://mail.example.org", None),
            ("smtps://mail.example.org", Some("smtp")),
            ("smtps://me@mail.example.org", None),
            ("smtps://me:hunter2@mail.example.org", Some("smtp")),
            ("smtps://127.0.0.1", None),
            ("smtps://mail.example.org:port", None),
            ("mail.example.org", None),
        ] {
            let error = smtp(url, secret).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
        let imap = ImapServer::parse("imaps://me@mail.example.org", "imap".parse().unwrap()).unwrap();
        assert_eq!((imap.port, imap.user.as_str(), imap.security), (993, "me", Security::Tls));
    }
}
