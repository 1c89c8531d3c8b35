//! The audit log as clients ask for it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most records of one answer: about one screenful of scrolling, well under a megabyte.
pub const RECORDS_MAX: u32 = 1000;

/// The query of `GET /api/v1/audit`. Everything given must match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditQuery {
    /// Only records after this number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// Only records before this number. Without `after`, the newest records come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// At most so many: 1 to 1000, 100 when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// One kind: `intent`, `outcome`, `refusal`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// One session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// One tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// Only records at or after this moment, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// Only records before this moment, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
}

/// `GET /api/v1/audit`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AuditPage {
    /// Oldest first.
    pub records: Vec<AuditRecord>,
    /// Whether more records match, beyond the limit.
    pub more: bool,
}

/// One record, as it stands in the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AuditRecord {
    /// Its number.
    pub seq: u64,
    /// When, in milliseconds since 1970.
    pub time: u64,
    /// Its kind.
    pub kind: String,
    /// Its place in the chain: 64 hexadecimal digits.
    pub hash: String,
    /// Everything else the record holds, by its kind.
    #[serde(flatten)]
    pub fields: serde_json::Map<String, serde_json::Value>,
}
