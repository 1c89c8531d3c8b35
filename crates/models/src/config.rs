//! How an owner describes a model in the configuration, and the checked form the rest of the crate works with.

use domain::{ModelName, SecretName, Tier};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use url::Url;

/// The longest list of models to fall back to. Each may take minutes to fail; nobody waits for more.
const FALLBACKS_MAX: usize = 8;
/// The smallest window, in tokens, that holds the standing instructions and one exchange.
const CONTEXT_TOKENS_MIN: u32 = 1_024;
/// The dearest price that is believed, in units of the currency for a million tokens; above it, it is a typing error.
const PRICE_MAX: f64 = 100_000.0;
/// Millionths of the currency's unit in one unit.
const MICRO: f64 = 1_000_000.0;
/// Stands before a secret's name.
const SECRET_PREFIX: &str = "secret://";

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

impl TryFrom<&ModelConfig> for Model {
    type Error = ConfigError;

    /// Checks one model by itself; that its fallbacks exist is checked where all of them are known.
    fn try_from(config: &ModelConfig) -> Result<Self, ConfigError> {
        let bad = |field, problem: &str| ConfigError {
            model: config.name.chars().take(80).collect(),
            field,
            problem: problem.to_string(),
        };
        let name: ModelName = config.name.parse().map_err(|e: domain::IdError| bad("name", e.reason))?;
        let reach = reach(config, &bad)?;
        let locality = locality(config, &reach);
        let (context_default, answer_default) = config.kind.default_tokens();
        let context_tokens = config.context_tokens.unwrap_or(context_default);
        if context_tokens < CONTEXT_TOKENS_MIN {
            return Err(bad("context_tokens", "is at least 1024"));
        }
        let answer_tokens = config.answer_tokens.unwrap_or_else(|| answer_default.min(context_tokens / 2));
        if answer_tokens == 0 || answer_tokens >= context_tokens {
            return Err(bad("answer_tokens", "is at least 1 and less than context_tokens"));
        }
        let prices = config.prices.as_ref().map(|prices| micro_prices(prices, &bad)).transpose()?;
        let fallback = fallback(config, &name, &bad)?;
        let clearance = config.clearance.map_or(
            match locality {
                Locality::Local => Tier::High,
                Locality::Cloud => Tier::Medium,
            },
            Tier::from,
        );
        Ok(Self {
            name,
            kind: config.kind,
            reach,
            context_tokens,
            answer_tokens,
            clearance,
            locality,
            prices,
            fallback,
        })
    }
}

fn reach(
    config: &ModelConfig,
    bad: &dyn Fn(&'static str, &str) -> ConfigError,
) -> Result<Reach, ConfigError> {
    let unused = |given: bool, field, why: &str| if given { Err(bad(field, why)) } else { Ok(()) };
    let Some(default_url) = config.kind.default_url() else {
        let why = "has no meaning for this kind: it asks nobody over the network";
        unused(config.url.is_some(), "url", why)?;
        unused(config.model.is_some(), "model", why)?;
        unused(config.key.is_some(), "key", why)?;
        return match (config.kind, &config.script) {
            (ModelKind::Script, Some(path)) => Ok(Reach::File(path.clone())),
            (ModelKind::Script, None) => Err(bad("script", "is missing: the file with one answer a line")),
            (_, Some(_)) => Err(bad("script", "has a meaning for kind `script` only")),
            (_, None) => Ok(Reach::Here),
        };
    };
    unused(config.script.is_some(), "script", "has a meaning for kind `script` only")?;
    let model = config.model.as_deref().map(str::trim).filter(|model| !model.is_empty());
    let model = model.ok_or_else(|| bad("model", "is missing: the model's name at the vendor"))?;
    if model.len() > 200 || model.chars().any(char::is_control) {
        return Err(bad("model", "has at most 200 printable characters"));
    }
    let base =
        base_url(config.url.as_deref().unwrap_or(default_url)).map_err(|problem| bad("url", problem))?;
    let key =
        config.key.as_deref().map(|key| secret(key).ok_or_else(|| bad("key", KEY_IN_CLEAR))).transpose()?;
    Ok(Reach::Http { base, model: model.to_string(), key })
}

const KEY_IN_CLEAR: &str = "is a reference to the vault, such as `secret://anthropic`; put the key there with `hardshell secret set anthropic`";

fn secret(text: &str) -> Option<SecretName> {
    text.strip_prefix(SECRET_PREFIX)?.parse().ok()
}

fn base_url(text: &str) -> Result<Url, &'static str> {
    let mut url = Url::parse(text).map_err(|_| "is not a URL such as https://api.example.org/v1")?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err("starts with https:// or http://");
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("names no host");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("carries no user or password; a key belongs into `key`");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("carries no query or fragment; a key belongs into `key`");
    }
    if url.scheme() == "http" && !is_near(&url) {
        return Err("is plain http to another network, where anyone on the way can read; use https");
    }
    let path = url.path().trim_end_matches('/').to_string();
    url.set_path(&path);
    // What the way out would not take is refused here already, while the owner looks.
    if url.as_str().parse::<egress::Url>().is_err() {
        return Err("is not a plain URL such as https://api.example.org/v1");
    }
    Ok(url)
}

/// This machine.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// This machine or the owner's own network, where plain http is usual.
pub(crate) fn is_near(url: &Url) -> bool {
    is_loopback(url)
        || match url.host() {
            Some(url::Host::Domain(name)) => {
                !name.contains('.')
                    || [".local", ".lan", ".internal", ".home.arpa"].iter().any(|end| name.ends_with(end))
            }
            Some(url::Host::Ipv4(ip)) => ip.is_private(),
            Some(url::Host::Ipv6(ip)) => ip.is_unique_local(),
            None => false,
        }
}

fn locality(config: &ModelConfig, reach: &Reach) -> Locality {
    let guessed = match reach {
        Reach::Http { base, .. } => is_loopback(base),
        Reach::File(_) | Reach::Here => true,
    };
    if config.local.unwrap_or(guessed) { Locality::Local } else { Locality::Cloud }
}

fn micro_prices(
    prices: &Prices,
    bad: &dyn Fn(&'static str, &str) -> ConfigError,
) -> Result<MicroPrices, ConfigError> {
    let micro = |price: f64| {
        if !(0.0..=PRICE_MAX).contains(&price) {
            return Err(bad("prices", "are between 0 and 100000 for a million tokens"));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and 10^11, so it fits and has no sign"
        )]
        Ok((price * MICRO).round() as u64)
    };
    Ok(MicroPrices { input: micro(prices.input)?, output: micro(prices.output)? })
}

fn fallback(
    config: &ModelConfig,
    name: &ModelName,
    bad: &dyn Fn(&'static str, &str) -> ConfigError,
) -> Result<Vec<ModelName>, ConfigError> {
    if config.fallback.len() > FALLBACKS_MAX {
        return Err(bad("fallback", "names at most 8 models"));
    }
    let mut names: Vec<ModelName> = Vec::new();
    for text in &config.fallback {
        let next: ModelName = text.parse().map_err(|e: domain::IdError| bad("fallback", &e.to_string()))?;
        if next == *name || names.contains(&next) {
            return Err(bad("fallback", &format!("names `{next}` twice")));
        }
        names.push(next);
    }
    Ok(names)
}

#[cfg(test)]
mod tests;
