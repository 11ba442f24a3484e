//! From a text to a statement.

use std::cell::{Cell, OnceCell};
use std::ffi::{c_char, c_int, c_uint};
use std::ptr::NonNull;

use rusqlite::ffi;

use super::Statement;
use super::pace::Pace;
use crate::connection::Connection;
use crate::error::{Error, Result, summary};

impl Statement {
    pub(super) fn prepare(connection: &Connection, sql: &str) -> Result<Self> {
        let (statement, rest) = Self::first(connection, sql, ffi::SQLITE_PREPARE_PERSISTENT)?;
        let Some(mut statement) = statement else {
            return Err(Error::Misuse(format!("there is no statement in {:?}", summary(sql))));
        };
        if crate::sql::has_statement(rest) {
            return Err(Error::Misuse(
                "there is more than one statement; run several with execute_script".into(),
            ));
        }
        if !rest.is_empty() {
            statement.sql = sql.into();
        }
        Ok(statement)
    }

    /// Prepare the first statement of a text, if there is one; gives it and the rest of the text.
    pub(super) fn first<'s>(
        connection: &Connection,
        sql: &'s str,
        flags: c_uint,
    ) -> Result<(Option<Self>, &'s str)> {
        let mut raw = std::ptr::null_mut();
        let mut tail: *const c_char = std::ptr::null();
        let length = c_int::try_from(sql.len())
            .map_err(|_| Error::Value("the statement is longer than 2 GiB".into()))?;
        let mut prepare = || {
            let text = sql.as_ptr().cast();
            // SAFETY: the connection is open; the pointers are valid for the call.
            unsafe {
                let db = connection.handle();
                ffi::sqlite3_prepare_v3(db, text, length, flags, &mut raw, &mut tail)
            }
        };
        let mut rc = prepare();
        if rc == ffi::SQLITE_ERROR && connection.is_idle() {
            // Without a WAL SQLite takes an old schema for the present one while it is locked out.
            let before = connection.error(rc, Some(crate::sql::first_statement(sql)));
            connection.look_at_schema()?;
            rc = prepare();
            if rc == ffi::SQLITE_ERROR {
                return Err(before);
            }
        }
        if rc != ffi::SQLITE_OK {
            return Err(connection.error(rc, Some(crate::sql::first_statement(sql))));
        }
        let (text, rest) = sql.split_at(tail as usize - sql.as_ptr() as usize);
        let Some(raw) = NonNull::new(raw) else { return Ok((None, rest)) };
        // SAFETY: `raw` is a valid statement.
        let statement = unsafe {
            Statement {
                raw,
                sql: text.into(),
                parameters: ffi::sqlite3_bind_parameter_count(raw.as_ptr()) as usize,
                readonly: ffi::sqlite3_stmt_readonly(raw.as_ptr()) != 0,
                pace: Pace::default(),
                columns: OnceCell::new(),
                prepared: Cell::new(0),
                dirty: false,
                place: 0,
            }
        };
        Ok((Some(statement), rest))
    }
}
