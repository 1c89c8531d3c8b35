//! "Always": the owner's standing rules, as the policy wrote them down.

use crate::row::{column, integer, optional_time, time};
use crate::{Error, Tx};
use domain::Timestamp;
use rusqlite::{Row, params};

/// A standing rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its name.
    pub id: String,
    /// The version of `scope`.
    pub version: u32,
    /// What it covers, in a form that only its writer reads.
    pub scope: String,
    /// What it covers, in words.
    pub words: String,
    /// When it was made.
    pub created: Timestamp,
    /// The last moment it holds.
    pub expires: Timestamp,
    /// When it was taken away.
    pub revoked: Option<Timestamp>,
}

impl Tx<'_> {
    /// Keeps a standing rule; the same rule again lives longer, and lives again if it was taken away.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub fn put_standing(&self, rule: &Standing) -> Result<(), Error> {
        self.change(
            "INSERT INTO standing (id, version, scope, words, created, expires) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (id) DO UPDATE SET version = ?2, scope = ?3, words = ?4, created = ?5, expires = ?6, revoked = NULL",
            params![rule.id, rule.version, rule.scope, rule.words, integer(rule.created.0), integer(rule.expires.0)],
        )?;
        Ok(())
    }

    /// Every rule that holds at `now`, oldest first.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`].
    pub fn standing_at(&self, now: Timestamp) -> Result<Vec<Standing>, Error> {
        let sql = "SELECT * FROM standing WHERE revoked IS NULL AND expires >= ?1 ORDER BY created, id";
        self.rows(sql, [integer(now.0)], read)
    }

    /// Takes a rule away; false when there is none that still stood.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub fn revoke_standing(&self, id: &str, now: Timestamp) -> Result<bool, Error> {
        let sql = "UPDATE standing SET revoked = ?2 WHERE id = ?1 AND revoked IS NULL";
        Ok(self.change(sql, params![id, integer(now.0)])? == 1)
    }
}

fn read(row: &Row<'_>) -> Result<Standing, Error> {
    Ok(Standing {
        id: column(row, "id")?,
        version: column(row, "version")?,
        scope: column(row, "scope")?,
        words: column(row, "words")?,
        created: time(row, "created")?,
        expires: time(row, "expires")?,
        revoked: optional_time(row, "revoked")?,
    })
}
