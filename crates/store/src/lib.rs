//! Keeps what must outlive the process: sessions, messages, tasks, transcripts, effects, questions, rules, labels,
//! sign-ins, memory and counters.
//!
//! One SQLite database, one thread that works on it. [`Store::run`] takes a closure over a [`Tx`], whose methods are
//! the only way to the tables: everything one closure changes is kept together or not at all, and is on disk when
//! `run` returns.
//!
//! This crate must never: decide anything, make up a label where one cannot be read, start empty over a database that
//! is damaged, or let SQL out.
#![forbid(unsafe_code)]

mod effects;
mod error;
mod home;
mod inbound;
mod items;
mod labels;
mod ledger;
mod memory;
mod questions;
mod recipients;
mod row;
mod schema;
mod sessions;
mod sign_ins;
mod spend;
mod standing;
mod store;
mod tasks;
mod tx;
mod wire;

pub use effects::{Begun, Effect, EffectState, Ended};
pub use error::Error;
pub use home::{backups_of_damage, snapshot};
pub use inbound::{Delivered, InboundRow};
pub use labels::{FileIdentity, FileLabel};
pub use memory::Memory;
pub use questions::{Answer, Question};
pub use sessions::Session;
pub use sign_ins::SignIn;
pub use spend::Spend;
pub use standing::Standing;
pub use store::{Opened, Store};
pub use tasks::Task;
pub use tx::Tx;
