//! The audit log on its way elsewhere, as the configuration names its receivers.

use crate::config::{Config, FILE};
use crate::home::Home;
use crate::lockdown::Switch;
use crate::start_error::StartError;
use audit::{Entry, Event, Log, PolicyAct, Subject};
use domain::{Principal, Timestamp};
use egress::Egress;
use posture::doctor::{Ailment, Weight};
use shipping::{Pace, Parts, Receiver, ReceiverState, Shipping};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What the standing permits of receivers are called, before their names.
const PERMIT: &str = "house.shipping.";
/// A receiver that takes nothing for so long is a finding; shorter is a restart of it.
const DOWN_MAX: Duration = Duration::from_secs(5 * 60);

/// Sends the log to the receivers that `config` names, each under a standing permit of the house's that is put on
/// record.
pub(crate) fn start(
    home: &Home,
    config: &Config,
    log: &Arc<Log>,
    egress: &Arc<Egress>,
    switch: &Switch,
) -> Result<Shipping, StartError> {
    let receivers = config.receivers(home.root())?;
    let (permits, to) = (receivers.clone(), Arc::clone(log));
    tokio::spawn(async move { note_permits(&to, &permits).await });
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let switch = switch.clone();
    let parts = Parts {
        log: Arc::clone(log),
        egress: Arc::clone(egress),
        home: home.root().to_path_buf(),
        host,
        version: env!("CARGO_PKG_VERSION").to_string(),
        clock: gateway::clock(),
        stopped: Arc::new(move || switch.is_on()),
        pace: Pace::default(),
    };
    Ok(Shipping::start(&parts, receivers)?)
}

/// Tells how it goes with the receivers.
pub(crate) type Watch = Box<dyn Fn() -> Vec<ReceiverState> + Send + Sync>;

/// One receiver, as screens are told of it.
pub(crate) fn shown(state: ReceiverState) -> gateway::wire::Receiver {
    gateway::wire::Receiver {
        name: state.name,
        kind: state.kind.to_string(),
        to: state.to,
        behind: state.behind,
        skipped: state.skipped,
        failed: state.failed,
        last_sent: state.last_sent,
        down_since: state.down_since,
        problem: state.unknown.or(state.last_error),
    }
}

async fn note_permits(log: &Log, receivers: &[Receiver]) {
    for receiver in receivers {
        let detail = format!("may send the audit log to {} ({})", receiver.to, receiver.to.kind());
        let rule = permit(&receiver.name.to_string());
        let subject = Subject { principal: Some(Principal::house()), ..Subject::default() };
        let event = Event::Policy { act: PolicyAct::Loaded, rule, detail };
        if let Err(error) = log.note(Entry { subject, event }, (gateway::clock())()).await {
            tracing::error!(%error, "a standing permit of the house could not be recorded");
        }
    }
}

/// The standing permit of the receiver `name`.
#[must_use]
pub fn permit(name: &str) -> String {
    format!("{PERMIT}{name}")
}

/// How it goes with the receivers of the home at `root`, whether or not it runs.
///
/// # Errors
///
/// [`StartError`] when the configuration or the log cannot be read.
pub fn receiver_states(root: &Path) -> Result<Vec<ReceiverState>, StartError> {
    let config = Config::load(&root.join(FILE))?;
    Ok(shipping::states(root, &config.receivers(root)?)?)
}

/// What of the receivers their owner should know.
pub(crate) fn ailments(root: &Path, now: Timestamp) -> Result<Vec<Ailment>, StartError> {
    let mut found = Vec::new();
    for state in receiver_states(root)? {
        let name = &state.name;
        let since = state.down_since.map(|since| now.since(Timestamp(since)));
        let mut add = |weight, what| {
            let mend = "hardshell audit shipping".to_string();
            found.push(Ailment { name: "audit.shipping", weight, what, mend, fix: None });
        };
        if let Some(why) = &state.unknown {
            add(
                Weight::Bad,
                format!("how far the receiver `{name}` of the audit log has come is not known: {why}"),
            );
        }
        if let Some(since) = since.filter(|since| *since >= DOWN_MAX) {
            let why = state.last_error.as_deref().unwrap_or("it does not say why");
            let minutes = since.as_secs().div_euclid(60);
            add(
                Weight::Bad,
                format!(
                    "the receiver `{name}` of the audit log has taken nothing for {minutes} minutes: {why}"
                ),
            );
        }
        if state.skipped > 0 {
            let skipped = state.skipped;
            add(
                Weight::Note,
                format!(
                    "the receiver `{name}` of the audit log was not sent {skipped} records; they are in the log"
                ),
            );
        }
    }
    Ok(found)
}
