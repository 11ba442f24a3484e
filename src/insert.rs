//! Writing rows by column: insert and upsert, one at a time or many.

mod batch;
mod texts;

use std::collections::BTreeSet;

use rusqlite::ffi;
use rusqlite::types::{Value, ValueRef};

use crate::connection::Connection;
use crate::error::{Error, Result};
use crate::sql::{self, OnConflict};
use crate::statement::Statement;

pub(crate) use batch::Batch;
pub(crate) use texts::Known;

/// No row has this id, so it shows whether an insert set another.
const NO_ROW: i64 = i64::MIN;

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It was new.
    Inserted,
    /// A row with its key existed and was updated.
    Updated,
    /// A row with its key existed and was left alone.
    Skipped,
}

/// How many rows came to which end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// New rows.
    pub inserted: u64,
    /// Rows that existed and were updated.
    pub updated: u64,
    /// Rows that existed and were left alone.
    pub skipped: u64,
}

impl Counts {
    /// Add those of another batch.
    pub fn join(&mut self, other: Counts) {
        self.inserted += other.inserted;
        self.updated += other.updated;
        self.skipped += other.skipped;
    }

    /// Count one more.
    pub fn add(&mut self, change: Change) {
        match change {
            Change::Inserted => self.inserted += 1,
            Change::Updated => self.updated += 1,
            Change::Skipped => self.skipped += 1,
        }
    }
}

/// What to do with a row whose key exists.
#[derive(Debug, Clone)]
pub enum Conflict {
    /// Fail with the constraint's error.
    Fail,
    /// Update these columns of the row; without a list, all that are given and no part of the key.
    Update {
        /// The columns of the key.
        key: Vec<String>,
        /// The columns to update.
        columns: Option<Vec<String>>,
    },
    /// Leave the row alone.
    Nothing {
        /// The columns of the key.
        key: Vec<String>,
    },
}

impl Conflict {
    /// Prepare the statement for rows with these columns.
    pub fn prepare(
        &self,
        connection: &Connection,
        table: &str,
        columns: &[&str],
    ) -> Result<Insert> {
        fn refs(names: &[String]) -> Vec<&str> {
            names.iter().map(String::as_str).collect()
        }
        match self {
            Conflict::Fail => Insert::prepare(connection, table, columns, OnConflict::Fail),
            Conflict::Nothing { key } => {
                let conflict = OnConflict::Nothing { key: &refs(key) };
                Insert::prepare(connection, table, columns, conflict)
            }
            Conflict::Update { key, columns: updated } => {
                let key = refs(key);
                let others: Vec<&str> = match updated {
                    Some(updated) => refs(updated),
                    None => columns.iter().copied().filter(|c| !sql::contains(&key, c)).collect(),
                };
                let conflict = OnConflict::Update { key: &key, columns: &others };
                Insert::prepare(connection, table, columns, conflict)
            }
        }
    }
}

/// A prepared INSERT or upsert of rows with the same columns.
///
/// Give it back with [`Insert::finish`], so that its statements stay prepared.
pub struct Insert {
    statement: Statement,
    /// Finds the row with the same key; its parameters are the columns at `key`.
    lookup: Option<Statement>,
    key: Vec<usize>,
    without_rowid: bool,
    /// The id of the row that the last run inserted.
    id: Option<i64>,
}

impl Insert {
    /// Prepare for rows of one table with these columns.
    ///
    /// # Errors
    /// [`Error::Misuse`] that lists the known tables or columns where one is unknown.
    pub fn prepare(
        connection: &Connection,
        table: &str,
        columns: &[&str],
        conflict: OnConflict<'_>,
    ) -> Result<Self> {
        let texts = connection.inserts().texts(table, columns, conflict)?;
        let statement = connection
            .take(&texts.insert)
            .map_err(|error| explain(connection, table, columns, conflict, error))?;
        let mut insert =
            Insert { statement, lookup: None, key: Vec::new(), without_rowid: false, id: None };
        if let Some(text) = &texts.lookup {
            // To ask the schema first each time would cost as much as the write.
            let lookup = fresh(connection, text).or_else(|error| {
                insert.without_rowid = is_without_rowid(connection, table)?;
                if !insert.without_rowid {
                    return Err(error);
                }
                let (OnConflict::Update { key, .. } | OnConflict::Nothing { key }) = conflict
                else {
                    return Err(error);
                };
                connection.take(&sql::lookup(table, key, "NULL")?)
            });
            insert.lookup = Some(lookup?);
            insert.key.clone_from(&texts.places);
        }
        Ok(insert)
    }

    /// The statement, to bind the values of a row to, in the order of the columns.
    pub fn statement(&mut self) -> &mut Statement {
        &mut self.statement
    }

    /// The statement that finds the row with the same key, and the columns it takes its
    /// parameters from.
    pub fn lookup(&mut self) -> Option<(&mut Statement, &[usize])> {
        Some((self.lookup.as_mut()?, &self.key))
    }

    /// Whether [`Insert::run`] needs the lookup bound to tell what became of a row.
    pub fn needs_lookup(&self) -> bool {
        self.without_rowid
    }

    /// Write the row that is bound.
    pub fn run(&mut self, connection: &Connection) -> Result<Change> {
        let existed = self.without_rowid && self.found(connection)?.is_some();
        // SAFETY: the connection is open.
        let before_id = unsafe { ffi::sqlite3_last_insert_rowid(connection.handle()) };
        // SAFETY: the connection is open.
        unsafe { ffi::sqlite3_set_last_insert_rowid(connection.handle(), NO_ROW) };
        let before = connection.total_changes();
        let result = self.statement.run(connection);
        self.statement.rewind();
        self.id = last_id(connection);
        if self.id.is_none() {
            // SAFETY: the connection is open.
            unsafe { ffi::sqlite3_set_last_insert_rowid(connection.handle(), before_id) };
        }
        result?;
        Ok(if connection.total_changes() == before {
            Change::Skipped
        } else if self.lookup.is_some() && self.id.is_none() && (existed || !self.without_rowid) {
            Change::Updated
        } else {
            Change::Inserted
        })
    }

    /// The id of the row that was just written or skipped; the lookup must be bound unless the row
    /// was inserted. `None` for tables without row ids.
    pub fn row_id(&mut self, connection: &Connection, change: Change) -> Result<Option<i64>> {
        match change {
            Change::Inserted => Ok(self.id),
            _ => Ok(self.found(connection)?.flatten()),
        }
    }

    fn found(&mut self, connection: &Connection) -> Result<Option<Option<i64>>> {
        let Some(lookup) = &mut self.lookup else { return Ok(None) };
        let found = lookup.step(connection)?.then(|| lookup.column(0).as_i64().ok());
        lookup.rewind();
        Ok(found)
    }

    /// Give the statements back to the connection.
    pub fn finish(self, connection: &Connection) {
        connection.give_back(self.statement);
        if let Some(lookup) = self.lookup {
            connection.give_back(lookup);
        }
    }
}

/// A lookup that fits the table as it is now: one that was prepared before may be of another table
/// of that name, which SQLite sees in the first step.
fn fresh(connection: &Connection, text: &str) -> Result<Statement> {
    let mut lookup = connection.take(text)?;
    lookup.step(connection)?;
    lookup.rewind();
    Ok(lookup)
}

fn last_id(connection: &Connection) -> Option<i64> {
    // SAFETY: the connection is open.
    let id = unsafe { ffi::sqlite3_last_insert_rowid(connection.handle()) };
    (id != NO_ROW).then_some(id)
}

fn is_without_rowid(connection: &Connection, table: &str) -> Result<bool> {
    connection.internal(|| {
        let mut statement = connection.statement(
            "SELECT wr FROM pragma_table_list WHERE name = ? COLLATE NOCASE AND schema = 'main'",
        )?;
        statement.bind(connection, 1, ValueRef::Text(table.as_bytes()))?;
        Ok(statement.step(connection)? && statement.column(0) == ValueRef::Integer(1))
    })
}

/// The names that a query gives in its first column.
fn names(connection: &Connection, sql: &str, table: &str) -> Result<Vec<String>> {
    connection.internal(|| {
        let mut statement = connection.statement(sql)?;
        if statement.parameter_count() > 0 {
            statement.bind(connection, 1, ValueRef::Text(table.as_bytes()))?;
        }
        let mut names = Vec::new();
        while statement.step(connection)? {
            names.extend(statement.column(0).as_str().ok().map(str::to_owned));
        }
        Ok(names)
    })
}

/// Say what is known where a table or column is not.
fn explain(
    connection: &Connection,
    table: &str,
    columns: &[&str],
    conflict: OnConflict<'_>,
    error: Error,
) -> Error {
    if !matches!(&error, Error::Sqlite(e) if e.code == ffi::SQLITE_ERROR) {
        return error;
    }
    const TABLES: &str = "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') \
                          AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name";
    const COLUMNS: &str = "SELECT name FROM pragma_table_xinfo(?) WHERE hidden <> 1";
    let (Ok(tables), Ok(known)) =
        (names(connection, TABLES, table), names(connection, COLUMNS, table))
    else {
        return error;
    };
    if known.is_empty() {
        return Error::Misuse(match tables.is_empty() {
            true => format!("there is no table {table:?}, and no other in this file"),
            false => format!("there is no table {table:?}; known are: {}", tables.join(", ")),
        });
    }
    let lower: BTreeSet<String> = known.iter().map(|name| name.to_lowercase()).collect();
    let (updated, key): (&[&str], &[&str]) = match conflict {
        OnConflict::Fail => (&[], &[]),
        OnConflict::Update { key, columns } => (columns, key),
        OnConflict::Nothing { key } => (&[], key),
    };
    let mut named = columns.iter().chain(updated).chain(key);
    match named.find(|name| !lower.contains(&name.to_lowercase())) {
        Some(name) => Error::Misuse(format!(
            "the table {table:?} has no column {name:?}; known are: {}",
            known.join(", ")
        )),
        None if error.to_string().contains("ON CONFLICT clause does not match") => {
            Error::Misuse(format!(
                "no unique constraint of the table {table:?} is on the key ({}); add a UNIQUE \
                 index, or name the columns of one",
                key.join(", ")
            ))
        }
        None => error,
    }
}

/// Insert rows with the same columns; gives their number. For use inside a transaction.
///
/// ```
/// use holdfast::{Database, Mode, batch_insert, execute_in_transaction};
/// let db = Database::open(":memory:")?;
/// db.execute("CREATE TABLE point(x INTEGER, y INTEGER)", &[])?;
/// let rows = (0..100).map(|i| [i.into(), (i * i).into()]);
/// let n = execute_in_transaction(&db, Mode::Immediate, |tx| {
///     batch_insert(tx.connection()?, "point", &["x", "y"], rows.clone())
/// })?;
/// assert_eq!(n, 100);
/// # Ok::<(), holdfast::Error>(())
/// ```
pub fn batch_insert<R: AsRef<[Value]>>(
    connection: &Connection,
    table: &str,
    columns: &[&str],
    rows: impl IntoIterator<Item = R>,
) -> Result<u64> {
    let mut insert = Insert::prepare(connection, table, columns, OnConflict::Fail)?;
    let mut count = 0;
    for row in rows {
        insert.statement.bind_all(connection, row.as_ref().iter().map(ValueRef::from))?;
        insert.run(connection)?;
        count += 1;
    }
    insert.finish(connection);
    Ok(count)
}

/// Insert a row, or update the one with the same key; gives its row id.
///
/// ```
/// use holdfast::{Database, Patience, upsert};
/// let db = Database::open(":memory:")?;
/// db.execute("CREATE TABLE setting(name TEXT UNIQUE, value TEXT)", &[])?;
/// let put = |value: &str| {
///     let row = [("name", "theme".to_owned().into()), ("value", value.to_owned().into())];
///     db.write(&Patience::unbounded(), |c| upsert(c, "setting", &row, &["name"]))
/// };
/// assert_eq!(put("dark")?, put("light")?);
/// # Ok::<(), holdfast::Error>(())
/// ```
pub fn upsert(
    connection: &Connection,
    table: &str,
    row: &[(&str, Value)],
    key: &[&str],
) -> Result<Option<i64>> {
    let columns: Vec<&str> = row.iter().map(|(name, _)| *name).collect();
    let others: Vec<&str> =
        columns.iter().copied().filter(|name| !sql::contains(key, name)).collect();
    let conflict = OnConflict::Update { key, columns: &others };
    let mut insert = Insert::prepare(connection, table, &columns, conflict)?;
    insert.statement.bind_all(connection, row.iter().map(|(_, value)| ValueRef::from(value)))?;
    if let Some((lookup, places)) = insert.lookup() {
        lookup.bind_all(connection, places.iter().map(|&i| ValueRef::from(&row[i].1)))?;
    }
    let change = insert.run(connection)?;
    let id = insert.row_id(connection, change)?;
    insert.finish(connection);
    Ok(id)
}
