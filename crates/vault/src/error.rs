//! What can go wrong with the vault, by the step that failed. No message holds a secret.

use crate::SecretRef;
use crate::text::{SECRET_BYTES_MAX, SECRET_BYTES_MIN};
use domain::{Host, SecretName, Timestamp};
use std::io;
use std::path::PathBuf;

/// Why the vault could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be read, written or locked.
    #[error("{step} `{path}`")]
    File {
        /// What was being done: `read`, `write`, …
        step: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A file or folder is open to others.
    #[error("trust `{path}`: others may enter it (mode {mode:04o}); it needs mode {wanted:04o}")]
    Mode {
        /// The file or folder.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// The mode it needs.
        wanted: u32,
    },
    /// A file is not an ordinary file of this user.
    #[error("trust `{path}`: {reason}")]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// There is a vault, but not the key it was made with.
    #[error("open the vault: its key is not at `{path}`; put the key back, nothing was changed")]
    KeyMissing {
        /// Where the key should be.
        path: PathBuf,
    },
    /// The key is not usable.
    #[error("read the vault's key from {from}: {reason}")]
    Key {
        /// Where it is from.
        from: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The vault was made with another kind of key.
    #[error("open the vault: it was made with {wanted}, not with {found}; nothing was changed")]
    KeyKind {
        /// What it was made with.
        wanted: &'static str,
        /// What was offered.
        found: &'static str,
    },
    /// The key, or the passphrase, is not the one.
    #[error("open the vault: this is not its key; nothing was changed")]
    WrongKey,
    /// The file is not a vault, or was changed by something else.
    #[error("read the vault `{path}`: {reason}; the file was left as it is")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A newer Hardshell wrote it.
    #[error("read the vault `{path}`: it has format {found}, and this program reads up to {known}")]
    Version {
        /// The file.
        path: PathBuf,
        /// The format it has.
        found: u8,
        /// The newest format this program knows.
        known: u8,
    },
    /// A secret is too short or too long.
    #[error(
        "keep the secret: it has {bytes} bytes, and a secret has {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX}"
    )]
    SecretSize {
        /// How many bytes it has.
        bytes: usize,
    },
    /// A secret is not text.
    #[error("keep the secret: {reason}")]
    SecretText {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A secret must name where it may go.
    #[error("keep the secret `{name}`: it names no host that it may go to")]
    NoHosts {
        /// The secret.
        name: SecretName,
    },
    /// There are too many.
    #[error("keep the secret `{name}`: the vault already holds {limit} secrets")]
    Full {
        /// The secret.
        name: SecretName,
        /// The most there may be.
        limit: usize,
    },
    /// It was taken out of use.
    #[error(
        "use the secret `{name}`: it was revoked; `hardshell secret set {name} --host HOST` puts a new one in its place"
    )]
    Revoked {
        /// The secret.
        name: SecretName,
        /// Since when.
        since: Timestamp,
    },
    /// No secret has that name.
    #[error("find the secret `{name}`: the vault has none of that name")]
    Unknown {
        /// The name.
        name: SecretName,
    },
    /// Nothing was staged to take the place of a secret.
    #[error("rotate the secret `{name}`: no new value was staged")]
    NothingStaged {
        /// The secret.
        name: SecretName,
    },
    /// The name belongs to a secret that is kept in another way.
    #[error("keep the secret `{name}`: that name is taken by {taken_by}")]
    NameTaken {
        /// The name.
        name: SecretName,
        /// By what.
        taken_by: &'static str,
    },
    /// The secret may not go there.
    #[error("use the secret `{name}` for `{host}`: it may go only to {allowed}")]
    HostNotAllowed {
        /// The secret.
        name: SecretName,
        /// The host that was asked for.
        host: Host,
        /// The hosts it may go to, separated by commas.
        allowed: String,
    },
    /// The secret has expired.
    #[error("use the secret `{name}`: it expired")]
    Expired {
        /// The secret.
        name: SecretName,
        /// When.
        expired: Timestamp,
    },
    /// The reference names a store that this crate does not reach.
    #[error("read `{reference}`: nothing here reads `{scheme}` references; connect that store first")]
    NeedsResolver {
        /// The reference.
        reference: SecretRef,
        /// Its scheme.
        scheme: &'static str,
    },
    /// What a reference leads to could not be read.
    #[error("read `{reference}`: {reason}")]
    Reference {
        /// The reference.
        reference: SecretRef,
        /// What is wrong.
        reason: &'static str,
    },
    /// The system has no randomness to give.
    #[error("draw random bytes for the vault")]
    Random(#[source] getrandom::Error),
    /// Encryption failed.
    #[error("encrypt the vault: {reason}")]
    Cipher {
        /// Which step.
        reason: &'static str,
    },
}
