//! Who is told that programs start, and who waits for their ends.

use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// The programs that go on: whoever stops the house waits for their ends.
#[derive(Clone, Debug, Default)]
pub struct Going(Arc<watch::Sender<()>>);

impl Going {
    /// One more, until what comes back is dropped.
    pub(super) fn one(&self) -> watch::Receiver<()> {
        self.0.subscribe()
    }

    /// Returns when none goes on any more.
    pub async fn over(&self) {
        self.0.closed().await;
    }
}

/// Is told how long it took from a call for a sandbox to a program about to run in it.
#[derive(Clone)]
pub(super) struct Started(Arc<dyn Fn(Duration) + Send + Sync>);

impl Started {
    pub(super) fn nobody() -> Self {
        Self::told(|_took| {})
    }

    pub(super) fn told(told: impl Fn(Duration) + Send + Sync + 'static) -> Self {
        Self(Arc::new(told))
    }

    pub(super) fn tell(&self, took: Duration) {
        (self.0)(took);
    }
}

impl std::fmt::Debug for Started {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Started")
    }
}
