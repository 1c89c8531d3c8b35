//! How far a task may go, and how strangers' text reaches the model.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// `[agent]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AgentSection {
    /// The most answers of the model in one task.
    pub steps: u32,
    /// The most calls in one answer.
    pub calls_per_step: usize,
    /// The most tokens in one task.
    pub tokens: u64,
    /// The most minutes of work in one task; waiting for an answer does not count.
    pub minutes: u32,
    /// Whether the model is asked for a plan before anything untrusted is read.
    pub plan: bool,
    /// How strangers' text reaches the model.
    pub isolation: Isolation,
}

/// How strangers' text reaches the model that plans and answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// It is shown, wrapped as data.
    Wrapped,
    /// It is held apart: the model sees a handle, and a second model without tools reads single values out.
    Strict,
}

impl Default for AgentSection {
    fn default() -> Self {
        Self {
            steps: 40,
            calls_per_step: 16,
            tokens: 1_000_000,
            minutes: 20,
            plan: true,
            isolation: Isolation::Wrapped,
        }
    }
}

impl AgentSection {
    /// How strangers' text reaches the model.
    #[must_use]
    pub fn text_isolation(&self) -> domain::TextIsolation {
        match self.isolation {
            Isolation::Wrapped => domain::TextIsolation::Wrapped,
            Isolation::Strict => domain::TextIsolation::Strict,
        }
    }

    /// The agent's limits.
    #[must_use]
    pub fn limits(&self) -> agent::Limits {
        agent::Limits {
            steps_max: self.steps,
            calls_per_step_max: self.calls_per_step,
            tokens_max: self.tokens,
            working_time_max: Duration::from_secs(u64::from(self.minutes).saturating_mul(60)),
        }
    }
}
