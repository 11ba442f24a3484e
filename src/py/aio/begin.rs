//! Beginning a transaction or a snapshot for a task.

use std::sync::Arc;
use std::time::Duration;

use pyo3::prelude::*;

use super::super::error::Failure;
use super::super::gil::call_brief;
use super::fair;
use super::mailbox::current_task;
use super::one_shot::on_a_reader;
use super::operation::{Progress, Work};
use super::session::Block;
use super::waiting::{Deadline, Queue, Waiting};
use crate::session::{Held, Session};
use crate::worker::{self, Priority};
use crate::{Mode, Owner, Patience, Snapshot, Transaction};

/// The present task, as the lane knows it.
pub(super) fn owner(py: Python<'_>) -> Result<Owner, Failure> {
    Ok(Owner::task(current_task(py)?.as_ptr() as u64))
}

/// What its holder is called in messages.
fn task_name(py: Python<'_>) -> Option<String> {
    let task = current_task(py).ok()?;
    task.call_method0("get_name").ok()?.extract().ok()
}

/// What is to be begun.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Transaction(Mode),
    Snapshot,
}

/// A session on its way.
pub(super) struct Begin {
    database: Arc<crate::Database>,
    kind: Kind,
    timeout: Option<Duration>,
    waiting: Option<Waiting<Held>>,
}

impl Begin {
    pub(super) fn new(
        database: Arc<crate::Database>,
        kind: Kind,
        timeout: Option<Duration>,
    ) -> Self {
        Begin { database, kind, timeout, waiting: None }
    }

    /// The session, or what to wait for until it has begun.
    pub(super) fn advance(
        &mut self,
        py: Python<'_>,
    ) -> Result<Result<Arc<Session>, Progress>, Failure> {
        if self.waiting.is_none() {
            if let Some(held) = self.at_once(py)? {
                return Ok(Ok(named(py, held)));
            }
            self.waiting = Some(self.ask(py)?);
        }
        let Some(waiting) = &mut self.waiting else { return Ok(Err(Progress::Turn)) };
        Ok(waiting.look(py)?.map(|held| named(py, held)))
    }

    fn at_once(&self, py: Python<'_>) -> Result<Option<Held>, Failure> {
        match self.kind {
            Kind::Transaction(mode) => {
                let Some(writer) = self.database.try_writer(owner(py)?)? else { return Ok(None) };
                call_brief(|_, patience| {
                    Ok(Held::Transaction(Transaction::begin_on(writer, mode, patience)?))
                })
            }
            Kind::Snapshot => {
                let Some(reader) = self.database.try_reader()? else { return Ok(None) };
                call_brief(|_, patience| Ok(Held::Snapshot(Snapshot::begin_on(reader, patience)?)))
            }
        }
    }

    fn ask(&self, py: Python<'_>) -> Result<Waiting<Held>, Failure> {
        let deadline = Deadline::new(self.timeout);
        match self.kind {
            Kind::Transaction(mode) => {
                let owner = owner(py)?;
                Waiting::begin(py, deadline, |sender| {
                    let begin = move |writer: crate::Result<_>| {
                        worker::run(Priority::Normal, move || {
                            let Deadline { started, timeout } = deadline;
                            let patience = Patience::since(started, timeout, &sender);
                            let begun = writer.and_then(|writer| {
                                Transaction::begin_holding(writer, mode, &patience)
                            });
                            sender.deliver(begun.map(Held::Transaction));
                        });
                    };
                    self.database.writer_later(owner, begin).map(Queue::Lane)
                })
            }
            Kind::Snapshot => Waiting::begin(py, deadline, |sender| {
                on_a_reader(&self.database, move |reader| {
                    let patience = Patience::since(deadline.started, deadline.timeout, &sender);
                    let begun = reader.and_then(|reader| Snapshot::begin_on(reader, &patience));
                    sender.deliver(begun.map(Held::Snapshot));
                })
            }),
        }
    }
}

fn named(py: Python<'_>, held: Held) -> Arc<Session> {
    if let Ok(connection) = held.connection() {
        connection.held_by(task_name(py));
    }
    Session::new(held)
}

/// A with block on its way in.
pub(super) struct Enter {
    begin: Begin,
    block: Arc<Block>,
    gives: Py<PyAny>,
    fresh: bool,
}

impl Enter {
    /// Begin, put the session where its block finds it, and give the block what it is given.
    pub(super) fn new(begin: Begin, block: &Arc<Block>, gives: Py<PyAny>) -> Self {
        Enter { begin, block: Arc::clone(block), gives, fresh: true }
    }
}

impl Work for Enter {
    fn advance(&mut self, py: Python<'_>) -> Result<Progress, Failure> {
        if std::mem::replace(&mut self.fresh, false) && fair::must_yield() {
            return Ok(Progress::Turn);
        }
        self.block.ensure_free()?;
        match self.begin.advance(py)? {
            Err(progress) => Ok(progress),
            Ok(session) => {
                self.block.put(session)?;
                Ok(Progress::Done(self.gives.clone_ref(py)))
            }
        }
    }

    fn may_hold(&self) -> bool {
        false
    }
}
