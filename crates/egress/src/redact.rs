//! Takes secrets out of bytes: every known secret in every encoding, and whatever has the shape of a key.
//!
//! One pass over the bytes, in time linear in their length. What is not a secret comes out unchanged, byte for byte.
//! [`Redactor::redact`] is for whole texts; [`RedactStream`] for text that comes in pieces, where a secret may be
//! split anywhere.

mod encode;
mod scan;
mod shape;
mod stream;

pub use shape::{Shape, ShapeError, shapes};
pub use stream::RedactStream;
pub(crate) use stream::Watch;

use crate::Error;
use domain::{Host, SecretName};
use scan::{PatternSet, Patterns};
use shape::ShapeSet;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use vault::Vault;
use zeroize::Zeroizing;

/// A copy is cheap and shares everything. It knows the secrets of the moment it was built:
/// [`crate::Egress::redactor`] always returns a current one.
#[derive(Clone)]
pub struct Redactor(Arc<Inner>);

struct Inner {
    patterns: Patterns,
    shapes: ShapeSet,
    secrets: Vec<Owner>,
}

/// Whose secret a pattern is.
struct Owner {
    name: SecretName,
    hosts: Vec<Host>,
}

/// A stretch of bytes that is not to be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) what: What,
}

/// What a stretch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// The known secret at this place of the list.
    Secret(u32),
    /// Something with the key shape at this place of the list.
    Shape(u32),
    /// The rest of something already replaced.
    Covered,
}

/// For whom bytes are meant.
#[derive(Clone, Copy, Debug)]
pub enum Reader<'a> {
    /// Anyone: a person, a model's answer, a log, an error, a file.
    Anyone,
    /// A host, which may see the secrets that are its own.
    Host(&'a Host),
}

impl Redactor {
    /// Knows every secret that `vault` keeps or has attached.
    ///
    /// # Errors
    ///
    /// [`Error::Secret`] when the vault cannot be read.
    pub fn of_vault(vault: &Vault) -> Result<Self, Error> {
        Self::of_vault_at(vault).map(|(redactor, _)| redactor)
    }

    /// Knows no secret, only the shapes of keys.
    #[must_use]
    pub fn shapes_only() -> Self {
        Self::build(PatternSet::default(), Vec::new())
    }

    /// The same as [`Redactor::of_vault`], with the generation of the vault it belongs to.
    pub(crate) fn of_vault_at(vault: &Vault) -> Result<(Self, u64), Error> {
        let mut set = PatternSet::default();
        let mut secrets = Vec::new();
        let generation = vault.dangerous_each(|known| {
            let index = u32::try_from(secrets.len()).unwrap_or(u32::MAX);
            secrets.push(Owner { name: known.name.clone(), hosts: known.hosts.to_vec() });
            encode::for_each_form(known.value, |form| set.add(form, index));
        })?;
        Ok((Self::build(set, secrets), generation))
    }

    fn build(set: PatternSet, secrets: Vec<Owner>) -> Self {
        Self(Arc::new(Inner { patterns: set.finish(), shapes: ShapeSet::shipped(), secrets }))
    }

    /// `text` with every secret in it replaced by `[redacted:name]`; borrowed where there is none.
    #[must_use]
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.redact_bytes(text.as_bytes(), Reader::Anyone) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            // Patterns are whole characters, so what is left is UTF-8; were it not, the replacement is still no secret.
            Cow::Owned(bytes) => Cow::Owned(match String::from_utf8(bytes) {
                Ok(text) => text,
                Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
            }),
        }
    }

    /// The same for bytes, and for a reader who may see secrets of its own.
    #[must_use]
    pub fn redact_bytes<'a>(&self, bytes: &'a [u8], reader: Reader<'_>) -> Cow<'a, [u8]> {
        let spans = self.spans(bytes, reader);
        if spans.is_empty() {
            return Cow::Borrowed(bytes);
        }
        let mut out = Vec::with_capacity(bytes.len());
        self.render(bytes, &spans, &mut out);
        Cow::Owned(out)
    }

    /// The first secret in `bytes`, by the name it would be replaced with.
    #[must_use]
    pub fn find(&self, bytes: &[u8], reader: Reader<'_>) -> Option<String> {
        self.spans(bytes, reader).first().map(|span| self.label(span.what))
    }

    /// The first secret of the vault in `bytes`, by its name; what only looks like a key does not count.
    #[must_use]
    pub(crate) fn find_known(&self, bytes: &[u8], reader: Reader<'_>) -> Option<String> {
        let mut spans = Vec::new();
        self.find_secrets(bytes, reader, &mut spans);
        merge(spans).first().map(|span| self.label(span.what))
    }

    /// Watches bytes that come in pieces, on their way to `host`, for secrets of the vault that are not its own.
    pub(crate) fn watch(&self, host: Option<&Host>) -> Watch {
        Watch { redactor: self.clone(), host: host.cloned(), held: Zeroizing::default() }
    }

    /// For text that comes in pieces, meant for anyone.
    #[must_use]
    pub fn stream(&self) -> RedactStream {
        RedactStream::new(self.clone())
    }

    /// Everything to be replaced, by its start, none touching another.
    fn spans(&self, bytes: &[u8], reader: Reader<'_>) -> Vec<Span> {
        let mut spans = Vec::new();
        self.find_secrets(bytes, reader, &mut spans);
        self.0.shapes.find(bytes, None, shape::Edge::End, &mut spans);
        merge(spans)
    }

    fn find_secrets(&self, bytes: &[u8], reader: Reader<'_>, spans: &mut Vec<Span>) {
        self.0.patterns.find(bytes, |start, end, secret| {
            if !self.may_see(reader, secret) {
                spans.push(Span { start, end, what: What::Secret(secret) });
            }
        });
    }

    fn may_see(&self, reader: Reader<'_>, secret: u32) -> bool {
        match reader {
            Reader::Anyone => false,
            Reader::Host(host) => self.owner(secret).is_some_and(|owner| owner.hosts.contains(host)),
        }
    }

    fn owner(&self, secret: u32) -> Option<&Owner> {
        self.0.secrets.get(usize::try_from(secret).ok()?)
    }

    fn label(&self, what: What) -> String {
        match what {
            What::Secret(secret) => {
                self.owner(secret).map_or("secret", |owner| owner.name.as_str()).to_string()
            }
            What::Shape(shape) => self.0.shapes.name(shape).to_string(),
            What::Covered => String::new(),
        }
    }

    /// Writes `bytes` with `spans`, which are merged, replaced.
    fn render(&self, bytes: &[u8], spans: &[Span], out: &mut Vec<u8>) {
        let mut done = 0;
        for span in spans {
            out.extend_from_slice(bytes.get(done..span.start).unwrap_or_default());
            if span.what != What::Covered {
                out.extend_from_slice(b"[redacted:");
                out.extend_from_slice(self.label(span.what).as_bytes());
                out.push(b']');
            }
            done = span.end;
        }
        out.extend_from_slice(bytes.get(done..).unwrap_or_default());
    }
}

/// Shows how many secrets it knows, not which.
impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").field("secrets", &self.0.secrets.len()).finish_non_exhaustive()
    }
}

/// Joins what overlaps into one, named after what starts first, and of those the longest. What is covered started
/// before everything else.
fn merge(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_by(|one, other| {
        let key = |span: &Span| (span.start, span.what != What::Covered, std::cmp::Reverse(span.end));
        key(one).cmp(&key(other))
    });
    let mut merged: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match merged.last_mut() {
            Some(last) if span.start < last.end => last.end = last.end.max(span.end),
            Some(_) | None => merged.push(span),
        }
    }
    merged
}

#[cfg(test)]
mod tests;
