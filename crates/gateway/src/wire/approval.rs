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
    /// The same, put together by what is asked and why, the largest group first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub digest: Vec<QuestionGroup>,
}

/// Questions that are alike: the same tool, asked about by the same rules, after reading the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QuestionGroup {
    /// The tool.
    pub tool: String,
    /// The oldest one's title.
    pub title: String,
    /// The rules that ask, by their ids.
    pub rules: Vec<String>,
    /// What had been read before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Their ids, oldest first.
    pub questions: Vec<String>,
    /// When the oldest was asked, in milliseconds since 1970.
    pub oldest: u64,
}

impl Approvals {
    /// The list and its digest.
    #[must_use]
    pub fn of(questions: Vec<Question>) -> Self {
        let mut digest: Vec<QuestionGroup> = Vec::new();
        for question in &questions {
            let rules: Vec<String> = question.rules.iter().map(|rule| rule.id.clone()).collect();
            let alike = |group: &&mut QuestionGroup| {
                group.tool == question.tool && group.rules == rules && group.source == question.source
            };
            match digest.iter_mut().find(alike) {
                Some(group) => group.questions.push(question.id.clone()),
                None => digest.push(QuestionGroup {
                    tool: question.tool.clone(),
                    title: question.title.clone(),
                    rules,
                    source: question.source.clone(),
                    questions: vec![question.id.clone()],
                    oldest: question.asked,
                }),
            }
        }
        digest.sort_by_key(|group| std::cmp::Reverse(group.questions.len()));
        Self { questions, digest }
    }
}

/// The most days that [`ApprovalStats`] look back.
pub const STATS_DAYS_MAX: u32 = 366;

/// `GET /api/v1/approvals/stats`: how often the owner is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ApprovalStats {
    /// From when, in milliseconds since 1970.
    pub since: u64,
    /// Until when, in milliseconds since 1970.
    pub until: u64,
    /// How many questions were asked.
    pub questions: u64,
    /// How many were approved, once or always.
    pub approved: u64,
    /// How many were denied.
    pub denied: u64,
    /// How many lapsed.
    pub expired: u64,
    /// How many wait.
    pub waiting: u64,
    /// Questions a day, to one decimal.
    pub per_day: f64,
    /// Each day with questions, oldest first.
    pub days: Vec<DayCount>,
    /// The rules that asked, the busiest first; one question may have several.
    pub rules: Vec<RuleCount>,
    /// The standing rules that would have spared questions, the best first: only of what was always approved.
    pub standing: Vec<StandingCount>,
}

/// The questions of one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DayCount {
    /// The date where Hardshell runs: `2026-11-27`.
    pub day: String,
    /// How many were asked.
    pub questions: u64,
}

/// The questions of one rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RuleCount {
    /// The rule.
    pub id: String,
    /// Why it asks.
    pub why: String,
    /// How many it asked.
    pub questions: u64,
}

/// What a standing rule would have spared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StandingCount {
    /// The rule that "always" would have made, in words.
    pub rule: String,
    /// How many questions would not have been asked.
    pub spares: u64,
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

/// The most questions that one answer covers: four times what a model may propose at once.
pub const SHEET_QUESTIONS_MAX: usize = 64;

/// The body of `POST /api/v1/approvals`: one answer to a sheet of questions. Each stays an answer of its own, to the very
/// bytes that its question showed; a standing rule is made one at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSheetAnswer {
    /// The questions, by their ids, each once: what was shown, and nothing that was asked since.
    pub questions: Vec<String>,
    /// The answer to each of them.
    pub answer: SheetAnswer,
}

/// An answer to many questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SheetAnswer {
    /// Do each of them, this once.
    Approve,
    /// Do none of them.
    Deny,
}

impl From<SheetAnswer> for Answer {
    fn from(answer: SheetAnswer) -> Self {
        match answer {
            SheetAnswer::Approve => Self::Approve,
            SheetAnswer::Deny => Self::Deny,
        }
    }
}

/// What an answer to a sheet led to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SheetAnswered {
    /// Each question and its answer, in the order they were named.
    pub answered: Vec<Answered>,
}

impl From<domain::ArgumentRole> for ArgumentRole {
    fn from(role: domain::ArgumentRole) -> Self {
        match role {
            domain::ArgumentRole::Authority => Self::Authority,
            domain::ArgumentRole::Payload => Self::Payload,
        }
    }
}
