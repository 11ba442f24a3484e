//! A database: a handle on one file.

use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use rusqlite::types::Value;

use crate::connection::Connection;
use crate::engine::{Engine, engine_of};
use crate::error::{Error, Result};
use crate::guard;
use crate::location::{FileId, Location};
use crate::options::Options;
use crate::patience::Patience;
use crate::pool::{Reader, ReaderPlace};
use crate::retry::RetryClassifiable;
use crate::transaction::{Mode, Snapshot, Transaction};
use crate::vacuum::auto_vacuum;
use crate::writer::{LanePlace, Owner, Writer};

/// Each reader has open files and a cache of its own.
const MAX_POOL_SIZE: u32 = 1000;

/// How often a file is looked for anew that was replaced while it was opened.
const REPLACED: u32 = 3;

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
    /// [`Error::Path`], [`Error::Pragma`], [`Error::Busy`], [`Error::Corruption`]; [`Error::Moved`]
    /// while a handle on it is open that has lost its file.
    pub fn open_with(path: impl AsRef<Path>, options: Options) -> Result<Self> {
        Self::open_under(path, options, &Patience::unbounded())
    }

    /// [`Database::open_with`] under a deadline and a caller.
    pub fn open_under(
        path: impl AsRef<Path>,
        options: Options,
        patience: &Patience<'_>,
    ) -> Result<Self> {
        guard::watch_forks();
        options.retry.validate()?;
        if !(1..=MAX_POOL_SIZE).contains(&options.pool_size) {
            return Err(Error::Misuse(format!("pool_size must be from 1 to {MAX_POOL_SIZE}")));
        }
        let open = || engine_of(Location::resolve(path.as_ref(), &options)?, &options, patience);
        let mut engine = open();
        for _ in 0..REPLACED {
            // A restore may put a new file there between the look and the opening.
            match engine {
                Err(Error::Moved { .. }) => engine = open(),
                _ => break,
            }
        }
        let slot = Slot::new(engine?);
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

    /// The error of those who come too late.
    pub(crate) fn closed(&self) -> Error {
        self.slot.engine.closed()
    }

    #[cold]
    fn engine_after_fork(&self) -> Result<&Arc<Engine>> {
        let mut slot = &self.slot;
        while slot.generation != guard::generation() {
            if slot.child.get().is_none() {
                let mut location = slot.engine.location.clone();
                (location.id, location.temporary) = (FileId::of(&location.path)?, false);
                let mut options = self.options.clone();
                // A lock that another thread held at the fork is never let go of.
                if let Ok(now) = slot.engine.options.try_lock() {
                    options.pragmas = now.pragmas.clone();
                }
                let engine = engine_of(location, &options, &Patience::unbounded())?;
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
        self.pragmas_with(&Patience::unbounded())
    }

    /// [`Database::pragmas`] under a deadline and a caller.
    pub fn pragmas_with(&self, patience: &Patience<'_>) -> Result<Vec<(String, String)>> {
        let reader = self.reader(patience)?;
        let _attention = reader.attend(patience);
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

    /// A reader, if one is idle; never waits.
    pub fn try_reader(&self) -> Result<Option<Reader>> {
        self.engine()?.try_reader()
    }

    /// A reader for a caller that cannot wait: `ready` is called with it by another thread.
    pub fn reader_later(
        &self,
        ready: impl FnOnce(Result<Reader>) + Send + 'static,
    ) -> Result<ReaderPlace> {
        self.engine()?.reader_later(Box::new(ready))
    }

    /// The writing connection, if nobody holds it or waits for it; never waits.
    ///
    /// # Errors
    /// [`Error::Misuse`] when the owner holds it already.
    pub fn try_writer(&self, owner: Owner) -> Result<Option<Writer>> {
        Writer::try_enter(self.engine()?, owner)
    }

    /// The writing connection for a caller that cannot wait: `ready` is called with it when its
    /// turn has come, by the thread that gives it back.
    pub fn writer_later(
        &self,
        owner: Owner,
        ready: impl FnOnce(Result<Writer>) + Send + 'static,
    ) -> Result<LanePlace> {
        Writer::enter_later(self.engine()?, owner, Box::new(ready))
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
        slot.engine.leave(patience);
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
