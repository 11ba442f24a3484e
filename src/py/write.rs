//! The verbs of a database that write: each a transaction of its own.

use pyo3::prelude::*;

use super::database::Database;
use super::error::Failure;
use super::gil::{Gil, call};
use super::insert;
use super::report;
use super::verbs::{self, Query};
use crate::{Caller, Conflict, Connection, Mode, Patience};

impl Database {
    /// Run one statement's verb as a transaction of its own, unless it was shared.
    fn write<T>(
        &self,
        py: Python<'_>,
        timeout: Option<f64>,
        share: impl FnOnce(&Gil, &Patience<'_>) -> Result<Option<T>, Failure>,
        mut verb: impl FnMut(&Connection, &Gil) -> Result<T, Failure>,
    ) -> PyResult<T> {
        call(py, timeout, |gil, patience| {
            if let Some(value) = share(gil, patience)? {
                return Ok(value);
            }
            let engine = self.engine();
            engine.retrying(patience, || {
                let writer = engine.writer(patience);
                // For the verb, and for the error of the attempt before, which is dropped after this.
                gil.retake();
                let writer = writer?;
                let _attention = writer.attend(patience);
                let result = verb(&writer, gil);
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
        call(py, timeout, |gil, patience| self.transact_under(gil, patience, verb))
    }

    /// [`Database::transact`], as part of a call.
    pub(crate) fn transact_under<T>(
        &self,
        gil: &Gil,
        patience: &Patience<'_>,
        verb: impl FnOnce(&Connection, &Gil) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let transaction = self.engine().transaction_with(Mode::Immediate, patience);
        // The verb may touch Python before anything else.
        gil.retake();
        let transaction = transaction?;
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
    }
}

#[pymethods]
impl Database {
    /// Run one statement in its own transaction; gives the number of rows changed.
    #[pyo3(signature = (sql, parameters=None, *, timeout=None))]
    fn execute(
        &self,
        py: Python<'_>,
        sql: &str,
        parameters: Option<&Bound<'_, PyAny>>,
        timeout: Option<f64>,
    ) -> PyResult<u64> {
        let query = Query { sql, parameters };
        let share = |gil: &Gil, patience: &Patience<'_>| self.share_execute(gil, patience, query);
        self.write(py, timeout, share, |c, gil| verbs::execute(c, gil, query))
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

    /// Insert one row; gives its row id.
    #[pyo3(signature = (table, row, *, timeout=None))]
    fn insert(
        &self,
        py: Python<'_>,
        table: &str,
        row: &Bound<'_, PyAny>,
        timeout: Option<f64>,
    ) -> PyResult<Option<i64>> {
        let share = |gil: &Gil, patience: &Patience<'_>| {
            self.share_insert(gil, patience, table, row, &Conflict::Fail)
        };
        let verb = |c: &Connection, gil: &Gil| insert::one(c, gil, table, row, &Conflict::Fail);
        self.write(py, timeout, share, verb)
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
        update: Option<&Bound<'_, PyAny>>,
        do_nothing: bool,
        timeout: Option<f64>,
    ) -> PyResult<Option<i64>> {
        call(py, timeout, |gil, patience| {
            let conflict = insert::conflict_of(key, update, do_nothing)?;
            match self.share_insert(gil, patience, table, row, &conflict)? {
                Some(id) => Ok(id),
                None => self.transact_under(gil, patience, |connection, gil| {
                    insert::one(connection, gil, table, row, &conflict)
                }),
            }
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
        update: Option<&Bound<'_, PyAny>>,
        do_nothing: bool,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let counts = self.transact(py, timeout, |connection, gil| {
            let conflict = insert::conflict_of(key, update, do_nothing)?;
            insert::many(connection, gil, table, rows, &conflict)
        })?;
        report::upserted(py, counts)
    }
}
