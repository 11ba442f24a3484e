//! The thread that vacuums in the background.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{TARGET, VacuumStats, finish_cycle};
use crate::database::Database;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::guard;
use crate::patience::{Caller, Patience};
use crate::writer::Writer;

/// How long a cycle keeps other writers out, before its commit.
const HOLD: Duration = Duration::from_millis(2);
/// How long a cycle that holds the lane waits for another process.
const OTHERS: Duration = Duration::from_millis(5);
/// The pause after a cycle, in times of its length, while others write.
const REST: u32 = 4;
/// A shorter interval would spin.
const SHORTEST: Duration = Duration::from_millis(1);

#[derive(Default)]
struct State {
    stopping: bool,
    triggered: bool,
}

/// What a daemon's thread and its owner share.
#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.wake.notify_one();
    }

    /// Sleep until the time is over or `woken` says so; gives whether to go on.
    fn wait(&self, time: Duration, mut woken: impl FnMut(&mut State) -> bool) -> bool {
        let asleep = |state: &mut State| !state.stopping && !woken(state);
        let waited = self.wake.wait_timeout_while(self.state(), time, asleep);
        !waited.unwrap_or_else(PoisonError::into_inner).0.stopping
    }
}

impl Caller for Shared {
    fn proceed(&self) -> bool {
        !self.state().stopping
    }
}

/// A background vacuum; dropped, it stops.
pub struct VacuumDaemon {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    generation: u32,
}

/// Vacuum a database every so often, in a thread that a closed database ends by itself.
///
/// A database that was opened with `vacuum_every` has one already.
///
/// # Errors
/// [`Error::Misuse`] for a database that was opened read-only; [`Error::Io`] without a thread.
///
/// ```
/// let db = holdfast::Database::open(":memory:")?;
/// let daemon = holdfast::spawn_vacuum_daemon(&db, std::time::Duration::from_secs(3600))?;
/// daemon.trigger();
/// daemon.stop();
/// # Ok::<(), holdfast::Error>(())
/// ```
pub fn spawn_vacuum_daemon(db: &Database, every: Duration) -> Result<VacuumDaemon> {
    let engine = db.engine()?;
    engine.lane()?;
    VacuumDaemon::spawn(engine, every)
}

impl VacuumDaemon {
    fn spawn(engine: &Arc<Engine>, every: Duration) -> Result<Self> {
        let shared = Arc::<Shared>::default();
        let (theirs, engine) = (Arc::clone(&shared), Arc::downgrade(engine));
        let builder = std::thread::Builder::new().name("holdfast-vacuum".into());
        let thread = builder
            .spawn(move || serve(&theirs, &engine, every.max(SHORTEST)))
            .map_err(|e| Error::io("cannot start the vacuum thread", e))?;
        Ok(VacuumDaemon { shared, thread: Some(thread), generation: guard::generation() })
    }

    /// Run now, or once more when it is running.
    pub fn trigger(&self) {
        self.shared.change(|state| state.triggered = true);
    }

    /// End it; what it has given back stays so.
    pub fn stop(self) {}
}

impl Drop for VacuumDaemon {
    fn drop(&mut self) {
        // A forked child has no such thread, and its lock may be held for ever.
        if self.generation != guard::generation() {
            std::mem::forget(self.thread.take());
            return;
        }
        self.shared.change(|state| state.stopping = true);
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
        {
            let _ = thread.join();
        }
    }
}

/// The background vacuum of one engine.
#[derive(Default)]
pub(crate) struct Daemon {
    started: AtomicBool,
    running: Mutex<Option<VacuumDaemon>>,
}

impl Daemon {
    /// Called after each write.
    #[inline]
    pub(crate) fn start(&self, engine: &Arc<Engine>) {
        if !self.started.load(Ordering::Relaxed) {
            self.start_once(engine);
        }
    }

    #[cold]
    fn start_once(&self, engine: &Arc<Engine>) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if self.started.swap(true, Ordering::Relaxed) {
            return;
        }
        let Some(every) = engine.options().vacuum_every else { return };
        match VacuumDaemon::spawn(engine, every) {
            Ok(daemon) => *running = Some(daemon),
            Err(error) => log::error!(target: TARGET, "no background vacuum: {error}"),
        }
    }

    pub(crate) fn stop(&self) {
        let daemon = {
            let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            self.started.store(true, Ordering::Relaxed);
            running.take()
        };
        drop(daemon);
    }
}

fn serve(shared: &Shared, engine: &Weak<Engine>, every: Duration) {
    while shared.wait(every, |state| std::mem::take(&mut state.triggered)) {
        match run(shared, engine) {
            Ok(Some(stats)) => {
                let Some(engine) = engine.upgrade() else { return };
                engine.record_vacuum(stats);
                if stats.reclaimed() > 0 {
                    engine.checkpointer.shrink(&engine);
                }
            }
            Ok(None) | Err(Error::Interrupted | Error::Closed(_)) => {}
            Err(error) => log::warn!(target: TARGET, "will try again in {every:.1?}: {error}"),
        }
        if engine.strong_count() == 0 {
            return;
        }
    }
}

/// Cycle until what was free at the start is given back; `None` when the database is gone.
fn run(shared: &Shared, engine: &Weak<Engine>) -> Result<Option<VacuumStats>> {
    let begun = Instant::now();
    let mut total: Option<VacuumStats> = None;
    loop {
        let Some(engine) = engine.upgrade() else { return Ok(total) };
        let writes = engine.stats.writes.get();
        let patience = Patience::new(None, shared);
        let done = engine.retrying(&patience, || one_cycle(&engine, &patience, shared))?;
        let busy = engine.stats.writes.get() > writes + 1;
        drop(engine);
        let sum = total.get_or_insert(VacuumStats { cycles: 0, ..done });
        sum.cycles += 1;
        (sum.pages_after, sum.free_after) = (done.pages_after, done.free_after);
        sum.longest_hold = sum.longest_hold.max(done.longest_hold);
        sum.time = begun.elapsed();
        let freed = done.pages_before.saturating_sub(done.pages_after);
        // Pages that are freed meanwhile are left for the next run, so that this one ends.
        let bound = sum.pages_before.saturating_sub(sum.free_before);
        if freed == 0 || done.free_after == 0 || sum.pages_after <= bound {
            return Ok(total);
        }
        let rest = done.time * if busy { REST } else { 1 };
        if !shared.wait(rest, |_| false) {
            return Ok(total);
        }
    }
}

fn one_cycle(
    engine: &Arc<Engine>,
    patience: &Patience<'_>,
    shared: &Shared,
) -> Result<VacuumStats> {
    let writer = Writer::enter(engine, patience)?;
    {
        let others = Patience::new(Some(OTHERS), shared);
        let _attention = writer.attend(&others);
        writer.command("BEGIN IMMEDIATE")?;
    }
    let _attention = writer.attend(patience);
    finish_cycle(&writer, 0, Some(HOLD))
}
