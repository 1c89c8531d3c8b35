//! What can go wrong on the command line, each with the command that helps.

use crate::commands::sandbox::SandboxProblem;
use crate::exit::Exit;
use gateway::wire::{ApiError, ErrorCode};
use std::io;
use std::path::{Path, PathBuf};

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
    /// A chart of a report cannot be made.
    #[error("make the report's charts")]
    Chart(#[from] reports::ChartError),
    /// What was done to a secret or with a backup cannot be put on record.
    #[error("put what is done on record")]
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
            Self::NotRunning { socket, source } if source.kind() == io::ErrorKind::PermissionDenied => {
                Some(not_yours(socket))
            }
            Self::NotRunning { .. } => {
                Some("start it with `hardshell up`, or name its home with `--home DIR`".to_string())
            }
            Self::Refused(error) => error.hint.clone(),
            Self::Start(error) | Self::Rules(error) => error.hint(),
            Self::Replay(error) => Some(error.hint().to_string()),
            Self::Home(error) => error.hint(),
            Self::Sandbox(problem) => problem.hint(),
            Self::Config(error) => Some(error.hint()),
            Self::Closed { .. } => Some(
                "it goes on without being watched: `hardshell session list`, `hardshell status`".to_string(),
            ),
            Self::Audit(error) => daemon::audit_hint(error),
            Self::Io { source, .. }
                if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) =>
            {
                Some("make room, and try again: `df -h` shows which disk is full".to_string())
            }
            Self::Other { hint, .. } => hint.clone(),
            Self::Answer(_)
            | Self::Request(_)
            | Self::Http(_)
            | Self::Socket(_)
            | Self::NoWelcome
            | Self::TooLong { .. }
            | Self::Chart(_)
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
            | Self::Chart(_)
            | Self::NotRecorded(_)
            | Self::Demo(_)
            | Self::Replay(_)
            | Self::Rules(_)
            | Self::Io { .. }
            | Self::Other { .. } => Exit::Failed,
        }
    }
}

/// Whose the home is that may not be looked into, and how its owner asks.
fn not_yours(socket: &Path) -> String {
    use std::os::unix::fs::MetadataExt as _;
    // Of what is inside of a closed folder nothing can be told, not even that it is there.
    let seen = socket.ancestors().skip(1).find_map(|path| Some((path, std::fs::metadata(path).ok()?.uid())));
    let home = socket.ancestors().nth(2).unwrap_or(socket).display();
    match seen {
        Some((path, owner)) => format!(
            "{} belongs to user {owner}: `sudo -u '#{owner}' hardshell --home '{home}' status`, or name a home of yours with `--home DIR`",
            path.display()
        ),
        None => "name a home of yours with `--home DIR`".to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_of_somebody_else_is_told_with_its_owner() {
        use std::os::unix::fs::MetadataExt as _;
        let folder = tempfile::tempdir().unwrap();
        let owner = std::fs::metadata(folder.path()).unwrap().uid();
        let home = folder.path().join("home");
        let socket = home.join("run/hardshell.sock");
        let problem = Problem::NotRunning { socket, source: io::ErrorKind::PermissionDenied.into() };
        let expected = format!(
            "{} belongs to user {owner}: `sudo -u '#{owner}' hardshell --home '{}' status`",
            folder.path().display(),
            home.display()
        );
        let hint = problem.hint().unwrap();
        assert!(hint.starts_with(&expected), "{hint}");
    }
}
