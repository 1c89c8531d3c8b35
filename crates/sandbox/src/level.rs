//! How strong the walls are on this machine, in words that never flatter.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a command is confined, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Resource limits alone: no wall.
    None,
    /// Landlock and seccomp in the host's own namespaces: no unix sockets, and no network but its proxy.
    Landlock,
    /// All namespaces, Landlock and seccomp; limits kept by a watcher.
    FullSoft,
    /// All namespaces, Landlock and seccomp; limits kept by the kernel.
    Full,
}

impl Level {
    /// Every level, strongest first.
    pub const ALL: [Self; 4] = [Self::Full, Self::FullSoft, Self::Landlock, Self::None];

    /// The name that configuration and reports use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Landlock => "landlock",
            Self::FullSoft => "full-soft",
            Self::Full => "full",
        }
    }

    /// The level of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == name)
    }

    /// What this level cannot stop, for whoever must decide whether it is enough.
    #[must_use]
    pub fn cannot_stop(self) -> &'static str {
        match self {
            Self::Full => "a bug in the kernel itself; side channels between processes of one machine",
            Self::FullSoft => {
                "what `full` cannot stop; a burst of memory shorter than one look of the watcher; kernel memory \
                 held in socket buffers, and shared memory for as long as others give up theirs; use of all processors"
            }
            Self::Landlock => {
                "what `full-soft` cannot stop; changing mode, times and attributes of a file that may only be read; \
                 seeing the size and times of a file whose name is known, where a link leads, when something in a \
                 folder changes, whether a process number is taken and how it is scheduled, and the name of the \
                 host; outliving the helper when it alone is killed"
            }
            Self::None => "anything but running for too long",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What [`crate::probe`] found by trying.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Isolation {
    /// The best level at which a trial command truly ran.
    pub level: Level,
    /// Landlock's version in this kernel; 0 when it has none.
    pub landlock_abi: u32,
    /// Why the next better level is not available; `None` at [`Level::Full`].
    pub reason: Option<String>,
    /// What to do about it, as a command or a sentence; `None` when nothing can be done or need be.
    pub fix: Option<String>,
}
