//! Checkpoints in a thread of their own, so that no commit waits for one.

use std::ffi::{c_char, c_int, c_void};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::ffi;

use crate::connection::Connection;
use crate::engine::Engine;
use crate::error::{Error, Holder, Result};
use crate::guard::Names;
use crate::locks::users_of_wal;
use crate::patience::Patience;
use crate::writer::Writer;

mod verb;

pub use verb::{CheckpointMode, CheckpointReport};

/// Pages in the WAL from which on a checkpoint is worth it, as SQLite's own default has it.
const WANTED: u32 = 1000;
/// Pages in the WAL from which on a checkpoint may hold the lane for a moment to start it over.
const CEILING: u32 = 16 * WANTED;
/// Pages that are copied with the lane held at most.
const FEW: u32 = 200;
/// How often the writer is caught up with before that.
const CATCH_UPS: u32 = 8;
/// The longest wait for readers that still use the old end of the WAL, with the lane held.
const LANE_HOLD: Duration = Duration::from_millis(20);

/// The pause between two warnings about a reader that keeps the WAL from starting over.
const WARNED: Duration = Duration::from_secs(60);

/// How often, and after which pause, is looked whether a process is still in the way.
const LOOKS: u32 = 25;
const LOOK: Duration = Duration::from_millis(10);

/// How often the file is to be cut before the lane is held for it.
const SHRINK_TRIES: u32 = 4;

/// The write-ahead log, as this process knows it.
#[derive(Debug, Clone, Default)]
pub struct WalReport {
    /// Its pages after the last commit of this process.
    pub pages: u32,
    /// How many of them the last checkpoint found in the file.
    pub moved: u32,
    /// The readers of this process that kept it from moving the others and still do, the oldest
    /// first.
    pub readers: Vec<Holder>,
    /// The other processes that may do so.
    pub processes: Vec<u32>,
}

/// A checkpoint that was kept from its end.
#[derive(Clone)]
struct Stuck {
    begun: Instant,
    /// The processes that were in the way then; one that only writes is for a moment.
    processes: Vec<u32>,
}

/// What the commit hook and the thread share.
#[derive(Default)]
struct Shared {
    /// Pages in the WAL after the last commit of this process.
    pages: AtomicU32,
    /// Pages in the WAL when it was last looked after.
    seen: AtomicU32,
    /// How many of them the last checkpoint found in the file.
    moved: AtomicU32,
    /// Set while checkpoints cannot move or start over all that they want to.
    stuck: Mutex<Option<Stuck>>,
    pending: AtomicBool,
    shrink: AtomicBool,
    stopping: AtomicBool,
    lock: Mutex<()>,
    wake: Condvar,
    names: OnceLock<Arc<Names>>,
}

/// The checkpoints of one engine; the thread starts with the first need.
#[derive(Default)]
pub(crate) struct Checkpointer {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Checkpointer {
    /// Learn the length of the WAL from this connection's commits.
    pub(crate) fn observe(&self, writer: &Connection, names: &Arc<Names>) {
        let _ = self.shared.names.set(Arc::clone(names));
        let shared = Arc::as_ptr(&self.shared).cast_mut().cast::<c_void>();
        // SAFETY: the engine owns both, and closes the writer before it drops `shared`.
        unsafe { ffi::sqlite3_wal_hook(writer.handle(), Some(on_commit), shared) };
    }

    /// Wake the thread when the WAL has grown enough since it last looked.
    #[inline]
    pub(crate) fn after_write(&self, engine: &Arc<Engine>) {
        let pages = self.shared.pages.load(Ordering::Relaxed);
        let seen = self.shared.seen.load(Ordering::Relaxed);
        // A WAL that is shorter than it was has started over.
        let grown = if pages < seen { pages } else { pages - seen };
        if grown >= WANTED && !self.shared.pending.swap(true, Ordering::AcqRel) {
            self.wake(engine);
        }
    }

    /// Have the file cut to the size of the database, which a vacuum has made smaller.
    pub(crate) fn shrink(&self, engine: &Arc<Engine>) {
        // Without a WAL the vacuum's own commit has done so.
        if engine.options().pragmas.is_wal() {
            self.shared.shrink.store(true, Ordering::Release);
            self.wake(engine);
        }
    }

    /// Pages in the WAL and those of them in the file, and who keeps the others from it.
    pub(crate) fn wal(&self, engine: &Engine) -> Result<WalReport> {
        let stuck = self.shared.stuck.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (mut readers, mut processes) = (Vec::new(), Vec::new());
        if let Some(stuck) = stuck {
            (readers, processes) = in_the_way(engine, stuck.begun)?;
            processes.retain(|pid| stuck.processes.contains(pid));
        }
        let pages = self.shared.pages.load(Ordering::Relaxed);
        let moved = self.shared.moved.load(Ordering::Relaxed).min(pages);
        Ok(WalReport { pages, moved, readers, processes })
    }

    #[cold]
    fn wake(&self, engine: &Arc<Engine>) {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_none() && !self.shared.stopping.load(Ordering::Acquire) {
            let (shared, engine) = (Arc::clone(&self.shared), Arc::downgrade(engine));
            let builder = std::thread::Builder::new().name("holdfast-ckpt".into());
            match builder.spawn(move || serve(&shared, &engine)) {
                Ok(handle) => *thread = Some(handle),
                Err(error) => log::error!(target: "holdfast::checkpoint", "no thread: {error}"),
            }
        }
        drop(self.shared.lock.lock().unwrap_or_else(PoisonError::into_inner));
        self.shared.wake.notify_one();
    }

    /// End the thread and close its connection.
    pub(crate) fn stop(&self) {
        self.shared.stopping.store(true, Ordering::Release);
        drop(self.shared.lock.lock().unwrap_or_else(PoisonError::into_inner));
        self.shared.wake.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(handle) = thread
            && handle.thread().id() != std::thread::current().id()
        {
            let _ = handle.join();
        }
    }
}

unsafe extern "C" fn on_commit(
    shared: *mut c_void,
    _db: *mut ffi::sqlite3,
    _name: *const c_char,
    pages: c_int,
) -> c_int {
    // SAFETY: see `observe`.
    let shared = unsafe { &*shared.cast::<Shared>() };
    shared.pages.store(pages.unsigned_abs(), Ordering::Relaxed);
    // The commit stands, but an error tells its caller that nobody else will see it.
    match shared.names.get().map(|names| names.look_after_commit()) {
        Some(Err(_)) => ffi::SQLITE_READONLY_DBMOVED,
        _ => ffi::SQLITE_OK,
    }
}

fn serve(shared: &Shared, engine: &Weak<Engine>) {
    let mut connection = None;
    // Readers may keep the file from being cut; then the next checkpoint tries again.
    let mut owed = false;
    let mut warned = None;
    loop {
        {
            let mut lock = shared.lock.lock().unwrap_or_else(PoisonError::into_inner);
            while !shared.pending.load(Ordering::Acquire)
                && !shared.shrink.load(Ordering::Acquire)
                && !shared.stopping.load(Ordering::Acquire)
            {
                lock = shared.wake.wait(lock).unwrap_or_else(PoisonError::into_inner);
            }
        }
        if shared.stopping.load(Ordering::Acquire) {
            return;
        }
        let Some(engine) = engine.upgrade() else { return };
        if let Err(error) = cycle(shared, &engine, &mut connection, &mut owed) {
            log::warn!(target: "holdfast::checkpoint", "a checkpoint failed: {error}");
            connection = None;
        }
        warn(shared, &engine, &mut warned);
        shared.seen.store(shared.pages.load(Ordering::Relaxed), Ordering::Relaxed);
        shared.pending.store(false, Ordering::Release);
    }
}

/// Tell, now and then, who makes the WAL grow past its ceiling.
fn warn(shared: &Shared, engine: &Engine, warned: &mut Option<Instant>) {
    let pages = shared.pages.load(Ordering::Relaxed);
    if pages < CEILING || warned.is_some_and(|at: Instant| at.elapsed() < WARNED) {
        return;
    }
    let Ok(WalReport { readers, mut processes, .. }) = engine.checkpointer.wal(engine) else {
        return;
    };
    for _ in 0..LOOKS {
        if processes.is_empty() {
            break;
        }
        // Who was in the way once may be one that only writes.
        if shared.stopping.load(Ordering::Acquire) {
            return;
        }
        std::thread::sleep(LOOK);
        let Ok(now) = engine.checkpointer.wal(engine) else { return };
        processes.retain(|pid| now.processes.contains(pid));
    }
    let readers = readers.iter().map(|reader| format!("a reader of {reader}"));
    let processes = processes.iter().map(|pid| format!("process {pid}"));
    let who = readers.chain(processes).collect::<Vec<_>>().join(", ");
    if !who.is_empty() {
        *warned = Some(Instant::now());
        log::warn!(
            target: "holdfast::checkpoint",
            "the write-ahead log has {pages} pages and cannot start over because of {who}; end \
             snapshots and iterators sooner"
        );
    }
}

fn cycle(
    shared: &Shared,
    engine: &Arc<Engine>,
    own: &mut Option<Connection>,
    owed: &mut bool,
) -> Result<()> {
    engine.names.look()?;
    *owed |= shared.shrink.swap(false, Ordering::AcqRel);
    if own.is_none() {
        *own = Some(engine.open_writer(&Patience::unbounded())?);
    }
    let Some(connection) = own else { return Ok(()) };
    let begun = Instant::now();
    let ahead = |copied| shared.pages.load(Ordering::Relaxed).saturating_sub(copied);
    let Some((mut pages, mut copied)) = checkpoint(connection, ffi::SQLITE_CHECKPOINT_PASSIVE)?
    else {
        return Ok(());
    };
    let mut stuck = false;
    if pages >= CEILING {
        for _ in 0..CATCH_UPS {
            if ahead(copied) <= FEW {
                break;
            }
            let again = checkpoint(connection, ffi::SQLITE_CHECKPOINT_PASSIVE)?;
            (pages, copied) = again.unwrap_or((pages, copied));
        }
        // A writer that never stops is always a few pages ahead: hold it for those. A reader that
        // pins more than that is not waited for.
        let patience = Patience::timeout(LANE_HOLD);
        if ahead(copied) <= FEW
            && let Ok(writer) = Writer::enter(engine, &patience)
        {
            let _attention = connection.attend(&patience);
            stuck = step(connection, ffi::SQLITE_CHECKPOINT_RESTART)?.busy;
            drop(writer);
        }
    }
    shared.moved.store(copied, Ordering::Relaxed);
    let stuck = match stuck || copied < pages {
        true => Some(Stuck { begun, processes: in_the_way(engine, begun)?.1 }),
        false => None,
    };
    *shared.stuck.lock().unwrap_or_else(PoisonError::into_inner) = stuck;
    if *owed {
        *owed = !shrink(connection, engine)?;
    }
    Ok(())
}

/// SQLite cuts the file only at the end of a checkpoint that no commit has overtaken.
fn shrink(connection: &Connection, engine: &Arc<Engine>) -> Result<bool> {
    for _ in 0..SHRINK_TRIES {
        if is_shrunk(connection, engine)? {
            return Ok(true);
        }
        checkpoint(connection, ffi::SQLITE_CHECKPOINT_PASSIVE)?;
    }
    if !is_shrunk(connection, engine)?
        && let Ok(_writer) = Writer::enter(engine, &Patience::timeout(LANE_HOLD))
    {
        checkpoint(connection, ffi::SQLITE_CHECKPOINT_PASSIVE)?;
    }
    is_shrunk(connection, engine)
}

fn is_shrunk(connection: &Connection, engine: &Engine) -> Result<bool> {
    let pages = connection.number("PRAGMA page_count")?;
    let size = pages * connection.number("PRAGMA page_size")?;
    let path = &engine.location.path;
    let file =
        std::fs::metadata(path).map_err(|e| Error::io(format!("cannot look at {path:?}"), e))?;
    Ok(file.len() <= size.unsigned_abs())
}

/// Copy the whole WAL and cut both files; `false` when readers or other checkpoints do not allow it
/// in time. The lane is held for moments only.
pub(crate) fn truncate(
    engine: &Arc<Engine>,
    patience: &Patience<'_>,
    limit: Duration,
) -> Result<bool> {
    let begun = Instant::now();
    while engine.options().pragmas.is_wal() {
        let writer = Writer::enter(engine, patience)?;
        let moment = Patience::new(Some(LANE_HOLD), patience.caller());
        let attention = writer.attend(&moment);
        let left = checkpoint(&writer, ffi::SQLITE_CHECKPOINT_TRUNCATE)?;
        drop(attention);
        drop(writer);
        if left == Some((0, 0)) {
            break;
        }
        if begun.elapsed() >= limit || !patience.sleep(LANE_HOLD) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The readers of this process, the oldest first, and the other processes that may keep a checkpoint
/// from moving pages; of those that were there at that moment.
fn in_the_way(engine: &Engine, attempt: Instant) -> Result<(Vec<Holder>, Vec<u32>)> {
    let (reads, processes) = users_of_wal(&engine.location.path);
    let mut readers = if reads { engine.pool()?.holders() } else { Vec::new() };
    let since = attempt.elapsed();
    readers.retain(|reader| reader.held >= since);
    readers.sort_by_key(|reader| std::cmp::Reverse(reader.held));
    Ok((readers, processes))
}

/// Run one checkpoint; gives pages in the WAL and pages copied to the file, unless somebody else's
/// checkpoint runs.
pub(crate) fn checkpoint(connection: &Connection, mode: c_int) -> Result<Option<(u32, u32)>> {
    let now = step(connection, mode)?;
    Ok(now.pages.zip(now.moved))
}

/// What one checkpoint came to.
struct Step {
    /// Readers or another process were in the way.
    busy: bool,
    pages: Option<u32>,
    moved: Option<u32>,
}

fn step(connection: &Connection, mode: c_int) -> Result<Step> {
    let (mut pages, mut moved) = (-1, -1);
    // SAFETY: the connection is open, the pointers are valid for the call.
    let rc = unsafe {
        let main = c"main".as_ptr();
        ffi::sqlite3_wal_checkpoint_v2(connection.handle(), main, mode, &mut pages, &mut moved)
    };
    let busy = rc == ffi::SQLITE_BUSY;
    match rc {
        ffi::SQLITE_OK => {}
        // An answer, not a failure: readers or another process are in the way.
        ffi::SQLITE_BUSY if !connection.watch().was_cancelled() => {}
        _ => return Err(connection.error(rc, None)),
    }
    Ok(Step { busy, pages: u32::try_from(pages).ok(), moved: u32::try_from(moved).ok() })
}
