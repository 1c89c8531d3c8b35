//! Confines: runs a command so that it sees, uses up and reaches only what it was granted, and reads and writes files
//! where such a command may have planted links.
//!
//! [`Sandbox::probe`] finds out, by trying, how strong the walls are here; [`Sandbox::run`] runs one [`Spec`];
//! [`Within`] is the folder that nothing leads out of; [`canaries`] try each wall. This crate never decides whether something may be done, never opens a connection, never runs anything outside
//! the walls but its own helper, and never answers with a weaker wall than it reports. It is the only one with `unsafe`.

mod alone;
pub mod canaries;
mod control_group;
mod error;
mod filter;
mod grant;
mod helper;
mod kernel;
mod level;
mod pool;
mod probe;
pub mod process;
mod program;
pub mod protected;
mod report;
mod run;
mod signal;
mod spec;
mod stop;
mod transaction;
mod view;
mod wire;
mod within;

pub use alone::{Alone, AloneRunning, Output, Played, is_alone};
pub use error::{Error, FileKind, PathError, SpecError, Step};
pub use filter::{AllowedCall, allowed_calls};
pub use grant::{Access, Grant};
pub use helper::helper_main;
pub use level::{Isolation, Level};
pub use probe::{Caps, Helper, Sandbox};
pub use process::{HardenError, become_user, harden_self, is_root};
pub use program::{PROGRAM_FOLDERS, Program, ProgramError, resolve_program};
pub use report::{Captured, Denied, Ending, LimitHit, Report, Stream};
pub use run::{Connections, Running, Signaller};
pub use signal::Signal;
pub use spec::{Environment, Input, Limits, Network, PROXY_PORT, Spec, Terminal, Workspace, WorkspaceMode};
pub use stop::StopSwitch;
pub use transaction::{Change, ChangeKind, ChangeSet, Concern, Transaction, TransactionError, Undo};
pub use view::{HOME, SYSTEM_FOLDERS, SYSTEM_SETTINGS, VARIABLES, is_system};
pub use within::{ENTRIES_MAX, Entry, Found, Identity, Replace, Within};
