//! Questions to the owner, and answers.

use super::{Effect, Label, Rule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One question about one exact action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Question {
    /// Its id.
    pub id: String,
    /// The conversation it came up in.
    pub session: String,
    /// The task that waits.
    pub task: String,
    /// One line: what would be done.
    pub title: String,
    /// Everything that would be done, rendered from the bytes that the approval binds.
    pub text: String,
    /// The rules that ask.
    pub rules: Vec<Rule>,
    /// What put it into the model's mind, in words: `mail from x@example.org`; absent when only the owner spoke.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The tool: `shell.run`.
    pub tool: String,
    /// What it does to the world.
    pub effect: Effect,
    /// The arguments, in the manifest's order.
    pub arguments: Vec<Argument>,
    /// The label of the session at that moment.
    pub label: Label,
    /// When it was asked, in milliseconds since 1970.
    pub asked: u64,
    /// When it lapses, in milliseconds since 1970.
    pub expires: u64,
    /// The standing rule that `always` would make, in words; absent when there is none to be had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub always: Option<String>,
}

/// One argument of a call, as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Argument {
    /// Its name.
    pub name: String,
    /// Its value, whole, with control and direction characters made visible.
    pub value: String,
    /// Whether it decides who or what is affected.
    pub role: ArgumentRole,
}

/// The two kinds of arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ArgumentRole {
    /// Decides who or what is affected.
    Authority,
    /// What is said.
    Payload,
}

/// `GET /api/v1/approvals`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Approvals {
    /// Open questions, oldest first.
    pub questions: Vec<Question>,
}

/// The owner's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Do it, this once.
    Approve,
    /// Do not.
    Deny,
    /// Do it, and store the standing rule that the question shows.
    Always,
}

/// The body of `POST /api/v1/approvals/{id}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAnswer {
    /// The answer.
    pub answer: Answer,
}

/// What the answer led to: an approval is decided again, so it may still be refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Answered {
    /// The question.
    pub question: String,
    /// The answer that counts.
    pub answer: Answer,
}

impl From<domain::ArgumentRole> for ArgumentRole {
    fn from(role: domain::ArgumentRole) -> Self {
        match role {
            domain::ArgumentRole::Authority => Self::Authority,
            domain::ArgumentRole::Payload => Self::Payload,
        }
    }
}
