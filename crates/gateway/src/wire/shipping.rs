//! Where the audit log is sent as it grows, and how that goes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `GET /api/v1/shipping`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Receivers {
    /// In the configuration's order; none where the log is sent nowhere.
    pub receivers: Vec<Receiver>,
}

/// One receiver of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Receiver {
    /// The owner's name for it.
    pub name: String,
    /// `file`, `stdout`, `checkpoint`, `syslog` or `otlp`.
    pub kind: String,
    /// Where it leads.
    pub to: String,
    /// How many records it still has to be sent.
    pub behind: u64,
    /// How many records it was not sent and is not going to be: each gap is on record.
    pub skipped: u64,
    /// How often a batch was not taken.
    pub failed: u64,
    /// When a batch was last taken, in milliseconds since 1970; absent when none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_sent: Option<u64>,
    /// Since when nothing is taken, in milliseconds since 1970; absent while it takes what it is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down_since: Option<u64>,
    /// Why the last batch was not taken, or why nothing can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}
