//! What is known when a question is put to the policy. A fact changes a later answer; it never revives an old one.

use crate::{Binding, Mandate, Provenance, StandingRule};
use domain::{Channel, Label, Principal, SessionId, Tier, Timestamp};
use std::sync::Arc;
use tools::Manifest;

/// Everything the policy may look at besides its own rules and the action. The broker gathers it; nothing in it comes
/// from the part that reads hostile text.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The moment of the question.
    pub now: Timestamp,
    /// For whom it is asked: the sender of the message that the task answers.
    pub principal: Principal,
    /// Where they speak.
    pub channel: Channel,
    /// Whether the channel has proved who they are.
    pub proof: ChannelProof,
    /// The conversation.
    pub session: SessionId,
    /// The join of all that the session has read, model answers included.
    pub label: Label,
    /// The highest tier this session or automation may read.
    pub ceiling: Tier,
    /// A slash command that the owner typed on a proven channel, verbatim, when this task is that command.
    /// It is its own mandate, for exactly what it says.
    pub typed: Option<String>,
    /// Trusted texts and service facts that ground arguments.
    pub provenance: Provenance,
    /// What the task may do; empty when no plan was made.
    pub mandate: Mandate,
    /// The owner's answers that have not been used.
    pub approvals: Vec<Approval>,
    /// The owner's "always" rules. Expired ones may be among them; they are not looked at.
    pub standing: Vec<StandingRule>,
    /// Recipients that something has been sent to before, in the normal form of an address.
    pub familiar_recipients: Vec<domain::Address>,
    /// The manifest that the call was parsed against; without one the worst is assumed.
    pub manifest: Option<Arc<Manifest>>,
    /// The highest tier that the asked model is cleared for, for a prompt.
    pub model_clearance: Tier,
    /// The walls that a process would have now.
    pub isolation: IsolationLevel,
    /// The walls below which nothing runs.
    pub isolation_floor: IsolationLevel,
    /// What has been used of every limit.
    pub counters: Counters,
    /// What the content guard makes of what the session has read. It can only make the answer stricter.
    pub suspicion: Suspicion,
    /// Whether the stop switch is on.
    pub lockdown: Lockdown,
}

/// Whether the channel has proved who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChannelProof {
    /// The account was paired, or signed in.
    Proven,
    /// Anything else.
    Unproven,
}

/// One answer of the owner, for one exact action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// What was approved.
    pub binding: Binding,
    /// The last moment it is good for.
    pub expires: Timestamp,
}

/// The walls around a process, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IsolationLevel {
    /// All namespaces, seccomp, cgroup, Landlock.
    Full,
    /// The same with soft limits.
    FullSoft,
    /// Landlock and seccomp alone.
    Landlock,
    /// No wall.
    Off,
}

impl IsolationLevel {
    /// Every level, best first.
    pub const ALL: [Self; 4] = [Self::Full, Self::FullSoft, Self::Landlock, Self::Off];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::FullSoft => "full-soft",
            Self::Landlock => "landlock",
            Self::Off => "none",
        }
    }
}

/// What has been used of the limits that `[limits]` sets, in the windows it names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Consequential effects of this session in the last minute.
    pub effects_last_minute: u32,
    /// Messages to other people in the last hour, over all sessions.
    pub sends_last_hour: u32,
    /// Prompts to models in the last hour, over all sessions.
    pub prompts_last_hour: u32,
    /// Tokens bought from models today, over all sessions.
    pub tokens_today: u64,
    /// Refusals of this session in the last ten minutes.
    pub refusals_last_ten_minutes: u32,
}

/// What the content guard makes of the session's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Suspicion {
    /// Nothing stands out.
    Quiet,
    /// It reads like an attack.
    Raised,
}

/// The stop switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lockdown {
    /// Work goes on.
    Released,
    /// Every effect is refused.
    Locked,
}

impl Facts {
    /// Facts for `principal` in `session` with nothing read, nothing granted, nothing approved: the strictest there
    /// are, for a caller to fill in. The sink is public, no tier above low fits the model, the channel is unproven.
    #[must_use]
    pub fn nothing_known(now: Timestamp, principal: Principal, channel: Channel, session: SessionId) -> Self {
        Self {
            now,
            principal,
            channel,
            proof: ChannelProof::Unproven,
            session,
            label: Label::unknown(),
            ceiling: Tier::High,
            typed: None,
            provenance: Provenance::default(),
            mandate: Mandate::default(),
            approvals: Vec::new(),
            standing: Vec::new(),
            familiar_recipients: Vec::new(),
            manifest: None,
            model_clearance: Tier::Low,
            isolation: IsolationLevel::Off,
            isolation_floor: IsolationLevel::Landlock,
            counters: Counters::default(),
            suspicion: Suspicion::Quiet,
            lockdown: Lockdown::Released,
        }
    }
}
