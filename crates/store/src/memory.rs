//! The memory: short texts with their labels, found again by words. They stand in files of the home; this is the index
//! of those files, and the only place that knows under which label each text was written.

use crate::row::{column, integer, label, number, time};
use crate::{Error, Tx};
use domain::{Label, SessionId, Timestamp};
use rusqlite::{Row, params};
use std::collections::BTreeMap;

/// The longest entry, in bytes: a note, not a document.
const TEXT_BYTES_MAX: usize = 64 * 1024;
/// The most words of a search that count.
const WORDS_MAX: usize = 16;

/// One thing remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Its number.
    pub id: u64,
    /// What.
    pub text: String,
    /// The label it was remembered under.
    pub label: Label,
    /// The session it comes from.
    pub session: Option<SessionId>,
    /// The file of the home it stands in.
    pub file: Option<String>,
    /// When.
    pub created: Timestamp,
}

impl Tx<'_> {
    /// Remembers a text and returns its number.
    ///
    /// # Errors
    ///
    /// [`Error::TooLong`].
    pub fn remember(
        &self,
        text: &str,
        label: &Label,
        session: Option<&SessionId>,
        now: Timestamp,
    ) -> Result<u64, Error> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(Error::TooLong { what: "memory", found: text.len(), limit: TEXT_BYTES_MAX });
        }
        self.change(
            "INSERT INTO memory (text, label, session, created) VALUES (?1, ?2, ?3, ?4)",
            params![text, label.to_string(), session.map(SessionId::as_str), integer(now.0)],
        )?;
        Ok(u64::try_from(self.last_id()).unwrap_or_default())
    }

    /// Remembers a text that now stands in `file`, under the label it was written with.
    ///
    /// # Errors
    ///
    /// [`Error::TooLong`].
    pub fn remember_in(
        &self,
        file: &str,
        text: &str,
        label: &Label,
        session: Option<&SessionId>,
        now: Timestamp,
    ) -> Result<u64, Error> {
        let id = self.remember(text, label, session, now)?;
        self.change("UPDATE memory SET file = ?1 WHERE id = ?2", params![file, integer(id)])?;
        Ok(id)
    }

    /// What was seen of `file` when it was last read into the index.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub fn memory_stamps(&self) -> Result<BTreeMap<String, String>, Error> {
        let rows = self.rows("SELECT file, stamp FROM memory_files", [], |row| {
            Ok((column(row, "file")?, column(row, "stamp")?))
        })?;
        Ok(rows.into_iter().collect())
    }

    /// Makes the index hold exactly `texts` for `file`: what stands there still keeps the label it was written under,
    /// what somebody else put there gets `label`, what is gone is forgotten. With an empty `stamp` the file is gone.
    ///
    /// # Errors
    ///
    /// [`Error::TooLong`], [`Error::Unreadable`].
    pub fn read_memory_file(
        &self,
        file: &str,
        stamp: &str,
        texts: &[String],
        label: &Label,
        now: Timestamp,
    ) -> Result<(), Error> {
        let known = self.rows("SELECT * FROM memory WHERE file = ?1 ORDER BY id", [file], read)?;
        let mut unclaimed: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for memory in known.iter().rev() {
            unclaimed.entry(&memory.text).or_default().push(memory.id);
        }
        for text in texts {
            let claimed = unclaimed.get_mut(text.as_str()).and_then(Vec::pop);
            if claimed.is_none() {
                self.remember_in(file, text, label, None, now)?;
            }
        }
        for id in unclaimed.into_values().flatten() {
            self.forget(id)?;
        }
        self.stamp_memory_file(file, stamp)
    }

    /// Notes what was seen of `file`; nothing, when it is gone.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub fn stamp_memory_file(&self, file: &str, stamp: &str) -> Result<(), Error> {
        if stamp.is_empty() {
            self.change("DELETE FROM memory_files WHERE file = ?1", [file])?;
        } else {
            let sql = "INSERT INTO memory_files (file, stamp) VALUES (?1, ?2)
                       ON CONFLICT (file) DO UPDATE SET stamp = ?2";
            self.change(sql, params![file, stamp])?;
        }
        Ok(())
    }

    /// At most `limit` entries that hold every word of `words` or a word that begins with it, best first. Anything but
    /// letters and digits separates words.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`].
    pub fn search_memory(&self, words: &str, limit: u32) -> Result<Vec<Memory>, Error> {
        let quoted: Vec<String> = words
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .take(WORDS_MAX)
            .map(|word| format!("\"{word}\"*"))
            .collect();
        if quoted.is_empty() {
            return Ok(Vec::new());
        }
        let sql = "SELECT memory.* FROM memory_words JOIN memory ON memory.id = memory_words.rowid
                   WHERE memory_words MATCH ?1 ORDER BY rank, memory.id DESC LIMIT ?2";
        self.rows(sql, params![quoted.join(" "), limit], read)
    }

    /// At most `limit` entries, newest first.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`].
    pub fn memories(&self, limit: u32) -> Result<Vec<Memory>, Error> {
        self.rows("SELECT * FROM memory ORDER BY id DESC LIMIT ?1", [limit], read)
    }

    /// Forgets an entry; false when there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub fn forget(&self, id: u64) -> Result<bool, Error> {
        Ok(self.change("DELETE FROM memory WHERE id = ?1", [integer(id)])? == 1)
    }
}

fn read(row: &Row<'_>) -> Result<Memory, Error> {
    let id = number(row, "id")?;
    let of = id.to_string();
    let session: Option<String> = column(row, "session")?;
    let session = session
        .map(|session| session.parse())
        .transpose()
        .map_err(|_bad_id| Error::Unreadable { what: "session", of: of.clone() })?;
    Ok(Memory {
        id,
        text: column(row, "text")?,
        label: label(row, &of)?,
        session,
        file: column(row, "file")?,
        created: time(row, "created")?,
    })
}
