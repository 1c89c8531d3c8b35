//! What became of a sandboxed command.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::level::Level;

/// The whole result of one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// How it ended.
    pub ending: Ending,
    /// The limit that was met, if one was; those of output and processors do not end a command.
    pub limit_hit: Option<LimitHit>,
    /// System calls that were refused and how often, by name.
    pub denied: Vec<Denied>,
    /// The isolation it really had.
    pub level: Level,
    /// The most memory that all its processes used at one time, in bytes, as far as that was seen.
    pub peak_memory_bytes: Option<u64>,
    /// Standard output; of a terminal, everything.
    pub stdout: Captured,
    /// Standard error; of a terminal, nothing.
    pub stderr: Captured,
    /// From start to end.
    pub wall: Duration,
}

impl Report {
    /// The exit code a shell would show: the command's own, 128 plus the signal, 124 on time-out.
    #[must_use]
    pub fn exit_code(&self) -> i32 {
        match self.ending {
            Ending::Exited(code) => code,
            Ending::Signalled(signal) => signal.saturating_add(128),
            Ending::TimedOut => 124,
            Ending::LimitReached => 137,
            Ending::Cancelled => 130,
        }
    }
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// By itself, with this code.
    Exited(i32),
    /// By this signal.
    Signalled(i32),
    /// Killed, its time being up.
    TimedOut,
    /// Killed, a limit other than time being met; see [`Report::limit_hit`].
    LimitReached,
    /// Killed because the caller cancelled or went away.
    Cancelled,
}

/// A limit that was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LimitHit {
    /// Time on the clock.
    Wall,
    /// Memory of all processes together.
    Memory,
    /// Processes and threads.
    Pids,
    /// The size of one file.
    FileSize,
    /// Room in `/tmp` and the other private folders.
    Tmp,
    /// Open files of one process, as the command itself told.
    Files,
    /// What may be written to the workspace.
    Disk,
    /// Output kept.
    Output,
    /// Its share of the processors.
    Cpu,
}

impl LimitHit {
    /// The name in reports and in `hardshell.toml`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wall => "wall",
            Self::Memory => "memory",
            Self::Pids => "pids",
            Self::FileSize => "file-size",
            Self::Tmp => "tmp",
            Self::Files => "files",
            Self::Disk => "disk",
            Self::Output => "output",
            Self::Cpu => "cpu",
        }
    }

    /// What was used up, for a person.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Wall => "time",
            Self::Memory => "memory",
            Self::Pids => "processes",
            Self::FileSize => "the size of one file",
            Self::Tmp => "room in /tmp and home",
            Self::Files => "open files",
            Self::Disk => "what may be written to the workspace",
            Self::Output => "output that is kept",
            Self::Cpu => "processor time",
        }
    }
}

/// A system call that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denied {
    /// Its name, as in its manual page.
    pub call: String,
    /// How often.
    pub count: u64,
}

/// What was kept of one output stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captured {
    /// The first bytes, at most [`crate::Limits::output_bytes`].
    pub bytes: Vec<u8>,
    /// How many there were in all.
    pub total_bytes: u64,
}

impl Captured {
    /// Whether some were dropped.
    #[must_use]
    pub fn truncated(&self) -> bool {
        u64::try_from(self.bytes.len()).is_ok_and(|kept| kept < self.total_bytes)
    }

    /// Whether the C library's words for `EMFILE` stand in it: the kernel counts such refusals nowhere.
    pub(crate) fn tells_of_open_files(&self) -> bool {
        let text = self.text().to_lowercase();
        text.contains("too many open files") && !text.contains("too many open files in system")
    }

    /// The text, with replacement characters where it is none.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// One of the two output streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output, or the terminal.
    Stdout,
    /// Standard error.
    Stderr,
}
