//! Why a house did not start, each with the command that helps.

use crate::config::ConfigProblem;
use crate::home::HomeError;
use crate::lost::{ANEW, Lost};
use std::io;
use std::path::PathBuf;

/// Why a house did not start. Nothing runs, and nothing of the home is lost.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It was started as root.
    #[error("the assistant never runs as root")]
    Root,
    /// The home cannot be used.
    #[error("the home cannot be used")]
    Home(#[from] HomeError),
    /// The configuration cannot be used.
    #[error("the configuration cannot be used")]
    Config(#[from] ConfigProblem),
    /// The audit log cannot be opened.
    #[error("the audit log cannot be opened")]
    Audit(#[from] audit::Error),
    /// The store cannot be opened.
    #[error("the store cannot be opened")]
    Store(#[from] store::Error),
    /// The home was used, and a part of what it remembers is gone.
    #[error("the home is not whole")]
    Lost(#[source] Box<Lost>),
    /// There is nothing gone that an owner could begin anew without.
    #[error("nothing is missing in the home, so there is nothing to begin anew without")]
    NothingLost,
    /// The vault cannot be opened.
    #[error("the vault cannot be opened")]
    Vault(#[from] vault::Error),
    /// The vault's key cannot be had.
    #[error("the vault cannot be opened")]
    VaultKey {
        /// Why.
        source: io::Error,
    },
    /// The way out cannot be set up.
    #[error("the way out to the network cannot be set up")]
    Egress(#[from] egress::Error),
    /// The sandbox's helper cannot be started.
    #[error("the sandbox cannot be tried")]
    Sandbox(#[from] sandbox::Error),
    /// A model is configured wrongly.
    #[error("the models cannot be used")]
    Models(#[from] models::RegistryError),
    /// A manifest is broken.
    #[error("the tools cannot be read")]
    Tools(#[from] tools::CatalogError),
    /// The policy cannot be loaded.
    #[error("the policy cannot be loaded")]
    Policy(#[from] policy::Error),
    /// The rule files cannot be read.
    #[error("the rules in {} cannot be read", path.display())]
    Rules {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The key that rules are signed with cannot be used.
    #[error("the key of the rules cannot be used: {why}")]
    Key {
        /// What is wrong with it.
        why: String,
    },
    /// A tool's surroundings cannot be prepared.
    #[error("the tools cannot be prepared: {why}")]
    Hands {
        /// What is missing.
        why: String,
    },
    /// What a crash left cannot be cleared up.
    #[error("what the last stop left cannot be cleared up")]
    Recover(#[from] broker::Error),
    /// The gateway cannot listen.
    #[error("the gateway cannot start")]
    Gateway(#[from] gateway::StartError),
    /// A sign-in link cannot be made.
    #[error("a sign-in link cannot be made")]
    Link(#[from] gateway::HouseError),
    /// There is no randomness.
    #[error("the system gives no random numbers")]
    Random(#[source] getrandom::Error),
    /// A name is not one.
    #[error("a name in the configuration is not one")]
    Name(#[from] domain::IdError),
    /// The receivers of the audit log cannot be served.
    #[error("the audit log cannot be sent on")]
    Shipping(#[from] shipping::CursorError),
    /// Something that goes on beside the start broke off.
    #[error("a part of the start broke off")]
    BrokeOff(#[from] tokio::task::JoinError),
    /// A delimiter could not be made.
    #[error("a delimiter cannot be made")]
    Delimiter(#[from] agent::DelimiterError),
}

impl StartError {
    /// The command that helps, where one does.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Home(error) => error.hint(),
            Self::Config(error) => Some(error.hint()),
            Self::Models(_) | Self::Name(_) | Self::Hands { .. } => {
                Some("hardshell config check".to_string())
            }
            Self::Gateway(error) => Some(error.hint()),
            Self::Store(store::Error::InUse { .. }) => Some(
                "Hardshell is running on this home already: `hardshell chat`, `hardshell status`".to_string(),
            ),
            Self::Policy(policy::Error::Unsigned { file, .. } | policy::Error::BadSignature { file }) => {
                Some(format!("hardshell policy sign {file}"))
            }
            Self::Policy(policy::Error::Setting { .. }) => Some("hardshell config check".to_string()),
            Self::Rules { path, .. } => Some(format!("ls -l '{}'", path.display())),
            Self::Policy(_) | Self::Key { .. } => {
                Some("ls -l the home's `policy` folder, and see docs/guide/policy.md".to_string())
            }
            Self::Audit(error) => audit_hint(error),
            Self::Store(error) => store_hint(error),
            Self::Lost(lost) => Some(lost.hint()),
            Self::NothingLost => Some("hardshell up".to_string()),
            Self::Root
            | Self::Vault(_)
            | Self::VaultKey { .. }
            | Self::Egress(_)
            | Self::Sandbox(_)
            | Self::Tools(_)
            | Self::Recover(_)
            | Self::Link(_)
            | Self::Random(_)
            | Self::Shipping(_)
            | Self::BrokeOff(_)
            | Self::Delimiter(_) => None,
        }
    }
}

/// What brings back what is lost or damaged.
const RESTORE: &str =
    "`hardshell backup list` shows what there is, `hardshell backup restore --identity FILE` brings it back";
/// What helps on a full disk.
const MAKE_ROOM: &str = "nothing was lost: make room, `df -h` shows which disk is full, and start again";

/// The command that helps when the audit log cannot be used, where one does.
#[must_use]
pub fn audit_hint(error: &audit::Error) -> Option<String> {
    let full =
        |kind: io::ErrorKind| matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    match error {
        audit::Error::KeyMissing { .. } | audit::Error::KeyUnreadable { .. } => Some(RESTORE.to_string()),
        audit::Error::KeyDiffers { .. } => Some(format!(
            "the log or its key is of another home, or somebody changed it; `hardshell audit verify` says where, {RESTORE}"
        )),
        audit::Error::InUse { .. } => Some(
            "Hardshell is running on this home already: `hardshell chat`, `hardshell status`".to_string(),
        ),
        audit::Error::Newer { .. } => {
            Some("install the newer Hardshell; `hardshell --version` says which this is".to_string())
        }
        audit::Error::Io { source, .. } if full(source.kind()) => Some(MAKE_ROOM.to_string()),
        audit::Error::Write(failure) if full(failure.kind) => Some(MAKE_ROOM.to_string()),
        audit::Error::Io { path, .. } | audit::Error::WrongType { path, .. } => {
            Some(format!("ls -ld '{}'", path.display()))
        }
        // These name the command themselves.
        audit::Error::Exposed { .. } | audit::Error::Foreign { .. } => None,
        audit::Error::Write(_) | audit::Error::TooLong { .. } | audit::Error::Closed => None,
    }
}

fn store_hint(error: &store::Error) -> Option<String> {
    match error {
        store::Error::DiskFull => Some(MAKE_ROOM.to_string()),
        store::Error::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
            Some(MAKE_ROOM.to_string())
        }
        store::Error::Corrupt { .. } | store::Error::Missing { .. } => Some(format!("{RESTORE}; {ANEW}")),
        store::Error::Io { path, .. }
        | store::Error::WrongType { path, .. }
        | store::Error::NotOurs { path } => Some(format!("ls -ld '{}'", path.display())),
        // These say what helps themselves, or are no fault of the home.
        store::Error::Exposed { .. }
        | store::Error::Foreign { .. }
        | store::Error::Newer { .. }
        | store::Error::Empty { .. }
        | store::Error::InUse { .. }
        | store::Error::Undone
        | store::Error::Database { .. }
        | store::Error::Unreadable { .. }
        | store::Error::NotFound { .. }
        | store::Error::Conflict { .. }
        | store::Error::TooLong { .. }
        | store::Error::Closed => None,
    }
}
