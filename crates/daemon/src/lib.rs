//! Puts Hardshell together: configuration, recovery, and the one loop in which everything happens.
//!
//! This crate decides nothing and carries nothing out: it hands models, connectors and the sandbox to the broker and
//! asks the agent for the next step.
#![forbid(unsafe_code)]

mod answering;
mod background;
mod backup_record;
mod bait;
mod ceiling;
mod chat;
mod check;
pub mod config;
mod connections;
mod content;
mod decoy;
mod doctor;
mod elsewhere;
mod events;
mod fatigue;
mod hands;
mod happening;
mod home;
mod house;
mod in_force;
mod inside;
mod keeping;
mod keys;
mod listening;
mod lockdown;
mod look;
mod lost;
mod memory;
mod meters;
mod proofs;
mod redaction;
mod reminding;
mod restored;
mod revoking;
mod rules;
mod secret_record;
mod secrets;
mod sending;
mod sign_ins;
mod stage;
mod start_error;
mod state;
mod stopping;
mod suspending;
mod tasks;
mod turn;
mod up;
mod witness;

pub use agent::printable;
pub use backup_record::BackupNote;
pub use check::{Finding, Weight, check_home, check_text};
pub use doctor::{Examined, Fix};
pub use home::{Home, HomeError, became_user_of};
pub use keys::{Ask, Asking, KeyKind, VaultSection, ask_nobody};
pub use lockdown::{FILE as LOCKDOWN, Switch};
pub use look::{LogReport, last_checkpoint, log_was_seen, shown as shown_record, verify_log};
pub use lost::{Begin, Lost};
pub use posture::doctor::{Ailment, FixError, Weight as AilmentWeight};
pub use posture::{FoundKey, KeysError, read_keys};
pub use proofs::prove_home;
pub use redaction::LogRedaction;
pub use restored::{HomeCheck, VaultKey, check_restored};
pub use rules::{policy_of, sign as sign_rules};
pub use secret_record::{Calls, NotRecorded, SecretRecord};
pub use secrets::{NotProved, TestCall};
pub use sending::{permit, receiver_states};
pub use shipping::ReceiverState;
pub use start_error::{StartError, audit_hint};
pub use suspending::{Suspension, Whom, dangerous_resume, suspensions};
pub use tasks::error_chain;
pub use up::{AUDIT_KEY, Options, Running, Theatre};

/// An error and what caused it, in one line.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    tasks::error_chain(error)
}

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
