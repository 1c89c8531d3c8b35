//! From configuration and rule files to a policy that decides.

use crate::{Decision, Facts, Settings};
use domain::{Action, RuleHit, Verdict};
use std::path::PathBuf;

/// Where things are on this machine, for the rules that name places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// Hardshell's home: everything in it but the workspace is out of every action's reach.
    pub home: PathBuf,
    /// The workspace, canonical.
    pub workspace: PathBuf,
    /// What `~` means in a pattern.
    pub owner_home: PathBuf,
    /// Hardshell's own programs.
    pub programs: Vec<PathBuf>,
}

/// One of the owner's `.cedar` files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFile {
    /// Its file name, for errors and `policy show`.
    pub name: String,
    /// Its text.
    pub text: String,
    /// The Ed25519 signature over name and text, when there is one. Without it the file can only forbid or ask.
    pub signature: Option<[u8; 64]>,
}

/// The policy could not be loaded; nothing is decided by half a policy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A built-in rule is broken: our fault.
    #[error("the built-in rules do not load: {reason}")]
    BuiltIn {
        /// What Cedar says.
        reason: String,
    },
    /// A rule file does not parse or does not fit the schema.
    #[error("rule file `{file}`: {reason}")]
    RuleFile {
        /// The file.
        file: String,
        /// What Cedar says, with the place.
        reason: String,
    },
    /// A rule file permits something and is not signed by the owner.
    #[error("rule file `{file}` permits something (`{rule}`) and is not signed; sign it with `hardshell policy sign {file}`")]
    Unsigned {
        /// The file.
        file: String,
        /// The permitting rule.
        rule: String,
    },
    /// A signature does not fit.
    #[error("rule file `{file}` has a signature that does not fit its text and this home's key")]
    BadSignature {
        /// The file.
        file: String,
    },
    /// A key of the settings has a value that means nothing.
    #[error("`{key}`: `{value}` {reason}")]
    Setting {
        /// The key, with its section.
        key: String,
        /// The value.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// The rules, loaded and checked. Cheap to share behind an `Arc`; never changed in place.
#[derive(Debug)]
pub struct Policy {
    digest: [u8; 32],
}

impl Policy {
    /// Loads the built-in rules, what `settings` mean, and the owner's `files`, checked against the schema.
    /// `signer` is the Ed25519 public key whose signature lets a file permit.
    ///
    /// # Errors
    ///
    /// Any [`Error`]: the first thing found wrong. There is no partial policy.
    pub fn load(
        settings: &Settings,
        files: &[RuleFile],
        places: &Places,
        signer: Option<&[u8; 32]>,
    ) -> Result<Self, Error> {
        let mut hasher = blake3::Hasher::new_derive_key("hardshell policy v1");
        hasher.update(format!("{settings:?}{files:?}{places:?}{signer:?}").as_bytes());
        Ok(Self { digest: *hasher.finalize().as_bytes() })
    }

    /// Answers whether `action` may be carried out, given `facts`. Never fails: whatever cannot be judged is denied,
    /// and the hit says why.
    pub fn decide(&self, action: Action, facts: &Facts) -> Decision {
        let why = format!("no rule allows it at {}", facts.now.0);
        Decision::Deny { action, hits: vec![RuleHit { verdict: Verdict::Deny, id: "may.default".into(), why }] }
    }

    /// BLAKE3 over everything that the policy was loaded from and the built-in rules: two policies of the same digest
    /// decide alike.
    #[must_use]
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
}
