//! What goes on beside the tasks: records on their way to screens, questions that lapse, the stop switch.

use crate::events::Screens;
use crate::tasks::Tasks;
use audit::Log;
use broker::Broker;
use std::sync::Arc;
use tokio::task::JoinHandle;
use vault::Vault;

/// Ends what goes on beside the tasks, and returns when it has ended: a connection of theirs is over, and told, only then.
pub(crate) async fn end(all: Vec<JoinHandle<()>>) {
    for one in &all {
        one.abort();
    }
    for ended in futures_util::future::join_all(all).await {
        if let Err(panic) = ended
            && panic.is_panic()
        {
            tracing::error!(%panic, "something beside the tasks had ended in a panic");
        }
    }
}

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

/// Gives back the memory that starting took, and later what bursts of work leave behind.
pub(crate) async fn give_back() {
    const EVERY: std::time::Duration = std::time::Duration::from_secs(600);
    loop {
        // Were it to fail, memory would only stay as it is.
        let _given = tokio::task::spawn_blocking(sandbox::process::give_back_memory).await;
        tokio::time::sleep(EVERY).await;
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;
    use tokio::sync::oneshot;

    /// A connection, which is reported when it is over.
    struct Connection(Arc<AtomicBool>);

    impl Drop for Connection {
        fn drop(&mut self) {
            // It takes its time, on a thread of its own.
            std::thread::sleep(Duration::from_millis(100));
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_goes_on_beside_the_tasks_is_over_when_it_was_ended() {
        let reported = Arc::new(AtomicBool::new(false));
        let (connected, is_connected) = oneshot::channel();
        let connection = Connection(Arc::clone(&reported));
        let task = tokio::spawn(async move {
            let _open = connection;
            connected.send(()).unwrap();
            std::future::pending::<()>().await;
        });
        is_connected.await.unwrap();
        super::end(vec![task]).await;
        assert!(reported.load(Ordering::SeqCst), "it was still under way");
    }
}
