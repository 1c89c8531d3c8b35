//! Which key opens the vault: `[vault]` of the configuration.

use crate::start_error::StartError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use vault::{KeySource, SecretText, Vault};

/// `[vault]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct VaultSection {
    /// Where the key is that opens the vault.
    pub key: KeyKind,
}

/// Where the vault's key is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyKind {
    /// In `vault.key` in the home, mode 0600, made at the first start. It protects a `vault.db` that gets about alone;
    /// it does not protect against whoever can read this user's files, or has a whole backup of the home.
    #[default]
    File,
    /// In a passphrase, asked for at every start and stretched with Argon2id. It protects a stolen disk or backup; it
    /// does not protect against whoever controls the machine while the house runs.
    Passphrase,
    /// In the systemd credential `hardshell-vault-key`, which systemd can bind to this machine and its TPM. It protects
    /// a stolen disk or backup; it does not protect against root of this machine.
    Credential,
}

/// What a passphrase is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// To open a vault that was made with it.
    Known,
    /// To make a vault with it: it is asked for twice.
    New,
}

/// Asks a person for the passphrase.
pub type Ask = fn(Asking) -> io::Result<String>;

/// Asks nobody: for a house that is started where no person is.
///
/// # Errors
///
/// Always.
pub fn ask_nobody(_asking: Asking) -> io::Result<String> {
    Err(io::Error::other("the vault needs its passphrase, and there is nobody to ask here"))
}

impl VaultSection {
    /// Opens the vault in `home`, making it at the first start.
    ///
    /// # Errors
    ///
    /// [`StartError::Vault`], [`StartError::VaultKey`]: nothing is changed then.
    pub fn open(&self, home: &Path, ask: Ask) -> Result<Vault, StartError> {
        let asking = if home.join("vault.db").exists() { Asking::Known } else { Asking::New };
        Ok(Vault::open(home, &self.key.source(asking, ask)?)?)
    }
}

/// Where systemd keeps the credentials of the machine's service while it runs.
const OF_THE_SERVICE: &str = "/run/credentials/hardshell.service";

impl KeyKind {
    /// The key itself, or where it is.
    ///
    /// # Errors
    ///
    /// [`StartError::VaultKey`] when nobody can be asked, or systemd handed no credential over.
    pub fn source(self, asking: Asking, ask: Ask) -> Result<KeySource, StartError> {
        match self {
            Self::File => Ok(KeySource::File),
            Self::Passphrase => {
                let text = ask(asking).map_err(|source| StartError::VaultKey { source })?;
                Ok(KeySource::Passphrase(SecretText::new(text)?))
            }
            Self::Credential => {
                let given = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
                // A command typed beside the running service is the same user, whom systemd lets read it there.
                let of_service = || Some(PathBuf::from(OF_THE_SERVICE)).filter(|folder| folder.is_dir());
                given.or_else(of_service).map(KeySource::Credential).ok_or_else(|| StartError::VaultKey {
                    source: io::Error::other(
                        "systemd handed no credential over: the unit needs \
                         `LoadCredentialEncrypted=hardshell-vault-key:…`, and commands find it while the service runs",
                    ),
                })
            }
        }
    }

    /// What it does not protect against, in a sentence.
    #[must_use]
    pub fn caveat(self) -> &'static str {
        match self {
            Self::File => {
                "the key lies beside the vault: whoever can read this user's files, or a whole backup of the home, can open it"
            }
            Self::Passphrase => "whoever controls this machine while the house runs can read what it uses",
            Self::Credential => "root of this machine can read the credential",
        }
    }
}
