//! What a sandboxed command is given: nothing but what stands here.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::SpecError;
use crate::grant::{Access, Grant};
use crate::level::Level;
use crate::program::Program;

/// One command and everything it may see, use up and reach.
///
/// Made with [`Spec::new`], which grants nothing: no folder, no network, an empty home and the default limits.
/// The fields are public because every combination of them is a sandbox; what must be checked is checked by the
/// types of the fields.
#[derive(Debug)]
pub struct Spec {
    /// The program, found and identified before the sandbox is made.
    pub program: Program,
    /// `argv` as the program sees it; the first is its name.
    pub arguments: Vec<OsString>,
    /// The environment; nothing is inherited.
    pub environment: Environment,
    /// The folder the command starts in, as it is named inside; the empty home when `None`.
    pub folder: Option<PathBuf>,
    /// Folders and files of the host that appear inside, at their own path.
    pub grants: Vec<Grant>,
    /// The folder that the command works in, with its protected files.
    pub workspace: Option<Workspace>,
    /// What it may reach over the network.
    pub network: Network,
    /// What it may use up.
    pub limits: Limits,
    /// What it reads on standard input.
    pub input: Input,
    /// What its output is connected to.
    pub terminal: Terminal,
    /// The weakest isolation it may run at; below it nothing is started.
    pub floor: Level,
    /// Whom it runs as when the caller is root; the user of all commands when `None`.
    pub user: Option<u32>,
}

impl Spec {
    /// A command that may see the system read-only, an empty home, a private `/tmp`, and nothing else.
    #[must_use]
    pub fn new(program: Program, arguments: Vec<OsString>) -> Self {
        Self {
            program,
            arguments,
            environment: Environment::default(),
            folder: None,
            grants: Vec::new(),
            workspace: None,
            network: Network::None,
            limits: Limits::default(),
            input: Input::Empty,
            terminal: Terminal::Pipes,
            floor: Level::Landlock,
            user: None,
        }
    }
}

/// The environment of the command: an allow-list, on top of a fixed `PATH`, `HOME`, `TMPDIR`, `LANG`, `USER`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
// INVARIANT: no name is empty, holds `=` or NUL, or is read by a loader before `main`.
pub struct Environment(BTreeMap<String, String>);

/// How many variables a command may be given, so that `execve` cannot fail for want of room.
pub const ENVIRONMENT_VARIABLES_MAX: usize = 256;

/// Names and prefixes that make a loader, a shell or an interpreter run something before the program.
#[rustfmt::skip]
const LOADER_NAMES: [&str; 9] = [
    "LD_", "GCONV_PATH", "GLIBC_TUNABLES", "BASH_ENV", "BASH_FUNC_", "ENV", "PYTHONSTARTUP", "PERL5OPT",
    "NODE_OPTIONS",
];

impl Environment {
    /// Adds a variable.
    ///
    /// # Errors
    ///
    /// [`SpecError::Variable`] when the name is empty, holds `=`, or names what a loader or an interpreter runs
    /// before the program; or either half holds NUL. [`SpecError::Variables`] when there are too many.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), SpecError> {
        let loader = LOADER_NAMES.iter().any(|known| match known.strip_suffix('_') {
            Some(_) => name.starts_with(known),
            None => name == *known,
        });
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') || loader {
            return Err(SpecError::Variable { name: name.to_owned() });
        }
        if self.0.len() >= ENVIRONMENT_VARIABLES_MAX && !self.0.contains_key(name) {
            return Err(SpecError::Variables { limit: ENVIRONMENT_VARIABLES_MAX });
        }
        self.0.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    /// The variables, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// The folder a command works in.
#[derive(Debug)]
pub struct Workspace {
    /// The folder; its access says whether the command may change it.
    pub grant: Grant,
    /// Whether changes go straight to the folder, or to a change set beside it.
    pub mode: WorkspaceMode,
    /// Files that run code later and that this command may change all the same (a git-write grant is `.git`).
    /// Names as in [`crate::protected::NAMES`]; what is never writable stays read-only whatever stands here.
    pub writable_protected: Vec<String>,
    /// Files and folders beneath the workspace, relative to it, that no command may change: the keeper's own.
    pub never_writable: Vec<PathBuf>,
}

impl Workspace {
    /// A workspace whose changes are made in place, with every protected file read-only.
    #[must_use]
    pub fn new(grant: Grant) -> Self {
        Self {
            grant,
            mode: WorkspaceMode::InPlace,
            writable_protected: Vec::new(),
            never_writable: Vec::new(),
        }
    }

    /// Whether the command may change the workspace.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        matches!(self.grant.access(), Access::Write)
    }
}

/// Where the changes of a command go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkspaceMode {
    /// Straight to the folder.
    InPlace,
    /// To a change set under this folder, which is on the same file system and private to the caller; see
    /// [`crate::Transaction`].
    Transaction(PathBuf),
}

/// What a command may reach over the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// Its own loopback, with nobody on it.
    None,
    /// One address, `127.0.0.1` and [`PROXY_PORT`], on which somebody outside accepts what comes out of
    /// [`crate::Running::connections`]: at `full` that of a loopback of its own, at `landlock` all that it connects to.
    Listener,
}

/// The port that the listener inside the sandbox has: its loopback is its own, so the number is always free.
pub const PROXY_PORT: u16 = 3128;

/// What a command may use up. Each limit names itself in [`crate::Report::limit_hit`] when it is met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From start to end, all processes.
    pub wall: Duration,
    /// All processes together, in bytes, files in memory included.
    pub memory_bytes: u64,
    /// Processes and threads at one time.
    pub pids: u32,
    /// Share of one processor in percent; 200 is two of them.
    pub cpu_percent: u32,
    /// Open files of one process.
    pub files: u32,
    /// Size of one file, in bytes.
    pub file_bytes: u64,
    /// `/tmp`, home, `/dev/shm` and `/run` together, in bytes.
    pub tmp_bytes: u64,
    /// Files and folders in them together.
    pub tmp_inodes: u64,
    /// What the files in its change set may come to, in bytes; see [`WorkspaceMode::Transaction`].
    pub disk_bytes: u64,
    /// What is kept of each of standard output and standard error, in bytes; the rest is counted and dropped.
    pub output_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wall: Duration::from_secs(120),
            memory_bytes: 1 << 30,
            pids: 256,
            cpu_percent: 200,
            files: 1024,
            file_bytes: 1 << 30,
            tmp_bytes: 256 << 20,
            tmp_inodes: 65_536,
            disk_bytes: 2 << 30,
            output_bytes: 1 << 20,
        }
    }
}

/// What a command reads on standard input.
#[derive(Debug, Default)]
pub enum Input {
    /// Nothing: end of file at once.
    #[default]
    Empty,
    /// These bytes, then end of file.
    Bytes(Vec<u8>),
    /// What can be read from this descriptor: a pipe, a file or a terminal that the caller owns.
    Descriptor(OwnedFd),
    /// What comes from this socket, which is standard input itself, both ways; nothing at a terminal.
    Socket(OwnedFd),
}

/// What the output of a command is connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terminal {
    /// Two pipes.
    Pipes,
    /// A terminal of its own, of this size; standard error is standard output.
    Pty {
        /// Lines.
        rows: u16,
        /// Characters in a line.
        columns: u16,
    },
}
