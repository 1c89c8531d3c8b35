//! Decide, record, act, label: the way of one effect, in this order and no other.

use crate::broker::{Broker, Speaker};
use crate::happened::{Passing, What};
use crate::keep::starts_processes;
use crate::ledger::Ledger;
use crate::steps::{ours, refusal};
use crate::{Cancel, Context, Error, Intent};
use audit::{Content, Deed, Ending, Entry, Event, Seq, Target};
use domain::{
    Action, Blame, Call, Done, EffectKey, Failure, Label, Labelled, Output, QuestionId, RuleHit, Tier,
    Timestamp, Verdict,
};
use policy::{Decision, Facts, Lockdown, Question, StandingRule, Suspicion};
use std::sync::Arc;
use std::time::Duration;

/// How long a question waits for its answer.
pub(crate) const QUESTION_LIFE: Duration = Duration::from_secs(24 * 3600);

/// One effect on its way through the door.
pub(crate) struct Submission<'a> {
    pub(crate) who: &'a Speaker,
    pub(crate) key: &'a EffectKey,
    pub(crate) step: u32,
    /// The model's id of the call; empty for what is not a call.
    pub(crate) call_id: &'a str,
    /// The arguments as the model wrote them; empty for what is not a call.
    pub(crate) arguments: &'a str,
    pub(crate) cancel: &'a Cancel,
}

/// How a submission went. Nothing of it is in the store yet but the effect's beginning and the question.
pub(crate) enum Submitted {
    /// It was done, and what came of it is on record.
    Done { done: Labelled<Done>, rules: Vec<RuleHit> },
    /// The owner is asked.
    Asked { question: QuestionId },
    /// The policy refused.
    Refused { rules: Vec<RuleHit> },
    /// It cannot be judged or nothing carries it out: it was not begun.
    Impossible { failure: Failure, rules: Vec<RuleHit> },
    /// It was begun and did not work, or was stopped.
    Failed { failure: Failure, rules: Vec<RuleHit> },
    /// The owner stopped it before it was begun.
    Stopped,
}

impl Broker {
    /// Judges `action` and, where it is allowed, carries it out.
    pub(crate) async fn submit(
        &self,
        submission: &Submission<'_>,
        ledger: &mut Ledger,
        mut action: Action,
    ) -> Result<Submitted, Error> {
        if let Action::Call(call) = &mut action {
            match self.resolve.targets(call) {
                Ok(targets) => call.targets = targets,
                Err(failure) => return self.unresolvable(submission, &action, failure).await,
            }
        }
        let facts = self.facts(submission.who, ledger, &action).await?;
        let call = if let Action::Call(call) = &action { Some(call.clone()) } else { None };
        let decision = self.decide(action, &facts);
        self.tell_decision(submission, &decision, &facts.label);
        match decision {
            Decision::Deny { action, hits } => {
                let deed = Deed::of(&action, self.log.content_key());
                self.note(submission, &facts.label, Event::Refusal { deed, rules: hits.clone() }).await?;
                self.count_refusal(submission.who).await?;
                Ok(Submitted::Refused { rules: hits })
            }
            Decision::Ask { action, hits, question } => {
                self.ask_owner(submission, &facts, &action, hits, question).await
            }
            Decision::Allow { permit, hits } => {
                if submission.cancel.is_cancelled() {
                    return Ok(Submitted::Stopped);
                }
                self.carry_out(submission, ledger, permit, hits, call.as_ref(), &facts).await
            }
        }
    }

    async fn carry_out(
        &self,
        submission: &Submission<'_>,
        ledger: &mut Ledger,
        permit: policy::Permit,
        hits: Vec<RuleHit>,
        call: Option<&Call>,
        facts: &Facts,
    ) -> Result<Submitted, Error> {
        let isolation = starts_processes(permit.action()).then(|| facts.isolation.as_str().to_string());
        let mut subject = submission.who.subject();
        subject.key = Some(submission.key.clone());
        subject.label = Some(facts.label.clone());
        let Some(executor) = self.executor(permit.action()).cloned() else {
            let text = format!("nothing here carries out `{}`", permit.action().name());
            let failure =
                Failure { blame: Blame::Us, text, label: Label::nothing(), may_have_happened: false };
            return Ok(Submitted::Impossible { failure, rules: hits });
        };
        let deed = Deed::of(permit.action(), self.log.content_key());
        let intent = Intent::new(permit, subject, hits.clone(), isolation, self.log.content_key());
        let started = self.now();
        let recorded = self.log.record(intent, started).await?;
        let seq = recorded.seq();
        if let Err(error) = self.begin(submission, recorded.get(), &deed, seq, ledger, call).await {
            // Where the log does not take this either, the next start closes the intent.
            let _closed = self.note_not_begun(seq, submission.who.subject(), deed).await;
            return Err(error);
        }
        // The stop switch is read once more at the last instant: recording takes as long as the disk does.
        let carried = if self.house.lockdown() == Lockdown::Locked {
            Err(Failure {
                blame: Blame::Owner,
                text: "Hardshell is locked down".to_string(),
                label: Label::nothing(),
                may_have_happened: false,
            })
        } else {
            let progress = Passing {
                is_heard: self.may_hear(submission.who, ledger, call).await?,
                watch: &*self.watch,
                session: &submission.who.session,
                task: &submission.who.task,
                call_id: submission.call_id,
                step: submission.step,
                now: started,
                known: (call.is_none() && !facts.label.is_clean())
                    .then(|| Arc::new(facts.provenance.clone())),
            };
            let context = Context {
                now: started,
                key: submission.key,
                label: &facts.label,
                progress: &progress,
                cancel: submission.cancel,
            };
            executor.carry_out(recorded, context).await
        };
        let carried = carried.map(|done| self.as_configured(call, done));
        self.close(submission, &deed, seq, started, carried, hits, facts).await
    }

    #[expect(clippy::too_many_arguments, reason = "one record needs all of it, and nobody else calls it")]
    async fn close(
        &self,
        submission: &Submission<'_>,
        deed: &Deed,
        intent: Seq,
        started: Timestamp,
        carried: Result<Labelled<Done>, Failure>,
        rules: Vec<RuleHit>,
        facts: &Facts,
    ) -> Result<Submitted, Error> {
        let cancelled = submission.cancel.is_cancelled();
        let (ending, detail) = match &carried {
            Ok(_) => (Ending::Done, None),
            Err(failure) if failure.may_have_happened => {
                (Ending::MayHaveHappened(failure.blame), Some(self.clean(&failure.text)))
            }
            Err(_) if cancelled => (Ending::Cancelled, None),
            Err(failure) => (Ending::Failed(failure.blame), Some(self.clean(&failure.text))),
        };
        let done = carried.map(|done| self.redacted(done));
        let (label, contents, usage, cost_micros) = match &done {
            Ok(done) => self.summary_of(done, &facts.label),
            Err(failure) => (failure.label.clone(), Vec::new(), None, None),
        };
        let event = Event::Outcome {
            intent,
            name: deed.name.clone(),
            effect: deed.effect,
            ending,
            targets: Vec::<Target>::new(),
            contents,
            took: self.now().since(started),
            usage,
            cost_micros,
            detail,
        };
        self.note(submission, &label, event).await?;
        let (done, rules) = self.below_ceiling(submission, deed, done, rules, facts.ceiling).await?;
        Ok(match done {
            Ok(done) => {
                let (done, own) = done.into_parts();
                // What a model or a person answers comes from everything the session has read.
                let label = match &done {
                    Done::Answered(_) | Done::Delivered => facts.label.clone(),
                    Done::Ran(_) => own,
                };
                Submitted::Done { done: Labelled::new(done, label), rules }
            }
            Err(failure) => {
                Submitted::Failed { failure: Failure { text: self.clean(&failure.text), ..failure }, rules }
            }
        })
    }

    /// `done`, or that it was kept back, on record: what is more confidential than the session may read, which only the
    /// result says of itself. What was done stays done.
    async fn below_ceiling(
        &self,
        submission: &Submission<'_>,
        deed: &Deed,
        done: Result<Labelled<Done>, Failure>,
        mut rules: Vec<RuleHit>,
        ceiling: Tier,
    ) -> Result<(Result<Labelled<Done>, Failure>, Vec<RuleHit>), Error> {
        let tier = done.as_ref().map_or_else(|failure| failure.label.tier(), |done| done.label().tier());
        if tier <= ceiling || submission.call_id.is_empty() {
            return Ok((done, rules));
        }
        let (tier, ceiling) = (tier.as_str(), ceiling.as_str());
        let why =
            format!("what came back is of the tier {tier}, and this session may read {ceiling} at most");
        rules.insert(0, RuleHit { verdict: Verdict::Deny, id: "flow.ceiling".to_string(), why });
        self.note(submission, &ours(), Event::Refusal { deed: deed.clone(), rules: rules.clone() }).await?;
        let text = refusal("it was done, and what it gave back is not shown to you", &rules);
        let kept_back = match done {
            Ok(_) => Ok(Done::Ran(Output { text, fields: Vec::new(), label: ours() })),
            Err(failure) => Err(Failure { text, label: ours(), ..failure }),
        };
        Ok((kept_back.map(|done| Labelled::new(done, ours())), rules))
    }

    /// What a tool gave back, labelled as the owner's configuration says of where it came from.
    fn as_configured(&self, call: Option<&Call>, done: Labelled<Done>) -> Labelled<Done> {
        match (call, done.into_parts()) {
            (Some(call), (Done::Ran(output), _)) => {
                let output = self.policy().as_configured(call, output);
                let label = output.label.clone();
                Labelled::new(Done::Ran(output), label)
            }
            (_, (done, label)) => Labelled::new(done, label),
        }
    }

    fn redacted(&self, done: Labelled<Done>) -> Labelled<Done> {
        done.map(|done| match done {
            Done::Answered(mut turn) => {
                turn.text = self.clean(&turn.text);
                for call in &mut turn.calls {
                    call.tool = self.clean(&call.tool);
                    call.arguments = self.clean(&call.arguments);
                }
                Done::Answered(turn)
            }
            Done::Ran(mut output) => {
                output.text = self.clean(&output.text);
                for field in &mut output.fields {
                    self.clean_value(&mut field.value);
                }
                Done::Ran(output)
            }
            Done::Delivered => Done::Delivered,
        })
    }

    /// An address, a link or an id with a secret in it is a text from here on, and grounds nothing.
    fn clean_value(&self, value: &mut domain::Value) {
        if let domain::Value::List(values) = value {
            return values.iter_mut().for_each(|value| self.clean_value(value));
        }
        let text = value.canonical();
        let clean = self.clean(&text);
        if clean != text {
            *value = domain::Value::Text(clean);
        }
    }

    fn summary_of(
        &self,
        done: &Labelled<Done>,
        session: &Label,
    ) -> (Label, Vec<Content>, Option<domain::Usage>, Option<u64>) {
        let (value, own) = done.clone().into_parts();
        let key = self.log.content_key();
        match value {
            Done::Answered(turn) => {
                let cost = self.house.cost_micros(&turn.answered_by, turn.usage);
                (
                    session.clone(),
                    vec![Content::of("answer", turn.text.as_bytes(), key)],
                    Some(turn.usage),
                    cost,
                )
            }
            Done::Ran(output) => (own, vec![Content::of("result", output.text.as_bytes(), key)], None, None),
            Done::Delivered => (session.clone(), Vec::new(), None, None),
        }
    }

    /// What cannot be resolved cannot be judged: it is refused, on record, and the model is told what is missing.
    async fn unresolvable(
        &self,
        submission: &Submission<'_>,
        action: &Action,
        failure: Failure,
    ) -> Result<Submitted, Error> {
        let why = format!("it cannot be resolved: {}", self.clean(&failure.text));
        let rules = vec![RuleHit { verdict: Verdict::Deny, id: "door.resolve".to_string(), why }];
        let deed = Deed::of(action, self.log.content_key());
        self.note(submission, &failure.label, Event::Refusal { deed, rules: rules.clone() }).await?;
        Ok(Submitted::Impossible { failure, rules })
    }

    async fn ask_owner(
        &self,
        submission: &Submission<'_>,
        facts: &Facts,
        action: &Action,
        hits: Vec<RuleHit>,
        question: Question,
    ) -> Result<Submitted, Error> {
        let id: QuestionId = format!("q-{}", (self.draw)()).parse()?;
        let expires = facts.now.after(QUESTION_LIFE);
        let standing = StandingRule::offer(action, facts.channel, facts.label.integrity(), facts.now);
        let deed = Deed::of(action, self.log.content_key());
        let event = Event::Question { question: id.clone(), deed, rules: hits.clone(), expires };
        self.note(submission, &facts.label, event).await?;
        let kept = self
            .keep_question(submission, &id, action, &hits, &question, standing.as_ref(), facts.now, expires)
            .await?;
        let call_id = submission.call_id.to_string();
        self.tell(
            submission.who,
            What::Asked { call_id, question: Box::new(kept), label: facts.label.clone() },
        );
        Ok(Submitted::Asked { question: id })
    }

    pub(crate) async fn note(
        &self,
        submission: &Submission<'_>,
        label: &Label,
        event: Event,
    ) -> Result<Seq, Error> {
        let mut subject = submission.who.subject();
        subject.key = Some(submission.key.clone());
        subject.label = Some(label.clone());
        Ok(self.log.note(Entry { subject, event }, self.now()).await?)
    }

    fn tell_decision(&self, submission: &Submission<'_>, decision: &Decision, label: &Label) {
        if submission.call_id.is_empty() {
            return;
        }
        let (call_id, label) = (submission.call_id.to_string(), label.clone());
        let (verdict, rules) = (decision.verdict(), decision.hits().to_vec());
        self.tell(submission.who, What::Decided { call_id, verdict, rules, label });
    }

    pub(crate) async fn facts(
        &self,
        who: &Speaker,
        ledger: &Ledger,
        action: &Action,
    ) -> Result<Facts, Error> {
        let now = self.now();
        let (manifest, model_clearance) = match action {
            Action::Call(call) => {
                (self.catalog.manifest(&call.tool).cloned().map(std::sync::Arc::new), Tier::Low)
            }
            Action::AskModel(ask) => (None, self.house.model_clearance(&ask.model)),
            Action::Reply(_) => (None, Tier::Low),
        };
        let kept = self.kept_facts(who, &ledger.label, now).await?;
        Ok(Facts {
            now,
            principal: who.principal.clone(),
            channel: who.channel,
            proof: who.proof(),
            session: who.session.clone(),
            label: ledger.label.clone(),
            ceiling: kept.ceiling.unwrap_or_else(|| self.policy().ceiling()),
            typed: ledger.typed.clone(),
            provenance: ledger.provenance.clone(),
            mandate: ledger.mandate.clone(),
            approvals: kept.approvals,
            standing: kept.standing,
            familiar_recipients: kept.familiar_recipients,
            manifest,
            model_clearance,
            isolation: self.house.isolation(),
            isolation_floor: self.house.isolation_floor(),
            counters: kept.counters,
            suspicion: if ledger.suspicious { Suspicion::Raised } else { Suspicion::Quiet },
            lockdown: self.house.lockdown(),
        })
    }
}
