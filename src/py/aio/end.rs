//! The ends of a task's transaction: commit, rollback, savepoints.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use pyo3::prelude::*;

use super::super::error::Failure;
use super::super::gil::call_brief;
use super::operation::{Progress, Work};
use super::session::Block;
use super::waiting::{Deadline, Queue, Waiting};
use crate::session::{Held, Open, Session};
use crate::{Error, Patience};

/// A commit of more rows than these is left to a worker.
const FEW: u64 = 100;

/// What is to be done.
#[derive(Clone)]
pub(super) enum Ending {
    Commit,
    Rollback,
    /// Not an end but a begin, which takes its turn in the same way; the number goes here.
    Savepoint(Arc<AtomicU32>),
    Release(u32),
    RollbackTo(u32),
}

/// An end on its way.
pub(super) struct End {
    block: Arc<Block>,
    ending: Ending,
    waits: bool,
    gives: Option<Py<PyAny>>,
    waiting: Option<Waiting<()>>,
}

impl End {
    pub(super) fn new(block: &Arc<Block>, ending: Ending) -> Self {
        End { block: Arc::clone(block), ending, waits: true, gives: None, waiting: None }
    }

    /// The same, but left to a worker if it cannot be done at once.
    pub(super) fn without_waiting(self) -> Self {
        End { waits: false, ..self }
    }

    /// The same, with what the with statement gives its block.
    pub(super) fn giving(block: &Arc<Block>, ending: Ending, gives: Py<PyAny>) -> Self {
        End { gives: Some(gives), ..Self::new(block, ending) }
    }

    fn start(&mut self, py: Python<'_>) -> Result<bool, Failure> {
        let session = match self.ending {
            Ending::Commit | Ending::Rollback => self.block.take()?,
            _ => self.block.session()?,
        };
        let ending = &self.ending;
        let tried = session.try_use(|open| {
            if open.as_ref().is_some_and(|open| ending.is_long(open)) {
                return Ok(None);
            }
            call_brief(|gil, patience| {
                gil.see_through();
                Ok(ending.run(open, patience)?)
            })
        })?;
        if let Some(Some(())) = tried.transpose()? {
            return Ok(true);
        }
        if let Ending::Commit | Ending::Rollback = self.ending {
            session.leave();
        }
        if self.waits {
            self.waiting = Some(self.submit(py, &session)?);
            return Ok(false);
        }
        let ending = self.ending.clone();
        session.submit(Box::new(move |open| {
            if let Err(error) = ending.run(open, &Patience::unbounded()) {
                log::error!(target: "holdfast::writer", "rollback failed: {error}");
            }
        }));
        Ok(true)
    }

    fn submit(&self, py: Python<'_>, session: &Arc<Session>) -> Result<Waiting<()>, Failure> {
        let ending = self.ending.clone();
        let (session, ended) = (Arc::clone(session), Arc::clone(session));
        Waiting::begin(py, Deadline::new(None), move |sender| {
            session.submit(Box::new(move |open| {
                // Not on behalf of its caller: an end is not cancelled.
                let patience = Patience::unbounded();
                let result = match open {
                    None => Err(ended.ended()),
                    some => ending.run(some, &patience),
                };
                sender.deliver(result);
            }));
            Ok(Queue::None)
        })
    }
}

impl Ending {
    fn is_long(&self, open: &Open) -> bool {
        match (self, open.held()) {
            (Ending::Commit, Held::Transaction(transaction)) => {
                let connection = transaction.connection();
                connection.is_ok_and(|c| c.syncs_on_commit() || transaction.changes() > FEW)
            }
            _ => false,
        }
    }

    fn run(&self, open: &mut Option<Open>, patience: &Patience<'_>) -> Result<(), Error> {
        if let Ending::Commit | Ending::Rollback = self {
            return match open.take().map(Open::end) {
                Some(Held::Transaction(transaction)) if matches!(self, Ending::Commit) => {
                    transaction.commit_with(patience)
                }
                Some(Held::Transaction(transaction)) => transaction.rollback(),
                Some(Held::Snapshot(_)) | None => Ok(()),
            };
        }
        let Some(Held::Transaction(transaction)) = open.as_ref().map(Open::held) else {
            return Ok(());
        };
        match self {
            Ending::Savepoint(number) => {
                number.store(transaction.savepoint()?, Ordering::Relaxed);
                Ok(())
            }
            Ending::Release(number) => transaction.release(*number),
            Ending::RollbackTo(number) => transaction.rollback_to(*number),
            Ending::Commit | Ending::Rollback => Ok(()),
        }
    }
}

impl Work for End {
    fn advance(&mut self, py: Python<'_>) -> Result<Progress, Failure> {
        let gives = match &self.gives {
            Some(gives) => gives.clone_ref(py),
            None => py.None(),
        };
        if self.waiting.is_none() && self.start(py)? {
            return Ok(Progress::Done(gives));
        }
        let Some(waiting) = &mut self.waiting else { return Ok(Progress::Done(gives)) };
        match waiting.look(py)? {
            Ok(()) => Ok(Progress::Done(gives)),
            Err(progress) => Ok(progress),
        }
    }

    fn may_hold(&self) -> bool {
        self.waits
    }
}
