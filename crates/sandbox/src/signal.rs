//! Signals that a caller may pass on to a command.

use serde::{Deserialize, Serialize};

/// A signal that is passed on to the command's process group (signal(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signal {
    /// `SIGHUP`: the terminal is gone.
    HangUp,
    /// `SIGINT`.
    Interrupt,
    /// `SIGQUIT`.
    Quit,
    /// `SIGUSR1`.
    User1,
    /// `SIGUSR2`.
    User2,
    /// `SIGTERM`.
    Terminate,
    /// Sleep until [`Signal::Continue`]; time goes on.
    Stop,
    /// `SIGCONT`.
    Continue,
}

impl Signal {
    /// Each of them.
    pub const ALL: [Self; 8] = [
        Self::HangUp,
        Self::Interrupt,
        Self::Quit,
        Self::User1,
        Self::User2,
        Self::Terminate,
        Self::Stop,
        Self::Continue,
    ];

    /// What the first process inside is sent. A stop travels as the one that can be held back (signalfd(2)).
    pub(crate) fn on_the_way(self) -> rustix::process::Signal {
        match self {
            Self::Stop => rustix::process::Signal::TSTP,
            Self::HangUp
            | Self::Interrupt
            | Self::Quit
            | Self::User1
            | Self::User2
            | Self::Terminate
            | Self::Continue => self.arriving(),
        }
    }

    /// What the command gets.
    pub(crate) fn arriving(self) -> rustix::process::Signal {
        match self {
            Self::HangUp => rustix::process::Signal::HUP,
            Self::Interrupt => rustix::process::Signal::INT,
            Self::Quit => rustix::process::Signal::QUIT,
            Self::User1 => rustix::process::Signal::USR1,
            Self::User2 => rustix::process::Signal::USR2,
            Self::Terminate => rustix::process::Signal::TERM,
            Self::Stop => rustix::process::Signal::STOP,
            Self::Continue => rustix::process::Signal::CONT,
        }
    }
}
