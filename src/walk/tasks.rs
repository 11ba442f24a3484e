//! What the threads of a walk have still to do: the last that came is done first.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

struct State<T> {
    waiting: Vec<T>,
    running: usize,
    stopped: bool,
}

pub(super) struct Tasks<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

/// A task in the hands of a thread; what it leads to must be added before it is dropped.
pub(super) struct Running<'a, T>(&'a Tasks<T>);

impl<T> Tasks<T> {
    pub(super) fn new(first: T) -> Self {
        let state = State { waiting: vec![first], running: 0, stopped: false };
        Tasks { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, task: T) {
        self.lock().waiting.push(task);
        self.changed.notify_one();
    }

    /// The next task; waits while others may add some. `None` when all is done, or it is stopped.
    pub(super) fn next(&self) -> Option<(T, Running<'_, T>)> {
        let mut state = self.lock();
        loop {
            if state.stopped {
                return None;
            }
            if let Some(task) = state.waiting.pop() {
                state.running += 1;
                return Some((task, Running(self)));
            }
            if state.running == 0 {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(super) fn stop(&self) {
        let mut state = self.lock();
        state.stopped = true;
        state.waiting.clear();
        self.changed.notify_all();
    }
}

impl<T> Drop for Running<'_, T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.running -= 1;
        if state.running == 0 && state.waiting.is_empty() {
            self.0.changed.notify_all();
        }
    }
}
