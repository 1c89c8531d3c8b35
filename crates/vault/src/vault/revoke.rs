//! Taking a secret out of use, and back into it.

use super::state::now;
use super::{Leftovers, Vault};
use crate::Error;
use domain::{SecretName, Timestamp};
use std::collections::BTreeMap;

impl Vault {
    /// Takes a secret out of use: it is lent to nobody any more, and still taken out of whatever is shown or sent, since
    /// whoever has it has it until its service forgets it. A name of a secret that is kept elsewhere is taken too.
    ///
    /// # Errors
    ///
    /// [`Error::File`] when the disk fails.
    pub fn revoke(&self, name: &SecretName) -> Result<(), Error> {
        self.change(Leftovers::Stay, |state| {
            state.contents.revoked.entry(name.as_str().to_string()).or_insert(now().0);
            Ok(())
        })
    }

    /// Puts a secret back into use as it is: it was revoked for nothing, or renewed where it is kept.
    ///
    /// # Errors
    ///
    /// [`Error::Unknown`] when it is not revoked; [`Error::File`].
    pub fn reinstate(&self, name: &SecretName) -> Result<(), Error> {
        self.change(Leftovers::Stay, |state| {
            let revoked = state.contents.revoked.remove(name.as_str());
            revoked.map(drop).ok_or_else(|| Error::Unknown { name: name.clone() })
        })
    }

    /// Which are out of use, and since when.
    ///
    /// # Errors
    ///
    /// The errors of reading the file again when another process changed it.
    pub fn revoked(&self) -> Result<BTreeMap<String, Timestamp>, Error> {
        let state = self.state()?;
        Ok(state.contents.revoked.iter().map(|(name, since)| (name.clone(), Timestamp(*since))).collect())
    }
}
