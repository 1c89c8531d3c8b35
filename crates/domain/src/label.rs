//! Where a value came from, how far it may be believed, and who may see it.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// The longest name of a source, in bytes; a longer one is cut and ends in a digest of the whole.
const SOURCE_NAME_BYTES_MAX: usize = 200;
/// How many sources of one kind a label names one by one. Beyond it `kind:*` stands for all of them, which is wider,
/// never narrower.
const SOURCES_PER_KIND_MAX: usize = 256;

/// How far a value may be believed. Joining never raises it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Integrity {
    /// The owner's words, or what the owner wrote down beforehand.
    Trusted,
    /// A fact asserted by an authenticated service, not chosen by a third party.
    Attested,
    /// Anything else.
    Untrusted,
}

impl Integrity {
    /// Every integrity, best first.
    pub const ALL: [Self; 3] = [Self::Trusted, Self::Attested, Self::Untrusted];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trusted => "trusted",
            Self::Attested => "attested",
            Self::Untrusted => "untrusted",
        }
    }
}

/// How confidential a value is. Joining never lowers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Anyone may know.
    Low,
    /// Personal or business.
    Medium,
    /// Finance, medical, legal, keys.
    High,
}

impl Tier {
    /// Every tier, lowest first.
    pub const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// What kind of place a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceKind {
    /// The owner, on a proven channel.
    Owner,
    /// The configuration, SOUL.md, AGENTS.md, an automation's definition.
    Config,
    /// A member or guest.
    Person,
    /// What somebody quoted, forwarded or attached.
    Quote,
    /// A mail.
    Mail,
    /// A web page or other URL.
    Web,
    /// A file.
    File,
    /// What a command printed.
    Command,
    /// A fact about this machine.
    Host,
    /// A tool's answer.
    Tool,
    /// An entry of the memory.
    Memory,
    /// What a model wrote.
    Model,
}

impl SourceKind {
    /// Every kind.
    #[rustfmt::skip]
    pub const ALL: [Self; 12] = [
        Self::Owner, Self::Config, Self::Person, Self::Quote, Self::Mail, Self::Web, Self::File, Self::Command,
        Self::Host, Self::Tool, Self::Memory, Self::Model,
    ];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Config => "config",
            Self::Person => "person",
            Self::Quote => "quote",
            Self::Mail => "mail",
            Self::Web => "web",
            Self::File => "file",
            Self::Command => "command",
            Self::Host => "host",
            Self::Tool => "tool",
            Self::Memory => "memory",
            Self::Model => "model",
        }
    }
}

/// A place that a value came from: `mail` and `x@example.org`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source {
    kind: SourceKind,
    name: String,
}

impl Source {
    /// A source of `kind` called `name`; `*` stands for every source of that kind.
    #[must_use]
    pub fn new(kind: SourceKind, name: &str) -> Self {
        if name.len() <= SOURCE_NAME_BYTES_MAX {
            return Self { kind, name: name.to_string() };
        }
        let cut = (0..=SOURCE_NAME_BYTES_MAX).rev().find(|at| name.is_char_boundary(*at)).unwrap_or(0);
        let digest = blake3::hash(name.as_bytes()).to_hex();
        Self {
            kind,
            name: format!("{}…{}", name.get(..cut).unwrap_or_default(), digest.get(..16).unwrap_or_default()),
        }
    }

    /// What kind of place it is.
    #[must_use]
    pub fn kind(&self) -> SourceKind {
        self.kind
    }

    /// Which one.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether `self` says at least as much as `other`.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.kind == other.kind && (self.name == "*" || self.name == other.name)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.as_str(), self.name)
    }
}

/// Integrity × tier × sources.
///
/// Invariant: joining two labels never raises integrity, never lowers the tier, never loses a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    integrity: Integrity,
    tier: Tier,
    sources: BTreeSet<Source>,
}

impl Label {
    /// The label of a value that came from `source` alone.
    #[must_use]
    pub fn new(integrity: Integrity, tier: Tier, source: Source) -> Self {
        Self { integrity, tier, sources: BTreeSet::from([source]) }
    }

    /// The label of nothing at all: the neutral element of [`Label::join`].
    #[must_use]
    pub fn nothing() -> Self {
        Self { integrity: Integrity::Trusted, tier: Tier::Low, sources: BTreeSet::new() }
    }

    /// What the owner typed on a proven channel.
    #[must_use]
    pub fn owner() -> Self {
        Self::new(Integrity::Trusted, Tier::Low, Source::new(SourceKind::Owner, "owner"))
    }

    /// The worst label: for a value that nobody can vouch for.
    #[must_use]
    pub fn unknown() -> Self {
        Self::new(Integrity::Untrusted, Tier::High, Source::new(SourceKind::Tool, "unknown"))
    }

    /// How far it may be believed.
    #[must_use]
    pub fn integrity(&self) -> Integrity {
        self.integrity
    }

    /// How confidential it is.
    #[must_use]
    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// Where it came from, in a fixed order.
    pub fn sources(&self) -> impl ExactSizeIterator<Item = &Source> {
        self.sources.iter()
    }

    /// Whether nothing untrusted is in it.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.integrity != Integrity::Untrusted
    }

    /// The label of a value made from both.
    #[must_use]
    pub fn join(mut self, other: &Self) -> Self {
        self.integrity = self.integrity.max(other.integrity);
        self.tier = self.tier.max(other.tier);
        self.sources.extend(other.sources.iter().cloned());
        self.fold_crowded_kinds();
        self
    }

    /// The same value, known to be at least as confidential as `tier`.
    #[must_use]
    pub fn raised_to(mut self, tier: Tier) -> Self {
        self.tier = self.tier.max(tier);
        self
    }

    /// Whether `self` is at least as restrictive as `other` in every part.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.integrity >= other.integrity
            && self.tier >= other.tier
            && other.sources.iter().all(|theirs| self.sources.iter().any(|ours| ours.covers(theirs)))
    }

    fn fold_crowded_kinds(&mut self) {
        for kind in SourceKind::ALL {
            let everything = Source::new(kind, "*");
            let count = self.sources.iter().filter(|source| source.kind == kind).count();
            if count > SOURCES_PER_KIND_MAX || (count > 1 && self.sources.contains(&everything)) {
                self.sources.retain(|source| source.kind != kind);
                self.sources.insert(everything);
            }
        }
    }
}

/// One line, read back by [`Label::from_str`]: `v1 untrusted medium mail:x@example.org web:example.org`.
/// White space, control characters and `%` in names are percent-encoded.
impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v1 {} {}", self.integrity.as_str(), self.tier.as_str())?;
        for source in &self.sources {
            write!(f, " {}:", source.kind.as_str())?;
            for c in source.name.chars() {
                if c == '%' || c.is_whitespace() || c.is_control() {
                    let mut bytes = [0; 4];
                    for byte in c.encode_utf8(&mut bytes).bytes() {
                        write!(f, "%{byte:02x}")?;
                    }
                } else {
                    write!(f, "{c}")?;
                }
            }
        }
        Ok(())
    }
}

/// The text is not a label.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a label of version 1: bad {part}")]
pub struct LabelError {
    /// Which part could not be read.
    pub part: &'static str,
}

impl FromStr for Label {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, LabelError> {
        let mut words = text.split(' ');
        if words.next() != Some("v1") {
            return Err(LabelError { part: "version" });
        }
        let integrity = words.next().unwrap_or_default();
        let integrity = Integrity::ALL
            .into_iter()
            .find(|i| i.as_str() == integrity)
            .ok_or(LabelError { part: "integrity" })?;
        let tier = words.next().unwrap_or_default();
        let tier = Tier::ALL.into_iter().find(|t| t.as_str() == tier).ok_or(LabelError { part: "tier" })?;
        let sources = words.map(source_from_word).collect::<Result<_, _>>()?;
        Ok(Self { integrity, tier, sources })
    }
}

fn source_from_word(word: &str) -> Result<Source, LabelError> {
    let bad = LabelError { part: "source" };
    let (kind, name) = word.split_once(':').ok_or(bad.clone())?;
    let kind = SourceKind::ALL.into_iter().find(|k| k.as_str() == kind).ok_or(bad.clone())?;
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first == b'%' {
            let (pair, after) = tail.split_at_checked(2).ok_or(bad.clone())?;
            let pair = std::str::from_utf8(pair).map_err(|_not_text| bad.clone())?;
            bytes.push(u8::from_str_radix(pair, 16).map_err(|_not_hex| bad.clone())?);
            rest = after;
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    // Not through `Source::new`: a name that was cut stays as it was written.
    Ok(Source { kind, name: String::from_utf8(bytes).map_err(|_not_text| bad)? })
}

/// A value that cannot be had without its label.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labelled<T> {
    value: T,
    label: Label,
}

impl<T> Labelled<T> {
    /// Labels `value`.
    pub fn new(value: T, label: Label) -> Self {
        Self { value, label }
    }

    /// The label.
    #[must_use]
    pub fn label(&self) -> &Label {
        &self.label
    }

    /// The value, to look at while the label stays with it.
    pub(crate) fn value_ref(&self) -> &T {
        &self.value
    }

    /// Both halves, for a caller that keeps the label itself.
    #[must_use]
    pub fn into_parts(self) -> (T, Label) {
        (self.value, self.label)
    }

    /// A value made from this one alone, under the same label.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Labelled<U> {
        Labelled { value: make(self.value), label: self.label }
    }

    /// A value made from two, under the join of their labels.
    pub fn zip<U>(self, other: Labelled<U>) -> Labelled<(T, U)> {
        Labelled { value: (self.value, other.value), label: self.label.join(&other.label) }
    }
}

#[cfg(test)]
mod tests;
