//! Messages that came in: on disk before they are acknowledged, and taken once however often they are sent.

use crate::row::{channel, column, integer, parsed, principal, time};
use crate::{Error, Tx};
use domain::{Inbound, Sender, TaskId};
use rusqlite::{Row, params};

/// The longest text of a message with what it quotes, in bytes. A channel refuses longer ones before they come here.
const TEXT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Whether a message is new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// It is new, and its task with it.
    First,
    /// The same sender sent the same id before.
    Again {
        /// The task that message began.
        task: TaskId,
    },
}

/// A message and the task it began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboundRow {
    /// The message.
    pub inbound: Inbound,
    /// Its task.
    pub task: TaskId,
}

impl Tx<'_> {
    /// Takes in a message and begins `task` for it, unless the same sender sent the same id before. Its session must
    /// be there.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for the session; [`Error::Conflict`] when the session is revoked or the task's name taken;
    /// [`Error::TooLong`].
    pub fn deliver(&self, inbound: &Inbound, task: &TaskId) -> Result<Delivered, Error> {
        let length = inbound.text.len().saturating_add(inbound.quoted.as_ref().map_or(0, String::len));
        if length > TEXT_BYTES_MAX {
            return Err(Error::TooLong { what: "message", found: length, limit: TEXT_BYTES_MAX });
        }
        let Sender { channel, account } = &inbound.sender;
        let before = self.row(
            "SELECT task FROM inbound WHERE channel = ?1 AND account = ?2 AND message = ?3",
            params![channel.as_str(), account, inbound.id.as_str()],
            |row| parsed(row, "task", inbound.id.as_str()),
        )?;
        if let Some(task) = before {
            return Ok(Delivered::Again { task });
        }
        let id = inbound.session.to_string();
        match self.session(&inbound.session)? {
            None => return Err(Error::NotFound { what: "session", id }),
            Some(session) if session.revoked.is_some() => {
                return Err(Error::Conflict { what: "session", id, found: "revoked" });
            }
            Some(_) => {}
        }
        self.add_task(task, &inbound.session, inbound.received)?;
        self.change(
            "INSERT INTO inbound (channel, account, message, session, task, role, principal, text, quoted, received)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            params![
                channel.as_str(),
                account,
                inbound.id.as_str(),
                inbound.session.as_str(),
                task.as_str(),
                inbound.principal.role.as_str(),
                inbound.principal.name,
                inbound.text,
                inbound.quoted,
                integer(inbound.received.0),
            ],
        )?;
        Ok(Delivered::First)
    }

    /// The message that began a task; none for a task that none began.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`].
    pub fn inbound_of(&self, task: &TaskId) -> Result<Option<InboundRow>, Error> {
        self.row("SELECT * FROM inbound WHERE task = ?1", [task.as_str()], read)
    }
}

fn read(row: &Row<'_>) -> Result<InboundRow, Error> {
    let of: String = column(row, "message")?;
    let inbound = Inbound {
        id: parsed(row, "message", &of)?,
        session: parsed(row, "session", &of)?,
        sender: Sender { channel: channel(row, &of)?, account: column(row, "account")? },
        principal: principal(row, &of)?,
        text: column(row, "text")?,
        quoted: column(row, "quoted")?,
        received: time(row, "received")?,
    };
    Ok(InboundRow { inbound, task: parsed(row, "task", &of)? })
}
