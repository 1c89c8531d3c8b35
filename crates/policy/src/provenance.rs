//! Which values stand on trusted ground: the owner's words, and facts that a trusted query selected.

use domain::{Argument, Field, Label, ToolName};

/// A text that may ground values: the owner's words, the configuration, the address book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedText {
    /// The text.
    pub text: String,
    /// Its label.
    pub label: Label,
}

/// What one query of the session returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryResult {
    /// The tool that was used.
    pub tool: ToolName,
    /// With what.
    pub arguments: Vec<Argument>,
    /// Whether the query itself stood on trusted ground.
    pub selection: Selection,
    /// What came back, field by field.
    pub fields: Vec<Field>,
    /// The label of the whole.
    pub label: Label,
}

/// Whether a query stood on trusted ground.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Selection {
    /// Every argument of it was grounded, or it had none.
    Grounded,
    /// Some argument was the model's own.
    Free,
}

/// What a session knows that may ground an argument.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// The texts.
    pub texts: Vec<TrustedText>,
    /// The results, oldest first.
    pub results: Vec<QueryResult>,
}
