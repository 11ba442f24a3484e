//! The writer lane: the one writing connection of a process, handed out first come first served.

use std::cell::{Cell, UnsafeCell};
use std::collections::VecDeque;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::connection::{Badge, Connection};
use crate::engine::Engine;
use crate::error::{Busy, Error, Holder, Resource, Result};
use crate::guard;
use crate::patience::{POLL, Patience};
use crate::pool::DEFAULT_WAIT;

/// The lane of one file.
pub(crate) struct Lane {
    queue: Mutex<Queue>,
    badge: Arc<Badge>,
    connection: UnsafeCell<Option<Connection>>,
}

// SAFETY: the connection is touched only by the holder of the lane, and there is one at a time.
unsafe impl Sync for Lane {}

#[derive(Default)]
struct Queue {
    holder: Option<u64>,
    waiting: VecDeque<Arc<Ticket>>,
    closed: bool,
}

/// A place in the queue.
struct Ticket {
    thread: u64,
    turn: Condvar,
}

impl Lane {
    pub(crate) fn new(connection: Connection) -> Self {
        let badge = Arc::clone(connection.badge());
        Lane { queue: Mutex::default(), badge, connection: UnsafeCell::new(Some(connection)) }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Become the holder.
    fn enter(&self, engine: &Engine, patience: &Patience<'_>) -> Result<()> {
        let thread = guard::thread_id();
        let mut queue = self.queue();
        if queue.closed {
            return Err(engine.closed());
        }
        if queue.holder == Some(thread) {
            return Err(Error::Misuse(
                "this thread holds the writer lane already: inside a transaction, write through the \
                 transaction (tx), not through the database; nest with tx.transaction()"
                    .into(),
            ));
        }
        if queue.waiting.iter().any(|ticket| ticket.thread == thread) {
            return Err(Error::Misuse(
                "this thread waits for the writer lane already; a signal handler cannot write \
                 meanwhile"
                    .into(),
            ));
        }
        if queue.holder.is_none() && queue.waiting.is_empty() {
            queue.holder = Some(thread);
            return Ok(());
        }
        let ticket = Arc::new(Ticket { thread, turn: Condvar::new() });
        queue.waiting.push_back(Arc::clone(&ticket));
        // The interpreter lock must never be waited for with the queue locked.
        drop(queue);
        patience.caller().release();
        let begun = Instant::now();
        let result = self.wait(&ticket, engine, patience, begun);
        engine.stats.lane_waits.record(begun.elapsed());
        result
    }

    fn wait(
        &self,
        ticket: &Arc<Ticket>,
        engine: &Engine,
        patience: &Patience<'_>,
        begun: Instant,
    ) -> Result<()> {
        let deadline = patience.deadline().unwrap_or(begun + DEFAULT_WAIT);
        let mut polled = begun;
        let mut queue = self.queue();
        loop {
            if !queue.waiting.iter().any(|t| Arc::ptr_eq(t, ticket)) {
                if queue.closed {
                    Self::pass_on(&mut queue);
                    return Err(engine.closed());
                }
                return Ok(());
            }
            let now = Instant::now();
            let failure = if queue.closed {
                Some(engine.closed())
            } else if now >= deadline {
                Some(self.busy(begun.elapsed()))
            } else {
                None
            };
            if let Some(error) = failure {
                queue.waiting.retain(|t| !Arc::ptr_eq(t, ticket));
                return Err(error);
            }
            let time = POLL.min(deadline - now);
            queue = ticket.turn.wait_timeout(queue, time).unwrap_or_else(PoisonError::into_inner).0;
            if polled.elapsed() >= POLL {
                polled = Instant::now();
                drop(queue);
                let proceed = patience.caller().proceed();
                queue = self.queue();
                let before = queue.waiting.len();
                if !proceed {
                    queue.waiting.retain(|t| !Arc::ptr_eq(t, ticket));
                    if queue.waiting.len() == before {
                        // The lane came in the same moment: pass it on.
                        Self::pass_on(&mut queue);
                    }
                    return Err(Error::Interrupted);
                }
            }
        }
    }

    fn busy(&self, waited: Duration) -> Error {
        let holders = self.holder().into_iter().collect();
        let (resource, code, process) = (Resource::Lane, rusqlite::ffi::SQLITE_BUSY, None);
        Error::Busy(Box::new(Busy { resource, waited, code, holders, process }))
    }

    fn pass_on(queue: &mut Queue) {
        let next = queue.waiting.pop_front();
        queue.holder = next.as_ref().map(|ticket| ticket.thread);
        if let Some(ticket) = next {
            ticket.turn.notify_one();
        }
    }

    /// Who holds the lane now.
    pub(crate) fn holder(&self) -> Option<Holder> {
        self.badge.holder()
    }

    /// End the statement that runs now.
    pub(crate) fn interrupt(&self) {
        self.badge.interrupt();
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.queue().waiting.len()
    }

    /// Let nobody in any more.
    pub(crate) fn refuse(&self) {
        let mut queue = self.queue();
        queue.closed = true;
        queue.waiting.iter().for_each(|ticket| ticket.turn.notify_one());
    }

    pub(crate) fn is_free(&self) -> bool {
        self.queue().holder.is_none()
    }

    /// Take the connection out for good; only when nobody holds the lane.
    pub(crate) fn retire(&self) -> Option<Connection> {
        let queue = self.queue();
        if queue.holder.is_some() {
            return None;
        }
        // SAFETY: the queue is closed, nobody holds the lane, and the queue's lock is held.
        unsafe { (*self.connection.get()).take() }
    }
}

/// The writing connection, held; the lane passes on when dropped.
///
/// It may go to another thread, but not be shared by two:
///
/// ```compile_fail
/// fn shared<T: Sync>() {}
/// shared::<holdfast::Writer>();
/// ```
pub struct Writer {
    engine: ManuallyDrop<Arc<Engine>>,
    /// The engine may be shared; the connection that this gives may not.
    _one_thread: PhantomData<Cell<()>>,
}

impl Writer {
    pub(crate) fn enter(engine: &Arc<Engine>, patience: &Patience<'_>) -> Result<Self> {
        let lane = engine.lane()?;
        lane.enter(engine, patience)?;
        let engine = ManuallyDrop::new(Arc::clone(engine));
        let writer = Writer { engine, _one_thread: PhantomData };
        writer.badge().pin_on();
        Ok(writer)
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }
}

impl std::ops::Deref for Writer {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        let lane = self.engine.lane().expect("a writer exists only where there is a lane");
        // SAFETY: this guard holds the lane.
        unsafe { &*lane.connection.get() }
            .as_ref()
            .expect("taken out only when nobody holds the lane")
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.is_current() {
            return;
        }
        if let Err(error) = self.clean() {
            log::error!(target: "holdfast::writer", "rollback failed: {error}");
        }
        self.engine.stats.lane_holds.record(self.badge().take_off());
        self.engine.after_write();
        if let Ok(lane) = self.engine.lane() {
            Lane::pass_on(&mut lane.queue());
        }
        // SAFETY: dropped once, here.
        unsafe { ManuallyDrop::drop(&mut self.engine) };
    }
}
