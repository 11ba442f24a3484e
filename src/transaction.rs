//! Transactions on the writer lane, savepoints inside them, and snapshots on a reader.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use rusqlite::types::Value;

use crate::connection::Connection;
use crate::database::Database;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::patience::Patience;
use crate::pool::Reader;
use crate::writer::{Tenure, Writer};

/// When a transaction takes SQLite's lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// At the first statement, as that needs it; the step from reading to writing can fail.
    Deferred,
    /// At once, for writing.
    #[default]
    Immediate,
    /// At once, for writing; in rollback-journal mode nobody else reads meanwhile.
    Exclusive,
}

impl Mode {
    fn begin(self) -> &'static str {
        match self {
            Mode::Deferred => "BEGIN DEFERRED",
            Mode::Immediate => "BEGIN IMMEDIATE",
            Mode::Exclusive => "BEGIN EXCLUSIVE",
        }
    }
}

impl std::str::FromStr for Mode {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "deferred" => Ok(Mode::Deferred),
            "immediate" => Ok(Mode::Immediate),
            "exclusive" => Ok(Mode::Exclusive),
            _ => Err(Error::Misuse(format!(
                "unknown mode {name:?}; known are \"immediate\", \"deferred\" and \"exclusive\""
            ))),
        }
    }
}

/// A transaction on the lane; dropped without [`Transaction::commit`], it is rolled back.
pub struct Transaction {
    writer: Writer,
    /// Rows that the connection had changed before.
    before: u64,
    /// How many savepoints were begun; each has a name of its own.
    begun: Cell<u32>,
    /// Those that stand, the innermost last.
    savepoints: RefCell<Vec<u32>>,
}

impl Transaction {
    /// Take the lane and begin, again and again while another process is busy.
    pub(crate) fn begin(engine: &Arc<Engine>, mode: Mode, patience: &Patience<'_>) -> Result<Self> {
        engine.retrying(patience, || Self::begin_once(engine, mode, patience))
    }

    /// Take the lane and begin.
    pub(crate) fn begin_once(
        engine: &Arc<Engine>,
        mode: Mode,
        patience: &Patience<'_>,
    ) -> Result<Self> {
        Self::begin_on(Writer::enter(engine, patience)?, mode, patience)
    }

    /// Begin on the lane that is held already.
    pub fn begin_on(writer: Writer, mode: Mode, patience: &Patience<'_>) -> Result<Self> {
        {
            let _attention = writer.attend(patience);
            writer.command(mode.begin())?;
        }
        Ok(Self::begun(writer))
    }

    /// [`Transaction::begin_on`], again and again while another process is busy; the lane is kept.
    pub fn begin_holding(writer: Writer, mode: Mode, patience: &Patience<'_>) -> Result<Self> {
        let engine = Arc::clone(writer.engine());
        engine.retrying(patience, || {
            let _attention = writer.attend(patience);
            writer.command(mode.begin())
        })?;
        Ok(Self::begun(writer))
    }

    fn begun(writer: Writer) -> Self {
        writer.engine().stats.transactions.add(1);
        let before = writer.total_changes();
        Transaction { writer, before, begun: Cell::new(0), savepoints: RefCell::default() }
    }

    /// The connection, as long as the transaction stands.
    ///
    /// # Errors
    /// [`Error::Fork`] in a forked child; [`Error::Closed`] when SQLite has rolled it back after a
    /// full disk, an interrupt or `OR ROLLBACK`.
    #[inline]
    pub fn connection(&self) -> Result<&Connection> {
        self.check_fork()?;
        if self.writer.is_idle() {
            return Err(Error::Closed(
                "the transaction was rolled back by SQLite after an earlier error; begin a new one"
                    .into(),
            ));
        }
        Ok(&self.writer)
    }

    /// Whose turn on the lane it is.
    pub(crate) fn tenure(&self) -> Option<Tenure> {
        self.writer.tenure()
    }

    /// # Errors
    /// [`Error::Fork`] in a forked child.
    pub(crate) fn check_fork(&self) -> Result<()> {
        if self.writer.is_current() { Ok(()) } else { Err(Error::Fork("the transaction")) }
    }

    /// How many rows it has changed so far, about.
    pub fn changes(&self) -> u64 {
        self.writer.total_changes().saturating_sub(self.before)
    }

    /// The connection, even when SQLite has rolled back; `None` in a forked child.
    pub fn any_connection(&self) -> Option<&Connection> {
        self.writer.is_current().then_some(&*self.writer)
    }

    /// Begin a savepoint; the number names it to [`Transaction::release`] and
    /// [`Transaction::rollback_to`].
    pub fn savepoint(&self) -> Result<u32> {
        let number = self.begun.get() + 1;
        self.connection()?.command(&format!("SAVEPOINT holdfast_{number}"))?;
        self.begun.set(number);
        self.savepoints.borrow_mut().push(number);
        Ok(number)
    }

    /// Keep what was done since the savepoint, as part of the transaction.
    pub fn release(&self, savepoint: u32) -> Result<()> {
        self.end_savepoint(savepoint, &["RELEASE"])
    }

    /// Undo what was done since the savepoint.
    pub fn rollback_to(&self, savepoint: u32) -> Result<()> {
        if self.writer.is_current() && self.writer.is_idle() {
            return Ok(());
        }
        // What is rolled back still stands.
        self.end_savepoint(savepoint, &["ROLLBACK TO", "RELEASE"])
    }

    /// Those inside it end with it.
    fn end_savepoint(&self, savepoint: u32, verbs: &[&str]) -> Result<()> {
        let Some(place) = self.savepoints.borrow().iter().position(|&s| s == savepoint) else {
            return Err(Error::Closed("the nested transaction has ended already".into()));
        };
        for verb in verbs {
            self.connection()?.command(&format!("{verb} holdfast_{savepoint}"))?;
        }
        self.savepoints.borrow_mut().truncate(place);
        Ok(())
    }

    /// Make it durable, as the profile understands that, and give the lane back.
    pub fn commit(self) -> Result<()> {
        self.commit_with(&Patience::unbounded())
    }

    /// [`Transaction::commit`] under a deadline and a caller.
    pub fn commit_with(self, patience: &Patience<'_>) -> Result<()> {
        let connection = self.connection()?;
        let attention = connection.attend(patience);
        if connection.syncs_on_commit() {
            patience.caller().release();
        }
        let result = connection.command("COMMIT");
        drop(attention);
        if result.is_err() {
            self.writer.engine().stats.rollbacks.add(1);
        }
        result
    }

    /// Undo everything and give the lane back.
    pub fn rollback(self) -> Result<()> {
        self.check_fork()?;
        self.writer.engine().stats.rollbacks.add(1);
        self.writer.clean()
    }
}

/// Several reads at one moment in time.
pub struct Snapshot {
    reader: Reader,
}

impl Snapshot {
    /// The moment is now.
    pub(crate) fn begin(engine: &Engine, patience: &Patience<'_>) -> Result<Self> {
        Self::begin_on(engine.reader(patience)?, patience)
    }

    /// The moment is now, on a reader that is at hand.
    pub fn begin_on(reader: Reader, patience: &Patience<'_>) -> Result<Self> {
        {
            let _attention = reader.attend(patience);
            reader.command("BEGIN DEFERRED")?;
            reader.number("SELECT count(*) FROM sqlite_schema WHERE 0")?;
        }
        Ok(Snapshot { reader })
    }

    /// The connection.
    ///
    /// # Errors
    /// [`Error::Fork`] in a forked child.
    #[inline]
    pub fn connection(&self) -> Result<&Connection> {
        if self.reader.is_current() { Ok(&self.reader) } else { Err(Error::Fork("the snapshot")) }
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        if self.reader.is_current()
            && let Err(error) = self.reader.clean()
        {
            log::error!(target: "holdfast::transaction", "a snapshot could not be ended: {error}");
        }
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

/// Run a function in a transaction: commit its result, roll back its error or panic, and run the
/// whole of it again when it fails with an error that is retryable.
///
/// ```
/// use holdfast::{Database, Mode, execute_in_transaction};
/// let db = Database::open(":memory:")?;
/// db.execute("CREATE TABLE account(id INTEGER PRIMARY KEY, balance INTEGER)", &[])?;
/// let changed = execute_in_transaction(&db, Mode::Immediate, |tx| {
///     tx.execute("INSERT INTO account(balance) VALUES (?), (?)", &[100.into(), 50.into()])
/// })?;
/// assert_eq!(changed, 2);
/// # Ok::<(), holdfast::Error>(())
/// ```
pub fn execute_in_transaction<T>(
    db: &Database,
    mode: Mode,
    mut run: impl FnMut(&Transaction) -> Result<T>,
) -> Result<T> {
    let patience = Patience::unbounded();
    let engine = db.engine()?;
    engine.retrying(&patience, || {
        let transaction = Transaction::begin_once(engine, mode, &patience)?;
        let value = run(&transaction)?;
        transaction.commit()?;
        Ok(value)
    })
}
