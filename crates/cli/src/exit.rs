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

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            // 2 is clap's, for usage.
            Exit::Refused => 3,
            Exit::Waiting => 4,
            Exit::ProofFailed => 5,
            Exit::LockedDown => 6,
            Exit::Passed(code) => code,
        })
    }
}
