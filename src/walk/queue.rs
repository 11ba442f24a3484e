//! What the threads of a walk have found and nobody has taken yet: bounded by bytes.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

struct State<T> {
    items: Vec<T>,
    bytes: usize,
    ended: bool,
    dropped: bool,
}

pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    room: Condvar,
    filled: Condvar,
    most: usize,
}

impl<T> Queue<T> {
    pub(super) fn new(most: usize) -> Self {
        let state = State { items: Vec::new(), bytes: 0, ended: false, dropped: false };
        Queue { state: Mutex::new(state), room: Condvar::new(), filled: Condvar::new(), most }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Add an item, when there is room; `false` when nobody takes any more.
    pub(super) fn push(&self, item: T, bytes: usize) -> bool {
        let mut state = self.lock();
        while state.bytes >= self.most && !state.dropped {
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.items.push(item);
        state.bytes += bytes;
        self.filled.notify_one();
        !state.dropped
    }

    /// Nothing more will be added.
    pub(super) fn end(&self) {
        self.lock().ended = true;
        self.filled.notify_one();
    }

    /// Nothing more will be taken.
    pub(super) fn drop_rest(&self) {
        let mut state = self.lock();
        state.dropped = true;
        state.items.clear();
        self.room.notify_all();
    }

    /// Take what is there once it has `bytes` or all was added; `None` if not within `time`.
    pub(super) fn take(&self, bytes: usize, time: Duration) -> Option<Vec<T>> {
        // More than there is room for never comes together.
        let bytes = bytes.min(self.most);
        let mut state = self.lock();
        if state.bytes < bytes && !state.ended {
            state = self.filled.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0;
            if state.bytes < bytes && !state.ended {
                return None;
            }
        }
        let items = std::mem::take(&mut state.items);
        state.bytes = 0;
        self.room.notify_all();
        Some(items)
    }
}
