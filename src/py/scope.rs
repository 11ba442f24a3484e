//! Transactions and snapshots: a connection held by one thread for a while.

use std::cell::{Cell, UnsafeCell};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;

use super::database::Database;
use super::error::{Failure, misuse, thread_name};
use super::gil::Gil;
use super::iterate::{Running, Slot};
use super::verbs::Query;
use crate::patience::Limits;
use crate::{Connection, Error, Patience, Snapshot, Transaction, thread_id};

/// What is held.
pub(crate) enum Held {
    Transaction(Transaction),
    Snapshot(Snapshot),
}

impl Held {
    /// The connection, whatever its state; `None` in a forked child.
    fn connection(&self) -> Option<&Connection> {
        match self {
            Held::Transaction(transaction) => transaction.any_connection(),
            Held::Snapshot(snapshot) => snapshot.connection().ok(),
        }
    }
}

/// A session of the thread that began it, with the iterators that run in it.
pub(crate) struct Scope {
    what: &'static str,
    session: UnsafeCell<Option<Held>>,
    /// The thread that the session belongs to; 0 before it begins and after it ends.
    owner: AtomicU64,
    iterators: Mutex<Vec<Arc<Slot>>>,
    /// Verbs of the owner that run now: one may call back into Python, and so into others.
    running: Cell<u32>,
    /// The deadline of the operation that the session is part of.
    bound: Cell<Option<Limits>>,
    /// Dropped last: the last handle closes the file, and waits for sessions first.
    database: Py<Database>,
}

/// The connection while a verb uses it; the session cannot be ended meanwhile.
pub(crate) struct Use<'s> {
    connection: &'s Connection,
    running: &'s Cell<u32>,
}

impl std::ops::Deref for Use<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

impl Drop for Use<'_> {
    fn drop(&mut self) {
        self.running.set(self.running.get() - 1);
    }
}

// SAFETY: the session is reached only by its owner thread (`check`), or by the last reference.
unsafe impl Send for Scope {}
// SAFETY: as above.
unsafe impl Sync for Scope {}

impl Scope {
    pub(crate) fn new(what: &'static str, database: Py<Database>) -> Arc<Self> {
        Arc::new(Scope {
            what,
            session: UnsafeCell::new(None),
            owner: AtomicU64::new(0),
            iterators: Mutex::default(),
            running: Cell::new(0),
            bound: Cell::new(None),
            database,
        })
    }

    /// Begin; an error when it has begun already.
    pub(crate) fn begin(
        &self,
        open: impl FnOnce() -> Result<Held, Failure>,
    ) -> Result<(), Failure> {
        let (free, me) = (0, thread_id());
        let taken = self.owner.compare_exchange(free, me, Ordering::AcqRel, Ordering::Acquire);
        if taken.is_err() {
            return Err(misuse(format!("the {} has begun already", self.what)));
        }
        match open() {
            Ok(session) => {
                // SAFETY: this thread is the owner now, and nothing is borrowed yet.
                unsafe { *self.session.get() = Some(session) };
                Ok(())
            }
            Err(error) => {
                self.owner.store(0, Ordering::Release);
                Err(error)
            }
        }
    }

    /// Let every verb end when this does; called by the owner.
    pub(crate) fn bind(&self, patience: &Patience<'_>) {
        self.bound.set(patience.bound());
    }

    /// What a verb of the owner may take.
    pub(crate) fn patience<'a>(&self, own: &Patience<'a>) -> Patience<'a> {
        own.within(self.bound.get())
    }

    pub(crate) fn database(&self) -> &Database {
        self.database.get()
    }

    fn check(&self) -> Result<(), Failure> {
        let owner = self.owner.load(Ordering::Acquire);
        if owner == thread_id() {
            return Ok(());
        }
        // SAFETY: only whether there is a session is looked at; a fork leaves one thread.
        match unsafe { &*self.session.get() } {
            Some(Held::Transaction(transaction)) if owner != 0 => transaction.check_fork()?,
            Some(Held::Snapshot(snapshot)) if owner != 0 => drop(snapshot.connection()?),
            _ => {}
        }
        if owner == 0 {
            return Err(Failure::Engine(Error::Closed(format!(
                "the {} is not open; use it inside its with block",
                self.what
            ))));
        }
        let name = Python::attach(|py| thread_name(py, owner)).ok().flatten();
        Err(misuse(format!(
            "the {} belongs to thread {:?} and cannot be used from another; begin one a thread",
            self.what,
            name.unwrap_or_else(|| owner.to_string())
        )))
    }

    fn session(&self) -> Result<&Held, Failure> {
        self.check()?;
        // SAFETY: this thread is the owner; the session is taken out only by `take`, by it too.
        let session = unsafe { &*self.session.get() };
        session.as_ref().ok_or_else(|| misuse(format!("the {} is being ended", self.what)))
    }

    /// The connection, for the owner thread.
    pub(crate) fn connection(&self) -> Result<&Connection, Failure> {
        Ok(match self.session()? {
            Held::Transaction(transaction) => transaction.connection()?,
            Held::Snapshot(snapshot) => snapshot.connection()?,
        })
    }

    /// [`Scope::connection`], to run a verb on.
    pub(crate) fn enter(&self) -> Result<Use<'_>, Failure> {
        let connection = self.connection()?;
        self.running.set(self.running.get() + 1);
        Ok(Use { connection, running: &self.running })
    }

    pub(crate) fn transaction(&self) -> Result<&Transaction, Failure> {
        match self.session()? {
            Held::Transaction(transaction) => Ok(transaction),
            Held::Snapshot(_) => Err(misuse("a snapshot cannot write")),
        }
    }

    /// End the iterators and take the session out.
    pub(crate) fn take(&self) -> Result<Held, Failure> {
        let session = self.session()?;
        if self.running.get() > 0 {
            return Err(misuse(format!(
                "the {} cannot end while one of its own statements takes rows from the code that \
                 ends it",
                self.what
            )));
        }
        // Even when SQLite has rolled back, its statements must go back.
        if let Some(connection) = session.connection() {
            for slot in self.iterators().drain(..) {
                end(connection, &slot);
            }
        }
        // SAFETY: this thread is the owner, and the borrow above has ended.
        let session = unsafe { (*self.session.get()).take() };
        self.owner.store(0, Ordering::Release);
        session.ok_or_else(|| misuse(format!("the {} has ended already", self.what)))
    }

    fn iterators(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Slot>>> {
        self.iterators.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begin an iterator; it is ended with the session at the latest.
    pub(crate) fn iterate(
        &self,
        connection: &Connection,
        gil: &Gil,
        query: Query<'_, '_>,
        into: Option<&Bound<'_, PyAny>>,
    ) -> Result<Arc<Slot>, Failure> {
        let running = Running::new(connection, gil, query, into)?;
        let slot = Arc::new(Mutex::new(Some(running)));
        self.iterators().push(Arc::clone(&slot));
        Ok(slot)
    }

    /// End an iterator now if this is its thread; otherwise the session's end does.
    pub(crate) fn end_iterator(&self, slot: &Arc<Slot>) {
        if self.owner.load(Ordering::Acquire) != thread_id() {
            return;
        }
        if let Ok(connection) = self.connection() {
            end(connection, slot);
            self.iterators().retain(|other| !Arc::ptr_eq(other, slot));
        }
    }
}

fn end(connection: &Connection, slot: &Slot) {
    if let Some(running) = slot.try_lock().ok().and_then(|mut slot| slot.take()) {
        running.end(connection);
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        let iterators = std::mem::take(&mut *self.iterators());
        let session = self.session.get_mut().take();
        let connection = session.as_ref().and_then(Held::connection);
        for slot in iterators {
            match connection {
                Some(connection) => end(connection, &slot),
                None => std::mem::forget(slot),
            }
        }
    }
}

/// Commit or roll back, as the with block ended.
pub(crate) fn finish(session: Held, keep: bool, patience: &Patience<'_>) -> Result<(), Failure> {
    match session {
        Held::Transaction(transaction) if keep => transaction.commit_with(patience)?,
        Held::Transaction(transaction) => transaction.rollback()?,
        Held::Snapshot(_) => {}
    }
    Ok(())
}
