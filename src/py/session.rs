//! The verbs that read, of transactions and snapshots alike; and the snapshot's with block.

use std::sync::Arc;

use pyo3::prelude::*;

use super::database::Database;
use super::error::Failure;
use super::gil::{Gil, call};
use super::iterate::{Rows, Source};
use super::scope::{Held, Scope, finish};
use super::verbs::{self, Query, Want};
use crate::Connection;

/// Run a verb on the connection of a scope.
pub(crate) fn on<T>(
    py: Python<'_>,
    scope: &Scope,
    timeout: Option<f64>,
    verb: impl FnOnce(&Connection, &Gil) -> Result<T, Failure>,
) -> PyResult<T> {
    call(py, timeout, |gil, patience| {
        let connection = scope.enter()?;
        let patience = scope.patience(patience);
        let _attention = connection.attend(&patience);
        verb(&connection, gil)
    })
}

fn fetch<'py>(
    py: Python<'py>,
    scope: &Scope,
    query: Query<'_, 'py>,
    want: Want<'_, 'py>,
    timeout: Option<f64>,
) -> PyResult<Bound<'py, PyAny>> {
    on(py, scope, timeout, |connection, gil| verbs::fetch(py, connection, gil, query, want))
}

/// What a transaction and a snapshot have in common.
#[pyclass(module = "holdfast._core", frozen, subclass)]
pub(crate) struct Session {
    pub(crate) scope: Arc<Scope>,
}

#[pymethods]
impl Session {
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
        fetch(py, &self.scope, Query { sql, parameters }, Want::All(into), timeout)
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
        fetch(py, &self.scope, Query { sql, parameters }, Want::One(into), timeout)
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
        fetch(py, &self.scope, Query { sql, parameters }, Want::Value, timeout)
    }

    /// Rows one by one.
    #[pyo3(signature = (sql, parameters=None, *, into=None, timeout=None))]
    fn iterate(
        &self,
        py: Python<'_>,
        sql: &str,
        parameters: Option<&Bound<'_, PyAny>>,
        into: Option<&Bound<'_, PyAny>>,
        timeout: Option<f64>,
    ) -> PyResult<Rows> {
        let query = Query { sql, parameters };
        let place = on(py, &self.scope, timeout, |connection, gil| {
            self.scope.iterate(connection, gil, query, into)
        })?;
        Ok(Rows::new(Source::Scope(Arc::clone(&self.scope)), place, timeout))
    }
}

/// Several reads at one moment in time.
#[pyclass(module = "holdfast._core", frozen, extends = Session)]
pub(crate) struct Snapshot {
    scope: Arc<Scope>,
    timeout: Option<f64>,
}

impl Snapshot {
    pub(crate) fn new(database: Py<Database>, timeout: Option<f64>) -> PyClassInitializer<Self> {
        let scope = Scope::new("snapshot", database);
        let base = Session { scope: Arc::clone(&scope) };
        PyClassInitializer::from(base).add_subclass(Snapshot { scope, timeout })
    }
}

#[pymethods]
impl Snapshot {
    fn __enter__(this: Py<Self>, py: Python<'_>) -> PyResult<Py<Self>> {
        let snapshot = this.get();
        call(py, snapshot.timeout, |gil, patience| {
            snapshot.scope.begin(|| {
                let begun = snapshot.scope.database().engine().snapshot(patience);
                gil.retake();
                Ok(Held::Snapshot(begun?))
            })
        })?;
        Ok(this)
    }

    #[pyo3(signature = (*_details))]
    fn __exit__(
        &self,
        py: Python<'_>,
        _details: &Bound<'_, pyo3::types::PyTuple>,
    ) -> PyResult<bool> {
        call(py, None, |_, patience| finish(self.scope.take()?, true, patience))?;
        Ok(false)
    }
}
