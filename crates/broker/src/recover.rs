//! After a crash: every effect that was begun is known to have happened, known not to have, or reported as unknown.

use crate::Error;
use crate::broker::{Broker, Speaker};
use crate::steps::{Outlook, ours};
use audit::{Deed, Ending, Entry, Event, Kind, Seq, Subject};
use domain::{Blame, EffectKey, ItemBody, ProposedCall, TaskId};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;
use store::Effect;

/// What is told of an effect whose outcome is on record and whose result was lost.
const DONE: &str = "This was done, as the audit log says; Hardshell stopped right after it, and what it gave back is lost. \
                    It was not done again.";
const NOT_DONE: &str = "This was not done, as the audit log says; Hardshell stopped right after it.";
const UNKNOWN: &str = "Hardshell stopped while this was being done, and it is not known whether it happened. It was not \
                       done again. Tell the owner, who can look and decide.";

/// How many of the newest intents and outcomes on record are looked at. What the store does not know yet of an effect is
/// among them: an intent is in the store right after it is on record, and so is an outcome.
const NEWEST: usize = 2_000;

/// What a crash left, and what became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Effects that only look or ask: they are done again.
    pub to_repeat: Vec<EffectKey>,
    /// Effects of consequence whose outcome is on record: they are not done again, and the model is told how they ended.
    pub known: Vec<EffectKey>,
    /// Effects of consequence of which nobody knows whether they happened: they are not done again, and the owner is
    /// told.
    pub unknown: Vec<EffectKey>,
    /// Intents on record that were never begun.
    pub not_begun: usize,
}

/// What the end of the log says of effects.
#[derive(Debug, Default)]
struct OnRecord {
    outcomes: BTreeMap<Seq, (Ending, Option<String>)>,
    open: Vec<(Seq, Subject, Deed)>,
}

impl OnRecord {
    fn read(folder: &Path) -> Result<Self, audit::Error> {
        let mut on_record = Self::default();
        // The newest first: an outcome comes before its intent.
        for record in audit::newest(folder, &[Kind::Intent, Kind::Outcome], NEWEST)? {
            let Ok(Some(Entry { subject, event })) = record.entry() else { continue };
            #[expect(clippy::wildcard_enum_match_arm, reason = "only two kinds were asked for")]
            match event {
                Event::Outcome { intent, ending, detail, .. } => {
                    on_record.outcomes.insert(intent, (ending, detail));
                }
                Event::Intent { deed, .. } if !on_record.outcomes.contains_key(&record.seq()) => {
                    on_record.open.push((record.seq(), subject, deed));
                }
                _ => {}
            }
        }
        Ok(on_record)
    }
}

impl Broker {
    /// Looks at every effect that was begun and has no outcome in the store, and at every intent without an outcome on
    /// record. To be called once, before anything else.
    ///
    /// # Errors
    ///
    /// [`Error::Audit`], [`Error::Store`]: then nothing may start.
    pub async fn recover(&self) -> Result<Recovered, Error> {
        let begun = self.store.run(|tx| tx.effects_begun()).await?;
        let on_record = OnRecord::read(self.log.folder())?;
        let mut recovered = Recovered::default();
        let at: BTreeSet<Seq> = begun.iter().map(|effect| Seq(effect.intent)).collect();
        for (seq, subject, deed) in on_record.open {
            if !at.contains(&seq) {
                recovered.not_begun = recovered.not_begun.saturating_add(1);
                self.note_not_begun(seq, subject, deed).await?;
            }
        }
        for effect in begun {
            let repeatable = match effect.tool.as_str() {
                "model.ask" | "message.reply" => true,
                _ => effect.effect.is_repeatable(),
            };
            let known = on_record.outcomes.get(&Seq(effect.intent));
            if known.is_none() {
                self.note_unknown(&effect).await?;
            }
            if repeatable {
                recovered.to_repeat.push(effect.key);
                continue;
            }
            let (list, outlook, text) = match known {
                Some((Ending::Done, _)) => (&mut recovered.known, Outlook::Well, DONE.to_string()),
                Some((Ending::Failed(_), detail)) => {
                    let why = detail.as_deref().unwrap_or("no reason is on record");
                    (&mut recovered.known, Outlook::Failed, format!("{NOT_DONE} {why}"))
                }
                // What was stopped on its way may have done a part of it.
                Some((Ending::MayHaveHappened(_) | Ending::Cancelled | Ending::Unknown, _)) | None => {
                    (&mut recovered.unknown, Outlook::Failed, UNKNOWN.to_string())
                }
            };
            list.push(effect.key.clone());
            self.report(effect, outlook, text).await?;
        }
        Ok(recovered)
    }

    /// An intent that never came into the store was never carried out: that comes first.
    pub(crate) async fn note_not_begun(
        &self,
        intent: Seq,
        subject: Subject,
        deed: Deed,
    ) -> Result<(), Error> {
        let event = Event::Outcome {
            intent,
            name: deed.name,
            effect: deed.effect,
            ending: Ending::Failed(Blame::Us),
            targets: Vec::new(),
            contents: Vec::new(),
            took: Duration::ZERO,
            usage: None,
            cost_micros: None,
            detail: Some("this was not begun, and did not happen".to_string()),
        };
        self.log.note(Entry { subject, event }, self.now()).await?;
        Ok(())
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

    /// Tells the model, and with it the owner, how an effect stands; it is over for the store.
    async fn report(&self, effect: Effect, outlook: Outlook, text: String) -> Result<(), Error> {
        let Some(who) = self.speaker_of(&effect.task).await? else {
            let (key, now) = (effect.key, self.now());
            return Ok(self.store.run(move |tx| tx.mark_effect_unknown(&key, now)).await?);
        };
        let now = self.now();
        let (task, key, index) = (effect.task.clone(), effect.key.clone(), place_in_step(&effect.key));
        self.store
            .run(move |tx| {
                tx.mark_effect_unknown(&key, now)?;
                let items = tx.items_of(&task)?;
                let calls = items.iter().rev().find_map(|item| {
                    if let ItemBody::Answered { calls, .. } = item.body_ref() {
                        Some(calls.clone())
                    } else {
                        None
                    }
                });
                let call: Option<ProposedCall> =
                    calls.zip(index).and_then(|(calls, index)| calls.get(index).cloned());
                if let Some(call) = call {
                    let item = Self::result(&call, text, outlook, Vec::new(), ours());
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
