//! What the broker tells whoever watches: screens follow a task by these.

use crate::ledger::Ledger;
use crate::plan::PLAN_STEP;
use crate::{Broker, Error, Progress, Speaker};
use domain::{
    Action, Argument, Call, Effect, Label, QuestionId, RuleHit, SessionId, TaskId, TaskState, Timestamp,
    Verdict,
};
use policy::{Decision, Provenance};
use std::sync::Arc;

/// Something that has become true. It is on disk when it is told, drafts and progress excepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happened {
    /// The conversation.
    pub session: SessionId,
    /// The task in it.
    pub task: TaskId,
    /// When.
    pub time: Timestamp,
    /// What.
    pub what: What,
}

/// What has become true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A message was taken in.
    Accepted {
        /// The sender's id of it.
        message: String,
        /// Who sent it.
        by: String,
        /// The text.
        text: String,
    },
    /// A plan was written, or none could be.
    Planned {
        /// What may be done without a question, in plain language, a line a grant.
        grants: Vec<String>,
        /// Why there is no plan; empty when there is one.
        why: String,
    },
    /// A piece of a model's answer, not yet a reply.
    Draft {
        /// The effect's step.
        step: u32,
        /// The piece.
        text: String,
        /// What tells a stranger's address from a known one; nothing where no stranger has been read.
        known: Option<Arc<Provenance>>,
    },
    /// A call was understood and is about to be judged.
    Called {
        /// The call's id.
        call_id: String,
        /// The tool.
        tool: String,
        /// What it does.
        effect: Effect,
        /// With what.
        arguments: Vec<Argument>,
    },
    /// The policy has judged it.
    Decided {
        /// The call's id.
        call_id: String,
        /// How.
        verdict: Verdict,
        /// The rules, worst first.
        rules: Vec<RuleHit>,
        /// The label it was judged under.
        label: Label,
    },
    /// How far it is.
    Progress {
        /// The call's id.
        call_id: String,
        /// In words.
        text: String,
        /// In percent.
        percent: Option<u8>,
    },
    /// It has a result.
    Resulted {
        /// The call's id.
        call_id: String,
        /// What the model is told.
        text: String,
        /// Whether it did not work.
        failed: bool,
        /// The label of the result.
        label: Label,
    },
    /// The owner is asked.
    Asked {
        /// The call's id.
        call_id: String,
        /// The question, as it is kept.
        question: Box<store::Question>,
        /// The label it is asked under.
        label: Label,
    },
    /// A question is closed.
    Answered {
        /// The question.
        question: QuestionId,
        /// The answer, unless it lapsed.
        answer: Option<Answer>,
    },
    /// Somebody was answered.
    Replied {
        /// The words.
        text: String,
        /// Their label.
        label: Label,
    },
    /// The task is over.
    Ended {
        /// How.
        state: TaskState,
        /// Why.
        why: String,
    },
    /// The session's label changed.
    Labelled {
        /// To what.
        label: Label,
    },
}

/// The owner's answer to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answer {
    /// Do it, this once.
    Approve,
    /// Do not.
    Deny,
    /// Do it, and what is like it from now on.
    Always,
}

/// Watches.
pub trait Watch: Send + Sync {
    /// Something has become true. Must return at once.
    fn happened(&self, happened: Happened);

    /// The policy has taken so long to decide. Must return at once.
    fn decided(&self, _took: std::time::Duration) {}
}

/// Passes an effect's progress on to whoever watches.
pub(crate) struct Passing<'a> {
    /// Whether an answer is heard before its reply is judged.
    pub(crate) is_heard: bool,
    pub(crate) watch: &'a dyn Watch,
    pub(crate) session: &'a SessionId,
    pub(crate) task: &'a TaskId,
    pub(crate) call_id: &'a str,
    pub(crate) step: u32,
    pub(crate) now: Timestamp,
    pub(crate) known: Option<Arc<Provenance>>,
}

impl Broker {
    /// Whether whoever speaks may hear an answer while it is made: the owner, where a reply with what the session has
    /// read needs no question. Everybody else has it from the door, as a whole.
    pub(crate) async fn may_hear(
        &self,
        who: &Speaker,
        ledger: &Ledger,
        call: Option<&Call>,
    ) -> Result<bool, Error> {
        if call.is_some() || who.principal.role != domain::Role::Owner {
            return Ok(false);
        }
        let reply = Action::Reply(domain::Reply { session: who.session.clone(), text: String::new() });
        let facts = self.facts(who, ledger, &reply).await?;
        Ok(matches!(self.decide(reply, &facts), Decision::Allow { .. }))
    }
}

impl Passing<'_> {
    fn pass(&self, what: What) {
        let (session, task) = (self.session.clone(), self.task.clone());
        self.watch.happened(Happened { session, task, time: self.now, what });
    }
}

impl Progress for Passing<'_> {
    fn draft(&self, text: &str) {
        // A plan is told whole, when it is understood; a quarantined model's words are nobody's but the door's.
        if !self.is_heard || self.step == PLAN_STEP || !self.call_id.is_empty() {
            return;
        }
        let known = self.known.clone();
        self.pass(What::Draft { step: self.step, text: text.to_string(), known });
    }

    fn step(&self, text: &str, percent: Option<u8>) {
        self.pass(What::Progress { call_id: self.call_id.to_string(), text: text.to_string(), percent });
    }
}

pub(crate) fn called(call_id: &str, call: &Call) -> What {
    What::Called {
        call_id: call_id.to_string(),
        tool: call.tool.to_string(),
        effect: call.effect,
        arguments: call.arguments.clone(),
    }
}
