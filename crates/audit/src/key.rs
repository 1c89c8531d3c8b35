//! The key that vouches for the log, apart from the vault: the log must work while the vault is locked.

use crate::{Checkpoint, ContentKey, Error, folder};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use zeroize::Zeroizing;

/// The name of a house's key, beside the folder of its log.
pub const KEY_FILE: &str = "audit.key";
/// First line of a key file; the second holds 64 hexadecimal digits.
const KEY_FILE_HEADER: &str = "hardshell audit key v1";
/// The longest key file that is read, in bytes.
const KEY_FILE_BYTES_MAX: u64 = 256;

/// Where the signing key comes from.
#[derive(Clone)]
pub enum KeySource {
    /// A file of mode 0600, made on first use. It must not lie in the log's folder.
    File(PathBuf),
    /// The 32 secret bytes themselves, such as from a systemd credential.
    Seed(Zeroizing<[u8; 32]>),
}

/// Never shows a seed.
impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Seed(_) => f.write_str("Seed(…)"),
        }
    }
}

/// Whether a missing key may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IfMissing {
    Make,
    Refuse,
}

/// The signing half, and what comes from it.
pub(crate) struct Keys {
    pub(crate) signing: SigningKey,
    pub(crate) content: ContentKey,
}

impl Keys {
    pub(crate) fn load(source: &KeySource, if_missing: IfMissing) -> Result<Self, Error> {
        let seed = match source {
            KeySource::Seed(seed) => seed.clone(),
            KeySource::File(path) => match read_file(path)? {
                Some(seed) => seed,
                None => match if_missing {
                    IfMissing::Make => make_file(path)?,
                    IfMissing::Refuse => return Err(Error::KeyMissing { path: path.clone() }),
                },
            },
        };
        Ok(Self { signing: SigningKey::from_bytes(&seed), content: ContentKey::from_seed(&seed) })
    }

    pub(crate) fn public(&self) -> PublicKey {
        PublicKey(self.signing.verifying_key())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.signing.sign(message).to_bytes()
    }
}

fn read_file(path: &Path) -> Result<Option<Zeroizing<[u8; 32]>>, Error> {
    let file = match OpenOptions::new().read(true).custom_flags(folder::NO_FOLLOW).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("open", path, error)),
    };
    folder::check_file(path, &file, folder::Access::Write)?;
    let mut text = Zeroizing::new(String::with_capacity(256));
    let unreadable = |reason| Error::KeyUnreadable { path: path.to_path_buf(), reason };
    file.take(KEY_FILE_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|error| Error::io("read", path, error))?;
    let mut lines = text.lines();
    if lines.next() != Some(KEY_FILE_HEADER) {
        return Err(unreadable("its first line is not `hardshell audit key v1`"));
    }
    let digits = lines.next().unwrap_or_default();
    let seed = blake3::Hash::from_hex(digits)
        .map_err(|_not_hex| unreadable("its second line is not 64 hexadecimal digits"))?;
    Ok(Some(Zeroizing::new(*seed.as_bytes())))
}

/// Written beside and renamed, so that a crash leaves a whole key or none.
fn make_file(path: &Path) -> Result<Zeroizing<[u8; 32]>, Error> {
    let mut seed = Zeroizing::new([0_u8; 32]);
    getrandom::fill(seed.as_mut_slice()).map_err(|error| {
        Error::io("draw random numbers for", path, std::io::Error::other(error.to_string()))
    })?;
    let beside = path.with_extension("new");
    match fs::remove_file(&beside) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(Error::io("remove", &beside, error)),
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)
        .map_err(|error| Error::io("create", &beside, error))?;
    let text = Zeroizing::new(format!("{KEY_FILE_HEADER}\n{}\n", blake3::Hash::from_bytes(*seed).to_hex()));
    file.write_all(text.as_bytes()).map_err(|error| Error::io("write", &beside, error))?;
    file.sync_all().map_err(|error| Error::io("flush", &beside, error))?;
    fs::rename(&beside, path).map_err(|error| Error::io("rename", &beside, error))?;
    if let Some(parent) = path.parent() {
        folder::sync_folder(parent)?;
    }
    Ok(seed)
}

/// What indexes of the log are vouched for with, so that one that somebody without the key edited is not believed.
pub struct IndexKey(Zeroizing<[u8; 32]>);

impl IndexKey {
    /// Made of the key at `source`.
    ///
    /// # Errors
    ///
    /// As [`PublicKey::of`].
    pub fn of(source: &KeySource) -> Result<Self, Error> {
        let keys = Keys::load(source, IfMissing::Refuse)?;
        let seed = Zeroizing::new(keys.signing.to_bytes());
        Ok(Self(Zeroizing::new(blake3::derive_key("hardshell audit index v1", seed.as_slice()))))
    }

    /// The keyed digest of `bytes`.
    #[must_use]
    pub fn digest(&self, bytes: &[u8]) -> [u8; 32] {
        *blake3::keyed_hash(&self.0, bytes).as_bytes()
    }
}

/// The public half: whoever has it can check the log, and nobody can sign with it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// The public half of the key at `source`, which is not made when it is missing.
    ///
    /// # Errors
    ///
    /// [`Error::KeyMissing`]; [`Error::Exposed`], [`Error::Foreign`] when others can reach it; [`Error::KeyUnreadable`],
    /// [`Error::Io`].
    pub fn of(source: &KeySource) -> Result<Self, Error> {
        Ok(Keys::load(source, IfMissing::Refuse)?.public())
    }

    /// Whether `statement` was signed with [`sign_statement`] by this key.
    #[must_use]
    pub fn vouches_for(&self, statement: &[u8], signature: &[u8; 64]) -> bool {
        self.is_signature_of(&statement_message(statement), signature)
    }

    /// Whether `checkpoint` was signed by this key.
    #[must_use]
    pub fn signed(&self, checkpoint: &Checkpoint) -> bool {
        self.is_signature_of(&checkpoint.message(), &checkpoint.signature)
    }

    pub(crate) fn is_signature_of(self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

/// Signs something that is handed on with the log, such as a list of files and their digests. A statement can never be
/// taken for a checkpoint.
///
/// # Errors
///
/// As [`PublicKey::of`].
pub fn sign_statement(source: &KeySource, statement: &[u8]) -> Result<[u8; 64], Error> {
    Ok(Keys::load(source, IfMissing::Refuse)?.sign(&statement_message(statement)))
}

fn statement_message(statement: &[u8]) -> Vec<u8> {
    [b"hardshell statement v1\n".as_slice(), statement].concat()
}

/// The text is not a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a public key: it has 64 hexadecimal digits and names a point of the curve")]
pub struct PublicKeyError;

impl FromStr for PublicKey {
    type Err = PublicKeyError;

    fn from_str(text: &str) -> Result<Self, PublicKeyError> {
        let bytes = blake3::Hash::from_hex(text.trim()).map_err(|_not_hex| PublicKeyError)?;
        VerifyingKey::from_bytes(bytes.as_bytes()).map(Self).map_err(|_not_a_point| PublicKeyError)
    }
}

/// 64 hexadecimal digits.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(*self.0.as_bytes()).to_hex())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
