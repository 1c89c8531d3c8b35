//! Sessions, their transcripts, and messages into them.

use super::{Label, Rule, Tier};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The longest message, in bytes: about forty pages, well inside every model's window.
pub const TEXT_BYTES_MAX: usize = 256 * 1024;
/// The longest title of a session, in characters: one line on a screen.
pub const TITLE_CHARACTERS_MAX: usize = 120;

/// One conversation, as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Session {
    /// Its id.
    pub id: String,
    /// What lists show: the owner's title, or the first words.
    pub title: String,
    /// The channel it was opened on: `web`, `cli`, `api`, `telegram`, …
    pub channel: String,
    /// When it was opened, in milliseconds since 1970.
    pub created: u64,
    /// When something last happened in it, in milliseconds since 1970.
    pub updated: u64,
    /// Where its newest task stands; absent when nothing was ever asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<TaskState>,
    /// The join over everything it has read.
    pub label: Label,
    /// The highest tier that it may read.
    pub ceiling: Tier,
}

/// `GET /api/v1/sessions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sessions {
    /// Newest activity first.
    pub sessions: Vec<Session>,
}

/// The body of `POST /api/v1/sessions`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSession {
    /// A title of the owner's own; without one, the first words of the first message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The highest tier that it may read; what the configuration says when left out. A program may ask for less than
    /// that, the owner in person for more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<Tier>,
}

/// The body of `POST /api/v1/sessions/{id}/ceiling`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCeiling {
    /// The highest tier that the session may read from here on.
    pub ceiling: Tier,
}

/// `GET /api/v1/sessions/{id}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Transcript {
    /// The session.
    pub session: Session,
    /// Its label; the same as `session.label`.
    pub label: Label,
    /// What was said and done, oldest first.
    pub items: Vec<Item>,
    /// The number of the newest event that the items already include: follow the WebSocket from here.
    pub seq: u64,
}

/// One entry of a transcript.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Item {
    /// Its place in the session, from 1, without gaps.
    pub number: u64,
    /// The task it belongs to.
    pub task: String,
    /// When, in milliseconds since 1970.
    pub time: u64,
    /// The label it was read under.
    pub label: Label,
    /// What it is.
    #[serde(flatten)]
    pub body: ItemBody,
}

/// What a transcript holds, told apart by `kind`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ItemBody {
    /// Somebody's message.
    Said {
        /// Who: `owner`, `member:anna`.
        by: String,
        /// What.
        text: String,
        /// What came quoted, forwarded or attached.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        quoted: Option<String>,
    },
    /// What the task may do without a question, written from the owner's words alone.
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
        rules: Vec<Rule>,
    },
    /// A stranger's text that no planner is shown, and the handle that stands for it.
    Held {
        /// The handle: `$mail_3`.
        handle: String,
        /// What gave it.
        tool: String,
        /// The text; untrusted.
        text: String,
    },
    /// A question to the owner about one call.
    Asked {
        /// The call's id.
        call_id: String,
        /// The question's id.
        question: String,
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

/// A call as the model wrote it: nothing about it has been checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProposedCall {
    /// The model's id for it.
    pub call_id: String,
    /// The tool's name, as written.
    pub tool: String,
    /// The arguments, as written: JSON if the model is well.
    pub arguments: String,
}

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
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

/// The body of `POST /api/v1/sessions/{id}/messages`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMessage {
    /// The sender's own id of the message (1 to 128 of a-z, 0-9, `-`, `_`, `.`): sent twice, it is taken once.
    pub id: String,
    /// What was typed.
    pub text: String,
    /// What is quoted, forwarded or attached: never instructions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quoted: Option<String>,
}

/// The message is on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Accepted {
    /// Whether this was the first time the message's id was seen.
    pub accepted: bool,
    /// The task that answers it.
    pub task: String,
}

/// Whether there was anything to cancel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cancelled {
    /// False when nothing was running.
    pub cancelled: bool,
}

impl From<domain::TaskState> for TaskState {
    fn from(state: domain::TaskState) -> Self {
        match state {
            domain::TaskState::Running => Self::Running,
            domain::TaskState::Waiting => Self::Waiting,
            domain::TaskState::Done => Self::Done,
            domain::TaskState::Cancelled => Self::Cancelled,
            domain::TaskState::Failed => Self::Failed,
        }
    }
}

impl From<&domain::ProposedCall> for ProposedCall {
    fn from(call: &domain::ProposedCall) -> Self {
        Self { call_id: call.id.clone(), tool: call.tool.clone(), arguments: call.arguments.clone() }
    }
}

impl From<domain::Item> for Item {
    fn from(item: domain::Item) -> Self {
        let (body, label) = item.body.into_parts();
        Self {
            number: item.number,
            task: item.task.to_string(),
            time: item.time.0,
            label: (&label).into(),
            body: body.into(),
        }
    }
}

impl From<domain::ItemBody> for ItemBody {
    fn from(body: domain::ItemBody) -> Self {
        match body {
            domain::ItemBody::Said { by, text, quoted } => Self::Said { by, text, quoted },
            domain::ItemBody::Planned { grants, why } => Self::Planned { grants, why },
            domain::ItemBody::Answered { text, calls } => {
                Self::Answered { text, calls: calls.iter().map(Into::into).collect() }
            }
            domain::ItemBody::Result { call_id, tool, text, failed, rules } => {
                Self::Result { call_id, tool, text, failed, rules: rules.iter().map(Into::into).collect() }
            }
            domain::ItemBody::Held { handle, tool, text } => Self::Held { handle, tool, text },
            domain::ItemBody::Asked { call_id, question } => {
                Self::Asked { call_id, question: question.to_string() }
            }
            domain::ItemBody::Replied { text } => Self::Replied { text },
            domain::ItemBody::Summary { text, up_to } => Self::Summary { text, up_to },
            domain::ItemBody::Ended { state, why } => Self::Ended { state: state.into(), why },
        }
    }
}
