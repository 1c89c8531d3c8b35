//! What stands before the door: log, store, vault, way out, walls, models, tools.

use super::AUDIT_KEY;
use crate::config::{Config, Floor};
use crate::connections::Connections;
use crate::hands::{Hands, Surroundings};
use crate::home::Home;
use crate::lockdown::Switch;
use crate::lost::{self, Begin};
use crate::memory::Kept;
use crate::proofs::Prover;
use crate::rules::load_policy;
use crate::start_error::StartError;
use crate::state::HouseState;
use crate::suspending::{Suspension, Suspensions};
use crate::witness::{self, Witness};
use audit::{KeySource, Log};
use broker::Executors;
use connectors::secrets::Refused;
use connectors::shell::Going;
use domain::Timestamp;
use models::Registry;
use policy::IsolationLevel;
use std::sync::{Arc, RwLock};
use std::time::Duration;
use store::Store;
use tokio::sync::mpsc::UnboundedReceiver;

/// How many of the sandbox's helpers wait ready: a pipeline of two starts at once.
const HELPERS_READY: usize = 2;
/// How long what another process has open may take to become free.
const FREE_WITHIN: Duration = Duration::from_secs(1);
/// How often that is looked at.
const FREE_ASKED_EVERY: Duration = Duration::from_millis(20);

/// What stands before the door: log, store, vault, way out, walls, models, tools.
pub(super) struct Foundation {
    pub(super) log: Arc<Log>,
    /// None where the log is not what was remembered of it.
    pub(super) witness: Option<Witness>,
    pub(super) store: Store,
    pub(super) vault: Arc<vault::Vault>,
    pub(super) keeper: connectors::secrets::Keeper,
    pub(super) connections: Arc<Connections>,
    pub(super) redact: Arc<crate::redaction::Redaction>,
    pub(super) registry: Arc<Registry>,
    pub(super) catalog: Arc<tools::Catalog>,
    pub(super) state: Arc<HouseState>,
    pub(super) hears: UnboundedReceiver<Suspension>,
    pub(super) executors: Executors,
    pub(super) resolve: Box<dyn broker::Resolve>,
    pub(super) prover: Prover,
}

/// What `open` opens, waiting a moment while somebody else has it: what a killed process was just starting holds its
/// locks until it has become the other program.
async fn once_free<T, E>(open: impl Fn() -> Result<T, E>, is_in_use: impl Fn(&E) -> bool) -> Result<T, E> {
    for _ in 0..(FREE_WITHIN.as_millis() / FREE_ASKED_EVERY.as_millis()) {
        match open() {
            Err(error) if is_in_use(&error) => tokio::time::sleep(FREE_ASKED_EVERY).await,
            opened => return opened,
        }
    }
    open()
}

impl Foundation {
    pub(super) async fn lay(
        home: &Home,
        config: &Config,
        ask: crate::keys::Ask,
        now: Timestamp,
        options: &super::Options,
    ) -> Result<Self, StartError> {
        // A real sandbox is tried while everything else is opened: nothing of the two needs the other.
        let walls = tokio::spawn(sandbox::Sandbox::probe());
        let lost_vault = config.lost_vault(home.root())?;
        let vault = Arc::new(config.open_vault(home.root(), ask, options.begin)?);
        let redact = Arc::new(crate::redaction::Redaction::of(Arc::clone(&vault))?);
        options.log.knows(&redact);
        let key = KeySource::File(home.path(AUDIT_KEY));
        let disputed = witness::against(home.root(), &key)?;
        let open =
            || Log::open(&home.path("audit"), &key, Arc::clone(&redact) as Arc<dyn audit::Redact>, now);
        let (log, opened) = once_free(open, |error| matches!(error, audit::Error::InUse { .. })).await?;
        let switch = Switch::of(home.root());
        if let Err(error) = switch.prepare() {
            tracing::warn!(%error, "lockdown may not hold over a restart while the disk is full");
        }
        if let Some(what) = &disputed {
            // What was remembered stays as it is, so that each start says it again.
            switch.lock_or_say(&format!(
                "somebody changed the audit log: {what}; `hardshell audit verify` says more, and who means to begin a new log removes `audit.seen`"
            ));
        }
        if let Some(place) = opened.damaged.first() {
            let (segment, offset) = (place.segment, place.offset);
            switch.lock_or_say(&format!(
                "somebody changed the audit log: segment {segment}, byte {offset}; `hardshell audit verify` says more"
            ));
        }
        if let Some(signed) = opened.checkpoint.as_ref().filter(|signed| is_set_back(signed.time, now)) {
            let behind = signed.time.since(now).as_secs();
            tracing::warn!(
                "the clock of this machine is at least {behind} s behind what the audit log has seen, so it was set back; \
                 the log's order holds all the same. hint: `timedatectl` shows and mends the clock"
            );
        }
        let log = Arc::new(log);
        let witness = disputed.is_none().then(|| Witness::of(Arc::clone(&log), home.root()));
        let open = || lost::open_store(home.root(), config, now, options.begin);
        let is_in_use = |error: &StartError| matches!(error, StartError::Store(store::Error::InUse { .. }));
        let (store, lost_store) = once_free(open, is_in_use).await?;
        let gone: Vec<_> =
            lost_vault.map(|lost| lost.path().to_path_buf()).into_iter().chain(lost_store).collect();
        if options.begin == Begin::Anew && gone.is_empty() {
            return Err(StartError::NothingLost);
        }
        lost::note_anew(&log, &gone, now).await?;
        let refused = Arc::new(Refused::default());
        let observer =
            Connections::into(Arc::clone(&log), gateway::clock(), switch.clone(), Arc::clone(&vault));
        let observer = Arc::new(observer.telling(Arc::clone(&refused)));
        let egress = Arc::new(egress::Egress::new(
            Arc::clone(&vault),
            egress_settings(&switch),
            Arc::clone(&observer) as Arc<dyn egress::Observer>,
        )?);
        let sandbox = Arc::new(walls.await??.with_pool(HELPERS_READY));
        let stopped_by = switch.for_sandboxes().map_err(|source| {
            StartError::Home(crate::HomeError::Io { path: home.root().to_path_buf(), step: "read", source })
        })?;
        let stoppable = Arc::new(sandbox::Sandbox::clone(&sandbox).stopped_by(stopped_by));
        let keeper = crate::elsewhere::keeper(config, &vault, &egress, &stoppable, &refused)?;
        if let Err(error) = keeper.fetch().await {
            tracing::error!("could not {}", crate::chain(&error));
        }
        let registry = Arc::new(Registry::new(&config.models, Arc::clone(&egress))?);
        let catalog = Arc::new(tools::Catalog::builtin()?);
        let model = config.model.as_deref().unwrap_or(models::BUILTIN).parse()?;
        let limit = config.limits.refusals_per_ten_minutes;
        let (suspensions, hears) = Suspensions::of(home.root(), limit);
        let state = Arc::new(HouseState {
            version: env!("CARGO_PKG_VERSION"),
            home: home.root().to_path_buf(),
            sample_mailbox: config.mailboxes.is_empty(),
            model,
            registry: Arc::clone(&registry),
            log: Arc::clone(&log),
            floor: config.sandbox.floor.into(),
            text_isolation: config.agent.text_isolation(),
            isolation: sandbox.isolation().clone(),
            started: now,
            proofs: RwLock::new(None),
            policy: RwLock::new(Arc::new(load_policy(home.root(), config)?)),
            suspensions: Arc::new(suspensions),
            meters: Arc::default(),
            commands: Going::default(),
            lockdown: switch,
        });
        let remember = Kept { store: store.clone(), state: Arc::clone(&state) };
        let around = Surroundings {
            egress: &egress,
            sandbox: &stoppable,
            catalog: &catalog,
            remember,
            meters: &state.meters,
            commands: &state.commands,
        };
        let hands = Hands::take(home, config, around)?;
        let executors = Executors {
            model: Arc::clone(&registry) as Arc<dyn broker::Executor>,
            reply: Arc::new(channels::Screens),
            tools: hands.executors(),
        };
        let prover = Prover {
            sandbox,
            egress,
            vault: Arc::clone(&vault),
            log: Arc::clone(&log),
            clock: gateway::clock(),
        };
        Ok(Self {
            log,
            witness,
            store,
            vault,
            keeper,
            connections: observer,
            redact,
            registry,
            catalog,
            state,
            hears,
            executors,
            resolve: hands.resolver(),
            prover,
        })
    }
}

/// How far the clock may fall behind the log before its owner is told: time servers correct by seconds.
const CLOCK_SLACK: std::time::Duration = std::time::Duration::from_secs(60);

fn is_set_back(seen: Timestamp, now: Timestamp) -> bool {
    seen.since(now) > CLOCK_SLACK
}

fn egress_settings(switch: &Switch) -> egress::Settings {
    let switch = switch.clone();
    egress::Settings { stopped: Arc::new(move || switch.is_on()), ..egress::Settings::default() }
}

impl From<Floor> for IsolationLevel {
    fn from(floor: Floor) -> Self {
        match floor {
            Floor::Full => Self::Full,
            Floor::FullSoft => Self::FullSoft,
            Floor::Landlock => Self::Landlock,
        }
    }
}
