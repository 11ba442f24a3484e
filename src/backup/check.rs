//! What SQLite finds when it looks at the whole file.

use crate::connection::Connection;
use crate::error::{Error, Result};
use crate::patience::Patience;
use crate::sql::quote;
use crate::statement::Statement;

/// No more findings of a kind are listed.
const MOST: usize = 100;

/// What is wrong with a database; empty lists mean nothing is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Damage to the file, at most 100 lines.
    pub problems: Vec<String>,
    /// Rows without their parent, at most 100.
    pub foreign_keys: Vec<ForeignKeyViolation>,
    /// Why foreign keys could not be looked at: a key refers to columns that cannot be a parent.
    pub foreign_key_error: Option<String>,
}

/// A row that refers to a row that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignKeyViolation {
    /// The table of the row.
    pub table: String,
    /// The row, unless the table is WITHOUT ROWID.
    pub rowid: Option<i64>,
    /// The table that it refers to.
    pub parent: String,
}

impl CheckReport {
    /// Whether nothing was found.
    pub fn ok(&self) -> bool {
        self.problems.is_empty() && self.foreign_keys.is_empty() && self.foreign_key_error.is_none()
    }

    pub(super) fn damaged(problem: String) -> Self {
        CheckReport { problems: vec![problem], ..CheckReport::default() }
    }
}

pub(super) fn check(
    connection: &Connection,
    quick: bool,
    patience: &Patience<'_>,
) -> Result<CheckReport> {
    let _attention = connection.attend(patience);
    let sql = if quick { "PRAGMA quick_check(100)" } else { "PRAGMA integrity_check(100)" };
    let mut report = CheckReport::default();
    let _ = refresh_text_indexes(connection);
    let looked = each(connection, sql, |row| report.problems.push(text(row, 0)));
    report.problems.retain(|problem| problem != "ok");
    let looked = looked.and_then(|()| {
        each(connection, "PRAGMA foreign_key_check", |row| {
            report.foreign_keys.push(ForeignKeyViolation {
                table: text(row, 0),
                rowid: row.column(1).as_i64().ok(),
                parent: text(row, 2),
            });
        })
    });
    match looked {
        Ok(()) => {}
        Err(Error::Corruption { problem, .. }) => report.problems.push(problem),
        Err(Error::Sqlite(e)) if e.code == rusqlite::ffi::SQLITE_ERROR => {
            report.foreign_key_error = Some(e.message);
        }
        Err(error) => return Err(error),
    }
    Ok(report)
}

/// FTS5 keeps what it knows of an index between two checks, and only a query looks whether that is
/// old: it would call what others have merged since then a damage.
fn refresh_text_indexes(connection: &Connection) -> Result<()> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE \
               'create virtual table%using fts5%'";
    let mut names = Vec::new();
    each(connection, sql, |row| names.push(text(row, 0)))?;
    for name in names {
        let query = format!("SELECT rowid FROM {} LIMIT 1", quote(&name)?);
        // One that cannot be read is found by the check itself.
        let _ = each(connection, &query, |_| {});
    }
    Ok(())
}

fn each(connection: &Connection, sql: &str, mut take: impl FnMut(&Statement)) -> Result<()> {
    connection.internal(|| {
        let mut statement = connection.statement(sql)?;
        let mut rows = 0;
        while rows < MOST && statement.step(connection)? {
            rows += 1;
            take(&statement);
        }
        Ok(())
    })
}

/// A damaged file may hold names that are no text.
fn text(row: &Statement, column: usize) -> String {
    row.column(column)
        .as_bytes()
        .map(|b| String::from_utf8_lossy(b).into_owned())
        .unwrap_or_default()
}
