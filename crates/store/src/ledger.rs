//! What the broker's ledger remembers of each session, in a form that only the broker reads.

use crate::row::{column, integer};
use crate::{Error, Tx};
use domain::{SessionId, Timestamp};
use rusqlite::params;

/// The longest ledger, in bytes. The broker keeps a bounded number of texts and fields.
const LEDGER_BYTES_MAX: usize = 64 * 1024 * 1024;

impl Tx<'_> {
    /// Keeps a session's ledger in place of the one before.
    ///
    /// # Errors
    ///
    /// [`Error::TooLong`]; [`Error::Database`] when there is no such session.
    pub fn put_ledger(&self, session: &SessionId, text: &str, now: Timestamp) -> Result<(), Error> {
        if text.len() > LEDGER_BYTES_MAX {
            return Err(Error::TooLong { what: "ledger", found: text.len(), limit: LEDGER_BYTES_MAX });
        }
        self.change(
            "INSERT INTO ledgers (session, text, changed) VALUES (?1, ?2, ?3)
             ON CONFLICT (session) DO UPDATE SET text = ?2, changed = ?3",
            params![session.as_str(), text, integer(now.0)],
        )?;
        Ok(())
    }

    /// A session's ledger, as it was last kept.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub fn ledger(&self, session: &SessionId) -> Result<Option<String>, Error> {
        self.row("SELECT text FROM ledgers WHERE session = ?1", [session.as_str()], |row| column(row, "text"))
    }
}
