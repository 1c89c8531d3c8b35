//! Tells the service manager that it is ready, alive, and stopping (sd_notify(3)). Without one, nothing happens.

use sd_notify::NotifyState;
use tokio::task::JoinHandle;

/// Says that it takes messages now, and from then on that it is alive, as often as the unit's `WatchdogSec` asks.
pub fn tell() -> Option<JoinHandle<()>> {
    say(&[NotifyState::Ready]);
    let within = sd_notify::watchdog_enabled()?;
    // Half of it, as sd_watchdog_enabled(3) advises: one late sign is not taken for death.
    let mut every = tokio::time::interval(within.checked_div(2)?);
    Some(tokio::spawn(async move {
        loop {
            every.tick().await;
            say(&[NotifyState::Watchdog]);
        }
    }))
}

/// Says that it stops, and no longer that it is alive.
pub fn stopping(alive: Option<JoinHandle<()>>) {
    say(&[NotifyState::Stopping]);
    if let Some(alive) = alive {
        alive.abort();
    }
}

fn say(state: &[NotifyState<'_>]) {
    // A manager that cannot be told notices by itself, when its time is up.
    if let Err(error) = sd_notify::notify(state) {
        crate::show::note(&format!("could not tell the service manager: {error}"));
    }
}
