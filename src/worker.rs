//! Threads that run the work of callers that cannot wait, such as event loops.
//!
//! A job that holds a connection must never wait behind one that wants it, so there is a thread for
//! each job at hand; the connections bound their number.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::guard::PerProcess;

/// How long a thread without work stays.
const IDLE: Duration = Duration::from_secs(10);

type Job = Box<dyn FnOnce() + Send>;

/// Who comes first where there are more threads than processors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// Others wait for what it holds.
    Normal,
    /// The threads of event loops come first: a woken one would wait for the end of this one's
    /// slice of time.
    Low,
}

#[derive(Default)]
struct Workers {
    low: bool,
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    idle: usize,
    threads: usize,
}

fn workers(priority: Priority) -> &'static Workers {
    static NORMAL: PerProcess<Workers> = PerProcess::new();
    static LOW: PerProcess<Workers> = PerProcess::new();
    match priority {
        Priority::Normal => NORMAL.get(Workers::default),
        Priority::Low => LOW.get(|| Workers { low: true, ..Workers::default() }),
    }
}

/// Run a job on a thread of its own, one that is idle if there is.
///
/// # Errors
/// When no thread can be started, and none is there that would come to the job; it is dropped then.
pub fn spawn(priority: Priority, job: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let workers = workers(priority);
    let mut state = workers.state();
    state.jobs.push_back(Box::new(job));
    if state.idle >= state.jobs.len() {
        workers.work.notify_one();
        return Ok(());
    }
    state.threads += 1;
    drop(state);
    let started =
        std::thread::Builder::new().name("holdfast-worker".into()).spawn(move || workers.serve());
    started.map(drop).or_else(|error| {
        let mut state = workers.state();
        state.threads -= 1;
        let lost = if state.threads == 0 { state.jobs.pop_back() } else { None };
        drop(state);
        if lost.is_some() { Err(error) } else { Ok(()) }
    })
}

/// [`spawn`] for a job whose drop tells of its failure.
pub fn run(priority: Priority, job: impl FnOnce() + Send + 'static) {
    if let Err(error) = spawn(priority, job) {
        log::error!(target: "holdfast::worker", "a thread could not be started: {error}");
    }
}

/// Lower the priority of this thread; on Linux it has one of its own.
#[cfg(target_os = "linux")]
fn give_way() {
    const LOWER: libc::c_int = 19;
    // SAFETY: no pointers.
    unsafe {
        let now = libc::getpriority(libc::PRIO_PROCESS, 0);
        libc::setpriority(libc::PRIO_PROCESS, 0, now + LOWER);
    }
}

/// Elsewhere it would be the priority of the process.
#[cfg(not(target_os = "linux"))]
fn give_way() {}

impl Workers {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self) {
        if self.low {
            give_way();
        }
        let mut state = self.state();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                drop(state);
                // The panic was reported; whoever waits for the job learns of it by its drop.
                let _ = catch_unwind(AssertUnwindSafe(job));
                state = self.state();
                continue;
            }
            state.idle += 1;
            let (guard, waited) =
                self.work.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
            state = guard;
            state.idle -= 1;
            if waited.timed_out() && state.jobs.is_empty() {
                state.threads -= 1;
                return;
            }
        }
    }
}
