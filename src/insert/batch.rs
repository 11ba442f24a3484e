//! Rows of one table that own their values, to be written by another thread.

use rusqlite::types::{Value, ValueRef};

use super::{Conflict, Counts, Insert};
use crate::connection::Connection;
use crate::error::Result;

/// Rows with the same columns.
pub(crate) struct Batch {
    /// The table.
    pub(crate) table: String,
    /// The columns of each row.
    pub(crate) columns: Vec<String>,
    /// The values, row after row.
    pub(crate) values: Vec<Value>,
    /// What to do with rows whose key exists.
    pub(crate) conflict: Conflict,
    /// The number of the first row, for messages; `None` for a row that is the only one.
    pub(crate) first: Option<usize>,
}

impl Batch {
    /// Write the rows; gives the id of the last, where there is one row.
    pub(crate) fn write(&self, connection: &Connection) -> Result<(Option<i64>, Counts)> {
        let columns: Vec<&str> = self.columns.iter().map(String::as_str).collect();
        let prepared = self.conflict.prepare(connection, &self.table, &columns);
        let mut insert = match self.first {
            Some(first) => prepared.map_err(|error| error.at_row(first))?,
            None => prepared?,
        };
        let mut counts = Counts::default();
        let mut id = None;
        let width = columns.len().max(1);
        for (number, row) in self.values.chunks(width).enumerate() {
            let written = self.write_row(connection, &mut insert, row, &mut counts);
            id = match self.first {
                Some(first) => written.map_err(|error| error.at_row(first + number))?,
                None => written?,
            };
        }
        insert.finish(connection);
        Ok((id, counts))
    }

    /// Whether writing a row looks at a few others at most.
    pub(crate) fn is_bounded(&self, connection: &Connection) -> Result<bool> {
        let columns: Vec<&str> = self.columns.iter().map(String::as_str).collect();
        let mut insert = self.conflict.prepare(connection, &self.table, &columns)?;
        let is_bounded = insert.statement().is_bounded(connection);
        insert.finish(connection);
        Ok(is_bounded)
    }

    fn write_row(
        &self,
        connection: &Connection,
        insert: &mut Insert,
        row: &[Value],
        counts: &mut Counts,
    ) -> Result<Option<i64>> {
        insert.statement().bind_all(connection, row.iter().map(ValueRef::from))?;
        let alone = self.first.is_none();
        let needed = alone || insert.needs_lookup();
        if let (true, Some((lookup, places))) = (needed, insert.lookup()) {
            lookup.bind_all(connection, places.iter().map(|&place| ValueRef::from(&row[place])))?;
        }
        if !alone {
            connection.still()?;
        }
        let change = insert.run(connection)?;
        counts.add(change);
        if alone { insert.row_id(connection, change) } else { Ok(None) }
    }
}
