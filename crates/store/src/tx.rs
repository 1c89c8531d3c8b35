//! One transaction: the tables' methods are spread over the modules by what they are about.

use crate::Error;
use rusqlite::{Connection, Params, Row};

/// The tables, within one transaction. What its methods change is kept when the closure that has it returns `Ok`.
pub struct Tx<'a> {
    connection: &'a Connection,
}

impl<'a> Tx<'a> {
    pub(crate) fn new(connection: &'a Connection) -> Self {
        Self { connection }
    }

    /// Runs a statement that changes rows, and returns how many.
    pub(crate) fn change(&self, sql: &str, parameters: impl Params) -> Result<usize, Error> {
        let keep = |error| Error::database("keep", error);
        self.connection.prepare_cached(sql).map_err(keep)?.execute(parameters).map_err(keep)
    }

    /// Reads every row.
    pub(crate) fn rows<T>(
        &self,
        sql: &str,
        parameters: impl Params,
        read: impl Fn(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let failed = |error| Error::database("read", error);
        let mut statement = self.connection.prepare_cached(sql).map_err(failed)?;
        let mut rows = statement.query(parameters).map_err(failed)?;
        let mut all = Vec::new();
        while let Some(row) = rows.next().map_err(failed)? {
            all.push(read(row)?);
        }
        Ok(all)
    }

    /// Reads the first row.
    pub(crate) fn row<T>(
        &self,
        sql: &str,
        parameters: impl Params,
        read: impl Fn(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let failed = |error| Error::database("read", error);
        let mut statement = self.connection.prepare_cached(sql).map_err(failed)?;
        let mut rows = statement.query(parameters).map_err(failed)?;
        rows.next().map_err(failed)?.map(read).transpose()
    }

    pub(crate) fn last_id(&self) -> i64 {
        self.connection.last_insert_rowid()
    }
}

impl std::fmt::Debug for Tx<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tx(…)")
    }
}
