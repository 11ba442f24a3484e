//! Prepared statements: the cache of a connection, binding, stepping.

mod cache;
mod pace;
mod prepare;
mod script;

use std::cell::{Cell, OnceCell};
use std::ffi::{CStr, c_int};
use std::ptr::NonNull;
use std::sync::Arc;

use rusqlite::ffi;
use rusqlite::types::{Value, ValueRef};

use crate::buffer::Row;
use crate::connection::Connection;
use crate::error::{Error, Result, summary};
pub(crate) use cache::Cache;
use pace::Pace;

const REPREPARED: c_int = ffi::SQLITE_STMTSTATUS_REPREPARE;

/// A prepared statement, taken out of its connection's cache.
///
/// A [`Lease`] puts it back.
pub struct Statement {
    raw: NonNull<ffi::sqlite3_stmt>,
    sql: Arc<str>,
    parameters: usize,
    readonly: bool,
    pace: Pace,
    columns: OnceCell<Arc<[String]>>,
    prepared: Cell<c_int>,
    /// Whether it has run or was bound since the last reset.
    dirty: bool,
    /// Where it lies in the cache.
    place: usize,
}

// SAFETY: a statement is used by one thread at a time, like the connection that it belongs to.
unsafe impl Send for Statement {}

impl Statement {
    /// The text that it was prepared from.
    pub fn sql(&self) -> &Arc<str> {
        &self.sql
    }

    /// Whether it leaves the file as it is.
    pub fn is_readonly(&self) -> bool {
        self.readonly
    }

    /// The number of parameters; a `:name` that is used twice counts once.
    pub fn parameter_count(&self) -> usize {
        self.parameters
    }

    /// The name of a parameter (from 1), without its sign; `None` for `?` and `?1`.
    pub fn parameter_name(&self, index: usize) -> Option<&str> {
        // SAFETY: the name lives as long as the statement; SQL is UTF-8.
        unsafe {
            let name = ffi::sqlite3_bind_parameter_name(self.raw.as_ptr(), index as c_int);
            let name = (!name.is_null()).then(|| CStr::from_ptr(name))?.to_str().ok()?;
            name.strip_prefix([':', '@', '$'])
        }
    }

    /// The number of columns of a row; 0 for a statement that gives none.
    pub fn column_count(&self) -> usize {
        // SAFETY: the statement is valid.
        unsafe { ffi::sqlite3_column_count(self.raw.as_ptr()) as usize }
    }

    /// The names of the columns, in order.
    pub fn columns(&mut self) -> &Arc<[String]> {
        self.forget_old_plan();
        // SAFETY: the statement is valid; column names are UTF-8 that lives until the next step.
        unsafe {
            let raw = self.raw.as_ptr();
            self.columns.get_or_init(|| {
                (0..ffi::sqlite3_column_count(raw))
                    .map(|i| {
                        let name = ffi::sqlite3_column_name(raw, i);
                        if name.is_null() {
                            return String::new();
                        }
                        CStr::from_ptr(name).to_string_lossy().into_owned()
                    })
                    .collect()
            })
        }
    }

    /// Bind a value to a parameter (from 1); SQLite copies it.
    pub fn bind(
        &mut self,
        connection: &Connection,
        index: usize,
        value: ValueRef<'_>,
    ) -> Result<()> {
        // SAFETY: SQLite copies the value before it returns.
        unsafe { self.bind_as(connection, index, value, ffi::SQLITE_TRANSIENT()) }
    }

    /// Bind a value without a copy.
    ///
    /// # Safety
    /// The value must stay as it is until [`Statement::reset`], another bind or the drop.
    #[inline]
    pub unsafe fn bind_borrowed(
        &mut self,
        connection: &Connection,
        index: usize,
        value: ValueRef<'_>,
    ) -> Result<()> {
        // SAFETY: the caller keeps the value.
        unsafe { self.bind_as(connection, index, value, ffi::SQLITE_STATIC()) }
    }

    #[inline]
    unsafe fn bind_as(
        &mut self,
        connection: &Connection,
        index: usize,
        value: ValueRef<'_>,
        keep: ffi::sqlite3_destructor_type,
    ) -> Result<()> {
        self.dirty = true;
        let raw = self.raw.as_ptr();
        let i = index as c_int;
        // SAFETY: the statement is valid; pointers and lengths belong together.
        let rc = unsafe {
            match value {
                ValueRef::Null => ffi::sqlite3_bind_null(raw, i),
                ValueRef::Integer(v) => ffi::sqlite3_bind_int64(raw, i, v),
                ValueRef::Real(v) => ffi::sqlite3_bind_double(raw, i, v),
                ValueRef::Text(v) => {
                    let utf8 = ffi::SQLITE_UTF8 as u8;
                    ffi::sqlite3_bind_text64(raw, i, v.as_ptr().cast(), v.len() as u64, keep, utf8)
                }
                ValueRef::Blob([]) => ffi::sqlite3_bind_zeroblob(raw, i, 0),
                ValueRef::Blob(v) => {
                    ffi::sqlite3_bind_blob64(raw, i, v.as_ptr().cast(), v.len() as u64, keep)
                }
            }
        };
        if rc == ffi::SQLITE_OK { Ok(()) } else { Err(connection.error(rc, Some(&self.sql))) }
    }

    /// Bind values to the parameters in order.
    ///
    /// # Errors
    /// [`Error::Parameter`] when there are too few or too many.
    pub fn bind_all<'v>(
        &mut self,
        connection: &Connection,
        values: impl IntoIterator<Item = ValueRef<'v>>,
    ) -> Result<()> {
        let mut count = 0;
        for value in values {
            count += 1;
            if count <= self.parameters {
                self.bind(connection, count, value)?;
            }
        }
        if count == self.parameters { Ok(()) } else { Err(self.wrong_count(count)) }
    }

    /// The error for a wrong number of parameters.
    pub fn wrong_count(&self, given: usize) -> Error {
        let sql = summary(&self.sql);
        Error::Parameter(format!(
            "the statement takes {} parameters, {given} were given (in: {sql})",
            self.parameters
        ))
    }

    /// Go to the next row; `false` when there is none.
    #[inline]
    pub fn step(&mut self, connection: &Connection) -> Result<bool> {
        let watch = connection.watch();
        watch.begin()?;
        let clock = self.pace.clock();
        self.dirty = true;
        // SAFETY: the statement is valid.
        let more = match unsafe { ffi::sqlite3_step(self.raw.as_ptr()) } {
            ffi::SQLITE_ROW => true,
            ffi::SQLITE_DONE => false,
            rc => {
                return Err(connection.error(rc, Some(&self.sql)).without_values(self.parameters));
            }
        };
        self.pace.learn(clock.map_or_else(|| watch.ran(), |begun| begun.elapsed()));
        Ok(more)
    }

    /// Run it to its end, past any rows.
    pub fn run(&mut self, connection: &Connection) -> Result<()> {
        while self.step(connection)? {}
        Ok(())
    }

    /// A column of the current row (from 0).
    #[inline]
    pub fn column(&self, index: usize) -> ValueRef<'_> {
        let raw = self.raw.as_ptr();
        let i = index as c_int;
        // SAFETY: the value lives until the next step or reset, which take `&mut self`.
        // One look at the column instead of two or three; nobody else uses the connection.
        unsafe {
            let value = ffi::sqlite3_column_value(raw, i);
            match ffi::sqlite3_value_type(value) {
                ffi::SQLITE_INTEGER => ValueRef::Integer(ffi::sqlite3_value_int64(value)),
                ffi::SQLITE_FLOAT => ValueRef::Real(ffi::sqlite3_value_double(value)),
                ffi::SQLITE_TEXT => {
                    let text = ffi::sqlite3_value_text(value);
                    ValueRef::Text(slice(text, ffi::sqlite3_value_bytes(value)))
                }
                ffi::SQLITE_BLOB => {
                    let blob = ffi::sqlite3_value_blob(value).cast();
                    ValueRef::Blob(slice(blob, ffi::sqlite3_value_bytes(value)))
                }
                _ => ValueRef::Null,
            }
        }
    }

    /// The current row, copied.
    ///
    /// # Errors
    /// [`Error::Value`] for text that is not UTF-8.
    pub fn row(&self) -> Result<Vec<Value>> {
        (0..self.column_count())
            .map(|i| Value::try_from(self.column(i)).map_err(|_| Row::not_utf8(self, i)))
            .collect()
    }

    /// End the run; the parameters stay.
    #[inline]
    pub fn rewind(&mut self) {
        self.pace.ended();
        // SAFETY: the statement is valid; the result repeats the last step's, already reported.
        unsafe { ffi::sqlite3_reset(self.raw.as_ptr()) };
    }

    /// End the run and forget the parameters.
    #[inline]
    pub fn reset(&mut self) {
        if !std::mem::take(&mut self.dirty) {
            return;
        }
        self.rewind();
        self.forget_old_plan();
        // SAFETY: the statement is valid.
        unsafe {
            if self.parameters > 0 {
                ffi::sqlite3_clear_bindings(self.raw.as_ptr());
            }
        }
    }
}

impl Statement {
    /// SQLite prepares it anew when the schema has changed.
    #[inline]
    fn forget_old_plan(&mut self) {
        let raw = self.raw.as_ptr();
        // SAFETY: the statement is valid.
        let prepared = unsafe { ffi::sqlite3_stmt_status(raw, REPREPARED, 0) };
        if prepared != self.prepared.replace(prepared) {
            self.columns.take();
            self.pace.replanned();
        }
    }
}

unsafe fn slice<'a>(data: *const u8, length: c_int) -> &'a [u8] {
    if data.is_null() {
        return &[];
    }
    // SAFETY: SQLite reports pointer and length of one value.
    unsafe { std::slice::from_raw_parts(data, length as usize) }
}

impl Drop for Statement {
    fn drop(&mut self) {
        // SAFETY: nobody else has the pointer; its connection is still open.
        unsafe { ffi::sqlite3_finalize(self.raw.as_ptr()) };
    }
}

impl Connection {
    /// Take a statement out of the cache, or prepare it. It stays with the thread that uses the
    /// connection, and goes before it does.
    pub(crate) fn take(&self, sql: &str) -> Result<Statement> {
        self.watch().begin()?;
        let statement = match self.cache().take(sql) {
            Some(statement) => statement,
            None => Statement::prepare(self, sql)?,
        };
        self.note(&statement.sql);
        Ok(statement)
    }

    /// Put a statement back, reset.
    pub(crate) fn give_back(&self, mut statement: Statement) {
        statement.reset();
        self.cache().put(statement);
    }

    /// A statement that goes back by itself.
    pub fn statement(&self, sql: &str) -> Result<Lease<'_>> {
        Ok(Lease { statement: Some(self.take(sql)?), connection: self })
    }
}

/// A statement that goes back to its connection's cache when dropped.
pub struct Lease<'c> {
    statement: Option<Statement>,
    connection: &'c Connection,
}

impl Lease<'_> {
    /// Keep the statement for longer than the loan; it must be given back.
    pub(crate) fn keep(mut self) -> Statement {
        self.statement.take().expect("present until the drop")
    }
}

impl std::ops::Deref for Lease<'_> {
    type Target = Statement;

    fn deref(&self) -> &Statement {
        self.statement.as_ref().expect("present until the drop")
    }
}

impl std::ops::DerefMut for Lease<'_> {
    fn deref_mut(&mut self) -> &mut Statement {
        self.statement.as_mut().expect("present until the drop")
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if let Some(statement) = self.statement.take() {
            self.connection.give_back(statement);
        }
    }
}

impl Connection {
    /// Run one statement to its end; gives the number of rows changed.
    pub fn execute(&self, sql: &str, parameters: &[Value]) -> Result<u64> {
        let before = self.total_changes();
        let mut statement = self.statement(sql)?;
        statement.bind_all(self, parameters.iter().map(ValueRef::from))?;
        statement.run(self)?;
        Ok(if self.total_changes() == before { 0 } else { self.changes() })
    }

    /// All rows of a statement.
    pub fn query(&self, sql: &str, parameters: &[Value]) -> Result<Vec<Vec<Value>>> {
        let mut statement = self.statement(sql)?;
        statement.bind_all(self, parameters.iter().map(ValueRef::from))?;
        let mut rows = Vec::new();
        while statement.step(self)? {
            rows.push(statement.row()?);
        }
        Ok(rows)
    }
}
