//! The key that the vault is encrypted with: from a file, a systemd credential, or a passphrase.

use crate::{Error, SecretText, files};
use argon2::{Algorithm, Argon2, Params, Version};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The key file in the home.
const KEY_FILE: &str = "vault.key";
/// The name of the systemd credential: `LoadCredentialEncrypted=hardshell-vault-key:…`.
const CREDENTIAL: &str = "hardshell-vault-key";
/// How many bytes a key has.
pub(crate) const KEY_BYTES: usize = 32;
/// The largest credential, in bytes.
const CREDENTIAL_BYTES_MAX: usize = 4096;
/// How many bytes of salt a passphrase is stretched with.
pub(crate) const SALT_BYTES: usize = 16;
/// Memory of Argon2id, in KiB: the second recommendation of RFC 9106 §4, which fits a machine of 2 GB.
const ARGON_MEMORY_KIBIBYTES: u32 = 64 * 1024;
/// Passes of Argon2id (RFC 9106 §4).
const ARGON_PASSES: u32 = 3;
/// Lanes of Argon2id (RFC 9106 §4).
const ARGON_LANES: u32 = 4;
/// The most memory a vault's own header may ask for, in KiB, so that a forged one cannot exhaust the machine.
const ARGON_MEMORY_KIBIBYTES_MAX: u32 = 1024 * 1024;
/// The most passes a vault's own header may ask for.
const ARGON_PASSES_MAX: u32 = 32;

/// Where the vault's key is.
#[derive(Debug)]
pub enum KeySource {
    /// In `vault.key` in the home, mode 0600, made at the first run. Whoever can read the home of this user, or a
    /// whole backup of it, can open the vault: it protects a `vault.db` that gets about alone, and nothing more.
    File,
    /// In a passphrase that a person types at start. Stretched with Argon2id; the parameters are in the vault.
    Passphrase(SecretText),
    /// In the systemd credential `hardshell-vault-key`, which can be bound to this machine's TPM; the folder is the
    /// value of `$CREDENTIALS_DIRECTORY`.
    Credential(PathBuf),
}

/// How a passphrase becomes a key. Written in the vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) memory_kibibytes: u32,
    pub(crate) passes: u32,
    pub(crate) lanes: u32,
    pub(crate) salt: [u8; SALT_BYTES],
}

/// The key itself.
pub(crate) struct Key(pub(crate) Zeroizing<[u8; KEY_BYTES]>);

/// Whether a key may be made where there is none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum FirstRun {
    Yes,
    No,
}

impl Stretch {
    pub(crate) fn fresh() -> Result<Self, Error> {
        let mut salt = [0; SALT_BYTES];
        getrandom::fill(&mut salt).map_err(Error::Random)?;
        Ok(Self { memory_kibibytes: ARGON_MEMORY_KIBIBYTES, passes: ARGON_PASSES, lanes: ARGON_LANES, salt })
    }

    /// Whether the numbers are ones this program would take from a file.
    pub(crate) fn is_bearable(&self) -> bool {
        self.memory_kibibytes <= ARGON_MEMORY_KIBIBYTES_MAX
            && self.passes <= ARGON_PASSES_MAX
            && self.lanes <= 16
    }
}

impl KeySource {
    /// In words, for messages.
    pub(crate) fn in_words(&self) -> &'static str {
        match self {
            Self::File => "a key file",
            Self::Credential(_) => "a systemd credential",
            Self::Passphrase(_) => "a passphrase",
        }
    }

    /// What a vault that is made now with it stretches it by.
    pub(crate) fn fresh_stretch(&self) -> Result<Option<Stretch>, Error> {
        match self {
            Self::Passphrase(_) => Stretch::fresh().map(Some),
            Self::File | Self::Credential(_) => Ok(None),
        }
    }

    /// The key of a vault whose header says `stretch`.
    pub(crate) fn key(
        &self,
        home: &Path,
        stretch: Option<&Stretch>,
        first_run: FirstRun,
    ) -> Result<Key, Error> {
        match (self, stretch) {
            (Self::File, None) => key_file(&home.join(KEY_FILE), first_run),
            (Self::Credential(folder), None) => credential(&folder.join(CREDENTIAL)),
            (Self::Passphrase(text), Some(stretch)) => stretched(text, stretch),
            (Self::File | Self::Credential(_), Some(_)) => {
                Err(Error::KeyKind { wanted: "a passphrase", found: self.in_words() })
            }
            (Self::Passphrase(_), None) => {
                Err(Error::KeyKind { wanted: "a key file or a systemd credential", found: self.in_words() })
            }
        }
    }
}

/// Overwrites and removes the key file, once no vault is opened with it.
pub(crate) fn forget_file(home: &Path) -> Result<(), Error> {
    let path = home.join(KEY_FILE);
    if !files::is_there(&path)? {
        return Ok(());
    }
    let file = files::open_for_scrub(&path)?;
    std::fs::remove_file(&path).map_err(|source| files::failed("remove", &path, source))?;
    files::scrub(&file, &path)
}

fn key_file(path: &Path, first_run: FirstRun) -> Result<Key, Error> {
    if !files::is_there(path)? {
        if first_run == FirstRun::No {
            return Err(Error::KeyMissing { path: path.to_path_buf() });
        }
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        getrandom::fill(&mut *bytes).map_err(Error::Random)?;
        let mut line = Zeroizing::new(String::with_capacity(KEY_BYTES * 2 + 1));
        line.push_str(blake3::Hash::from_bytes(*bytes).to_hex().as_str());
        line.push('\n');
        files::create_private(path, line.as_bytes())?;
    }
    let bytes = Zeroizing::new(files::read_private(path, CREDENTIAL_BYTES_MAX)?);
    derived(&bytes, || format!("`{}`", path.display()))
}

fn credential(path: &Path) -> Result<Key, Error> {
    // systemd keeps credentials in a folder of root, mode 0500, readable by the service alone: it, not the mode, is
    // what is trusted here (systemd.exec(5), "Credentials").
    let from = || format!("the systemd credential `{CREDENTIAL}`");
    let file = std::fs::File::open(path).map_err(|source| files::failed("open", path, source))?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(CREDENTIAL_BYTES_MAX));
    let limit = u64::try_from(CREDENTIAL_BYTES_MAX).unwrap_or(u64::MAX);
    std::io::Read::read_to_end(&mut std::io::Read::take(file, limit), &mut bytes)
        .map_err(|source| files::failed("read", path, source))?;
    derived(&bytes, from)
}

fn derived(bytes: &[u8], from: impl Fn() -> String) -> Result<Key, Error> {
    let bytes = bytes.trim_ascii_end();
    if bytes.len() < KEY_BYTES {
        return Err(Error::Key { from: from(), reason: "it has fewer than 32 bytes" });
    }
    Ok(Key(Zeroizing::new(blake3::derive_key("hardshell vault key v1", bytes))))
}

fn stretched(text: &SecretText, stretch: &Stretch) -> Result<Key, Error> {
    let failed =
        |_| Error::Key { from: "a passphrase".to_string(), reason: "Argon2id refused its parameters" };
    let params = Params::new(stretch.memory_kibibytes, stretch.passes, stretch.lanes, Some(KEY_BYTES))
        .map_err(failed)?;
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(text.expose().as_bytes(), &stretch.salt, &mut *key)
        .map_err(failed)?;
    Ok(Key(key))
}
