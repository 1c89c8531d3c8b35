//! The end of a task, also while the disk takes nothing.

use super::Tasks;
use broker::Speaker;
use domain::TaskState;
use std::time::Duration;

/// How long a task waits that could not be ended, for its disk may take it the next time.
const END_AGAIN: Duration = Duration::from_secs(1);

impl Tasks {
    /// `why` a task failed, and which of its effects may have happened all the same.
    pub(super) async fn with_doubts(&self, who: &Speaker, why: String) -> String {
        let task = who.task.clone();
        let Ok(effects) = self.store.run(move |tx| tx.effects_of(&task)).await else {
            return format!("{why}; look at what it was about to do before you ask for it again");
        };
        let doubtful = effects
            .into_iter()
            .filter(|(effect, state)| *state == store::EffectState::Begun && !effect.effect.is_repeatable());
        let names: Vec<String> = doubtful
            .filter(|(effect, _)| !matches!(effect.tool.as_str(), "model.ask" | "message.reply"))
            .map(|(effect, _)| format!("`{}`", effect.tool))
            .collect();
        if names.is_empty() {
            return why;
        }
        let names = names.join(", ");
        format!("{why}; it is not known whether {names} happened, so look before you ask for it again")
    }

    /// Ends a task as failed, also when the disk takes nothing at the moment: a task that nobody ended would seem to
    /// work for ever.
    pub(super) async fn end_at_last(&self, who: &Speaker, why: &str) {
        let mut told = false;
        while let Err(error) = self.broker.end_task(who, TaskState::Failed, why).await {
            if matches!(error, broker::Error::Store(store::Error::Closed)) {
                return;
            }
            if !told {
                tracing::error!(%error, task = %who.task, "the end of a task could not be noted, and is tried again");
                told = true;
            }
            tokio::time::sleep(END_AGAIN).await;
        }
    }

    pub(super) async fn end(&self, who: &Speaker, state: TaskState, why: &str) {
        if let Err(error) = self.broker.end_task(who, state, why).await {
            tracing::error!(%error, task = %who.task, "could not note the end of a task");
        }
    }
}
