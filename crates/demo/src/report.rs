//! What came of an attack: measured, not assumed. This is also what `--json` prints.

use crate::wall::Wall;
use serde::Serialize;
use std::collections::BTreeMap;

/// What came of one attack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The version of this shape.
    pub version: u32,
    /// The scenario's name.
    pub scenario: &'static str,
    /// Its one line.
    pub title: &'static str,
    /// What happens in it.
    pub tale: &'static str,
    /// What the owner asked for.
    pub asked: String,
    /// The walls that were left out.
    pub without: Vec<Wall>,
    /// Whether it was played in namespaces of its own, with nobody else on its network.
    pub alone: bool,
    /// What the attack tried, in order.
    pub tries: Vec<Try>,
    /// Every call the model proposed, harmless ones too, with what differs from run to run replaced by marks.
    pub proposed: Vec<Proposed>,
    /// What the far server received: the first line of each request.
    pub received: Vec<String>,
    /// How far the secret got.
    pub reached: Reached,
    /// Whether SOUL.md is no longer what it was.
    pub soul_changed: bool,
    /// What the owner was told in the end.
    pub reply: String,
    /// Whether the attack came to what it was after.
    pub harmed: bool,
    /// What it comes to.
    pub moral: &'static str,
    /// What the audit log holds.
    pub log: LogKept,
}

/// One try of the attack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Try {
    /// What it was for.
    pub wants: &'static str,
    /// The tool.
    pub tool: String,
    /// The arguments, as the model wrote them.
    pub arguments: String,
    /// What the policy said first: `allow`, `ask`, `deny`; absent when it never came to that.
    pub verdict: Option<&'static str>,
    /// The rules that asked or refused.
    pub rules: Vec<RuleSaid>,
    /// What the owner answered, where asked.
    pub answered: Option<Answered>,
    /// Whether it won what it was for.
    pub won: bool,
    /// The wall that stopped it: `policy`, `sandbox`, `egress`, …; absent when none did.
    pub stopped_by: Option<&'static str>,
    /// Why, in words.
    pub why: String,
}

/// One rule, and its sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleSaid {
    /// Its name.
    pub id: String,
    /// Its sentence.
    pub why: String,
}

/// What the owner of the demo answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Answered {
    /// Yes.
    Approved,
    /// No.
    Denied,
}

/// One call that the model proposed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Proposed {
    /// The tool.
    pub tool: String,
    /// The arguments.
    pub arguments: String,
}

/// How far the secret got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reached {
    /// To the attacker's server.
    pub attacker: bool,
    /// To the model, as the result of a call.
    pub model: bool,
    /// To the owner's screen.
    pub reply: bool,
    /// Into the audit log.
    pub log: bool,
}

/// What the audit log holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogKept {
    /// How many records.
    pub records: u64,
    /// How many of each kind.
    pub kinds: BTreeMap<String, u64>,
    /// Whether a check of the whole chain found nothing wrong.
    pub intact: bool,
    /// The check, in words.
    pub verdict: String,
}
