//! The shape of a manifest file, version 1, as TOML has it.

use serde::Deserialize;
use serde_json::Value as Json;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) version: u32,
    #[serde(default)]
    pub(super) tool: Vec<Tool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tool {
    pub(super) name: String,
    pub(super) about: String,
    pub(super) effect: String,
    pub(super) undo: Option<String>,
    pub(super) sinks: Vec<String>,
    #[serde(default)]
    pub(super) data_in: Vec<String>,
    #[serde(default)]
    pub(super) show: Vec<String>,
    pub(super) source: Source,
    #[serde(default)]
    pub(super) raise: Vec<RaiseText>,
    #[serde(default)]
    pub(super) argument: Vec<ArgumentText>,
    #[serde(default)]
    pub(super) result: Vec<ResultText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Source {
    #[serde(default)]
    pub(super) integrity: Option<String>,
    pub(super) tier: String,
    pub(super) kind: Option<String>,
    pub(super) name: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RaiseText {
    pub(super) argument: String,
    pub(super) one_of: Option<Vec<String>>,
    pub(super) effect: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ArgumentText {
    pub(super) name: String,
    pub(super) about: String,
    pub(super) role: String,
    pub(super) r#type: String,
    pub(super) optional: Option<bool>,
    pub(super) default: Option<Json>,
    pub(super) bytes_max: Option<usize>,
    pub(super) items_max: Option<usize>,
    pub(super) min: Option<Json>,
    pub(super) max: Option<Json>,
    pub(super) whole: Option<bool>,
    pub(super) one_of: Option<Vec<String>>,
    pub(super) form: Option<String>,
    pub(super) one_line: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ResultText {
    pub(super) path: String,
    pub(super) r#type: String,
    pub(super) label: String,
    pub(super) only_of_owner: Option<String>,
    pub(super) attested_where: Option<String>,
    pub(super) tier: Option<String>,
}
