//! How long a caller waits, and what becomes of its thread meanwhile.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// How often a waiting or long-running operation asks [`Caller::proceed`].
pub(crate) const POLL: Duration = Duration::from_millis(50);

/// The thread on whose behalf an operation runs.
///
/// A Python thread lets go of the interpreter lock in `release`; a plain Rust thread is [`Plain`].
pub trait Caller {
    /// The operation is about to wait, or runs longer than a short statement does.
    fn release(&self) {}

    /// Asked every 50 ms from then on; `false` ends the operation.
    fn proceed(&self) -> bool {
        true
    }

    /// Whether the operation may wait and run long; if not, it ends where it would.
    fn may_wait(&self) -> bool {
        true
    }

    /// Whether the operation is to end at once; asked while it waits and runs.
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// A caller that holds nothing and is never interrupted.
pub struct Plain;

impl Caller for Plain {}

/// A timeout, and when it began to count.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    started: Instant,
    timeout: Duration,
}

impl Limits {
    fn deadline(self) -> Option<Instant> {
        self.started.checked_add(self.timeout)
    }

    fn ends_before(self, other: Limits) -> bool {
        self.deadline().is_some_and(|end| other.deadline().is_none_or(|later| end <= later))
    }
}

/// A deadline and a caller; made anew for each operation.
pub struct Patience<'a> {
    started: Option<Instant>,
    timeout: Option<Duration>,
    caller: &'a dyn Caller,
    /// When short sleeps last asked the caller.
    polled: Cell<Option<Instant>>,
}

impl Patience<'static> {
    /// Wait as long as the database's own limits allow.
    pub fn unbounded() -> Self {
        Patience::new(None, &Plain)
    }

    /// Wait this long, then fail with [`Error::Timeout`](crate::Error::Timeout) or a busy error.
    pub fn timeout(timeout: Duration) -> Self {
        Patience::new(Some(timeout), &Plain)
    }
}

impl<'a> Patience<'a> {
    /// The clock is read only when there is a timeout.
    pub fn new(timeout: Option<Duration>, caller: &'a dyn Caller) -> Self {
        Patience {
            started: timeout.map(|_| Instant::now()),
            timeout,
            caller,
            polled: Cell::new(None),
        }
    }

    /// The same caller, under the deadline of `outer` too.
    pub fn within(&self, outer: Option<Limits>) -> Patience<'a> {
        let mine = self.bound();
        let sooner = match (mine, outer) {
            (Some(mine), Some(outer)) if mine.ends_before(outer) => Some(mine),
            (mine, outer) => outer.or(mine),
        };
        let (started, timeout) = (sooner.map(|b| b.started), sooner.map(|b| b.timeout));
        Patience { started, timeout, caller: self.caller, polled: Cell::new(None) }
    }

    /// What another operation is to end by, that is part of this one.
    pub fn bound(&self) -> Option<Limits> {
        Some(Limits { started: self.started?, timeout: self.timeout? })
    }

    /// A timeout that counts from a moment in the past.
    pub fn since(started: Instant, timeout: Option<Duration>, caller: &'a dyn Caller) -> Self {
        Patience { started: timeout.map(|_| started), timeout, caller, polled: Cell::new(None) }
    }

    /// The moment at which the caller gives up.
    pub fn deadline(&self) -> Option<Instant> {
        self.bound()?.deadline()
    }

    /// The timeout that was asked for.
    pub fn limit(&self) -> Option<Duration> {
        self.timeout
    }

    /// Whether the deadline has passed.
    pub fn is_over(&self) -> bool {
        self.deadline().is_some_and(|d| Instant::now() >= d)
    }

    pub(crate) fn caller(&self) -> &'a dyn Caller {
        self.caller
    }

    /// Sleep, but never past the deadline and only while the caller wants to go on.
    pub fn sleep(&self, time: Duration) -> bool {
        if !self.caller.may_wait() {
            return false;
        }
        self.caller.release();
        let end = Instant::now() + time;
        let end = self.deadline().map_or(end, |d| d.min(end));
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return !self.is_over();
            }
            std::thread::sleep(left.min(POLL));
            if self.polled.get().is_none_or(|polled| polled.elapsed() >= POLL) {
                self.polled.set(Some(Instant::now()));
                if !self.caller.proceed() {
                    return false;
                }
            }
        }
    }
}
