//! The owner's answers: a fact for a new decision, never an order by itself.

use crate::broker::{Broker, Speaker};
use crate::happened::{Answer, What};
use crate::steps::{Outlook, ours};
use crate::{Cancel, Error, Went};
use audit::{Entry, Event};
use domain::{Channel, ItemBody, Principal, ProposedCall, QuestionId, Role, TaskState, Timestamp};
use store::Question;

impl Broker {
    /// Takes the answer of `principal` to an open question, on `channel`. What it is about is decided anew by
    /// [`Broker::settle`], with the answer as one more fact.
    ///
    /// # Errors
    ///
    /// [`Error::NotTheOwner`]; [`Error::NoQuestion`] when it is answered, lapsed or was never asked;
    /// [`Error::NoStandingRule`]; [`Error::Audit`], [`Error::Store`].
    pub async fn answer(
        &self,
        question: &QuestionId,
        answer: Answer,
        principal: &Principal,
        channel: Channel,
    ) -> Result<Question, Error> {
        if principal.role != Role::Owner {
            return Err(Error::NotTheOwner { principal: principal.to_string() });
        }
        let now = self.now();
        let open = self.open_question(question, now).await?;
        let ledger = self.ledger(&open.session).await?;
        let standing = match answer {
            Answer::Approve | Answer::Deny => None,
            Answer::Always => {
                let held_on = self.channel_of(&open).await?;
                let rule = self.standing_for(&open, held_on, &ledger.label, now);
                Some(rule.ok_or(Error::NoStandingRule)?)
            }
        };
        let who = self.speaker(&open, principal.clone(), channel);
        let (word, kept_word) = match answer {
            Answer::Approve => (audit::Answer::Approve, store::Answer::Approve),
            Answer::Deny => (audit::Answer::Deny, store::Answer::Deny),
            Answer::Always => (audit::Answer::Always, store::Answer::Always),
        };
        let event = Event::Answer { question: question.clone(), answer: word, digest: open.digest };
        self.log.note(Entry { subject: who.subject(), event }, now).await?;
        let (id, by) = (question.clone(), principal.clone());
        let answered = self.store.run(move |tx| {
            if let Some(rule) = &standing {
                tx.put_standing(rule)?;
            }
            tx.answer_question(&id, kept_word, &by, now)
        });
        let answered = answered.await?;
        self.tell(&who, What::Answered { question: question.clone(), answer: Some(answer) });
        Ok(answered)
    }

    /// Closes the questions that nobody answered in time.
    ///
    /// # Errors
    ///
    /// [`Error::Audit`], [`Error::Store`].
    pub async fn lapse_questions(&self) -> Result<Vec<Question>, Error> {
        let now = self.now();
        self.close_questions(now, |question| now > question.expires).await
    }

    /// Closes every open question, whether it lapsed or not: for a lockdown.
    ///
    /// # Errors
    ///
    /// [`Error::Audit`], [`Error::Store`].
    pub async fn withdraw_questions(&self) -> Result<Vec<Question>, Error> {
        self.close_questions(self.now(), |_| true).await
    }

    async fn close_questions(
        &self,
        now: domain::Timestamp,
        which: impl Fn(&Question) -> bool,
    ) -> Result<Vec<Question>, Error> {
        let open = self.store.run(|tx| tx.questions_open()).await?;
        let mut lapsed = Vec::new();
        for question in open.into_iter().filter(|question| which(question)) {
            let who = self.speaker(&question, Principal::house(), Channel::Clock);
            let event = Event::Answer {
                question: question.id.clone(),
                answer: audit::Answer::Expired,
                digest: question.digest,
            };
            self.log.note(Entry { subject: who.subject(), event }, now).await?;
            let id = question.id.clone();
            let house = Principal::house();
            let closed =
                self.store.run(move |tx| tx.answer_question(&id, store::Answer::Expired, &house, now));
            lapsed.push(closed.await?);
            self.tell(&who, What::Answered { question: question.id, answer: None });
        }
        Ok(lapsed)
    }

    /// Goes on with what an answered question was about: an approved call is judged again and, if it is now allowed,
    /// carried out; a denied one is told to the model. What is not a call is left to the agent's next step.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn settle(&self, who: &Speaker, question: &Question, cancel: &Cancel) -> Result<Went, Error> {
        let Some((answer, _, _)) = &question.answer else {
            return Ok(Went::Waiting { question: question.id.clone() });
        };
        self.wake(who).await?;
        let proposed = self.proposed(question).await?;
        let why = match answer {
            store::Answer::Approve | store::Answer::Always if question.call_id.is_empty() => {
                return Ok(Went::On { usage: domain::Usage::default() });
            }
            store::Answer::Approve | store::Answer::Always => {
                let (step, index) = step_and_index(question)
                    .ok_or_else(|| Error::NoQuestion { question: question.id.to_string() })?;
                return self.call(who, step, index, &proposed, cancel).await;
            }
            store::Answer::Deny => "the owner said no to this; do not try it again in another form",
            store::Answer::Expired => "the owner did not answer in time, so this was not done",
        };
        if question.call_id.is_empty() {
            return Ok(Went::Stuck { why: why.to_string() });
        }
        let ledger = self.ledger(&who.session).await?;
        let rules = question.rules.clone();
        let item = Self::result(&proposed, why.to_string(), Outlook::Failed, rules, ours());
        self.append(who, ledger, vec![item], None).await?;
        Ok(Went::On { usage: domain::Usage::default() })
    }

    /// The call that a question is about, as the model wrote it: of a quarantined model's question, the call that wanted
    /// the value.
    async fn proposed(&self, question: &Question) -> Result<ProposedCall, Error> {
        let task = question.task.clone();
        let items = self.store.run(move |tx| tx.items_of(&task)).await?;
        Ok(tools::call_in(&items, &question.call_id).unwrap_or_else(|| ProposedCall {
            id: question.call_id.clone(),
            tool: question.tool.to_string(),
            arguments: question.arguments.clone(),
        }))
    }

    /// The answered questions of a task that nothing has been done about.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn unsettled(&self, who: &Speaker) -> Result<Vec<Question>, Error> {
        let task = who.task.clone();
        let (questions, items) =
            self.store.run(move |tx| Ok((tx.questions_of(&task)?, tx.items_of(&task)?))).await?;
        let settled = |question: &Question| {
            let asked =
                |body: &ItemBody| matches!(body, ItemBody::Asked { question: id, .. } if *id == question.id);
            let done = |body: &ItemBody| matches!(body, ItemBody::Result { call_id, .. } if *call_id == question.call_id);
            let since = items.iter().skip_while(|item| !asked(item.body_ref()));
            question.call_id.is_empty() || since.skip(1).any(|item| done(item.body_ref()))
        };
        Ok(questions.into_iter().filter(|question| question.answer.is_some() && !settled(question)).collect())
    }

    async fn wake(&self, who: &Speaker) -> Result<(), Error> {
        let (task, now) = (who.task.clone(), self.now());
        Ok(self.store.run(move |tx| tx.set_task_state(&task, TaskState::Running, now)).await?)
    }

    async fn open_question(&self, id: &QuestionId, now: Timestamp) -> Result<Question, Error> {
        let of = id.clone();
        let question = self.store.run(move |tx| tx.question(&of)).await?;
        question
            .filter(|question| question.answer.is_none() && now <= question.expires)
            .ok_or_else(|| Error::NoQuestion { question: id.to_string() })
    }

    async fn channel_of(&self, question: &Question) -> Result<Channel, Error> {
        let task = question.task.clone();
        let row = self.store.run(move |tx| tx.inbound_of(&task)).await?;
        Ok(row.map_or(Channel::Clock, |row| row.inbound.sender.channel))
    }

    fn speaker(&self, question: &Question, principal: Principal, channel: Channel) -> Speaker {
        Speaker { session: question.session.clone(), task: question.task.clone(), principal, channel }
    }
}

/// The step and the place in it, from the key of the effect that waits.
fn step_and_index(question: &Question) -> Option<(u32, u32)> {
    let mut parts = question.key.as_str().rsplit('.');
    let index = parts.next()?.parse().ok()?;
    let step = parts.next()?.parse().ok()?;
    Some((crate::holes::step_of_call(step), index))
}
