//! The vault in memory, and which version of the file it is.

use super::About;
use super::entry::hosts_of;
use crate::codec::{self, Contents, Stored};
use crate::{Error, SecretRef, SecretText, files};
use domain::{Host, SecretName, Timestamp};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;
use zeroize::Zeroizing;

/// The longest name of a user of a secret that is kept, in bytes.
const USED_BY_BYTES_MAX: usize = 128;

/// What is known at the moment.
pub(super) struct State {
    pub(super) contents: Contents,
    pub(super) stamp: Stamp,
    pub(super) attached: BTreeMap<SecretName, Attached>,
    pub(super) uses: BTreeMap<SecretName, Use>,
    pub(super) generation: u64,
}

/// Which version of the file was read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) length: u64,
    pub(super) seconds: i64,
    pub(super) nanoseconds: i64,
}

/// A secret that is kept elsewhere, while this process runs.
pub(super) struct Attached {
    pub(super) reference: SecretRef,
    pub(super) value: SecretText,
    pub(super) about: About,
    pub(super) since: Timestamp,
}

/// The last use of a secret that is not on disk yet.
pub(super) struct Use {
    pub(super) when: Timestamp,
    pub(super) by: String,
}

impl State {
    /// The present value of a secret in use, for a host that may have it.
    pub(super) fn lend(&mut self, name: &SecretName, host: &Host) -> Result<Zeroizing<String>, Error> {
        match self.contents.revoked.get(name.as_str()) {
            None => self.value(name, host),
            Some(since) => Err(Error::Revoked { name: name.clone(), since: Timestamp(*since) }),
        }
    }

    /// The same, in use or not.
    pub(super) fn value(&mut self, name: &SecretName, host: &Host) -> Result<Zeroizing<String>, Error> {
        let (value, hosts, expires) =
            match (self.contents.secrets.get(name.as_str()), self.attached.get(name)) {
                (Some(stored), _) => (stored.value.as_str(), hosts_of(stored), stored.expires.map(Timestamp)),
                (None, Some(attached)) => {
                    (attached.value.expose(), attached.about.hosts.clone(), attached.about.expires)
                }
                (None, None) => return Err(Error::Unknown { name: name.clone() }),
            };
        if !hosts.contains(host) {
            let allowed = hosts.iter().map(Host::as_str).collect::<Vec<_>>().join(", ");
            return Err(Error::HostNotAllowed { name: name.clone(), host: host.clone(), allowed });
        }
        if let Some(expired) = expires.filter(|moment| *moment <= now()) {
            return Err(Error::Expired { name: name.clone(), expired });
        }
        Ok(Zeroizing::new(value.to_string()))
    }
}

impl Stamp {
    pub(super) fn of(metadata: &std::fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            seconds: metadata.mtime(),
            nanoseconds: metadata.mtime_nsec(),
        }
    }
}

pub(super) fn read(path: &Path) -> Result<(Vec<u8>, Stamp), Error> {
    let (file, metadata) = files::open_private(path)?;
    let length = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
    if length > codec::FILE_BYTES_MAX {
        return Err(Error::Damaged { path: path.to_path_buf(), reason: "it is larger than a vault may be" });
    }
    let mut bytes = Vec::with_capacity(length);
    std::io::Read::read_to_end(&mut std::io::Read::take(&file, metadata.len()), &mut bytes)
        .map_err(|source| files::failed("read", path, source))?;
    Ok((bytes, Stamp::of(&metadata)))
}

pub(super) fn stored<'a>(state: &'a mut State, name: &SecretName) -> Result<&'a mut Stored, Error> {
    state.contents.secrets.get_mut(name.as_str()).ok_or_else(|| Error::Unknown { name: name.clone() })
}

pub(super) fn shortened(by: &str) -> String {
    by.char_indices().take_while(|(at, _)| *at < USED_BY_BYTES_MAX).map(|(_, letter)| letter).collect()
}

pub(super) fn now() -> Timestamp {
    let elapsed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
}
