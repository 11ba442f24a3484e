//! Writes that may share a commit with others: they give their values away before they wait.

use pyo3::prelude::*;
use pyo3::types::PyList;

use super::database::Database;
use super::error::Failure;
use super::gil::Gil;
use super::owned;
use super::rows::{Shape, value};
use super::verbs::{Query, Want};
use crate::{Buffer, Caller, Conflict, Connection, Patience};

impl Database {
    /// Run work that owns its values, where it can share a commit with others that write now;
    /// `None` where it would be alone.
    fn share<T, W>(
        &self,
        gil: &Gil,
        patience: &Patience<'_>,
        own: impl FnOnce() -> Result<W, Failure>,
    ) -> Result<Option<T>, Failure>
    where
        T: Send + 'static,
        W: FnMut(&Connection) -> crate::Result<T> + Send + 'static,
    {
        let engine = self.engine();
        if !engine.would_share(patience)? {
            return Ok(None);
        }
        let work = own()?;
        gil.release();
        let result = engine.write_shared(patience, work);
        gil.retake();
        Ok(Some(result?))
    }

    /// One statement; gives the number of rows changed.
    pub(super) fn share_execute(
        &self,
        gil: &Gil,
        patience: &Patience<'_>,
        query: Query<'_, '_>,
    ) -> Result<Option<u64>, Failure> {
        self.share(gil, patience, || {
            let (sql, parameters) =
                (query.sql.to_owned(), owned::parameters(query.sql, query.parameters)?);
            Ok(move |connection: &Connection| connection.execute_owned(&sql, &parameters))
        })
    }

    /// One row; gives its row id.
    pub(super) fn share_insert(
        &self,
        gil: &Gil,
        patience: &Patience<'_>,
        table: &str,
        row: &Bound<'_, PyAny>,
        conflict: &Conflict,
    ) -> Result<Option<Option<i64>>, Failure> {
        self.share(gil, patience, || {
            let batch = owned::row(table, row, conflict)?;
            let one = matches!(batch.conflict, Conflict::Fail);
            let write = move |connection: &Connection| batch.write(connection).map(|(id, _)| id);
            Ok(move |connection: &Connection| match one {
                true => write(connection),
                false => connection.whole(&write),
            })
        })
    }

    /// A statement that writes and gives rows.
    pub(super) fn share_fetch<'py>(
        &self,
        py: Python<'py>,
        gil: &Gil,
        patience: &Patience<'_>,
        query: Query<'_, 'py>,
        want: Want<'_, 'py>,
    ) -> Result<Option<Bound<'py, PyAny>>, Failure> {
        let limit = match want {
            // A row that does not fit undoes the write, so it is made before the commit.
            Want::All(Some(into)) | Want::One(Some(into)) if !into.is_none() => return Ok(None),
            Want::All(_) => usize::MAX,
            _ => 1,
        };
        let rows = self.share(gil, patience, || {
            let (sql, parameters) =
                (query.sql.to_owned(), owned::parameters(query.sql, query.parameters)?);
            let fetch = move |connection: &Connection| {
                let mut statement = connection.statement(&sql)?;
                parameters.bind(connection, &mut statement)?;
                let rows = connection.fetch(&mut statement, limit)?;
                rows.ensure_utf8()?;
                Ok(rows)
            };
            Ok(move |connection: &Connection| connection.whole(&fetch))
        })?;
        rows.map(|rows| given(py, &rows, want)).transpose()
    }
}

fn given<'py>(
    py: Python<'py>,
    rows: &Buffer,
    want: Want<'_, 'py>,
) -> Result<Bound<'py, PyAny>, Failure> {
    let shape = Shape::of(py, rows.columns(), None)?;
    match want {
        Want::All(_) => {
            let all = (0..rows.len()).map(|number| shape.row(py, &rows.row(number)));
            let list = PyList::empty(py);
            for row in all {
                list.append(row?)?;
            }
            Ok(list.into_any())
        }
        _ if rows.is_empty() => Ok(py.None().into_bound(py)),
        Want::One(_) => shape.row(py, &rows.row(0)),
        Want::Value => value(py, &rows.row(0), 0),
    }
}
