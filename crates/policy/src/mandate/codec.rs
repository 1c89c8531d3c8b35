//! Mandates on disk: JSON, version 1. A task that sleeps over a question finds its mandate as it was.

use super::{Constraint, Expression, Grant, Held, Hole, Mandate, MandateError, Times};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MandateText {
    version: u32,
    frozen: bool,
    grants: Vec<HeldText>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeldText {
    tool: String,
    arguments: BTreeMap<String, ConstraintText>,
    times: TimesText,
    why: String,
    label: String,
    count: u32,
    seen: BTreeSet<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TimesText {
    AtMost(u32),
    EachOnce(u32),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ConstraintText {
    Is(Vec<String>),
    OneOf(Vec<String>),
    Compute(String),
    Among(String),
    Hole(String),
}

/// The mandate with what has been used of it, as one JSON text.
#[must_use]
pub fn mandate_to_json(mandate: &Mandate) -> String {
    let grants = mandate.grants.iter().map(held_text).collect();
    let text = MandateText { version: 1, frozen: mandate.frozen, grants };
    serde_json::to_value(text).map(|json| json.to_string()).unwrap_or_default()
}

/// Reads what [`mandate_to_json`] wrote.
///
/// # Errors
///
/// [`MandateError::Malformed`], for an unknown version too: the task then has no mandate.
pub fn mandate_from_json(text: &str) -> Result<Mandate, MandateError> {
    let text: MandateText = serde_json::from_str(text).map_err(malformed)?;
    if text.version != 1 {
        return Err(MandateError::Malformed {
            reason: format!("version {} is not known, 1 is", text.version),
        });
    }
    let grants = text.grants.into_iter().map(held).collect::<Result<_, _>>()?;
    Ok(Mandate { grants, frozen: text.frozen })
}

fn held_text(held: &Held) -> HeldText {
    let constraint = |constraint: &Constraint| match constraint {
        Constraint::Is(texts) => ConstraintText::Is(texts.clone()),
        Constraint::OneOf(texts) => ConstraintText::OneOf(texts.clone()),
        Constraint::Computed(expression) => ConstraintText::Compute(expression.to_string()),
        Constraint::Among(expression) => ConstraintText::Among(expression.to_string()),
        Constraint::Hole(hole) => ConstraintText::Hole(hole.as_str().to_string()),
    };
    HeldText {
        tool: held.grant.tool.to_string(),
        arguments: held
            .grant
            .arguments
            .iter()
            .map(|(name, value)| (name.clone(), constraint(value)))
            .collect(),
        times: match held.grant.times {
            Times::AtMost(most) => TimesText::AtMost(most),
            Times::EachOnce(most) => TimesText::EachOnce(most),
        },
        why: held.grant.why.clone(),
        label: held.grant.label.to_string(),
        count: held.count,
        seen: held.seen.iter().map(|digest| blake3::Hash::from_bytes(*digest).to_hex().to_string()).collect(),
    }
}

fn held(text: HeldText) -> Result<Held, MandateError> {
    let arguments = text.arguments.into_iter().map(|(name, value)| {
        let constraint = constraint(&name, value)?;
        Ok((name, constraint))
    });
    let seen = text
        .seen
        .iter()
        .map(|hex| blake3::Hash::from_hex(hex).map(|hash| *hash.as_bytes()).map_err(malformed));
    Ok(Held {
        grant: Grant {
            tool: text.tool.parse().map_err(malformed)?,
            arguments: arguments.collect::<Result<_, MandateError>>()?,
            times: match text.times {
                TimesText::AtMost(most) => Times::AtMost(most),
                TimesText::EachOnce(most) => Times::EachOnce(most),
            },
            why: text.why,
            label: text.label.parse().map_err(malformed)?,
        },
        count: text.count,
        seen: seen.collect::<Result<_, _>>()?,
    })
}

fn constraint(argument: &str, text: ConstraintText) -> Result<Constraint, MandateError> {
    let expression = |text: &str| {
        Expression::parse(text)
            .map_err(|error| MandateError::Expression { argument: argument.to_string(), error })
    };
    match text {
        ConstraintText::Is(texts) => Ok(Constraint::Is(texts)),
        ConstraintText::OneOf(texts) => Ok(Constraint::OneOf(texts)),
        ConstraintText::Compute(text) => expression(&text).map(Constraint::Computed),
        ConstraintText::Among(text) => expression(&text).map(Constraint::Among),
        ConstraintText::Hole(word) => [Hole::Date, Hole::Number, Hole::Boolean]
            .into_iter()
            .find(|hole| hole.as_str() == word)
            .map(Constraint::Hole)
            .ok_or_else(|| MandateError::Malformed { reason: format!("`{word}` is no hole") }),
    }
}

fn malformed(error: impl std::fmt::Display) -> MandateError {
    MandateError::Malformed { reason: error.to_string() }
}
