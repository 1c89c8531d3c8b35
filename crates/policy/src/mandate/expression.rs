//! A small total language for values that a mandate cannot know yet: the largest file, a tenth of that payment.
//!
//! It reads facts (attested fields of results) and constants, and nothing else; a field that is not a fact does not
//! exist for it. There are no loops, no recursion and no names; an expression ends, or says why it has no value.
//!
//! ```text
//! rows("files.list", "files")                    every record of the newest results of that tool, in that list
//! rows("mail.search", "mails", "query", "rent")  … of the query with exactly this argument
//! where(rows, "field", "=", value)               = != < <= > >= starts contains
//! max(rows, "field")  min(rows, "field")         the one record with the largest, smallest; a tie has no value
//! only(rows)                                     the single record
//! get(record, "field")                           a field of it
//! column(rows, "field")                          the field of every record; `""` for lists of plain values
//! over("tool", "list", "argument", domain)       every record of the queries whose argument ran over the whole domain;
//!                                                no value while one of the domain has not been asked for
//! handles("tool", "list", "field")               the ids and addresses that a service returned, facts or not: one of
//!                                                them fills a hole, and no other value does
//! most_common(list)  unique(list)  minus(list, list)  starting(list, "text")  single(list)
//! prefixed("text", list)                         the text before each
//! ranking(list)  position(list, value)           most frequent first, then by letter; counted from 1
//! count(rows or list)  sum(list)
//! argument("name")                               another argument of this very call
//! plus_minutes(date, number)  round(number, places)  concat(text, …)  + - * /
//! ```

mod evaluate;
mod lists;
mod parse;

use crate::provenance::Provenance;
use domain::Call;
use rust_decimal::Decimal;
use std::fmt;

/// A parsed expression; its text is kept for the owner's eyes.
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    text: String,
    root: Node,
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Number(Decimal),
    Text(String),
    Apply(Function, Vec<Node>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Function {
    Rows,
    Where,
    Max,
    Min,
    Only,
    Get,
    Column,
    Over,
    Handles,
    Starting,
    Single,
    Ranking,
    Prefixed,
    Position,
    Concat,
    MostCommon,
    Unique,
    Minus,
    Count,
    Sum,
    Argument,
    PlusMinutes,
    Round,
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// An expression that cannot be read, or has no value now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// It is not an expression.
    #[error("at character {at}: {reason}")]
    Syntax {
        /// Where, counted from 0 in characters.
        at: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// It has no value over what is known.
    #[error("{reason}")]
    NoValue {
        /// Why.
        reason: &'static str,
    },
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    ///
    /// [`ExpressionError::Syntax`].
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        Ok(Self { text: text.to_string(), root: parse::parse(text)? })
    }

    /// Whether it takes handles that are no facts: what it fills is a hole by design.
    #[must_use]
    pub fn takes_handles(&self) -> bool {
        self.root.any(&|function| function == Function::Handles)
    }

    /// Its values over the facts of `known`, for `call`, as canonical texts: one for a single value.
    ///
    /// # Errors
    ///
    /// [`ExpressionError::NoValue`] when something it needs is not a fact, is not there, or is there twice.
    pub fn values(&self, known: &Provenance, call: &Call) -> Result<Vec<String>, ExpressionError> {
        evaluate::values(&self.root, known, call)
    }
}

impl Node {
    fn any(&self, wanted: &dyn Fn(Function) -> bool) -> bool {
        match self {
            Self::Number(_) | Self::Text(_) => false,
            Self::Apply(function, arguments) => {
                wanted(*function) || arguments.iter().any(|argument| argument.any(wanted))
            }
        }
    }
}

/// As it was written.
impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests;
