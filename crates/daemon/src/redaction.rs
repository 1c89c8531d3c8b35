//! Takes the vault's secrets, as they are at the moment, out of everything that is kept or shown.

use egress::Redactor;
use std::borrow::Cow;
use std::sync::{Arc, PoisonError, RwLock};
use vault::Vault;

/// A redactor that follows the vault.
pub struct Redaction {
    vault: Arc<Vault>,
    known: RwLock<(u64, Redactor)>,
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
        Ok(Self { vault, known })
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
        match self.current().redact(text) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            Cow::Owned(clean) => Cow::Owned(clean),
        }
    }
}
