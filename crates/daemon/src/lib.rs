//! Puts Hardshell together: configuration, recovery, and the one loop in which everything happens.
//!
//! This crate decides nothing and carries nothing out: it hands models, connectors and the sandbox to the broker and
//! asks the agent for the next step.
#![forbid(unsafe_code)]

mod background;
mod chat;
mod check;
pub mod config;
mod connections;
mod events;
mod hands;
mod home;
mod house;
mod inside;
mod lockdown;
mod look;
mod memory;
mod proofs;
mod redaction;
mod rules;
mod sign_ins;
mod stage;
mod start_error;
mod state;
mod tasks;
mod turn;
mod up;

pub use agent::printable;
pub use check::{Finding, Weight, check_home};
pub use home::{Home, HomeError};
pub use lockdown::Switch;
pub use look::{LogReport, verify_log};
pub use proofs::prove_home;
pub use rules::{policy_of, sign as sign_rules};
pub use start_error::StartError;
pub use tasks::error_chain;
pub use up::{Options, Running, Theatre};

/// The time of this machine.
#[must_use]
pub fn now() -> domain::Timestamp {
    (gateway::clock())()
}

/// A fresh id for a message typed here.
#[must_use]
pub fn message_id() -> String {
    let mut bytes = [0_u8; 16];
    // Without randomness the id repeats, and a repeated message is refused rather than taken twice.
    let _ = (gateway::random())(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
