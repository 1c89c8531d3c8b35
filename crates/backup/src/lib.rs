//! Keeps a copy of a home that only its owner can open, and brings it back.
//!
//! A backup is one file: a tar of the home, packed, encrypted with age (age-encryption.org/v1) for recipients or under
//! a passphrase. It is made while Hardshell runs: the database by SQLite's own copy, then the log, which only grows, so
//! that the log knows everything that the database knows. The vault's file is in it as it is, encrypted under its own
//! key; that key is left out, so that whoever opens a backup still has no secret.
//!
//! This crate must never: write over a home, keep or print a key, leave plaintext behind, or bring back what it has not
//! checked whole.
#![forbid(unsafe_code)]

mod create;
mod error;
mod folder;
mod key;
mod manifest;
mod place;
mod restore;

pub use create::{Made, Progress, create, unfinished};
pub use error::Error;
pub use folder::{Kept, file_name, list, newest_before, rotate};
pub use key::{Lock, Opener, generate};
pub use manifest::Manifest;
pub use place::{finish, put_in_place, staging, sweep};
pub use restore::{Restored, restore};
