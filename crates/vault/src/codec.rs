//! `vault.db`: a header in the clear, then one XChaCha20-Poly1305 box that holds everything else as JSON.
//!
//! ```text
//! "hsvault" version(1) kind(1) [memory(4) passes(4) lanes(4) salt(16)] key-check(16) nonce(24) box…
//! ```
//! Numbers are little-endian. `kind` is 0 for a key file or credential and 1 for a passphrase, which alone has the
//! bracketed part. Everything before the box is authenticated with it.

use crate::Error;
use crate::key::{Key, SALT_BYTES, Stretch};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use zeroize::Zeroizing;

const MAGIC: &[u8; 7] = b"hsvault";
const VERSION: u8 = 1;
const KIND_KEY: u8 = 0;
const KIND_PASSPHRASE: u8 = 1;
const CHECK_BYTES: usize = 16;
const NONCE_BYTES: usize = 24;
/// The largest `vault.db`, in bytes: every secret at its largest, with room for its metadata.
pub(crate) const FILE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Everything in the box. A field that an older program wrote without has a default; one that a newer program added
/// changes [`VERSION`].
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contents {
    pub(crate) secrets: BTreeMap<String, Stored>,
    /// Which are not lent any more, and since when; also of those that are kept elsewhere. Not written while it is
    /// empty: a program that does not know it opens no vault in which it matters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) revoked: BTreeMap<String, u64>,
}

/// One secret. Moments are milliseconds since the Unix epoch.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stored {
    pub(crate) value: Zeroizing<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) staged: Option<Zeroizing<String>>,
    pub(crate) hosts: Vec<String>,
    #[serde(default)]
    pub(crate) note: String,
    pub(crate) created: u64,
    #[serde(default)]
    pub(crate) rotated: Option<u64>,
    #[serde(default)]
    pub(crate) expires: Option<u64>,
    #[serde(default)]
    pub(crate) used: Option<u64>,
    #[serde(default)]
    pub(crate) used_by: Option<String>,
}

/// What stands in the clear before the box.
pub(crate) struct Header {
    pub(crate) stretch: Option<Stretch>,
    check: [u8; CHECK_BYTES],
    /// How many bytes of the file it takes, the nonce not counted.
    length: usize,
}

impl Header {
    pub(crate) fn read(bytes: &[u8], path: &Path) -> Result<Self, Error> {
        let damaged = |reason| Error::Damaged { path: path.to_path_buf(), reason };
        let mut rest = bytes;
        let short = || damaged("it is shorter than a vault's header");
        if take::<7>(&mut rest).ok_or_else(short)? != *MAGIC {
            return Err(damaged("it does not begin as a vault does"));
        }
        let [version] = take(&mut rest).ok_or_else(short)?;
        if version != VERSION {
            return Err(Error::Version { path: path.to_path_buf(), found: version, known: VERSION });
        }
        let [kind] = take(&mut rest).ok_or_else(short)?;
        let stretch = match kind {
            KIND_KEY => None,
            KIND_PASSPHRASE => {
                let memory_kibibytes = u32::from_le_bytes(take(&mut rest).ok_or_else(short)?);
                let passes = u32::from_le_bytes(take(&mut rest).ok_or_else(short)?);
                let lanes = u32::from_le_bytes(take(&mut rest).ok_or_else(short)?);
                let salt: [u8; SALT_BYTES] = take(&mut rest).ok_or_else(short)?;
                let stretch = Stretch { memory_kibibytes, passes, lanes, salt };
                if !stretch.is_bearable() {
                    return Err(damaged("it asks for more work per passphrase than any vault does"));
                }
                Some(stretch)
            }
            _ => return Err(damaged("it names a kind of key that there is not")),
        };
        let check = take(&mut rest).ok_or_else(short)?;
        Ok(Self { stretch, check, length: bytes.len().saturating_sub(rest.len()) })
    }
}

/// Reads the box with `key`.
pub(crate) fn open(bytes: &[u8], header: &Header, key: &Key, path: &Path) -> Result<Contents, Error> {
    let damaged = |reason| Error::Damaged { path: path.to_path_buf(), reason };
    if check_of(key) != header.check {
        return Err(Error::WrongKey);
    }
    let (clear, mut rest) = bytes
        .split_at_checked(header.length)
        .ok_or_else(|| damaged("it is shorter than a vault's header"))?;
    let nonce: [u8; NONCE_BYTES] = take(&mut rest).ok_or_else(|| damaged("it ends in its header"))?;
    let plain = cipher(key)?
        .decrypt(&XNonce::from(nonce), Payload { msg: rest, aad: clear })
        .map(Zeroizing::new)
        .map_err(|_| damaged("its seal is broken: it was changed or cut short"))?;
    serde_json::from_slice(&plain).map_err(|_| damaged("what it holds is not in the form of a vault"))
}

/// Writes everything, under a fresh nonce.
pub(crate) fn seal(contents: &Contents, key: &Key, stretch: Option<&Stretch>) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::from(MAGIC);
    bytes.push(VERSION);
    match stretch {
        None => bytes.push(KIND_KEY),
        Some(stretch) => {
            bytes.push(KIND_PASSPHRASE);
            bytes.extend(stretch.memory_kibibytes.to_le_bytes());
            bytes.extend(stretch.passes.to_le_bytes());
            bytes.extend(stretch.lanes.to_le_bytes());
            bytes.extend(stretch.salt);
        }
    }
    bytes.extend(check_of(key));
    // Sized beforehand, so that growing leaves no copies behind: escaping in JSON makes a byte at most six.
    let size =
        contents.secrets.values().fold(1024_usize, |sum, stored| sum.saturating_add(stored.size_bound()));
    let mut plain = Zeroizing::new(Vec::with_capacity(size));
    serde_json::to_writer(&mut *plain, contents)
        .map_err(|_| Error::Cipher { reason: "the secrets have no JSON form" })?;
    let mut nonce = [0; NONCE_BYTES];
    getrandom::fill(&mut nonce).map_err(Error::Random)?;
    let sealed = cipher(key)?
        .encrypt(&XNonce::from(nonce), Payload { msg: &plain, aad: &bytes })
        .map_err(|_| Error::Cipher { reason: "the box could not be sealed" })?;
    bytes.extend(nonce);
    bytes.extend(sealed);
    Ok(bytes)
}

impl Stored {
    fn size_bound(&self) -> usize {
        let texts = [self.value.len(), self.staged.as_ref().map_or(0, |text| text.len()), self.note.len()];
        let hosts: usize = self.hosts.iter().map(|host| host.len().saturating_add(4)).sum();
        texts.iter().sum::<usize>().saturating_mul(6).saturating_add(hosts).saturating_add(1024)
    }
}

fn cipher(key: &Key) -> Result<XChaCha20Poly1305, Error> {
    XChaCha20Poly1305::new_from_slice(&*key.0)
        .map_err(|_| Error::Cipher { reason: "the key has the wrong length" })
}

/// Tells the right key from a wrong one before anything is decrypted. One-way: it helps no more to find the key than
/// the box itself does.
fn check_of(key: &Key) -> [u8; CHECK_BYTES] {
    let mut check = [0; CHECK_BYTES];
    let digest = blake3::derive_key("hardshell vault key check v1", &*key.0);
    check.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    check
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}
