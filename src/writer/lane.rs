//! The lane of one file: who holds it, who waits for it, and whose turn it is next.

mod shared;
mod tenure;

use std::cell::UnsafeCell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use super::{Owner, Writer};
use crate::connection::{Badge, Connection};
use crate::engine::Engine;
use crate::error::{Busy, Error, Holder, Resource, Result};
use crate::group::{self, Job};
use crate::patience::{POLL, Patience};
use crate::pool::DEFAULT_WAIT;
use crate::worker::{self, Priority};

pub(crate) use tenure::Tenure;

/// The lane of one file.
pub(crate) struct Lane {
    queue: Mutex<Queue>,
    badge: Arc<Badge>,
    connection: UnsafeCell<Option<Connection>>,
    /// Whether a commit waits for the disk.
    syncs: bool,
    /// Where a leader waits for more to come.
    more: Condvar,
}

// SAFETY: the connection is touched only by the holder of the lane, and there is one at a time.
unsafe impl Sync for Lane {}

#[derive(Default)]
struct Queue {
    holder: Option<Owner>,
    waiting: VecDeque<Arc<Ticket>>,
    closed: bool,
    /// The lane was left free for the first who waits, and others may come before.
    offered: bool,
    /// The first who waits was overtaken: it is next.
    hurry: bool,
    /// How many must wait before the leader of a group is told.
    wanted: Option<usize>,
    recent: Option<Recent>,
}

/// The last group of writes that shared a commit.
#[derive(Clone, Copy)]
struct Recent {
    ended: Instant,
    /// Its members, and those who waited when it ended: they may all be back soon.
    writes: usize,
    commit: Duration,
}

/// A place in the queue.
pub(crate) struct Ticket {
    owner: Owner,
    turn: Turn,
    /// What its turn is for, where another may do it.
    pub(crate) job: Option<Job>,
}

/// How the one whose turn it is learns of it.
pub(crate) enum Turn {
    Thread(Condvar),
    Later(Mutex<Option<Ready>>),
    /// A thread with a job, which is woken when the turn has come or the job is done.
    Parked(Thread, AtomicBool),
    /// A job that a thread of the engine begins.
    Worker,
}

impl Turn {
    pub(crate) fn parked() -> Self {
        Turn::Parked(std::thread::current(), AtomicBool::new(false))
    }
}

/// Called with the lane by the thread that gives it back, or with why there is none; must be quick.
pub(crate) type Ready = Box<dyn FnOnce(Result<Writer>) + Send>;

impl Ticket {
    pub(super) fn new(owner: Owner, turn: Turn) -> Arc<Self> {
        Arc::new(Ticket { owner, turn, job: None })
    }

    pub(crate) fn shared(owner: Owner, turn: Turn, job: Job) -> Arc<Self> {
        Arc::new(Ticket { owner, turn, job: Some(job) })
    }

    /// Its caller has gone.
    pub(crate) fn abandon(&self) {
        if let Some(job) = &self.job {
            job.abandon();
        }
    }

    /// Tell the caller of its job that there will be no run of it.
    pub(crate) fn fail(&self, error: Error) {
        if let Some(mut work) = self.job.as_ref().and_then(Job::take) {
            work.settle(Err(error));
        }
    }

    /// Whether a thread's turn has come.
    pub(crate) fn is_called(&self) -> bool {
        matches!(&self.turn, Turn::Parked(_, called) if called.load(Ordering::Acquire))
    }

    /// Who holds the lane when its turn has come.
    fn holder(&self) -> Owner {
        if let Turn::Worker = self.turn { Owner::ENGINE } else { self.owner }
    }

    /// Say that something has changed; gives what is to be called without the queue's lock.
    pub(super) fn call(&self) -> Option<Ready> {
        match &self.turn {
            Turn::Thread(turn) => {
                turn.notify_one();
                None
            }
            Turn::Later(ready) => ready.lock().unwrap_or_else(PoisonError::into_inner).take(),
            Turn::Parked(thread, _) => {
                thread.unpark();
                None
            }
            Turn::Worker => None,
        }
    }
}

impl Queue {
    /// Become the holder if nobody is, and nobody waits; an error where waiting would never end.
    fn take(&mut self, owner: Owner, engine: &Engine) -> Result<bool> {
        if self.closed {
            return Err(engine.closed());
        }
        engine.names.check()?;
        if let Some(error) = self.holder.and_then(|holder| owner.deadlocks(holder)) {
            return Err(error);
        }
        // Free while others wait: whoever runs first takes it.
        let free = self.holder.is_none();
        if free {
            self.holder = Some(owner);
        }
        Ok(free)
    }

    /// Become the last of those who wait, for a thread, but come before tasks of that thread.
    fn line_up(&mut self, ticket: &Arc<Ticket>) -> Result<()> {
        if self.waiting.iter().any(|other| other.owner == ticket.owner) {
            return Err(Error::Misuse(
                "this thread waits for the writer lane already; a signal handler cannot write \
                 meanwhile"
                    .into(),
            ));
        }
        // Tasks of its own event loop would get the lane and could not go on meanwhile.
        let mine = |other: &Arc<Ticket>| {
            other.owner.thread == ticket.owner.thread && matches!(other.turn, Turn::Later(_))
        };
        let place = self.waiting.iter().position(mine).unwrap_or(self.waiting.len());
        self.waiting.insert(place, Arc::clone(ticket));
        Ok(())
    }

    /// Take a ticket out; `false` when its turn has come already.
    fn withdraw(&mut self, ticket: &Arc<Ticket>) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|other| !Arc::ptr_eq(other, ticket));
        self.waiting.len() < before
    }
}

impl Lane {
    pub(crate) fn new(connection: Connection) -> Self {
        Lane {
            queue: Mutex::default(),
            badge: Arc::clone(connection.badge()),
            syncs: connection.syncs_on_commit(),
            connection: UnsafeCell::new(Some(connection)),
            more: Condvar::new(),
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Become the holder, if nobody is.
    pub(super) fn try_enter(&self, owner: Owner, engine: &Engine) -> Result<bool> {
        self.queue().take(owner, engine)
    }

    /// Become the holder, or take a place in the queue for a caller that cannot wait; gives which.
    pub(super) fn enter_later(&self, ticket: &Arc<Ticket>, engine: &Engine) -> Result<bool> {
        let mut queue = self.queue();
        let free = queue.take(ticket.owner, engine)?;
        if !free {
            queue.waiting.push_back(Arc::clone(ticket));
        }
        Ok(free)
    }

    /// The connection, for the holder.
    #[inline]
    pub(super) fn connection(&self) -> Option<&Connection> {
        // SAFETY: only a `Writer` asks, which holds the lane.
        unsafe { &*self.connection.get() }.as_ref()
    }

    /// Become the holder.
    pub(super) fn enter(&self, engine: &Arc<Engine>, patience: &Patience<'_>) -> Result<()> {
        let owner = Owner::this_thread();
        let mut queue = self.queue();
        if queue.take(owner, engine)? {
            return Ok(());
        }
        let ticket = Ticket::new(owner, Turn::Thread(Condvar::new()));
        queue.line_up(&ticket)?;
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
        engine: &Arc<Engine>,
        patience: &Patience<'_>,
        begun: Instant,
    ) -> Result<()> {
        let Turn::Thread(turn) = &ticket.turn else { return Ok(()) };
        let deadline = patience.deadline().unwrap_or(begun + DEFAULT_WAIT);
        let mut polled = begun;
        let mut queue = self.queue();
        loop {
            if queue.holder.is_none()
                && !queue.closed
                && queue.waiting.front().is_some_and(|first| Arc::ptr_eq(first, ticket))
            {
                queue.waiting.pop_front();
                queue.hurry = false;
                queue.holder = Some(ticket.owner);
                return Ok(());
            }
            if !queue.waiting.iter().any(|t| Arc::ptr_eq(t, ticket)) {
                if queue.closed {
                    drop(queue);
                    self.pass_on(engine);
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
                queue.withdraw(ticket);
                let unclaimed = queue.holder.is_none() && !queue.closed;
                drop(queue);
                if unclaimed {
                    self.pass_on(engine);
                }
                return Err(error);
            }
            let time = POLL.min(deadline - now);
            queue = turn.wait_timeout(queue, time).unwrap_or_else(PoisonError::into_inner).0;
            let first = queue.waiting.front().is_some_and(|first| Arc::ptr_eq(first, ticket));
            queue.hurry |= first && queue.offered && queue.holder.is_some();
            if polled.elapsed() >= POLL {
                polled = Instant::now();
                let waiting = queue.waiting.len();
                drop(queue);
                engine.stats.longest_holds.look(&self.badge, waiting);
                let proceed = patience.caller().proceed();
                queue = self.queue();
                if !proceed {
                    let came = !queue.withdraw(ticket) || queue.holder.is_none();
                    drop(queue);
                    if came {
                        // In the same moment: to be passed on.
                        self.pass_on(engine);
                    }
                    return Err(Error::Interrupted);
                }
            }
        }
    }

    pub(crate) fn busy(&self, waited: Duration) -> Error {
        let holders = self.holder().into_iter().collect();
        let (resource, code, process) = (Resource::Lane, rusqlite::ffi::SQLITE_BUSY, None);
        Error::Busy(Box::new(Busy { resource, waited, code, holders, process }))
    }

    /// Give the lane to whoever waits first.
    pub(super) fn pass_on(&self, engine: &Arc<Engine>) {
        if let Some(ticket) = self.call_next(engine, true) {
            let (writer, theirs) = (Writer::holding(engine), Arc::clone(&ticket));
            if let Err(error) =
                worker::spawn(Priority::Normal, move || group::serve(writer, theirs))
            {
                ticket.fail(Error::io("a thread could not be started", error));
            }
        }
    }

    /// [`Lane::pass_on`], but gives a job for a thread of the engine to the caller.
    ///
    /// A thread that waits first is woken, and until it runs the lane is anybody's, if `anybody`: to
    /// wait for it each time would cost a change of threads for each write. It is overtaken until it
    /// has seen that once; then the lane is its own.
    fn call_next(&self, engine: &Arc<Engine>, anybody: bool) -> Option<Arc<Ticket>> {
        let next = {
            let mut queue = self.queue();
            let first = queue.waiting.front();
            if let Some(Turn::Thread(turn)) = first.map(|ticket| &ticket.turn)
                && anybody
                && !queue.hurry
            {
                turn.notify_one();
                queue.holder = None;
                queue.offered = true;
                return None;
            }
            queue.offered = false;
            queue.hurry = false;
            let next = queue.waiting.pop_front();
            queue.holder = next.as_ref().map(|ticket| ticket.holder());
            if let Some(Turn::Parked(_, called)) = next.as_ref().map(|ticket| &ticket.turn) {
                called.store(true, Ordering::Release);
            }
            next
        }?;
        if let Turn::Worker = next.turn {
            return Some(next);
        }
        if let Some(ready) = next.call() {
            ready(Ok(Writer::holding(engine)));
        }
        None
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
    pub(crate) fn refuse(&self, engine: &Engine) {
        let later = {
            let mut queue = self.queue();
            queue.closed = true;
            let (later, threads): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut queue.waiting)
                .into_iter()
                .partition(|ticket| matches!(ticket.turn, Turn::Later(_) | Turn::Worker));
            queue.waiting = threads;
            queue.waiting.iter().for_each(|ticket| drop(ticket.call()));
            later
        };
        for ticket in later {
            if let Some(ready) = ticket.call() {
                ready(Err(engine.closed()));
            }
            ticket.fail(engine.closed());
        }
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
