//! What transactions and snapshots of tasks have in common: their with blocks, and the verbs that read.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyString;

use super::super::error::{Failure, misuse};
use super::super::gil::{call_brief, seconds};
use super::database::AsyncDatabase;
use super::operation::{Operation, Progress, Work};
use super::rows::{AsyncRows, Source};
use super::verb::{Answered, Converting, Extent, Verb};
use super::waiting::{Deadline, Waiting};
use crate::session::Session;
use crate::{Answer, Error};

/// A with block, and its session between its begin and its end.
pub(super) struct Block {
    what: &'static str,
    session: Mutex<Option<Arc<Session>>>,
    /// The database is not closed as long as it is in use.
    database: Py<AsyncDatabase>,
}

impl Block {
    pub(super) fn new(what: &'static str, database: Py<AsyncDatabase>) -> Arc<Self> {
        Arc::new(Block { what, session: Mutex::new(None), database })
    }

    fn slot(&self) -> MutexGuard<'_, Option<Arc<Session>>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put(&self, session: Arc<Session>) -> Result<(), Failure> {
        self.ensure_free()?;
        *self.slot() = Some(session);
        Ok(())
    }

    /// An error when a session is there: a with block is entered once at a time.
    pub(super) fn ensure_free(&self) -> Result<(), Failure> {
        match *self.slot() {
            None => Ok(()),
            Some(_) => Err(misuse(format!("the {} has begun already", self.what))),
        }
    }

    pub(super) fn take(&self) -> Result<Arc<Session>, Failure> {
        self.slot().take().ok_or_else(|| self.not_open())
    }

    pub(super) fn session(&self) -> Result<Arc<Session>, Failure> {
        self.slot().clone().ok_or_else(|| self.not_open())
    }

    pub(super) fn database(&self) -> Arc<crate::Database> {
        Arc::clone(self.database.get().engine())
    }

    fn not_open(&self) -> Failure {
        let what = self.what;
        Failure::Engine(Error::Closed(format!(
            "the {what} is not open; use it inside its with block"
        )))
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // It may be in the middle of a statement.
        if let Some(session) = self.slot().take() {
            session.leave();
        }
    }
}

/// A verb on its way, in a session.
struct InSession {
    block: Arc<Block>,
    verb: Arc<Verb>,
    timeout: Option<Duration>,
    stage: Stage,
}

enum Stage {
    Fresh,
    Away(Waiting<Answer>),
    Converting(Converting),
}

impl Work for InSession {
    fn advance(&mut self, py: Python<'_>) -> Result<Progress, Failure> {
        loop {
            match &mut self.stage {
                Stage::Fresh => {
                    if let Some(value) = self.at_once(py)? {
                        return Ok(Progress::Done(value));
                    }
                    self.submit(py)?;
                }
                Stage::Away(waiting) => match waiting.look(py)? {
                    Err(progress) => return Ok(progress),
                    Ok(answer) => match self.verb.answer(py, answer)? {
                        Answered::Done(value) => return Ok(Progress::Done(value)),
                        Answered::Rows(rows) => self.stage = Stage::Converting(rows),
                    },
                },
                Stage::Converting(rows) => return rows.advance(py),
            }
        }
    }
}

impl InSession {
    fn at_once(&self, py: Python<'_>) -> Result<Option<Py<PyAny>>, Failure> {
        let session = self.block.session()?;
        if self.verb.is_long() {
            return Ok(None);
        }
        let tried = session.try_use(|open| {
            let open = open.as_ref().ok_or_else(|| session.ended())?;
            call_brief(|gil, patience| {
                let connection = open.held().connection()?;
                let _attention = connection.attend(patience);
                self.verb.run(py, connection, gil)
            })
        })?;
        tried.unwrap_or(Ok(None))
    }

    fn submit(&mut self, py: Python<'_>) -> Result<(), Failure> {
        let session = self.block.session()?;
        let owned = self.verb.own(py)?;
        let deadline = Deadline::new(self.timeout);
        let waiting = Waiting::in_session(py, deadline, &session, move |open, patience| {
            open.run(patience, |connection| owned.run(connection))
        })?;
        self.stage = Stage::Away(waiting);
        Ok(())
    }
}

pub(super) fn operation(
    block: &Arc<Block>,
    name: &'static str,
    verb: Verb,
    timeout: Option<f64>,
) -> PyResult<Operation> {
    let timeout = timeout_of(timeout)?;
    let (block, verb) = (Arc::clone(block), Arc::new(verb));
    Ok(Operation::new(name, InSession { block, verb, timeout, stage: Stage::Fresh }))
}

pub(super) fn timeout_of(timeout: Option<f64>) -> PyResult<Option<Duration>> {
    Python::attach(|py| seconds(timeout).map_err(|failure| failure.into_py(py)))
}

/// What a transaction and a snapshot of a task have in common.
#[pyclass(module = "holdfast._core", frozen, subclass)]
pub(crate) struct AsyncSession {
    pub(super) block: Arc<Block>,
}

#[pymethods]
impl AsyncSession {
    /// All rows.
    #[pyo3(signature = (sql, parameters=None, *, into=None, timeout=None))]
    fn fetch_all(
        &self,
        sql: Py<PyString>,
        parameters: Option<Py<PyAny>>,
        into: Option<Py<PyAny>>,
        timeout: Option<f64>,
    ) -> PyResult<Operation> {
        let extent = Extent::All;
        let verb = Verb::Fetch { sql, parameters, extent, into };
        operation(&self.block, "fetch_all", verb, timeout)
    }

    /// The first row, or None.
    #[pyo3(signature = (sql, parameters=None, *, into=None, timeout=None))]
    fn fetch_one(
        &self,
        sql: Py<PyString>,
        parameters: Option<Py<PyAny>>,
        into: Option<Py<PyAny>>,
        timeout: Option<f64>,
    ) -> PyResult<Operation> {
        let extent = Extent::One;
        let verb = Verb::Fetch { sql, parameters, extent, into };
        operation(&self.block, "fetch_one", verb, timeout)
    }

    /// The first column of the first row, or None.
    #[pyo3(signature = (sql, parameters=None, *, timeout=None))]
    fn fetch_value(
        &self,
        sql: Py<PyString>,
        parameters: Option<Py<PyAny>>,
        timeout: Option<f64>,
    ) -> PyResult<Operation> {
        let (extent, into) = (Extent::Value, None);
        let verb = Verb::Fetch { sql, parameters, extent, into };
        operation(&self.block, "fetch_value", verb, timeout)
    }

    /// Rows one by one.
    #[pyo3(signature = (sql, parameters=None, *, into=None, timeout=None))]
    fn iterate(
        &self,
        sql: Py<PyString>,
        parameters: Option<Py<PyAny>>,
        into: Option<Py<PyAny>>,
        timeout: Option<f64>,
    ) -> PyResult<AsyncRows> {
        let source = Source::Block(Arc::clone(&self.block));
        Ok(AsyncRows::new(source, sql, parameters, into, timeout_of(timeout)?))
    }
}
