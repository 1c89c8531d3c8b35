//! Why a tool did not work, and whose fault it is.

use crate::files::FilesError;
use crate::host::HostError;
use crate::mail::MailError;
use crate::memory::NotesError;
use crate::shell::ShellError;
use crate::way_out::WayOutError;
use crate::web::WebError;
use domain::{Blame, Failure, Label};

/// Why a tool did not work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Files.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// Programs.
    #[error(transparent)]
    Shell(#[from] ShellError),
    /// The web.
    #[error(transparent)]
    Web(#[from] WebError),
    /// Mail.
    #[error(transparent)]
    Mail(#[from] MailError),
    /// This machine.
    #[error(transparent)]
    Host(#[from] HostError),
    /// Notes.
    #[error(transparent)]
    Notes(#[from] NotesError),
    /// Notes or labels could not be kept or found.
    #[error("{0}")]
    Remember(String),
    /// The permit was held too long.
    #[error("the permit expired before it was used")]
    Expired,
    /// What the call leads to is not what it led to when it was judged.
    #[error("what it leads to has changed since it was judged; look again")]
    TargetsChanged,
    /// The call is for something else than a tool.
    #[error("it is no tool's call")]
    NotATool,
    /// No such tool is carried out here.
    #[error("nothing here carries out `{tool}`")]
    NoSuchTool {
        /// Its name.
        tool: String,
    },
    /// An argument is missing that the manifest promises.
    #[error("the argument `{name}` is missing")]
    Argument {
        /// Its name.
        name: &'static str,
    },
    /// The owner stopped it.
    #[error("it was stopped")]
    Stopped,
    /// The work ended in a way that it should not.
    #[error("the work broke off; see the log of the service")]
    Broken,
}

impl Error {
    /// Whose fault it is.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Files(error) => of_files(error),
            Self::Shell(ShellError::Program(_) | ShellError::Changed { .. }) => Blame::Model,
            Self::Shell(ShellError::Stopped) | Self::Stopped => Blame::Owner,
            Self::Web(_) => Blame::Peer,
            Self::Mail(error) => error.blame(),
            Self::Host(HostError::NoSuchLog { .. }) => Blame::Model,
            Self::Host(HostError::LogsClosed) => Blame::Owner,
            Self::TargetsChanged => Blame::Tool,
            Self::Notes(NotesError::Empty) => Blame::Model,
            Self::Notes(NotesError::NotText { .. } | NotesError::TooLong { .. }) => Blame::Owner,
            Self::Notes(NotesError::Path { .. }) => Blame::Us,
            Self::Shell(
                ShellError::Folder(_)
                | ShellError::Sandbox(_)
                | ShellError::Pipe(_)
                | ShellError::Changes(_)
                | ShellError::WayOut(_),
            )
            | Self::Host(HostError::Read { .. } | HostError::Form { .. })
            | Self::Remember(_)
            | Self::Expired
            | Self::NotATool
            | Self::NoSuchTool { .. }
            | Self::Argument { .. }
            | Self::Broken => Blame::Us,
        }
    }

    /// Whether the effect may have happened all the same.
    #[must_use]
    pub fn may_have_happened(&self) -> bool {
        match self {
            Self::Mail(error) => error.may_have_happened(),
            // A sandbox whose answer was lost may have run the program; a thread that broke may have written.
            Self::Shell(ShellError::Sandbox(error)) => sandbox_may_have_run(error),
            // Another program of the line may have run before this one was refused its way out.
            Self::Shell(ShellError::WayOut(error)) => !matches!(error, WayOutError::Walls { .. }),
            Self::Shell(ShellError::Stopped | ShellError::Changes(_)) | Self::Broken | Self::Remember(_) => {
                true
            }
            // A disk that fails at the last flush may hold the change or not.
            Self::Files(FilesError::Path(sandbox::PathError::Io { source, .. })) => {
                source.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
            }
            Self::Notes(error) => matches!(error, NotesError::Path { step: "written", .. }),
            Self::Files(error) => matches!(error, FilesError::Damaged { .. } | FilesError::Command { .. }),
            Self::Shell(
                ShellError::Program(_)
                | ShellError::Changed { .. }
                | ShellError::Folder(_)
                | ShellError::Pipe(_),
            )
            | Self::Web(_)
            | Self::Host(_)
            | Self::Expired
            | Self::TargetsChanged
            | Self::NotATool
            | Self::NoSuchTool { .. }
            | Self::Argument { .. }
            | Self::Stopped => false,
        }
    }

    /// Whether its text holds words of somebody else's.
    pub(crate) fn quotes_a_stranger(&self) -> bool {
        match self {
            Self::Web(_) => true,
            Self::Mail(error) => error.quotes_a_stranger(),
            Self::Files(_)
            | Self::Shell(_)
            | Self::Host(_)
            | Self::Notes(_)
            | Self::Remember(_)
            | Self::Expired
            | Self::TargetsChanged
            | Self::NotATool
            | Self::NoSuchTool { .. }
            | Self::Argument { .. }
            | Self::Stopped
            | Self::Broken => false,
        }
    }

    pub(crate) fn failure(self, label: Label) -> Failure {
        let text = tools::visible(&self.to_string());
        Failure { blame: self.blame(), text, label, may_have_happened: self.may_have_happened() }
    }
}

fn of_files(error: &FilesError) -> Blame {
    match error {
        FilesError::Damaged { .. } => Blame::Us,
        FilesError::Path(_)
        | FilesError::Command { .. }
        | FilesError::Tilde { .. }
        | FilesError::Elsewhere { .. }
        | FilesError::Dots { .. }
        | FilesError::Changed { .. }
        | FilesError::NotThere { .. }
        | FilesError::InTheWay { .. }
        | FilesError::WholeFolder { .. }
        | FilesError::TooLarge { .. }
        | FilesError::PastTheEnd { .. }
        | FilesError::Pattern { .. }
        | FilesError::OtherDisk { .. }
        | FilesError::NoSuchTrash { .. }
        | FilesError::NothingToUndo => Blame::Model,
    }
}

fn sandbox_may_have_run(error: &sandbox::Error) -> bool {
    matches!(error, sandbox::Error::Interrupted | sandbox::Error::HelperLost | sandbox::Error::HelperGarbled)
}
