//! A verb that is a transaction of its own: at once, at the end of the turn, or on a worker.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;

use super::super::error::Failure;
use super::super::gil::call_brief;
use super::super::verbs::prepare;
use super::begin::owner;
use super::fair;
use super::mailbox::Sender;
use super::operation::{Progress, Work};
use super::verb::{Answered, Converting, Verb};
use super::waiting::{Deadline, Queue, Waiting};
use crate::worker::{self, Priority};
use crate::{Answer, Connection, LanePlace, Mode, Owner, Patience, Reader, Transaction, thread_id};

/// A verb on its way.
pub(super) struct OneShot {
    database: Arc<crate::Database>,
    verb: Verb,
    timeout: Option<Duration>,
    stage: Stage,
    /// What the rows are from, to be committed once they are made.
    held: Mutex<Option<Transaction>>,
}

enum Stage {
    Fresh,
    /// At the end of the turn.
    Together(Waiting<Answer>),
    Away(Waiting<Answer>),
    Converting(Converting),
    Committing(Waiting<()>, Option<Py<PyAny>>),
}

impl Work for OneShot {
    fn advance(&mut self, py: Python<'_>) -> Result<Progress, Failure> {
        loop {
            match &mut self.stage {
                Stage::Fresh => match self.start(py)? {
                    Some(value) => return Ok(Progress::Done(value)),
                    None if matches!(self.stage, Stage::Together(_)) => return Ok(Progress::Turn),
                    None => continue,
                },
                Stage::Together(waiting) | Stage::Away(waiting) => match waiting.look(py)? {
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

impl OneShot {
    pub(super) fn new(
        database: Arc<crate::Database>,
        verb: Verb,
        timeout: Option<Duration>,
    ) -> Self {
        OneShot { database, verb, timeout, stage: Stage::Fresh, held: Mutex::default() }
    }

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
        let owner = owner(py)?;
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
        self.stage = Stage::Together(waiting);
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

    fn held(&self) -> MutexGuard<'_, Option<Transaction>> {
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
        let owner = owner(py)?;
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
        let owner = owner(py)?;
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
