//! Turns on an event loop: work that is done at once must not keep the loop from others.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// How long the tasks of a loop together do work at once in one turn of it.
const SLICE: Duration = Duration::from_millis(1);

thread_local! {
    /// When the task whose turn it is began, and how much of the slice is its share.
    static BEGUN: Cell<Option<Instant>> = const { Cell::new(None) };
    static SHARE: Cell<Duration> = const { Cell::new(SLICE) };
    /// Tasks that gave way and have not had their turn since.
    static WAITING: Cell<u32> = const { Cell::new(0) };
}

/// Whether the task that just did some work at once has to give way.
pub(super) fn must_yield() -> bool {
    BEGUN.get().is_none_or(|begun| begun.elapsed() >= SHARE.get())
}

/// Whether there are tasks that gave way and have not had their turn since.
pub(super) fn others_wait() -> bool {
    WAITING.get() > 0
}

/// When the task whose turn it is should give way.
pub(super) fn slice_end() -> Instant {
    Instant::now() + SHARE.get()
}

/// A task that gives way; dropped when its next turn has come.
pub(super) struct Turn(());

impl Turn {
    pub(super) fn wait() -> Self {
        WAITING.set(WAITING.get() + 1);
        Turn(())
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let others = WAITING.get().saturating_sub(1);
        WAITING.set(others);
        SHARE.set(SLICE / (others + 1));
        BEGUN.set(Some(Instant::now()));
    }
}
