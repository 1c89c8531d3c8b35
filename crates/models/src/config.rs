//! How an owner describes a model in the configuration, and the checked form the rest of the crate works with.

mod check;

pub(crate) use check::is_near;

use domain::{ModelName, SecretName, Tier};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use url::Url;

/// One `[[models]]` table of `hardshell.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// What this model is called here: lower-case letters, digits, `.`, `_`, `-`.
    pub name: String,
    /// Which interface it speaks.
    pub kind: ModelKind,
    /// Where it is reached: `https://api.anthropic.com`, `https://openrouter.ai/api/v1`, `http://127.0.0.1:11434`.
    /// Left out, it is the vendor's own address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The model's name at the vendor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The key, as a reference to the vault: `secret://anthropic`. Never the key itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// For kind `script`: the file with one answer a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<PathBuf>,
    /// The model's window, in tokens, question and answer together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_tokens: Option<u32>,
    /// The longest answer, in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_tokens: Option<u32>,
    /// The highest tier this model may be shown. Left out: high when local, otherwise medium.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clearance: Option<Clearance>,
    /// Whether it runs on a machine of the owner's. Left out: yes when the url is on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<bool>,
    /// What it costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prices: Option<Prices>,
    /// The models asked next, in order, when this one cannot answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fallback: Vec<String>,
}

/// Which interface a model speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ModelKind {
    /// Anthropic's Messages.
    Anthropic,
    /// Chat completions as `OpenAI` made them: `OpenAI`, `OpenRouter`, vLLM, llama.cpp's server, LM Studio.
    Openai,
    /// Ollama's own chat.
    Ollama,
    /// Answers read from a file, for tests, the demo and replay.
    Script,
    /// No language model: slash commands and a few plain phrases.
    Builtin,
}

impl ModelKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Anthropic, Self::Openai, Self::Ollama, Self::Script, Self::Builtin];

    /// The word for it in configuration and screens.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::Openai => "openai",
            Self::Ollama => "ollama",
            Self::Script => "script",
            Self::Builtin => "builtin",
        }
    }

    fn default_url(self) -> Option<&'static str> {
        match self {
            Self::Anthropic => Some("https://api.anthropic.com"),
            Self::Openai => Some("https://api.openai.com/v1"),
            Self::Ollama => Some("http://127.0.0.1:11434"),
            Self::Script | Self::Builtin => None,
        }
    }

    /// Window and answer, in tokens, where the owner says nothing. Ollama loads models with a small window.
    fn default_tokens(self) -> (u32, u32) {
        match self {
            Self::Anthropic => (200_000, 8_192),
            Self::Openai => (128_000, 8_192),
            Self::Ollama => (16_384, 4_096),
            Self::Script | Self::Builtin => (1_000_000, 65_536),
        }
    }
}

/// A tier, as the configuration writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Clearance {
    /// Only what anyone may know.
    Low,
    /// Personal and business matters too.
    Medium,
    /// Everything.
    High,
}

impl From<Clearance> for Tier {
    fn from(clearance: Clearance) -> Self {
        match clearance {
            Clearance::Low => Self::Low,
            Clearance::Medium => Self::Medium,
            Clearance::High => Self::High,
        }
    }
}

/// What tokens cost, in one currency (the owner's choice), for a million of them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// A million tokens of question.
    pub input: f64,
    /// A million tokens of answer.
    pub output: f64,
}

/// The configuration of a model cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("model `{model}`: `{field}` {problem}")]
pub struct ConfigError {
    /// The model's name, as written.
    pub model: String,
    /// The key of the table that is wrong.
    pub field: &'static str,
    /// What is wrong with it; never a secret.
    pub problem: String,
}

/// A model, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    pub(crate) name: ModelName,
    pub(crate) kind: ModelKind,
    pub(crate) reach: Reach,
    pub(crate) context_tokens: u32,
    pub(crate) answer_tokens: u32,
    pub(crate) clearance: Tier,
    pub(crate) locality: Locality,
    pub(crate) prices: Option<MicroPrices>,
    pub(crate) fallback: Vec<ModelName>,
}

/// How a model is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Over HTTP.
    Http {
        /// The address everything hangs below, without a slash at the end of its path.
        base: Url,
        /// The model's name at the vendor.
        model: String,
        /// The key, if it needs one.
        key: Option<SecretName>,
    },
    /// From a file.
    File(PathBuf),
    /// Within this program.
    Here,
}

/// Where a model runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locality {
    /// On a machine of the owner's.
    Local,
    /// Somewhere else.
    Cloud,
}

/// Prices in millionths of the currency's unit for a million tokens, which is the same number for one token in
/// millionths of a millionth: whole numbers only, so that sums are exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MicroPrices {
    pub(crate) input: u64,
    pub(crate) output: u64,
}

impl Model {
    /// What it is called here.
    #[must_use]
    pub fn name(&self) -> &ModelName {
        &self.name
    }

    /// Which interface it speaks.
    #[must_use]
    pub fn kind(&self) -> ModelKind {
        self.kind
    }

    /// Its address, if it is reached over HTTP.
    #[must_use]
    pub fn url(&self) -> Option<&Url> {
        match &self.reach {
            Reach::Http { base, .. } => Some(base),
            Reach::File(_) | Reach::Here => None,
        }
    }

    /// The model's name at the vendor.
    #[must_use]
    pub fn vendor_model(&self) -> Option<&str> {
        match &self.reach {
            Reach::Http { model, .. } => Some(model),
            Reach::File(_) | Reach::Here => None,
        }
    }

    /// The secret its requests carry.
    #[must_use]
    pub fn key(&self) -> Option<&SecretName> {
        match &self.reach {
            Reach::Http { key, .. } => key.as_ref(),
            Reach::File(_) | Reach::Here => None,
        }
    }

    /// How its key is put into the vault, with the command; nothing for a model that takes none.
    pub(crate) fn key_advice(&self) -> Option<String> {
        let Reach::Http { base, key, .. } = &self.reach else { return None };
        let host = base.host_str()?;
        Some(match key {
            Some(key) => format!("`hardshell secret set {key} --host {host}`"),
            None => format!(
                "write `key = \"secret://{0}\"` into the entry `{0}` of hardshell.toml, and `hardshell secret set {0} --host {host}`",
                self.name
            ),
        })
    }

    /// Its window, in tokens.
    #[must_use]
    pub fn context_tokens(&self) -> u32 {
        self.context_tokens
    }

    /// Its longest answer, in tokens.
    #[must_use]
    pub fn answer_tokens(&self) -> u32 {
        self.answer_tokens
    }

    /// The highest tier it may be shown.
    #[must_use]
    pub fn clearance(&self) -> Tier {
        self.clearance
    }

    /// Where it runs.
    #[must_use]
    pub fn locality(&self) -> Locality {
        self.locality
    }

    /// The models asked next, in order, when this one cannot answer.
    #[must_use]
    pub fn fallback(&self) -> &[ModelName] {
        &self.fallback
    }
}

#[cfg(test)]
mod tests;
