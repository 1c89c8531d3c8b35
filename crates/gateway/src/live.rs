//! Everything that stays open under a credential, so that taking it back ends it at once.

use crate::{Caller, Clock};
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// How many revoked ids are remembered, for requests that were checked just before.
const REVOKED_KEPT_MAX: usize = 1024;

/// What is open, by credential.
#[derive(Debug, Default)]
pub(crate) struct Live {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    open: HashMap<String, watch::Sender<bool>>,
    revoked: VecDeque<String>,
}

/// Held by a stream; tells it when its credential no longer counts.
pub(crate) struct Leash {
    revoked: watch::Receiver<bool>,
    lapses: Option<tokio::time::Instant>,
}

impl Live {
    /// A leash for `caller`; none when the credential was taken back since it was checked.
    pub(crate) fn leash(&self, caller: &Caller, clock: &Clock) -> Option<Leash> {
        let mut state = self.state();
        if state.revoked.iter().any(|id| id == caller.id()) {
            return None;
        }
        state.open.retain(|_, sender| sender.receiver_count() > 0);
        let sender = state.open.entry(caller.id().to_string()).or_insert_with(|| watch::Sender::new(false));
        let lapses = caller
            .expires()
            .and_then(|expires| tokio::time::Instant::now().checked_add(expires.since((clock)())));
        Some(Leash { revoked: sender.subscribe(), lapses })
    }

    /// The credential was taken back. The record must be gone before this is called.
    pub(crate) fn revoke(&self, id: &str) {
        let mut state = self.state();
        if state.revoked.len() >= REVOKED_KEPT_MAX {
            state.revoked.pop_front();
        }
        state.revoked.push_back(id.to_string());
        if let Some(sender) = state.open.remove(id) {
            sender.send_replace(true);
        }
    }

    /// Ends everything that is open, whatever the credential. New streams may come.
    pub(crate) fn end_all(&self) {
        for (_, sender) in self.state().open.drain() {
            sender.send_replace(true);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leash {
    /// Waits until the credential no longer counts; says why.
    pub(crate) async fn ended(&mut self) -> &'static str {
        let lapsed = async {
            match self.lapses {
                Some(moment) => tokio::time::sleep_until(moment).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // An error means that the sender is gone, which happens only when everything is.
            _ = self.revoked.wait_for(|revoked| *revoked) => "the sign-in was taken back",
            () = lapsed => "the sign-in has lapsed",
        }
    }
}
