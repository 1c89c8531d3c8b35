//! What carries effects out: models, connectors, channels. Each takes a permit that is on record, and nothing else.

use crate::Intent;
use audit::Recorded;
use domain::{Done, EffectKey, Failure, Label, Labelled, Timestamp};
use std::future::Future;
use std::pin::Pin;
use tokio::sync::watch;

/// What carrying an effect out comes to.
pub type Carried<'a> = Pin<Box<dyn Future<Output = Result<Labelled<Done>, Failure>> + Send + 'a>>;

/// Carries out one kind of effect.
///
/// An implementation redeems the permit (`intent.into_inner().redeem(context.now)`) and does exactly what the action
/// in it says. It labels what it gives back at least as the tool's manifest says; the broker joins its own part. A
/// failure says whether the effect may have happened all the same: when in doubt, it may.
pub trait Executor: Send + Sync {
    /// Carries out the action that the permit in `intent` owns.
    fn carry_out<'a>(&'a self, intent: Recorded<Intent>, context: Context<'a>) -> Carried<'a>;
}

/// What an executor is told besides the action.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The moment the permit was recorded.
    pub now: Timestamp,
    /// The effect's key: the same after a restart, so that it can serve as an outside idempotency key.
    pub key: &'a EffectKey,
    /// The label of everything the session has read.
    pub label: &'a Label,
    /// Where to say how it goes.
    pub progress: &'a dyn Progress,
    /// When to stop.
    pub cancel: &'a Cancel,
}

/// Hears how an effect goes. It never decides anything, and what it hears has already been redacted where it leaves.
pub trait Progress: Send + Sync {
    /// A piece of a model's answer, to be shown to the owner as a draft.
    fn draft(&self, text: &str);

    /// How far a long effect is, in words and, where it is known, in percent of the whole.
    fn step(&self, text: &str, percent: Option<u8>);
}

/// Hears nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn draft(&self, _text: &str) {}

    fn step(&self, _text: &str, _percent: Option<u8>) {}
}

/// Tells whoever holds a copy that the owner wants an effect stopped.
#[derive(Clone, Debug)]
pub struct Cancel {
    stop: watch::Sender<bool>,
}

impl Cancel {
    /// One that has not been asked to stop.
    #[must_use]
    pub fn new() -> Self {
        Self { stop: watch::Sender::new(false) }
    }

    /// Asks everybody who holds a copy to stop, for good.
    pub fn cancel(&self) {
        self.stop.send_replace(true);
    }

    /// Whether somebody asked.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        *self.stop.borrow()
    }

    /// Returns when somebody asks; at once if somebody has.
    pub async fn cancelled(&self) {
        let mut stop = self.stop.subscribe();
        // The sender lives in `self`, so waiting cannot fail; a failure would read as a wish to stop.
        let _ = stop.wait_for(|stop| *stop).await;
    }
}

impl Default for Cancel {
    fn default() -> Self {
        Self::new()
    }
}
