//! What can go wrong with a sandbox by hand, each with its exit code and what helps.

use super::given::Link;
use crate::exit::Exit;
use sandbox::{Error, PathError, ProgramError, SpecError};

/// The sandbox could not be made; nothing ran.
const NO_SANDBOX: u8 = 125;
/// What was named is not a program.
const NOT_A_PROGRAM: u8 = 126;
/// There is no such program.
const NO_PROGRAM: u8 = 127;

/// Why nothing was run, read or written.
#[derive(Debug, thiserror::Error)]
pub enum SandboxProblem {
    /// The program cannot be started.
    #[error("start it")]
    Program(#[from] ProgramError),
    /// A path cannot be shown.
    #[error("show a path")]
    Path(#[from] PathError),
    /// A path is a link.
    #[error(transparent)]
    Link(#[from] Link),
    /// A variable's value is not text.
    #[error("pass a variable on: what is in `{name}` is not UTF-8")]
    NotText {
        /// Its name.
        name: String,
    },
    /// A variable cannot be passed on.
    #[error("pass a variable on")]
    Variable(#[from] SpecError),
    /// A host cannot be named so.
    #[error("open a way out: {why}")]
    Host {
        /// What is wrong with it.
        why: String,
    },
    /// The proxy could not be made.
    #[error("open a way out")]
    WayOut(#[from] connectors::way_out::WayOutError),
    /// The proxy's own vault, which holds nothing.
    #[error("open a way out")]
    Vault(#[from] vault::Error),
    /// The sandbox itself.
    #[error("make the sandbox")]
    Sandbox(#[from] Error),
    /// AppArmor would read the helper's path as something else.
    #[error("write a profile for `{}`: its path has characters that mean something to AppArmor", path.display())]
    ProfilePath {
        /// Where the helper is.
        path: std::path::PathBuf,
    },
    /// The terminal or the folder it was started in.
    #[error("{step}")]
    Io {
        /// What was being done.
        step: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
}

impl SandboxProblem {
    /// What helps.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Program(ProgramError::NotFound { .. }) => Some(
                "a bare name is looked for in /usr/local/bin, /usr/bin, /bin and their sbin; give any other program \
                    by its path"
                    .to_string(),
            ),
            Self::Program(_) => None,
            Self::Path(_) => {
                Some("--read and --write take a file or folder that is there, never `/` itself".to_string())
            }
            Self::Link(link) => Some(link.hint()),
            Self::Variable(_) => {
                Some("what a loader or an interpreter runs before the program is never passed on".to_string())
            }
            Self::Host { .. } => Some(
                "write it as `--host api.example.org`, `--host api.example.org:8443` or `--host localhost:8080`"
                    .to_string(),
            ),
            Self::Sandbox(Error::BelowFloor { .. }) => {
                Some("`hardshell sandbox run --explain -- true` says what would help".to_string())
            }
            Self::Sandbox(Error::Beyond { .. }) => Some(
                "show it with `--read`, or name a folder without it; `hardshell sandbox run --explain -- true` says what \
                 would make better walls"
                    .to_string(),
            ),
            Self::Sandbox(Error::NoHelper { .. }) => {
                Some("put `hardshell-sandbox` into the folder of `hardshell`, writable by its owner alone".to_string())
            }
            Self::Sandbox(Error::ForeignHelper { path }) => Some(format!(
                "sudo chown root: '{0}' && sudo chmod 0755 '{0}', or run a copy of your own",
                path.display()
            )),
            Self::ProfilePath { .. } => {
                Some("install Hardshell where the path is letters, digits, `/`, `.`, `-`, `_`".to_string())
            }
            Self::Sandbox(_) | Self::WayOut(_) | Self::Vault(_) | Self::NotText { .. } | Self::Io { .. } => {
                None
            },
        }
    }

    /// The exit code it means.
    pub fn exit(&self) -> Exit {
        Exit::Passed(match self {
            Self::Program(ProgramError::NotFound { .. }) => NO_PROGRAM,
            Self::Program(_) => NOT_A_PROGRAM,
            Self::Path(_)
            | Self::Link(_)
            | Self::NotText { .. }
            | Self::Variable(_)
            | Self::Host { .. }
            | Self::WayOut(_)
            | Self::Vault(_)
            | Self::Sandbox(_)
            | Self::ProfilePath { .. }
            | Self::Io { .. } => NO_SANDBOX,
        })
    }
}
