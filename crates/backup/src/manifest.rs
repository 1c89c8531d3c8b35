//! What a backup says of itself, at its end: whoever finds it has the whole.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The form of backups that this program writes and reads.
pub(crate) const FORM: u32 = 1;
/// The first part of a backup: `hardshell backup`, and its form.
pub(crate) const HEADER: &str = "hardshell-backup";
/// The last part.
pub(crate) const MANIFEST: &str = "hardshell-manifest.json";
/// The parts of a home are below this.
pub(crate) const HOME: &str = "home/";

/// What a backup says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// When it was made, in milliseconds since 1970.
    pub made: u64,
    /// The version of the program that made it.
    pub program: String,
    /// Each file with its size and digest (BLAKE3).
    pub files: BTreeMap<String, (u64, String)>,
    /// What was not taken along, and why.
    pub left_out: Vec<String>,
    /// The last signature over the audit log, where there is one: shows later whether the log was cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
}
