//! Who uses a connection, for the messages of those who wait, and how to stop them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Holder, summary};
use crate::guard;
use crate::threads;

/// Pinned on while somebody uses the connection.
pub(crate) struct Badge {
    hold: Mutex<Option<Hold>>,
    /// Loops over rows are to end, too.
    stopped: AtomicBool,
    interrupt: rusqlite::InterruptHandle,
}

/// One use of a connection.
#[derive(Debug)]
pub(crate) struct Hold {
    thread: u64,
    since: Instant,
    statement: Option<Arc<str>>,
    /// The task that holds it, where it is not the thread itself.
    task: Option<String>,
    /// How long it lasted when it was last told about.
    told: Option<Duration>,
}

impl Hold {
    pub(crate) fn held(&self) -> Duration {
        self.since.elapsed()
    }

    /// The same in words, when it has lasted so long.
    pub(crate) fn holder(&self, held: Duration) -> Holder {
        Holder {
            thread: self.thread,
            name: self.task.clone().or_else(|| threads::name(self.thread)),
            is_task: self.task.is_some(),
            statement: self.statement.as_deref().map(summary),
            held,
        }
    }
}

impl Badge {
    pub(super) fn new(raw: &rusqlite::Connection) -> Arc<Self> {
        let interrupt = raw.get_interrupt_handle();
        Arc::new(Badge { hold: Mutex::default(), stopped: AtomicBool::new(false), interrupt })
    }

    /// End the statement that runs now, if the connection is in use.
    pub(crate) fn interrupt(&self) {
        if self.holder().is_some() {
            self.stopped.store(true, Ordering::Relaxed);
            self.interrupt.interrupt();
        }
    }

    #[inline]
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    pub(crate) fn pin_on(&self) {
        self.pin_on_since(Instant::now());
    }

    pub(crate) fn pin_on_since(&self, since: Instant) {
        let thread = guard::thread_id();
        let hold = Hold { thread, since, statement: None, task: None, told: None };
        *self.hold.lock().unwrap_or_else(PoisonError::into_inner) = Some(hold);
    }

    /// It was handed on to this thread, or to a task.
    pub(crate) fn pass_to(&self, task: Option<String>) {
        if let Some(hold) = self.hold.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            hold.thread = guard::thread_id();
            hold.task = task;
        }
    }

    pub(crate) fn take_off(&self) -> Option<Hold> {
        self.hold.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Who has held it for `limit`, and then again when it is `again` times as long.
    pub(crate) fn overdue(&self, limit: Duration, again: u32) -> Option<Holder> {
        let mut hold = self.hold.lock().unwrap_or_else(PoisonError::into_inner);
        let hold = hold.as_mut()?;
        let held = hold.held();
        if held < hold.told.map_or(limit, |told| told.saturating_mul(again)) {
            return None;
        }
        hold.told = Some(held);
        Some(hold.holder(held))
    }

    pub(crate) fn note(&self, sql: &Arc<str>) {
        let mut hold = self.hold.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(hold) = hold.as_mut().filter(|h| h.statement.is_none()) {
            hold.statement = Some(sql.clone());
        }
    }

    pub(crate) fn holder(&self) -> Option<Holder> {
        let hold = self.hold.lock().unwrap_or_else(PoisonError::into_inner);
        hold.as_ref().map(|hold| hold.holder(hold.held()))
    }
}
