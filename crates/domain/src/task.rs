//! What a session remembers of a task: enough to go on after a restart.

use crate::{Labelled, ProposedCall, QuestionId, RuleHit, TaskId, Timestamp};

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TaskState {
    /// It goes on by itself.
    Running,
    /// It waits for the owner's answer.
    Waiting,
    /// It was answered.
    Done,
    /// It was cancelled by the owner.
    Cancelled,
    /// It ended in an error.
    Failed,
}

impl TaskState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Running, Self::Waiting, Self::Done, Self::Cancelled, Self::Failed];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    /// Whether nothing more will happen.
    #[must_use]
    pub fn is_over(self) -> bool {
        match self {
            Self::Running | Self::Waiting => false,
            Self::Done | Self::Cancelled | Self::Failed => true,
        }
    }
}

/// One entry of a session's transcript. Items are only ever added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its place in the session, from 1, without gaps.
    pub number: u64,
    /// The task it belongs to.
    pub task: TaskId,
    /// When it was added.
    pub time: Timestamp,
    /// What it is, with the label it was read under.
    pub body: Labelled<ItemBody>,
}

impl Item {
    /// What it is, for a reader that keeps the item, and so its label.
    #[must_use]
    pub fn body_ref(&self) -> &ItemBody {
        self.body.value_ref()
    }
}

/// How strangers' text reaches the model that plans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TextIsolation {
    /// It is shown, wrapped as data.
    #[default]
    Wrapped,
    /// It is held apart: the model sees a handle, and may have closed values read out by another.
    Strict,
}

/// What a transcript holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemBody {
    /// Somebody's message.
    Said {
        /// Who: `owner`, `member:anna`.
        by: String,
        /// What.
        text: String,
        /// What came quoted, forwarded or attached.
        quoted: Option<String>,
    },
    /// What the task may do without a question, written from the owner's words before their answer is worked on.
    Planned {
        /// In plain language, a line a grant.
        grants: Vec<String>,
        /// Why there is no plan; empty when there is one.
        why: String,
    },
    /// A model's answer.
    Answered {
        /// What it said.
        text: String,
        /// What it wants done.
        calls: Vec<ProposedCall>,
    },
    /// What became of one call of the last answer.
    Result {
        /// The call's id.
        call_id: String,
        /// The tool, as the model wrote it.
        tool: String,
        /// What the model is told.
        text: String,
        /// Whether it did not work, was refused, or is not known to have happened.
        failed: bool,
        /// The rules that decided, worst first.
        rules: Vec<RuleHit>,
    },
    /// A stranger's text that is held apart: no planner is shown it, only the handle that stands for it.
    Held {
        /// The handle, unique in its session: `$mail_3`.
        handle: String,
        /// What gave it: a tool's name, or that of the type it was read out as.
        tool: String,
        /// The text.
        text: String,
    },
    /// A question to the owner about one call of the last answer.
    Asked {
        /// The call's id.
        call_id: String,
        /// The question.
        question: QuestionId,
    },
    /// What was answered to whoever asked.
    Replied {
        /// The text.
        text: String,
    },
    /// Everything before, made shorter.
    Summary {
        /// The short text.
        text: String,
        /// The number of the last item that it stands for.
        up_to: u64,
    },
    /// The task ended otherwise than by a reply.
    Ended {
        /// How.
        state: TaskState,
        /// Why, for the owner.
        why: String,
    },
}
