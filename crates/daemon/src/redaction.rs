//! Takes the vault's secrets, as they are at the moment, out of everything that is kept or shown.

use egress::Redactor;
use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
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
