//! What can go wrong on the command line, each with the command that helps.

use crate::commands::sandbox::SandboxProblem;
use crate::exit::Exit;
use gateway::wire::{ApiError, ErrorCode};
use std::io;
use std::path::PathBuf;

/// Why a command could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// Nobody answers at the socket.
    #[error("reach Hardshell at {}", socket.display())]
    NotRunning {
        /// The socket.
        socket: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It answered with a refusal or an error.
    #[error("do that: {}", _0.message)]
    Refused(Box<ApiError>),
    /// It said what this program does not understand.
    #[error("understand what Hardshell says; is it another version?")]
    Answer(#[source] serde_json::Error),
    /// The request could not be made.
    #[error("make the request")]
    Request(#[source] http::Error),
    /// The connection broke.
    #[error("talk to Hardshell")]
    Http(#[from] hyper::Error),
    /// The event stream broke.
    #[error("follow what happens")]
    Socket(#[from] Box<tokio_tungstenite::tungstenite::Error>),
    /// The event stream did not begin as it must.
    #[error("follow what happens: no welcome")]
    NoWelcome,
    /// The event stream was closed, time and again.
    #[error("follow what happens: {why}")]
    Closed {
        /// Hardshell's words.
        why: String,
    },
    /// An answer is longer than is read.
    #[error("read the answer: {why}")]
    TooLong {
        /// What is wrong.
        why: String,
    },
    /// The house could not be started.
    #[error("start Hardshell")]
    Start(#[from] Box<daemon::StartError>),
    /// The home cannot be used.
    #[error("use the home")]
    Home(#[from] daemon::HomeError),
    /// The configuration cannot be used.
    #[error("use the configuration")]
    Config(#[from] daemon::config::ConfigProblem),
    /// The audit log cannot be read.
    #[error("read the audit log")]
    Audit(#[from] audit::Error),
    /// What was done to a secret cannot be put on record.
    #[error("put what is done to the secret on record")]
    NotRecorded(#[from] daemon::NotRecorded),
    /// An attack cannot be played.
    #[error("play the attack")]
    Demo(#[from] Box<demo::DemoError>),
    /// A sandbox by hand.
    #[error(transparent)]
    Sandbox(#[from] Box<SandboxProblem>),
    /// A replay cannot be played.
    #[error("replay")]
    Replay(#[source] Box<replay::Error>),
    /// The rules cannot be used.
    #[error("use the rules")]
    Rules(#[source] Box<daemon::StartError>),
    /// Something with a file or the terminal.
    #[error("{step}")]
    Io {
        /// What was being done.
        step: String,
        /// What the system says.
        source: io::Error,
    },
    /// Something else, said in full.
    #[error("{what}")]
    Other {
        /// What could not be done, and why.
        what: String,
        /// The command that helps.
        hint: Option<String>,
    },
}

impl Problem {
    /// The command that helps.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotRunning { .. } => {
                Some("start it with `hardshell up`, or name its home with `--home DIR`".to_string())
            }
            Self::Refused(error) => error.hint.clone(),
            Self::Start(error) | Self::Rules(error) => error.hint(),
            Self::Replay(error) => Some(error.hint().to_string()),
            Self::Home(error) => error.hint(),
            Self::Sandbox(problem) => problem.hint(),
            Self::Config(error) => Some(match error {
                daemon::config::ConfigProblem::Unreadable { .. } => {
                    "`hardshell up` makes a home and its configuration; `--home DIR` names another"
                        .to_string()
                }
                daemon::config::ConfigProblem::TooLong { .. }
                | daemon::config::ConfigProblem::Malformed { .. }
                | daemon::config::ConfigProblem::Meaningless { .. } => "hardshell config check".to_string(),
            }),
            Self::Closed { .. } => Some(
                "it goes on without being watched: `hardshell session list`, `hardshell status`".to_string(),
            ),
            Self::Other { hint, .. } => hint.clone(),
            Self::Answer(_)
            | Self::Request(_)
            | Self::Http(_)
            | Self::Socket(_)
            | Self::NoWelcome
            | Self::TooLong { .. }
            | Self::Audit(_)
            | Self::NotRecorded(_)
            | Self::Demo(_)
            | Self::Io { .. } => None,
        }
    }

    /// The exit code it means.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Refused(error) => match error.code {
                ErrorCode::Refused | ErrorCode::NotAllowed => Exit::Refused,
                ErrorCode::LockedDown => Exit::LockedDown,
                ErrorCode::Invalid
                | ErrorCode::NotSignedIn
                | ErrorCode::WrongOrigin
                | ErrorCode::NotFound
                | ErrorCode::WrongMethod
                | ErrorCode::TooSlow
                | ErrorCode::Conflict
                | ErrorCode::TooLarge
                | ErrorCode::WrongType
                | ErrorCode::WrongHost
                | ErrorCode::TooMany
                | ErrorCode::Failed
                | ErrorCode::NotReady => Exit::Failed,
            },
            Self::Sandbox(problem) => problem.exit(),
            Self::NotRunning { .. }
            | Self::Answer(_)
            | Self::Request(_)
            | Self::Http(_)
            | Self::Socket(_)
            | Self::NoWelcome
            | Self::Closed { .. }
            | Self::TooLong { .. }
            | Self::Start(_)
            | Self::Home(_)
            | Self::Config(_)
            | Self::Audit(_)
            | Self::NotRecorded(_)
            | Self::Demo(_)
            | Self::Replay(_)
            | Self::Rules(_)
            | Self::Io { .. }
            | Self::Other { .. } => Exit::Failed,
        }
    }
}
