//! What all handles of a process on one file share: pool, lane, background threads, counters.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::time::{Duration, Instant};

use crate::checkpoint::Checkpointer;
use crate::connection::Connection;
use crate::error::{Error, Holder, PragmaMismatch, Result};
use crate::guard::{self, Names, PerProcess};
use crate::location::{FileId, Location};
use crate::options::Options;
use crate::patience::Patience;
use crate::pool::{Later, Pool, Reader};
use crate::retry::{Retrier, RetryClassifiable, RetryCounters, RetryPolicy};
use crate::stats::Stats;
use crate::turn::Turn;
use crate::vacuum::Daemon;
use crate::writer::Lane;

/// How long close waits for transactions and readers to end by themselves.
const CLOSE_WAIT: Duration = Duration::from_secs(5);
/// The same at the end of the process, where threads may have stopped in the middle.
const EXIT_WAIT: Duration = Duration::from_millis(500);
/// How long interrupted statements are waited for.
const INTERRUPT_WAIT: Duration = Duration::from_secs(1);

/// The pause while another thread opens the same file.
const PAUSE: Duration = Duration::from_micros(200);

/// What all handles of a process on one file share.
pub struct Engine {
    /// Dropped first: the hook of its connection writes to what the checkpointer owns.
    lane: Option<Lane>,
    pub(crate) location: Location,
    pub(crate) options: Arc<Mutex<Options>>,
    pub(crate) stats: Stats,
    pub(crate) retries: RetryCounters,
    pub(crate) checkpointer: Checkpointer,
    pub(crate) daemon: Daemon,
    /// Callers that cannot wait for a reader themselves.
    pub(crate) readers_later: Later,
    /// Whether the files are still those that were opened.
    pub(crate) names: Arc<Names>,
    policy: RetryPolicy,
    pool: Mutex<Option<Arc<Pool>>>,
    handles: AtomicUsize,
    closing: AtomicBool,
}

impl Engine {
    fn open(location: Location, options: Options, patience: &Patience<'_>) -> Result<Self> {
        let lane = match options.read_only {
            true => None,
            false => Some(Connection::open_writer(&location.path, &options, patience)?),
        };
        let log = lane.is_some() && options.pragmas.is_wal();
        // SQLite opens the log with the first read.
        lane.as_ref().filter(|_| log).map_or(Ok(()), Connection::look_at_schema)?;
        let names = Arc::new(Names::new(&location.path, location.id, log)?);
        guard::warn_of_another(&location.path, location.id);
        let checkpointer = Checkpointer::default();
        if let Some(writer) = &lane {
            writer.mind(&names);
            checkpointer.observe(writer, &names);
        }
        let path = location.path.clone();
        let (policy, stats) = (options.retry.clone(), Stats::new(&options));
        let options = Arc::new(Mutex::new(options));
        let pool = Pool::open(path, Arc::clone(&options), Arc::clone(&names), patience)?;
        Ok(Engine {
            location,
            options,
            stats,
            retries: RetryCounters::default(),
            checkpointer,
            daemon: Daemon::default(),
            readers_later: Later::default(),
            names,
            policy,
            pool: Mutex::new(Some(Arc::new(pool))),
            lane: lane.map(Lane::new),
            handles: AtomicUsize::new(1),
            closing: AtomicBool::new(false),
        })
    }

    pub(crate) fn options(&self) -> MutexGuard<'_, Options> {
        self.options.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn pool(&self) -> Result<Arc<Pool>> {
        let pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        pool.as_ref().map(Arc::clone).ok_or_else(|| self.closed())
    }

    pub(crate) fn lane(&self) -> Result<&Lane> {
        self.lane.as_ref().ok_or_else(|| {
            Error::Misuse(
                "the database was opened read_only; open it again without to write".into(),
            )
        })
    }

    pub(crate) fn closed(&self) -> Error {
        Error::Closed("the database is closed; open it again".into())
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Whether a reader may be had.
    #[inline]
    pub(crate) fn check_readable(&self) -> Result<()> {
        if self.is_closing() {
            return Err(self.closed());
        }
        self.names.look_at_times()
    }

    /// A writing connection beside the lane's.
    pub(crate) fn open_writer(&self, patience: &Patience<'_>) -> Result<Connection> {
        self.names.look()?;
        let options = self.options().clone();
        let connection = Connection::open_writer(&self.location.path, &options, patience)?;
        connection.mind(&self.names);
        // What was opened by its name may be another file.
        self.names.look()?;
        Ok(connection)
    }

    /// A reader of the pool.
    pub(crate) fn reader(&self, patience: &Patience<'_>) -> Result<Reader> {
        self.check_readable()?;
        self.stats.reads.add(1);
        self.pool()?.get(patience, &self.stats)
    }

    /// Run an operation again under the retry policy while it fails with a retryable error.
    pub(crate) fn retrying<T, E: RetryClassifiable>(
        &self,
        patience: &Patience<'_>,
        operation: impl FnMut() -> Result<T, E>,
    ) -> Result<T, E> {
        let retrier = Retrier::new(&self.policy).counters(&self.retries);
        retrier.run(|time| patience.sleep(time), operation)
    }

    /// Add a handle, unless the last one is closing the engine.
    fn join(&self) -> bool {
        let one_more = |handles| (handles > 0).then_some(handles + 1);
        self.handles.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).is_ok()
    }

    /// Take a handle away; the last one shuts down.
    pub(crate) fn leave(&self, patience: &Patience<'_>) {
        let one_less = |handles: usize| handles.checked_sub(1);
        let before = self.handles.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_less);
        if before == Ok(1) {
            self.shut_down(CLOSE_WAIT, patience);
        }
    }

    /// Called when the lane is given back, by the thread that held it.
    pub(crate) fn after_write(self: &Arc<Self>) {
        self.stats.writes.add(1);
        self.checkpointer.after_write(self);
        self.daemon.start(self);
    }

    /// Refuse new work, wait a bound, interrupt, close the readers, and the writer last.
    fn shut_down(&self, wait: Duration, patience: &Patience<'_>) {
        self.closing.store(true, Ordering::Release);
        patience.caller().release();
        self.daemon.stop();
        if let Some(lane) = &self.lane {
            lane.refuse(self);
        }
        if !self.quiesce(wait, patience) {
            if let Ok(pool) = self.pool() {
                pool.interrupt();
            }
            if let Some(lane) = &self.lane {
                lane.interrupt();
            }
            self.quiesce(wait.min(INTERRUPT_WAIT), patience);
        }
        self.checkpointer.stop();
        let pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(pool) = pool {
            pool.close(INTERRUPT_WAIT);
        }
        if let Some(lane) = &self.lane {
            drop(lane.retire());
        }
        if self.location.temporary
            && let Err(error) = self.location.remove()
        {
            log::warn!(target: "holdfast::database", "a temporary file stays: {error}");
        }
    }

    /// Wait until nobody uses a connection.
    fn quiesce(&self, wait: Duration, patience: &Patience<'_>) -> bool {
        let begun = Instant::now();
        while !self.is_quiet() {
            if begun.elapsed() >= wait || !patience.caller().proceed() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        true
    }

    fn is_quiet(&self) -> bool {
        // What this thread holds itself would be waited for in vain.
        let me = guard::thread_id();
        let mine = |holder: &Holder| holder.thread == me;
        let unused = |pool: Arc<Pool>| pool.holders().iter().all(mine);
        let free = |lane: &Lane| lane.is_free() || lane.holder().as_ref().is_some_and(mine);
        self.pool().is_ok_and(unused) && self.lane.as_ref().is_none_or(free)
    }

    /// Why a second open of the same file cannot share this engine.
    fn check_same(&self, options: &Options) -> Result<()> {
        let mine = self.options();
        let differ: Vec<PragmaMismatch> = options
            .pragmas
            .iter()
            .filter(|(name, value)| mine.pragmas.get(name) != Some(value))
            .map(|(name, value)| PragmaMismatch {
                name: name.to_owned(),
                wanted: value.to_owned(),
                found: mine.pragmas.get(name).unwrap_or("nothing").to_owned(),
                why: Some("the file is open in this process already, with other pragmas".into()),
            })
            .collect();
        if differ.is_empty() { Ok(()) } else { Err(Error::Pragma(differ)) }
    }
}

/// The engines of this process, by file and by whether they may write.
type Registry = Mutex<HashMap<(FileId, bool), Arc<Mutex<Weak<Engine>>>>>;

fn registry() -> &'static Registry {
    static REGISTRY: PerProcess<Registry> = PerProcess::new();
    REGISTRY.get(Registry::default)
}

pub(crate) fn engine_of(
    location: Location,
    options: &Options,
    patience: &Patience<'_>,
) -> Result<Arc<Engine>> {
    patience.caller().release();
    let _turn = Turn::to_open(&location.path, patience)?;
    let file = FileId::of(&location.path)?;
    if file != location.id {
        let problem = "another file has taken the name of the file while it was opened".into();
        return Err(Error::Moved { path: location.path, problem });
    }
    let place = {
        let mut registry = registry().lock().unwrap_or_else(PoisonError::into_inner);
        registry.retain(|_, place| {
            Arc::strong_count(place) > 1
                || place.lock().unwrap_or_else(PoisonError::into_inner).strong_count() > 0
        });
        Arc::clone(registry.entry((file, options.read_only)).or_default())
    };
    let mut place = enter(&place, patience)?;
    let shared = place.upgrade().filter(|engine| !engine.is_closing());
    // Before joining: a refused open must not count as a handle.
    shared.iter().try_for_each(|engine| {
        engine.names.look()?;
        engine.check_same(options)
    })?;
    let engine = match shared.filter(|engine| engine.join()) {
        Some(engine) => engine,
        None => {
            let engine = Arc::new(Engine::open(location, options.clone(), patience)?);
            *place = Arc::downgrade(&engine);
            engine
        }
    };
    Ok(engine)
}

/// Wait until no other thread opens the file.
fn enter<'a, T>(place: &'a Mutex<T>, patience: &Patience<'_>) -> Result<MutexGuard<'a, T>> {
    loop {
        match place.try_lock() {
            Ok(place) => return Ok(place),
            Err(TryLockError::Poisoned(place)) => return Ok(place.into_inner()),
            Err(TryLockError::WouldBlock) if patience.sleep(PAUSE) => {}
            Err(TryLockError::WouldBlock) if patience.is_over() => {
                return Err(Error::Timeout(patience.limit().unwrap_or_default()));
            }
            Err(TryLockError::WouldBlock) => return Err(Error::Interrupted),
        }
    }
}

/// Whether this process has the file open.
pub(crate) fn is_open_here(path: &Path) -> bool {
    let Ok(file) = FileId::of(path) else { return false };
    let places: Vec<_> = {
        let registry = registry().lock().unwrap_or_else(PoisonError::into_inner);
        [true, false].iter().filter_map(|&only| registry.get(&(file, only)).cloned()).collect()
    };
    places.iter().any(|place| {
        let place = place.lock().unwrap_or_else(PoisonError::into_inner);
        place.upgrade().is_some_and(|engine| !engine.is_closing())
    })
}

/// Close every file that this process has open; for the end of the process.
pub fn close_all(patience: &Patience<'_>) {
    let places: Vec<_> = {
        let registry = registry().lock().unwrap_or_else(PoisonError::into_inner);
        registry.values().cloned().collect()
    };
    for place in places {
        let engine = place.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        if let Some(engine) = engine.filter(|e| e.handles.swap(0, Ordering::AcqRel) > 0) {
            engine.shut_down(EXIT_WAIT, patience);
        }
    }
}
