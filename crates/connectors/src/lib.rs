//! Carries out the tools: files, programs, web pages, mail, facts about this machine, notes.
//!
//! [`Connectors`] stands behind the broker: it takes a permit that is on record, compares what the call leads to with
//! what was judged, does it, and labels every field of what it found as the tool's manifest says.
//!
//! This crate must never: decide whether something may be done, open a connection past egress, start a process past
//! the sandbox, open a file by its name where a link could lead elsewhere, or see a secret.
#![forbid(unsafe_code)]

mod error;
mod executor;
pub mod files;
mod finding;
mod found;
mod given;
pub mod host;
pub mod html;
mod known;
pub mod mail;
pub mod memory;
mod moment;
pub mod remember;
pub mod secrets;
pub mod shell;
mod stop;
mod targets;
pub mod way_out;
pub mod web;

pub use error::Error;
pub use executor::{Connectors, Parts, Shared};
pub use finding::Finding;
pub use stop::Stop;
