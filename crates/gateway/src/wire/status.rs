//! How the house is: readiness, proofs, isolation, model, commands.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `GET /api/v1/status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Status {
    /// The program's version.
    pub version: String,
    /// Whether it takes messages.
    pub ready: bool,
    /// Whether everything is stopped.
    pub lockdown: bool,
    /// What commands run in.
    pub isolation: Isolation,
    /// Every control and its last proof.
    pub proofs: Vec<Proof>,
    /// The model in use.
    pub model: ModelInUse,
    /// The home folder.
    pub home: String,
    /// Whether the mailbox is the sample that comes with a first home.
    pub sample_mailbox: bool,
    /// The digest of the rules in force.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub policy: String,
    /// What a burst of refusals has stopped, in words; absent when nothing is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suspended: Vec<String>,
}

/// How well commands are confined here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Isolation {
    /// `full`, `full-soft`, `landlock` or `none`.
    pub level: String,
    /// Why it is not better; absent at the best level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The command that makes it better; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// One control and its last proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Proof {
    /// The control.
    pub name: String,
    /// Whether it holds.
    pub state: ProofState,
    /// What was tried and what stopped it, or what did not.
    pub detail: String,
    /// When, in milliseconds since 1970; absent when it was never tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked: Option<u64>,
}

/// Whether a control holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProofState {
    /// The canary failed, as it must.
    Holds,
    /// The canary got through.
    Failed,
    /// It is switched off or cannot be proved here.
    Off,
}

/// The model in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ModelInUse {
    /// The owner's name for it.
    pub name: String,
    /// `builtin`, `script`, `anthropic`, `openai`, `ollama`.
    pub kind: String,
}

/// `GET /readyz`: 200 when ready, else 503.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Readiness {
    /// Whether it takes messages.
    pub ready: bool,
    /// Why not.
    pub reasons: Vec<Reason>,
}

/// One reason why the house is not ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// A short fixed name: `proof.egress`, `lockdown`, `recovery`. Shown to anyone.
    pub name: String,
    /// In words; shown only to whoever has signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// `GET /api/v1/commands`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Commands {
    /// The slash commands, in the order that help shows them.
    pub commands: Vec<Command>,
}

/// One slash command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Command {
    /// With the slash: `/disk`.
    pub name: String,
    /// What follows it: `URL`; empty when nothing does.
    pub arguments: String,
    /// What it does, in one line.
    pub help: String,
    /// A line that can be sent as it stands.
    pub example: String,
}

/// What came of `POST /api/v1/policy/reload`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyInForce {
    /// The digest of the rules in force.
    pub digest: String,
    /// Whether they are others than before.
    pub changed: bool,
}
