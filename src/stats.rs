//! Counters and latency histograms, cheap enough to be always on.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Buckets of a histogram: the n-th counts times below 2^n microseconds.
const BUCKETS: usize = 32;

/// Times, counted in buckets that double.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    total_micros: AtomicU64,
    longest_micros: AtomicU64,
}

impl Histogram {
    /// Count one time.
    pub fn record(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let bucket = (u64::BITS - micros.leading_zeros()) as usize;
        self.buckets[bucket.min(BUCKETS - 1)].fetch_add(1, Relaxed);
        self.total_micros.fetch_add(micros, Relaxed);
        self.longest_micros.fetch_max(micros, Relaxed);
    }

    /// What was counted so far.
    pub fn summary(&self) -> Latency {
        let counts: Vec<u64> = self.buckets.iter().map(|b| b.load(Relaxed)).collect();
        let count: u64 = counts.iter().sum();
        let quantile = |share: f64| {
            let rank = (count as f64 * share).ceil() as u64;
            let mut seen = 0;
            let bucket = counts.iter().position(|n| {
                seen += n;
                seen >= rank.max(1)
            });
            let longest = self.longest_micros.load(Relaxed);
            Duration::from_micros(bucket.map_or(0, |b| (1_u64 << b).min(longest)))
        };
        Latency {
            count,
            total: Duration::from_micros(self.total_micros.load(Relaxed)),
            p50: quantile(0.5),
            p99: quantile(0.99),
            longest: Duration::from_micros(self.longest_micros.load(Relaxed)),
        }
    }
}

/// What a histogram says; quantiles are upper bounds, right to a factor of two.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Latency {
    /// How many times were counted.
    pub count: u64,
    /// Their sum.
    pub total: Duration,
    /// Half were at most this long.
    pub p50: Duration,
    /// 99 % were at most this long.
    pub p99: Duration,
    /// The longest.
    pub longest: Duration,
}

/// A counter.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Add to it.
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }

    /// Its value.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// What an engine counts.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    pub(crate) reads: Counter,
    pub(crate) writes: Counter,
    pub(crate) transactions: Counter,
    pub(crate) rollbacks: Counter,
    pub(crate) pool_waits: Histogram,
    pub(crate) lane_waits: Histogram,
    pub(crate) lane_holds: Histogram,
}
