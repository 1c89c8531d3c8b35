//! Labels, rules and effects as screens and clients see them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a value came from and how far it may be believed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Label {
    /// `trusted`, `attested` or `untrusted`.
    pub integrity: Integrity,
    /// `low`, `medium` or `high`.
    pub tier: Tier,
    /// `kind:name`, in a fixed order: `mail:x@example.org`.
    pub sources: Vec<String>,
}

/// How far a value may be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Integrity {
    /// The owner's words.
    Trusted,
    /// A fact asserted by an authenticated service.
    Attested,
    /// Anything else.
    Untrusted,
}

/// How confidential a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Anyone may know.
    Low,
    /// Personal or business.
    Medium,
    /// Finance, medical, legal, keys.
    High,
}

/// What the policy said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It may be done.
    Allow,
    /// The owner is asked first.
    Ask,
    /// It is refused.
    Deny,
}

/// One rule that decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rule {
    /// What the rule says here.
    pub verdict: Verdict,
    /// Its name.
    pub id: String,
    /// Why, in one sentence.
    pub why: String,
}

/// What an action does to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Looks at something of the owner's.
    Read,
    /// Gets something from the network.
    Fetch,
    /// Makes or changes something.
    Write,
    /// Takes something away.
    Delete,
    /// Runs a program.
    Execute,
    /// Says something to somebody.
    Send,
    /// Costs money.
    Spend,
    /// Changes how Hardshell, or another service, behaves.
    Configure,
}

impl From<&domain::Label> for Label {
    fn from(label: &domain::Label) -> Self {
        Self {
            integrity: match label.integrity() {
                domain::Integrity::Trusted => Integrity::Trusted,
                domain::Integrity::Attested => Integrity::Attested,
                domain::Integrity::Untrusted => Integrity::Untrusted,
            },
            tier: label.tier().into(),
            sources: label.sources().map(ToString::to_string).collect(),
        }
    }
}

impl From<domain::Tier> for Tier {
    fn from(tier: domain::Tier) -> Self {
        match tier {
            domain::Tier::Low => Self::Low,
            domain::Tier::Medium => Self::Medium,
            domain::Tier::High => Self::High,
        }
    }
}

impl From<Tier> for domain::Tier {
    fn from(tier: Tier) -> Self {
        match tier {
            Tier::Low => Self::Low,
            Tier::Medium => Self::Medium,
            Tier::High => Self::High,
        }
    }
}

impl From<domain::Verdict> for Verdict {
    fn from(verdict: domain::Verdict) -> Self {
        match verdict {
            domain::Verdict::Allow => Self::Allow,
            domain::Verdict::Ask => Self::Ask,
            domain::Verdict::Deny => Self::Deny,
        }
    }
}

impl From<&domain::RuleHit> for Rule {
    fn from(hit: &domain::RuleHit) -> Self {
        Self { verdict: hit.verdict.into(), id: hit.id.clone(), why: hit.why.clone() }
    }
}

impl From<domain::Effect> for Effect {
    fn from(effect: domain::Effect) -> Self {
        match effect {
            domain::Effect::Read => Self::Read,
            domain::Effect::Fetch => Self::Fetch,
            domain::Effect::Write => Self::Write,
            domain::Effect::Delete => Self::Delete,
            domain::Effect::Execute => Self::Execute,
            domain::Effect::Send => Self::Send,
            domain::Effect::Spend => Self::Spend,
            domain::Effect::Configure => Self::Configure,
        }
    }
}
