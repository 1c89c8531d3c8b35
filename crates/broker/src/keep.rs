//! What the door keeps in the store: each change of a task is one transaction.

use crate::broker::{Broker, Speaker};
use crate::happened::What;
use crate::ledger::Ledger;
use crate::rates::Counts;
use crate::standing::{read_standing, standing_of};
use crate::submit::Submission;
use crate::{Error, Intent};
use audit::{Deed, Seq};
use domain::{
    Action, ActionDigest, Address, Call, Done, ItemBody, Label, Labelled, ModelName, QuestionId, RuleHit,
    TaskState, Tier, Timestamp,
};
use policy::{Approval, Binding, Counters, Question, StandingRule};
use std::sync::PoisonError;
use store::{Begun, Ended, Tx};

/// What the store knows that a decision looks at.
pub(crate) struct KeptFacts {
    pub(crate) approvals: Vec<Approval>,
    pub(crate) standing: Vec<StandingRule>,
    pub(crate) familiar_recipients: Vec<Address>,
    pub(crate) counters: Counters,
    pub(crate) ceiling: Option<Tier>,
}

impl Broker {
    /// Adds to the transcript what is no effect's outcome, and keeps the ledger with it.
    pub(crate) async fn append(
        &self,
        who: &Speaker,
        ledger: Ledger,
        bodies: Vec<Labelled<ItemBody>>,
        state: Option<TaskState>,
    ) -> Result<(), Error> {
        let (of, now, text) = (who.clone(), self.now(), ledger.to_text());
        let (items, label) = (bodies.clone(), ledger.label);
        let label = self.store.run(move |tx| {
            if let Some(state) = state {
                tx.set_task_state(&of.task, state, now)?;
            }
            keep(tx, &of, &label, &text, items, now)
        });
        self.told(who, &bodies, label.await?);
        Ok(())
    }

    /// Keeps the outcome of an effect, what it adds to the transcript, and the ledger, all or nothing.
    pub(crate) async fn finish(
        &self,
        submission: &Submission<'_>,
        ledger: Ledger,
        ended: Ended,
        bodies: Vec<Labelled<ItemBody>>,
    ) -> Result<(), Error> {
        let (of, key, now, text) =
            (submission.who.clone(), submission.key.clone(), self.now(), ledger.to_text());
        let (items, label) = (bodies.clone(), ledger.label);
        let spent = self.spent(&ended);
        let over = bodies.iter().any(|body| matches!(body.clone().into_parts().0, ItemBody::Replied { .. }));
        let label = self.store.run(move |tx| {
            tx.end_effect(&key, &ended, now)?;
            if let Some((model, usage, cost)) = spent {
                tx.add_spend(&model, usage, cost, now)?;
            }
            if over {
                tx.set_task_state(&of.task, TaskState::Done, now)?;
            }
            keep(tx, &of, &label, &text, items, now)
        });
        self.told(submission.who, &bodies, label.await?);
        Ok(())
    }

    /// Notes that an effect is being carried out, and uses up what its permit used.
    pub(crate) async fn begin(
        &self,
        submission: &Submission<'_>,
        intent: &Intent,
        deed: &Deed,
        seq: Seq,
        ledger: &mut Ledger,
        call: Option<&Call>,
    ) -> Result<(), Error> {
        let now = self.now();
        ledger.use_grant(intent.uses().grant, call);
        self.count(submission.who, intent.action(), now);
        let approval = intent.uses().approval;
        let text = ledger.to_text();
        let who = submission.who.clone();
        let effect = store::Effect {
            key: submission.key.clone(),
            session: who.session.clone(),
            task: who.task.clone(),
            tool: deed.name.clone(),
            effect: deed.effect,
            digest: deed.digest,
            intent: seq.0,
            begun: now,
        };
        let repeatable = is_repeatable(intent.action());
        let recipients: Vec<Address> =
            call.map(|call| call.recipients().into_iter().cloned().collect()).unwrap_or_default();
        self.store
            .run(move |tx| {
                if let Some(binding) = approval {
                    use_approval(tx, &who, &binding, now)?;
                }
                if let Begun::Before { .. } = tx.begin_effect(&effect)? {
                    if !repeatable {
                        return Err(store::Error::Conflict {
                            what: "effect",
                            id: effect.key.to_string(),
                            found: "begun before",
                        });
                    }
                    tx.begin_effect_again(&effect.key, effect.intent, now)?;
                }
                for recipient in &recipients {
                    tx.note_recipient(recipient, now)?;
                }
                tx.put_ledger(&who.session, &text, now)
            })
            .await?;
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "a question is all of this, and nobody else makes one")]
    pub(crate) async fn keep_question(
        &self,
        submission: &Submission<'_>,
        id: &QuestionId,
        action: &Action,
        hits: &[RuleHit],
        question: &Question,
        standing: Option<&StandingRule>,
        asked: Timestamp,
        expires: Timestamp,
    ) -> Result<store::Question, Error> {
        let warnings = question.warnings.iter().map(|warning| format!("\n! {warning}")).collect::<String>();
        let kept = store::Question {
            id: id.clone(),
            key: submission.key.clone(),
            session: submission.who.session.clone(),
            task: submission.who.task.clone(),
            call_id: submission.call_id.to_string(),
            tool: action.name().parse()?,
            effect: action.effect(),
            arguments: submission.arguments.to_string(),
            digest: good_for(&question.binding),
            title: self.clean(&question.title),
            text: self.clean(&format!("{}{warnings}", question.text)),
            rules: hits.to_vec(),
            source: question.asked_for_by.join(", "),
            standing: standing.map(|rule| rule.scope.in_words()),
            asked,
            expires,
            answer: None,
            used: None,
        };
        let (task, question) = (submission.who.task.clone(), kept.clone());
        self.store
            .run(move |tx| {
                tx.add_question(&question)?;
                tx.set_task_state(&task, TaskState::Waiting, asked)
            })
            .await?;
        Ok(kept)
    }

    /// What the policy in force says; whoever watches is told how long that took.
    pub(crate) fn decide(&self, action: Action, facts: &policy::Facts) -> policy::Decision {
        let began = std::time::Instant::now();
        let decision = self.policy().decide(action, facts);
        self.watch.decided(began.elapsed());
        decision
    }

    pub(crate) async fn kept_facts(
        &self,
        who: &Speaker,
        label: &Label,
        now: Timestamp,
    ) -> Result<KeptFacts, Error> {
        let of = who.clone();
        let kept = self.store.run(move |tx| {
            let questions = tx.questions_of(&of.task)?;
            let ceiling = tx.session(&of.session)?.and_then(|session| session.ceiling);
            Ok((questions, tx.standing_at(now)?, tx.recipients()?, tx.spend(now, now)?, ceiling))
        });
        let (questions, standing, familiar_recipients, spend, ceiling) = kept.await?;
        let approvals = questions.iter().filter_map(|question| {
            let (answer, _, _) = question.answer.as_ref()?;
            let approved = match answer {
                store::Answer::Approve | store::Answer::Always => true,
                store::Answer::Deny | store::Answer::Expired => false,
            };
            let usable = approved && question.used.is_none() && now <= question.expires;
            let binding = usable.then(|| Binding::from_hex(&question.digest.to_string()))??;
            Some(Approval { binding, expires: question.expires })
        });
        let tokens = spend.iter().map(|day| day.input_tokens.saturating_add(day.output_tokens));
        let Counts { effects_last_minute, refusals_last_ten_minutes, sends_last_hour, prompts_last_hour } =
            self.rates.lock().unwrap_or_else(PoisonError::into_inner).counts(&who.session, now);
        Ok(KeptFacts {
            approvals: approvals.collect(),
            // A rule that cannot be read answers nothing: then it asks.
            standing: standing.iter().filter_map(|rule| read_standing(rule, &self.catalog)).collect(),
            familiar_recipients,
            ceiling,
            counters: Counters {
                effects_last_minute,
                sends_last_hour,
                prompts_last_hour,
                tokens_today: tokens.fold(0, u64::saturating_add),
                // What a burst has stopped is, until the owner lets it go on, as if it had just been refused too often.
                refusals_last_ten_minutes: match self.house.holds_back(&who.session, label) {
                    true => u32::MAX,
                    false => refusals_last_ten_minutes,
                },
            },
        })
    }

    /// Makes the standing rule that "always" means for a question.
    pub(crate) fn standing_for(
        &self,
        question: &store::Question,
        channel: domain::Channel,
        label: &Label,
        now: Timestamp,
    ) -> Option<store::Standing> {
        standing_of(question, channel, label.integrity(), now, &self.catalog)
    }

    pub(crate) async fn count_refusal(&self, who: &Speaker) -> Result<(), Error> {
        self.rates.lock().unwrap_or_else(PoisonError::into_inner).refusal(&who.session, self.now());
        Ok(())
    }

    fn count(&self, who: &Speaker, action: &Action, now: Timestamp) {
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        match action {
            Action::AskModel(_) => rates.prompt(now),
            Action::Reply(_) => {}
            Action::Call(call) => {
                if !call.effect.is_repeatable() {
                    rates.effect(&who.session, now);
                }
                if call.effect == domain::Effect::Send {
                    rates.send(now);
                }
            }
        }
    }

    fn spent(&self, ended: &Ended) -> Option<(ModelName, domain::Usage, u64)> {
        let Ok(done) = ended else { return None };
        let (Done::Answered(turn), _) = done.clone().into_parts() else { return None };
        let model = turn.answered_by.parse().ok()?;
        Some((model, turn.usage, self.house.cost_micros(&turn.answered_by, turn.usage).unwrap_or(0)))
    }

    fn told(&self, who: &Speaker, bodies: &[Labelled<ItemBody>], session: Label) {
        for body in bodies {
            let (body, label) = body.clone().into_parts();
            if let ItemBody::Result { call_id, text, failed, tool: _, rules: _ } = body {
                self.tell(who, What::Resulted { call_id, text, failed, label });
            }
        }
        self.tell(who, What::Labelled { label: session });
    }
}

fn keep(
    tx: &Tx<'_>,
    who: &Speaker,
    label: &Label,
    ledger: &str,
    bodies: Vec<Labelled<ItemBody>>,
    now: Timestamp,
) -> Result<Label, store::Error> {
    for body in bodies {
        tx.append_item(&who.session, &who.task, body, now)?;
    }
    tx.put_ledger(&who.session, ledger, now)?;
    tx.touch_session(&who.session, label, now)
}

fn use_approval(tx: &Tx<'_>, who: &Speaker, binding: &Binding, now: Timestamp) -> Result<(), store::Error> {
    let digest = good_for(binding);
    for question in tx.questions_of(&who.task)? {
        if question.digest == digest && tx.use_answer(&question.id, &digest, now)? {
            return Ok(());
        }
    }
    Err(store::Error::Conflict { what: "approval", id: binding.to_string(), found: "used or lapsed" })
}

/// What an answer is good for: the binding, in the form that the store compares.
fn good_for(binding: &Binding) -> ActionDigest {
    ActionDigest::from_bytes(*binding.as_bytes())
}

/// Whether carrying it out a second time does nothing more to the world than the first time.
pub(crate) fn is_repeatable(action: &Action) -> bool {
    match action {
        // Asking twice costs twice, and a reply is shown once whatever happens: its place in the transcript is one.
        Action::AskModel(_) | Action::Reply(_) => true,
        Action::Call(call) => call.effect.is_repeatable(),
    }
}

/// Whether it runs a program.
pub(crate) fn starts_processes(action: &Action) -> bool {
    match action {
        Action::Call(call) => call.effect == domain::Effect::Execute,
        Action::AskModel(_) | Action::Reply(_) => false,
    }
}
