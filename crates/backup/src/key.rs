//! Who can open a backup: age recipients and identities, or a passphrase.

use crate::Error;
use age::secrecy::{ExposeSecret as _, SecretString};
use age::x25519;
use std::io::{Read, Write};
use std::path::Path;

/// The most work that a passphrase's key derivation may ask for when a backup is opened: 2^22 takes about ten seconds
/// and 4 GiB at most; a file that asks for more is an attack on whoever opens it.
const WORK_FACTOR_MAX: u8 = 22;

/// What a backup is locked with.
pub enum Lock {
    /// For these recipients; making it needs no secret.
    Recipients(Vec<x25519::Recipient>),
    /// Under a passphrase.
    Passphrase(SecretString),
}

/// Never shows a passphrase.
impl std::fmt::Debug for Lock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Recipients(all) => f.debug_list().entries(all.iter().map(ToString::to_string)).finish(),
            Self::Passphrase(_) => f.write_str("Passphrase(…)"),
        }
    }
}

impl Lock {
    /// For the recipients of these texts: `age1…`.
    ///
    /// # Errors
    ///
    /// [`Error::NoKey`] when there is none; [`Error::NotAKey`].
    pub fn for_recipients<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, Error> {
        let mut all = Vec::new();
        for text in texts {
            let recipient = text.trim().parse::<x25519::Recipient>().map_err(|why| Error::NotAKey {
                what: "recipient",
                text: text.to_string(),
                why: why.to_string(),
            })?;
            all.push(recipient);
        }
        if all.is_empty() { Err(Error::NoKey) } else { Ok(Self::Recipients(all)) }
    }

    /// Under a passphrase.
    #[must_use]
    pub fn with_passphrase(passphrase: String) -> Self {
        Self::Passphrase(SecretString::from(passphrase))
    }

    pub(crate) fn wrap<W: Write>(&self, out: W, path: &Path) -> Result<age::stream::StreamWriter<W>, Error> {
        let encryptor = match self {
            Self::Passphrase(passphrase) => age::Encryptor::with_user_passphrase(passphrase.clone()),
            Self::Recipients(all) => {
                let all = all.iter().map(|one| one as &dyn age::Recipient);
                age::Encryptor::with_recipients(all).map_err(|_none| Error::NoKey)?
            }
        };
        encryptor.wrap_output(out).map_err(Error::io("write", path))
    }
}

/// What opens a backup.
pub enum Opener {
    /// The identity that belongs to a recipient.
    Identity(Box<x25519::Identity>),
    /// The passphrase.
    Passphrase(SecretString),
}

/// Never shows a secret.
impl std::fmt::Debug for Opener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Identity(_) => "Identity(…)",
            Self::Passphrase(_) => "Passphrase(…)",
        })
    }
}

impl Opener {
    /// The identity in the text of a key file, as `age-keygen` and [`generate`] write it.
    ///
    /// # Errors
    ///
    /// [`Error::NotAKey`].
    pub fn from_key_file(text: &str) -> Result<Self, Error> {
        let bad = |why: &str| Error::NotAKey {
            what: "identity",
            text: "the key file".to_string(),
            why: why.to_string(),
        };
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let line = lines.next().ok_or_else(|| bad("it has no line `AGE-SECRET-KEY-1…`"))?;
        line.parse::<x25519::Identity>().map(|found| Self::Identity(Box::new(found))).map_err(bad)
    }

    /// A passphrase.
    #[must_use]
    pub fn with_passphrase(passphrase: String) -> Self {
        Self::Passphrase(SecretString::from(passphrase))
    }

    pub(crate) fn open<R: Read>(&self, from: R, path: &Path) -> Result<age::stream::StreamReader<R>, Error> {
        let at = || path.to_path_buf();
        let decryptor = age::Decryptor::new(from).map_err(|_no_header| Error::NotABackup { path: at() })?;
        let opened = match self {
            Self::Identity(identity) => {
                let identity: &dyn age::Identity = identity.as_ref();
                decryptor.decrypt(std::iter::once(identity))
            }
            Self::Passphrase(passphrase) => {
                let mut identity = age::scrypt::Identity::new(passphrase.clone());
                identity.set_max_work_factor(WORK_FACTOR_MAX);
                decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity))
            }
        };
        opened.map_err(|error| {
            let damaged = matches!(
                error,
                age::DecryptError::InvalidHeader
                    | age::DecryptError::InvalidMac
                    | age::DecryptError::UnknownFormat
            );
            if damaged {
                Error::Corrupt { path: at(), what: "its header".to_string() }
            } else {
                Error::WrongKey { path: at() }
            }
        })
    }
}

/// Writes a new key to `out` and returns the recipient to encrypt for.
///
/// # Errors
///
/// What the system says.
pub fn generate(out: &mut impl Write) -> std::io::Result<String> {
    let identity = x25519::Identity::generate();
    let recipient = identity.to_public().to_string();
    write!(
        out,
        "# Opens backups of Hardshell. Keep it away from the machine they are made on.\n# public key: {recipient}\n{}\n",
        identity.to_string().expose_secret()
    )?;
    Ok(recipient)
}
