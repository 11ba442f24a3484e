//! `AsyncDatabase`: the verbs of one statement, each on a reader or on the lane.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::super::error::Failure;
use super::super::gil::{call_brief, seconds};
use super::super::insert::conflict_of;
use super::super::options;
use super::super::verbs::prepare;
use super::fair;
use super::mailbox::Sender;
use super::operation::{Operation, Progress, Work};
use super::upkeep::Upkeep;
use super::verb::{Answered, Converting, Extent, Verb};
use super::waiting::{Deadline, Queue, Waiting};
use crate::worker::{self, Priority};
use crate::{
    Answer, Conflict, Connection, LanePlace, Mode, Owner, Patience, Reader, Transaction, thread_id,
};

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
        let (stage, held) = (Stage::Fresh, Mutex::default());
        Ok(Operation::of(this, name, Statement { database, verb, timeout, stage, held }))
    }
}

impl Drop for AsyncDatabase {
    fn drop(&mut self) {
        // Whoever still writes may need the interpreter to finish.
        Python::attach(|py| py.detach(|| self.engine.close()));
    }
}

/// A verb on its way.
struct Statement {
    database: Arc<crate::Database>,
    verb: Verb,
    timeout: Option<std::time::Duration>,
    stage: Stage,
    /// What the rows are from, to be committed once they are made.
    held: Mutex<Option<Transaction>>,
}

enum Stage {
    Fresh,
    /// At the end of the turn.
    Deferred(Waiting<Answer>),
    Away(Waiting<Answer>),
    Converting(Converting),
    Committing(Waiting<()>, Option<Py<PyAny>>),
}

impl Work for Statement {
    fn advance(&mut self, py: Python<'_>) -> Result<Progress, Failure> {
        loop {
            match &mut self.stage {
                Stage::Fresh => match self.start(py)? {
                    Some(value) => return Ok(Progress::Done(value)),
                    None if matches!(self.stage, Stage::Deferred(_)) => return Ok(Progress::Turn),
                    None => continue,
                },
                Stage::Deferred(waiting) | Stage::Away(waiting) => match waiting.look(py)? {
                    Err(progress) => return Ok(progress),
                    Ok(Answer::NotHere) => self.write(py)?,
                    Ok(answer) => {
                        let answer = match answer {
                            Answer::Held(rows, transaction) => {
                                *self.held() = Some(*transaction);
                                Answer::Rows(rows)
                            }
                            answer => answer,
                        };
                        match self.verb.answer(py, answer)? {
                            Answered::Rows(rows) => self.stage = Stage::Converting(rows),
                            Answered::Done(value) => {
                                if let Some(value) = self.commit(py, value)? {
                                    return Ok(Progress::Done(value));
                                }
                            }
                        }
                    }
                },
                Stage::Converting(rows) => match rows.advance(py)? {
                    Progress::Done(value) => {
                        if let Some(value) = self.commit(py, value)? {
                            return Ok(Progress::Done(value));
                        }
                    }
                    progress => return Ok(progress),
                },
                Stage::Committing(waiting, value) => {
                    return match (waiting.look(py)?, value.take()) {
                        (Ok(()), Some(made)) => Ok(Progress::Done(made)),
                        (Err(progress), made) => {
                            *value = made;
                            Ok(progress)
                        }
                        (Ok(()), None) => Ok(Progress::Done(py.None())),
                    };
                }
            }
        }
    }
}

/// What came of a try to read at once.
enum Tried {
    Rows(Py<PyAny>),
    Writes,
}

impl Statement {
    /// Do it at once, or ask a worker.
    fn start(&mut self, py: Python<'_>) -> Result<Option<Py<PyAny>>, Failure> {
        if self.verb.may_read() {
            match self.read_at_once(py)? {
                Some(Tried::Rows(rows)) => return Ok(Some(rows)),
                Some(Tried::Writes) => {}
                None => return self.read(py).map(|()| None),
            }
        }
        if !self.verb.is_long() {
            let alone = self.timeout.is_some() || self.verb.makes_types();
            let alone = alone || !fair::others_wait();
            if !alone && !self.database.syncs_on_commit()? {
                return self.defer(py).map(|()| None);
            }
            if let Some(value) = self.write_at_once(py)? {
                return Ok(Some(value));
            }
        }
        self.write(py).map(|()| None)
    }

    /// Leave it to the end of the turn, where it shares a commit with what other tasks write.
    fn defer(&mut self, py: Python<'_>) -> Result<(), Failure> {
        let owned = self.verb.own(py)?;
        let compound = self.verb.is_compound();
        let here = thread_id();
        let owner = super::begin::owner(py)?;
        let waiting = Waiting::at_end_of_turn(py, &self.database, |sender| {
            let run = move |connection: &Connection| {
                // On the loop's thread only what is known to be short.
                if thread_id() == here {
                    return owned.run_brief(connection);
                }
                owned.write(connection, compound)
            };
            self.database.pending_write(owner, run, |result| sender.deliver(result))
        })?;
        self.stage = Stage::Deferred(waiting);
        Ok(())
    }

    fn read_at_once(&self, py: Python<'_>) -> Result<Option<Tried>, Failure> {
        let Some(reader) = self.database.try_reader()? else { return Ok(None) };
        call_brief(|gil, patience| {
            let _attention = reader.attend(patience);
            let mut statement = prepare(&reader, self.verb.sql(py)?, gil)?;
            if !statement.is_readonly() {
                return Ok(Tried::Writes);
            }
            self.verb.fetch(py, &reader, gil, &mut statement).map(Tried::Rows)
        })
    }

    fn write_at_once(&self, py: Python<'_>) -> Result<Option<Py<PyAny>>, Failure> {
        let Some(writer) = self.database.try_writer(Owner::passing())? else { return Ok(None) };
        if writer.syncs_on_commit() {
            return Ok(None);
        }
        call_brief(|gil, patience| {
            if !self.verb.is_compound() {
                let _attention = writer.attend(patience);
                return self.verb.run(py, &writer, gil);
            }
            let transaction = Transaction::begin_on(writer, Mode::Immediate, patience)?;
            let value = {
                let connection = transaction.connection()?;
                let _attention = connection.attend(patience);
                self.verb.run(py, connection, gil)?
            };
            transaction.commit_with(patience)?;
            Ok(value)
        })
    }

    fn read(&mut self, py: Python<'_>) -> Result<(), Failure> {
        let owned = self.verb.own(py)?;
        let deadline = Deadline::new(self.timeout);
        let waiting = Waiting::begin(py, deadline, |sender| {
            let work = move |reader: crate::Result<Reader>| {
                let answer = reader.and_then(|reader| {
                    reader.held_by(None);
                    let patience = Patience::since(deadline.started, deadline.timeout, &sender);
                    let _attention = reader.attend(&patience);
                    owned.read(&reader)
                });
                sender.deliver(answer);
            };
            on_a_reader(&self.database, work)
        })?;
        self.stage = Stage::Away(waiting);
        Ok(())
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Option<Transaction>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commit what is held; gives the value back where nothing is.
    fn commit(&mut self, py: Python<'_>, value: Py<PyAny>) -> Result<Option<Py<PyAny>>, Failure> {
        let Some(transaction) = self.held().take() else { return Ok(Some(value)) };
        let waiting = Waiting::begin(py, Deadline::new(None), |sender| {
            worker::run(Priority::Normal, move || {
                sender.deliver(transaction.commit_with(&Patience::unbounded()));
            });
            Ok(Queue::None)
        })?;
        self.stage = Stage::Committing(waiting, Some(value));
        Ok(None)
    }

    /// A row that does not fit undoes its write, so the rows are made before the commit.
    fn write_held(&mut self, py: Python<'_>) -> Result<(), Failure> {
        let owned = self.verb.own(py)?;
        let deadline = Deadline::new(self.timeout);
        let owner = super::begin::owner(py)?;
        let waiting = Waiting::begin(py, deadline, |sender| {
            let run = move |writer: crate::Result<crate::Writer>| {
                worker::run(Priority::Normal, move || {
                    let patience = Patience::since(deadline.started, deadline.timeout, &sender);
                    let answer = writer.and_then(|writer| owned.run_held(writer, &patience));
                    sender.deliver(answer);
                });
            };
            self.database.writer_later(owner, run).map(Queue::Lane)
        })?;
        self.stage = Stage::Away(waiting);
        Ok(())
    }

    fn write(&mut self, py: Python<'_>) -> Result<(), Failure> {
        if self.verb.makes_types() {
            return self.write_held(py);
        }
        let owned = self.verb.own(py)?;
        let compound = self.verb.is_compound();
        let run = move |connection: &Connection| owned.write(connection, compound);
        let deadline = Deadline::new(self.timeout);
        let owner = super::begin::owner(py)?;
        let waiting = Waiting::begin(py, deadline, |sender| {
            let place = match deadline.timeout {
                None => self.database.write_later(owner, run, |result| sender.deliver(result))?,
                Some(_) => self.write_alone(owner, run, deadline, sender)?,
            };
            Ok(Queue::Lane(place))
        })?;
        self.stage = Stage::Away(waiting);
        Ok(())
    }

    /// A write with its own deadline shares no commit.
    fn write_alone(
        &self,
        owner: Owner,
        run: impl Fn(&Connection) -> crate::Result<Answer> + Send + 'static,
        deadline: Deadline,
        sender: Sender<Answer>,
    ) -> crate::Result<LanePlace> {
        let database = Arc::clone(&self.database);
        self.database.writer_later(owner, move |writer| {
            if let Ok(writer) = &writer {
                writer.hand_to_engine();
            }
            worker::run(Priority::Normal, move || {
                let patience = Patience::since(deadline.started, deadline.timeout, &sender);
                let answer = writer.and_then(|writer| {
                    database.retrying(&patience, || {
                        writer.held_by(None);
                        let _attention = writer.attend(&patience);
                        run(&writer)
                    })
                });
                sender.deliver(answer);
            });
        })
    }
}

/// Run work on a worker, with a reader that is idle or the next that is.
pub(super) fn on_a_reader(
    database: &Arc<crate::Database>,
    work: impl FnOnce(crate::Result<Reader>) + Send + 'static,
) -> crate::Result<Queue> {
    match database.try_reader()? {
        Some(reader) => {
            worker::run(Priority::Low, move || work(Ok(reader)));
            Ok(Queue::None)
        }
        None => {
            let later = move |reader| worker::run(Priority::Low, move || work(reader));
            database.reader_later(later).map(Queue::Reader)
        }
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
