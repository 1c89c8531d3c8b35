//! Proposes: from what a session's transcript holds to the next thing to do, as a pure function.
//!
//! This crate never does I/O, never sees a permit, and claims nothing about trust: what a session has read is
//! remembered by the broker's ledger, not by the part that reads hostile text. Because the next step follows from the
//! transcript alone, a task goes on after a crash exactly where its last durable item stands.
#![forbid(unsafe_code)]

mod context;
mod step;
mod wrap;

pub use context::{estimate_tokens, messages};
pub use step::{Limits, PendingCall, Planning, Settings, Spent, Step, next};
pub use wrap::{Delimiter, DelimiterError, printable, wrap_untrusted};
