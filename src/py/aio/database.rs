//! `AsyncDatabase`: the verbs of one statement, each in a transaction of its own.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::super::gil::seconds;
use super::super::insert::conflict_of;
use super::super::options;
use super::one_shot::OneShot;
use super::operation::Operation;
use super::upkeep::Upkeep;
use super::verb::{Extent, Verb};
use crate::{Conflict, Patience};

/// A handle on one SQLite file, for the tasks of event loops.
#[pyclass(module = "holdfast._core", frozen, subclass, weakref)]
pub(crate) struct AsyncDatabase {
    engine: Arc<crate::Database>,
}

impl AsyncDatabase {
    pub(super) fn engine(&self) -> &Arc<crate::Database> {
        &self.engine
    }

    fn operation(
        this: &Bound<'_, Self>,
        name: &'static str,
        verb: Verb,
        timeout: Option<f64>,
    ) -> PyResult<Operation> {
        let database = Arc::clone(&this.get().engine);
        let timeout = seconds(timeout).map_err(|failure| failure.into_py(this.py()))?;
        Ok(Operation::of(this, name, OneShot::new(database, verb, timeout)))
    }
}

impl Drop for AsyncDatabase {
    fn drop(&mut self) {
        // Whoever still writes may need the interpreter to finish.
        Python::attach(|py| py.detach(|| self.engine.close()));
    }
}

/// What was opened, on its way to an `AsyncDatabase`.
#[pyclass(module = "holdfast._core", frozen)]
pub(crate) struct Opened(Mutex<Option<crate::Database>>);

/// Open a file on a worker.
#[pyfunction]
pub(crate) fn open_later(
    py: Python<'_>,
    path: PathBuf,
    settings: &Bound<'_, PyDict>,
) -> PyResult<Operation> {
    super::super::start(py)?;
    let options = options::from_python(Some(settings)).map_err(|error| error.into_py(py))?;
    let open = move |patience: &Patience<'_>| crate::Database::open_under(&path, options, patience);
    let work = Upkeep::new(None, open, |py, database| {
        Ok(Py::new(py, Opened(Mutex::new(Some(database))))?.into_any())
    });
    Ok(Operation::new("open_async", work))
}

#[pymethods]
impl AsyncDatabase {
    #[new]
    fn new(opened: &Opened) -> PyResult<Self> {
        let engine = opened.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let engine = engine.ok_or_else(|| PyValueError::new_err("it was taken already"))?;
        Ok(AsyncDatabase { engine: Arc::new(engine) })
    }

    /// The file, absolute.
    #[getter]
    fn path(&self) -> &PathBuf {
        self.engine.path()
    }

    /// Whether this handle is closed.
    #[getter]
    fn closed(&self) -> bool {
        self.engine.is_closed()
    }

    /// Run one statement in its own transaction; gives the number of rows changed.
    #[pyo3(signature = (sql, parameters=None, *, timeout=None))]
    fn execute(
        this: &Bound<'_, Self>,
        sql: Py<PyString>,
        parameters: Option<Py<PyAny>>,
        timeout: Option<f64>,
    ) -> PyResult<Operation> {
        Self::operation(this, "execute", Verb::Execute { sql, parameters }, timeout)
    }

    /// Run several statements in one transaction.
    #[pyo3(signature = (sql, *, timeout=None))]
    fn execute_script(
        this: &Bound<'_, Self>,
        sql: Py<PyString>,
        timeout: Option<f64>,
    ) -> PyResult<Operation> {
        Self::operation(this, "execute_script", Verb::Script { sql }, timeout)
    }

    /// All rows.
    #[pyo3(signature = (sql, parameters=None, *, into=None, timeout=None))]
    fn fetch_all(
        this: &Bound<'_, Self>,
        sql: Py<PyString>,
        parameters: Option<Py<PyAny>>,
        into: Option<Py<PyAny>>,
        timeout: Option<f64>,
    ) -> PyResult<Operation> {
        let extent = Extent::All;
        Self::operation(this, "fetch_all", Verb::Fetch { sql, parameters, extent, into }, timeout)
    }

    /// The first row, or None.
    #[pyo3(signature = (sql, parameters=None, *, into=None, timeout=None))]
    fn fetch_one(
        this: &Bound<'_, Self>,
        sql: Py<PyString>,
        parameters: Option<Py<PyAny>>,
        into: Option<Py<PyAny>>,
        timeout: Option<f64>,
    ) -> PyResult<Operation> {
        let extent = Extent::One;
        Self::operation(this, "fetch_one", Verb::Fetch { sql, parameters, extent, into }, timeout)
    }

    /// The first column of the first row, or None.
    #[pyo3(signature = (sql, parameters=None, *, timeout=None))]
    fn fetch_value(
        this: &Bound<'_, Self>,
        sql: Py<PyString>,
        parameters: Option<Py<PyAny>>,
        timeout: Option<f64>,
    ) -> PyResult<Operation> {
        let (extent, into) = (Extent::Value, None);
        Self::operation(this, "fetch_value", Verb::Fetch { sql, parameters, extent, into }, timeout)
    }

    /// Insert one row; gives its row id.
    #[pyo3(signature = (table, row, *, timeout=None))]
    fn insert(
        this: &Bound<'_, Self>,
        table: String,
        row: Py<PyAny>,
        timeout: Option<f64>,
    ) -> PyResult<Operation> {
        Self::operation(
            this,
            "insert",
            Verb::Insert { table, row, conflict: Conflict::Fail },
            timeout,
        )
    }

    /// Insert one row or update the one with the same key; gives its row id.
    #[pyo3(signature = (table, row, *, key, update=None, do_nothing=false, timeout=None))]
    #[allow(clippy::too_many_arguments)]
    fn upsert(
        this: &Bound<'_, Self>,
        table: String,
        row: Py<PyAny>,
        key: &Bound<'_, PyAny>,
        update: Option<&Bound<'_, PyAny>>,
        do_nothing: bool,
        timeout: Option<f64>,
    ) -> PyResult<Operation> {
        let conflict =
            conflict_of(key, update, do_nothing).map_err(|error| error.into_py(this.py()))?;
        Self::operation(this, "upsert", Verb::Insert { table, row, conflict }, timeout)
    }

    fn __repr__(&self) -> String {
        let state = if self.engine.is_closed() { ", closed" } else { "" };
        format!("<holdfast.AsyncDatabase {:?}{state}>", self.engine.path())
    }
}
