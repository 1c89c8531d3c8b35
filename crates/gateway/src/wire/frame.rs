//! The frames of `/api/v1/ws`: JSON objects told apart by `type`.

use super::{
    Answer, ApiError, Argument, AuditRecord, Effect, Label, Question, Rule, Status, TaskState, Verdict,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most bytes of one frame from a client: a message of the longest text, JSON-escaped, with room for the rest.
pub const FRAME_BYTES_MAX: usize = 1024 * 1024;

/// What a client sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ClientFrame {
    /// The first frame, and only the first.
    Hello {
        /// The number of the last event the client has; absent to begin with the next one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<u64>,
    },
    /// A message into a session.
    Send {
        /// The session.
        session: String,
        /// The client's own id of the message; sent twice, it is taken once.
        id: String,
        /// What was typed.
        text: String,
        /// What is quoted or attached: never instructions.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        quoted: Option<String>,
    },
    /// Stop what a session is doing.
    Cancel {
        /// The session.
        session: String,
    },
    /// Answer a question.
    Answer {
        /// The question's id.
        question: String,
        /// The answer.
        answer: Answer,
    },
    /// Asks for a `pong`.
    Ping {
        /// Comes back in the `pong`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
    },
}

/// Why a frame could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// It is longer than [`FRAME_BYTES_MAX`].
    #[error("the frame has {found} bytes, at most {FRAME_BYTES_MAX} are taken")]
    TooLong {
        /// Its length in bytes.
        found: usize,
    },
    /// It is not one of the client frames.
    #[error("the frame is not one of hello, send, cancel, answer, ping: {why}")]
    Malformed {
        /// What is wrong, and where.
        why: String,
    },
}

impl ClientFrame {
    /// Reads one text frame.
    ///
    /// # Errors
    ///
    /// [`FrameError`] when it is too long, not JSON, of no known type, or has a field too many or too few.
    pub fn parse(text: &str) -> Result<Self, FrameError> {
        if text.len() > FRAME_BYTES_MAX {
            return Err(FrameError::TooLong { found: text.len() });
        }
        // serde also reads a struct from a list of its fields, which is no form of ours.
        if !text.trim_ascii_start().starts_with('{') {
            return Err(FrameError::Malformed { why: "it is not a JSON object".to_string() });
        }
        serde_json::from_str(text).map_err(|error| FrameError::Malformed { why: error.to_string() })
    }
}

/// What the server sends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerFrame {
    /// The answer to `hello`; events follow.
    Welcome {
        /// The version of these shapes: 1.
        version: u32,
        /// The number of the newest event there is.
        seq: u64,
        /// Whether the events begin right after the client's `after`. When false some were missed: load the
        /// sessions, approvals and status again over HTTP.
        resumed: bool,
    },
    /// Something happened.
    Event(Box<Numbered>),
    /// A client's frame could not be carried out; the connection stays.
    Error {
        /// The `id` of the `send` or the id of the question or session it is about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        about: Option<String>,
        /// Why.
        error: ApiError,
    },
    /// The answer to `ping`.
    Pong {
        /// The ping's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
    },
}

/// An event with its number and time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Numbered {
    /// Rises by one with each event; also from one start of the program to the next it only rises.
    pub seq: u64,
    /// When, in milliseconds since 1970.
    pub time: u64,
    /// What happened, told apart by `kind`.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened, told apart by `kind`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// A message is on disk; its task begins.
    Accepted {
        /// The session.
        session: String,
        /// The task.
        task: String,
        /// The sender's id of the message.
        message: String,
        /// Who said it: `owner`, `member:anna`.
        by: String,
        /// What was said.
        text: String,
    },
    /// A plan was written from the owner's words alone, or none could be.
    Planned {
        /// The session.
        session: String,
        /// The task.
        task: String,
        /// What the task may do without a question, in plain language, a line a grant.
        grants: Vec<String>,
        /// Why there is no plan; empty when there is one.
        why: String,
    },
    /// More of an answer that is being written; not yet a reply. `text` is appended to what came before it in the
    /// same task and step.
    Draft {
        /// The session.
        session: String,
        /// The task.
        task: String,
        /// The step of the task, from 0: a new step is a new draft.
        step: u32,
        /// The next piece.
        text: String,
    },
    /// The model wants a tool used.
    Call {
        /// The session.
        session: String,
        /// The task.
        task: String,
        /// The call's id, unique in its task.
        call_id: String,
        /// The tool.
        tool: String,
        /// The arguments.
        arguments: Vec<Argument>,
        /// What it does to the world.
        effect: Effect,
    },
    /// The policy decided a call.
    Decided {
        /// The session.
        session: String,
        /// The task.
        task: String,
        /// The call.
        call_id: String,
        /// The decision.
        verdict: Verdict,
        /// The rules that decided, worst first.
        rules: Vec<Rule>,
        /// The session's label when it was decided.
        label: Label,
    },
    /// What became of a call.
    Result {
        /// The session.
        session: String,
        /// The task.
        task: String,
        /// The call.
        call_id: String,
        /// What the model is told.
        text: String,
        /// Whether it did not work, was refused, or is not known to have happened.
        failed: bool,
        /// The result's label.
        label: Label,
    },
    /// The owner is asked.
    Asked {
        /// The question.
        question: Question,
        /// The call it is about.
        call_id: String,
    },
    /// A task asks no more for now: it waits for the answers to these questions. They can be answered with one answer,
    /// and each by itself.
    Waits {
        /// The session.
        session: String,
        /// The task.
        task: String,
        /// Its open questions, in the order in which they will be done.
        questions: Vec<String>,
    },
    /// A question is over.
    Answered {
        /// The session.
        session: String,
        /// The question's id.
        question: String,
        /// The answer; absent when it expired or its task was cancelled.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answer: Option<Answer>,
    },
    /// The answer to whoever asked; it replaces the draft.
    Reply {
        /// The session.
        session: String,
        /// The task.
        task: String,
        /// The text.
        text: String,
        /// Its label.
        label: Label,
    },
    /// A task is over.
    Ended {
        /// The session.
        session: String,
        /// The task.
        task: String,
        /// How.
        state: TaskState,
        /// Why, for the owner; empty when it was answered.
        why: String,
    },
    /// A session's label has changed.
    Label {
        /// The session.
        session: String,
        /// What it is now.
        label: Label,
    },
    /// A call is under way.
    Progress {
        /// The session.
        session: String,
        /// The task.
        task: String,
        /// The call.
        call_id: String,
        /// What it is at, in words, or the next lines of its output.
        text: String,
        /// How far it is, 0 to 100, when that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        percent: Option<u8>,
    },
    /// The audit log has a new record. Sent only to whoever has the scope `audit`.
    Audit {
        /// The record.
        record: AuditRecord,
    },
    /// The house's state has changed.
    Status {
        /// What it is now.
        status: Status,
    },
}

/// Close codes of `/api/v1/ws` (RFC 6455 §7.4.2 leaves 4000–4999 to applications).
pub mod close {
    /// The first frame was not `hello`, or did not come within the time.
    pub const NO_HELLO: u16 = 4000;
    /// The sign-in or token was revoked, has lapsed, or signed out.
    pub const SIGNED_OUT: u16 = 4001;
    /// The client reads more slowly than events come.
    pub const TOO_SLOW: u16 = 4008;
    /// The client sends more frames than are taken.
    pub const TOO_MANY: u16 = 4029;
    /// Nothing was heard from the client for too long.
    pub const SILENT: u16 = 4040;
}
