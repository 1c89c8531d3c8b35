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
    /// Where it is: `env://NAME`, `file:///path`, `vault://mount/path#field`,
    /// `aws-sm://name#field`, `exec://NAME`.
    pub from: String,
    /// The hosts it may go to.
    pub hosts: Vec<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Where it comes from when it is an access token: `from` is then its refresh token, as `secret://NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oauth2: Option<OAuth2Section>,
}

/// `[secrets.oauth2]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OAuth2Section {
    /// The token endpoint: `https://oauth2.googleapis.com/token`.
    pub token_url: String,
    /// The client's id.
    pub client_id: String,
    /// The client's secret, as `secret://NAME`, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// How the client says who it is.
    #[serde(default)]
    pub login: ClientLoginWord,
    /// What the token is to be good for, where that is less than what was agreed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

/// How a client says who it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClientLoginWord {
    /// In the body.
    #[default]
    Body,
    /// By HTTP Basic.
    Basic,
}

/// `[secret_stores]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SecretStores {
    /// A `HashiCorp` Vault or `OpenBao`, for `vault://mount/path#field`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hashicorp: Option<HashicorpSection>,
    /// AWS Secrets Manager, for `aws-sm://name#field`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws: Option<AwsSection>,
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

/// `[secret_stores.aws]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AwsSection {
    /// The region: `eu-west-1`.
    pub region: String,
    /// The id of the key: `AKIA…`.
    pub key_id: String,
    /// The key, as `secret://NAME`.
    pub secret: String,
    /// The token of a key that is good for a time only, as `secret://NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_token: Option<String>,
    /// The server; `https://secretsmanager.REGION.amazonaws.com` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
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
