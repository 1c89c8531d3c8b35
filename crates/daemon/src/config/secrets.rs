//! `[[secrets]]` and `[secret_stores]`: secrets that are kept elsewhere.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// One of `[[secrets]]`: a secret that is kept elsewhere, under a name of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretSection {
    /// What it is called here: `secret://NAME`.
    pub name: String,
    /// Where it is: `env://NAME`, `file:///path`, `vault://mount/path#field`, `exec://NAME`.
    pub from: String,
    /// The hosts it may go to.
    pub hosts: Vec<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// `[secret_stores]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SecretStores {
    /// A `HashiCorp` Vault or `OpenBao`, for `vault://mount/path#field`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hashicorp: Option<HashicorpSection>,
    /// Programs that print a secret, for `exec://NAME`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub programs: BTreeMap<String, ProgramSection>,
}

/// `[secret_stores.hashicorp]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HashicorpSection {
    /// The server: `https://vault.example.org:8200`.
    pub url: String,
    /// The namespace, where the server has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The token, as `secret://NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The id of an `AppRole`, instead of a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_id: Option<String>,
    /// The secret id of the role, as `secret://NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_secret: Option<String>,
}

/// One of `[secret_stores.programs]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProgramSection {
    /// The program and its arguments. It runs in the sandbox, without a network, and the first line it prints is the
    /// secret.
    pub command: Vec<String>,
    /// Files and folders it may read besides the system.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub read: Vec<PathBuf>,
}
