//! Signing in, tokens for programs, and taking both back.

use crate::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use zeroize::Zeroizing;

/// A secret on its way through a body: it cannot be printed.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct SecretText(#[schemars(with = "String")] SecretString);

#[derive(Clone)]
struct SecretString(Zeroizing<String>);

impl Serialize for SecretString {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SecretString {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

impl SecretText {
    /// Takes `text` in.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(SecretString(Zeroizing::new(text)))
    }

    /// The text itself, for whoever shows it to the owner once.
    #[must_use]
    pub fn dangerous_reveal(&self) -> &str {
        &self.0.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(…)")
    }
}

/// The body of `POST /api/v1/sign-in`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// What stood behind `#token=` in the link.
    pub token: SecretText,
}

/// Who is signed in: the answer to `POST /api/v1/sign-in` and `GET /api/v1/sign-in`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SignedIn {
    /// The id of the sign-in or token, as lists show it; `local` on the unix socket.
    pub id: String,
    /// `owner` or `member:NAME`.
    pub principal: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it lapses, in milliseconds since 1970; absent on the unix socket and for tokens without an end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
}

/// The answer to `POST /api/v1/sign-in-links`: only on the unix socket.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SignInLink {
    /// `http://127.0.0.1:18789/#token=…`, good once.
    pub link: SecretText,
    /// When it lapses, in milliseconds since 1970.
    pub expires: u64,
}

/// `GET /api/v1/sign-ins`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SignIns {
    /// Browsers and programs that may come in, newest first.
    pub sign_ins: Vec<SignInEntry>,
}

/// One browser or program that may come in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SignInEntry {
    /// Its id: what `DELETE /api/v1/sign-ins/{id}` takes.
    pub id: String,
    /// A browser's cookie or a program's token.
    pub kind: SignInKind,
    /// The owner's name for it; of a browser, the time it signed in.
    pub name: String,
    /// `owner` or `member:NAME`.
    pub principal: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it was made, in milliseconds since 1970.
    pub created: u64,
    /// When it lapses, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// What came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignInKind {
    /// A browser.
    Browser,
    /// A program with a bearer token.
    Token,
}

/// The body of `POST /api/v1/tokens`: only the owner, with a cookie or on the unix socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What lists call it: 1 to 64 of a-z, 0-9 and `-`.
    pub name: String,
    /// What it may do; at least one.
    pub scopes: Vec<Scope>,
    /// Whose words it carries; a member's when not given.
    #[serde(default)]
    pub speaks_for: SpeaksFor,
    /// How many days it is good for, 1 to 366; 90 when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u16>,
}

/// Whose words a program's messages are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SpeaksFor {
    /// A member called like the token: its words are not the owner's instructions.
    #[default]
    Member,
    /// The owner: only for a program that passes on nothing but what the owner typed.
    Owner,
}

/// A new token, shown this once.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct MadeToken {
    /// Its id.
    pub id: String,
    /// The token itself: send it as `Authorization: Bearer …`.
    pub token: SecretText,
    /// When it lapses, in milliseconds since 1970.
    pub expires: u64,
}
