//! What the stop switch does to a running house: tasks end, questions lapse, credentials and connections go; and what
//! goes on when it is released.

use crate::events::Screens;
use crate::lockdown::Switch;
use crate::proofs::Prover;
use crate::state::HouseState;
use crate::tasks::Tasks;
use audit::{Entry, Event, LockdownAct, Log, Subject};
use broker::Broker;
use gateway::Credentials;
use std::sync::Arc;
use std::time::Duration;
use store::Store;

/// How often the switch is looked at. Nobody waits for this: the broker, egress and every sandbox read it themselves.
const EVERY: Duration = Duration::from_millis(50);

/// Watches the switch.
pub(crate) struct Stopping {
    pub(crate) switch: Switch,
    pub(crate) tasks: Arc<Tasks>,
    pub(crate) broker: Arc<Broker>,
    pub(crate) store: Store,
    pub(crate) log: Arc<Log>,
    pub(crate) screens: Arc<Screens>,
    pub(crate) state: Arc<HouseState>,
    pub(crate) credentials: Credentials,
    pub(crate) prover: Arc<Prover>,
}

impl Stopping {
    /// For as long as the house stands.
    pub(crate) async fn watch(self) {
        let mut was_on = false;
        loop {
            let is_on = self.switch.is_on();
            if is_on {
                // Again each time: what slipped in just before may have begun just after.
                self.tasks.stop_all();
            }
            match (was_on, is_on) {
                (false, true) => self.stop().await,
                (true, false) => self.go_on().await,
                (false, false) | (true, true) => {}
            }
            was_on = is_on;
            tokio::time::sleep(EVERY).await;
        }
    }

    async fn stop(&self) {
        // Screens are told first: after this they hear nothing more.
        self.publish();
        let now = (gateway::clock())();
        if let Err(error) = self.store.run(move |tx| tx.revoke_every_sign_in(now)).await {
            tracing::error!(%error, "sign-ins could not be taken back one by one");
        }
        if let Err(error) = self.credentials.revoke_all().await {
            tracing::error!(%error, "a sign-in could not be taken back");
        }
        if let Err(error) = self.broker.withdraw_questions().await {
            tracing::error!(%error, "open questions could not be closed");
        }
        self.note(LockdownAct::On, self.switch.why().unwrap_or_default()).await;
    }

    async fn go_on(&self) {
        self.note(LockdownAct::Off, "released at the machine".to_string()).await;
        self.prover.prove(&self.state, &self.broker.policy()).await;
        if let Err(error) = self.tasks.resume().await {
            tracing::error!(%error, "could not go on with what was stopped");
        }
        self.publish();
    }

    fn publish(&self) {
        let status = self.state.status();
        self.screens.events().publish(gateway::wire::Event::Status { status }, (gateway::clock())());
    }

    async fn note(&self, act: LockdownAct, why: String) {
        let entry = Entry { subject: Subject::default(), event: Event::Lockdown { act, why } };
        if let Err(error) = self.log.note(entry, (gateway::clock())()).await {
            tracing::error!(%error, "the lockdown could not be recorded");
        }
    }
}
