//! Foreign keys: off while the steps run, so that a rebuilt table takes no children with it, and
//! checked before the commit.

use std::collections::HashMap;

use rusqlite::types::Value;

use crate::connection::Connection;
use crate::error::{Error, PragmaMismatch, Result};

/// While it lives, foreign keys are off; afterwards they are as they were, and nothing is open.
pub(super) struct KeysOff<'c> {
    connection: &'c Connection,
    /// Whether they were on.
    pub(super) enforced: bool,
    restored: bool,
}

impl<'c> KeysOff<'c> {
    pub(super) fn set(connection: &'c Connection) -> Result<Self> {
        let enforced = read(connection)?;
        let keys = KeysOff { connection, enforced, restored: false };
        switch(connection, false)?;
        Ok(keys)
    }

    /// Roll back what is open and put the switch back.
    pub(super) fn restore(mut self) -> Result<()> {
        self.put_back()
    }

    fn put_back(&mut self) -> Result<()> {
        self.restored = true;
        self.connection.clean()?;
        switch(self.connection, self.enforced)
    }
}

impl Drop for KeysOff<'_> {
    fn drop(&mut self) {
        if !self.restored
            && self.connection.is_current()
            && let Err(error) = self.put_back()
        {
            log::error!(target: "holdfast::migrate", "foreign keys stay off: {error}");
        }
    }
}

// The switch works while SQLite compiles the statement, so a cached one would do nothing.
fn switch(connection: &Connection, on: bool) -> Result<()> {
    connection.internal(|| Ok(connection.sqlite().pragma_update(None, "foreign_keys", on)?))?;
    let found = read(connection)?;
    if found == on {
        return Ok(());
    }
    let word = |on| if on { "1" } else { "0" }.to_owned();
    let (name, why) = ("foreign_keys".to_owned(), Some("a transaction is open".to_owned()));
    Err(Error::Pragma(vec![PragmaMismatch { name, wanted: word(on), found: word(found), why }]))
}

fn read(connection: &Connection) -> Result<bool> {
    connection.internal(|| {
        Ok(connection.sqlite().pragma_query_value(None, "foreign_keys", |row| row.get(0))?)
    })
}

const TABLES: &str = "SELECT DISTINCT t.name, t.sql FROM sqlite_schema AS t, \
    pragma_foreign_key_list(t.name) WHERE t.type = 'table'";
const CHECK: &str = "SELECT parent, rowid FROM pragma_foreign_key_check(?) ORDER BY parent, rowid";

/// The rows that refer to nothing, by table.
pub(super) struct References(HashMap<String, Table>);

struct Table {
    sql: String,
    /// The parent and the row; or why the table cannot be checked.
    dangling: Result<Vec<(String, Option<i64>)>, String>,
}

impl References {
    pub(super) fn check(connection: &Connection) -> Result<Self> {
        connection.internal(|| {
            let mut tables = HashMap::new();
            for row in connection.query(TABLES, &[])? {
                let [Value::Text(name), Value::Text(sql)] = &row[..] else { continue };
                let dangling = match connection.query(CHECK, &[Value::Text(name.clone())]) {
                    Ok(rows) => Ok(rows.iter().filter_map(|row| dangling(row)).collect()),
                    // A key that no unique index of the parent serves.
                    Err(Error::Sqlite(e)) if e.message.contains("mismatch") => Err(e.message),
                    Err(error) => return Err(error),
                };
                tables.insert(name.clone(), Table { sql: sql.clone(), dangling });
            }
            Ok(References(tables))
        })
    }

    /// Fail for what `after` has and this has not.
    pub(super) fn compare(&self, after: &References) -> Result<()> {
        let mut problems = Vec::new();
        for (name, table) in &after.0 {
            let before = self.0.get(name);
            let known = before.and_then(|b| b.dangling.as_ref().ok()).map_or(&[][..], |d| &d[..]);
            match &table.dangling {
                Err(problem) if before.is_none_or(|b| b.dangling.is_ok()) => {
                    problems.push(problem.clone());
                }
                Err(_) => {}
                Ok(rows) => {
                    let fresh: Vec<_> =
                        rows.iter().filter(|row| known.binary_search(row).is_err()).collect();
                    // A rebuild may give rows other numbers, so only their count says something.
                    let rebuilt = before.is_none_or(|b| b.sql != table.sql);
                    let more = rows.len().saturating_sub(known.len());
                    let count = if rebuilt { more } else { more.max(fresh.len()) };
                    if let Some((parent, row)) = fresh.first().copied().or(rows.first())
                        && count > 0
                    {
                        let row = row.map_or(String::new(), |row| format!(", such as rowid {row}"));
                        problems.push(format!(
                            "{count} rows of {name:?} refer to rows that do not exist in \
                             {parent:?}{row}"
                        ));
                    }
                }
            }
        }
        if problems.is_empty() {
            return Ok(());
        }
        problems.sort();
        Err(Error::Migration(format!(
            "the steps break foreign keys: {}; the file is as it was: correct the steps and migrate \
             again",
            problems.join("; ")
        )))
    }
}

fn dangling(row: &[Value]) -> Option<(String, Option<i64>)> {
    match row {
        [Value::Text(parent), Value::Integer(row)] => Some((parent.clone(), Some(*row))),
        [Value::Text(parent), _] => Some((parent.clone(), None)),
        _ => None,
    }
}
