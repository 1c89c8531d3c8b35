//! "Always": narrow rules that the owner made from a question, which expire.

use domain::{Action, Argument, ArgumentRole, Call, Channel, Integrity, Timestamp, ToolName};
use std::time::Duration;

/// How long a standing rule lives. Long enough for a habit, short enough that nobody forgets having made it.
pub const STANDING_LIFE: Duration = Duration::from_secs(90 * 24 * 3600);

/// A rule that answers one kind of question for the owner.
///
/// It is as narrow as the action it was made from: the same tool with the same authority arguments, on the same
/// channel. It never answers a question that a refusal stands behind, and never one about spending or configuring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandingRule {
    /// Its name in records: `standing-` and sixteen hexadecimal digits of its content.
    pub id: String,
    /// What it covers.
    pub scope: StandingScope,
    /// The last moment it holds.
    pub expires: Timestamp,
}

/// What a standing rule covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandingScope {
    /// The tool.
    pub tool: ToolName,
    /// Every authority argument, with its value.
    pub authority: Vec<Argument>,
    /// The channel it was answered for.
    pub channel: Channel,
    /// The worst integrity of a session that it still answers in: that of the session it was made in.
    pub integrity: Integrity,
}

impl StandingRule {
    /// The rule that "always" means for `action`, or nothing where "always" is not on offer.
    #[must_use]
    pub fn offer(action: &Action, channel: Channel, integrity: Integrity, now: Timestamp) -> Option<Self> {
        let Action::Call(call) = action else { return None };
        match call.effect {
            domain::Effect::Spend | domain::Effect::Configure => return None,
            domain::Effect::Read
            | domain::Effect::Fetch
            | domain::Effect::Write
            | domain::Effect::Delete
            | domain::Effect::Execute
            | domain::Effect::Send => {}
        }
        let authority = authority(call);
        if authority.is_empty() {
            return None;
        }
        let scope = StandingScope { tool: call.tool.clone(), authority, channel, integrity };
        let digest = blake3::hash(scope.in_words().as_bytes()).to_hex();
        let id = format!("standing-{}", digest.as_str().get(..16).unwrap_or_default());
        Some(Self { id, scope, expires: now.after(STANDING_LIFE) })
    }

    /// Whether it answers a question about `call` now.
    #[must_use]
    pub fn answers(&self, call: &Call, channel: Channel, integrity: Integrity, now: Timestamp) -> bool {
        now <= self.expires
            && self.scope.tool == call.tool
            && self.scope.channel == channel
            && integrity <= self.scope.integrity
            && self.scope.authority == authority(call)
    }
}

impl StandingScope {
    /// The rule in one sentence, as it is shown before it is stored.
    #[must_use]
    pub fn in_words(&self) -> String {
        let arguments: Vec<String> = self
            .authority
            .iter()
            .map(|argument| format!("{} = `{}`", argument.name, argument.value.canonical()))
            .collect();
        format!(
            "always allow {} with {}, asked on {}, while the session is {} or better",
            self.tool,
            arguments.join(", "),
            self.channel,
            self.integrity.as_str()
        )
    }
}

fn authority(call: &Call) -> Vec<Argument> {
    call.arguments.iter().filter(|argument| argument.role == ArgumentRole::Authority).cloned().collect()
}
