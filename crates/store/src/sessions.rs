//! Conversations: what each is called, whose it is, and the label of everything it has read.

use crate::row::{channel, column, integer, label, optional_tier, optional_time, parsed, principal, time};
use crate::{Error, Tx};
use domain::{Channel, Label, Principal, SessionId, Tier, Timestamp};
use rusqlite::{Row, params};

/// The longest title, in bytes; the caller cuts.
const TITLE_BYTES_MAX: usize = 512;

/// A conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its name.
    pub id: SessionId,
    /// What lists call it.
    pub title: String,
    /// When it began.
    pub created: Timestamp,
    /// When something last happened in it.
    pub active: Timestamp,
    /// Where it is held.
    pub channel: Channel,
    /// Whose it is.
    pub principal: Principal,
    /// The label of everything it has read.
    pub label: Label,
    /// When it was taken away; nothing more happens in it.
    pub revoked: Option<Timestamp>,
    /// The highest tier that it may read; the configuration's where nothing is said.
    pub ceiling: Option<Tier>,
}

impl Tx<'_> {
    /// Keeps a new session.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] when its name is taken; [`Error::TooLong`] for its title.
    pub fn add_session(&self, session: &Session) -> Result<(), Error> {
        check_title(&session.title)?;
        let added = self.change(
            "INSERT INTO sessions (id, title, created, active, channel, role, principal, label, revoked, ceiling)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING",
            params![
                session.id.as_str(),
                session.title,
                integer(session.created.0),
                integer(session.active.0),
                session.channel.as_str(),
                session.principal.role.as_str(),
                session.principal.name,
                session.label.to_string(),
                session.revoked.map(|at| integer(at.0)),
                session.ceiling.map(Tier::as_str),
            ],
        )?;
        if added == 0 {
            return Err(Error::Conflict {
                what: "session",
                id: session.id.to_string(),
                found: "there already",
            });
        }
        Ok(())
    }

    /// The session of that name.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`].
    pub fn session(&self, id: &SessionId) -> Result<Option<Session>, Error> {
        self.row("SELECT * FROM sessions WHERE id = ?1", [id.as_str()], read)
    }

    /// At most `limit` sessions, the one with the newest activity first.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`].
    pub fn sessions(&self, limit: u32) -> Result<Vec<Session>, Error> {
        self.rows("SELECT * FROM sessions ORDER BY active DESC, id LIMIT ?1", [limit], read)
    }

    /// Gives a session another title.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::TooLong`].
    pub fn rename_session(&self, id: &SessionId, title: &str) -> Result<(), Error> {
        check_title(title)?;
        let changed =
            self.change("UPDATE sessions SET title = ?2 WHERE id = ?1", params![id.as_str(), title])?;
        found(changed, id)
    }

    /// Something happened in a session: notes when, and joins `label` to its label, so that it only ever rises.
    /// Returns the session's label after it.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::Unreadable`].
    pub fn touch_session(&self, id: &SessionId, read_label: &Label, now: Timestamp) -> Result<Label, Error> {
        let session =
            self.session(id)?.ok_or_else(|| Error::NotFound { what: "session", id: id.to_string() })?;
        let joined = session.label.join(read_label);
        self.change(
            "UPDATE sessions SET active = max(active, ?2), label = ?3 WHERE id = ?1",
            params![id.as_str(), integer(now.0), joined.to_string()],
        )?;
        Ok(joined)
    }

    /// Says what a session may read at most from here on.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub fn set_ceiling(&self, id: &SessionId, ceiling: Tier) -> Result<(), Error> {
        let changed = self.change(
            "UPDATE sessions SET ceiling = ?2 WHERE id = ?1",
            params![id.as_str(), ceiling.as_str()],
        )?;
        found(changed, id)
    }

    /// Takes a session away: it is kept, and nothing more may happen in it.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub fn revoke_session(&self, id: &SessionId, now: Timestamp) -> Result<(), Error> {
        let changed = self.change(
            "UPDATE sessions SET revoked = coalesce(revoked, ?2) WHERE id = ?1",
            params![id.as_str(), integer(now.0)],
        )?;
        found(changed, id)
    }
}

fn check_title(title: &str) -> Result<(), Error> {
    if title.len() > TITLE_BYTES_MAX {
        return Err(Error::TooLong { what: "title", found: title.len(), limit: TITLE_BYTES_MAX });
    }
    Ok(())
}

fn found(changed: usize, id: &SessionId) -> Result<(), Error> {
    if changed == 0 { Err(Error::NotFound { what: "session", id: id.to_string() }) } else { Ok(()) }
}

fn read(row: &Row<'_>) -> Result<Session, Error> {
    let of: String = column(row, "id")?;
    Ok(Session {
        id: parsed(row, "id", &of)?,
        title: column(row, "title")?,
        created: time(row, "created")?,
        active: time(row, "active")?,
        channel: channel(row, &of)?,
        principal: principal(row, &of)?,
        label: label(row, &of)?,
        revoked: optional_time(row, "revoked")?,
        ceiling: optional_tier(row, "ceiling", &of)?,
    })
}
