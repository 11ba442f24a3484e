//! Rows one by one, with one snapshot and constant memory.

use std::sync::{Arc, Mutex};

use pyo3::prelude::*;

use super::database::Database;
use super::error::{Failure, misuse};
use super::gil::{Gil, call};
use super::rows::Shape;
use super::scope::Scope;
use super::values::{Kept, bind};
use super::verbs::{Query, step};
use crate::{Connection, Error, Reader, Statement};

/// Where the rows come from.
pub(crate) enum Source {
    /// A reader of its own, and the database, so that it is not closed meanwhile.
    Reader(Reader, Py<Database>),
    /// A transaction or snapshot, which ends its iterators when it ends.
    Scope(Arc<Scope>),
}

/// A statement in the middle of its rows, with the buffers bound to it.
pub(crate) struct Running {
    statement: Statement,
    shape: Option<Shape>,
    into: Option<Py<PyAny>>,
    _kept: Kept,
}

impl Running {
    pub(crate) fn new(
        connection: &Connection,
        gil: &Gil,
        query: Query<'_, '_>,
        into: Option<&Bound<'_, PyAny>>,
    ) -> Result<Self, Failure> {
        let taken = connection.take(query.sql);
        gil.retake();
        let mut statement = taken?;
        if !statement.is_readonly() {
            connection.give_back(statement);
            return Err(misuse(
                "the statement writes, and iterate only reads; run writes with execute or fetch_all",
            ));
        }
        let kept = bind(connection, &mut statement, query.parameters)?;
        Ok(Running { statement, shape: None, into: into.map(|i| i.clone().unbind()), _kept: kept })
    }

    pub(crate) fn end(self, connection: &Connection) {
        connection.give_back(self.statement);
    }
}

/// The slot in which a running statement is kept; empty when it has ended.
pub(crate) type Slot = Mutex<Option<Running>>;

/// An iterator over rows.
#[pyclass(module = "holdfast._core", frozen)]
pub(crate) struct Rows {
    source: Mutex<Option<Source>>,
    slot: Arc<Slot>,
    timeout: Option<f64>,
}

impl Rows {
    pub(crate) fn new(source: Source, slot: Arc<Slot>, timeout: Option<f64>) -> Self {
        Rows { source: Mutex::new(Some(source)), slot, timeout }
    }

    fn finish(&self) {
        let Ok(mut source) = self.source.try_lock() else { return };
        match source.take() {
            Some(Source::Reader(reader, database)) if reader.is_current() => {
                if let Some(running) = self.slot.try_lock().ok().and_then(|mut p| p.take()) {
                    running.end(&reader);
                }
                drop(reader);
                drop(database);
            }
            Some(Source::Scope(scope)) => scope.end_iterator(&self.slot),
            // A parent's statement is not ours to end.
            _ => std::mem::forget(self.slot.try_lock().ok().and_then(|mut p| p.take())),
        }
    }
}

fn next<'py>(
    py: Python<'py>,
    connection: &Connection,
    slot: &Slot,
    timeout: Option<f64>,
    scope: Option<&Scope>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    call(py, timeout, |gil, patience| {
        let within = scope.map(|scope| scope.patience(patience));
        let _attention = connection.attend(within.as_ref().unwrap_or(patience));
        let Ok(mut slot) = slot.try_lock() else {
            return Err(misuse("the iterator is being advanced already"));
        };
        let Some(running) = slot.as_mut() else {
            return Err(Failure::Engine(Error::Closed(
                "the transaction or snapshot of this iterator has ended".into(),
            )));
        };
        if !step(connection, &mut running.statement, gil)? {
            return Ok(None);
        }
        if running.shape.is_none() {
            let into = running.into.as_ref().map(|into| into.bind(py));
            running.shape = Some(Shape::new(py, &mut running.statement, into)?);
        }
        match &running.shape {
            Some(shape) => shape.row(py, &running.statement).map(Some),
            None => Ok(None),
        }
    })
}

#[pymethods]
impl Rows {
    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Ok(source) = self.source.try_lock() else {
            return Err(misuse("the iterator is being advanced already").into_py(py));
        };
        let result = match &*source {
            None => return Ok(None),
            Some(Source::Reader(reader, _)) if !reader.is_current() => {
                return Err(Failure::Engine(Error::Fork("the iterator")).into_py(py));
            }
            Some(Source::Reader(reader, _)) => next(py, reader, &self.slot, self.timeout, None),
            Some(Source::Scope(scope)) => match scope.enter() {
                Ok(connection) => next(py, &connection, &self.slot, self.timeout, Some(scope)),
                // It is not this caller's to end.
                Err(error) => return Err(error.into_py(py)),
            },
        };
        drop(source);
        if !matches!(result, Ok(Some(_))) {
            self.finish();
        }
        result
    }

    /// End it early and give its connection back.
    fn close(&self) {
        self.finish();
    }

    fn __enter__(this: Py<Self>) -> Py<Self> {
        this
    }

    #[pyo3(signature = (*_details))]
    fn __exit__(&self, _details: &Bound<'_, pyo3::types::PyTuple>) {
        self.finish();
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        self.finish();
    }
}
