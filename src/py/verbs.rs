//! The verbs that databases, transactions and snapshots share.

use pyo3::prelude::*;
use pyo3::types::PyList;

use super::error::{Failure, misuse};
use super::gil::Gil;
use super::rows::{Shape, value};
use super::values::bind;
use crate::{Caller, Connection, Lease, Statement};

/// Rows between two looks at the clock.
pub(super) const BREATH: usize = 256;

/// A statement and its parameters, as Python gives them.
#[derive(Clone, Copy)]
pub(crate) struct Query<'a, 'py> {
    pub(crate) sql: &'a str,
    pub(crate) parameters: Option<&'a Bound<'py, PyAny>>,
}

/// How much of the result is wanted.
#[derive(Clone, Copy)]
pub(crate) enum Want<'a, 'py> {
    All(Option<&'a Bound<'py, PyAny>>),
    One(Option<&'a Bound<'py, PyAny>>),
    Value,
}

/// Prepare, and hold the interpreter: it may have been let go of in a wait for the schema.
pub(crate) fn prepare<'c>(
    connection: &'c Connection,
    sql: &str,
    gil: &Gil,
) -> Result<Lease<'c>, Failure> {
    let statement = connection.statement(sql);
    gil.retake();
    Ok(statement?)
}

/// Step, and hold the interpreter again.
pub(crate) fn step(
    connection: &Connection,
    statement: &mut Statement,
    gil: &Gil,
) -> Result<bool, Failure> {
    if statement.is_long(connection) {
        gil.take_long()?;
    }
    let more = statement.step(connection);
    gil.retake();
    Ok(more?)
}

/// Before a write on an event loop's thread: inside a transaction it cannot be ended half way
/// without all that was before it, so it must be known to be short.
pub(crate) fn ensure_brief(
    connection: &Connection,
    statement: &Statement,
    gil: &Gil,
) -> Result<(), Failure> {
    if !gil.is_brief() || statement.is_readonly() || connection.is_idle() {
        return Ok(());
    }
    if !statement.is_bounded(connection) {
        return gil.take_long();
    }
    gil.see_through();
    Ok(())
}

/// Rows changed by one statement.
pub(crate) fn execute(
    connection: &Connection,
    gil: &Gil,
    query: Query<'_, '_>,
) -> Result<u64, Failure> {
    let before = connection.total_changes();
    let mut statement = prepare(connection, query.sql, gil)?;
    // Declared later, dropped earlier: the statement must forget the buffers first.
    if statement.is_readonly() && statement.column_count() > 0 {
        return Err(misuse("the statement only reads; get its rows with fetch_all or iterate"));
    }
    ensure_brief(connection, &statement, gil)?;
    let kept = bind(connection, &mut statement, query.parameters)?;
    if connection.syncs_on_commit() && connection.is_idle() {
        gil.release();
    }
    let mut rows = 0_usize;
    while step(connection, &mut statement, gil)? {
        rows += 1;
        if rows.is_multiple_of(BREATH) {
            gil.breathe()?;
        }
    }
    statement.reset();
    drop(kept);
    Ok(if connection.total_changes() == before { 0 } else { connection.changes() })
}

/// Rows changed by one statement, run for each row of parameters.
pub(crate) fn execute_many(
    connection: &Connection,
    gil: &Gil,
    sql: &str,
    rows: &Bound<'_, PyAny>,
) -> Result<u64, Failure> {
    let mut statement = prepare(connection, sql, gil)?;
    if statement.is_readonly() {
        return Err(misuse("execute_many is for writes; this statement only reads"));
    }
    let mut changed = 0;
    for (number, row) in rows.try_iter()?.enumerate() {
        let row = row?;
        let kept = bind(connection, &mut statement, Some(&row)).map_err(|error| at(number, error));
        let kept = kept?;
        // What made the row may have ended the transaction.
        connection.still()?;
        let before = connection.total_changes();
        while step(connection, &mut statement, gil).map_err(|error| at(number, error))? {}
        if connection.total_changes() != before {
            changed += connection.changes();
        }
        statement.rewind();
        drop(kept);
        if (number + 1).is_multiple_of(BREATH) {
            gil.breathe()?;
        }
    }
    Ok(changed)
}

/// Name the row (from 0) that is at fault.
pub(crate) fn at(number: usize, failure: Failure) -> Failure {
    match failure {
        Failure::Engine(error) => Failure::Engine(error.at_row(number)),
        python => python,
    }
}

/// Rows of a statement, as `want` asks.
pub(crate) fn fetch<'py>(
    py: Python<'py>,
    connection: &Connection,
    gil: &Gil,
    query: Query<'_, 'py>,
    want: Want<'_, 'py>,
) -> Result<Bound<'py, PyAny>, Failure> {
    let mut statement = prepare(connection, query.sql, gil)?;
    fetch_from(py, connection, gil, &mut statement, query.parameters, want)
}

/// [`fetch`] from a statement that is at hand.
pub(crate) fn fetch_from<'py>(
    py: Python<'py>,
    connection: &Connection,
    gil: &Gil,
    statement: &mut Statement,
    parameters: Option<&Bound<'py, PyAny>>,
    want: Want<'_, 'py>,
) -> Result<Bound<'py, PyAny>, Failure> {
    ensure_brief(connection, statement, gil)?;
    let kept = bind(connection, statement, parameters)?;
    if statement.column_count() == 0 {
        return Err(misuse("the statement gives no rows; run it with execute"));
    }
    let result = rows_of(py, connection, gil, statement, want);
    statement.reset();
    drop(kept);
    result
}

fn rows_of<'py>(
    py: Python<'py>,
    connection: &Connection,
    gil: &Gil,
    statement: &mut Statement,
    want: Want<'_, 'py>,
) -> Result<Bound<'py, PyAny>, Failure> {
    let more = step(connection, statement, gil)?;
    let into = match want {
        Want::Value if more => return value(py, statement, 0),
        Want::Value => return Ok(py.None().into_bound(py)),
        Want::All(into) | Want::One(into) => into,
    };
    // After the first step, so that a changed schema shows.
    let shape = Shape::new(py, statement, into)?;
    if let Want::One(_) = want {
        return if more { shape.row(py, statement) } else { Ok(py.None().into_bound(py)) };
    }
    let list = PyList::empty(py);
    let mut more = more;
    while more {
        list.append(shape.row(py, statement)?)?;
        if list.len().is_multiple_of(BREATH) {
            gil.breathe()?;
        }
        more = step(connection, statement, gil)?;
    }
    Ok(list.into_any())
}
