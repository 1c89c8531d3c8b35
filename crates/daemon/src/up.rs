//! From a home to a running house, and back.

mod test_model;

use crate::background::{flush, keep_elsewhere, lapse, publish_log, remember_uses};
use crate::config::{self, Config, Floor};
use crate::connections::Connections;
use crate::events::Screens;
use crate::hands::{Hands, Surroundings};
use crate::home::Home;
use crate::house::FrontDoor;
use crate::keeping::Keeping;
use crate::lockdown::Switch;
use crate::memory::Kept;
use crate::proofs::Prover;
use crate::rules::load_policy;
use crate::sign_ins::KeptSignIns;
use crate::start_error::StartError;
use crate::state::{HouseState, Seen};
use crate::stopping::Stopping;
use crate::tasks::Tasks;
use crate::turn::{TurnParts, delimiters, drawer, standing_text, today};
use audit::{KeySource, Log};
use broker::{Broker, Executors, Parts};
use domain::{SessionId, Timestamp};
use futures_util::future::BoxFuture;
use gateway::{Events, Gateway, Handle, HouseError, wire};
use models::Registry;
use policy::IsolationLevel;
use prometheus_client::registry::Registry as Metrics;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use store::Store;
use tokio::task::JoinHandle;

/// The name of the audit log's signing key in the home, apart from the vault.
pub const AUDIT_KEY: &str = "audit.key";

/// Plays attacks; handed in from above, since a stage is set with a whole house of its own.
pub type Theatre =
    Arc<dyn Fn(wire::NewDemo) -> BoxFuture<'static, Result<wire::Demo, HouseError>> + Send + Sync>;

/// How many of the sandbox's helpers wait ready: a pipeline of two starts at once.
const HELPERS_READY: usize = 2;

/// What a house is started with.
#[derive(Clone)]
pub struct Options {
    /// The home.
    pub home: PathBuf,
    /// The port instead of the configured one; 0 takes a free one.
    pub port: Option<u16>,
    /// What plays attacks for the page; without it none can be watched there.
    pub theatre: Option<Theatre>,
}

/// A running house.
pub struct Running {
    handle: Handle,
    broker: Arc<Broker>,
    draw: Arc<dyn Fn() -> String + Send + Sync>,
    state: Arc<HouseState>,
    log: Arc<Log>,
    vault: Arc<vault::Vault>,
    connections: Arc<Connections>,
    pub(crate) door: Arc<FrontDoor>,
    background: Vec<JoinHandle<()>>,
}

impl Running {
    /// Starts the house of a home, making the home if this is the first time. When this returns, it takes messages.
    ///
    /// # Errors
    ///
    /// [`StartError`]: nothing runs then, and nothing of the home is lost.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        Self::start_asking(options, crate::keys::ask_nobody).await
    }

    /// The same, where `ask` asks a person for the vault's passphrase when the configuration says that it has one.
    ///
    /// # Errors
    ///
    /// As [`Running::start`].
    pub async fn start_asking(options: Options, ask: crate::keys::Ask) -> Result<Self, StartError> {
        if sandbox::is_root() {
            return Err(StartError::Root);
        }
        let clock = gateway::clock();
        let random = gateway::random();
        let home = Home::prepare(&options.home)?;
        let config = Config::load(&home.path(config::FILE))?;
        for idle in config.idle_settings() {
            tracing::warn!("{}: {idle}", config::FILE);
        }
        let now = clock();
        let foundation = Foundation::lay(&home, &config, ask, now).await?;
        let draw = drawer(&random)?;
        let for_tests = Arc::clone(&draw);
        let delimiters = delimiters(&random)?;
        let Foundation {
            log,
            store,
            vault,
            keeper,
            connections,
            redact,
            registry,
            catalog,
            state,
            executors,
            resolve,
            prover,
        } = foundation;
        let events = Events::new(now);
        let redactor = Arc::clone(&redact);
        let screens = Arc::new(Screens::new(events, Arc::clone(&catalog), move || redactor.current()));
        let broker = Arc::new(Broker::new(Parts {
            policy: state.rules(),
            catalog: Arc::clone(&catalog),
            log: Arc::clone(&log),
            store: store.clone(),
            redact,
            executors,
            scan: Box::new(crate::content::Guard),
            resolve,
            watch: Arc::clone(&screens) as Arc<dyn broker::Watch>,
            clock: Arc::clone(&clock),
            draw: {
                let draw = Arc::clone(&draw);
                Box::new(move || draw())
            },
            house: Box::new(Seen(Arc::clone(&state))),
        }));
        let recovered = broker.recover().await?;
        for key in &recovered.unknown {
            tracing::warn!(%key, "it is not known whether this happened before the last stop");
        }
        let standing = standing_text(&home)?;
        let limits = config.agent.limits();
        let turn = TurnParts {
            standing,
            catalog: Arc::clone(&catalog),
            state: Arc::clone(&state),
            registry,
            limits,
            plan: config.agent.plan,
            delimiters,
        };
        let of_turn = Box::new(move |session: &SessionId| turn.settings(session));
        let at = Arc::clone(&clock);
        let tasks = Tasks::new(Arc::clone(&broker), store.clone(), of_turn, Box::new(move || today(at())));
        let door = Arc::new(FrontDoor {
            broker: Arc::clone(&broker),
            store: store.clone(),
            log: Arc::clone(&log),
            tasks: Arc::clone(&tasks),
            screens: Arc::clone(&screens),
            state: Arc::clone(&state),
            catalog,
            clock: Arc::clone(&clock),
            draw,
            owners: std::sync::RwLock::new(BTreeMap::new()),
            stage: crate::stage::Stage::of(options.theatre),
        });
        let parts = gateway::Parts {
            house: Arc::clone(&door) as Arc<dyn gateway::House>,
            sign_ins: Arc::new(KeptSignIns::new(store.clone(), Arc::clone(&clock))),
            clock,
            random,
            registry: Metrics::default(),
            version: state.version.to_string(),
        };
        let handle =
            Gateway::start(crate::listening::gateway_config(&home, &config, options.port), parts).await?;
        let prover = Arc::new(prover);
        let stopping = Stopping {
            switch: state.lockdown.clone(),
            tasks: Arc::clone(&tasks),
            broker: Arc::clone(&broker),
            store,
            log: Arc::clone(&log),
            screens: Arc::clone(&screens),
            state: Arc::clone(&state),
            credentials: handle.credentials(),
            prover: Arc::clone(&prover),
        };
        let keeping = Keeping {
            log: Arc::clone(&log),
            switch: state.lockdown.clone(),
            home: home.root().to_path_buf(),
            config: config.clone(),
        };
        let background = vec![
            tokio::spawn(publish_log(Arc::clone(&log), Arc::clone(&screens))),
            tokio::spawn(lapse(Arc::clone(&broker), Arc::clone(&tasks))),
            tokio::spawn(stopping.watch()),
            tokio::spawn(keeping.keep()),
            tokio::spawn(remember_uses(Arc::clone(&vault))),
            tokio::spawn(keep_elsewhere(keeper)),
        ];
        prover.prove(&state, &broker.policy()).await;
        if !state.lockdown.is_on() {
            tasks.resume().await?;
        }
        Ok(Self { handle, broker, draw: for_tests, state, log, vault, connections, door, background })
    }

    /// A fresh one-time link.
    ///
    /// # Errors
    ///
    /// [`StartError::Link`].
    pub async fn sign_in_link(&self) -> Result<String, StartError> {
        Ok(self.handle.sign_in_link().await?.link.dangerous_reveal().to_string())
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.handle.address()
    }

    /// The home.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.state.home
    }

    /// How it is.
    #[must_use]
    pub fn status(&self) -> gateway::wire::Status {
        self.state.status()
    }

    /// Stops it: nothing new is taken in, and what runs is found again at the next start.
    pub async fn stop(self) {
        self.handle.stop().await;
        for task in self.background {
            task.abort();
        }
        flush(&self.vault).await;
        self.connections.drain().await;
        self.log.close();
    }
}

/// What stands before the door: log, store, vault, way out, walls, models, tools.
struct Foundation {
    log: Arc<Log>,
    store: Store,
    vault: Arc<vault::Vault>,
    keeper: connectors::secrets::Keeper,
    connections: Arc<Connections>,
    redact: Arc<crate::redaction::Redaction>,
    registry: Arc<Registry>,
    catalog: Arc<tools::Catalog>,
    state: Arc<HouseState>,
    executors: Executors,
    resolve: Box<dyn broker::Resolve>,
    prover: Prover,
}

impl Foundation {
    async fn lay(
        home: &Home,
        config: &Config,
        ask: crate::keys::Ask,
        now: Timestamp,
    ) -> Result<Self, StartError> {
        let vault = Arc::new(config.vault.open(home.root(), ask)?);
        let redact = Arc::new(crate::redaction::Redaction::of(Arc::clone(&vault))?);
        let key = KeySource::File(home.path(AUDIT_KEY));
        let for_log = Arc::clone(&redact) as Arc<dyn audit::Redact>;
        let (log, opened) = Log::open(&home.path("audit"), &key, for_log, now)?;
        let switch = Switch::of(home.root());
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
        let (store, _) = Store::open(home.root(), now)?;
        let observer = Arc::new(Connections::into(
            Arc::clone(&log),
            gateway::clock(),
            switch.clone(),
            Arc::clone(&vault),
        ));
        let egress = Arc::new(egress::Egress::new(
            Arc::clone(&vault),
            egress_settings(&switch),
            Arc::clone(&observer) as Arc<dyn egress::Observer>,
        )?);
        let sandbox = Arc::new(sandbox::Sandbox::probe().await?.with_pool(HELPERS_READY));
        let stopped_by = switch.for_sandboxes().map_err(|source| {
            StartError::Home(crate::HomeError::Io { path: home.root().to_path_buf(), step: "read", source })
        })?;
        let stoppable = Arc::new(sandbox::Sandbox::clone(&sandbox).stopped_by(stopped_by));
        let keeper = crate::elsewhere::keeper(config, &vault, &egress, &stoppable)?;
        if let Err(error) = keeper.fetch().await {
            tracing::error!("could not {}", crate::chain(&error));
        }
        let registry = Arc::new(Registry::new(&config.models, Arc::clone(&egress))?);
        let catalog = Arc::new(tools::Catalog::builtin()?);
        let model = config.model.as_deref().unwrap_or(models::BUILTIN).parse()?;
        let state = Arc::new(HouseState {
            version: env!("CARGO_PKG_VERSION"),
            home: home.root().to_path_buf(),
            sample_mailbox: config.mailboxes.is_empty(),
            model,
            registry: Arc::clone(&registry),
            log: Arc::clone(&log),
            floor: config.sandbox.floor.into(),
            isolation: sandbox.isolation().clone(),
            started: now,
            proofs: RwLock::new(None),
            policy: RwLock::new(Arc::new(load_policy(home.root(), config)?)),
            lockdown: switch,
        });
        let remember = Kept { store: store.clone(), state: Arc::clone(&state) };
        let around = Surroundings { egress: &egress, sandbox: &stoppable, catalog: &catalog, remember, now };
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
            store,
            vault,
            keeper,
            connections: observer,
            redact,
            registry,
            catalog,
            state,
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

pub(crate) fn tls_files(config: &Config) -> Option<gateway::TlsFiles> {
    let tls = config.gateway.tls.as_ref()?;
    Some(gateway::TlsFiles { certificate: tls.certificate.clone(), key: tls.key.clone() })
}
