//! The vault: what it holds, who may have what, and when each secret was used.

mod entry;
mod rekey;
mod revoke;
mod state;

pub use entry::{About, Entry, Known, Warning};

use crate::codec::{self, Contents, Header, Stored};
use crate::key::{FirstRun, Key, Stretch};
use crate::{Error, KeySource, SecretRef, SecretText, files};
use domain::{Host, SecretName};
use entry::hosts_of;
use state::{Attached, Stamp, State, Use, now, read, shortened, stored};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use zeroize::Zeroizing;

/// The file in the home.
const VAULT_FILE: &str = "vault.db";
/// What writers of the vault lock.
const LOCK_FILE: &str = "vault.lock";
/// The most secrets: redaction looks for every one of them in every byte that goes out.
const SECRETS_MAX: usize = 4096;

/// The secrets of one home. Shared by reference; every method takes `&self`. Several processes may hold the same
/// vault open: a writer locks it, and a reader sees what was written at its next call.
pub struct Vault {
    path: PathBuf,
    lock: PathBuf,
    key: Key,
    stretch: Option<Stretch>,
    state: Mutex<State>,
}

/// Whether the bytes that a change takes away are overwritten.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leftovers {
    Stay,
    Scrub,
}

impl Vault {
    /// Opens the vault in `home`. When there is none, makes it, and with [`KeySource::File`] its key too; when there
    /// is one but not its key, that is an error, and nothing is made.
    ///
    /// # Errors
    ///
    /// [`Error::Mode`] and [`Error::NotOurs`] when others could read or swap the files; [`Error::KeyMissing`],
    /// [`Error::Key`], [`Error::KeyKind`] and [`Error::WrongKey`] for the key; [`Error::Damaged`] and
    /// [`Error::Version`] for the file; [`Error::File`] when the disk fails. None of them changes anything.
    pub fn open(home: &Path, source: &KeySource) -> Result<Self, Error> {
        files::private_folder(home)?;
        let path = home.join(VAULT_FILE);
        let lock = home.join(LOCK_FILE);
        let _held = files::lock(&lock)?;
        if !files::is_there(&path)? {
            let stretch = source.fresh_stretch()?;
            let key = source.key(home, stretch.as_ref(), FirstRun::Yes)?;
            files::create_private(&path, &codec::seal(&Contents::default(), &key, stretch.as_ref())?)?;
        }
        let (bytes, stamp) = read(&path)?;
        let header = Header::read(&bytes, &path)?;
        let key = source.key(home, header.stretch.as_ref(), FirstRun::No)?;
        let contents = codec::open(&bytes, &header, &key, &path)?;
        let state =
            State { contents, stamp, attached: BTreeMap::new(), uses: BTreeMap::new(), generation: 1 };
        Ok(Self { path, lock, key, stretch: header.stretch, state: Mutex::new(state) })
    }

    /// Keeps `value` under `name`, in the place of what the name stood for before.
    ///
    /// # Errors
    ///
    /// [`Error::NoHosts`] when `about` names no host; [`Error::Full`]; [`Error::NameTaken`] when the name was
    /// attached; [`Error::File`] when the disk fails, and then the old value still stands.
    pub fn set(&self, name: &SecretName, value: SecretText, about: About) -> Result<(), Error> {
        if about.hosts.is_empty() {
            return Err(Error::NoHosts { name: name.clone() });
        }
        self.change(Leftovers::Scrub, |state| {
            if state.attached.contains_key(name) {
                return Err(Error::NameTaken {
                    name: name.clone(),
                    taken_by: "a secret that is kept elsewhere",
                });
            }
            let known = state.contents.secrets.get(name.as_str());
            if known.is_none() && state.contents.secrets.len() >= SECRETS_MAX {
                return Err(Error::Full { name: name.clone(), limit: SECRETS_MAX });
            }
            let now = now();
            let created = known.map_or(now.0, |stored| stored.created);
            let rotated = known.map(|_| now.0);
            let stored = Stored {
                value: Zeroizing::new(value.expose().to_string()),
                staged: None,
                hosts: about.hosts.iter().map(|host| host.as_str().to_string()).collect(),
                note: about.note.clone(),
                created,
                rotated,
                expires: about.expires.map(|moment| moment.0),
                used: None,
                used_by: None,
            };
            state.contents.secrets.insert(name.as_str().to_string(), stored);
            state.contents.revoked.remove(name.as_str());
            Ok(())
        })
    }

    /// First half of a rotation: keeps `value` beside the present one, which stays in use until [`Vault::promote`].
    ///
    /// # Errors
    ///
    /// [`Error::Unknown`] when the vault has no such secret; [`Error::File`] when the disk fails.
    pub fn stage(&self, name: &SecretName, value: SecretText) -> Result<(), Error> {
        self.change(Leftovers::Stay, |state| {
            stored(state, name)?.staged = Some(Zeroizing::new(value.expose().to_string()));
            Ok(())
        })
    }

    /// Second half of a rotation: the staged value takes the place of the old one, whose bytes are overwritten.
    ///
    /// # Errors
    ///
    /// [`Error::Unknown`], [`Error::NothingStaged`], and [`Error::File`], after which the old value still stands.
    pub fn promote(&self, name: &SecretName) -> Result<(), Error> {
        self.change(Leftovers::Scrub, |state| {
            let stored = stored(state, name)?;
            let fresh = stored.staged.take().ok_or_else(|| Error::NothingStaged { name: name.clone() })?;
            stored.value = fresh;
            stored.rotated = Some(now().0);
            state.contents.revoked.remove(name.as_str());
            Ok(())
        })
    }

    /// Gives a rotation up: the staged value is forgotten.
    ///
    /// # Errors
    ///
    /// As for [`Vault::promote`].
    pub fn discard(&self, name: &SecretName) -> Result<(), Error> {
        self.change(Leftovers::Scrub, |state| {
            let staged = stored(state, name)?.staged.take();
            staged.map(drop).ok_or_else(|| Error::NothingStaged { name: name.clone() })
        })
    }

    /// Forgets a secret and overwrites the file that held it.
    ///
    /// # Errors
    ///
    /// [`Error::Unknown`]; [`Error::File`] when the disk fails.
    pub fn remove(&self, name: &SecretName) -> Result<(), Error> {
        self.change(Leftovers::Scrub, |state| {
            state.uses.remove(name);
            state.contents.revoked.remove(name.as_str());
            let removed = state.contents.secrets.remove(name.as_str());
            removed.map(drop).ok_or_else(|| Error::Unknown { name: name.clone() })
        })
    }

    /// Gives a secret that is kept elsewhere a name here, for as long as this process runs, and reads it at once so
    /// that it is redacted from now on. Reads `env://` and `file://`; for the others fetch the value and
    /// [`Vault::attach_fetched`] it.
    ///
    /// # Errors
    ///
    /// [`Error::NeedsResolver`] for a reference that cannot be read from here; [`Error::Reference`],
    /// [`Error::SecretSize`], [`Error::Mode`] and [`Error::NotOurs`] for one that cannot be read; [`Error::NoHosts`];
    /// [`Error::NameTaken`] when the vault itself keeps a secret of that name.
    pub fn attach(&self, name: &SecretName, reference: &SecretRef, about: About) -> Result<(), Error> {
        let value = reference.read()?;
        self.attach_fetched(name, reference, value, about)
    }

    /// The same with a value that was fetched from where `reference` leads. Done again, it takes the value's place.
    ///
    /// # Errors
    ///
    /// [`Error::NoHosts`], [`Error::Full`] and [`Error::NameTaken`].
    pub fn attach_fetched(
        &self,
        name: &SecretName,
        reference: &SecretRef,
        value: SecretText,
        about: About,
    ) -> Result<(), Error> {
        if about.hosts.is_empty() {
            return Err(Error::NoHosts { name: name.clone() });
        }
        let mut state = self.state()?;
        if state.contents.secrets.contains_key(name.as_str()) {
            return Err(Error::NameTaken { name: name.clone(), taken_by: "a secret of the vault" });
        }
        if state.attached.len() >= SECRETS_MAX {
            return Err(Error::Full { name: name.clone(), limit: SECRETS_MAX });
        }
        let attached = Attached { reference: reference.clone(), value, about, since: now() };
        state.attached.insert(name.clone(), attached);
        state.generation = state.generation.saturating_add(1);
        Ok(())
    }

    /// Lends a secret to `borrow`, for `host`, and remembers that `by` used it. What `borrow` makes of it is to go to
    /// that host and nowhere else.
    ///
    /// # Errors
    ///
    /// [`Error::Unknown`], [`Error::HostNotAllowed`] and [`Error::Expired`]; the errors of reading the file again
    /// when another process changed it.
    pub fn with<T>(
        &self,
        name: &SecretName,
        host: &Host,
        by: &str,
        borrow: impl FnOnce(&str) -> T,
    ) -> Result<T, Error> {
        let value = {
            let mut state = self.state()?;
            let value = state.lend(name, host)?;
            state.uses.insert(name.clone(), Use { when: now(), by: shortened(by) });
            value
        };
        Ok(borrow(&value))
    }

    /// Whether `name` may go to `host`, without lending it.
    ///
    /// # Errors
    ///
    /// As for [`Vault::with`].
    pub fn allows(&self, name: &SecretName, host: &Host) -> Result<(), Error> {
        self.state()?.lend(name, host).map(drop)
    }

    /// Everything about every secret but the secret, by name.
    ///
    /// # Errors
    ///
    /// The errors of reading the file again when another process changed it.
    pub fn list(&self) -> Result<Vec<Entry>, Error> {
        let state = self.state()?;
        let kept = state.contents.secrets.iter().filter_map(|(name, stored)| {
            let name = name.parse::<SecretName>().ok()?;
            let last = state.uses.get(&name);
            Some(Entry::of_stored(name, stored, last.map(|last| (last.when, last.by.clone()))))
        });
        let attached = state.attached.iter().map(|(name, attached)| {
            let last = state.uses.get(name).map(|last| (last.when, last.by.clone()));
            Entry::of_attached(name.clone(), &attached.reference, &attached.about, attached.since, last)
        });
        let mut entries: Vec<Entry> = kept.chain(attached).collect();
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(entries)
    }

    /// Shows every secret to `see`, for building a redactor and nothing else: the present values, the staged ones,
    /// and the attached ones. Returns the [`Vault::generation`] they belong to.
    ///
    /// # Errors
    ///
    /// The errors of reading the file again when another process changed it.
    pub fn dangerous_each(&self, mut see: impl FnMut(Known<'_>)) -> Result<u64, Error> {
        let state = self.state()?;
        for (name, stored) in &state.contents.secrets {
            let Ok(name) = name.parse::<SecretName>() else { continue };
            let hosts = hosts_of(stored);
            for value in std::iter::once(&stored.value).chain(&stored.staged) {
                see(Known { name: &name, hosts: &hosts, value });
            }
        }
        for (name, attached) in &state.attached {
            see(Known { name, hosts: &attached.about.hosts, value: attached.value.expose() });
        }
        Ok(state.generation)
    }

    /// A number that grows whenever a secret was added, changed or removed, by this process or another.
    ///
    /// # Errors
    ///
    /// The errors of reading the file again when another process changed it.
    pub fn generation(&self) -> Result<u64, Error> {
        Ok(self.state()?.generation)
    }

    /// Writes down when each secret was last used. Uses are kept in memory until then; whoever holds the vault open
    /// for long calls this now and then, and at its end.
    ///
    /// # Errors
    ///
    /// [`Error::File`] when the disk fails; the uses are then kept for the next time.
    pub fn flush(&self) -> Result<(), Error> {
        let idle = self.state()?.uses.is_empty();
        if idle { Ok(()) } else { self.change(Leftovers::Stay, |_| Ok(())) }
    }

    /// The state as of the file on disk now.
    fn state(&self) -> Result<MutexGuard<'_, State>, Error> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let metadata =
            std::fs::metadata(&self.path).map_err(|source| files::failed("look at", &self.path, source))?;
        if Stamp::of(&metadata) != state.stamp {
            self.reload(&mut state)?;
        }
        Ok(state)
    }

    fn reload(&self, state: &mut State) -> Result<(), Error> {
        let (bytes, stamp) = read(&self.path)?;
        let header = Header::read(&bytes, &self.path)?;
        state.contents = codec::open(&bytes, &header, &self.key, &self.path)?;
        state.stamp = stamp;
        state.generation = state.generation.saturating_add(1);
        Ok(())
    }

    /// Reads, changes and replaces the file under its lock. On an error memory and disk are as before.
    fn change(
        &self,
        leftovers: Leftovers,
        edit: impl FnOnce(&mut State) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let _held = files::lock(&self.lock)?;
        let mut state = self.state()?;
        if let Err(error) = edit(&mut state).and_then(|()| self.write(&mut state, leftovers)) {
            self.reload(&mut state)?;
            return Err(error);
        }
        Ok(())
    }

    fn write(&self, state: &mut State, leftovers: Leftovers) -> Result<(), Error> {
        for (name, last) in &state.uses {
            if let Some(stored) = state.contents.secrets.get_mut(name.as_str()) {
                stored.used = Some(stored.used.unwrap_or(0).max(last.when.0));
                stored.used_by = Some(last.by.clone());
            }
        }
        let bytes = codec::seal(&state.contents, &self.key, self.stretch.as_ref())?;
        let old = match leftovers {
            Leftovers::Stay => None,
            Leftovers::Scrub => Some(files::open_for_scrub(&self.path)?),
        };
        files::replace_private(&self.path, &bytes)?;
        state.stamp =
            Stamp::of(&std::fs::metadata(&self.path).map_err(|e| files::failed("look at", &self.path, e))?);
        state.generation = state.generation.saturating_add(1);
        let State { uses, attached, .. } = state;
        uses.retain(|name, _| attached.contains_key(name));
        old.map_or(Ok(()), |old: File| files::scrub(&old, &self.path))
    }
}

/// Shows the path and nothing that is in it.
impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
