//! A task's wait for work by another thread, with its place in a queue and its deadline.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use super::super::error::Failure;
use super::mailbox::{Pending, Sender, ask};
use super::operation::Progress;
use crate::pool::DEFAULT_WAIT;
use crate::session::{Open, Session};
use crate::{LanePlace, Patience, PendingWrite, ReaderPlace};

/// When an operation began, and how long it may take.
#[derive(Clone, Copy)]
pub(super) struct Deadline {
    pub(super) started: Instant,
    pub(super) timeout: Option<Duration>,
}

impl Deadline {
    pub(super) fn new(timeout: Option<Duration>) -> Self {
        Deadline { started: Instant::now(), timeout }
    }

    fn left(&self) -> Duration {
        self.timeout.unwrap_or(DEFAULT_WAIT).saturating_sub(self.started.elapsed())
    }
}

/// A place in a queue.
pub(super) enum Queue {
    Lane(LanePlace),
    Reader(ReaderPlace),
    /// Nothing to wait for: the work is under way.
    None,
}

impl Queue {
    fn withdraw(&self) -> bool {
        match self {
            Queue::Lane(place) => place.withdraw(),
            Queue::Reader(place) => place.withdraw(),
            Queue::None => false,
        }
    }

    fn busy(&self, waited: Duration) -> crate::Error {
        match self {
            Queue::Lane(place) => place.busy(waited),
            Queue::Reader(place) => place.busy(waited),
            Queue::None => crate::Error::Timeout(waited),
        }
    }
}

/// A wait; dropped before its end, the place is given up and the work is cancelled.
pub(super) struct Waiting<T> {
    pending: Pending<T>,
    queue: Queue,
    deadline: Deadline,
    timer: Option<Py<PyAny>>,
    slept: bool,
    done: bool,
}

impl<T> Waiting<T> {
    /// Ask for work: `ask` hands the sender to who will do it.
    pub(super) fn begin(
        py: Python<'_>,
        deadline: Deadline,
        start: impl FnOnce(Sender<T>) -> crate::Result<Queue>,
    ) -> Result<Self, Failure> {
        let (sender, pending) = ask(py)?;
        let queue = start(sender)?;
        Ok(Waiting { pending, queue, deadline, timer: None, slept: false, done: false })
    }

    /// Ask for a write at the end of this turn of the loop, together with the others of it.
    pub(super) fn at_end_of_turn(
        py: Python<'_>,
        database: &Arc<crate::Database>,
        start: impl FnOnce(Sender<T>) -> crate::Result<(PendingWrite, LanePlace)>,
    ) -> Result<Self, Failure> {
        let (sender, pending) = ask(py)?;
        let (write, place) = start(sender)?;
        pending.at_end_of_turn(py, database, write)?;
        let (queue, deadline) = (Queue::Lane(place), Deadline::new(None));
        Ok(Waiting { pending, queue, deadline, timer: None, slept: false, done: false })
    }

    /// Ask for work on an open session, after what was asked before.
    pub(super) fn in_session(
        py: Python<'_>,
        deadline: Deadline,
        session: &Arc<Session>,
        work: impl FnOnce(&mut Open, &Patience<'_>) -> crate::Result<T> + Send + 'static,
    ) -> Result<Self, Failure>
    where
        T: Send + 'static,
    {
        let ended = Arc::clone(session);
        Self::begin(py, deadline, |sender| {
            session.submit(Box::new(move |open| {
                let Deadline { started, timeout } = deadline;
                let patience = Patience::since(started, timeout, &sender);
                let result = match open {
                    Some(open) => work(open, &patience),
                    None => Err(ended.ended()),
                };
                sender.deliver(result);
            }));
            Ok(Queue::None)
        })
    }

    /// The result, or what to wait for until it is there.
    pub(super) fn look(&mut self, py: Python<'_>) -> Result<Result<T, Progress>, Failure> {
        if let Some(result) = self.pending.take() {
            self.done = true;
            return Ok(Ok(result?));
        }
        let left = self.deadline.left();
        if self.slept && self.timer.is_some() && left.is_zero() && self.queue.withdraw() {
            // Woken before there is a result: it is the timer, which some loops ring early.
            return Err(self.queue.busy(self.deadline.started.elapsed()).into());
        }
        let future = self.pending.future(py)?;
        let is_timed = match self.slept {
            true => self.timer.is_some() && !left.is_zero(),
            false => !matches!(self.queue, Queue::None),
        };
        self.timer = is_timed.then(|| self.pending.wake_after(py, left)).transpose()?;
        self.slept = true;
        Ok(Err(Progress::Wait(future.unbind())))
    }
}

impl<T> Drop for Waiting<T> {
    fn drop(&mut self) {
        if !self.done
            && !self.queue.withdraw()
            && let Queue::Lane(place) = &self.queue
        {
            place.interrupt();
            place.leave();
        }
        if let Some(timer) = self.timer.take() {
            Python::attach(|py| drop(timer.call_method0(py, "cancel")));
        }
    }
}
