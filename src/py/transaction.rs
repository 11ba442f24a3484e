//! A transaction of the Python face: its with block, and the verbs that write.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use pyo3::prelude::*;

use super::database::Database;
use super::error::Failure;
use super::gil::{Gil, call};
use super::insert;
use super::scope::{Held, Scope, finish};
use super::session::{Session, on};
use super::verbs::{self, Query};
use crate::{Caller, Conflict, Mode, Patience};

/// A transaction, or one nested in it.
#[pyclass(module = "holdfast._core", frozen, extends = Session)]
pub(crate) struct Transaction {
    scope: Arc<Scope>,
    mode: Mode,
    timeout: Option<f64>,
    /// 0 for the transaction itself.
    depth: AtomicU32,
    nested: bool,
    retried: bool,
}

impl Transaction {
    pub(crate) fn new(
        database: Py<Database>,
        mode: Mode,
        timeout: Option<f64>,
        retried: bool,
    ) -> PyClassInitializer<Self> {
        let scope = Scope::new("transaction", database);
        let depth = AtomicU32::new(0);
        let base = Session { scope: Arc::clone(&scope) };
        let transaction = Transaction { scope, mode, timeout, depth, nested: false, retried };
        PyClassInitializer::from(base).add_subclass(transaction)
    }

    pub(crate) fn begin(&self, gil: &Gil, patience: &Patience<'_>) -> Result<(), Failure> {
        if self.nested {
            self.depth.store(self.scope.transaction()?.savepoint()?, Ordering::Relaxed);
            return Ok(());
        }
        let engine = self.scope.database().engine();
        self.scope.begin(|| {
            let transaction = if self.retried {
                engine.transaction_with(self.mode, patience)
            } else {
                // Part of a longer operation, whose deadline is that of its verbs too.
                self.scope.bind(patience);
                engine.transaction_once(self.mode, patience)
            };
            gil.retake();
            Ok(Held::Transaction(transaction?))
        })
    }

    pub(crate) fn end(&self, py: Python<'_>, keep: bool) -> Result<(), Failure> {
        let ended = call(py, None, |_, patience| {
            if self.nested {
                let transaction = self.scope.transaction()?;
                let depth = self.depth.swap(0, Ordering::Relaxed);
                match keep {
                    true => transaction.release(depth)?,
                    false => transaction.rollback_to(depth)?,
                }
                return Ok(());
            }
            finish(self.scope.take()?, keep, patience)
        });
        Ok(ended?)
    }
}

#[pymethods]
impl Transaction {
    fn __enter__(this: Py<Self>, py: Python<'_>) -> PyResult<Py<Self>> {
        let transaction = this.get();
        call(py, transaction.timeout, |gil, patience| transaction.begin(gil, patience))?;
        Ok(this)
    }

    fn __exit__(
        &self,
        py: Python<'_>,
        raised: &Bound<'_, PyAny>,
        _value: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<bool> {
        match self.end(py, raised.is_none()) {
            // What was raised inside matters more than that the end of it failed, too.
            Err(error) if !raised.is_none() => {
                log::warn!(target: "holdfast::transaction", "a rollback failed: {error}");
                Ok(false)
            }
            ended => ended.map(|()| false).map_err(|error| error.into_py(py)),
        }
    }

    /// Begin a nested transaction (a savepoint).
    #[pyo3(signature = ())]
    fn transaction(&self, py: Python<'_>) -> PyResult<Py<Transaction>> {
        let base = Session { scope: Arc::clone(&self.scope) };
        let nested = Transaction {
            scope: Arc::clone(&self.scope),
            mode: self.mode,
            timeout: self.timeout,
            depth: AtomicU32::new(0),
            nested: true,
            retried: false,
        };
        Py::new(py, PyClassInitializer::from(base).add_subclass(nested))
    }

    /// Run one statement; gives the number of rows changed.
    #[pyo3(signature = (sql, parameters=None, *, timeout=None))]
    fn execute(
        &self,
        py: Python<'_>,
        sql: &str,
        parameters: Option<&Bound<'_, PyAny>>,
        timeout: Option<f64>,
    ) -> PyResult<u64> {
        on(py, &self.scope, timeout, |c, gil| verbs::execute(c, gil, Query { sql, parameters }))
    }

    /// Run one statement for each row of parameters; gives the number of rows changed.
    #[pyo3(signature = (sql, rows, *, timeout=None))]
    fn execute_many(
        &self,
        py: Python<'_>,
        sql: &str,
        rows: &Bound<'_, PyAny>,
        timeout: Option<f64>,
    ) -> PyResult<u64> {
        on(py, &self.scope, timeout, |c, gil| verbs::execute_many(c, gil, sql, rows))
    }

    /// Run several statements.
    #[pyo3(signature = (sql, *, timeout=None))]
    fn execute_script(&self, py: Python<'_>, sql: &str, timeout: Option<f64>) -> PyResult<()> {
        on(py, &self.scope, timeout, |connection, gil| {
            gil.release();
            connection.execute_script(sql)?;
            Ok(())
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
        on(py, &self.scope, timeout, |c, gil| insert::one(c, gil, table, row, &Conflict::Fail))
    }

    /// Insert rows; gives their number.
    #[pyo3(signature = (table, rows, *, timeout=None))]
    fn insert_many(
        &self,
        py: Python<'_>,
        table: &str,
        rows: &Bound<'_, PyAny>,
        timeout: Option<f64>,
    ) -> PyResult<u64> {
        on(py, &self.scope, timeout, |connection, gil| {
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
        update: Option<&Bound<'_, PyAny>>,
        do_nothing: bool,
        timeout: Option<f64>,
    ) -> PyResult<Option<i64>> {
        on(py, &self.scope, timeout, |connection, gil| {
            let conflict = insert::conflict_of(key, update, do_nothing)?;
            insert::one(connection, gil, table, row, &conflict)
        })
    }

    /// Insert or update rows; gives the numbers of inserted, updated and skipped ones.
    #[pyo3(signature = (table, rows, *, key, update=None, do_nothing=false, timeout=None))]
    #[allow(clippy::too_many_arguments)]
    fn upsert_many<'py>(
        &self,
        py: Python<'py>,
        table: &str,
        rows: &Bound<'py, PyAny>,
        key: &Bound<'py, PyAny>,
        update: Option<&Bound<'_, PyAny>>,
        do_nothing: bool,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let counts = on(py, &self.scope, timeout, |connection, gil| {
            let conflict = insert::conflict_of(key, update, do_nothing)?;
            insert::many(connection, gil, table, rows, &conflict)
        })?;
        super::report::upserted(py, counts)
    }
}
