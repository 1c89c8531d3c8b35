//! What the policy says.

use crate::{Binding, Permit};
use domain::{Action, RuleHit, Verdict};

/// What the policy says of one action. `hits` name every rule that decided, worst first.
#[must_use]
#[derive(Debug)]
pub enum Decision {
    /// Carry it out: here is the proof.
    Allow {
        /// The proof, which owns the action.
        permit: Permit,
        /// The rules that would have asked or refused and were answered (by a grant, an approval, a standing rule),
        /// and the rule that allows.
        hits: Vec<RuleHit>,
    },
    /// Put it to the owner. The answer becomes a fact, and the question is put again.
    Ask {
        /// The action, given back.
        action: Action,
        /// Why it asks, worst first.
        hits: Vec<RuleHit>,
        /// What the owner is shown.
        question: Question,
    },
    /// Refuse, naming the rules.
    Deny {
        /// The action, given back.
        action: Action,
        /// Why, worst first.
        hits: Vec<RuleHit>,
    },
}

/// What the owner is shown, rendered from the very bytes that the approval binds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What an approval of it binds.
    pub binding: Binding,
    /// One line: `mail.send to anna@example.org`.
    pub title: String,
    /// The whole action: every argument, control and bidi characters escaped, look-alikes marked, nothing left out
    /// without saying so.
    pub text: String,
    /// Where the wish came from, when anything untrusted has been read: `mail:x@example.org, web:example.org`.
    pub asked_for_by: Vec<String>,
    /// What stands out: look-alike letters, an address nobody has written to, trailing spaces, reduced walls.
    pub warnings: Vec<String>,
}

impl Decision {
    /// Its verdict.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Allow { .. } => Verdict::Allow,
            Self::Ask { .. } => Verdict::Ask,
            Self::Deny { .. } => Verdict::Deny,
        }
    }

    /// The rules that decided, worst first.
    #[must_use]
    pub fn hits(&self) -> &[RuleHit] {
        match self {
            Self::Allow { permit: _, hits }
            | Self::Ask { action: _, hits, question: _ }
            | Self::Deny { action: _, hits } => hits,
        }
    }
}
