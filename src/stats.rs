//! Counters and latency histograms, cheap enough to be always on.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::backup::BackupReport;
use crate::checkpoint::WalReport;
use crate::connection::Hold;
use crate::database::Database;
use crate::error::{Holder, Result};
use crate::holds::Holds;
pub use crate::holds::LongHold;
use crate::options::Options;
use crate::retry::RetryStats;
use crate::vacuum::VacuumStats;

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

/// The last of something, and when it was.
#[derive(Debug)]
pub(crate) struct Last<T>(Mutex<Option<(SystemTime, T)>>);

impl<T> Default for Last<T> {
    fn default() -> Self {
        Last(Mutex::new(None))
    }
}

impl<T: Clone> Last<T> {
    /// It was just now.
    pub(crate) fn set(&self, value: T) {
        let now = Some((SystemTime::now(), value));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    pub(crate) fn get(&self) -> Option<(SystemTime, T)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What an engine counts.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    pub(crate) reads: Counter,
    pub(crate) writes: Counter,
    pub(crate) transactions: Counter,
    pub(crate) rollbacks: Counter,
    pub(crate) group_commits: Counter,
    pub(crate) group_writes: Counter,
    pub(crate) pool_waits: Histogram,
    pub(crate) lane_waits: Histogram,
    pub(crate) lane_holds: Histogram,
    pub(crate) longest_holds: Holds,
    pub(crate) last_vacuum: Last<VacuumStats>,
    pub(crate) last_backup: Last<BackupReport>,
}

impl Stats {
    pub(crate) fn new(options: &Options) -> Self {
        Stats { longest_holds: Holds::new(options.hold_warning), ..Stats::default() }
    }

    /// Count writes that shared a commit; the turn itself is counted when it ends.
    pub(crate) fn shared(&self, writes: usize) {
        if writes > 1 {
            self.group_commits.add(1);
            self.group_writes.add(writes as u64);
            self.writes.add(writes as u64 - 1);
        }
    }

    /// Count a turn on the lane that is over.
    #[inline]
    pub(crate) fn lane_held(&self, hold: &Hold) {
        let held = hold.held();
        self.lane_holds.record(held);
        self.longest_holds.ended(hold, held);
    }
}

/// How a database is doing.
#[derive(Debug, Clone)]
pub struct Report {
    /// The file.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// The size of its write-ahead log in bytes.
    pub wal_size: u64,
    /// What is in the log, and who keeps it there.
    pub wal: WalReport,
    /// Readers open now.
    pub readers: u32,
    /// Readers that nobody uses.
    pub idle_readers: u32,
    /// Who uses the others.
    pub reader_holders: Vec<Holder>,
    /// Waits for a reader.
    pub reader_waits: Latency,
    /// Who holds the writer lane.
    pub lane_holder: Option<Holder>,
    /// How many wait for it.
    pub lane_waiting: usize,
    /// How long they waited.
    pub lane_waits: Latency,
    /// How long it was held.
    pub lane_holds: Latency,
    /// The five longest holds that are over, the longest first.
    pub longest_holds: Vec<LongHold>,
    /// Reads: checkouts of a reader.
    pub reads: u64,
    /// Writes: turns on the lane.
    pub writes: u64,
    /// Explicit transactions begun.
    pub transactions: u64,
    /// Transactions rolled back.
    pub rollbacks: u64,
    /// Commits that several writes shared.
    pub group_commits: u64,
    /// Writes that shared one.
    pub group_writes: u64,
    /// What was retried.
    pub retries: RetryStats,
}

impl Database {
    /// How the database is doing; counted since the first handle of this process opened it.
    pub fn stats(&self) -> Result<Report> {
        let engine = self.engine()?;
        let pool = engine.pool()?;
        let (readers, idle_readers) = pool.state();
        let lane = engine.lane().ok();
        let path = self.path().clone();
        let mut wal = path.clone().into_os_string();
        wal.push("-wal");
        let counted = &engine.stats;
        Ok(Report {
            size: size(&path),
            wal_size: size(Path::new(&wal)),
            wal: engine.checkpointer.wal(engine)?,
            path,
            readers,
            idle_readers,
            reader_holders: pool.holders(),
            reader_waits: counted.pool_waits.summary(),
            lane_holder: lane.and_then(|lane| lane.holder()),
            lane_waiting: lane.map_or(0, |lane| lane.waiting()),
            lane_waits: counted.lane_waits.summary(),
            lane_holds: counted.lane_holds.summary(),
            longest_holds: counted.longest_holds.longest(),
            reads: counted.reads.get(),
            writes: counted.writes.get(),
            transactions: counted.transactions.get(),
            rollbacks: counted.rollbacks.get(),
            group_commits: counted.group_commits.get(),
            group_writes: counted.group_writes.get(),
            retries: engine.retries.snapshot(),
        })
    }
}

/// Only the file system is asked: opening a live file would drop its locks.
fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |file| file.len())
}
