//! What goes on record before an effect: the permit, with whom and what it concerns.

use audit::{ContentKey, Deed, Entry, Event, Recordable, Subject};
use domain::{Action, RuleHit, Timestamp};
use policy::{Expired, Permit, Uses};

/// A permit on its way through the log. Only the broker makes one, from a permit of the policy; an executor is given
/// it as an [`audit::Recorded`], which only the log makes.
#[must_use = "carry it out, or record that it was dropped"]
#[derive(Debug)]
pub struct Intent {
    permit: Permit,
    subject: Subject,
    deed: Deed,
    rules: Vec<RuleHit>,
    isolation: Option<String>,
}

impl Intent {
    pub(crate) fn new(
        permit: Permit,
        subject: Subject,
        rules: Vec<RuleHit>,
        isolation: Option<String>,
        key: &ContentKey,
    ) -> Self {
        let deed = Deed::of(permit.action(), key);
        Self { permit, subject, deed, rules, isolation }
    }

    /// What is to be done.
    #[must_use]
    pub fn action(&self) -> &Action {
        self.permit.action()
    }

    /// Uses the permit up.
    ///
    /// # Errors
    ///
    /// [`Expired`] when the permit was held too long.
    pub fn redeem(self, now: Timestamp) -> Result<Action, Expired> {
        self.permit.redeem(now)
    }

    pub(crate) fn uses(&self) -> &Uses {
        self.permit.uses()
    }
}

impl Recordable for Intent {
    fn entry(&self) -> Entry {
        let (deed, rules) = (self.deed.clone(), self.rules.clone());
        Entry {
            subject: self.subject.clone(),
            event: Event::Intent { deed, rules, isolation: self.isolation.clone() },
        }
    }
}
