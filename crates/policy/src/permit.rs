//! Proof that a decision was made, and what the decision used up.

use domain::{Action, ActionDigest, SessionId, Timestamp};
use std::fmt;
use std::time::Duration;

/// How long a permit lives. Long enough for one fsync and a start, short enough that the facts are still the facts.
const PERMIT_LIFE: Duration = Duration::from_secs(60);

/// Proof that the policy allowed exactly this action, once, until it expires.
///
/// It owns the action, so what is carried out is what was judged. It is neither `Clone` nor serializable, and its
/// fields are private, so only [`crate::Policy::decide`] makes one, it is used at most once and it never leaves the
/// process.
#[must_use = "carry it out, or record that it was dropped"]
#[derive(Debug)]
pub struct Permit {
    action: Action,
    expires: Timestamp,
    uses: Uses,
}

/// What carrying the action out uses up. The broker notes it in the same record as the intent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// The approval that stood behind it, now spent.
    pub approval: Option<Binding>,
    /// The grant of the mandate that covered it, by its place in the mandate: one of its times is gone.
    pub grant: Option<usize>,
    /// The standing rule that stood behind it, by its id.
    pub standing: Option<String>,
}

/// The permit was held too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the permit expired before it was used")]
pub struct Expired;

impl Permit {
    pub(crate) fn mint(action: Action, now: Timestamp, uses: Uses) -> Self {
        Self { action, expires: now.after(PERMIT_LIFE), uses }
    }

    /// What it allows.
    #[must_use]
    pub fn action(&self) -> &Action {
        &self.action
    }

    /// What carrying it out uses up.
    #[must_use]
    pub fn uses(&self) -> &Uses {
        &self.uses
    }

    /// Uses the permit up.
    ///
    /// # Errors
    ///
    /// [`Expired`] when `now` is after the permit's last millisecond; decide again.
    pub fn redeem(self, now: Timestamp) -> Result<Action, Expired> {
        if now <= self.expires { Ok(self.action) } else { Err(Expired) }
    }
}

/// What an approval binds: the action to its last byte and its resolved targets, the session it was asked in, and the
/// policy it was asked under. Change any of them and the approval is for something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Binding([u8; 32]);

impl Binding {
    /// The binding of `action` in `session` under the policy of digest `policy`.
    #[must_use]
    pub fn of(action: &Action, session: &SessionId, policy: &[u8; 32]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("hardshell approval v1");
        hasher.update(ActionDigest::of(action).as_bytes());
        hasher.update(&(session.as_str().len() as u64).to_le_bytes());
        hasher.update(session.as_str().as_bytes());
        hasher.update(policy);
        Self(*hasher.finalize().as_bytes())
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A binding that was written down before, from its 64 hexadecimal digits.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        blake3::Hash::from_hex(text).ok().map(|hash| Self(*hash.as_bytes()))
    }
}

/// 64 hexadecimal digits.
impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}
