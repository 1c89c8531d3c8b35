//! Tasks: from one message to the reply to it.

use crate::row::{column, integer, parsed, time, word};
use crate::{Error, Tx};
use domain::{SessionId, TaskId, TaskState, Timestamp};
use rusqlite::{Row, params};

/// A task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its name.
    pub id: TaskId,
    /// Its session.
    pub session: SessionId,
    /// Where it stands.
    pub state: TaskState,
    /// When it began.
    pub created: Timestamp,
    /// When its state last changed.
    pub changed: Timestamp,
}

impl Tx<'_> {
    /// Keeps a new task, running.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] when its name is taken; [`Error::Database`] when there is no such session.
    pub fn add_task(&self, id: &TaskId, session: &SessionId, now: Timestamp) -> Result<(), Error> {
        let added = self.change(
            "INSERT INTO tasks (id, session, state, created, changed) VALUES (?1, ?2, ?3, ?4, ?4) ON CONFLICT DO NOTHING",
            params![id.as_str(), session.as_str(), TaskState::Running.as_str(), integer(now.0)],
        )?;
        if added == 0 {
            return Err(Error::Conflict { what: "task", id: id.to_string(), found: "there already" });
        }
        Ok(())
    }

    /// The task of that name.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`].
    pub fn task(&self, id: &TaskId) -> Result<Option<Task>, Error> {
        self.row("SELECT * FROM tasks WHERE id = ?1", [id.as_str()], read)
    }

    /// Every task that runs or waits, oldest first: what a restart goes on with.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`].
    pub fn tasks_going_on(&self) -> Result<Vec<Task>, Error> {
        self.rows("SELECT * FROM tasks WHERE state IN ('running', 'waiting') ORDER BY created, id", [], read)
    }

    /// At most `limit` tasks of a session, newest first.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`].
    pub fn tasks_of(&self, session: &SessionId, limit: u32) -> Result<Vec<Task>, Error> {
        let sql = "SELECT * FROM tasks WHERE session = ?1 ORDER BY created DESC, id DESC LIMIT ?2";
        self.rows(sql, params![session.as_str(), limit], read)
    }

    /// Changes a task's state. A task that is over stays as it ended.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::Conflict`] when it is over.
    pub fn set_task_state(&self, id: &TaskId, state: TaskState, now: Timestamp) -> Result<(), Error> {
        let task = self.task(id)?.ok_or_else(|| Error::NotFound { what: "task", id: id.to_string() })?;
        if task.state.is_over() {
            return Err(Error::Conflict { what: "task", id: id.to_string(), found: "over" });
        }
        self.change(
            "UPDATE tasks SET state = ?2, changed = ?3 WHERE id = ?1",
            params![id.as_str(), state.as_str(), integer(now.0)],
        )?;
        Ok(())
    }
}

fn read(row: &Row<'_>) -> Result<Task, Error> {
    let of: String = column(row, "id")?;
    let state = |text: &str| TaskState::ALL.into_iter().find(|state| state.as_str() == text);
    Ok(Task {
        id: parsed(row, "id", &of)?,
        session: parsed(row, "session", &of)?,
        state: word(row, "state", &of, state)?,
        created: time(row, "created")?,
        changed: time(row, "changed")?,
    })
}
