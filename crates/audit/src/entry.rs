//! What can be written down: one typed event, and whom and what it concerns.

use crate::{
    Answer, BackupAct, Content, Deed, Kind, LockdownAct, PolicyAct, ProofState, SecretAct, Seq, SettingAct,
    SignInAct, Target,
};
use domain::{
    ActionDigest, Blame, Channel, Effect, EffectKey, Host, Label, MessageId, Principal, QuestionId, RuleHit,
    SecretName, Sender, SessionId, TaskId, Timestamp, Usage, Verdict,
};
use std::net::IpAddr;
use std::time::Duration;

/// One event, with whom and what it concerns.
///
/// Texts in it are passed through the log's redaction and cut to a stated length on the way to disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Whom and what it concerns.
    pub subject: Subject,
    /// What happens or happened.
    pub event: Event,
}

/// Whom and what an event concerns, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// The conversation.
    pub session: Option<SessionId>,
    /// The task in it.
    pub task: Option<TaskId>,
    /// The effect of the task.
    pub key: Option<EffectKey>,
    /// On whose behalf.
    pub principal: Option<Principal>,
    /// Where they speak.
    pub channel: Option<Channel>,
    /// The label the event happened under; of an outcome, the label of what came out.
    pub label: Option<Label>,
}

/// What happens or happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An effect was allowed and is about to be carried out.
    Intent {
        /// What exactly.
        deed: Deed,
        /// The rules that allowed it.
        rules: Vec<RuleHit>,
        /// How well the process that does it is confined: `full`, `full-soft`, `landlock`.
        isolation: Option<String>,
    },
    /// What became of an intent.
    Outcome {
        /// The intent's place in the log.
        intent: Seq,
        /// The action's name, as in the intent.
        name: String,
        /// What it does to the world, as in the intent.
        effect: Effect,
        /// How it ended.
        ending: Ending,
        /// What was reached in the end, where it differs from the intent: a redirect's host, the message's id.
        targets: Vec<Target>,
        /// What came out.
        contents: Vec<Content>,
        /// How long it took.
        took: Duration,
        /// Tokens, of a model's answer.
        usage: Option<Usage>,
        /// What it cost, in millionths of the configured currency.
        cost_micros: Option<u64>,
        /// What failed: a fragment after "could not …:".
        detail: Option<String>,
    },
    /// The policy refused an action.
    Refusal {
        /// What was refused.
        deed: Deed,
        /// The rules that decided, worst first.
        rules: Vec<RuleHit>,
    },
    /// The owner is asked about an action.
    Question {
        /// The question.
        question: QuestionId,
        /// About what.
        deed: Deed,
        /// The rules that ask.
        rules: Vec<RuleHit>,
        /// When the question lapses.
        expires: Timestamp,
    },
    /// A question was answered.
    Answer {
        /// The question.
        question: QuestionId,
        /// The answer.
        answer: Answer,
        /// The digest of the action it is about.
        digest: ActionDigest,
    },
    /// A message came in.
    Inbound {
        /// The sender's id of it.
        message: MessageId,
        /// The account that sent it.
        sender: Sender,
        /// What it holds: `text`, `quoted`.
        contents: Vec<Content>,
    },
    /// Somebody signed in, or tried to.
    SignIn {
        /// What happened.
        act: SignInAct,
        /// From where: an address, `unix:1000`.
        from: String,
    },
    /// The configuration was read or changed.
    Config {
        /// What happened.
        act: SettingAct,
        /// The file.
        path: String,
        /// What it holds now.
        content: Content,
    },
    /// A policy or a standing rule changed.
    Policy {
        /// What happened.
        act: PolicyAct,
        /// The rule or file.
        rule: String,
        /// In words.
        detail: String,
    },
    /// A secret was kept, lent or removed. Never its value.
    Secret {
        /// Which.
        secret: SecretName,
        /// What happened.
        act: SecretAct,
        /// The host it was lent for.
        host: Option<Host>,
    },
    /// A control was tried.
    Proof {
        /// Which control.
        name: String,
        /// Whether it holds.
        state: ProofState,
        /// What was seen.
        detail: String,
    },
    /// The stop switch, or a suspension.
    Lockdown {
        /// What happened.
        act: LockdownAct,
        /// Why.
        why: String,
    },
    /// A backup was made, checked or restored.
    Backup {
        /// What happened.
        act: BackupAct,
        /// The file.
        path: String,
        /// Its bytes.
        content: Content,
        /// In words.
        detail: String,
    },
    /// A connection outwards, when it ends or is refused.
    Connection {
        /// For whom: `web.fetch`, `model openai`, `command KEY`.
        by: String,
        /// Where to: a name, or the address that was asked for in place of one.
        host: String,
        /// The port.
        port: u16,
        /// The address that was pinned.
        address: Option<IpAddr>,
        /// Whether it was let through.
        verdict: Verdict,
        /// The rules that decided.
        rules: Vec<RuleHit>,
        /// The method and path, where they were seen.
        request: Option<String>,
        /// Bytes that went out.
        bytes_out: u64,
        /// Bytes that came in.
        bytes_in: u64,
    },
}

impl Event {
    /// What kind of event it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Intent { .. } => Kind::Intent,
            Self::Outcome { .. } => Kind::Outcome,
            Self::Refusal { .. } => Kind::Refusal,
            Self::Question { .. } => Kind::Question,
            Self::Answer { .. } => Kind::Answer,
            Self::Inbound { .. } => Kind::Inbound,
            Self::SignIn { .. } => Kind::SignIn,
            Self::Config { .. } => Kind::Config,
            Self::Policy { .. } => Kind::Policy,
            Self::Secret { .. } => Kind::Secret,
            Self::Proof { .. } => Kind::Proof,
            Self::Lockdown { .. } => Kind::Lockdown,
            Self::Backup { .. } => Kind::Backup,
            Self::Connection { .. } => Kind::Connection,
        }
    }
}

/// How an effect ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It happened.
    Done,
    /// It did not happen.
    Failed(Blame),
    /// It failed, and may have happened all the same.
    MayHaveHappened(Blame),
    /// It was stopped by the owner before it was over.
    Cancelled,
    /// Found after a restart: begun, and no outcome on record.
    Unknown,
}
