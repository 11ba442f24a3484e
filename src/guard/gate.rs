//! What a fork must not meet half way: the locks of other crates that threads sleep in.
//!
//! r2d2 and its thread pool sleep in a table of `parking_lot`, which knows nothing of forks: a child
//! would find the sleepers of its parent in there, and follow them for ever once the memory of one
//! of them is another thread's. So a fork waits until nobody is inside, and who comes waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::patience::POLL;

/// Forks that have begun and not ended.
static FORKS: AtomicUsize = AtomicUsize::new(0);
/// Threads that are inside.
static INSIDE: AtomicUsize = AtomicUsize::new(0);

/// How long a fork waits; who sleeps inside looks up after [`POLL`].
const LIMIT: Duration = Duration::from_millis(2 * POLL.as_millis() as u64);
const PAUSE: Duration = Duration::from_micros(50);

/// One that is inside, until it is dropped.
struct Pass;

impl Drop for Pass {
    fn drop(&mut self) {
        INSIDE.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Do what may wait in a lock of another crate. It must end by itself, and not come here again.
pub(crate) fn pass<T>(work: impl FnOnce() -> T) -> T {
    loop {
        INSIDE.fetch_add(1, Ordering::SeqCst);
        let pass = Pass;
        if FORKS.load(Ordering::SeqCst) == 0 {
            return work();
        }
        drop(pass);
        wait_for_forks();
    }
}

fn wait_for_forks() {
    while FORKS.load(Ordering::SeqCst) > 0 {
        std::thread::sleep(PAUSE);
    }
}

/// Let nobody in, and wait for those inside. `wake` gives a thread that sleeps there something to do.
pub(super) fn close(wake: impl FnOnce(Box<dyn FnOnce() + Send>)) {
    FORKS.fetch_add(1, Ordering::SeqCst);
    let begun = Instant::now();
    let awake = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&awake);
    wake(Box::new(move || {
        told.store(true, Ordering::SeqCst);
        wait_for_forks();
    }));
    // The job is dropped at once where there is no such thread, and then nobody else has it.
    let sleeps = || !awake.load(Ordering::SeqCst) && Arc::strong_count(&awake) > 1;
    while (INSIDE.load(Ordering::SeqCst) > 0 || sleeps()) && begun.elapsed() < LIMIT {
        std::thread::sleep(PAUSE);
    }
}

pub(super) fn open() {
    FORKS.fetch_sub(1, Ordering::SeqCst);
}

/// In the child there is one thread, and it is outside.
pub(super) fn reset() {
    FORKS.store(0, Ordering::SeqCst);
    INSIDE.store(0, Ordering::SeqCst);
}
