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

#[derive(Default)]
struct Workers {
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    idle: usize,
    threads: usize,
}

fn workers() -> &'static Workers {
    static WORKERS: PerProcess<Workers> = PerProcess::new();
    WORKERS.get(Workers::default)
}

/// Run a job on a thread of its own, one that is idle if there is.
///
/// # Errors
/// When no thread can be started, and none is there that would come to the job; it is dropped then.
pub fn spawn(job: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let workers = workers();
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
pub fn run(job: impl FnOnce() + Send + 'static) {
    if let Err(error) = spawn(job) {
        log::error!(target: "holdfast::worker", "a thread could not be started: {error}");
    }
}

impl Workers {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self) {
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
