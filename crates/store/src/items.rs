//! Transcripts: items are only ever added, each with the label it was read under.

use crate::row::{column, integer, label, number, parsed, time};
use crate::{Error, Tx, wire};
use domain::{Item, ItemBody, Labelled, SessionId, TaskId, Timestamp};
use rusqlite::{Row, params};

/// The longest item, in bytes of JSON. Results are cut long before they come here.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

impl Tx<'_> {
    /// Adds an item at the end of a session's transcript and returns it with its number.
    ///
    /// # Errors
    ///
    /// [`Error::TooLong`]; [`Error::Database`] when there is no such session or task.
    pub fn append_item(
        &self,
        session: &SessionId,
        task: &TaskId,
        body: Labelled<ItemBody>,
        now: Timestamp,
    ) -> Result<Item, Error> {
        let number = self.last_item(session)?.saturating_add(1);
        let item = Item { number, task: task.clone(), time: now, body };
        self.put_item(session, &item)?;
        Ok(item)
    }

    /// Adds an item that has its number already: the one after the last.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] when its number is not the next; [`Error::TooLong`]; [`Error::Database`] when there is no
    /// such session or task.
    pub fn add_item(&self, session: &SessionId, item: &Item) -> Result<(), Error> {
        if item.number != self.last_item(session)?.saturating_add(1) {
            let id = format!("{session} {}", item.number);
            return Err(Error::Conflict { what: "item", id, found: "not the next one" });
        }
        self.put_item(session, item)
    }

    /// The number of a session's last item; 0 when there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub fn last_item(&self, session: &SessionId) -> Result<u64, Error> {
        let sql = "SELECT coalesce(max(number), 0) AS number FROM items WHERE session = ?1";
        Ok(self.row(sql, [session.as_str()], |row| number(row, "number"))?.unwrap_or_default())
    }

    /// The items of a session after number `after`, oldest first, at most `limit`.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`].
    pub fn items(&self, session: &SessionId, after: u64, limit: u32) -> Result<Vec<Item>, Error> {
        let sql = "SELECT * FROM items WHERE session = ?1 AND number > ?2 ORDER BY number LIMIT ?3";
        self.rows(sql, params![session.as_str(), integer(after), limit], read)
    }

    /// The items of a task, oldest first.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`].
    pub fn items_of(&self, task: &TaskId) -> Result<Vec<Item>, Error> {
        self.rows("SELECT * FROM items WHERE task = ?1 ORDER BY number", [task.as_str()], read)
    }

    fn put_item(&self, session: &SessionId, item: &Item) -> Result<(), Error> {
        let (body, label) = item.body.clone().into_parts();
        let body = wire::write_body(body);
        if body.len() > BODY_BYTES_MAX {
            return Err(Error::TooLong { what: "item", found: body.len(), limit: BODY_BYTES_MAX });
        }
        self.change(
            "INSERT INTO items (session, number, task, time, label, version, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                session.as_str(),
                integer(item.number),
                item.task.as_str(),
                integer(item.time.0),
                label.to_string(),
                wire::BODY_VERSION,
                body,
            ],
        )?;
        Ok(())
    }
}

fn read(row: &Row<'_>) -> Result<Item, Error> {
    let session: String = column(row, "session")?;
    let number = number(row, "number")?;
    let of = format!("{session} {number}");
    let body: String = column(row, "body")?;
    let body = wire::read_body(column(row, "version")?, &body)
        .ok_or_else(|| Error::Unreadable { what: "body", of: of.clone() })?;
    Ok(Item {
        number,
        task: parsed(row, "task", &of)?,
        time: time(row, "time")?,
        body: Labelled::new(body, label(row, &of)?),
    })
}
