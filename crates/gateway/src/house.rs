//! What the gateway asks of the house behind it.

use crate::wire;
use crate::{Caller, Events};
use domain::{Inbound, QuestionId, SessionId};
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use std::sync::Arc;
use std::time::Duration;

/// An answer of the house, later.
pub type Later<'a, T> = BoxFuture<'a, Result<T, HouseError>>;

/// The house behind the gateway. The daemon implements it; the gateway decides nothing but who may ask.
///
/// Every method may be called at any time from many tasks at once. A future that is dropped (the client went away)
/// must leave the house consistent.
pub trait House: Send + Sync + 'static {
    /// The events that sockets follow. The house publishes into them.
    fn events(&self) -> &Arc<Events>;

    /// How the house is.
    fn status(&self) -> Later<'_, wire::Status>;

    /// Whether the house takes messages; never fails and never waits long.
    fn readiness(&self) -> BoxFuture<'_, wire::Readiness>;

    /// The sessions `caller` may see, newest activity first, at most `limit`.
    fn sessions<'a>(&'a self, caller: &'a Caller, limit: u32) -> Later<'a, Vec<wire::Session>>;

    /// Opens a session.
    fn open_session<'a>(&'a self, caller: &'a Caller, new: wire::NewSession) -> Later<'a, wire::Session>;

    /// Says what a session may read at most from here on. `caller` is the owner in person.
    fn set_ceiling<'a>(
        &'a self,
        caller: &'a Caller,
        session: &'a SessionId,
        ceiling: wire::Tier,
    ) -> Later<'a, wire::Session>;

    /// One session with everything in it.
    fn session<'a>(&'a self, caller: &'a Caller, id: &'a SessionId) -> Later<'a, wire::Transcript>;

    /// Whether `caller`, who is not the owner, may see what happens in `session`: asked for each event and each such
    /// socket, so it answers from memory, at once. When in doubt: no.
    fn may_see(&self, caller: &Caller, session: &SessionId) -> bool;

    /// Takes a message in: it is on disk when this returns. The same id of the same sender again gives the same task
    /// with `accepted: false`.
    fn deliver(&self, inbound: Inbound) -> Later<'_, wire::Accepted>;

    /// Stops what a session is doing.
    fn cancel<'a>(&'a self, caller: &'a Caller, session: &'a SessionId) -> Later<'a, wire::Cancelled>;

    /// Takes a session back: what it does is stopped, and nothing more happens in it.
    fn revoke_session<'a>(&'a self, caller: &'a Caller, session: &'a SessionId)
    -> Later<'a, wire::Cancelled>;

    /// Turns the stop switch on. When this returns nothing new begins, and what ran has been told to end. Releasing it
    /// is not for anything that comes in here.
    fn lock_down<'a>(&'a self, caller: &'a Caller) -> Later<'a, wire::Status>;

    /// The open questions, oldest first.
    fn approvals<'a>(&'a self, caller: &'a Caller) -> Later<'a, Vec<wire::Question>>;

    /// How often the owner was asked in the last `days`, 1 to [`wire::STATS_DAYS_MAX`].
    fn approval_stats<'a>(&'a self, caller: &'a Caller, days: u32) -> Later<'a, wire::ApprovalStats>;

    /// How it goes with whoever is sent the audit log.
    fn receivers(&self) -> Later<'_, Vec<wire::Receiver>>;

    /// Puts the rules on disk in force. `caller` is the owner in person.
    fn reload_policy<'a>(&'a self, caller: &'a Caller) -> Later<'a, wire::PolicyInForce>;

    /// Answers a question. `caller` has the scope for it; whether this principal may is the house's to decide.
    fn answer<'a>(
        &'a self,
        caller: &'a Caller,
        question: &'a QuestionId,
        answer: wire::Answer,
    ) -> Later<'a, wire::Answered>;

    /// Answers several questions with one answer, in the order given: each with a record of its own, and what waits for
    /// them goes on when all of them are answered. `questions` are 1 to [`wire::SHEET_QUESTIONS_MAX`], each once.
    fn answer_sheet<'a>(
        &'a self,
        caller: &'a Caller,
        questions: &'a [QuestionId],
        answer: wire::SheetAnswer,
    ) -> Later<'a, wire::SheetAnswered>;

    /// Looks into the audit log. `query.limit` is always set, 1 to [`wire::RECORDS_MAX`].
    fn audit<'a>(&'a self, caller: &'a Caller, query: wire::AuditQuery) -> Later<'a, wire::AuditPage>;

    /// The slash commands.
    fn commands(&self) -> Later<'_, Vec<wire::Command>>;

    /// Plays an attack on a stage of its own: a temporary home with decoys, which is gone afterwards.
    fn demo(&self, new: wire::NewDemo) -> Later<'_, wire::Demo>;

    /// The models that `/v1/models` lists.
    fn models(&self) -> Later<'_, Vec<Model>>;

    /// One OpenAI-style chat: a task like any other, with the same door. Dropping the stream cancels the task.
    fn complete<'a>(&'a self, caller: &'a Caller, chat: Chat) -> Later<'a, Completion>;

    /// Writes something of consequence about coming in into the audit log. An error refuses the sign-in or token that
    /// it is about.
    fn record(&self, happening: Happening) -> Later<'_, ()>;
}

/// A model as `/v1/models` lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// The owner's name for it.
    pub name: String,
    /// When it was set up, in seconds since 1970.
    pub created: u64,
    /// Who runs it: `anthropic`, `hardshell`.
    pub owned_by: String,
}

/// An OpenAI-style chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chat {
    /// The id of the request, drawn by the gateway: the message id of the task.
    pub id: domain::MessageId,
    /// The model as the client named it; the house knows whether there is such a one.
    pub model: String,
    /// The conversation as the client sends it, oldest first; the last one is a user's.
    pub messages: Vec<ChatMessage>,
    /// The most tokens the answer may have.
    pub answer_tokens_max: Option<u32>,
}

/// One message of an OpenAI-style chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatMessage {
    /// Who is said to have said it. Only the last user message is the caller's words; everything before it is what a
    /// program sends along.
    pub role: ChatRole,
    /// The text.
    pub text: String,
}

/// Who is said to have said something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChatRole {
    /// `system` or `developer`.
    System,
    /// `user`.
    User,
    /// `assistant`.
    Assistant,
}

/// An answer that is being written.
pub struct Completion {
    /// The model that answers.
    pub model: String,
    /// The pieces. [`Piece::Done`] comes last and exactly once, or an error comes last.
    pub pieces: BoxStream<'static, Result<Piece, HouseError>>,
}

/// A piece of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// More text.
    Text(String),
    /// That was all.
    Done {
        /// Why it stopped.
        stop: domain::StopReason,
        /// What it cost.
        usage: domain::Usage,
    },
}

/// Something of consequence about coming in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// A one-time link was made.
    LinkMade {
        /// The link's public id.
        id: String,
    },
    /// A browser signed in with a link.
    SignedIn {
        /// The sign-in's public id.
        id: String,
        /// Where from.
        peer: String,
    },
    /// A browser signed out, or a sign-in or token was taken back.
    Revoked {
        /// Its public id.
        id: String,
        /// Who did it: a caller's id.
        by: String,
    },
    /// A token was made.
    TokenMade {
        /// Its public id.
        id: String,
        /// What lists call it.
        name: String,
        /// What it may be used for.
        scopes: Vec<crate::Scope>,
    },
    /// Someone tried wrong credentials so often that they must wait.
    LockedOut {
        /// Where from.
        peer: String,
        /// How long.
        wait: Duration,
    },
}

/// Why the house does not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HouseError {
    /// There is no such thing, or not for this caller.
    #[error("no {what} `{id}`")]
    NotFound {
        /// `session`, `question`, `task`.
        what: &'static str,
        /// As asked for.
        id: String,
    },
    /// There is no such model.
    #[error("no model `{model}`")]
    UnknownModel {
        /// As asked for.
        model: String,
    },
    /// The conversation does not fit into the model's window.
    #[error("the conversation has about {found} tokens, the model takes {limit}")]
    TooLong {
        /// What the model takes, in tokens.
        limit: u64,
        /// What was sent, in tokens.
        found: u64,
    },
    /// Something in the request is wrong in a way that only the house could see.
    #[error("{why}")]
    Invalid {
        /// What.
        why: String,
    },
    /// Already answered, already over, id already taken.
    #[error("{why}")]
    Conflict {
        /// What.
        why: String,
    },
    /// The policy refused.
    #[error("the policy refuses it")]
    Refused {
        /// The rules, worst first.
        rules: Vec<domain::RuleHit>,
    },
    /// Everything is stopped.
    #[error("everything is stopped: lockdown is on")]
    LockedDown,
    /// Too much at once.
    #[error("{why}")]
    Busy {
        /// What there is too much of.
        why: String,
        /// When to try again.
        retry_after: Duration,
    },
    /// Not ready, or it has lost something it needs.
    #[error("not ready: {why}")]
    NotReady {
        /// What is missing.
        why: String,
    },
    /// The disk takes no more. Nothing of what was asked was kept, and nothing else was lost.
    #[error("the disk is full, so nothing is taken in")]
    DiskFull,
    /// Our fault, or the model's provider's: already redacted.
    #[error("{why}")]
    Failed {
        /// What failed.
        why: String,
    },
}
