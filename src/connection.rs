//! One connection: opened, verified, and used by one thread at a time.

mod badge;

use std::mem::ManuallyDrop;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use rusqlite::ffi;

use crate::error::{Busy, Error, Resource, Result};
use crate::guard::{self, Names};
use crate::insert::Known;
use crate::locks;
use crate::options::Options;
use crate::patience::Patience;
use crate::pragma::{self, verify_pragmas};
use crate::statement::Cache;
use crate::watch::{Attention, Ending, Role, Watch};

pub(crate) use badge::{Badge, Hold};

/// The oldest SQLite without the WAL-reset bug (two checkpoints and a commit at once).
const OLDEST_SQLITE: i32 = 3_051_003;

/// A verified connection to one file.
///
/// It is used by one thread at a time: whoever checked it out of the pool, or holds the lane.
pub struct Connection {
    cache: Cache,
    inserts: Known,
    raw: ManuallyDrop<rusqlite::Connection>,
    watch: Box<Watch>,
    badge: Arc<Badge>,
    verified: Vec<(String, String)>,
    syncs: bool,
    names: OnceLock<Arc<Names>>,
    generation: u32,
}

// SAFETY: SQLite runs in multi-thread mode, and a connection is used by one thread at a time.
unsafe impl Send for Connection {}

impl Connection {
    /// Make a bare connection of SQLite into a verified one.
    pub(crate) fn verify(
        raw: rusqlite::Connection,
        role: Role,
        options: &Options,
        patience: &Patience<'_>,
    ) -> Result<Self> {
        if rusqlite::version_number() < OLDEST_SQLITE {
            return Err(Error::Misuse(format!(
                "SQLite {} can corrupt a WAL database (its WAL-reset bug); 3.51.3 or newer is needed",
                rusqlite::version()
            )));
        }
        let begun = Instant::now();
        load_extensions(&raw, &options.extensions)?;
        let (timeout, others) = options.pragmas.split("busy_timeout");
        raw.busy_timeout(options.pragmas.busy_timeout())?;
        let mut verified = verify_pragmas(&raw, &timeout)?;
        let badge = Badge::new(&raw);
        let syncs = !options.pragmas.is_wal()
            || !matches!(options.pragmas.get("synchronous"), Some("normal" | "off" | "0" | "1"));
        let mut connection = Connection {
            syncs,
            cache: Cache::default(),
            inserts: Known::default(),
            raw: ManuallyDrop::new(raw),
            watch: Watch::new(role, options.pragmas.busy_timeout()),
            badge,
            verified: Vec::new(),
            names: OnceLock::new(),
            generation: guard::generation(),
        };
        // SAFETY: the box keeps the watch in place, and is dropped after the connection.
        unsafe { connection.watch.install(connection.handle()) };
        let attention = connection.attend(patience);
        let applied = connection.internal(|| {
            pragma::apply(&connection, role, options, patience)?;
            verify_pragmas(&connection.raw, &others)
        });
        verified.extend(applied.map_err(|error| connection.locked(begun, error))?);
        drop(attention);
        verified.sort();
        connection.verified = verified;
        connection
            .raw
            .set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        Ok(connection)
    }

    /// The writing connection of a file that exists.
    pub(crate) fn open_writer(
        path: &Path,
        options: &Options,
        patience: &Patience<'_>,
    ) -> Result<Self> {
        use rusqlite::OpenFlags;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let raw = rusqlite::Connection::open_with_flags(path, flags)?;
        Self::verify(raw, Role::Writer, options, patience)
    }

    /// Stay away from the files once their names lead elsewhere.
    pub(crate) fn mind(&self, names: &Arc<Names>) {
        let _ = self.names.set(Arc::clone(names));
    }

    /// Whether the names still lead to the files.
    pub(crate) fn look_at_names(&self) -> Result<()> {
        self.names.get().map_or(Ok(()), |names| names.look())
    }

    /// The pragmas as they were read back when the connection was opened.
    pub fn pragmas(&self) -> &[(String, String)] {
        &self.verified
    }

    /// Whether a commit waits for the disk.
    #[inline]
    pub fn syncs_on_commit(&self) -> bool {
        self.syncs
    }

    /// The connection of `rusqlite` below, for what has no verb here.
    ///
    /// What it changes about pragmas, transactions or callbacks, the engine does not know of.
    pub fn sqlite(&self) -> &rusqlite::Connection {
        &self.raw
    }

    /// Run under this deadline and caller until the guard is dropped.
    ///
    /// Guards must be dropped, the last one first: the callbacks follow the pointer that they keep.
    pub(crate) fn attend<'a>(&'a self, patience: &'a Patience<'a>) -> Attention<'a> {
        self.watch.attend(patience)
    }

    /// Run one of the engine's own statements, which may do what a user's may not.
    pub(crate) fn internal<T>(&self, run: impl FnOnce() -> Result<T>) -> Result<T> {
        let before = self.watch.internal.replace(true);
        let result = run();
        self.watch.internal.set(before);
        result
    }

    /// Run a statement of the engine to its end.
    pub(crate) fn command(&self, sql: &str) -> Result<()> {
        self.internal(|| self.statement(sql)?.run(self))
    }

    /// Run a statement of the engine for one integer.
    pub(crate) fn number(&self, sql: &str) -> Result<i64> {
        self.internal(|| {
            let mut statement = self.statement(sql)?;
            statement.step(self)?;
            Ok(statement.column(0).as_i64().unwrap_or_default())
        })
    }

    /// Read the number of the schema, which waits for the lock that this takes.
    pub(crate) fn look_at_schema(&self) -> Result<()> {
        let look = || self.raw.pragma_query_value(None, "schema_version", |_| Ok(()));
        self.internal(|| {
            look().map_err(|e| match e.sqlite_error() {
                Some(e) => self.error(e.extended_code, None),
                None => e.into(),
            })
        })
    }

    /// For messages about who holds it: this thread does from now on, or a task of this name.
    pub fn held_by(&self, task: Option<String>) {
        self.badge.pass_to(task);
    }

    /// Whether no transaction is open.
    #[inline]
    pub fn is_idle(&self) -> bool {
        // SAFETY: the connection is open.
        unsafe { ffi::sqlite3_get_autocommit(self.handle()) != 0 }
    }

    /// Whether it was opened by this process, not by the one from which it was forked.
    #[inline]
    pub fn is_current(&self) -> bool {
        self.generation == guard::generation()
    }

    /// In a loop over rows: whether the next one still belongs to the transaction.
    ///
    /// # Errors
    /// [`Error::Closed`] when SQLite has rolled back, or the database is being closed.
    pub fn still(&self) -> Result<()> {
        if self.is_idle() {
            return Err(Error::Closed(
                "the transaction was rolled back by SQLite after an earlier error; nothing of it \
                 was kept"
                    .into(),
            ));
        }
        if self.badge.is_stopped() {
            return Err(Error::Closed("the database is being closed; nothing was kept".into()));
        }
        Ok(())
    }

    /// Roll back whatever is open.
    pub(crate) fn clean(&self) -> Result<()> {
        if self.is_idle() { Ok(()) } else { self.command("ROLLBACK") }
    }

    /// Rows that the last INSERT, UPDATE or DELETE changed.
    pub fn changes(&self) -> u64 {
        // SAFETY: the connection is open.
        unsafe { ffi::sqlite3_changes64(self.handle()) as u64 }
    }

    /// Rows changed since the connection was opened, by triggers and cascades too.
    pub fn total_changes(&self) -> u64 {
        // SAFETY: the connection is open.
        unsafe { ffi::sqlite3_total_changes64(self.handle()) as u64 }
    }

    #[inline]
    pub(crate) fn handle(&self) -> *mut ffi::sqlite3 {
        // SAFETY: the pointer is used while `self` lives, by the thread that uses `self`.
        unsafe { self.raw.handle() }
    }

    #[inline]
    pub(crate) fn watch(&self) -> &Watch {
        &self.watch
    }

    pub(crate) fn inserts(&self) -> &Known {
        &self.inserts
    }

    pub(crate) fn cache(&self) -> &Cache {
        &self.cache
    }

    pub(crate) fn badge(&self) -> &Arc<Badge> {
        &self.badge
    }

    #[inline]
    pub(crate) fn note(&self, sql: &Arc<str>) {
        if !self.watch.internal.get() {
            self.badge.note(sql);
        }
    }

    /// The error of the call that just failed.
    #[cold]
    pub(crate) fn error(&self, rc: i32, sql: Option<&str>) -> Error {
        let (code, message) = self.last_error(rc);
        // Of an error after a commit SQLite keeps no more than that there was one.
        if matches!(code, ffi::SQLITE_ERROR | ffi::SQLITE_READONLY_DBMOVED)
            && let Err(moved) = self.look_at_names()
        {
            return moved;
        }
        let watch = &*self.watch;
        match (watch.ending.take(), code & 0xff) {
            (Some(Ending::Caller), ffi::SQLITE_INTERRUPT | ffi::SQLITE_BUSY) => Error::Interrupted,
            (Some(Ending::Deadline), ffi::SQLITE_INTERRUPT) => Error::Timeout(watch.limit()),
            (_, ffi::SQLITE_INTERRUPT) => Error::Interrupted,
            // Not another process, but a statement of this very connection.
            (_, ffi::SQLITE_BUSY) if message.contains("statements in progress") => {
                Error::Misuse(message)
            }
            (_, ffi::SQLITE_BUSY) => {
                let snapshot = code == ffi::SQLITE_BUSY_SNAPSHOT;
                Error::Busy(Box::new(Busy {
                    resource: if snapshot { Resource::Snapshot } else { Resource::File },
                    waited: watch.waited().unwrap_or_default(),
                    code,
                    holders: Vec::new(),
                    process: self.raw.path().and_then(|p| locks::writer_of(Path::new(p))),
                }))
            }
            (_, ffi::SQLITE_AUTH) => match watch.denial.take() {
                Some(problem) => Error::Misuse(problem),
                None => Error::from_code(code, &message, sql),
            },
            _ => Error::from_code(code, &message, sql),
        }
    }

    /// What ended the opening: the caller, or a lock that was in the way for how long and whose.
    fn locked(&self, begun: Instant, error: Error) -> Error {
        match (self.watch.ending.take(), error) {
            (Some(Ending::Caller), _) => Error::Interrupted,
            (_, Error::Sqlite(e)) if e.code & 0xff == ffi::SQLITE_BUSY => {
                Error::Busy(Box::new(Busy {
                    resource: Resource::File,
                    waited: begun.elapsed(),
                    code: e.code,
                    holders: Vec::new(),
                    process: self.raw.path().and_then(|p| locks::writer_of(Path::new(p))),
                }))
            }
            (Some(Ending::Deadline), Error::Sqlite(e)) if e.code == ffi::SQLITE_INTERRUPT => {
                Error::Timeout(self.watch.limit())
            }
            (_, error) => error,
        }
    }

    fn last_error(&self, rc: i32) -> (i32, String) {
        // SAFETY: the connection is open; the message is copied at once.
        unsafe {
            let code = ffi::sqlite3_extended_errcode(self.handle());
            let (code, text) = if code & 0xff == rc & 0xff {
                (code, ffi::sqlite3_errmsg(self.handle()))
            } else {
                (rc, ffi::sqlite3_errstr(rc))
            };
            (code, std::ffi::CStr::from_ptr(text).to_string_lossy().into_owned())
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.is_current() {
            self.cache.clear();
            if let Err(moved) = self.look_at_names() {
                log::info!(target: "holdfast::guard", "closed without a checkpoint: {moved}");
                // The last one to close would move pages into a file that is not its own any more,
                // and remove the log of others.
                let keep = rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
                let _ = self.raw.set_db_config(keep, true);
            }
            // SAFETY: dropped once, here.
            unsafe { ManuallyDrop::drop(&mut self.raw) };
        } else {
            // A forked child must not close what the parent still uses.
            self.cache.forget();
        }
    }
}

fn load_extensions(raw: &rusqlite::Connection, paths: &[std::path::PathBuf]) -> Result<()> {
    if paths.is_empty() {
        return Ok(());
    }
    // SAFETY: the user asked for these libraries by path; loading from SQL is off again after.
    unsafe {
        let _guard = rusqlite::LoadExtensionGuard::new(raw)?;
        for path in paths {
            raw.load_extension(path, None::<&str>)?;
        }
    }
    Ok(())
}
