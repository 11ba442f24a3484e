//! `Database` of the Python face.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::gil::{call, call_detached};
use super::session::Snapshot;
use super::transaction::Transaction;
use super::{options, report};
use crate::{Error, Mode};

/// A handle on one SQLite file.
#[pyclass(module = "holdfast._core", frozen, subclass, weakref)]
pub(crate) struct Database {
    engine: Arc<crate::Database>,
}

impl Database {
    pub(crate) fn engine(&self) -> &Arc<crate::Database> {
        &self.engine
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // Whoever still writes may need the interpreter to finish.
        Python::attach(|py| py.detach(|| self.engine.close()));
    }
}

/// A coroutine or generator has not run yet: committing now would commit nothing of it.
fn plain_result(value: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    // The module `inspect` asks the same, and takes longer to import than most functions run.
    let types = value.py().import("types")?;
    for lazy in ["CoroutineType", "GeneratorType", "AsyncGeneratorType"] {
        if value.is_instance(&types.getattr(lazy)?)? {
            return Err(PyTypeError::new_err(
                "run takes a function that does its work before it returns, not a coroutine or \
                 generator function",
            ));
        }
    }
    Ok(value)
}

#[pymethods]
impl Database {
    #[new]
    #[pyo3(signature = (path, **settings))]
    fn new(py: Python<'_>, path: PathBuf, settings: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        super::start(py)?;
        let options = options::from_python(settings).map_err(|error| error.into_py(py))?;
        let engine = call_detached(py, None, |patience| {
            crate::Database::open_under(&path, options, patience)
        })?;
        Ok(Database { engine: Arc::new(engine) })
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

    /// The pragmas as they were verified.
    #[pyo3(signature = (*, timeout=None))]
    fn pragmas<'py>(&self, py: Python<'py>, timeout: Option<f64>) -> PyResult<Bound<'py, PyDict>> {
        let pragmas = call_detached(py, timeout, |patience| self.engine.pragmas_with(patience))?;
        report::pragmas(py, pragmas)
    }

    /// Begin a transaction in a with block.
    #[pyo3(signature = (mode="immediate", *, timeout=None))]
    fn transaction(
        this: Py<Self>,
        py: Python<'_>,
        mode: &str,
        timeout: Option<f64>,
    ) -> PyResult<Py<Transaction>> {
        let mode = call(py, None, |_, _| Ok(mode.parse()?))?;
        Py::new(py, Transaction::new(this, mode, timeout, true))
    }

    /// Fix a moment for several reads in a with block.
    #[pyo3(signature = (*, timeout=None))]
    fn snapshot(this: Py<Self>, py: Python<'_>, timeout: Option<f64>) -> PyResult<Py<Snapshot>> {
        Py::new(py, Snapshot::new(this, timeout))
    }

    /// Run a function in a transaction, all of it again on a retryable error.
    #[pyo3(signature = (function, *arguments, timeout=None, **keywords))]
    fn run<'py>(
        this: Py<Self>,
        py: Python<'py>,
        function: &Bound<'py, PyAny>,
        arguments: &Bound<'py, pyo3::types::PyTuple>,
        timeout: Option<f64>,
        keywords: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        call(py, timeout, |gil, patience| {
            this.get().engine.retrying(patience, || {
                gil.retake();
                let begun = Transaction::new(this.clone_ref(py), Mode::Immediate, None, false);
                let transaction = Py::new(py, begun)?;
                transaction.get().begin(gil, patience)?;
                let mut all = vec![transaction.clone_ref(py).into_any().into_bound(py)];
                all.extend(arguments.iter());
                let result = function.call(pyo3::types::PyTuple::new(py, all)?, keywords);
                match result.and_then(plain_result) {
                    Ok(_) if patience.is_over() => {
                        transaction.get().end(py, false)?;
                        Err(Error::Timeout(patience.limit().unwrap_or_default()).into())
                    }
                    Ok(value) => transaction.get().end(py, true).map(|()| value),
                    Err(error) => {
                        // The function's own error matters more than that of the rollback.
                        if let Err(failed) = transaction.get().end(py, false) {
                            log::warn!(target: "holdfast::transaction", "a rollback failed: {failed}");
                        }
                        Err(error.into())
                    }
                }
            })
        })
    }

    /// Close this handle; the last one of the process closes the file.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        call_detached(py, None, |patience| {
            self.engine.close_with(patience);
            Ok(())
        })
    }

    fn __enter__(this: Py<Self>) -> Py<Self> {
        this
    }

    #[pyo3(signature = (*_details))]
    fn __exit__(&self, py: Python<'_>, _details: &Bound<'_, pyo3::types::PyTuple>) -> PyResult<()> {
        self.close(py)
    }

    fn __repr__(&self) -> String {
        let state = if self.engine.is_closed() { ", closed" } else { "" };
        format!("<holdfast.Database {:?}{state}>", self.engine.path())
    }
}
