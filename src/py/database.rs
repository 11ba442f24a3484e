//! `Database` of the Python face.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::error::Failure;
use super::gil::{Gil, call, call_detached};
use super::insert::{self, Conflict};
use super::iterate::{Rows, Running, Source};
use super::session::Snapshot;
use super::transaction::Transaction;
use super::verbs::{self, Query, Want};
use super::{migrations, options, report};
use crate::{Caller, Connection, Mode};

/// A handle on one SQLite file.
#[pyclass(module = "holdfast._core", frozen, subclass, weakref)]
pub(crate) struct Database {
    engine: Arc<crate::Database>,
}

impl Database {
    pub(crate) fn engine(&self) -> &Arc<crate::Database> {
        &self.engine
    }

    /// Run one statement's verb as a transaction of its own.
    fn write<T>(
        &self,
        py: Python<'_>,
        timeout: Option<f64>,
        mut verb: impl FnMut(&Connection, &Gil) -> Result<T, Failure>,
    ) -> PyResult<T> {
        call(py, timeout, |gil, patience| {
            self.engine.write(patience, |connection| {
                let result = verb(connection, gil);
                gil.retake();
                result
            })
        })
    }

    /// Run a verb of several statements in one transaction.
    fn transact<T>(
        &self,
        py: Python<'_>,
        timeout: Option<f64>,
        verb: impl FnOnce(&Connection, &Gil) -> Result<T, Failure>,
    ) -> PyResult<T> {
        call(py, timeout, |gil, patience| {
            let transaction = self.engine.transaction_with(Mode::Immediate, patience)?;
            let value = {
                let connection = transaction.connection()?;
                let _attention = connection.attend(patience);
                verb(connection, gil)
            };
            gil.retake();
            let value = value?;
            let committed = transaction.commit_with(patience);
            gil.retake();
            committed?;
            Ok(value)
        })
    }

    fn fetch<'py>(
        &self,
        py: Python<'py>,
        query: Query<'_, 'py>,
        want: Want<'_, 'py>,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let read = call(py, timeout, |gil, patience| {
            let reader = self.engine.reader(patience)?;
            let _attention = reader.attend(patience);
            let mut statement = verbs::prepare(&reader, query.sql, gil)?;
            if !statement.is_readonly() {
                return Ok(None);
            }
            let rows = verbs::fetch_from(py, &reader, gil, &mut statement, query.parameters, want);
            rows.map(Some)
        })?;
        match read {
            Some(rows) => Ok(rows),
            None => self.transact(py, timeout, |connection, gil| {
                verbs::fetch(py, connection, gil, query, want)
            }),
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // Whoever still writes may need the interpreter to finish.
        Python::attach(|py| py.detach(|| self.engine.close()));
    }
}

#[pymethods]
impl Database {
    #[new]
    #[pyo3(signature = (path, **settings))]
    fn new(py: Python<'_>, path: PathBuf, settings: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        super::start(py)?;
        let options = options::from_python(settings).map_err(|error| error.into_py(py))?;
        let engine = call_detached(py, None, |_| crate::Database::open_with(&path, options))?;
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
    fn pragmas<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let pragmas = call_detached(py, None, |_| self.engine.pragmas())?;
        let dict = PyDict::new(py);
        for (name, value) in pragmas {
            match value.parse::<i64>() {
                Ok(number) => dict.set_item(name, number)?,
                Err(_) => dict.set_item(name, value)?,
            }
        }
        Ok(dict)
    }

    /// Run one statement in its own transaction; gives the number of rows changed.
    #[pyo3(signature = (sql, parameters=None, *, timeout=None))]
    fn execute(
        &self,
        py: Python<'_>,
        sql: &str,
        parameters: Option<&Bound<'_, PyAny>>,
        timeout: Option<f64>,
    ) -> PyResult<u64> {
        self.write(py, timeout, |c, gil| verbs::execute(c, gil, Query { sql, parameters }))
    }

    /// Run one statement for each row of parameters, in one transaction.
    #[pyo3(signature = (sql, rows, *, timeout=None))]
    fn execute_many(
        &self,
        py: Python<'_>,
        sql: &str,
        rows: &Bound<'_, PyAny>,
        timeout: Option<f64>,
    ) -> PyResult<u64> {
        self.transact(py, timeout, |c, gil| verbs::execute_many(c, gil, sql, rows))
    }

    /// Run several statements in one transaction.
    #[pyo3(signature = (sql, *, timeout=None))]
    fn execute_script(&self, py: Python<'_>, sql: &str, timeout: Option<f64>) -> PyResult<()> {
        self.transact(py, timeout, |connection, gil| {
            gil.release();
            connection.execute_script(sql)?;
            Ok(())
        })
    }

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
        &self,
        py: Python<'_>,
        sql: &str,
        parameters: Option<&Bound<'_, PyAny>>,
        into: Option<&Bound<'_, PyAny>>,
        timeout: Option<f64>,
    ) -> PyResult<Rows> {
        call(py, timeout, |gil, patience| {
            let reader = self.engine.reader(patience)?;
            let running = {
                let _attention = reader.attend(patience);
                Running::new(&reader, gil, Query { sql, parameters }, into)?
            };
            let place = Arc::new(std::sync::Mutex::new(Some(running)));
            Ok(Rows::new(Source::Reader(reader), place, timeout))
        })
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
    #[pyo3(signature = (function, *arguments, **keywords))]
    fn run<'py>(
        this: Py<Self>,
        py: Python<'py>,
        function: &Bound<'py, PyAny>,
        arguments: &Bound<'py, pyo3::types::PyTuple>,
        keywords: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        call(py, None, |gil, patience| {
            this.get().engine.retrying(patience, || {
                gil.retake();
                let begun = Transaction::new(this.clone_ref(py), Mode::Immediate, None, false);
                let transaction = Py::new(py, begun)?;
                transaction.get().begin(py)?;
                let mut all = vec![transaction.clone_ref(py).into_any().into_bound(py)];
                all.extend(arguments.iter());
                let result = function.call(pyo3::types::PyTuple::new(py, all)?, keywords);
                match result {
                    Ok(value) => transaction.get().end(py, true).map(|()| value),
                    Err(error) => {
                        // The function's own error matters more than that of the rollback.
                        let _ = transaction.get().end(py, false);
                        Err(error.into())
                    }
                }
            })
        })
    }

    /// Insert one row; gives its row id.
    #[pyo3(signature = (table, row, *, timeout=None))]
    fn insert(
        &self,
        py: Python<'_>,
        table: &str,
        row: &Bound<'_, PyAny>,
        timeout: Option<f64>,
    ) -> PyResult<Option<i64>> {
        self.write(py, timeout, |c, gil| insert::one(c, gil, table, row, &Conflict::Fail))
    }

    /// Insert rows in one transaction; gives their number.
    #[pyo3(signature = (table, rows, *, timeout=None))]
    fn insert_many(
        &self,
        py: Python<'_>,
        table: &str,
        rows: &Bound<'_, PyAny>,
        timeout: Option<f64>,
    ) -> PyResult<u64> {
        self.transact(py, timeout, |connection, gil| {
            Ok(insert::many(connection, gil, table, rows, &Conflict::Fail)?.inserted)
        })
    }

    /// Insert one row or update the one with the same key; gives its row id.
    #[pyo3(signature = (table, row, *, key, update=None, do_nothing=false, timeout=None))]
    #[allow(clippy::too_many_arguments)]
    fn upsert(
        &self,
        py: Python<'_>,
        table: &str,
        row: &Bound<'_, PyAny>,
        key: &Bound<'_, PyAny>,
        update: Option<Vec<String>>,
        do_nothing: bool,
        timeout: Option<f64>,
    ) -> PyResult<Option<i64>> {
        self.transact(py, timeout, |connection, gil| {
            let conflict = Conflict::of(key, update, do_nothing)?;
            insert::one(connection, gil, table, row, &conflict)
        })
    }

    /// Insert or update rows in one transaction; gives how many came to which end.
    #[pyo3(signature = (table, rows, *, key, update=None, do_nothing=false, timeout=None))]
    #[allow(clippy::too_many_arguments)]
    fn upsert_many<'py>(
        &self,
        py: Python<'py>,
        table: &str,
        rows: &Bound<'py, PyAny>,
        key: &Bound<'py, PyAny>,
        update: Option<Vec<String>>,
        do_nothing: bool,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let counts = self.transact(py, timeout, |connection, gil| {
            let conflict = Conflict::of(key, update, do_nothing)?;
            insert::many(connection, gil, table, rows, &conflict)
        })?;
        report::upserted(py, counts)
    }

    /// Apply the migrations that are pending.
    fn _migrate<'py>(
        &self,
        py: Python<'py>,
        migrations: &Bound<'py, PyAny>,
        component: &str,
        dry_run: bool,
        adopt: Option<u32>,
        backup: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let steps = migrations::from_python(migrations).map_err(|e| e.into_py(py))?;
        let steps = steps.component(component);
        let options = crate::MigrateOptions { dry_run, adopt, backup };
        let done =
            call_detached(py, None, |patience| self.engine.migrate(&steps, &options, patience))?;
        report::migrated(py, &done)
    }

    /// The number of the last migration that was applied.
    #[pyo3(signature = (component="app"))]
    fn schema_version(&self, py: Python<'_>, component: &str) -> PyResult<u32> {
        call_detached(py, None, |_| self.engine.schema_version(component))
    }

    /// How the database is doing.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        report::stats(py, &call_detached(py, None, |_| self.engine.stats())?)
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
