//! The verbs of a database that read: each on a reader of its own.

use std::sync::Arc;

use pyo3::prelude::*;

use super::database::Database;
use super::gil::call;
use super::iterate::{Rows, Running, Source};
use super::verbs::{self, Query, Want};

impl Database {
    fn fetch<'py>(
        &self,
        py: Python<'py>,
        query: Query<'_, 'py>,
        want: Want<'_, 'py>,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        call(py, timeout, |gil, patience| {
            {
                let reader = self.engine().reader(patience)?;
                let _attention = reader.attend(patience);
                let mut statement = verbs::prepare(&reader, query.sql, gil)?;
                if statement.is_readonly() {
                    let parameters = query.parameters;
                    return verbs::fetch_from(py, &reader, gil, &mut statement, parameters, want);
                }
            }
            if let Some(rows) = self.share_fetch(py, gil, patience, query, want)? {
                return Ok(rows);
            }
            self.transact_under(gil, patience, |connection, gil| {
                verbs::fetch(py, connection, gil, query, want)
            })
        })
    }
}

#[pymethods]
impl Database {
    /// All rows.
    #[pyo3(signature = (sql, parameters=None, *, into=None, timeout=None))]
    fn fetch_all<'py>(
        &self,
        py: Python<'py>,
        sql: &str,
        parameters: Option<&Bound<'py, PyAny>>,
        into: Option<&Bound<'py, PyAny>>,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.fetch(py, Query { sql, parameters }, Want::All(into), timeout)
    }

    /// The first row, or None.
    #[pyo3(signature = (sql, parameters=None, *, into=None, timeout=None))]
    fn fetch_one<'py>(
        &self,
        py: Python<'py>,
        sql: &str,
        parameters: Option<&Bound<'py, PyAny>>,
        into: Option<&Bound<'py, PyAny>>,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.fetch(py, Query { sql, parameters }, Want::One(into), timeout)
    }

    /// The first column of the first row, or None.
    #[pyo3(signature = (sql, parameters=None, *, timeout=None))]
    fn fetch_value<'py>(
        &self,
        py: Python<'py>,
        sql: &str,
        parameters: Option<&Bound<'py, PyAny>>,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.fetch(py, Query { sql, parameters }, Want::Value, timeout)
    }

    /// Rows one by one, from one snapshot.
    #[pyo3(signature = (sql, parameters=None, *, into=None, timeout=None))]
    fn iterate(
        this: Py<Self>,
        py: Python<'_>,
        sql: &str,
        parameters: Option<&Bound<'_, PyAny>>,
        into: Option<&Bound<'_, PyAny>>,
        timeout: Option<f64>,
    ) -> PyResult<Rows> {
        call(py, timeout, |gil, patience| {
            let reader = this.get().engine().reader(patience)?;
            let running = {
                let _attention = reader.attend(patience);
                Running::new(&reader, gil, Query { sql, parameters }, into)?
            };
            let place = Arc::new(std::sync::Mutex::new(Some(running)));
            Ok(Rows::new(Source::Reader(reader, this.clone_ref(py)), place, timeout))
        })
    }
}
