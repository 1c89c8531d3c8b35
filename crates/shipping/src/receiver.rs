//! Who is sent the log, and how.

use egress::{Credential, Destination, Rules, Url};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

/// The longest name of a receiver, in bytes: it is the name of a file and of a time series.
const NAME_BYTES_MAX: usize = 32;

/// What a receiver is called: lower-case letters, digits and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// The text is no name of a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a receiver's name has 1 to {NAME_BYTES_MAX} lower-case letters, digits and `-`")]
pub struct NameError;

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let fits = (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(known);
        if fits && !text.starts_with('-') { Ok(Self(text.to_string())) } else { Err(NameError) }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One receiver.
#[derive(Clone, Debug)]
pub struct Receiver {
    /// What it is called.
    pub name: Name,
    /// Where the records go.
    pub to: To,
    /// How many records it may be behind; beyond that the oldest are skipped, on record.
    pub behind_records_max: u64,
}

/// Where the records go.
#[derive(Clone, Debug)]
pub enum To {
    /// A file that grows, a JSON line a record.
    File(PathBuf),
    /// Standard output, a JSON line a record.
    StandardOutput,
    /// A file with signatures alone, a line each, for `hardshell audit verify --against`.
    Signatures(PathBuf),
    /// A syslog server.
    Syslog(Syslog),
    /// An OpenTelemetry collector.
    Otlp(Box<Otlp>),
}

/// A syslog server (RFC 5424).
#[derive(Clone, Debug)]
pub struct Syslog {
    /// Where it is.
    pub destination: Destination,
    /// Its port.
    pub port: u16,
    /// How it is spoken to.
    pub transport: Transport,
    /// What opens the way to it, and whom it may be vouched for by.
    pub rules: Arc<Rules>,
    /// The facility of every message.
    pub facility: Facility,
    /// The longest message; a longer record's text is cut, which the message says.
    pub message_bytes_max: usize,
    /// When what was written counts as taken.
    pub confirmation: Confirmation,
}

/// How a syslog server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Datagrams (RFC 5426). What is lost on the way, nobody hears of.
    Udp,
    /// A stream with counted octets (RFC 6587 §3.4.1).
    Tcp,
    /// The same under TLS (RFC 5425).
    Tls,
}

impl Transport {
    /// The word for it, which is also the scheme of its URL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }
}

/// When what was written to a stream counts as taken. Syslog has no answer to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// When the server has closed its side after ours: it does that when it has read all. Otherwise everything since
    /// the last such close is sent again.
    Close,
    /// When the system has taken it. For servers that never close; what was under way when one goes down is lost.
    Written,
}

/// A facility of syslog (RFC 5424 §6.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facility(u8);

impl Facility {
    /// `log audit`.
    pub const AUDIT: Self = Self(13);
    const WORDS: [(&'static str, u8); 13] = [
        ("user", 1),
        ("daemon", 3),
        ("auth", 4),
        ("authpriv", 10),
        ("audit", 13),
        ("local0", 16),
        ("local1", 17),
        ("local2", 18),
        ("local3", 19),
        ("local4", 20),
        ("local5", 21),
        ("local6", 22),
        ("local7", 23),
    ];

    /// The one of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, number)| Self(*number))
    }

    /// Every word.
    pub fn words() -> impl Iterator<Item = &'static str> {
        Self::WORDS.iter().map(|(word, _)| *word)
    }

    pub(crate) fn number(self) -> u8 {
        self.0
    }
}

/// An OpenTelemetry collector, spoken to in OTLP/HTTP with JSON.
#[derive(Clone, Debug)]
pub struct Otlp {
    /// Where the records go as logs: `https://HOST:4318/v1/logs`.
    pub logs: Option<Url>,
    /// Where what was done goes as traces: `https://HOST:4318/v1/traces`.
    pub traces: Option<Url>,
    /// What opens the way to it.
    pub rules: Arc<Rules>,
    /// The secret it asks for, and where it goes.
    pub credential: Option<Credential>,
}

impl To {
    /// The word for its kind, as the configuration has it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::File(_) => "file",
            Self::StandardOutput => "stdout",
            Self::Signatures(_) => "checkpoint",
            Self::Syslog(_) => "syslog",
            Self::Otlp(_) => "otlp",
        }
    }

    /// Whether it is reached over the network.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        match self {
            Self::File(_) | Self::StandardOutput | Self::Signatures(_) => false,
            Self::Syslog(_) | Self::Otlp(_) => true,
        }
    }
}

/// Where it leads: `tls://logs.example.org:6514`, a path, `standard output`.
impl fmt::Display for To {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) | Self::Signatures(path) => write!(f, "{}", path.display()),
            Self::StandardOutput => f.write_str("standard output"),
            Self::Syslog(syslog) => {
                write!(f, "{}://{}:{}", syslog.transport.as_str(), syslog.destination, syslog.port)
            }
            Self::Otlp(otlp) => {
                let urls = otlp.logs.iter().chain(&otlp.traces).map(ToString::to_string);
                f.write_str(&urls.collect::<Vec<_>>().join(" and "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_plain_and_no_option() {
        for good in ["siem", "a", "log-2"] {
            assert_eq!(good.parse::<Name>().map(|name| name.to_string()).as_deref(), Ok(good));
        }
        for bad in ["", "-a", "SIEM", "a b", "a/b", "..", "ä", &"a".repeat(33)] {
            assert_eq!(bad.parse::<Name>(), Err(NameError), "{bad}");
        }
    }
}
