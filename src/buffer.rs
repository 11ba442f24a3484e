//! Rows copied out of a statement, for a thread that reads them later.

use std::sync::Arc;
use std::time::Instant;

use rusqlite::types::ValueRef;

use crate::connection::Connection;
use crate::error::{Error, Result, summary};
use crate::parameters::Parameters;
use crate::statement::Statement;

/// A row whose columns can be looked at: the current one of a statement, or one of a buffer.
pub trait Row {
    /// A column (from 0).
    fn column(&self, index: usize) -> ValueRef<'_>;

    /// The number of columns.
    fn width(&self) -> usize;

    /// The text of the statement that gave it.
    fn sql(&self) -> &str;

    /// The error for a column whose text is not UTF-8.
    fn not_utf8(&self, index: usize) -> Error {
        let sql = summary(self.sql());
        Error::Value(format!(
            "column {index} (from 0) holds text that is not UTF-8; read it as bytes with \
             CAST(... AS BLOB) (in: {sql})"
        ))
    }
}

impl Row for Statement {
    #[inline]
    fn column(&self, index: usize) -> ValueRef<'_> {
        Statement::column(self, index)
    }

    #[inline]
    fn width(&self) -> usize {
        self.column_count()
    }

    fn sql(&self) -> &str {
        Statement::sql(self)
    }
}

/// Rows of one statement, with their text and blobs in one piece of memory.
pub struct Buffer {
    columns: Arc<[String]>,
    sql: Arc<str>,
    cells: Vec<Cell>,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Cell {
    Null,
    Integer(i64),
    Real(f64),
    Text { start: usize, end: usize },
    Blob { start: usize, end: usize },
}

impl Buffer {
    /// A buffer for the rows of this statement, which must have columns.
    pub fn new(statement: &mut Statement) -> Self {
        let columns = Arc::clone(statement.columns());
        Buffer { columns, sql: Arc::clone(statement.sql()), cells: Vec::new(), bytes: Vec::new() }
    }

    /// Copy the statement's current row.
    pub fn push(&mut self, statement: &Statement) {
        for index in 0..self.columns.len() {
            let start = self.bytes.len();
            let mut copy = |data: &[u8]| {
                self.bytes.extend_from_slice(data);
                self.bytes.len()
            };
            self.cells.push(match statement.column(index) {
                ValueRef::Null => Cell::Null,
                ValueRef::Integer(value) => Cell::Integer(value),
                ValueRef::Real(value) => Cell::Real(value),
                ValueRef::Text(text) => Cell::Text { start, end: copy(text) },
                ValueRef::Blob(blob) => Cell::Blob { start, end: copy(blob) },
            });
        }
    }

    /// The names of the columns, in order.
    pub fn columns(&self) -> &Arc<[String]> {
        &self.columns
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.cells.len() / self.columns.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// # Errors
    /// [`Error::Value`] when a text is not UTF-8.
    pub fn ensure_utf8(&self) -> Result<()> {
        for number in 0..self.len() {
            let row = self.row(number);
            let is_broken = |index: &usize| match row.column(*index) {
                ValueRef::Text(text) => std::str::from_utf8(text).is_err(),
                _ => false,
            };
            if let Some(index) = (0..row.width()).find(is_broken) {
                return Err(row.not_utf8(index));
            }
        }
        Ok(())
    }

    /// A row (from 0).
    pub fn row(&self, number: usize) -> BufferedRow<'_> {
        let width = self.columns.len();
        BufferedRow { buffer: self, cells: &self.cells[number * width..(number + 1) * width] }
    }
}

/// One row of a [`Buffer`].
pub struct BufferedRow<'b> {
    buffer: &'b Buffer,
    cells: &'b [Cell],
}

impl Row for BufferedRow<'_> {
    fn column(&self, index: usize) -> ValueRef<'_> {
        match self.cells[index] {
            Cell::Null => ValueRef::Null,
            Cell::Integer(value) => ValueRef::Integer(value),
            Cell::Real(value) => ValueRef::Real(value),
            Cell::Text { start, end } => ValueRef::Text(&self.buffer.bytes[start..end]),
            Cell::Blob { start, end } => ValueRef::Blob(&self.buffer.bytes[start..end]),
        }
    }

    fn width(&self) -> usize {
        self.cells.len()
    }

    fn sql(&self) -> &str {
        &self.buffer.sql
    }
}

impl Connection {
    /// The rows of a statement that is bound, at most `limit`; one that writes is run to its end.
    ///
    /// # Errors
    /// [`Error::Misuse`] for a statement that gives no rows.
    pub fn fetch(&self, statement: &mut Statement, limit: usize) -> Result<Buffer> {
        if statement.column_count() == 0 {
            return Err(Error::Misuse("the statement gives no rows; run it with execute".into()));
        }
        let mut more = statement.step(self)?;
        // After the first step, so that a changed schema shows.
        let mut buffer = Buffer::new(statement);
        while more {
            let room = buffer.len() < limit;
            if room {
                buffer.push(statement);
            }
            // The commit comes with the last step.
            more = (room || !statement.is_readonly()) && statement.step(self)?;
        }
        Ok(buffer)
    }
}

impl Connection {
    /// Begin a query whose rows are read in pieces.
    ///
    /// # Errors
    /// [`Error::Misuse`] for a statement that writes or gives no rows.
    pub fn begin_rows(&self, sql: &str, parameters: &Parameters) -> Result<Statement> {
        let mut statement = self.statement(sql)?;
        if !statement.is_readonly() {
            return Err(Error::Misuse(
                "the statement writes, and iterate only reads; run writes with execute or fetch_all"
                    .into(),
            ));
        }
        parameters.bind(self, &mut statement)?;
        Ok(statement.keep())
    }

    /// The next rows, at most `limit` and not for long; whether there may be more.
    pub fn read_rows(
        &self,
        statement: &mut Statement,
        limit: usize,
        end: Instant,
    ) -> Result<(Buffer, bool)> {
        let mut more = statement.step(self)?;
        let mut buffer = Buffer::new(statement);
        while more {
            buffer.push(statement);
            if buffer.len() >= limit || (buffer.len().is_multiple_of(64) && Instant::now() >= end) {
                return Ok((buffer, true));
            }
            more = statement.step(self)?;
        }
        Ok((buffer, false))
    }
}
