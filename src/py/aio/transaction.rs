//! Transactions and snapshots of tasks, and the verbs that write.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use pyo3::exceptions::PyGeneratorExit;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use super::super::error::Failure;
use super::super::insert::conflict_of;
use super::begin::{Begin, Enter, Kind};
use super::database::AsyncDatabase;
use super::end::{End, Ending};
use super::many::{Many, Rows};
use super::operation::Operation;
use super::rows::{AsyncRows, Source};
use super::session::{AsyncSession, Block, operation, timeout_of};
use super::verb::Verb;
use crate::{Conflict, Mode};

/// Several reads at one moment in time.
#[pyclass(module = "holdfast._core", frozen, extends = AsyncSession)]
pub(crate) struct AsyncSnapshot {
    block: Arc<Block>,
    timeout: Option<Duration>,
}

#[pymethods]
impl AsyncSnapshot {
    fn __aenter__(this: Py<Self>, py: Python<'_>) -> Operation {
        let snapshot = this.get();
        let begin = Begin::new(snapshot.block.database(), Kind::Snapshot, snapshot.timeout);
        let gives = this.clone_ref(py).into_any();
        Operation::new("snapshot", Enter::new(begin, &snapshot.block, gives))
    }

    #[pyo3(signature = (*_details))]
    fn __aexit__(&self, _details: &Bound<'_, PyTuple>) -> Operation {
        Operation::new("snapshot", End::new(&self.block, Ending::Commit))
    }
}

/// A transaction of a task, or one nested in it.
#[pyclass(module = "holdfast._core", frozen, extends = AsyncSession)]
pub(crate) struct AsyncTransaction {
    block: Arc<Block>,
    mode: Mode,
    timeout: Option<Duration>,
    /// The number of the savepoint; `None` for the transaction itself.
    savepoint: Option<Arc<AtomicU32>>,
}

impl AsyncTransaction {
    fn operation(
        &self,
        name: &'static str,
        verb: Verb,
        timeout: Option<f64>,
    ) -> PyResult<Operation> {
        operation(&self.block, name, verb, timeout)
    }

    fn many(&self, name: &'static str, rows: Rows, timeout: Option<f64>) -> PyResult<Operation> {
        Ok(Operation::new(name, Many::new(&self.block, rows, timeout_of(timeout)?)))
    }
}

#[pymethods]
impl AsyncTransaction {
    fn __aenter__(this: Py<Self>, py: Python<'_>) -> Operation {
        let transaction = this.get();
        let gives = this.clone_ref(py).into_any();
        let block = &transaction.block;
        if let Some(savepoint) = &transaction.savepoint {
            let ending = Ending::Savepoint(Arc::clone(savepoint));
            return Operation::new("transaction", End::giving(block, ending, gives));
        }
        let kind = Kind::Transaction(transaction.mode);
        let begin = Begin::new(block.database(), kind, transaction.timeout);
        Operation::new("transaction", Enter::new(begin, block, gives))
    }

    fn __aexit__(
        &self,
        raised: &Bound<'_, PyAny>,
        _value: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> Operation {
        let ending = match (&self.savepoint, raised.is_none()) {
            (None, true) => Ending::Commit,
            (None, false) => Ending::Rollback,
            (Some(savepoint), keep) => {
                let number = savepoint.swap(0, Ordering::Relaxed);
                if keep { Ending::Release(number) } else { Ending::RollbackTo(number) }
            }
        };
        // A coroutine that is closed cannot wait any more.
        let is_closed = raised.is(raised.py().get_type::<PyGeneratorExit>());
        let end = End::new(&self.block, ending);
        Operation::new("transaction", if is_closed { end.without_waiting() } else { end })
    }

    /// Begin a nested transaction (a savepoint).
    #[pyo3(signature = ())]
    fn transaction(&self, py: Python<'_>) -> PyResult<Py<AsyncTransaction>> {
        let nested = AsyncTransaction {
            block: Arc::clone(&self.block),
            mode: self.mode,
            timeout: self.timeout,
            savepoint: Some(Arc::default()),
        };
        let base = AsyncSession { block: Arc::clone(&self.block) };
        Py::new(py, PyClassInitializer::from(base).add_subclass(nested))
    }

    /// Run one statement; gives the number of rows changed.
    #[pyo3(signature = (sql, parameters=None, *, timeout=None))]
    fn execute(
        &self,
        sql: Py<PyString>,
        parameters: Option<Py<PyAny>>,
        timeout: Option<f64>,
    ) -> PyResult<Operation> {
        self.operation("execute", Verb::Execute { sql, parameters }, timeout)
    }

    /// Run one statement for each row of parameters; gives the number of rows changed.
    #[pyo3(signature = (sql, rows, *, timeout=None))]
    fn execute_many(
        &self,
        sql: String,
        rows: &Bound<'_, PyAny>,
        timeout: Option<f64>,
    ) -> PyResult<Operation> {
        let rows = Rows::parameters(sql, rows)?;
        self.many("execute_many", rows, timeout)
    }

    /// Run several statements.
    #[pyo3(signature = (sql, *, timeout=None))]
    fn execute_script(&self, sql: Py<PyString>, timeout: Option<f64>) -> PyResult<Operation> {
        self.operation("execute_script", Verb::Script { sql }, timeout)
    }

    /// Insert one row; gives its row id.
    #[pyo3(signature = (table, row, *, timeout=None))]
    fn insert(&self, table: String, row: Py<PyAny>, timeout: Option<f64>) -> PyResult<Operation> {
        self.operation("insert", Verb::Insert { table, row, conflict: Conflict::Fail }, timeout)
    }

    /// Insert rows; gives their number.
    #[pyo3(signature = (table, rows, *, timeout=None))]
    fn insert_many(
        &self,
        table: String,
        rows: &Bound<'_, PyAny>,
        timeout: Option<f64>,
    ) -> PyResult<Operation> {
        let rows = Rows::of_table(table, Conflict::Fail, rows)?;
        self.many("insert_many", rows, timeout)
    }

    /// Insert one row or update the one with the same key; gives its row id.
    #[pyo3(signature = (table, row, *, key, update=None, do_nothing=false, timeout=None))]
    #[allow(clippy::too_many_arguments)]
    fn upsert(
        &self,
        py: Python<'_>,
        table: String,
        row: Py<PyAny>,
        key: &Bound<'_, PyAny>,
        update: Option<&Bound<'_, PyAny>>,
        do_nothing: bool,
        timeout: Option<f64>,
    ) -> PyResult<Operation> {
        let conflict = conflict_of(key, update, do_nothing).map_err(|error| error.into_py(py))?;
        self.operation("upsert", Verb::Insert { table, row, conflict }, timeout)
    }

    /// Insert or update rows; gives the numbers of inserted, updated and skipped ones.
    #[pyo3(signature = (table, rows, *, key, update=None, do_nothing=false, timeout=None))]
    #[allow(clippy::too_many_arguments)]
    fn upsert_many(
        &self,
        py: Python<'_>,
        table: String,
        rows: &Bound<'_, PyAny>,
        key: &Bound<'_, PyAny>,
        update: Option<&Bound<'_, PyAny>>,
        do_nothing: bool,
        timeout: Option<f64>,
    ) -> PyResult<Operation> {
        let conflict = conflict_of(key, update, do_nothing).map_err(|error| error.into_py(py))?;
        let rows = Rows::of_table(table, conflict, rows)?;
        self.many("upsert_many", rows, timeout)
    }
}

#[pymethods]
impl AsyncDatabase {
    /// Begin a transaction in an async with block.
    #[pyo3(signature = (mode="immediate", *, timeout=None))]
    fn transaction(
        this: Py<Self>,
        py: Python<'_>,
        mode: &str,
        timeout: Option<f64>,
    ) -> PyResult<Py<AsyncTransaction>> {
        let mode = mode.parse::<Mode>().map_err(|error| Failure::from(error).into_py(py))?;
        let block = Block::new("transaction", this);
        let base = AsyncSession { block: Arc::clone(&block) };
        let timeout = timeout_of(timeout)?;
        let transaction = AsyncTransaction { block, mode, timeout, savepoint: None };
        Py::new(py, PyClassInitializer::from(base).add_subclass(transaction))
    }

    /// Fix a moment for several reads in an async with block.
    #[pyo3(signature = (*, timeout=None))]
    fn snapshot(
        this: Py<Self>,
        py: Python<'_>,
        timeout: Option<f64>,
    ) -> PyResult<Py<AsyncSnapshot>> {
        let block = Block::new("snapshot", this);
        let base = AsyncSession { block: Arc::clone(&block) };
        let snapshot = AsyncSnapshot { block, timeout: timeout_of(timeout)? };
        Py::new(py, PyClassInitializer::from(base).add_subclass(snapshot))
    }

    /// Rows one by one, from one snapshot.
    #[pyo3(signature = (sql, parameters=None, *, into=None, timeout=None))]
    fn iterate(
        this: Py<Self>,
        sql: Py<PyString>,
        parameters: Option<Py<PyAny>>,
        into: Option<Py<PyAny>>,
        timeout: Option<f64>,
    ) -> PyResult<AsyncRows> {
        let source = Source::Database(this);
        Ok(AsyncRows::new(source, sql, parameters, into, timeout_of(timeout)?))
    }
}
