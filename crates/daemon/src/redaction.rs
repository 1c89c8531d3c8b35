//! Takes the vault's secrets, as they are at the moment, out of everything that is kept or shown.

use egress::Redactor;
use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};
use vault::Vault;

/// A redactor that follows the vault.
pub struct Redaction {
    vault: Arc<Vault>,
    known: RwLock<(u64, Redactor)>,
    /// How many bytes were looked through, and for how many nanoseconds.
    looked_through: (AtomicU64, AtomicU64),
}

impl Redaction {
    /// One that knows what is in `vault`.
    ///
    /// # Errors
    ///
    /// [`egress::Error`] when the vault cannot be read: then nothing may start.
    pub fn of(vault: Arc<Vault>) -> Result<Self, egress::Error> {
        let generation = vault.generation()?;
        let known = RwLock::new((generation, Redactor::of_vault(&vault)?));
        Ok(Self { vault, known, looked_through: (AtomicU64::new(0), AtomicU64::new(0)) })
    }

    /// How many bytes were looked through for secrets on their way to the log, the transcripts and the model, and how
    /// long that took.
    #[must_use]
    pub fn looked_through(&self) -> (u64, Duration) {
        let (bytes, nanoseconds) = &self.looked_through;
        (bytes.load(Ordering::Relaxed), Duration::from_nanos(nanoseconds.load(Ordering::Relaxed)))
    }

    /// The redactor of the moment. When the vault cannot be read, the last one that could be made: secrets that were
    /// known stay known.
    #[must_use]
    pub fn current(&self) -> Redactor {
        let (of, redactor) = self.known.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Ok(generation) = self.vault.generation() else { return redactor };
        if generation == of {
            return redactor;
        }
        let Ok(fresh) = Redactor::of_vault(&self.vault) else { return redactor };
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = (generation, fresh.clone());
        fresh
    }
}

impl audit::Redact for Redaction {
    fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let (redactor, begun) = (self.current(), Instant::now());
        let clean = match redactor.redact(text) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            Cow::Owned(clean) => Cow::Owned(clean),
        };
        let (bytes, nanoseconds) = &self.looked_through;
        bytes.fetch_add(u64::try_from(text.len()).unwrap_or(u64::MAX), Ordering::Relaxed);
        let took = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        nanoseconds.fetch_add(took, Ordering::Relaxed);
        clean
    }
}

/// Takes secrets out of the program's own log, whose lines are written before there is a house: shapes of keys from the
/// beginning, and the vault's secrets as soon as it is open.
#[derive(Clone, Default)]
pub struct LogRedaction(Arc<OnceLock<Arc<Redaction>>>);

impl LogRedaction {
    /// From here on the vault's secrets are known. The first house counts.
    pub(crate) fn knows(&self, redaction: &Arc<Redaction>) {
        let _another = self.0.set(Arc::clone(redaction));
    }

    /// `line` without any secret.
    #[must_use]
    pub fn clean(&self, line: &[u8]) -> Vec<u8> {
        let redactor = self.0.get().map_or_else(Redactor::shapes_only, |known| known.current());
        redactor.redact_bytes(line, egress::Reader::Anyone).into_owned()
    }
}

/// Shows whether it knows a vault.
impl std::fmt::Debug for LogRedaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogRedaction").field("knows_vault", &self.0.get().is_some()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bait;

    #[test]
    fn a_line_of_the_log_loses_what_looks_like_a_key_at_once_and_secrets_once_the_vault_is_open() {
        let log = LogRedaction::default();
        let shape = format!("token ghp_{}", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8");
        assert!(!String::from_utf8(log.clean(shape.as_bytes())).unwrap().contains("a1B2c3D4"));
        let line = format!("WARN could not use {}\n", bait::in_forms());
        assert!(bait::is_in(&log.clean(line.as_bytes())));
        let folder = crate::decoy::private_folder().unwrap();
        log.knows(&Arc::new(Redaction::of(bait::vault(folder.path()).unwrap()).unwrap()));
        let clean = log.clean(line.as_bytes());
        assert!(!bait::is_in(&clean) && clean.starts_with(b"WARN could not use") && clean.ends_with(b"\n"));
    }
}
