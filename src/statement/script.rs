//! Several statements in one text.

use super::Statement;
use crate::connection::Connection;
use crate::database::Database;
use crate::error::{Error, Result};
use crate::patience::Patience;
use crate::sql::skip_blank;
use crate::transaction::{Mode, Transaction};

impl Connection {
    /// Run every statement of a text to its end, rows ignored; gives the number of rows changed.
    ///
    /// Outside a transaction, what ran before a failure stays.
    ///
    /// # Errors
    /// The first statement's that fails; [`Error::Parameter`] for a statement with parameters.
    pub fn execute_script(&self, sql: &str) -> Result<u64> {
        let mut changed = 0;
        let mut rest = skip_blank(sql);
        while !rest.is_empty() {
            let (statement, after) = Statement::first(self, rest, 0)?;
            if after.len() == rest.len() {
                return Err(Error::Value("the script holds a NUL character".into()));
            }
            if let Some(mut statement) = statement {
                if statement.parameters > 0 {
                    return Err(statement.wrong_count(0));
                }
                self.note(&statement.sql);
                let before = self.total_changes();
                statement.run(self)?;
                changed += if self.total_changes() == before { 0 } else { self.changes() };
            }
            rest = skip_blank(after);
        }
        Ok(changed)
    }
}

impl Transaction {
    /// [`Connection::execute_script`] inside the transaction.
    pub fn execute_script(&self, sql: &str) -> Result<u64> {
        self.connection()?.execute_script(sql)
    }
}

impl Database {
    /// Run several statements in one transaction, rows ignored; gives the number of rows changed.
    ///
    /// # Errors
    /// The first statement's that fails; nothing of the script is kept then.
    pub fn execute_script(&self, sql: &str, patience: &Patience<'_>) -> Result<u64> {
        let engine = self.engine()?;
        engine.retrying(patience, || {
            let transaction = Transaction::begin_once(engine, Mode::Immediate, patience)?;
            let changed = {
                let connection = transaction.connection()?;
                let _attention = connection.attend(patience);
                connection.execute_script(sql)?
            };
            transaction.commit_with(patience)?;
            Ok(changed)
        })
    }
}
