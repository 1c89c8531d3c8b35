//! To whom something has been sent before: a first message to somebody is more than a second.

use crate::row::{integer, parsed};
use crate::{Error, Tx};
use domain::{Address, Timestamp};
use rusqlite::params;

/// The most recipients that are remembered; the one written to longest ago goes first, and is then new again.
const RECIPIENTS_MAX: u32 = 10_000;

impl Tx<'_> {
    /// Notes that something is being sent to `recipient`.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub fn note_recipient(&self, recipient: &Address, now: Timestamp) -> Result<(), Error> {
        self.change(
            "INSERT INTO recipients (address, first, last) VALUES (?1, ?2, ?2) ON CONFLICT (address) DO UPDATE SET last = ?2",
            params![recipient.as_str(), integer(now.0)],
        )?;
        self.change(
            "DELETE FROM recipients WHERE address IN (SELECT address FROM recipients ORDER BY last DESC LIMIT -1 OFFSET ?1)",
            params![RECIPIENTS_MAX],
        )?;
        Ok(())
    }

    /// Everybody something has been sent to, in the order of their addresses.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`].
    pub fn recipients(&self) -> Result<Vec<Address>, Error> {
        self.rows("SELECT address FROM recipients ORDER BY address", [], |row| {
            parsed(row, "address", "recipient")
        })
    }
}
