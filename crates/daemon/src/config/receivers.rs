//! `[[shipping]]`: where the audit log is sent as it grows.

use crate::config::{Config, FILE};
use crate::hands::secret;
use crate::start_error::StartError;
use egress::{Credential, Destination, HeaderName, Place, Rule, Rules, Trust, Url};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shipping::{Confirmation, Facility, Name, Otlp, Receiver, Syslog, To, Transport};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// How many receivers there may be: each has a task, a connection and a cursor.
const RECEIVERS_MAX: usize = 16;
/// The longest PEM file, in bytes.
const PEM_BYTES_MAX: u64 = 1 << 20;
/// The shortest limit of a message: what every syslog receiver takes over UDP (RFC 5426 §3.2), in bytes.
const MESSAGE_BYTES_MIN: usize = 480;
/// The longest: a record has at most 64 KiB.
const MESSAGE_BYTES_MAX: usize = 128 * 1024;
/// The smallest bound: less would skip what an ordinary restart of a receiver takes.
const BEHIND_RECORDS_MIN: u64 = 1000;

/// One of `[[shipping]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShippingSection {
    /// What it is called here: lower-case letters, digits and `-`.
    pub name: String,
    /// What it is.
    pub kind: ReceiverKind,
    /// The file, of `file` and `checkpoint`. Outside of the home: a copy beside the log goes with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// Where it is: `udp://HOST:514`, `tcp://HOST:514` or `tls://HOST:6514` of `syslog`, `https://HOST:4318` of
    /// `otlp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The authorities that may vouch for it, a PEM file; left out, the well-known ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// The certificate that is shown to it, a PEM file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// The certificate's key, a PEM file of mode 0600.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// The secret that it asks for, as a reference: `secret://otlp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// The header that the secret goes in; left out, `authorization` as a bearer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// What an `otlp` receiver is sent.
    #[serde(default = "both", skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<Signal>,
    /// The facility of syslog messages: audit, auth, authpriv, daemon, user, local0 to local7.
    #[serde(default = "audit_word")]
    pub facility: String,
    /// The longest syslog message, in bytes; of a longer one the end of the record is cut, which it says.
    #[serde(default = "message_bytes")]
    pub message_bytes: usize,
    /// When a syslog stream counts as taken.
    #[serde(default)]
    pub confirm: Confirm,
    /// How many records it may be behind; beyond, the oldest are skipped, on record.
    #[serde(default = "behind_records")]
    pub behind_records: u64,
}

/// What a receiver is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReceiverKind {
    /// A file of JSON lines.
    File,
    /// Standard output, in JSON lines.
    Stdout,
    /// A syslog server (RFC 5424).
    Syslog,
    /// An OpenTelemetry collector (OTLP over HTTP, in JSON).
    Otlp,
    /// A file with the log's signatures alone, for `audit verify --against`.
    Checkpoint,
}

/// What an OpenTelemetry collector is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Signal {
    /// Each record.
    Logs,
    /// Each task as a tree of spans.
    Traces,
}

/// When what was written to a syslog stream counts as taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Confirm {
    /// When the server closes after it was told that this is all. What is not confirmed is sent again.
    #[default]
    Close,
    /// When this machine has sent it. For servers that never close; what is under way when they go down is lost.
    Written,
}

fn both() -> Vec<Signal> {
    vec![Signal::Logs, Signal::Traces]
}

fn audit_word() -> String {
    "audit".to_string()
}

fn message_bytes() -> usize {
    8192
}

fn behind_records() -> u64 {
    1_000_000
}

/// What is wrong with a section: the field, why, and what helps.
pub(crate) struct Wrong {
    pub(crate) field: &'static str,
    pub(crate) why: String,
    pub(crate) hint: Option<String>,
}

impl Wrong {
    fn new(field: &'static str, why: impl Into<String>) -> Self {
        Self { field, why: why.into(), hint: None }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl Config {
    /// The receivers that `[[shipping]]` names, for the home at `root`.
    ///
    /// # Errors
    ///
    /// [`StartError::Hands`] naming the first that means nothing.
    pub fn receivers(&self, root: &Path) -> Result<Vec<Receiver>, StartError> {
        let each = self.shipping.iter().enumerate();
        each.map(|(at, section)| {
            let before = self.shipping.get(..at).unwrap_or_default();
            section.open(root, before).map_err(|wrong| StartError::Hands {
                why: format!("`shipping.{}.{}` in {FILE}: {}", section.name, wrong.field, wrong.why),
            })
        })
        .collect()
    }
}

impl ShippingSection {
    /// The receiver that it means; `before` are the sections above it.
    pub(crate) fn open(&self, root: &Path, before: &[Self]) -> Result<Receiver, Wrong> {
        let parsed = self.name.parse::<Name>();
        let name = parsed.map_err(|error| Wrong::new("name", error.to_string()))?;
        if before.iter().any(|other| other.name == self.name) {
            return Err(Wrong::new("name", format!("another receiver is called `{}`", self.name)));
        }
        if before.len() >= RECEIVERS_MAX {
            return Err(Wrong::new("name", format!("there are more than {RECEIVERS_MAX} receivers")));
        }
        if self.behind_records < BEHIND_RECORDS_MIN {
            return Err(Wrong::new("behind_records", format!("it is less than {BEHIND_RECORDS_MIN}")));
        }
        self.fits()?;
        let to = match self.kind {
            ReceiverKind::File => To::File(self.place(root)?),
            ReceiverKind::Checkpoint => To::Signatures(self.place(root)?),
            ReceiverKind::Stdout => To::StandardOutput,
            ReceiverKind::Syslog => To::Syslog(self.syslog()?),
            ReceiverKind::Otlp => To::Otlp(Box::new(self.otlp()?)),
        };
        Ok(Receiver { name, to, behind_records_max: self.behind_records })
    }

    /// A field of another kind would look as if it did something.
    fn fits(&self) -> Result<(), Wrong> {
        let is = |kinds: &[ReceiverKind]| kinds.contains(&self.kind);
        let local = is(&[ReceiverKind::File, ReceiverKind::Checkpoint]);
        let remote = is(&[ReceiverKind::Syslog, ReceiverKind::Otlp]);
        let (otlp, syslog) = (is(&[ReceiverKind::Otlp]), is(&[ReceiverKind::Syslog]));
        for (field, is_set, fits) in [
            ("path", self.path.is_some(), local),
            ("url", self.url.is_some(), remote),
            ("ca", self.ca.is_some(), remote),
            ("certificate", self.certificate.is_some(), remote),
            ("key", self.key.is_some(), remote),
            ("secret", self.secret.is_some(), otlp),
            ("header", self.header.is_some(), otlp),
            ("signals", self.signals != both(), otlp),
            ("facility", self.facility != audit_word(), syslog),
            ("message_bytes", self.message_bytes != message_bytes(), syslog),
            ("confirm", self.confirm != Confirm::Close, syslog),
        ] {
            if is_set && !fits {
                return Err(Wrong::new(field, "a receiver of this kind has no such setting"));
            }
        }
        Ok(())
    }

    fn place(&self, root: &Path) -> Result<PathBuf, Wrong> {
        let wrong = |why: &str| Wrong::new("path", why).hint("path = \"/mnt/elsewhere/hardshell.jsonl\"");
        let path = self.path.clone().ok_or_else(|| wrong("a receiver of this kind needs one"))?;
        if !path.is_absolute() || path.components().any(|part| part == Component::ParentDir) {
            return Err(wrong("it is not a whole path from `/` on"));
        }
        if path.starts_with(root) {
            return Err(wrong("it is in the home: who can change the log there can change its copy"));
        }
        Ok(path)
    }

    fn syslog(&self) -> Result<Syslog, Wrong> {
        let wrong = |why: String| Wrong::new("url", why).hint("url = \"tls://logs.example.org:6514\"");
        let needed = || wrong("a receiver of this kind needs one".to_string());
        let url = self.url.as_deref().ok_or_else(needed)?;
        let no_url = || wrong(format!("`{url}` is not udp://HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT"));
        let (scheme, place) = url.split_once("://").ok_or_else(no_url)?;
        let transport = match scheme {
            "udp" => Transport::Udp,
            "tcp" => Transport::Tcp,
            "tls" => Transport::Tls,
            _other => return Err(no_url()),
        };
        let (host, port) = place.trim_end_matches('/').rsplit_once(':').ok_or_else(no_url)?;
        let destination: Destination = host.parse().map_err(|_not_a_host| no_url())?;
        let port: u16 = port.parse().ok().filter(|port| *port > 0).ok_or_else(no_url)?;
        if transport != Transport::Tls && (self.ca.is_some() || self.certificate.is_some()) {
            return Err(wrong("certificates are for `tls://` alone".to_string()));
        }
        let facility = Facility::parse(&self.facility).ok_or_else(|| {
            let known: Vec<&str> = Facility::words().collect();
            Wrong::new("facility", format!("`{}` is none of {}", self.facility, known.join(", ")))
        })?;
        if !(MESSAGE_BYTES_MIN..=MESSAGE_BYTES_MAX).contains(&self.message_bytes) {
            let why = format!("it is not between {MESSAGE_BYTES_MIN} and {MESSAGE_BYTES_MAX}");
            return Err(Wrong::new("message_bytes", why));
        }
        let confirmation = match self.confirm {
            Confirm::Close => Confirmation::Close,
            Confirm::Written => Confirmation::Written,
        };
        let rules = self.rules(&destination, port)?;
        let message_bytes_max = self.message_bytes;
        Ok(Syslog { destination, port, transport, rules, facility, message_bytes_max, confirmation })
    }

    fn otlp(&self) -> Result<Otlp, Wrong> {
        let wrong = |why: String| Wrong::new("url", why).hint("url = \"https://collector.example.org:4318\"");
        let needed = || wrong("a receiver of this kind needs one".to_string());
        let base = self.url.as_deref().ok_or_else(needed)?.trim_end_matches('/');
        let url = |signal, path: &str| {
            let text = self.signals.contains(&signal).then(|| format!("{base}{path}"));
            let parsed = text.map(|text| text.parse::<Url>()).transpose();
            parsed.map_err(|error| wrong(crate::chain(&error)))
        };
        let (logs, traces) = (url(Signal::Logs, "/v1/logs")?, url(Signal::Traces, "/v1/traces")?);
        let Some(first) = logs.as_ref().or(traces.as_ref()) else {
            return Err(Wrong::new("signals", "it names neither logs nor traces"));
        };
        let rules = self.rules(&first.destination, first.port)?;
        let credential = self.credential()?;
        Ok(Otlp { logs, traces, rules, credential })
    }

    fn credential(&self) -> Result<Option<Credential>, Wrong> {
        let Some(reference) = &self.secret else {
            return match self.header {
                None => Ok(None),
                Some(_) => Err(Wrong::new("header", "there is no `secret` to go in it")),
            };
        };
        let secret = secret(reference).map_err(|error| Wrong::new("secret", error.to_string()))?;
        let place = match &self.header {
            None => Place::Bearer,
            Some(text) => {
                let bad = |_bad| Wrong::new("header", format!("`{text}` is no header"));
                Place::Header { name: text.parse::<HeaderName>().map_err(bad)?, prefix: String::new() }
            }
        };
        Ok(Some(Credential { secret, place }))
    }

    /// What opens the way to the one place that it names, wherever that is: as for models and mail servers.
    fn rules(&self, destination: &Destination, port: u16) -> Result<Arc<Rules>, Wrong> {
        let rules = Rules::new().with(Rule::private(destination.clone(), port));
        Ok(Arc::new(match self.trust()? {
            Some(trust) => rules.trusting(trust),
            None => rules,
        }))
    }

    fn trust(&self) -> Result<Option<Trust>, Wrong> {
        let own = match (&self.certificate, &self.key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => {
                if std::fs::metadata(key).is_ok_and(|about| about.mode() & 0o077 != 0) {
                    let hint = format!("chmod 0600 '{}'", key.display());
                    return Err(Wrong::new("key", "others on this machine may read it").hint(hint));
                }
                Some((pem("certificate", certificate)?, pem("key", key)?))
            }
            (Some(_), None) => return Err(Wrong::new("key", "a certificate needs its key")),
            (None, Some(_)) => return Err(Wrong::new("certificate", "a key needs its certificate")),
        };
        let authorities = self.ca.as_deref().map(|path| pem("ca", path)).transpose()?;
        if own.is_none() && authorities.is_none() {
            return Ok(None);
        }
        let own = own.as_ref().map(|(certificate, key)| (certificate.as_slice(), key.as_slice()));
        let field = if self.ca.is_some() { "ca" } else { "certificate" };
        let trust = Trust::of_pem(authorities.as_deref(), own);
        trust.map(Some).map_err(|error| Wrong::new(field, crate::chain(&error)))
    }
}

fn pem(field: &'static str, path: &Path) -> Result<Vec<u8>, Wrong> {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(PEM_BYTES_MAX).read_to_end(&mut bytes));
    read.map_err(|error| Wrong::new(field, format!("{} cannot be read: {error}", path.display())))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
