//! Why something could not be done with mail.

use domain::Blame;
use sandbox::PathError;
use std::path::PathBuf;

/// Why something could not be done with mail.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// No mailbox is configured.
    #[error("no mailbox is set up; `[[mailboxes]]` in hardshell.toml names one")]
    NoMailbox,
    /// No server to send through is configured.
    #[error("no mail server is set up; `[smtp]` in hardshell.toml names one")]
    NoServer,
    /// Only IMAP mailboxes are configured, and drafts are kept in a Maildir.
    #[error("no mailbox here takes drafts: they are kept in a Maildir")]
    NoDrafts,
    /// A mailbox's folder could not be used.
    #[error("{0}")]
    Folder(#[from] PathError),
    /// It is no Maildir.
    #[error("`{path}` is no Maildir: it has neither `cur` nor `new`")]
    NotMaildir {
        /// Where.
        path: PathBuf,
    },
    /// The name is not a folder's.
    #[error("`{folder}` is not the name of a mail folder")]
    FolderName {
        /// The name.
        folder: String,
    },
    /// There is no such folder.
    #[error("there is no mail folder `{folder}`")]
    NoSuchFolder {
        /// The name.
        folder: String,
    },
    /// There is no such mail.
    #[error("there is no mail `{id}`; mail.list and mail.search give the ids")]
    NoSuchMail {
        /// The id.
        id: String,
    },
    /// A search names nothing to look for.
    #[error("the search names no word to look for")]
    EmptyQuery,
    /// A mail cannot be put into the form that mail has.
    #[error("the mail cannot be written: {reason}")]
    Compose {
        /// Why.
        reason: String,
    },
    /// The way out refused or failed.
    #[error("{0}")]
    Egress(#[from] egress::Error),
    /// The server did not do what it should, before anything was handed over.
    #[error("{server} refused the mail at {step}: {answer}")]
    Refused {
        /// The server.
        server: String,
        /// At which command.
        step: &'static str,
        /// What it said.
        answer: String,
    },
    /// The server speaks otherwise than its protocol.
    #[error("{server} answered {step} in a way that is not its protocol's: {reason}")]
    Protocol {
        /// The server.
        server: String,
        /// To which command.
        step: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The connection ended after the mail was handed over and before the server said what became of it.
    #[error("{server} had the mail and did not say whether it took it: {reason}")]
    Unknown {
        /// The server.
        server: String,
        /// How it ended.
        reason: String,
    },
    /// The server took too long.
    #[error("{server} did not answer {step} within {seconds} seconds")]
    Slow {
        /// The server.
        server: String,
        /// To which command.
        step: &'static str,
        /// How long was waited.
        seconds: u64,
    },
    /// The work was stopped.
    #[error("it was stopped")]
    Stopped,
}

impl MailError {
    /// Whether the mail may have been sent all the same.
    #[must_use]
    pub fn may_have_happened(&self) -> bool {
        matches!(self, Self::Unknown { .. })
    }

    /// Whose fault it is.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::NoMailbox | Self::NoServer | Self::NoDrafts | Self::NotMaildir { .. } => Blame::Owner,
            Self::FolderName { .. }
            | Self::NoSuchFolder { .. }
            | Self::NoSuchMail { .. }
            | Self::EmptyQuery
            | Self::Compose { .. } => Blame::Model,
            Self::Egress(_)
            | Self::Refused { .. }
            | Self::Protocol { .. }
            | Self::Unknown { .. }
            | Self::Slow { .. } => Blame::Peer,
            Self::Folder(_) | Self::Stopped => Blame::Us,
        }
    }

    /// Whether its text holds words of somebody else's.
    pub(crate) fn quotes_a_stranger(&self) -> bool {
        matches!(self, Self::Egress(_) | Self::Refused { .. } | Self::Protocol { .. } | Self::Unknown { .. })
    }
}
