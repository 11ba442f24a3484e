//! The r2d2 pool of verified reader connections.

mod later;

use std::mem::ManuallyDrop;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::OpenFlags;
use scheduled_thread_pool::ScheduledThreadPool;

use crate::connection::{Badge, Connection};
use crate::error::{Busy, Error, Holder, Resource, Result};
use crate::guard::{self, Names, PerProcess};
use crate::options::Options;
use crate::patience::{POLL, Patience};
use crate::stats::Stats;
use crate::watch::Role;

pub(crate) use later::Later;
pub use later::ReaderPlace;

/// A connection that lay idle longer than this is tried with a statement before it is handed out.
const TRUSTED: Duration = Duration::from_secs(1);
/// How long a reader is waited for when the caller gives no timeout.
pub(crate) const DEFAULT_WAIT: Duration = Duration::from_secs(30);
/// How long readers that cannot be opened are tried.
const PATIENT: Duration = Duration::from_secs(1);
/// Readers that are kept open when nobody uses them.
const KEPT_IDLE: u32 = 2;

/// Opens readers for r2d2, and knows who has them.
pub(crate) struct Manager {
    sqlite: SqliteConnectionManager,
    options: Arc<Mutex<Options>>,
    names: Arc<Names>,
    shared: Arc<Shared>,
}

/// What the pool knows of what r2d2 does in the background.
#[derive(Default)]
struct Shared {
    badges: Mutex<Vec<Weak<Badge>>>,
    /// Why the last reader that could not be opened could not.
    failure: Mutex<Option<Error>>,
    /// The reader that was opened first, until r2d2 asks for one: whoever loses the file at once has
    /// it for a backup.
    first: Mutex<Option<Box<Connection>>>,
    /// Readers that are open or being opened.
    live: AtomicUsize,
    /// Threads that wait for a reader.
    waiting: AtomicUsize,
    closing: AtomicBool,
}

impl Shared {
    fn take_first(&self) -> Option<Box<Connection>> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn take_failure(&self) -> Option<Error> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Manager {
    fn open(&self, patience: &Patience<'_>) -> Result<Connection> {
        self.names.look()?;
        let raw = r2d2::ManageConnection::connect(&self.sqlite)?;
        let options = self.options.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let connection = Connection::verify(raw, Role::Reader, &options, patience)?;
        // What was opened by its name may be another file.
        self.names.look()?;
        let mut badges = self.shared.badges.lock().unwrap_or_else(PoisonError::into_inner);
        badges.retain(|badge| badge.strong_count() > 0);
        badges.push(Arc::downgrade(connection.badge()));
        Ok(connection)
    }
}

impl r2d2::ManageConnection for Manager {
    type Connection = Lent;
    type Error = Error;

    fn connect(&self) -> Result<Lent> {
        let counted = Counted::new(&self.shared);
        if self.shared.closing.load(Ordering::Acquire) {
            return Err(Error::Closed("the database is closed; open it again".into()));
        }
        let connection = match self.shared.take_first() {
            Some(first) => first,
            None => Box::new(self.open(&Patience::unbounded())?),
        };
        Ok(Lent { connection, used: Instant::now(), _counted: counted })
    }

    fn is_valid(&self, lent: &mut Lent) -> Result<()> {
        lent.connection.clean()?;
        if lent.is_trusted(Instant::now()) {
            return Ok(());
        }
        // The caller may still hold its interpreter: a lock in the way is for it to wait for.
        let at_once = Patience::timeout(Duration::ZERO);
        let _attention = lent.connection.attend(&at_once);
        match lent.connection.number("SELECT count(*) FROM sqlite_schema WHERE 0") {
            Ok(_) | Err(Error::Busy(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn has_broken(&self, lent: &mut Lent) -> bool {
        lent.connection.clean().is_err()
    }
}

/// A connection and when it was handed out last.
pub(crate) struct Lent {
    connection: Box<Connection>,
    used: Instant,
    _counted: Counted,
}

impl Lent {
    fn is_trusted(&self, now: Instant) -> bool {
        now.duration_since(self.used) <= TRUSTED
    }
}

/// One of the readers that live; declared last in [`Lent`], so that it is counted until closed.
struct Counted(Arc<Shared>);

impl Counted {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.live.fetch_add(1, Ordering::AcqRel);
        Counted(Arc::clone(shared))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.live.fetch_sub(1, Ordering::AcqRel);
    }
}

type Pooled = r2d2::PooledConnection<Manager>;

/// A pool of readers of one file.
pub(crate) struct Pool {
    pool: r2d2::Pool<Manager>,
    shared: Arc<Shared>,
    warm: Warm,
}

/// The reader that was used last, on its way back to r2d2: most often the next caller takes it from
/// here. It is idle, and r2d2 counts it as handed out.
#[derive(Default)]
struct Warm(AtomicPtr<Pooled>);

impl Warm {
    fn put(&self, lent: Option<Box<Pooled>>) -> Option<Box<Pooled>> {
        let new = lent.map_or(std::ptr::null_mut(), Box::into_raw);
        let old = self.0.swap(new, Ordering::SeqCst);
        // SAFETY: a pointer is put in here by `into_raw`, and taken out once.
        (!old.is_null()).then(|| unsafe { Box::from_raw(old) })
    }

    fn take(&self) -> Option<Box<Pooled>> {
        self.put(None)
    }

    fn is_empty(&self) -> bool {
        self.0.load(Ordering::Relaxed).is_null()
    }
}

impl Drop for Warm {
    fn drop(&mut self) {
        self.take();
    }
}

/// Logs why a reader could not be opened in the background.
struct Report(Arc<Shared>);

impl std::fmt::Debug for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Report")
    }
}

impl r2d2::HandleError<Error> for Report {
    fn handle_error(&self, error: Error) {
        if !matches!(error, Error::Closed(_)) {
            log::warn!(target: "holdfast::pool", "a reader could not be opened: {error}");
            *self.0.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
    }
}

impl Pool {
    /// The first reader is opened here, so that its error is the real one and comes at once.
    pub(crate) fn open(
        path: PathBuf,
        options: Arc<Mutex<Options>>,
        names: Arc<Names>,
        patience: &Patience<'_>,
    ) -> Result<Self> {
        let size = options.lock().unwrap_or_else(PoisonError::into_inner).pool_size;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let shared: Arc<Shared> = Arc::default();
        let sqlite = SqliteConnectionManager::file(path).with_flags(flags);
        let manager = Manager { sqlite, options, names, shared: Arc::clone(&shared) };
        let first = Box::new(manager.open(patience)?);
        *shared.first.lock().unwrap_or_else(PoisonError::into_inner) = Some(first);
        // No lifetimes: they would throw away warm statement caches.
        let builder = r2d2::Pool::builder()
            .max_size(size)
            .min_idle(Some(KEPT_IDLE.min(size)))
            .max_lifetime(None)
            .idle_timeout(None)
            .test_on_check_out(true)
            .error_handler(Box::new(Report(Arc::clone(&shared))))
            .thread_pool(opener());
        let pool = guard::pass(|| builder.build_unchecked(manager));
        Ok(Pool { pool, shared, warm: Warm::default() })
    }

    /// A reader, first come first served by r2d2; waits at most for the caller's timeout.
    pub(crate) fn get(self: Arc<Self>, patience: &Patience<'_>, stats: &Stats) -> Result<Reader> {
        let now = Instant::now();
        let lent = match self.take_warm(now) {
            Some(lent) => lent,
            None => Box::new(self.check_out(patience, stats)?),
        };
        Ok(Reader::of(self, lent, now))
    }

    /// A reader, if one is idle.
    pub(crate) fn try_get(self: Arc<Self>) -> Option<Reader> {
        let now = Instant::now();
        let lent = self.take_warm(now).or_else(|| self.try_check_out().map(Box::new))?;
        Some(Reader::of(self, lent, now))
    }

    /// Give the one that was used last back to r2d2.
    fn cool(&self) {
        if let Some(lent) = self.warm.take() {
            guard::pass(|| drop(lent));
        }
    }

    /// The one that was used last; if that was long ago, it goes back to r2d2 to be tested.
    fn take_warm(&self, now: Instant) -> Option<Box<Pooled>> {
        let lent = self.warm.take()?;
        if lent.is_trusted(now) {
            return Some(lent);
        }
        guard::pass(|| drop(lent));
        None
    }

    fn try_check_out(&self) -> Option<Pooled> {
        guard::pass(|| self.pool.try_get())
    }

    fn check_out(&self, patience: &Patience<'_>, stats: &Stats) -> Result<Pooled> {
        if let Some(lent) = self.try_check_out() {
            return Ok(lent);
        }
        // From now on readers go back to r2d2, and the one that did not with them.
        self.shared.waiting.fetch_add(1, Ordering::SeqCst);
        self.cool();
        let result = self.wait(patience, stats);
        self.shared.waiting.fetch_sub(1, Ordering::SeqCst);
        result
    }

    fn give_back(&self, lent: Box<Pooled>) {
        let wanted = || {
            self.shared.waiting.load(Ordering::SeqCst) > 0
                || self.shared.closing.load(Ordering::SeqCst)
        };
        if !lent.connection.is_idle() || wanted() {
            return guard::pass(|| drop(lent));
        }
        let before = self.warm.put(Some(lent));
        if before.is_some() {
            guard::pass(|| drop(before));
        }
        // Whoever began to wait in between has looked here before, or is seen now.
        if wanted() {
            self.cool();
        }
    }

    fn wait(&self, patience: &Patience<'_>, stats: &Stats) -> Result<Pooled> {
        let begun = Instant::now();
        let deadline = patience.deadline().unwrap_or(begun + DEFAULT_WAIT);
        patience.caller().release();
        let result = loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if let Ok(lent) = guard::pass(|| self.pool.get_timeout(left.min(POLL))) {
                break Ok(lent);
            }
            // Nobody would give one back: say why there are no more.
            if begun.elapsed() > PATIENT
                && !self.is_full()
                && let Some(error) = self.shared.take_failure()
            {
                break Err(error);
            }
            if !patience.caller().proceed() {
                break Err(Error::Interrupted);
            }
            if left.is_zero() {
                break Err(self.exhausted(begun.elapsed()));
            }
        };
        stats.pool_waits.record(begun.elapsed());
        result
    }

    fn is_full(&self) -> bool {
        guard::pass(|| self.pool.state()).connections >= self.pool.max_size()
    }

    pub(crate) fn exhausted(&self, waited: Duration) -> Error {
        let code = rusqlite::ffi::SQLITE_BUSY;
        let (resource, process) = (Resource::Reader, None);
        Error::Busy(Box::new(Busy { resource, waited, code, holders: self.holders(), process }))
    }

    /// Who has a reader now.
    pub(crate) fn holders(&self) -> Vec<Holder> {
        let badges = self.shared.badges.lock().unwrap_or_else(PoisonError::into_inner);
        badges.iter().filter_map(|badge| badge.upgrade()?.holder()).collect()
    }

    /// Close the readers that nobody holds, and wait for those that r2d2 is just opening.
    pub(crate) fn close(self: Arc<Self>, wait: Duration) {
        let shared = Arc::clone(&self.shared);
        shared.closing.store(true, Ordering::SeqCst);
        self.cool();
        shared.take_first();
        let held = self.holders().len();
        guard::pass(|| drop(self));
        let begun = Instant::now();
        while shared.live.load(Ordering::Acquire) > held && begun.elapsed() < wait {
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    /// End the statements that run now.
    pub(crate) fn interrupt(&self) {
        let badges = self.shared.badges.lock().unwrap_or_else(PoisonError::into_inner);
        badges.iter().filter_map(Weak::upgrade).for_each(|badge| badge.interrupt());
    }

    /// Connections open, and idle among them.
    pub(crate) fn state(&self) -> (u32, u32) {
        let state = guard::pass(|| self.pool.state());
        (state.connections, state.idle_connections + u32::from(!self.warm.is_empty()))
    }
}

static OPENER: PerProcess<Arc<ScheduledThreadPool>> = PerProcess::new();

/// One thread of the process opens readers in the background, for all pools.
fn opener() -> Arc<ScheduledThreadPool> {
    Arc::clone(OPENER.get(|| {
        let pool = ScheduledThreadPool::builder().num_threads(1);
        Arc::new(pool.thread_name_pattern("holdfast-pool").build())
    }))
}

/// Have the thread that opens readers do something, if there is one.
pub(crate) fn give_to_opener(work: Box<dyn FnOnce() + Send>) {
    if let Some(opener) = OPENER.made() {
        opener.execute(work);
    }
}

/// A reader, checked out; it goes back when dropped.
pub struct Reader {
    pool: ManuallyDrop<Arc<Pool>>,
    lent: ManuallyDrop<Box<Pooled>>,
}

impl Reader {
    fn of(pool: Arc<Pool>, mut lent: Box<Pooled>, now: Instant) -> Self {
        lent.used = now;
        lent.connection.badge().pin_on_since(now);
        Reader { pool: ManuallyDrop::new(pool), lent: ManuallyDrop::new(lent) }
    }
}

impl std::ops::Deref for Reader {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.lent.connection
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // The pool of a parent process is not ours to give back to.
        if self.is_current() {
            self.badge().take_off();
            // SAFETY: each is taken once, here.
            unsafe {
                self.pool.give_back(ManuallyDrop::take(&mut self.lent));
                ManuallyDrop::drop(&mut self.pool);
            }
        }
    }
}
