//! The holds of the lane that others notice: the longest ones, and those that last too long.

use std::cmp::Reverse;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::connection::{Badge, Hold};
use crate::error::Holder;

/// How many of the longest holds are kept.
const KEPT: usize = 5;
/// A hold that goes on is told about again when it has lasted this many times as long.
const AGAIN: u32 = 10;

const TARGET: &str = "holdfast::writer";

/// A hold that is over.
#[derive(Debug, Clone)]
pub struct LongHold {
    /// Who held it, with which first statement, how long.
    pub holder: Holder,
    /// When it ended.
    pub ended: SystemTime,
}

/// What is remembered of the holds of one lane.
#[derive(Debug, Default)]
pub(crate) struct Holds {
    limit: Option<Duration>,
    /// What was held for fewer nanoseconds is not among the longest.
    floor: AtomicU64,
    longest: Mutex<Vec<LongHold>>,
}

impl Holds {
    /// Those of at least `limit` are warned about.
    pub(crate) fn new(limit: Option<Duration>) -> Self {
        Holds { limit, ..Holds::default() }
    }

    /// The lane is given back.
    #[inline]
    pub(crate) fn ended(&self, hold: &Hold, held: Duration) {
        let is_long = self.limit.is_some_and(|limit| held >= limit);
        if is_long || nanos(held) > self.floor.load(Relaxed) {
            self.keep(hold, held, is_long);
        }
    }

    #[cold]
    fn keep(&self, hold: &Hold, held: Duration, is_long: bool) {
        let holder = hold.holder(held);
        if is_long {
            log::warn!(
                target: TARGET,
                "the writer lane was held by {holder}; keep transactions short"
            );
        }
        let mut longest = self.longest.lock().unwrap_or_else(PoisonError::into_inner);
        longest.push(LongHold { holder, ended: SystemTime::now() });
        longest.sort_by_key(|hold| Reverse(hold.holder.held));
        longest.truncate(KEPT);
        if let Some(last) = longest.get(KEPT - 1) {
            self.floor.store(nanos(last.holder.held), Relaxed);
        }
    }

    /// Asked now and then by those who wait, so that a hold that never ends is told about too.
    pub(crate) fn look(&self, badge: &Badge, waiting: usize) {
        let Some(limit) = self.limit else { return };
        if let Some(holder) = badge.overdue(limit, AGAIN) {
            log::warn!(
                target: TARGET,
                "the writer lane is held by {holder}, and {waiting} wait; keep transactions short"
            );
        }
    }

    /// The longest ones that are over, the longest first.
    pub(crate) fn longest(&self) -> Vec<LongHold> {
        self.longest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
