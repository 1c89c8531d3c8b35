//! An argument's value, parsed by the type that the tool's manifest gives it.

use crate::{Address, Host};
use rust_decimal::Decimal;
use std::fmt;

/// What type a manifest gives an argument or a result field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ValueKind {
    /// Free text.
    Text,
    /// Whom something is for.
    Address,
    /// A path in the workspace, as written.
    Path,
    /// The id of one thing of the named kind; it grounds only ids of the same kind.
    Id(String),
    /// Money or another counted quantity.
    Amount,
    /// A plain number.
    Number,
    /// A date, or a date and time, as text.
    Date,
    /// A whole URL.
    Url,
    /// A host name.
    Host,
    /// A command line.
    Command,
    /// Yes or no.
    Boolean,
    /// Anything else, kept as canonical JSON.
    Json,
    /// Several of one kind.
    List(Box<ValueKind>),
}

/// A parsed value. Two values that mean the same are equal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// Free text, as given.
    Text(String),
    /// A recipient in its normal form.
    Address(Address),
    /// A path as written; what it leads to is a [`crate::Target`].
    Path(String),
    /// An id and the kind of thing it names.
    Id {
        /// The kind.
        kind: String,
        /// The id.
        id: String,
    },
    /// A quantity.
    Amount(Decimal),
    /// A number.
    Number(Decimal),
    /// A date as written.
    Date(String),
    /// A URL in its normal form.
    Url(String),
    /// A host.
    Host(Host),
    /// A command line, parsed by a shell grammar.
    Command(CommandLine),
    /// Yes or no.
    Boolean(bool),
    /// Canonical JSON: keys sorted, no spare white space.
    Json(String),
    /// Several values.
    List(Vec<Value>),
}

/// A command line and what the shell grammar made of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandLine {
    /// Every byte that was asked for.
    pub text: String,
    /// What it means.
    pub form: CommandForm,
}

/// Whether a command line can be run without a shell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CommandForm {
    /// Literal words only: pipelines joined by `&&`, `||` and `;`.
    Plain(Vec<Pipeline>),
    /// Anything else; it asks, and then runs under `sh` in the sandbox.
    Unfamiliar {
        /// What made it so: `command substitution`, `redirection`, …
        because: String,
    },
}

/// How a pipeline follows the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Connector {
    /// First, or after `;`.
    Always,
    /// After `&&`: only when the one before succeeded.
    OnSuccess,
    /// After `||`: only when the one before failed.
    OnFailure,
}

/// Programs joined by `|`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pipeline {
    /// When it runs.
    pub connector: Connector,
    /// The argument vectors, each with at least a program's name.
    pub commands: Vec<Vec<String>>,
}

impl Value {
    /// The value in one canonical text, the same for equal values.
    #[must_use]
    pub fn canonical(&self) -> String {
        match self {
            Self::Text(text) | Self::Path(text) | Self::Date(text) | Self::Url(text) | Self::Json(text) => {
                text.clone()
            }
            Self::Address(address) => address.to_string(),
            Self::Id { kind: _, id } => id.clone(),
            Self::Amount(number) | Self::Number(number) => number.normalize().to_string(),
            Self::Host(host) => host.to_string(),
            Self::Command(command) => command.text.clone(),
            Self::Boolean(yes) => yes.to_string(),
            Self::List(values) => values.iter().map(Self::canonical).collect::<Vec<_>>().join(", "),
        }
    }

    /// The kind of value this is.
    #[must_use]
    pub fn kind(&self) -> ValueKind {
        match self {
            Self::Text(_) => ValueKind::Text,
            Self::Address(_) => ValueKind::Address,
            Self::Path(_) => ValueKind::Path,
            Self::Id { kind, id: _ } => ValueKind::Id(kind.clone()),
            Self::Amount(_) => ValueKind::Amount,
            Self::Number(_) => ValueKind::Number,
            Self::Date(_) => ValueKind::Date,
            Self::Url(_) => ValueKind::Url,
            Self::Host(_) => ValueKind::Host,
            Self::Command(_) => ValueKind::Command,
            Self::Boolean(_) => ValueKind::Boolean,
            Self::Json(_) => ValueKind::Json,
            Self::List(values) => {
                ValueKind::List(Box::new(values.first().map_or(ValueKind::Json, Self::kind)))
            }
        }
    }

    /// The value and, of a list, every value in it.
    pub fn leaves(&self) -> Vec<&Self> {
        if let Self::List(values) = self {
            values.iter().flat_map(Self::leaves).collect()
        } else {
            vec![self]
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.canonical())
    }
}
