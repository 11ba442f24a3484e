//! The writer lane: the one writing connection of a process, handed out first come first served.

mod lane;

use std::cell::Cell;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use crate::connection::Connection;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::guard;
use crate::patience::Patience;

use lane::Ready;
pub(crate) use lane::{Lane, Tenure, Ticket, Turn};

/// Who holds the lane or waits for it: a thread, or a task of the event loop that a thread runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    thread: u64,
    /// 0 for the thread itself.
    task: u64,
}

impl Owner {
    /// A thread of the engine that runs what others wait for; it waits for nobody.
    const ENGINE: Owner = Owner { thread: 0, task: u64::MAX };

    /// The thread that calls this.
    pub fn this_thread() -> Self {
        Owner { thread: guard::thread_id(), task: 0 }
    }

    /// A task of the event loop that this thread runs; the number, not 0, tells tasks apart.
    pub fn task(task: u64) -> Self {
        Owner { thread: guard::thread_id(), task }
    }

    /// A task that gives the lane back before anybody else can run.
    pub fn passing() -> Self {
        Owner::task(u64::MAX)
    }

    /// Why waiting for this holder would be waiting for oneself.
    fn deadlocks(self, holder: Owner) -> Option<Error> {
        let problem = if self == holder {
            match self.task {
                0 => {
                    "this thread holds the writer lane already: inside a transaction, write through \
                      the transaction (tx), not through the database; nest with tx.transaction()"
                }
                _ => {
                    "this task holds the writer lane already: inside a transaction, write through \
                      the transaction (tx), not through the database; nest with tx.transaction()"
                }
            }
        } else if self.task == 0 && self.thread == holder.thread {
            "a task of this thread's event loop holds the writer lane, and a call that blocks the \
             loop would keep it from ever ending; await the asynchronous verbs instead"
        } else {
            return None;
        };
        Some(Error::Misuse(problem.into()))
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
        let writer = Self::holding(engine);
        writer.watch().give_way(patience);
        Ok(writer)
    }

    /// The guard of whoever just became the holder.
    pub(crate) fn holding(engine: &Arc<Engine>) -> Self {
        let engine = ManuallyDrop::new(Arc::clone(engine));
        let writer = Writer { engine, _one_thread: PhantomData };
        writer.badge().pin_on();
        writer
    }

    /// Take the lane if it is free and nobody waits for it.
    pub(crate) fn try_enter(engine: &Arc<Engine>, owner: Owner) -> Result<Option<Self>> {
        let free = engine.lane()?.try_enter(owner, engine)?;
        Ok(free.then(|| Self::holding(engine)))
    }

    /// Take a place in the queue; `ready` is called when the turn has come, at once if it has.
    pub(crate) fn enter_later(
        engine: &Arc<Engine>,
        owner: Owner,
        ready: Ready,
    ) -> Result<LanePlace> {
        let lane = engine.lane()?;
        let ticket = Ticket::new(owner, Turn::Later(Mutex::new(Some(ready))));
        let came = lane.enter_later(&ticket, engine)?;
        if came && let Some(ready) = ticket.call() {
            ready(Ok(Self::holding(engine)));
        }
        Ok(LanePlace { engine: Arc::downgrade(engine), ticket })
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Roll back what is open, and count.
    fn finish(&self) {
        if let Err(error) = self.clean() {
            log::error!(target: "holdfast::writer", "rollback failed: {error}");
        }
        if let Some(hold) = self.badge().take_off() {
            self.engine.stats.lane_held(&hold);
        }
        self.engine.after_write();
    }
}

impl std::ops::Deref for Writer {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        let lane = self.engine.lane().expect("a writer exists only where there is a lane");
        lane.connection().expect("taken out only when nobody holds the lane")
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.is_current() {
            return;
        }
        self.finish();
        if let Ok(lane) = self.engine.lane() {
            lane.pass_on(&self.engine);
        }
        // SAFETY: dropped once, here.
        unsafe { ManuallyDrop::drop(&mut self.engine) };
    }
}

/// A place in the queue of the lane.
pub struct LanePlace {
    engine: Weak<Engine>,
    ticket: Arc<Ticket>,
}

impl LanePlace {
    pub(crate) fn of(engine: &Arc<Engine>, ticket: Arc<Ticket>) -> Self {
        LanePlace { engine: Arc::downgrade(engine), ticket }
    }

    /// Give the place up; `false` when the turn has come already.
    pub fn withdraw(&self) -> bool {
        let Some(engine) = self.engine.upgrade() else { return true };
        let left = engine.lane().is_ok_and(|lane| lane.withdraw(&self.ticket));
        if let (true, Some(job)) = (left, &self.ticket.job) {
            job.abandon();
        }
        left
    }

    /// End the work of [`Database::write_later`](crate::Database::write_later) that has been taken
    /// up, unless it is done; its caller is told in any case what became of it.
    pub fn interrupt(&self) {
        if let Some(job) = &self.ticket.job {
            job.cancel();
        }
    }

    /// Why the turn has not come for so long.
    pub fn busy(&self, waited: Duration) -> Error {
        let engine = self.engine.upgrade();
        match engine.as_ref().map(|engine| engine.lane()) {
            Some(Ok(lane)) => lane.busy(waited),
            _ => Error::Closed("the database is closed; open it again".into()),
        }
    }
}
