//! A write that another thread may run.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::connection::Connection;
use crate::error::{Error, Result};

/// Work on the writing connection that can be run again, and owns all it needs.
pub(crate) trait Work: Send {
    /// Run it; the value stays here until it is settled.
    fn run(&mut self, connection: &Connection) -> Result<()>;

    /// Hand its caller the value of the last run, or the error.
    fn settle(&mut self, outcome: Result<()>);

    /// Its caller has gone.
    fn abandon(&mut self);
}

/// The work of a function, and where its result goes.
pub(super) struct Task<T, R, D: FnOnce(Result<T>)> {
    run: R,
    value: Option<T>,
    done: Option<D>,
}

impl<T, R, D: FnOnce(Result<T>)> Task<T, R, D> {
    pub(super) fn new(run: R, done: D) -> Self {
        Task { run, value: None, done: Some(done) }
    }

    fn finish(&mut self, result: Result<T>) {
        if let Some(done) = self.done.take() {
            // The panic was reported; the others' results must still be handed out.
            let _ = catch_unwind(AssertUnwindSafe(|| done(result)));
        }
    }
}

impl<T, R, D> Work for Task<T, R, D>
where
    T: Send,
    R: FnMut(&Connection) -> Result<T> + Send,
    D: FnOnce(Result<T>) + Send,
{
    fn run(&mut self, connection: &Connection) -> Result<()> {
        self.value = None;
        self.value = Some((self.run)(connection)?);
        Ok(())
    }

    fn settle(&mut self, outcome: Result<()>) {
        let value = outcome.and_then(|()| self.value.take().ok_or_else(lost));
        self.finish(value);
    }

    fn abandon(&mut self) {
        self.done = None;
    }
}

impl<T, R, D: FnOnce(Result<T>)> Drop for Task<T, R, D> {
    /// Nobody waits for ever.
    fn drop(&mut self) {
        self.finish(Err(lost()));
    }
}

/// The error of those whose leader has died.
pub(super) fn lost() -> Error {
    Error::Closed(
        "the thread that ran the write has ended; whether it was kept is not known".into(),
    )
}

/// The work of a ticket.
pub(crate) struct Job {
    work: Mutex<Option<Box<dyn Work>>>,
    cancelled: AtomicBool,
}

impl Job {
    pub(super) fn new(work: impl Work + 'static) -> Self {
        Job { work: Mutex::new(Some(Box::new(work))), cancelled: AtomicBool::new(false) }
    }

    /// The work, for the one who leads it.
    pub(crate) fn take(&self) -> Option<Box<dyn Work>> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Give the work back, to be led by another.
    pub(super) fn put_back(&self, work: Box<dyn Work>) {
        *self.work.lock().unwrap_or_else(PoisonError::into_inner) = Some(work);
    }

    /// Its caller has gone; nothing is handed out.
    pub(crate) fn abandon(&self) {
        if let Some(mut work) = self.take() {
            work.abandon();
        }
    }

    /// End it if it runs, or has not run yet.
    pub(crate) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }
}
