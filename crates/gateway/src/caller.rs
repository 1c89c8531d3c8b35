//! Who makes a request, as the gateway authenticated them, and how far they reach.

use domain::{Channel, Principal, Role, Sender};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a credential may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Send messages, cancel, use `/v1/*`.
    Chat,
    /// See sessions, status, approvals, commands, events.
    Read,
    /// Answer questions.
    Approve,
    /// See the audit log.
    Audit,
    /// See `/metrics`.
    Metrics,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 5] = [Self::Chat, Self::Read, Self::Approve, Self::Audit, Self::Metrics];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Read => "read",
            Self::Approve => "approve",
            Self::Audit => "audit",
            Self::Metrics => "metrics",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a caller proved who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Proved {
    /// By a browser's cookie, which only a one-time link gives.
    Cookie,
    /// By a bearer token that the owner made.
    Token,
    /// By the peer's uid on the unix socket, which the kernel tells.
    Uid,
}

/// Who makes a request.
///
/// Invariant: made only by the gateway, after the credential was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    id: String,
    principal: Principal,
    proved: Proved,
    scopes: Vec<Scope>,
    expires: Option<domain::Timestamp>,
}

/// The id of whoever comes over the unix socket.
pub(crate) const LOCAL_ID: &str = "local";

impl Caller {
    pub(crate) fn local() -> Self {
        Self {
            id: LOCAL_ID.to_string(),
            principal: Principal::owner(),
            proved: Proved::Uid,
            scopes: Scope::ALL.to_vec(),
            expires: None,
        }
    }

    pub(crate) fn from_sign_in(record: &crate::SignInRecord) -> Self {
        Self {
            id: record.id.clone(),
            principal: record.principal.clone(),
            proved: match record.kind {
                crate::CredentialKind::Browser => Proved::Cookie,
                crate::CredentialKind::Link | crate::CredentialKind::Token => Proved::Token,
            },
            scopes: record.scopes.clone(),
            expires: Some(record.expires),
        }
    }

    /// The id of the sign-in or token; `local` on the unix socket.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whose words these are.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// How they proved it.
    #[must_use]
    pub fn proved(&self) -> Proved {
        self.proved
    }

    /// What the credential may be used for.
    #[must_use]
    pub fn scopes(&self) -> &[Scope] {
        &self.scopes
    }

    /// When the credential lapses; never on the unix socket.
    #[must_use]
    pub fn expires(&self) -> Option<domain::Timestamp> {
        self.expires
    }

    /// Whether the credential may be used for `scope`.
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// Whether this is the owner in person: at the machine, or in a browser that took a one-time link.
    #[must_use]
    pub fn is_owner_in_person(&self) -> bool {
        match self.proved {
            Proved::Cookie | Proved::Uid => self.principal.role == Role::Owner,
            Proved::Token => false,
        }
    }

    /// The channel their messages come on.
    #[must_use]
    pub fn channel(&self) -> Channel {
        match self.proved {
            Proved::Cookie => Channel::Web,
            Proved::Uid => Channel::Cli,
            Proved::Token => Channel::Api,
        }
    }

    /// The account their messages are from.
    #[must_use]
    pub fn sender(&self) -> Sender {
        Sender { channel: self.channel(), account: self.id.clone() }
    }
}
