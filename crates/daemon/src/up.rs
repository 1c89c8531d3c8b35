//! From a home to a running house, and back.

mod foundation;
mod test_model;

use crate::background::{flush, keep_elsewhere, lapse, publish_log, remember_uses};
use crate::config::{self, Config};
use crate::connections::Connections;
use crate::events::Screens;
use crate::home::Home;
use crate::house::FrontDoor;
use crate::keeping::Keeping;
use crate::reminding::Reminding;
use crate::revoking::Revoking;
use crate::sign_ins::KeptSignIns;
use crate::start_error::StartError;
use crate::state::{HouseState, Seen};
use crate::stopping::Stopping;
use crate::suspending::Suspending;
use crate::tasks::Tasks;
use crate::turn::{TurnParts, delimiters, drawer, standing_text, today};
use crate::witness::Witness;
use audit::Log;
use broker::{Broker, Parts};
use domain::SessionId;
use foundation::Foundation;
use futures_util::future::BoxFuture;
use gateway::{Events, Gateway, Handle, HouseError, wire};
use prometheus_client::registry::Registry as Metrics;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How many files may be open at once: 2,000 screens, 200 connections of sandboxes, and what a house needs.
const OPEN_FILES: u64 = 65_536;

/// The name of the audit log's signing key in the home, apart from the vault.
pub const AUDIT_KEY: &str = audit::KEY_FILE;

/// Plays attacks; handed in from above, since a stage is set with a whole house of its own.
pub type Theatre =
    Arc<dyn Fn(wire::NewDemo) -> BoxFuture<'static, Result<wire::Demo, HouseError>> + Send + Sync>;

/// What a house is started with.
#[derive(Clone)]
pub struct Options {
    /// The home.
    pub home: PathBuf,
    /// The port instead of the configured one; 0 takes a free one.
    pub port: Option<u16>,
    /// What plays attacks for the page; without it none can be watched there.
    pub theatre: Option<Theatre>,
    /// Whether it may begin without what a used home lacks.
    pub begin: crate::Begin,
    /// What the program's own log goes through; the house tells it its secrets.
    pub log: crate::LogRedaction,
}

/// How long a stop waits for work to end: commands are killed, and no kernel that still can takes longer.
const WORK_ENDS_WITHIN: Duration = Duration::from_secs(5);

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
    shipping: shipping::Shipping,
    witness: Option<Witness>,
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
        let begun = std::time::Instant::now();
        allow_open_files();
        let clock = gateway::clock();
        let random = gateway::random();
        let home = Home::prepare(&options.home)?;
        let config = Config::load(&home.path(config::FILE))?;
        for idle in config.idle_settings() {
            tracing::warn!("{}: {idle}", config::FILE);
        }
        let now = clock();
        let foundation = Foundation::lay(&home, &config, ask, now, &options).await?;
        let draw = drawer(&random)?;
        let for_tests = Arc::clone(&draw);
        let delimiters = Arc::new(delimiters(&random)?);
        let Foundation {
            log,
            witness,
            store,
            vault,
            keeper,
            connections,
            redact,
            registry,
            catalog,
            state,
            hears,
            executors,
            resolve,
            prover,
        } = foundation;
        let shipping = crate::sending::start(&home, &config, &log, &prover.egress, &state.lockdown)?;
        let events = Events::new(now);
        let (redactor, redaction) = (Arc::clone(&redact), Arc::clone(&redact));
        let of_house = Arc::clone(&state);
        let screens =
            Arc::new(Screens::new(events, Arc::clone(&catalog), of_house, move || redactor.current()));
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
            wrap: {
                let of = Arc::clone(&delimiters);
                Box::new(move |session, text, from| agent::wrap_untrusted(text, &of(session), from))
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
        let waits = screens.waits(Arc::clone(&clock));
        let today = Box::new(move || today(at()));
        let tasks = Tasks::new(Arc::clone(&broker), store.clone(), of_turn, today, waits);
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
            receivers: Box::new(shipping.watch()),
        });
        let mut registry = Metrics::default();
        state.meters.register(&mut registry, &state, redaction, shipping.watch());
        let parts = gateway::Parts {
            house: Arc::clone(&door) as Arc<dyn gateway::House>,
            sign_ins: Arc::new(KeptSignIns::new(store.clone(), Arc::clone(&clock))),
            clock,
            random,
            registry,
            version: state.version.to_string(),
        };
        let first_mails = {
            let (home, config) = (home.clone(), config.clone());
            tokio::task::spawn_blocking(move || crate::hands::first_mails(&home, &config, now))
        };
        let handle =
            Gateway::start(crate::listening::gateway_config(&home, &config, options.port), parts).await?;
        state.meters.listening(begun.elapsed());
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
        let suspending = Suspending {
            suspensions: Arc::clone(&state.suspensions),
            hears,
            tasks: Arc::clone(&tasks),
            log: Arc::clone(&log),
            publish: {
                let (state, screens) = (Arc::clone(&state), Arc::clone(&screens));
                Box::new(move || {
                    let status = state.status();
                    screens.events().publish(gateway::wire::Event::Status { status }, (gateway::clock())());
                })
            },
        };
        let revoking = Revoking {
            vault: Arc::clone(&vault),
            egress: Arc::clone(&prover.egress),
            log: Arc::clone(&log),
            root: home.root().to_path_buf(),
        };
        let keeping = Keeping {
            log: Arc::clone(&log),
            switch: state.lockdown.clone(),
            home: home.root().to_path_buf(),
            config: config.clone(),
            meters: Arc::clone(&state.meters),
        };
        let mut background = vec![
            tokio::spawn(publish_log(Arc::clone(&log), Arc::clone(&screens))),
            tokio::spawn(lapse(Arc::clone(&broker), Arc::clone(&tasks))),
            tokio::spawn(stopping.watch()),
            tokio::spawn(suspending.keep()),
            tokio::spawn(revoking.watch()),
            tokio::spawn(keeping.keep()),
            tokio::spawn(remember_uses(Arc::clone(&vault))),
            tokio::spawn(keep_elsewhere(keeper)),
            tokio::spawn(Arc::clone(&state.meters).follow(Arc::clone(&log))),
        ];
        background.extend(witness.clone().map(|witness| tokio::spawn(witness.keep())));
        first_mails.await??;
        prover.prove(&state, &broker.policy()).await;
        state.meters.proved(begun.elapsed());
        if !state.lockdown.is_on() {
            tasks.resume().await?;
        }
        let reminding = Reminding {
            vault: Arc::clone(&vault),
            broker: Arc::clone(&broker),
            draw: Arc::clone(&for_tests),
            switch: state.lockdown.clone(),
        };
        background.push(tokio::spawn(reminding.keep()));
        background.push(tokio::spawn(crate::background::give_back()));
        Ok(Self {
            handle,
            broker,
            draw: for_tests,
            state,
            log,
            vault,
            connections,
            door,
            shipping,
            witness,
            background,
        })
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
        // What the tasks have begun ends with them, and is found again like that. One that cannot even be noted, for
        // want of a disk, is left.
        let over = async {
            self.door.tasks.leave().await;
            self.state.commands.over().await;
        };
        let _late = tokio::time::timeout(WORK_ENDS_WITHIN, over).await;
        crate::background::end(self.background).await;
        flush(&self.vault).await;
        self.connections.drain().await;
        self.shipping.stop().await;
        // The connections that the log was sent on by are over only now, and on record like any other.
        self.connections.drain().await;
        if let Some(witness) = &self.witness {
            witness.remember().await;
        }
        self.log.close();
    }
}

pub(crate) fn tls_files(config: &Config) -> Option<gateway::TlsFiles> {
    let tls = config.gateway.tls.as_ref()?;
    Some(gateway::TlsFiles { certificate: tls.certificate.clone(), key: tls.key.clone() })
}

/// Many screens and connections at once need more open files than a login allows at first; the machine's own limit
/// stays. What a command may open is a limit of its sandbox.
fn allow_open_files() {
    let resource = rustix::process::Resource::Nofile;
    let mut limit = rustix::process::getrlimit(resource);
    let wanted = limit.maximum.map_or(OPEN_FILES, |maximum| maximum.min(OPEN_FILES));
    if limit.current.is_some_and(|current| current < wanted) {
        limit.current = Some(wanted);
        if let Err(error) = rustix::process::setrlimit(resource, limit) {
            tracing::warn!("could not allow {wanted} open files: {error}");
        }
    }
}
