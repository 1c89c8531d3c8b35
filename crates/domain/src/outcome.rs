//! What became of an effect.

use crate::{Integrity, Label, ModelTurn, Value};

/// An effect that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// A model answered.
    Answered(ModelTurn),
    /// A tool ran.
    Ran(Output),
    /// A message was handed over.
    Delivered,
}

/// What a tool gave back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// As the model is to read it.
    pub text: String,
    /// The parts that the tool's manifest names, each with its own integrity.
    pub fields: Vec<Field>,
    /// The join over all of it.
    pub label: Label,
}

/// One field of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Where it stands: `messages.0.id`. Records of a list share what stands before the number.
    pub path: String,
    /// Its value, of the type that the manifest gives it.
    pub value: Value,
    /// How far it may be believed.
    pub integrity: Integrity,
}

/// An effect that was allowed and did not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Whose fault it is: it decides who is told what.
    pub blame: Blame,
    /// What failed: a fragment that fits after "could not …:", redacted.
    pub text: String,
    /// The label of the text: an error can carry a stranger's words.
    pub label: Label,
    /// Whether the effect may have happened all the same.
    pub may_have_happened: bool,
}

/// Who is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Blame {
    /// The owner's input or configuration.
    Owner,
    /// What the model wrote.
    Model,
    /// The tool or program.
    Tool,
    /// The other side of a connection.
    Peer,
    /// Hardshell.
    Us,
}

impl Blame {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Model => "model",
            Self::Tool => "tool",
            Self::Peer => "peer",
            Self::Us => "us",
        }
    }
}
