//! Tries every control live and says what it saw: it holds, it failed, or it is off.
//!
//! This crate never reports what it did not try just now, never uses the owner's real files as bait, and never calls a
//! control good because it is configured. A canary that cannot succeed without the wall proves nothing, and says so.
#![forbid(unsafe_code)]

pub mod doctor;
mod judge;
mod keys;
mod process;
mod proof;
mod secrets;
mod services;
mod walls;
mod way_out;

pub use judge::the_policy_asks;
pub use keys::{FoundKey, KeysError, read_keys};
pub use process::{Crash, a_crash_leaves_no_core, the_process_is_closed};
pub use proof::{Proof, State};
pub use secrets::the_secrets_are_fresh;
pub use services::Service;
pub use walls::{Cache, the_walls_hold};
pub use way_out::the_way_out_refuses;
