//! Why an attack cannot be played.

use std::io;

/// An attack cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// Something of the temporary home cannot be made or read.
    #[error("{step}")]
    Stage {
        /// What was being done.
        step: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// The temporary home is not fit for a house.
    #[error("make a home for the demo")]
    Home(#[from] daemon::HomeError),
    /// The mail cannot be planted.
    #[error("plant the mail")]
    Mail(#[from] connectors::mail::MailError),
    /// The planted mail is not where it was put.
    #[error("find the planted mail again")]
    MailGone,
    /// A word of the scenario is not what it must be.
    #[error("set the scene: {why}")]
    Scene {
        /// What is wrong.
        why: String,
    },
    /// The house does not start.
    #[error("start the house of the demo")]
    Start(#[from] Box<daemon::StartError>),
    /// The house refused the owner's words or answer.
    #[error("speak to the house: {why}")]
    House {
        /// What it says.
        why: String,
    },
    /// Events were missed, or the task never came to an end.
    #[error("follow the attack to its end: {why}")]
    Lost {
        /// What is known.
        why: String,
    },
    /// A wall is left out where somebody else could be reached.
    #[error("leave walls out: this process is not alone in a network of its own")]
    NotAlone,
    /// The audit log cannot be read.
    #[error("read the audit log of the demo")]
    Audit(#[from] audit::Error),
}

impl DemoError {
    /// Names the step that an error of the system belongs to.
    pub(crate) fn at(step: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::Stage { step, source }
    }
}
