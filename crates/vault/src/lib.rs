//! Keeps secrets: encrypted on disk, in memory that is wiped, and lent to a closure for one host at a time.
//!
//! This crate never connects anywhere, never prints a secret, and has no function that returns one: whoever needs
//! a secret names the host it is for and gets to see it inside [`Vault::with`], if the secret may go there.
//!
//! - [`Vault::open`] opens `vault.db` in a home, and makes it at the first run. [`KeySource`] says where the key is.
//! - [`Vault::set`], [`Vault::stage`], [`Vault::promote`], [`Vault::remove`] and [`Vault::list`] keep the secrets.
//! - [`Vault::attach`] gives a secret that is kept elsewhere ([`SecretRef`]) a name here; only its name is written.
#![forbid(unsafe_code)]

mod codec;
mod error;
mod files;
mod key;
mod reference;
mod text;
mod vault;

pub use error::Error;
pub use key::KeySource;
pub use reference::{ReferenceError, SecretRef};
pub use text::{SECRET_BYTES_MAX, SECRET_BYTES_MIN, SecretText};
pub use vault::{About, Entry, Known, Vault, Warning};
