//! Checks what the owner wrote of a model, and says what is wrong with it; never repeats what may be a key.

use super::{ConfigError, Locality, MicroPrices, Model, ModelConfig, ModelKind, Prices, Reach};
use crate::registry::BUILTIN;
use domain::{ModelName, SecretName, Tier};
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
        if config.name == BUILTIN && config.kind != ModelKind::Builtin {
            return Err(bad("name", "is that of what answers without a language model; choose another"));
        }
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
    let key = config.key.as_deref().map(|key| {
        let Some(url::Host::Domain(host)) = base.host() else {
            let why =
                "goes only to a host with a name; write `localhost`, or a name from /etc/hosts, in `url`";
            return Err(bad("key", why));
        };
        secret(key).ok_or_else(|| bad("key", &key_in_clear(&config.name, host)))
    });
    let key = key.transpose()?;
    Ok(Reach::Http { base, model: model.to_string(), key })
}

fn key_in_clear(name: &str, host: &str) -> String {
    format!(
        "is a reference to the vault: put the key there with `hardshell secret set {name} --host {host}`, and write `key = \"secret://{name}\"`"
    )
}

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
    // What the way out would not take is refused here already, while the owner looks; as it is written, for the parser
    // above reads `0x7f.1` as an address and `bücher` as another name.
    if text.parse::<egress::Url>().is_err() || url.as_str().parse::<egress::Url>().is_err() {
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
