//! The owner's answers, on their way to the broker: one, or one for a whole sheet of questions.

use crate::house::{FrontDoor, failed};
use crate::tasks::Tasks;
use broker::{Answer, Speaker};
use domain::QuestionId;
use gateway::{Caller, HouseError, wire};
use std::sync::Arc;
use store::Question;

impl FrontDoor {
    pub(crate) async fn take_answer(
        &self,
        caller: &Caller,
        id: &QuestionId,
        answer: wire::Answer,
    ) -> Result<wire::Answered, HouseError> {
        let mut woken = Woken::by(&self.tasks);
        self.answer_one(caller, id, answer, &mut woken).await?;
        Ok(wire::Answered { question: id.to_string(), answer })
    }

    /// One answer to many questions: none is answered unless all of them are open, and what waits goes on after the last.
    pub(crate) async fn take_answers(
        &self,
        caller: &Caller,
        ids: &[QuestionId],
        answer: wire::SheetAnswer,
    ) -> Result<wire::SheetAnswered, HouseError> {
        let open = self.open_questions(caller).await?;
        let is_open = |id: &&QuestionId| open.iter().any(|question| question.id == id.as_str());
        if let Some(id) = ids.iter().find(|id| !is_open(id)) {
            return Err(HouseError::NotFound { what: "question", id: id.to_string() });
        }
        let mut woken = Woken::by(&self.tasks);
        let mut answered = Vec::with_capacity(ids.len());
        for id in ids {
            self.answer_one(caller, id, answer.into(), &mut woken).await?;
            answered.push(wire::Answered { question: id.to_string(), answer: answer.into() });
        }
        Ok(wire::SheetAnswered { answered })
    }

    async fn answer_one(
        &self,
        caller: &Caller,
        id: &QuestionId,
        answer: wire::Answer,
        woken: &mut Woken,
    ) -> Result<(), HouseError> {
        let word = match answer {
            wire::Answer::Approve => Answer::Approve,
            wire::Answer::Deny => Answer::Deny,
            wire::Answer::Always => Answer::Always,
        };
        let answered = self.broker.answer(id, word, caller.principal(), caller.channel()).await;
        let question: Question = answered.map_err(|error| match error {
            broker::Error::NoQuestion { question } => HouseError::NotFound { what: "question", id: question },
            broker::Error::NoStandingRule => HouseError::Conflict { why: error.to_string() },
            broker::Error::NotTheOwner { .. } => HouseError::Refused {
                rules: vec![domain::RuleHit {
                    verdict: domain::Verdict::Deny,
                    id: "door.owner".to_string(),
                    why: error.to_string(),
                }],
            },
            broker::Error::Audit(_)
            | broker::Error::Store(_)
            | broker::Error::Ledger(_)
            | broker::Error::NotApart
            | broker::Error::Id(_) => failed(&error),
        })?;
        if let Some(who) = self.broker.speaker_of(&question.task).await.map_err(|error| failed(&error))? {
            woken.add(who);
        }
        Ok(())
    }
}

/// Tasks whose questions were answered: they go on when this is dropped, also where a later answer failed or whoever gave
/// them went away.
struct Woken {
    tasks: Arc<Tasks>,
    who: Vec<Speaker>,
}

impl Woken {
    fn by(tasks: &Arc<Tasks>) -> Self {
        Self { tasks: Arc::clone(tasks), who: Vec::new() }
    }

    fn add(&mut self, who: Speaker) {
        if !self.who.iter().any(|known| known.task == who.task) {
            self.who.push(who);
        }
    }
}

impl Drop for Woken {
    fn drop(&mut self) {
        self.who.drain(..).for_each(|who| self.tasks.go_on(who));
    }
}
