//! Turns on an event loop: work that is done at once must not keep the loop from others.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// How long the tasks of a loop do work at once before each of them has to give way.
const SLICE: Duration = Duration::from_millis(1);

thread_local! {
    static BEGUN: Cell<Option<Instant>> = const { Cell::new(None) };
    static SPENT: Cell<bool> = const { Cell::new(false) };
}

/// Whether the task that just did some work at once has to give way.
pub(super) fn must_yield() -> bool {
    let now = Instant::now();
    if !SPENT.get() && BEGUN.get().is_none_or(|begun| now.duration_since(begun) >= SLICE) {
        SPENT.set(true);
    }
    SPENT.get()
}

/// How long the present task may go on.
pub(super) fn slice_end() -> Instant {
    Instant::now() + SLICE
}

/// The loop came back to a task that gave way: it has been to all others since.
pub(super) fn resumed() {
    BEGUN.set(Some(Instant::now()));
    SPENT.set(false);
}
