//! Parameters that a statement's caller has given away, for a run by another thread.

use rusqlite::types::{Value, ValueRef};

use crate::connection::Connection;
use crate::error::{Error, Result};
use crate::statement::Statement;

/// Values for the parameters of a statement that is not prepared yet.
#[derive(Debug, Clone, PartialEq)]
pub enum Parameters {
    /// For `?`, in order.
    List(Vec<Value>),
    /// For `:name`, `@name` and `$name`; those that the statement does not name are ignored.
    Names(Vec<(String, Value)>),
}

impl Parameters {
    /// Bind them; SQLite copies the values.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a wrong number or a missing name, [`Error::Misuse`] for names where
    /// the statement has `?`.
    pub fn bind(&self, connection: &Connection, statement: &mut Statement) -> Result<()> {
        let values = match self {
            Parameters::List(list) if list.len() != statement.parameter_count() => {
                return Err(statement.wrong_count(list.len()));
            }
            Parameters::List(list) => {
                return statement.bind_all(connection, list.iter().map(ValueRef::from));
            }
            Parameters::Names(values) => values,
        };
        for index in 1..=statement.parameter_count() {
            let Some(name) = statement.parameter_name(index) else { return Err(not_named()) };
            let Some((_, value)) = values.iter().find(|(given, _)| given == name) else {
                return Err(missing(name, values.iter().map(|(given, _)| given.as_str())));
            };
            statement.bind(connection, index, value.into())?;
        }
        Ok(())
    }
}

impl Connection {
    /// Run one statement to its end; gives the number of rows changed.
    pub fn execute_owned(&self, sql: &str, parameters: &Parameters) -> Result<u64> {
        let mut statement = self.statement(sql)?;
        if statement.is_readonly() && statement.column_count() > 0 {
            return Err(Error::Misuse(
                "the statement only reads; get its rows with fetch_all or iterate".into(),
            ));
        }
        self.run_owned(&mut statement, parameters)
    }

    /// Run a statement that is at hand to its end; gives the number of rows changed.
    pub fn run_owned(&self, statement: &mut Statement, parameters: &Parameters) -> Result<u64> {
        let before = self.total_changes();
        parameters.bind(self, statement)?;
        statement.run(self)?;
        statement.rewind();
        Ok(if self.total_changes() == before { 0 } else { self.changes() })
    }
}

/// Whether a text names a parameter, as far as can be told without preparing it: never `false` for
/// one that it has.
pub fn names(sql: &str, name: &str) -> bool {
    let follows = |c: char| c.is_alphanumeric() || c == '_' || c == '$' || !c.is_ascii();
    sql.match_indices(name).any(|(at, _)| {
        sql[..at].ends_with([':', '@', '$']) && !sql[at + name.len()..].starts_with(follows)
    })
}

/// The error for names where the statement has `?`.
pub(crate) fn not_named() -> Error {
    Error::Misuse("the statement has ? parameters: give a sequence, not a mapping".into())
}

/// The error for a name that was not given.
pub(crate) fn missing<'n>(name: &str, given: impl Iterator<Item = &'n str>) -> Error {
    let given: Vec<&str> = given.collect();
    Error::Parameter(format!("the parameter :{name} is missing; given are: {}", given.join(", ")))
}
