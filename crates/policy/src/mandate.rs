//! What a task may do, written before the first untrusted byte is read.

use domain::{Label, ToolName};
use std::collections::{BTreeMap, BTreeSet};

/// The grants of one task. Empty means: nothing consequential without a question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mandate {
    grants: Vec<Grant>,
    used: Vec<BTreeSet<[u8; 32]>>,
    frozen: bool,
}

/// Leave to use one tool, within constraints, some number of times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The tool.
    pub tool: ToolName,
    /// What its arguments must be. An authority argument that is not here must be left out or have its default.
    pub arguments: BTreeMap<String, Constraint>,
    /// How often.
    pub times: Times,
    /// Why, for the owner.
    pub why: String,
    /// The label of the words it was written from.
    pub label: Label,
}

/// How often a grant may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// At most so often, with any values that fit.
    AtMost(u32),
    /// Once for each different set of authority arguments, at most so many of them.
    EachOnce(u32),
}

/// What an argument must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Constraint {
    /// Exactly this; of a list, exactly these in any order.
    Is(Vec<String>),
    /// One of these; of a list, only these.
    OneOf(Vec<String>),
}

/// The text is not a mandate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MandateError {
    /// It is not JSON or TOML of the right shape.
    #[error("the mandate is malformed: {reason}")]
    Malformed {
        /// What the parser says.
        reason: String,
    },
}
