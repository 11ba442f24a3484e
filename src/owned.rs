//! Verbs that own what they need, for a run by another thread.

use std::time::Instant;

use crate::buffer::Buffer;
use crate::connection::Connection;
use crate::error::{Error, Result};
use crate::insert::{Batch, Counts};
use crate::parameters::Parameters;
use crate::patience::Patience;
use crate::transaction::{Mode, Transaction};
use crate::writer::Writer;

/// A verb that owns what it needs.
pub(crate) enum Owned {
    Execute {
        sql: String,
        parameters: Parameters,
    },
    /// For so many rows at most.
    Fetch {
        sql: String,
        parameters: Parameters,
        limit: usize,
    },
    Script {
        sql: String,
    },
    Insert(Batch),
    /// One statement for each row; the first has this number in messages.
    Many {
        sql: String,
        rows: Vec<Parameters>,
        first: usize,
    },
}

/// What came of it.
pub(crate) enum Answer {
    Count(u64),
    Id(Option<i64>),
    Rows(Buffer),
    /// Rows of a write that is not committed yet.
    Held(Buffer, Box<Transaction>),
    Counts(Counts),
    Nothing,
    /// It is to be done elsewhere: a query that turned out to write needs the lane, a write that may
    /// be long needs a worker.
    NotHere,
}

impl Owned {
    /// Run it on a connection that is held.
    pub(crate) fn run(&self, connection: &Connection) -> Result<Answer> {
        match self {
            Owned::Execute { sql, parameters } => {
                Ok(Answer::Count(connection.execute_owned(sql, parameters)?))
            }
            Owned::Fetch { sql, parameters, limit } => {
                let begun = Instant::now();
                let mut statement = connection.statement(sql)?;
                parameters.bind(connection, &mut statement)?;
                let rows = connection.fetch(&mut statement, *limit);
                statement.took(begun.elapsed());
                let rows = rows?;
                if !statement.is_readonly() {
                    // Text that cannot be made into a str undoes its write, so before the commit.
                    rows.ensure_utf8()?;
                }
                Ok(Answer::Rows(rows))
            }
            Owned::Script { sql } => {
                connection.execute_script(sql)?;
                Ok(Answer::Nothing)
            }
            Owned::Insert(batch) => {
                let (id, counts) = batch.write(connection)?;
                Ok(if batch.first.is_some() { Answer::Counts(counts) } else { Answer::Id(id) })
            }
            Owned::Many { sql, rows, first } => {
                let mut statement = connection.statement(sql)?;
                if statement.is_readonly() {
                    return Err(Error::Misuse(
                        "execute_many is for writes; this statement only reads".into(),
                    ));
                }
                let mut changed = 0;
                for (number, row) in rows.iter().enumerate() {
                    let one = connection.run_owned(&mut statement, row);
                    changed += one.map_err(|error| error.at_row(first + number))?;
                }
                Ok(Answer::Count(changed))
            }
        }
    }

    /// Run it on the lane, all or nothing.
    pub(crate) fn write(&self, connection: &Connection, compound: bool) -> Result<Answer> {
        match compound {
            true => connection.whole(|connection| self.run(connection)),
            false => self.run(connection),
        }
    }

    /// Run it in a transaction, unless it might take long.
    pub(crate) fn run_brief(&self, connection: &Connection) -> Result<Answer> {
        let is_bounded = match self {
            Owned::Execute { sql, .. } | Owned::Fetch { sql, .. } => {
                connection.statement(sql)?.is_bounded(connection)
            }
            Owned::Insert(batch) => batch.is_bounded(connection)?,
            Owned::Script { .. } | Owned::Many { .. } => false,
        };
        if is_bounded { self.run(connection) } else { Ok(Answer::NotHere) }
    }

    /// Run it in a transaction that stays open for its rows.
    pub(crate) fn run_held(&self, writer: Writer, patience: &Patience<'_>) -> Result<Answer> {
        let transaction = Transaction::begin_holding(writer, Mode::Immediate, patience)?;
        let answer = {
            let connection = transaction.connection()?;
            let _attention = connection.attend(patience);
            self.run(connection)?
        };
        match answer {
            Answer::Rows(rows) => Ok(Answer::Held(rows, Box::new(transaction))),
            answer => transaction.commit_with(patience).map(|()| answer),
        }
    }

    /// Run it on a reader, unless it writes.
    pub(crate) fn read(&self, connection: &Connection) -> Result<Answer> {
        if let Owned::Fetch { sql, .. } = self
            && !connection.statement(sql)?.is_readonly()
        {
            return Ok(Answer::NotHere);
        }
        self.run(connection)
    }
}
