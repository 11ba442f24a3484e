//! How often operations are retried, and the warning when that is often.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::TARGET;

/// Counts what is retried; shared by all threads.
///
/// It warns in the log when more than a fifth of the last hundred operations needed a retry, and
/// again only after the share had fallen to a tenth in between.
#[derive(Debug, Default)]
pub struct RetryCounters {
    operations: AtomicU64,
    retries: AtomicU64,
    recovered: AtomicU64,
    gave_up: AtomicU64,
    delayed_nanos: AtomicU64,
    recent: Mutex<Recent>,
}

impl RetryCounters {
    /// The counts at this moment.
    pub fn snapshot(&self) -> RetryStats {
        let operations = self.operations.load(Relaxed);
        let retries = self.retries.load(Relaxed);
        RetryStats {
            operations,
            attempts: operations + retries,
            retries,
            recovered: self.recovered.load(Relaxed),
            gave_up: self.gave_up.load(Relaxed),
            delayed: Duration::from_nanos(self.delayed_nanos.load(Relaxed)),
        }
    }

    /// An operation has ended that needed no retry.
    #[inline]
    pub(super) fn plain(&self) {
        self.operations.fetch_add(1, Relaxed);
    }

    /// An operation is about to run again after `delay`.
    pub(super) fn retried(&self, delay: Duration) {
        self.retries.fetch_add(1, Relaxed);
        let nanos = u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX);
        self.delayed_nanos.fetch_add(nanos, Relaxed);
    }

    /// An operation that needed a retry has ended.
    pub(super) fn ended(&self, recovered: bool) {
        let outcome = if recovered { &self.recovered } else { &self.gave_up };
        outcome.fetch_add(1, Relaxed);
        let mut recent = self.recent.lock().unwrap_or_else(|e| e.into_inner());
        let number = self.operations.fetch_add(1, Relaxed) + 1;
        let alarm = recent.record(number);
        drop(recent);
        if let Some((needed, operations)) = alarm {
            log::warn!(
                target: TARGET,
                "{needed} of the last {operations} operations needed a retry; look for long \
                 transactions in other processes, or for a failing disk"
            );
        }
    }
}

/// Which of the latest operations needed a retry, by their number.
///
/// Only those report here. The share falls in between and is lowest just before one of them, so
/// looking at that moment misses no crossing and costs the other operations nothing.
#[derive(Debug, Default)]
struct Recent {
    needed: VecDeque<u64>,
    warned: bool,
}

impl Recent {
    const WINDOW: u64 = 100;
    const ENOUGH: u64 = 20;

    /// How many of how many needed a retry, when that is to be warned about now.
    fn record(&mut self, number: u64) -> Option<(u64, u64)> {
        let floor = number.saturating_sub(Self::WINDOW);
        while self.needed.front().is_some_and(|&n| n <= floor) {
            self.needed.pop_front();
        }
        let operations = number.min(Self::WINDOW);
        if self.needed.len() as u64 * 10 <= operations {
            self.warned = false;
        }
        self.needed.push_back(number);
        let needed = self.needed.len() as u64;
        if self.warned || operations < Self::ENOUGH || needed * 5 <= operations {
            return None;
        }
        self.warned = true;
        Some((needed, operations))
    }
}

/// What was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RetryStats {
    /// Operations that ended, in success or failure.
    pub operations: u64,
    /// How often they ran in all.
    pub attempts: u64,
    /// Attempts after the first.
    pub retries: u64,
    /// Operations that succeeded after a retry.
    pub recovered: u64,
    /// Operations that needed a retry and failed all the same.
    pub gave_up: u64,
    /// The delays before retries, added up.
    pub delayed: Duration,
}

impl RetryStats {
    /// The share of operations that needed a retry; 0 when there were none.
    pub fn rate(&self) -> f64 {
        (self.recovered + self.gave_up) as f64 / self.operations.max(1) as f64
    }

    /// The share of those that then succeeded; 1 when none needed a retry.
    pub fn success(&self) -> f64 {
        let needed = self.recovered + self.gave_up;
        if needed == 0 { 1.0 } else { self.recovered as f64 / needed as f64 }
    }
}
