//! What the house knows of itself: proofs, walls, models, the stop switch; never more than was seen just now.

use broker::House as Surroundings;
use domain::{ModelName, Tier, Timestamp, Usage};
use gateway::{HouseError, Model, wire};
use models::Registry;
use policy::{IsolationLevel, Lockdown, Policy};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

/// What does not change while the house runs, and what does.
pub struct HouseState {
    /// The program's version.
    pub version: &'static str,
    /// The home.
    pub home: PathBuf,
    /// Whether the mailbox is the sample of a first home.
    pub sample_mailbox: bool,
    /// The model that is asked.
    pub model: ModelName,
    /// The models.
    pub registry: Arc<Registry>,
    /// The audit log.
    pub log: Arc<audit::Log>,
    /// The walls below which nothing runs.
    pub floor: IsolationLevel,
    /// How strangers' text reaches the model.
    pub text_isolation: domain::TextIsolation,
    /// The walls, as a trial run found them.
    pub isolation: sandbox::Isolation,
    /// When the house was set up, for lists of models.
    pub started: Timestamp,
    /// The live proofs, as last made; none before the first time.
    pub proofs: RwLock<Option<Vec<wire::Proof>>>,
    /// The rules in force.
    pub policy: RwLock<Arc<Policy>>,
    /// What a burst of refusals has stopped.
    pub suspensions: Arc<crate::suspending::Suspensions>,
    /// What is counted and timed.
    pub meters: Arc<crate::meters::Meters>,
    /// The programs of commands that go on.
    pub commands: connectors::shell::Going,
    /// The stop switch.
    pub lockdown: crate::lockdown::Switch,
}

impl HouseState {
    /// The walls in the policy's words. Walls that are not proved are no walls: nothing runs behind them.
    #[must_use]
    pub fn isolation_level(&self) -> IsolationLevel {
        let proofs = self.proofs.read().unwrap_or_else(PoisonError::into_inner);
        let of_walls = |proof: &&wire::Proof| proof.name.starts_with("sandbox");
        let proved = proofs.as_ref().is_some_and(|proofs| {
            proofs.iter().filter(of_walls).all(|proof| proof.state == wire::ProofState::Holds)
        });
        if !proved {
            return IsolationLevel::Off;
        }
        match self.isolation.level {
            sandbox::Level::Full => IsolationLevel::Full,
            sandbox::Level::FullSoft => IsolationLevel::FullSoft,
            sandbox::Level::Landlock => IsolationLevel::Landlock,
            sandbox::Level::None => IsolationLevel::Off,
        }
    }

    /// The rules in force.
    #[must_use]
    pub fn rules(&self) -> Arc<Policy> {
        Arc::clone(&self.policy.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn readiness(&self) -> wire::Readiness {
        let mut reasons = Vec::new();
        if let audit::State::Failed(_) | audit::State::Closed = self.log.state() {
            reasons.push(wire::Reason {
                name: "audit".to_string(),
                detail: Some(format!("{:?}", self.log.state())),
            });
        }
        if self.lockdown.state() == Lockdown::Locked {
            let detail = Some("locked down; `hardshell lockdown off` releases it".to_string());
            reasons.push(wire::Reason { name: "lockdown".to_string(), detail });
        }
        let proofs = self.proofs.read().unwrap_or_else(PoisonError::into_inner);
        if proofs.is_none() {
            let detail = Some("they are being made; this takes less than a second".to_string());
            reasons.push(wire::Reason { name: "proofs".to_string(), detail });
        }
        for proof in proofs.iter().flatten().filter(|proof| proof.state == wire::ProofState::Failed) {
            reasons.push(wire::Reason { name: proof.name.clone(), detail: Some(proof.detail.clone()) });
        }
        wire::Readiness { ready: reasons.is_empty(), reasons }
    }

    pub(crate) fn status(&self) -> wire::Status {
        let kind = self.registry.model(&self.model).map_or("builtin", |model| model.kind().as_str());
        wire::Status {
            version: self.version.to_string(),
            ready: self.readiness().ready,
            lockdown: self.lockdown.state() == Lockdown::Locked,
            isolation: wire::Isolation {
                level: self.isolation_level().as_str().to_string(),
                reason: self.isolation.reason.clone(),
                fix: self.isolation.fix.clone(),
            },
            proofs: self.proofs.read().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default(),
            model: wire::ModelInUse { name: self.model.to_string(), kind: kind.to_string() },
            home: self.home.display().to_string(),
            sample_mailbox: self.sample_mailbox,
            policy: crate::in_force::digest_of(&self.rules()),
            suspended: self
                .suspensions
                .all()
                .iter()
                .map(|one| format!("{}: {}", one.whom, one.why))
                .collect(),
        }
    }

    pub(crate) fn commands(&self) -> Vec<wire::Command> {
        let stop = wire::Command {
            name: crate::house::STOP.to_string(),
            arguments: String::new(),
            help: "Stop everything at once; only a terminal of this machine releases it.".to_string(),
            example: crate::house::STOP.to_string(),
        };
        let commands = models::builtin::COMMANDS.iter();
        commands
            .map(|command| wire::Command {
                name: command.name.to_string(),
                arguments: command.arguments.to_string(),
                help: command.about.to_string(),
                example: command.phrase.to_string(),
            })
            .chain([stop])
            .collect()
    }

    pub(crate) fn models(&self) -> Vec<Model> {
        let shown = |model: &models::Model| Model {
            name: model.name().to_string(),
            created: self.started.seconds(),
            owned_by: model.kind().as_str().to_string(),
        };
        self.registry.models().map(shown).collect()
    }

    /// The model that a program means by `asked`.
    pub(crate) fn model_for(&self, asked: &str) -> Result<String, HouseError> {
        let unknown = || HouseError::UnknownModel { model: asked.chars().take(80).collect() };
        let name: ModelName = asked.parse().map_err(|_not_a_name| unknown())?;
        if name == self.model { Ok(name.to_string()) } else { Err(unknown()) }
    }
}

/// The house's state as the broker reads it before every permit.
pub(crate) struct Seen(pub(crate) Arc<HouseState>);

impl Surroundings for Seen {
    fn holds_back(&self, session: &domain::SessionId, label: &domain::Label) -> bool {
        self.0.suspensions.holds_back(session, label)
    }

    fn isolation(&self) -> IsolationLevel {
        self.0.isolation_level()
    }

    fn isolation_floor(&self) -> IsolationLevel {
        self.0.floor
    }

    fn lockdown(&self) -> Lockdown {
        self.0.lockdown.state()
    }

    fn model_clearance(&self, name: &ModelName) -> Tier {
        self.0.registry.model(name).map_or(Tier::Low, models::Model::clearance)
    }

    fn quarantine(&self) -> broker::Quarantine {
        let (registry, model) = (&self.0.registry, &self.0.model);
        broker::Quarantine {
            isolation: self.0.text_isolation,
            model: registry.extracts(model).then(|| model.clone()),
            answer_tokens_max: registry.model(model).map_or(0, models::Model::answer_tokens),
        }
    }

    fn cost_micros(&self, model: &str, usage: Usage) -> Option<u64> {
        let model = self.0.registry.model(&model.parse().ok()?)?;
        models::cost(model, usage).map(|cost| cost.micro)
    }
}
