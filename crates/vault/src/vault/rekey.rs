//! Another key for the same secrets.

use super::Vault;
use crate::key::{FirstRun, forget_file};
use crate::{Error, KeySource, codec, files};
use std::path::Path;

impl Vault {
    /// Encrypts the vault in `home` anew under the key of `source`, and overwrites what was there, an old key file
    /// included. Other processes that hold it open must open it again.
    ///
    /// # Errors
    ///
    /// Those of the key and of the disk; until the new file is in place the old key opens the vault.
    pub fn rekey(self, home: &Path, source: &KeySource) -> Result<(), Error> {
        let _held = files::lock(&self.lock)?;
        let state = self.state()?;
        let stretch = source.fresh_stretch()?;
        let key = source.key(home, stretch.as_ref(), FirstRun::Yes)?;
        let bytes = codec::seal(&state.contents, &key, stretch.as_ref())?;
        let old = files::open_for_scrub(&self.path)?;
        files::replace_private(&self.path, &bytes)?;
        files::scrub(&old, &self.path)?;
        match source {
            KeySource::File => Ok(()),
            KeySource::Passphrase(_) | KeySource::Credential(_) => forget_file(home),
        }
    }
}
