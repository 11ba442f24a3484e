//! What the threads of a binding are called, for messages about them.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::guard::{self, PerProcess};

type Names = Mutex<HashMap<u64, String>>;

/// A forked child makes its own: the parent's may be locked for good.
static NAMES: PerProcess<Names> = PerProcess::new();

thread_local! {
    /// The generation in which this thread's name was told; apart, since it has nothing to drop.
    static TOLD: Cell<u32> = const { Cell::new(u32::MAX) };
    static ENTRY: Cell<Option<Entry>> = const { Cell::new(None) };
}

/// Takes the name out when the thread ends.
struct Entry(u64);

impl Drop for Entry {
    fn drop(&mut self) {
        names().remove(&self.0);
    }
}

fn names() -> MutexGuard<'static, HashMap<u64, String>> {
    NAMES.get(Names::default).lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether [`tell`] was called by this thread.
#[inline]
pub fn is_told() -> bool {
    TOLD.get() == guard::generation()
}

/// Say what this thread is called, if it has a name.
#[cold]
pub fn tell(name: Option<String>) {
    TOLD.set(guard::generation());
    let thread = guard::thread_id();
    if let Some(name) = name {
        names().insert(thread, name);
        let _ = ENTRY.try_with(|entry| entry.set(Some(Entry(thread))));
    }
}

/// What a thread of this process is called: as it was told, or as the system knows it.
pub(crate) fn name(thread: u64) -> Option<String> {
    let told = names().get(&thread).cloned();
    told.or_else(|| {
        let name = std::fs::read_to_string(format!("/proc/self/task/{thread}/comm")).ok()?;
        Some(name.trim_end().to_owned())
    })
}
