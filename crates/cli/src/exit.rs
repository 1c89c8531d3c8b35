//! Exit codes: an interface that scripts rely on.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It did what was asked.
    Done,
    /// It could not.
    Failed,
    /// The policy refused.
    Refused,
    /// It waits for an approval.
    Waiting,
    /// A proof failed.
    ProofFailed,
    /// Everything is stopped.
    LockedDown,
    /// What a sandboxed command ended with, passed through.
    Passed(u8),
}

impl Exit {
    /// The number that the program ends with.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            // 2 is clap's, for usage.
            Self::Refused => 3,
            Self::Waiting => 4,
            Self::ProofFailed => 5,
            Self::LockedDown => 6,
            Self::Passed(code) => code,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
