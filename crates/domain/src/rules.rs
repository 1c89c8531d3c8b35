//! What a decision says of itself, in words that screens and records share.

/// How a question to the policy ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It may be done.
    Allow,
    /// The owner is asked first.
    Ask,
    /// It is refused.
    Deny,
}

impl Verdict {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Ask => "ask",
            Self::Deny => "deny",
        }
    }
}

/// One rule that decided, and its reason for the owner.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleHit {
    /// What the rule says here.
    pub verdict: Verdict,
    /// Its name: `flow.clearance`, `floor.own-files`, an owner's rule.
    pub id: String,
    /// Why, in one sentence.
    pub why: String,
}
