//! All models of this house: which there are, and how one is asked, again where that may help, and then the next.

use crate::config::{ConfigError, Locality, Model, ModelConfig, ModelKind, Reach, is_near};
use crate::exchange::{Broken, Exchange, Reached};
use crate::retry::wait_before;
use crate::script::{Script, ScriptError};
use crate::trouble::{AskError, Trouble};
use crate::{builtin, wire};
use broker::Context;
use domain::{AskModel, Message, ModelName, ModelTurn, Purpose, Tier, ToolSchema};
use egress::{Egress, Limits, Method, Rule, Rules, Scope};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The name of the model that is there when no other is.
pub const BUILTIN: &str = "builtin";

/// How long a server may take. A local one may first load a model from disk, and reads a long prompt slowly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waits {
    /// Finding the address, connecting and TLS, together.
    pub connect: Duration,
    /// From the request to the head of the answer.
    pub first_byte: Duration,
    /// Between two pieces of the answer.
    pub idle: Duration,
    /// The whole answer.
    pub total: Duration,
}

impl Waits {
    /// What suits a model running there: models that think say nothing for minutes.
    #[must_use]
    pub fn for_locality(locality: Locality) -> Self {
        let seconds = match locality {
            Locality::Local => 600,
            Locality::Cloud => 300,
        };
        Self {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(seconds),
            idle: Duration::from_secs(seconds),
            total: Duration::from_secs(3_600),
        }
    }
}

/// The models of this house.
pub struct Registry {
    models: BTreeMap<ModelName, Entry>,
    egress: Arc<Egress>,
}

struct Entry {
    model: Model,
    way: Way,
}

enum Way {
    Http(Scope),
    Script(Script),
    Builtin,
}

/// The models cannot be set up as configured.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// One of them is described wrongly.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A script cannot be used.
    #[error("model `{model}`")]
    Script {
        /// Whose.
        model: ModelName,
        /// What is wrong with it.
        source: ScriptError,
    },
}

/// No model answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// What went wrong with each model, in the order they were asked; never empty.
    pub tried: Vec<AskError>,
    /// Whether a prompt may have reached a server.
    pub(crate) reached: Reached,
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ask the model: ")?;
        for (at, error) in self.tried.iter().enumerate() {
            let then = if at == 0 { "" } else { "; then " };
            write!(f, "{then}{error}")?;
        }
        match self.tried.first() {
            Some(first) => write!(f, " ({})", first.hint()),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Unanswered {}

impl Registry {
    /// The models of the configuration, in any order; with none, the builtin one.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when one is described wrongly, a name stands twice, a fallback does not exist, or a script
    /// cannot be read.
    pub fn new(configs: &[ModelConfig], egress: Arc<Egress>) -> Result<Self, RegistryError> {
        Self::with_waits(configs, egress, Waits::for_locality)
    }

    /// The same, with waits of one's own.
    ///
    /// # Errors
    ///
    /// As for [`Registry::new`].
    pub fn with_waits(
        configs: &[ModelConfig],
        egress: Arc<Egress>,
        waits: impl Fn(Locality) -> Waits,
    ) -> Result<Self, RegistryError> {
        Ok(Self { models: entries(configs, waits)?, egress })
    }

    /// Whether these models can be set up, without setting them up.
    ///
    /// # Errors
    ///
    /// As for [`Registry::new`].
    pub fn check(configs: &[ModelConfig]) -> Result<(), RegistryError> {
        entries(configs, Waits::for_locality).map(|_entries| ())
    }

    /// Every model, by name.
    pub fn models(&self) -> impl Iterator<Item = &Model> {
        self.models.values().map(|entry| &entry.model)
    }

    /// The model called `name`.
    #[must_use]
    pub fn model(&self, name: &ModelName) -> Option<&Model> {
        self.models.get(name).map(|entry| &entry.model)
    }

    /// Whether `name` can write a plan: a language model can, the builtin kind cannot, a script when it holds one.
    #[must_use]
    pub fn plans(&self, name: &ModelName) -> bool {
        self.can(name, Script::plans)
    }

    /// Whether `name` can read a value out of a text, likewise.
    #[must_use]
    pub fn extracts(&self, name: &ModelName) -> bool {
        self.can(name, Script::extracts)
    }

    fn can(&self, name: &ModelName, script_can: fn(&Script) -> bool) -> bool {
        let way = self.models.get(name).map(|entry| &entry.way);
        matches!(way, Some(Way::Http(_))) || matches!(way, Some(Way::Script(script)) if script_can(script))
    }

    /// A question that shows whether `name` works, tools included, and carries nothing of the owner's. It is an action
    /// like any other, to be put to the broker.
    ///
    /// # Errors
    ///
    /// [`Trouble::NotConfigured`].
    pub fn test_question(&self, name: &ModelName) -> Result<AskModel, Box<AskError>> {
        if !self.models.contains_key(name) {
            return Err(Box::new(AskError::new(name, Trouble::NotConfigured)));
        }
        let parameters =
            serde_json::json!({"type": "object", "properties": {}, "additionalProperties": false});
        Ok(AskModel {
            model: name.clone(),
            purpose: Purpose::Turn,
            messages: vec![
                Message::System(
                    "This is a connection test. Answer in one short sentence, without a tool.".to_string(),
                ),
                Message::User("Hello. Which model are you?".to_string()),
            ],
            tools: vec![ToolSchema {
                name: "test.nothing".to_string(),
                description: "Does nothing. Shows that tools can be offered.".to_string(),
                parameters,
            }],
            answer_tokens_max: 200,
        })
    }

    /// Asks the model that `ask` names, again where that may help, and then its fallbacks.
    ///
    /// Once a piece of an answer has been shown, nothing is asked again: a second answer would run into the first.
    pub(crate) async fn ask(&self, ask: &AskModel, context: Context<'_>) -> Result<ModelTurn, Unanswered> {
        let cancelled = || AskError::new(&ask.model, Trouble::Cancelled);
        tokio::select! {
            biased;
            () = context.cancel.cancelled() => Err(Unanswered { tried: vec![cancelled()], reached: Reached::Server }),
            answer = self.ask_in_turn(ask, context) => answer,
        }
    }

    async fn ask_in_turn(&self, ask: &AskModel, context: Context<'_>) -> Result<ModelTurn, Unanswered> {
        let started = Instant::now();
        let mut failed = Unanswered { tried: Vec::new(), reached: Reached::Nobody };
        let Some(first) = self.models.get(&ask.model) else {
            failed.tried.push(AskError::new(&ask.model, Trouble::NotConfigured));
            return Err(failed);
        };
        let next = first.model.fallback().iter().filter_map(|name| self.models.get(name));
        for (at, entry) in std::iter::once(first).chain(next).enumerate() {
            let name = entry.model.name();
            if at > 0 {
                // The policy judged the first model; what may go to another is no more than its own clearance.
                if entry.model.clearance() < tier(context) {
                    failed.tried.push(AskError::new(name, Trouble::AboveClearance));
                    continue;
                }
                let last = failed.tried.last().map(ToString::to_string).unwrap_or_default();
                context.progress.step(&format!("{last}; asking `{name}` instead"), None);
            }
            match self.ask_one(entry, ask, context, started).await {
                Ok(turn) => return Ok(turn),
                Err(broken) => {
                    let over = broken.reached == Reached::Owner || !broken.error.trouble.lets_another_try();
                    failed.reached = failed.reached.max(broken.reached);
                    failed.tried.push(broken.error);
                    if over {
                        break;
                    }
                }
            }
        }
        Err(failed)
    }

    async fn ask_one(
        &self,
        entry: &Entry,
        ask: &AskModel,
        context: Context<'_>,
        started: Instant,
    ) -> Result<ModelTurn, Broken> {
        let model = &entry.model;
        let nobody =
            |trouble| Broken { error: AskError::new(model.name(), trouble), reached: Reached::Nobody };
        let ask = AskModel { model: model.name().clone(), ..ask.clone() };
        let scope = match &entry.way {
            Way::Http(scope) if !builtin::is_command(&ask) => scope,
            Way::Script(script) => return Ok(said(script.answer(&ask).map_err(nobody)?, context)),
            Way::Http(_) | Way::Builtin => return Ok(said(builtin::answer(&ask), context)),
        };
        let mut reached = Reached::Nobody;
        let mut next: u32 = 2;
        loop {
            let now = context.now.after(started.elapsed());
            let exchange = Exchange { egress: &self.egress, scope, model, now };
            let mut broken = match exchange.once(&ask, &mut |text| context.progress.draft(text)).await {
                Ok(turn) => return Ok(turn),
                Err(broken) => broken,
            };
            reached = reached.max(broken.reached);
            broken.reached = reached;
            if reached == Reached::Owner || !broken.error.trouble.is_passing() {
                return Err(broken);
            }
            let Some(wait) = wait_before(next, broken.error.retry_after, luck(context, next)) else {
                return Err(broken);
            };
            let seconds = wait.as_secs_f64();
            context.progress.step(&format!("{}; asking again in {seconds:.1} s", broken.error), None);
            tokio::time::sleep(wait).await;
            next = next.saturating_add(1);
        }
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("models", &self.models.keys()).finish_non_exhaustive()
    }
}

/// The configuration of the model that is there when no other is.
#[must_use]
pub fn builtin_config() -> ModelConfig {
    ModelConfig {
        name: BUILTIN.to_string(),
        kind: ModelKind::Builtin,
        url: None,
        model: None,
        key: None,
        script: None,
        context_tokens: None,
        answer_tokens: None,
        clearance: None,
        local: None,
        prices: None,
        fallback: Vec::new(),
    }
}

fn twice(config: &ModelConfig) -> ConfigError {
    let problem = "is the name of two models".to_string();
    ConfigError { model: config.name.clone(), field: "name", problem }
}

/// The models of a configuration, each with the way to it.
fn entries(
    configs: &[ModelConfig],
    waits: impl Fn(Locality) -> Waits,
) -> Result<BTreeMap<ModelName, Entry>, RegistryError> {
    let mut models = BTreeMap::new();
    let default = [builtin_config()];
    let configs = if configs.is_empty() { &default } else { configs };
    for config in configs {
        let model = Model::try_from(config)?;
        let way = way(&model, waits(model.locality()))?;
        if models.insert(model.name().clone(), Entry { model, way }).is_some() {
            return Err(twice(config).into());
        }
    }
    for Entry { model, .. } in models.values() {
        if let Some(missing) = model.fallback().iter().find(|name| !models.contains_key(*name)) {
            let problem = format!("names `{missing}`, which is not configured");
            return Err(ConfigError { model: model.name().to_string(), field: "fallback", problem }.into());
        }
    }
    Ok(models)
}

fn way(model: &Model, waits: Waits) -> Result<Way, RegistryError> {
    match &model.reach {
        Reach::Here => Ok(Way::Builtin),
        Reach::File(path) => {
            let script = Script::load(path);
            script
                .map(Way::Script)
                .map_err(|source| RegistryError::Script { model: model.name().clone(), source })
        }
        Reach::Http { base, .. } => {
            let bad = || ConfigError {
                model: model.name().to_string(),
                field: "url",
                problem: "is not a plain URL such as https://api.example.org/v1".to_string(),
            };
            let url: egress::Url = base.as_str().parse().map_err(|_| bad())?;
            let rule = if is_near(base) || model.locality() == Locality::Local {
                Rule::private(url.destination.clone(), url.port)
            } else {
                Rule::host(url.destination.clone(), url.port)
            };
            let limits = Limits {
                body_bytes_max: u64::try_from(wire::STREAM_BYTES_MAX).unwrap_or(u64::MAX),
                connect_timeout: waits.connect,
                head_timeout: waits.first_byte,
                idle_timeout: waits.idle,
                total_timeout: waits.total,
                ..Limits::streaming()
            };
            let rule = rule.method(Method::POST).path(url.path());
            let rules = Arc::new(Rules::new().with(rule));
            Ok(Way::Http(Scope { who: format!("model {}", model.name()), rules, limits }))
        }
    }
}

fn tier(context: Context<'_>) -> Tier {
    context.label.tier()
}

/// Hands an answer that was there at once over as if it had come in pieces.
fn said(turn: ModelTurn, context: Context<'_>) -> ModelTurn {
    if !turn.text.is_empty() {
        context.progress.draft(&turn.text);
    }
    turn
}

/// What spreads retries: different for every effect and every try, the same for the same ones.
fn luck(context: Context<'_>, next: u32) -> u64 {
    let digest = blake3::hash(format!("{} {next} {}", context.key, context.now.0).as_bytes());
    digest
        .as_bytes()
        .iter()
        .take(8)
        .fold(0, |sum: u64, byte| sum.wrapping_mul(256).wrapping_add(u64::from(*byte)))
}

#[cfg(test)]
mod tests;
