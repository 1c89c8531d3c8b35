//! The planner's side: the reading of its answer. What it is asked is `tools::plan`.

use super::{Constraint, Expression, Grant, Hole, MandateError, TIMES_MAX, Times};
use domain::Label;
use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use tools::plan::{GRANTS_MAX, VALUES_MAX, WHY_CHARACTERS_MAX};

/// The longest plan that is read, in bytes: many times what a person reads before a task.
pub const PLAN_BYTES_MAX: usize = 64 * 1024;

/// A plan as a planner, an automation or a file wrote it: version 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    grants: Vec<GrantText>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanText {
    version: u32,
    #[serde(default)]
    grants: Vec<GrantText>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantText {
    tool: String,
    #[serde(default)]
    arguments: BTreeMap<String, ConstraintText>,
    times: Option<u32>,
    each: Option<u32>,
    why: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConstraintText {
    is: Option<Json>,
    one_of: Option<Vec<Json>>,
    compute: Option<String>,
    among: Option<String>,
    hole: Option<String>,
}

impl Plan {
    /// Reads a planner's answer: one JSON object, alone or in a fenced block.
    ///
    /// # Errors
    ///
    /// [`MandateError::Malformed`] or [`MandateError::TooMuch`].
    pub fn from_json(text: &str) -> Result<Self, MandateError> {
        limit("bytes", text.len(), PLAN_BYTES_MAX)?;
        let body = text.trim();
        let fenced = body
            .strip_prefix("```json")
            .or_else(|| body.strip_prefix("```"))
            .and_then(|rest| rest.trim().strip_suffix("```"));
        serde_json::from_str(fenced.unwrap_or(body)).map_err(malformed).and_then(Self::checked)
    }

    /// Reads a plan from TOML, as automations and mandate files hold it.
    ///
    /// # Errors
    ///
    /// [`MandateError::Malformed`] or [`MandateError::TooMuch`].
    pub fn from_toml(text: &str) -> Result<Self, MandateError> {
        limit("bytes", text.len(), PLAN_BYTES_MAX)?;
        toml::from_str(text).map_err(malformed).and_then(Self::checked)
    }

    /// The grants, written from words of `label`.
    ///
    /// # Errors
    ///
    /// [`MandateError`] naming the first grant that cannot be read.
    pub fn grants(&self, label: &Label) -> Result<Vec<Grant>, MandateError> {
        self.grants.iter().map(|text| text.grant(label)).collect()
    }

    fn checked(text: PlanText) -> Result<Self, MandateError> {
        if text.version != 1 {
            return Err(MandateError::Malformed {
                reason: format!("version {} is not known, 1 is", text.version),
            });
        }
        limit("grants", text.grants.len(), GRANTS_MAX)?;
        Ok(Self { grants: text.grants })
    }
}

impl GrantText {
    fn grant(&self, label: &Label) -> Result<Grant, MandateError> {
        let tool = self.tool.parse().map_err(malformed)?;
        let times = match (self.times, self.each) {
            (None, None) => Times::AtMost(1),
            (Some(most), None) => Times::AtMost(most),
            (None, Some(most)) => Times::EachOnce(most),
            (Some(_), Some(_)) => return bad("a grant has `times` or `each`, not both"),
        };
        let (Times::AtMost(most) | Times::EachOnce(most)) = times;
        limit("times", most as usize, TIMES_MAX as usize)?;
        limit("characters of `why`", self.why.chars().count(), WHY_CHARACTERS_MAX)?;
        let arguments = self
            .arguments
            .iter()
            .map(|(name, text)| text.constraint(name).map(|constraint| (name.clone(), constraint)))
            .collect::<Result<_, _>>()?;
        Ok(Grant { tool, arguments, times, why: self.why.clone(), label: label.clone() })
    }
}

impl ConstraintText {
    fn constraint(&self, argument: &str) -> Result<Constraint, MandateError> {
        let expression = |text: &str| {
            Expression::parse(text)
                .map_err(|error| MandateError::Expression { argument: argument.to_string(), error })
        };
        match (&self.is, &self.one_of, &self.compute, &self.among, &self.hole) {
            (Some(Json::Array(values)), None, None, None, None) => texts(values).map(Constraint::Is),
            (Some(value), None, None, None, None) => texts(std::slice::from_ref(value)).map(Constraint::Is),
            (None, Some(values), None, None, None) => texts(values).map(Constraint::OneOf),
            (None, None, Some(text), None, None) => expression(text).map(Constraint::Computed),
            (None, None, None, Some(text), None) => expression(text).map(Constraint::Among),
            (None, None, None, None, Some(word)) => [Hole::Date, Hole::Number, Hole::Boolean]
                .into_iter()
                .find(|hole| hole.as_str() == word)
                .map_or_else(
                    || bad("a hole is a date, a number or a boolean"),
                    |hole| Ok(Constraint::Hole(hole)),
                ),
            _ => bad("a constraint has exactly one of `is`, `one_of`, `compute`, `among`, `hole`"),
        }
    }
}

fn texts(values: &[Json]) -> Result<Vec<String>, MandateError> {
    limit("values", values.len(), VALUES_MAX)?;
    let text = |value: &Json| match value {
        Json::String(text) => Ok(text.clone()),
        Json::Number(number) => Ok(number.to_string()),
        Json::Bool(yes) => Ok(yes.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => bad("a constant is a text, a number, true or false"),
    };
    values.iter().map(text).collect()
}

fn limit(what: &'static str, found: usize, limit: usize) -> Result<(), MandateError> {
    if found > limit { Err(MandateError::TooMuch { what, found, limit }) } else { Ok(()) }
}

fn bad<T>(reason: &str) -> Result<T, MandateError> {
    Err(MandateError::Malformed { reason: reason.to_string() })
}

fn malformed(error: impl std::fmt::Display) -> MandateError {
    MandateError::Malformed { reason: error.to_string() }
}
