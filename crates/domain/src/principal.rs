//! Who speaks, and on which channel.

use crate::{MessageId, SessionId, Timestamp};
use std::fmt;
use std::str::FromStr;

/// What a principal may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The one whose authenticated words are instructions.
    Owner,
    /// Someone the owner has let in, with rights of their own.
    Member,
    /// Anyone else who can reach a channel.
    Guest,
    /// Hardshell's own background traffic.
    House,
}

impl Role {
    /// The word for it in records and rules.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Member => "member",
            Self::Guest => "guest",
            Self::House => "house",
        }
    }
}

/// Somebody, as a channel authenticated them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Principal {
    /// What they may be.
    pub role: Role,
    /// A stable name: `owner`, a member's name, or the sender of a guest.
    pub name: String,
}

impl Principal {
    /// The owner.
    #[must_use]
    pub fn owner() -> Self {
        Self { role: Role::Owner, name: "owner".to_string() }
    }

    /// Hardshell itself.
    #[must_use]
    pub fn house() -> Self {
        Self { role: Role::House, name: "house".to_string() }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name == self.role.as_str() {
            f.write_str(&self.name)
        } else {
            write!(f, "{}:{}", self.role.as_str(), self.name)
        }
    }
}

/// Where people, or the time of day, talk to Hardshell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// The web page.
    Web,
    /// The command line.
    Cli,
    /// The OpenAI-compatible interface.
    Api,
    /// The clock: an automation's hour has come.
    Clock,
    /// A signed request to `/hooks/<name>`.
    Hook,
    /// Mail.
    Mail,
    /// Telegram.
    Telegram,
    /// Discord.
    Discord,
    /// Slack.
    Slack,
    /// `WhatsApp`.
    Whatsapp,
    /// Matrix.
    Matrix,
}

impl Channel {
    /// Every channel, in the order screens list them.
    pub const ALL: [Self; 11] = [
        Self::Web,
        Self::Cli,
        Self::Api,
        Self::Clock,
        Self::Hook,
        Self::Mail,
        Self::Telegram,
        Self::Discord,
        Self::Slack,
        Self::Whatsapp,
        Self::Matrix,
    ];

    /// The word for it in configuration, records and rules.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Cli => "cli",
            Self::Api => "api",
            Self::Clock => "clock",
            Self::Hook => "hook",
            Self::Mail => "mail",
            Self::Telegram => "telegram",
            Self::Discord => "discord",
            Self::Slack => "slack",
            Self::Whatsapp => "whatsapp",
            Self::Matrix => "matrix",
        }
    }
}

impl FromStr for Channel {
    type Err = crate::IdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|channel| channel.as_str() == text).ok_or_else(|| crate::IdError {
            kind: "channel",
            text: text.chars().take(80).collect(),
            reason: "the channels are web, cli, api, clock, hook, mail, telegram, discord, slack, whatsapp and matrix",
        })
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An account on a channel, as the channel authenticated it: `telegram` and `42`. Never a display name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sender {
    /// The channel that vouches for it.
    pub channel: Channel,
    /// The channel's own immutable id of the account.
    pub account: String,
}

/// A message that came in, before it is labelled and kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inbound {
    /// The sender's id of the message; taking in the same id of the same sender twice keeps it once.
    pub id: MessageId,
    /// The conversation it belongs to.
    pub session: SessionId,
    /// Who sent it.
    pub sender: Sender,
    /// What the sender may be.
    pub principal: Principal,
    /// What was typed.
    pub text: String,
    /// What was quoted, forwarded or attached: never instructions.
    pub quoted: Option<String>,
    /// When it was taken in.
    pub received: Timestamp,
}
