//! The tables, and the way from each older version to this one.

use crate::Error;
use rusqlite::{Connection, OptionalExtension};

/// The statements that lead from version N to N + 1. Only ever added to: homes of every age exist.
const MIGRATIONS: [&str; 3] =
    [include_str!("schema/1.sql"), include_str!("schema/2.sql"), include_str!("schema/3.sql")];
/// The newest version this program reads.
pub(crate) const KNOWN: i64 = MIGRATIONS.len() as i64;

pub(crate) fn version(connection: &Connection) -> Result<i64, Error> {
    connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(|error| Error::database("read", error))
}

/// Whether there is no table at all: a file that was made, and nothing more before the power went.
pub(crate) fn is_unborn(connection: &Connection) -> Result<bool, Error> {
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(|error| Error::database("read", error))?;
    Ok(tables == 0)
}

/// Brings the database up to date, each step whole or not at all.
pub(crate) fn migrate(connection: &Connection) -> Result<(), Error> {
    let failed = |error| Error::database("bring up to date", error);
    let from = version(connection)?;
    for (at, statements) in (0_i64..).zip(MIGRATIONS).skip_while(|(at, _)| *at < from) {
        let next = at.saturating_add(1);
        let steps = format!("BEGIN EXCLUSIVE; {statements} PRAGMA user_version = {next}; COMMIT;");
        if let Err(error) = connection.execute_batch(&steps) {
            // The first error is the one that says why.
            let _also_failed = connection.execute_batch("ROLLBACK");
            return Err(failed(error));
        }
    }
    Ok(())
}

pub(crate) fn was_closed(connection: &Connection) -> Result<bool, Error> {
    let state: Option<String> = connection
        .query_row("SELECT value FROM meta WHERE name = 'state'", [], |row| row.get(0))
        .optional()
        .map_err(|error| Error::database("read", error))?;
    Ok(state.as_deref() == Some("closed"))
}

pub(crate) fn mark_open(connection: &Connection) -> Result<(), Error> {
    mark(connection, "open")
}

pub(crate) fn mark_closed(connection: &Connection) -> Result<(), Error> {
    mark(connection, "closed")
}

fn mark(connection: &Connection, state: &str) -> Result<(), Error> {
    connection
        .execute(
            "INSERT INTO meta (name, value) VALUES ('state', ?1) ON CONFLICT (name) DO UPDATE SET value = ?1",
            [state],
        )
        .map_err(|error| Error::database("mark", error))?;
    Ok(())
}
