//! Rows one by one for a task, read ahead by a worker in chunks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pyo3::exceptions::{PyStopAsyncIteration, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use super::super::error::Failure;
use super::super::owned;
use super::super::rows::Shape;
use super::begin::{Begin, Kind};
use super::database::AsyncDatabase;
use super::operation::{Operation, Progress, Work};
use super::session::Block;
use super::waiting::{Deadline, Waiting};
use crate::session::{Open, Session};
use crate::{Buffer, Error, Parameters, Patience};

/// Rows in a chunk, at most, and how long it is read for.
const CHUNK: usize = 1024;
const TIME: Duration = Duration::from_millis(2);

/// Where the rows come from.
pub(super) enum Source {
    /// A snapshot of its own, begun with the first row.
    Database(Py<AsyncDatabase>),
    /// A transaction or snapshot of the task's.
    Block(Arc<Block>),
}

/// What is read, and how far.
struct Reading {
    source: Source,
    sql: Py<PyString>,
    parameters: Option<Py<PyAny>>,
    into: Option<Py<PyAny>>,
    timeout: Option<Duration>,
    session: Option<Arc<Session>>,
    begin: Option<Begin>,
    waiting: Option<Waiting<(Buffer, bool)>>,
    cursor: u64,
    shape: Option<Shape>,
    buffer: Option<Buffer>,
    next: usize,
    more: bool,
}

/// An asynchronous iterator over rows.
#[pyclass(module = "holdfast._core", frozen)]
pub(crate) struct AsyncRows {
    reading: Arc<Mutex<Option<Reading>>>,
}

impl AsyncRows {
    pub(super) fn new(
        source: Source,
        sql: Py<PyString>,
        parameters: Option<Py<PyAny>>,
        into: Option<Py<PyAny>>,
        timeout: Option<Duration>,
    ) -> Self {
        static CURSORS: AtomicU64 = AtomicU64::new(1);
        let reading = Reading {
            source,
            sql,
            parameters,
            into,
            timeout,
            session: None,
            begin: None,
            waiting: None,
            cursor: CURSORS.fetch_add(1, Ordering::Relaxed),
            shape: None,
            buffer: None,
            next: 0,
            more: true,
        };
        AsyncRows { reading: Arc::new(Mutex::new(Some(reading))) }
    }

    fn end(&self) {
        let reading = self.reading.try_lock().ok().and_then(|mut reading| reading.take());
        if let Some(reading) = reading {
            reading.end();
        }
    }
}

#[pymethods]
impl AsyncRows {
    fn __aiter__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __anext__(this: Py<Self>) -> Operation {
        let reading = Arc::clone(&this.get().reading);
        Operation::new("iterate", Next { reading, began: false, _rows: this })
    }

    /// End it early and give its connection back.
    fn aclose(&self) -> Operation {
        Operation::new("aclose", Close { reading: Arc::clone(&self.reading) })
    }

    fn __aenter__(this: Py<Self>, py: Python<'_>) -> Operation {
        Operation::new("iterate", Given(this.clone_ref(py).into_any()))
    }

    #[pyo3(signature = (*_details))]
    fn __aexit__(&self, _details: &Bound<'_, PyTuple>) -> Operation {
        self.aclose()
    }
}

impl Drop for AsyncRows {
    fn drop(&mut self) {
        self.end();
    }
}

struct Given(Py<PyAny>);

impl Work for Given {
    fn advance(&mut self, py: Python<'_>) -> Result<Progress, Failure> {
        Ok(Progress::Done(self.0.clone_ref(py)))
    }
}

struct Close {
    reading: Arc<Mutex<Option<Reading>>>,
}

impl Work for Close {
    fn advance(&mut self, py: Python<'_>) -> Result<Progress, Failure> {
        let reading = match self.reading.try_lock() {
            Ok(mut reading) => reading.take(),
            Err(_) => None,
        };
        if let Some(reading) = reading {
            reading.end();
        }
        Ok(Progress::Done(py.None()))
    }

    fn may_hold(&self) -> bool {
        false
    }
}

/// The next row on its way.
struct Next {
    reading: Arc<Mutex<Option<Reading>>>,
    began: bool,
    /// Dropped, it would end what is read.
    _rows: Py<AsyncRows>,
}

impl Work for Next {
    fn advance(&mut self, py: Python<'_>) -> Result<Progress, Failure> {
        let Ok(mut slot) = self.reading.try_lock() else { return Err(busy()) };
        let Some(reading) = slot.as_mut() else {
            return Err(Failure::Python(PyStopAsyncIteration::new_err(())));
        };
        if !self.began && (reading.waiting.is_some() || reading.begin.is_some()) {
            return Err(busy());
        }
        self.began = true;
        let result = reading.advance(py);
        if matches!(result, Ok(None) | Err(_)) {
            let ended = slot.take();
            drop(slot);
            if let Some(reading) = ended {
                reading.end();
            }
        }
        match result? {
            Some(progress) => Ok(progress),
            None => Err(Failure::Python(PyStopAsyncIteration::new_err(()))),
        }
    }
}

impl Drop for Next {
    fn drop(&mut self) {
        // Cancelled in a wait: where the rows are now is not known.
        let waited = |reading: &mut Option<Reading>| {
            reading.take_if(|reading| reading.waiting.is_some() || reading.begin.is_some())
        };
        let began = std::mem::replace(&mut self.began, false);
        let cancelled = match self.reading.try_lock() {
            Ok(mut reading) if began => waited(&mut reading),
            _ => None,
        };
        if let Some(reading) = cancelled {
            reading.end();
        }
    }
}

fn busy() -> Failure {
    Failure::Python(PyValueError::new_err("the iterator is being advanced already"))
}

impl Reading {
    /// The next row, what to wait for, or nothing at the end.
    fn advance(&mut self, py: Python<'_>) -> Result<Option<Progress>, Failure> {
        loop {
            if let Some(waiting) = &mut self.waiting {
                match waiting.look(py)? {
                    Err(progress) => return Ok(Some(progress)),
                    Ok((buffer, more)) => {
                        (self.buffer, self.more, self.next) = (Some(buffer), more, 0);
                    }
                }
                self.waiting = None;
            }
            if let Some(buffer) = self.buffer.as_ref().filter(|buffer| self.next < buffer.len()) {
                if self.shape.is_none() {
                    let into = self.into.as_ref().map(|into| into.bind(py));
                    self.shape = Some(Shape::of(py, buffer.columns(), into)?);
                }
                let Some(shape) = &self.shape else { return Ok(None) };
                let row = shape.row(py, &buffer.row(self.next))?;
                self.next += 1;
                return Ok(Some(Progress::Done(row.unbind())));
            }
            if !self.more {
                return Ok(None);
            }
            let session = match self.session(py)? {
                Ok(session) => session,
                Err(progress) => return Ok(Some(progress)),
            };
            self.waiting = Some(self.read(py, &session)?);
        }
    }

    fn session(&mut self, py: Python<'_>) -> Result<Result<Arc<Session>, Progress>, Failure> {
        if let Some(session) = &self.session {
            return Ok(Ok(Arc::clone(session)));
        }
        let database = match &self.source {
            Source::Block(block) => return Ok(Ok(block.session()?)),
            Source::Database(database) => database.get().engine(),
        };
        let begin = self
            .begin
            .get_or_insert_with(|| Begin::new(Arc::clone(database), Kind::Snapshot, self.timeout));
        match begin.advance(py)? {
            Err(progress) => Ok(Err(progress)),
            Ok(session) => {
                self.begin = None;
                self.session = Some(Arc::clone(&session));
                Ok(Ok(session))
            }
        }
    }

    fn read(
        &self,
        py: Python<'_>,
        session: &Arc<Session>,
    ) -> Result<Waiting<(Buffer, bool)>, Failure> {
        let first = match self.buffer {
            Some(_) => None,
            None => {
                let sql = self.sql.to_str(py)?.to_owned();
                let parameters =
                    owned::parameters(&sql, self.parameters.as_ref().map(|p| p.bind(py)))?;
                Some((sql, parameters))
            }
        };
        let (cursor, deadline) = (self.cursor, Deadline::new(self.timeout));
        Waiting::in_session(py, deadline, session, move |open, patience| {
            chunk(open, cursor, first, patience)
        })
    }

    fn end(self) {
        let Source::Block(block) = &self.source else { return };
        // What is in the middle of its rows goes back to the session's connection.
        let (Ok(session), Some(_)) = (block.session(), &self.buffer) else { return };
        let cursor = self.cursor;
        session.submit(Box::new(move |open| {
            if let Some(open) = open {
                open.forget(cursor);
            }
        }));
    }
}

/// Some rows, and whether there are more.
fn chunk(
    open: &mut Open,
    cursor: u64,
    first: Option<(String, Parameters)>,
    patience: &Patience<'_>,
) -> Result<(Buffer, bool), Error> {
    let begun = Instant::now();
    let kept = open.resume(cursor);
    let (mut statement, chunk) = {
        let connection = open.held().connection()?;
        let _attention = connection.attend(patience);
        let mut statement = match (kept, first) {
            (Some(statement), _) => statement,
            (None, Some((sql, parameters))) => connection.begin_rows(&sql, &parameters)?,
            (None, None) => {
                return Err(Error::Closed("the rows of this iterator have ended".into()));
            }
        };
        let chunk = connection.read_rows(&mut statement, CHUNK, begun + TIME);
        (statement, chunk)
    };
    match chunk {
        Ok((buffer, true)) => {
            open.keep(cursor, statement);
            Ok((buffer, true))
        }
        ended => {
            statement.reset();
            open.keep(cursor, statement);
            open.forget(cursor);
            ended
        }
    }
}
