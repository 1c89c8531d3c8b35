//! After a crash: every effect that was begun is known to have happened, known not to have, or reported as unknown.

use crate::Error;
use crate::broker::{Broker, Speaker};
use crate::steps::{Outlook, ours};
use audit::{Ending, Entry, Event, Subject};
use domain::{EffectKey, ItemBody, ProposedCall, TaskId};
use std::time::Duration;
use store::Effect;

/// What a crash left, and what became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Effects that only look or ask: they are done again.
    pub to_repeat: Vec<EffectKey>,
    /// Effects of consequence of which nobody knows whether they happened: they are not done again, and the owner is
    /// told.
    pub unknown: Vec<EffectKey>,
}

impl Broker {
    /// Looks at every effect that was begun and has no outcome. To be called once, before anything else.
    ///
    /// # Errors
    ///
    /// [`Error::Audit`], [`Error::Store`]: then nothing may start.
    pub async fn recover(&self) -> Result<Recovered, Error> {
        let begun = self.store.run(|tx| tx.effects_begun()).await?;
        let mut recovered = Recovered::default();
        for effect in begun {
            let repeatable = match effect.tool.as_str() {
                "model.ask" | "message.reply" => true,
                _ => effect.effect.is_repeatable(),
            };
            self.note_unknown(&effect).await?;
            if repeatable {
                recovered.to_repeat.push(effect.key);
            } else {
                recovered.unknown.push(effect.key.clone());
                self.report_unknown(effect).await?;
            }
        }
        Ok(recovered)
    }

    async fn note_unknown(&self, effect: &Effect) -> Result<(), Error> {
        let event = Event::Outcome {
            intent: audit::Seq(effect.intent),
            name: effect.tool.clone(),
            effect: effect.effect,
            ending: Ending::Unknown,
            targets: Vec::new(),
            contents: Vec::new(),
            took: Duration::ZERO,
            usage: None,
            cost_micros: None,
            detail: Some("the program ended before the outcome was on record".to_string()),
        };
        let subject = Subject {
            session: Some(effect.session.clone()),
            task: Some(effect.task.clone()),
            key: Some(effect.key.clone()),
            ..Subject::default()
        };
        self.log.note(Entry { subject, event }, self.now()).await?;
        Ok(())
    }

    async fn report_unknown(&self, effect: Effect) -> Result<(), Error> {
        let Some(who) = self.speaker_of(&effect.task).await? else {
            let (key, now) = (effect.key, self.now());
            return Ok(self.store.run(move |tx| tx.mark_effect_unknown(&key, now)).await?);
        };
        let now = self.now();
        let text = "Hardshell stopped while this was being done, and it is not known whether it happened. It was not done \
            again. Tell the owner, who can look and decide."
            .to_string();
        let (task, key, index) = (effect.task.clone(), effect.key.clone(), place_in_step(&effect.key));
        self.store
            .run(move |tx| {
                tx.mark_effect_unknown(&key, now)?;
                let items = tx.items_of(&task)?;
                let calls = items.iter().rev().find_map(|item| match item.body_ref() {
                    ItemBody::Answered { calls, .. } => Some(calls.clone()),
                    ItemBody::Said { .. }
                    | ItemBody::Planned { .. }
                    | ItemBody::Result { .. }
                    | ItemBody::Asked { .. }
                    | ItemBody::Replied { .. }
                    | ItemBody::Summary { .. }
                    | ItemBody::Ended { .. } => None,
                });
                let call: Option<ProposedCall> =
                    calls.zip(index).and_then(|(calls, index)| calls.get(index).cloned());
                if let Some(call) = call {
                    let item = Self::result(&call, text, Outlook::Failed, Vec::new(), ours());
                    tx.append_item(&who.session, &who.task, item, now)?;
                }
                Ok(())
            })
            .await?;
        Ok(())
    }

    /// For whom a task works; nothing when no message began it.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn speaker_of(&self, task: &TaskId) -> Result<Option<Speaker>, Error> {
        let of = task.clone();
        let row = self.store.run(move |tx| tx.inbound_of(&of)).await?;
        Ok(row.map(|row| Speaker {
            session: row.inbound.session,
            task: row.task,
            principal: row.inbound.principal,
            channel: row.inbound.sender.channel,
        }))
    }
}

fn place_in_step(key: &EffectKey) -> Option<usize> {
    key.as_str().rsplit('.').next()?.parse().ok()
}
