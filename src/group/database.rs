//! The verbs of a database that share commits.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::Job;
use super::work::Task;
use crate::connection::Connection;
use crate::database::Database;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::guard;
use crate::patience::{POLL, Patience};
use crate::pool::DEFAULT_WAIT;
use crate::writer::{LanePlace, Owner, Ticket, Turn, Writer};

impl Database {
    /// [`Database::write`] of work that owns what it needs: where a commit waits for the disk, it
    /// may share one with others that wait, and then run on another thread.
    ///
    /// Work that needs several statements to be all or nothing wraps them in
    /// [`Connection::whole`].
    ///
    /// ```
    /// use holdfast::{Database, Patience};
    /// let db = Database::open(":memory:")?;
    /// db.execute("CREATE TABLE note(body TEXT)", &[])?;
    /// let parameters = ["hello".to_owned().into()];
    /// let changed = db.write_shared(&Patience::unbounded(), move |connection| {
    ///     connection.execute("INSERT INTO note VALUES (?)", &parameters)
    /// })?;
    /// assert_eq!(changed, 1);
    /// # Ok::<(), holdfast::Error>(())
    /// ```
    ///
    /// # Errors
    /// The work's own; [`Error::Busy`] when the lane is not to be had in time.
    pub fn write_shared<T: Send + 'static>(
        &self,
        patience: &Patience<'_>,
        run: impl FnMut(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let engine = self.engine()?;
        if !engine.lane()?.shares(patience) {
            return self.write(patience, run);
        }
        let slot = Arc::new(Mutex::new(None));
        let done = {
            let (slot, thread) = (Arc::clone(&slot), std::thread::current());
            move |result: Result<T>| {
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
                thread.unpark();
            }
        };
        let job = Job::new(Task::new(run, done));
        let ticket = Ticket::shared(Owner::this_thread(), Turn::parked(), job);
        let arrived = || slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        wait(engine, &ticket, patience, arrived)
    }

    /// Whether [`Database::write_shared`] would find others to share a commit with now.
    pub fn would_share(&self, patience: &Patience<'_>) -> Result<bool> {
        let Ok(lane) = self.engine()?.lane() else { return Ok(false) };
        Ok(lane.shares(patience) && (!lane.is_free() || lane.expected() > 1))
    }

    /// [`Database::write_shared`] for a caller that cannot wait: another thread runs the work, with
    /// what else waits, and calls `done` with its result, which must be quick.
    ///
    /// # Errors
    /// [`Error::Closed`], and [`Error::Misuse`] when the owner holds the lane; `done` is not called
    /// then.
    pub fn write_later<T: Send + 'static>(
        &self,
        owner: Owner,
        run: impl FnMut(&Connection) -> Result<T> + Send + 'static,
        done: impl FnOnce(Result<T>) + Send + 'static,
    ) -> Result<LanePlace> {
        let job = Job::new(Task::new(run, done));
        let ticket = Ticket::shared(owner, Turn::Worker, job);
        Writer::lead_later(self.engine()?, Arc::clone(&ticket)).inspect_err(|_| ticket.abandon())
    }
}

/// A write that waits for the others of its turn; see [`Database::write_together`].
pub struct PendingWrite(Arc<Ticket>);

impl Database {
    /// Whether a commit waits for the disk.
    pub fn syncs_on_commit(&self) -> Result<bool> {
        Ok(self.engine()?.lane()?.syncs())
    }

    /// A write for [`Database::write_together`], and its place until then: withdrawn or interrupted,
    /// it is not run.
    pub fn pending_write<T: Send + 'static>(
        &self,
        owner: Owner,
        run: impl FnMut(&Connection) -> Result<T> + Send + 'static,
        done: impl FnOnce(Result<T>) + Send + 'static,
    ) -> Result<(PendingWrite, LanePlace)> {
        let engine = self.engine()?;
        let ticket = Ticket::shared(owner, Turn::Worker, Job::new(Task::new(run, done)));
        Ok((PendingWrite(Arc::clone(&ticket)), LanePlace::of(engine, ticket)))
    }

    /// Run writes with one commit: at once where the lane is free, a commit does not wait for the
    /// disk and no other process is in the way; otherwise as [`Database::write_later`] does.
    pub fn write_together(&self, writes: Vec<PendingWrite>) {
        let tickets: Vec<_> = writes.into_iter().map(|PendingWrite(ticket)| ticket).collect();
        let engine = match self.engine() {
            Ok(engine) => engine,
            Err(_) => return tickets.iter().for_each(|ticket| ticket.fail(self.closed())),
        };
        let free = Writer::try_enter(engine, Owner::passing()).ok().flatten();
        if let Some(writer) = free.filter(|writer| !writer.syncs_on_commit())
            && super::at_once(writer, &tickets)
        {
            return;
        }
        for ticket in tickets {
            if let Err(error) = Writer::lead_later(engine, Arc::clone(&ticket)) {
                ticket.fail(error);
            }
        }
    }
}

/// Wait until the work is done by a leader, or lead.
fn wait<T>(
    engine: &Arc<Engine>,
    ticket: &Arc<Ticket>,
    patience: &Patience<'_>,
    arrived: impl Fn() -> Option<Result<T>>,
) -> Result<T> {
    let lane = engine.lane()?;
    let job = ticket.job.as_ref().expect("made with one");
    patience.caller().release();
    let free = lane.join(ticket, engine).inspect_err(|_| job.abandon())?;
    let generation = guard::generation();
    let begun = Instant::now();
    let (mut polled, mut called, mut gone) = (begun, free, false);
    loop {
        if called || ticket.is_called() {
            called = false;
            let writer = Writer::holding(engine);
            if engine.is_closing() {
                job.abandon();
                return Err(engine.closed());
            }
            super::lead(writer, Arc::clone(ticket), patience)?;
        }
        if let Some(result) = arrived() {
            return result;
        }
        let failure = if lane.is_closed() {
            Some(engine.closed())
        } else if begun.elapsed() >= DEFAULT_WAIT {
            Some(lane.busy(begun.elapsed()))
        } else {
            None
        };
        if let Some(error) = failure.filter(|_| lane.withdraw(ticket)) {
            job.abandon();
            return Err(error);
        }
        std::thread::park_timeout(POLL);
        if !gone && polled.elapsed() >= POLL {
            polled = Instant::now();
            let proceed = patience.caller().proceed();
            if guard::generation() != generation {
                return Err(Error::Fork("the write"));
            }
            if !proceed {
                if lane.withdraw(ticket) {
                    job.abandon();
                    return Err(Error::Interrupted);
                }
                // It may have been kept: its leader tells.
                job.cancel();
                gone = true;
            }
        }
    }
}

impl Connection {
    /// Run several statements all or nothing: in the transaction that is open, whose owner rolls it
    /// back when this fails half way, or in one of their own.
    pub fn whole<T>(&self, run: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        if !self.is_idle() {
            return run(self);
        }
        self.command("BEGIN IMMEDIATE")?;
        let result = run(self).and_then(|value| self.command("COMMIT").map(|()| value));
        if result.is_err() {
            // The first error says more than that of the rollback.
            let _ = self.clean();
        }
        result
    }
}
