//! Asks a language model, or what stands in for one, and gives back its answer.
//!
//! This crate never opens a connection (it goes out through `egress`), never sees a key, never decides whether a
//! prompt may leave the house, and never takes half an answer for a whole one.
#![forbid(unsafe_code)]

pub mod builtin;
mod classify;
pub mod config;
mod estimate;
mod exchange;
mod executor;
mod names;
mod prompt;
mod registry;
pub mod retry;
mod script;
mod trouble;
pub mod wire;

pub use classify::PeerError;
pub use config::{Clearance, ConfigError, Locality, Model, ModelConfig, ModelKind, Prices};
pub use estimate::{Cost, Estimate, cost, estimate};
pub use registry::{BUILTIN, Registry, RegistryError, Unanswered, Waits, builtin_config};
pub use script::{Script, ScriptError};
pub use trouble::{AskError, Trouble, Wait};
