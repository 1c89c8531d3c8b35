//! What the vault tells of a secret without telling the secret.

use crate::SecretRef;
use crate::codec::Stored;
use domain::{Host, SecretName, Timestamp};
use std::time::Duration;

/// How old a secret may get before the owner is reminded to rotate it.
const ROTATE_AFTER: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// How long before its expiry the owner is warned.
const EXPIRY_WARNING: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// What the owner says of a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The hosts it may go to: each exactly, none below it.
    pub hosts: Vec<Host>,
    /// What it is good for: `read-only key of the mail account`.
    pub note: String,
    /// When it stops being lent.
    pub expires: Option<Timestamp>,
}

/// One secret, as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: SecretName,
    /// Where it is kept.
    pub kept_in: SecretRef,
    /// What the owner says of it.
    pub about: About,
    /// When it was first kept, or attached.
    pub created: Timestamp,
    /// When its value last changed.
    pub rotated: Option<Timestamp>,
    /// Whether a new value waits to be proved.
    pub staged: bool,
    /// When it was last lent.
    pub used: Option<Timestamp>,
    /// To whom: `model openai`, `mail`, `run 17`.
    pub used_by: Option<String>,
}

/// What a list warns of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warning {
    /// It has not been rotated for 90 days.
    Old {
        /// How long, in whole days.
        days: u64,
    },
    /// It expires within 14 days.
    ExpiresSoon {
        /// In how many whole days.
        days: u64,
    },
    /// It has expired and is not lent any more.
    Expired,
    /// A new value was staged and never proved.
    Staged,
}

/// One secret, shown to whoever builds a redactor.
pub struct Known<'a> {
    /// Its name.
    pub name: &'a SecretName,
    /// The hosts it may go to.
    pub hosts: &'a [Host],
    /// The secret.
    pub value: &'a str,
}

impl Entry {
    pub(crate) fn of_stored(name: SecretName, stored: &Stored, last: Option<(Timestamp, String)>) -> Self {
        let (used, used_by) = match last {
            Some((when, by)) => (Some(when), Some(by)),
            None => (stored.used.map(Timestamp), stored.used_by.clone()),
        };
        Self {
            kept_in: SecretRef::Vault(name.clone()),
            about: About {
                hosts: hosts_of(stored),
                note: stored.note.clone(),
                expires: stored.expires.map(Timestamp),
            },
            name,
            created: Timestamp(stored.created),
            rotated: stored.rotated.map(Timestamp),
            staged: stored.staged.is_some(),
            used,
            used_by,
        }
    }

    pub(crate) fn of_attached(
        name: SecretName,
        reference: &SecretRef,
        about: &About,
        since: Timestamp,
        last: Option<(Timestamp, String)>,
    ) -> Self {
        Self {
            name,
            kept_in: reference.clone(),
            about: about.clone(),
            created: since,
            rotated: None,
            staged: false,
            used: last.as_ref().map(|(when, _)| *when),
            used_by: last.map(|(_, by)| by),
        }
    }

    /// What the owner should know of it at `now`, most pressing first.
    #[must_use]
    pub fn warnings(&self, now: Timestamp) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if let Some(expires) = self.about.expires {
            if expires <= now {
                warnings.push(Warning::Expired);
            } else if expires.since(now) <= EXPIRY_WARNING {
                warnings.push(Warning::ExpiresSoon { days: days(expires.since(now)) });
            }
        }
        let age = now.since(self.rotated.unwrap_or(self.created));
        if age >= ROTATE_AFTER && matches!(self.kept_in, SecretRef::Vault(_)) {
            warnings.push(Warning::Old { days: days(age) });
        }
        if self.staged {
            warnings.push(Warning::Staged);
        }
        warnings
    }
}

/// The hosts a stored secret may go to. One that does not parse any more is left out: fewer hosts, never more.
pub(crate) fn hosts_of(stored: &Stored) -> Vec<Host> {
    stored.hosts.iter().filter_map(|host| host.parse().ok()).collect()
}

fn days(duration: Duration) -> u64 {
    duration.as_secs() / (24 * 60 * 60)
}
