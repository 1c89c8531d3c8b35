//! What is kept of links, browsers and tokens: never the secret, only its digest.

use crate::Scope;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{Principal, Timestamp};
use futures_util::future::BoxFuture;
use std::fmt;
use zeroize::{Zeroize as _, Zeroizing};

/// Random bytes of a secret: 256 bits, so that guessing is hopeless and a plain fast digest keeps it.
const SECRET_BYTES: usize = 32;
/// The longest text that can be a secret: longer ones are refused before they are hashed.
const SECRET_TEXT_BYTES_MAX: usize = 128;

/// BLAKE3 of a secret, under a context of its own: what is compared and kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecretDigest([u8; 32]);

impl SecretDigest {
    /// The digest of `secret`; none when the text is longer than any secret.
    pub(crate) fn of(secret: &str) -> Option<Self> {
        if secret.is_empty() || secret.len() > SECRET_TEXT_BYTES_MAX {
            return None;
        }
        let mut hasher = blake3::Hasher::new_derive_key("hardshell gateway secret v1");
        hasher.update(secret.as_bytes());
        Some(Self(*hasher.finalize().as_bytes()))
    }

    /// The bytes, to be kept.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A digest that was kept before.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretDigest(…)")
    }
}

/// A fresh secret. It cannot be printed by accident.
pub(crate) struct Secret(Zeroizing<String>);

impl Secret {
    /// Draws one; `prefix` tells people and scanners what it is.
    pub(crate) fn draw(prefix: &str, random: &crate::Random) -> Result<Self, getrandom::Error> {
        let mut bytes = [0_u8; SECRET_BYTES];
        random(&mut bytes)?;
        let text = Zeroizing::new(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes)));
        bytes.zeroize();
        Ok(Self(text))
    }

    pub(crate) fn dangerous_reveal(&self) -> &str {
        &self.0
    }
}

/// What kind of secret a record stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CredentialKind {
    /// A one-time link.
    Link,
    /// A browser's cookie.
    Browser,
    /// A program's bearer token.
    Token,
}

impl CredentialKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Link, Self::Browser, Self::Token];

    /// The word for it on disk.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Browser => "browser",
            Self::Token => "token",
        }
    }
}

/// What is kept of one credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInRecord {
    /// The digest of the secret: the key it is found by.
    pub digest: SecretDigest,
    /// A public id, unique, for lists and for taking it back.
    pub id: String,
    /// What it is.
    pub kind: CredentialKind,
    /// What lists call it.
    pub name: String,
    /// Whose words come with it.
    pub principal: Principal,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created: Timestamp,
    /// When it lapses.
    pub expires: Timestamp,
}

/// Where the records are kept. Every call is durable before it returns; an error refuses the request.
///
/// The store compares digests, not secrets, so an ordinary index is safe.
pub trait SignIns: Send + Sync {
    /// Keeps a record. A second record of the same digest or id is an error.
    fn keep(&self, record: SignInRecord) -> BoxFuture<'_, Result<(), SignInsError>>;
    /// The record of `digest` and `kind`, if there is one; also when it has lapsed.
    fn find(
        &self,
        kind: CredentialKind,
        digest: SecretDigest,
    ) -> BoxFuture<'_, Result<Option<SignInRecord>, SignInsError>>;
    /// Takes the record of `digest` and `kind` out: of two calls at once, one gets it.
    fn take(
        &self,
        kind: CredentialKind,
        digest: SecretDigest,
    ) -> BoxFuture<'_, Result<Option<SignInRecord>, SignInsError>>;
    /// Removes the record with this public id; false when there was none.
    fn remove(&self, id: &str) -> BoxFuture<'_, Result<bool, SignInsError>>;
    /// Every record, newest first.
    fn list(&self) -> BoxFuture<'_, Result<Vec<SignInRecord>, SignInsError>>;
    /// Removes every record that lapsed before `now`.
    fn prune(&self, now: Timestamp) -> BoxFuture<'_, Result<(), SignInsError>>;
}

/// The records could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sign-ins cannot be {step}: {why}")]
pub struct SignInsError {
    /// `read` or `written`.
    pub step: &'static str,
    /// Why, without a secret.
    pub why: String,
}

mod in_memory;
pub use in_memory::SignInsInMemory;
