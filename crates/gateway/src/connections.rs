//! How many connections there are, and which of them have shown no credential yet.
//!
//! A stranger can hold only a few connections, and never keeps the owner out: when the strangers' places are full,
//! the oldest stranger goes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// The connections.
#[derive(Debug)]
pub(crate) struct Connections {
    open_max: usize,
    unproven_max: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    open: usize,
    /// By age, oldest first.
    unproven: BTreeMap<u64, Arc<Notify>>,
}

/// One connection's place.
#[derive(Debug)]
pub(crate) struct Slot {
    id: u64,
    connections: Arc<Connections>,
    evicted: Arc<Notify>,
}

impl Connections {
    pub(crate) fn new(limits: &crate::Limits) -> Arc<Self> {
        Arc::new(Self {
            open_max: limits.connections_max.max(1),
            unproven_max: limits.unproven_max.max(1),
            state: Mutex::default(),
        })
    }

    /// A place for one more; none when every place is held by someone with a credential.
    pub(crate) fn admit(self: &Arc<Self>) -> Option<Slot> {
        let mut state = self.state();
        let crowded = state.unproven.len() >= self.unproven_max;
        let full = state.open >= self.open_max;
        if crowded || full {
            match state.unproven.pop_first() {
                Some((_, oldest)) => oldest.notify_one(),
                None => return None,
            }
        }
        let id = state.next;
        state.next = id.saturating_add(1);
        state.open = state.open.saturating_add(1);
        let evicted = Arc::new(Notify::new());
        state.unproven.insert(id, Arc::clone(&evicted));
        Some(Slot { id, connections: Arc::clone(self), evicted })
    }

    /// How many are open.
    pub(crate) fn open(&self) -> usize {
        self.state().open
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// A credential was shown: the connection is no stranger's any more.
    pub(crate) fn prove(&self) {
        self.connections.state().unproven.remove(&self.id);
    }

    /// Waits until the place is given to someone else.
    pub(crate) async fn evicted(&self) {
        self.evicted.notified().await;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.connections.state();
        state.open = state.open.saturating_sub(1);
        state.unproven.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    fn connections(open: usize, unproven: usize) -> Arc<Connections> {
        Connections::new(&crate::Limits {
            connections_max: open,
            unproven_max: unproven,
            ..crate::Limits::default()
        })
    }

    #[test]
    fn the_oldest_stranger_makes_room() {
        let connections = connections(10, 2);
        let first = connections.admit().unwrap();
        let second = connections.admit().unwrap();
        second.prove();
        let third = connections.admit().unwrap();
        assert!(first.evicted().now_or_never().is_none());
        let _fourth = connections.admit().unwrap();
        assert!(first.evicted().now_or_never().is_some());
        assert!(second.evicted().now_or_never().is_none());
        assert!(third.evicted().now_or_never().is_none());
    }

    #[test]
    fn nobody_with_a_credential_makes_room() {
        let connections = connections(2, 2);
        let first = connections.admit().unwrap();
        let second = connections.admit().unwrap();
        first.prove();
        second.prove();
        assert!(connections.admit().is_none());
        drop(first);
        assert_eq!(connections.open(), 1);
        assert!(connections.admit().is_some());
    }
}
