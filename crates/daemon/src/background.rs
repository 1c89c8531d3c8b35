//! What goes on beside the tasks: records on their way to screens, questions that lapse, the stop switch.

use crate::events::Screens;
use crate::tasks::Tasks;
use audit::Log;
use broker::Broker;
use std::sync::Arc;
use vault::Vault;

/// Passes the log's records on to the screens that may see them.
pub(crate) async fn publish_log(log: Arc<Log>, screens: Arc<Screens>) {
    let mut tail = log.tail();
    while let Some(next) = tail.next().await {
        match next {
            Ok(record) => {
                if let Some(record) = crate::look::shown(&record) {
                    screens.events().publish(gateway::wire::Event::Audit { record }, (gateway::clock())());
                }
            }
            Err(missed) => tracing::warn!(%missed, "screens missed records; they are in the log"),
        }
    }
}

/// Writes down now and then when each secret was last used, and by whom.
pub(crate) async fn remember_uses(vault: Arc<Vault>) {
    const EVERY: std::time::Duration = std::time::Duration::from_secs(300);
    loop {
        tokio::time::sleep(EVERY).await;
        flush(&vault).await;
    }
}

/// Keeps the secrets that are kept elsewhere fresh.
pub(crate) async fn keep_elsewhere(keeper: connectors::secrets::Keeper) {
    keeper.keep(|error| tracing::error!("could not {}", crate::chain(error))).await;
}

/// Writes the uses of secrets down now.
pub(crate) async fn flush(vault: &Arc<Vault>) {
    let vault = Arc::clone(vault);
    match tokio::task::spawn_blocking(move || vault.flush()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "could not write down when secrets were used"),
        Err(error) => tracing::error!(%error, "could not write down when secrets were used"),
    }
}

/// Closes questions that nobody answered, and goes on with what waited for them.
pub(crate) async fn lapse(broker: Arc<Broker>, tasks: Arc<Tasks>) {
    const EVERY: std::time::Duration = std::time::Duration::from_secs(60);
    loop {
        tokio::time::sleep(EVERY).await;
        match broker.lapse_questions().await {
            Ok(lapsed) => {
                for question in lapsed {
                    if let Ok(Some(who)) = broker.speaker_of(&question.task).await {
                        tasks.go_on(who);
                    }
                }
            }
            Err(error) => tracing::error!(%error, "could not close lapsed questions"),
        }
    }
}
