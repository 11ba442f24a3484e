//! A database: a handle on one file, and the engine that all handles of the process share.

use std::collections::HashMap;
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use rusqlite::types::{Value, ValueRef};

use crate::checkpoint::Checkpointer;
use crate::connection::Connection;
use crate::error::{Error, Holder, PragmaMismatch, Result};
use crate::guard::{self, PerProcess};
use crate::location::{FileId, Location};
use crate::options::Options;
use crate::patience::Patience;
use crate::pool::{Pool, Reader};
use crate::retry::{Retrier, RetryClassifiable, RetryCounters, RetryPolicy};
use crate::stats::Stats;
use crate::transaction::{Mode, Snapshot, Transaction};
use crate::vacuum::{Daemon, auto_vacuum};
use crate::writer::{Lane, Writer};

/// How long close waits for transactions and readers to end by themselves.
const CLOSE_WAIT: Duration = Duration::from_secs(5);
/// The same at the end of the process, where threads may have stopped in the middle.
const EXIT_WAIT: Duration = Duration::from_millis(500);
/// How long interrupted statements are waited for.
const INTERRUPT_WAIT: Duration = Duration::from_secs(1);

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
    policy: RetryPolicy,
    pool: Mutex<Option<Arc<Pool>>>,
    handles: AtomicUsize,
    closing: AtomicBool,
}

impl Engine {
    fn open(location: Location, options: Options) -> Result<Self> {
        let lane = match options.read_only {
            true => None,
            false => Some(Connection::open_writer(&location.path, &options)?),
        };
        let checkpointer = Checkpointer::default();
        if let Some(writer) = &lane {
            checkpointer.observe(writer);
        }
        let path = location.path.clone();
        let policy = options.retry.clone();
        let options = Arc::new(Mutex::new(options));
        let pool = Pool::open(path, Arc::clone(&options))?;
        Ok(Engine {
            location,
            options,
            stats: Stats::default(),
            retries: RetryCounters::default(),
            checkpointer,
            daemon: Daemon::default(),
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

    /// A reader of the pool.
    pub(crate) fn reader(&self, patience: &Patience<'_>) -> Result<Reader> {
        if self.is_closing() {
            return Err(self.closed());
        }
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
            lane.refuse();
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

fn engine_of(location: Location, options: &Options) -> Result<Arc<Engine>> {
    let file = FileId::of(&location.path)?;
    let place = {
        let mut registry = registry().lock().unwrap_or_else(PoisonError::into_inner);
        registry.retain(|_, place| {
            Arc::strong_count(place) > 1
                || place.lock().unwrap_or_else(PoisonError::into_inner).strong_count() > 0
        });
        Arc::clone(registry.entry((file, options.read_only)).or_default())
    };
    let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
    let shared = place.upgrade().filter(|engine| !engine.is_closing());
    // Before joining: a refused open must not count as a handle.
    shared.iter().try_for_each(|engine| engine.check_same(options))?;
    let engine = match shared.filter(|engine| engine.join()) {
        Some(engine) => engine,
        None => {
            let engine = Arc::new(Engine::open(location, options.clone())?);
            *place = Arc::downgrade(&engine);
            engine
        }
    };
    Ok(engine)
}

/// Whether this process has the file open.
pub(crate) fn is_open_here(path: &Path) -> bool {
    let Ok(file) = FileId::of(path) else { return false };
    let registry = registry().lock().unwrap_or_else(PoisonError::into_inner);
    [true, false].iter().filter_map(|&read_only| registry.get(&(file, read_only))).any(|place| {
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

/// An engine, and the one that replaces it after a fork.
struct Slot {
    generation: u32,
    engine: ManuallyDrop<Arc<Engine>>,
    child: OnceLock<Box<Slot>>,
}

impl Slot {
    fn new(engine: Arc<Engine>) -> Self {
        let generation = guard::generation();
        Slot { generation, engine: ManuallyDrop::new(engine), child: OnceLock::new() }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // What was opened before a fork belongs to the parent.
        if self.generation == guard::generation() {
            // SAFETY: dropped once, here.
            unsafe { ManuallyDrop::drop(&mut self.engine) };
        }
    }
}

/// A handle on one SQLite file, opened and verified.
///
/// ```
/// let db = holdfast::Database::open(":memory:")?;
/// db.execute("CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT)", &[])?;
/// assert_eq!(db.execute("INSERT INTO note(body) VALUES (?)", &["hello".to_owned().into()])?, 1);
/// # Ok::<(), holdfast::Error>(())
/// ```
pub struct Database {
    slot: Slot,
    options: Options,
    closed: AtomicBool,
}

impl Database {
    /// Open a file with the default options, or make it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, Options::default())
    }

    /// Open a file.
    ///
    /// # Errors
    /// [`Error::Path`], [`Error::Pragma`], [`Error::Busy`], [`Error::Corruption`].
    pub fn open_with(path: impl AsRef<Path>, options: Options) -> Result<Self> {
        guard::watch_forks();
        options.retry.validate()?;
        if options.pool_size == 0 {
            return Err(Error::Misuse("pool_size must be at least 1".into()));
        }
        let location = Location::resolve(path.as_ref(), &options)?;
        let slot = Slot::new(engine_of(location, &options)?);
        Ok(Database { slot, options, closed: AtomicBool::new(false) })
    }

    /// The engine of this process; opened anew in a forked child.
    #[inline]
    pub(crate) fn engine(&self) -> Result<&Arc<Engine>> {
        let now = guard::generation();
        if self.closed.load(Ordering::Acquire) {
            return Err(self.slot.engine.closed());
        }
        if self.slot.generation == now { Ok(&self.slot.engine) } else { self.engine_after_fork() }
    }

    #[cold]
    fn engine_after_fork(&self) -> Result<&Arc<Engine>> {
        let mut slot = &self.slot;
        while slot.generation != guard::generation() {
            if slot.child.get().is_none() {
                let location = Location { temporary: false, ..slot.engine.location.clone() };
                let mut options = self.options.clone();
                // A lock that another thread held at the fork is never let go of.
                if let Ok(now) = slot.engine.options.try_lock() {
                    options.pragmas = now.pragmas.clone();
                }
                let engine = engine_of(location, &options)?;
                let _ = slot.child.set(Box::new(Slot::new(engine)));
            }
            slot = slot.child.get().expect("set just now");
        }
        Ok(&slot.engine)
    }

    /// The file, absolute.
    pub fn path(&self) -> &PathBuf {
        &self.slot.engine.location.path
    }

    /// The pragmas of the file's connections, as they were verified.
    pub fn pragmas(&self) -> Result<Vec<(String, String)>> {
        let reader = self.reader(&Patience::unbounded())?;
        let mut pragmas = reader.pragmas().to_vec();
        // A full vacuum changes it for connections that were verified before.
        if let Some((_, value)) = pragmas.iter_mut().find(|(name, _)| name == "auto_vacuum") {
            *value = auto_vacuum(&reader)?.to_owned();
        }
        Ok(pragmas)
    }

    /// A reader, checked out of the pool.
    ///
    /// # Errors
    /// [`Error::Busy`] that names the holders when none is to be had in time.
    pub fn reader(&self, patience: &Patience<'_>) -> Result<Reader> {
        self.engine()?.reader(patience)
    }

    /// The writing connection, held until dropped; what is open then is rolled back.
    pub fn writer(&self, patience: &Patience<'_>) -> Result<Writer> {
        Writer::enter(self.engine()?, patience)
    }

    /// Run a write that is a transaction by itself, again while it fails with a retryable error.
    pub fn write<T, E: RetryClassifiable + From<Error>>(
        &self,
        patience: &Patience<'_>,
        mut run: impl FnMut(&Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        let engine = self.engine()?;
        engine.retrying(patience, || {
            let writer = Writer::enter(engine, patience)?;
            let _attention = writer.attend(patience);
            run(&writer)
        })
    }

    /// Run one statement in a transaction of its own; gives the number of rows changed.
    pub fn execute(&self, sql: &str, parameters: &[Value]) -> Result<u64> {
        self.write(&Patience::unbounded(), |connection| connection.execute(sql, parameters))
    }

    /// All rows of a query, from one reader.
    pub fn query(&self, sql: &str, parameters: &[Value]) -> Result<Vec<Vec<Value>>> {
        self.reader(&Patience::unbounded())?.query(sql, parameters)
    }

    /// Run an operation again under the retry policy while it fails with a retryable error.
    pub fn retrying<T, E: RetryClassifiable + From<Error>>(
        &self,
        patience: &Patience<'_>,
        operation: impl FnMut() -> Result<T, E>,
    ) -> Result<T, E> {
        self.engine()?.retrying(patience, operation)
    }

    /// Begin a transaction, without trying again when another process is busy.
    pub fn transaction_once(&self, mode: Mode, patience: &Patience<'_>) -> Result<Transaction> {
        Transaction::begin_once(self.engine()?, mode, patience)
    }

    /// Begin a transaction.
    pub fn transaction(&self, mode: Mode) -> Result<Transaction> {
        self.transaction_with(mode, &Patience::unbounded())
    }

    /// [`Database::transaction`] under a deadline and a caller.
    pub fn transaction_with(&self, mode: Mode, patience: &Patience<'_>) -> Result<Transaction> {
        Transaction::begin(self.engine()?, mode, patience)
    }

    /// Fix a moment for several reads.
    pub fn snapshot(&self, patience: &Patience<'_>) -> Result<Snapshot> {
        Snapshot::begin(self.engine()?, patience)
    }

    /// Close this handle; the last one of the process closes the file.
    pub fn close(&self) {
        self.close_with(&Patience::unbounded());
    }

    /// [`Database::close`] on behalf of a caller.
    pub fn close_with(&self, patience: &Patience<'_>) {
        let mut slot = &self.slot;
        while slot.generation != guard::generation() {
            let Some(child) = slot.child.get() else {
                self.closed.store(true, Ordering::Release);
                return;
            };
            slot = child;
        }
        if self.closed.swap(true, Ordering::AcqRel) {
            return;
        }
        let one_less = |handles: usize| handles.checked_sub(1);
        let before =
            slot.engine.handles.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_less);
        if before == Ok(1) {
            slot.engine.shut_down(CLOSE_WAIT, patience);
        }
    }

    /// Whether this handle is closed.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.close();
    }
}

impl Connection {
    /// Run one statement to its end; gives the number of rows changed.
    pub fn execute(&self, sql: &str, parameters: &[Value]) -> Result<u64> {
        let before = self.total_changes();
        let mut statement = self.statement(sql)?;
        statement.bind_all(self, parameters.iter().map(ValueRef::from))?;
        statement.run(self)?;
        Ok(if self.total_changes() == before { 0 } else { self.changes() })
    }

    /// All rows of a statement.
    pub fn query(&self, sql: &str, parameters: &[Value]) -> Result<Vec<Vec<Value>>> {
        let mut statement = self.statement(sql)?;
        statement.bind_all(self, parameters.iter().map(ValueRef::from))?;
        let mut rows = Vec::new();
        while statement.step(self)? {
            rows.push(statement.row()?);
        }
        Ok(rows)
    }
}

impl Transaction {
    /// Run one statement; gives the number of rows changed.
    pub fn execute(&self, sql: &str, parameters: &[Value]) -> Result<u64> {
        self.connection()?.execute(sql, parameters)
    }

    /// All rows of a statement.
    pub fn query(&self, sql: &str, parameters: &[Value]) -> Result<Vec<Vec<Value>>> {
        self.connection()?.query(sql, parameters)
    }
}

impl Snapshot {
    /// All rows of a query.
    pub fn query(&self, sql: &str, parameters: &[Value]) -> Result<Vec<Vec<Value>>> {
        self.connection()?.query(sql, parameters)
    }
}
