//! What a task may do, written before the first untrusted byte is read.
//!
//! A mandate is a list of grants. It is empty until a planner, a slash command or an automation's definition fills it,
//! from trusted words alone; it freezes when anything untrusted enters the session; after that only the owner's later
//! words add to it. Each grant lapses when it is used up, and all of them with the task.

mod codec;
mod constraint;
mod expression;
mod plan;
mod typed;

use crate::provenance::{Provenance, authority, is_default};
use domain::{ArgumentRole, Call, Label, ToolName, Value};
use std::collections::{BTreeMap, BTreeSet};
use tools::Manifest;
use tools::plan::TIMES_MAX;

pub(crate) use constraint::means;
use constraint::{Ground, same_set};

pub use codec::{mandate_from_json, mandate_to_json};
pub use expression::{Expression, ExpressionError};
pub use plan::{PLAN_BYTES_MAX, Plan};
pub use typed::grants_of_typed;

/// The most grants a mandate holds: more than a person would read before the task starts.
const GRANTS_MAX: usize = 64;

/// The grants of one task. Empty means: nothing consequential without a question.
///
/// Invariant: once frozen, grants are only ever added from the owner's own later words.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mandate {
    grants: Vec<Held>,
    frozen: bool,
}

/// A grant and what has been used of it.
#[derive(Clone, Debug, PartialEq)]
struct Held {
    grant: Grant,
    count: u32,
    seen: BTreeSet<[u8; 32]>,
}

/// Leave to use one tool, within constraints, some number of times.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    /// The tool.
    pub tool: ToolName,
    /// What its arguments must be. An authority argument that is not here must be left out or have its default;
    /// a payload argument that is not here may be anything.
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
#[derive(Clone, Debug, PartialEq)]
pub enum Constraint {
    /// Exactly this; of a list, exactly these in any order.
    Is(Vec<String>),
    /// One of these; of a list, only these.
    OneOf(Vec<String>),
    /// What the expression gives over the facts the session has by then; of a list, exactly its values.
    Computed(Expression),
    /// One of the values that the expression gives; of a list, only those.
    Among(Expression),
    /// Any value of this type that a quarantined model read out: what only untrusted text can say, and harms little when
    /// it lies.
    Hole(Hole),
}

/// The types that a hole may have. Never a recipient, a path, a link, a command, an account or an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hole {
    /// A date, or a date and time.
    Date,
    /// A number that is no money.
    Number,
    /// Yes or no.
    Boolean,
}

/// Who adds to a mandate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extension {
    /// A planner, at the start of the task, in a clean session.
    Plan,
    /// The owner's later words, and nothing else.
    OwnerSpoke,
}

/// A mandate could not be read or added to.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum MandateError {
    /// It is not of the right shape.
    #[error("the mandate is malformed: {reason}")]
    Malformed {
        /// What is wrong, and where.
        reason: String,
    },
    /// It is too long.
    #[error("the mandate has {found} {what}, at most {limit} are read")]
    TooMuch {
        /// What there is too much of.
        what: &'static str,
        /// How much there is.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// An expression in it cannot be read.
    #[error("the value of `{argument}` cannot be computed: {error}")]
    Expression {
        /// Which argument.
        argument: String,
        /// Why.
        error: ExpressionError,
    },
    /// The session has read untrusted text since.
    #[error(
        "the mandate is frozen: the session has read untrusted text, and only the owner's own words add to it now"
    )]
    Frozen,
    /// A grant was written from words that are not trusted.
    #[error("a grant for `{tool}` was not written from trusted words")]
    NotTrusted {
        /// Its tool.
        tool: ToolName,
    },
}

impl Mandate {
    /// The grants, in order; their places are what [`crate::Uses::grant`] names.
    pub fn grants(&self) -> impl ExactSizeIterator<Item = &Grant> {
        self.grants.iter().map(|held| &held.grant)
    }

    /// Whether untrusted text has entered the session.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// Untrusted text has entered the session.
    pub fn freeze(&mut self) {
        self.frozen = true;
    }

    /// Adds `grants`: all of them or none.
    ///
    /// # Errors
    ///
    /// [`MandateError::Frozen`] for a plan after the freeze, [`MandateError::NotTrusted`] when a grant was not written
    /// from trusted words, [`MandateError::TooMuch`] when there are too many.
    pub fn extend(&mut self, grants: Vec<Grant>, extension: Extension) -> Result<(), MandateError> {
        match extension {
            Extension::Plan if self.frozen => return Err(MandateError::Frozen),
            Extension::Plan | Extension::OwnerSpoke => {}
        }
        let found = self.grants.len().saturating_add(grants.len());
        if found > GRANTS_MAX {
            return Err(MandateError::TooMuch { what: "grants", found, limit: GRANTS_MAX });
        }
        if let Some(bad) = grants.iter().find(|grant| grant.label.integrity() != domain::Integrity::Trusted) {
            return Err(MandateError::NotTrusted { tool: bad.tool.clone() });
        }
        self.grants.extend(grants.into_iter().map(|grant| Held { grant, count: 0, seen: BTreeSet::new() }));
        Ok(())
    }

    /// The first grant that covers `call` and is not used up: its place and itself. Nothing where none does, or where
    /// anything about it cannot be computed.
    #[must_use]
    pub fn covering(
        &self,
        call: &Call,
        manifest: Option<&Manifest>,
        known: &Provenance,
    ) -> Option<(usize, &Grant)> {
        self.grants
            .iter()
            .enumerate()
            .find(|(_place, held)| held.has_times_left(call) && held.grant.covers(call, manifest, known))
            .map(|(place, held)| (place, &held.grant))
    }

    /// What a grant of `tool` that is not used up says of `argument`, and why there is the grant, when a quarantined model
    /// has to read the value out.
    #[must_use]
    pub fn gap(&self, tool: &ToolName, argument: &str) -> Option<(&Constraint, &str)> {
        let most = |times| match times {
            Times::AtMost(most) | Times::EachOnce(most) => most,
        };
        self.grants
            .iter()
            .filter(|held| held.grant.tool == *tool && held.count < most(held.grant.times).min(TIMES_MAX))
            .find_map(|held| {
                let constraint = held.grant.arguments.get(argument)?;
                constraint.is_read_out().then_some((constraint, held.grant.why.as_str()))
            })
    }

    /// Takes one time from the grant at `place`, as [`crate::Uses::grant`] said when the call was allowed.
    pub fn consume(&mut self, place: usize, call: &Call) {
        if let Some(held) = self.grants.get_mut(place) {
            held.count = held.count.saturating_add(1);
            held.seen.insert(authority_digest(call));
        }
    }

    /// The mandate in plain language, a line a grant.
    #[must_use]
    pub fn in_words(&self) -> Vec<String> {
        self.grants.iter().map(|held| held.grant.in_words()).collect()
    }
}

impl Held {
    fn has_times_left(&self, call: &Call) -> bool {
        match self.grant.times {
            Times::AtMost(most) => self.count < most.min(TIMES_MAX),
            Times::EachOnce(most) => {
                self.count < most.min(TIMES_MAX) && !self.seen.contains(&authority_digest(call))
            }
        }
    }
}

impl Grant {
    /// Whether it covers `call`, times aside.
    fn covers(&self, call: &Call, manifest: Option<&Manifest>, known: &Provenance) -> bool {
        if self.tool != call.tool {
            return false;
        }
        let unnamed = authority(call, manifest).any(|argument| !self.arguments.contains_key(&argument.name));
        !unnamed
            && self.arguments.iter().all(|(name, constraint)| {
                match call.arguments.iter().find(|given| given.name == *name) {
                    None => constraint.accepts_nothing(),
                    Some(given) if is_default(given, manifest) && constraint.accepts_nothing() => true,
                    Some(given) => {
                        let ground = match given.role {
                            ArgumentRole::Authority => Ground::Needed,
                            ArgumentRole::Payload => Ground::NotNeeded,
                        };
                        constraint.fits(&given.value, call, known, ground)
                    }
                }
            })
    }

    /// Whether the argument called `name` is left open by design: a typed hole, or one of the handles that a service
    /// returns.
    #[must_use]
    pub fn leaves_open(&self, name: &str) -> bool {
        self.arguments.get(name).is_some_and(|constraint| match constraint {
            Constraint::Is(_) | Constraint::OneOf(_) => false,
            Constraint::Computed(expression) => expression.takes_handles(),
            Constraint::Among(_) | Constraint::Hole(_) => true,
        })
    }

    /// The label of the words an argument's value was fixed by, when a constant of this grant fixes it.
    pub(crate) fn label_of_constant(&self, argument: &domain::Argument) -> Option<&Label> {
        let fixed = match self.arguments.get(&argument.name)? {
            Constraint::Is(texts) => same_set(&argument.value.leaves(), texts),
            Constraint::OneOf(texts) => {
                argument.value.leaves().iter().all(|leaf| texts.iter().any(|text| means(leaf, text)))
            }
            Constraint::Computed(_) | Constraint::Among(_) | Constraint::Hole(_) => false,
        };
        fixed.then_some(&self.label)
    }

    /// In plain language: `mail.send once, where to is anna@example.org (because …)`.
    #[must_use]
    pub fn in_words(&self) -> String {
        let times = match self.times {
            Times::AtMost(1) => "once".to_string(),
            Times::AtMost(most) => format!("up to {most} times"),
            Times::EachOnce(most) => format!("once for each, up to {most}"),
        };
        let arguments: Vec<String> = self
            .arguments
            .iter()
            .map(|(name, constraint)| format!("{name} {}", constraint.in_words()))
            .collect();
        let arguments =
            if arguments.is_empty() { String::new() } else { format!(", where {}", arguments.join(" and ")) };
        format!("{} {times}{arguments} (because {})", self.tool, self.why)
    }
}

impl Hole {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Date => "date",
            Self::Number => "number",
            Self::Boolean => "boolean",
        }
    }

    fn takes(self, value: &Value) -> bool {
        matches!(
            (self, value),
            (Self::Date, Value::Date(_))
                | (Self::Number, Value::Number(_))
                | (Self::Boolean, Value::Boolean(_))
        )
    }
}

fn authority_digest(call: &Call) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("hardshell grant use v1");
    for argument in call.arguments.iter().filter(|argument| argument.role == ArgumentRole::Authority) {
        for text in [argument.name.clone(), argument.value.canonical()] {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
    }
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests;
