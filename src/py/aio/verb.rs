//! The verbs of one statement: done at once on the loop's thread, or by a worker that owns them.

use std::time::Instant;

use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};

use super::super::error::{Failure, misuse};
use super::super::gil::Gil;
use super::super::insert;
use super::super::owned;
use super::super::rows::{Shape, value};
use super::super::verbs::{self, Query, Want};
use super::fair;
use super::operation::Progress;
use crate::{Answer, Buffer, Conflict, Connection, Owned};

/// How much of a result is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    All,
    One,
    Value,
}

/// A verb with what Python gave it.
pub(super) enum Verb {
    Execute {
        sql: Py<PyString>,
        parameters: Option<Py<PyAny>>,
    },
    Fetch {
        sql: Py<PyString>,
        parameters: Option<Py<PyAny>>,
        extent: Extent,
        into: Option<Py<PyAny>>,
    },
    Script {
        sql: Py<PyString>,
    },
    Insert {
        table: String,
        row: Py<PyAny>,
        conflict: Conflict,
    },
}

impl Verb {
    /// Whether it may be a query.
    pub(super) fn may_read(&self) -> bool {
        matches!(self, Verb::Fetch { .. })
    }

    /// Whether its rows are made into a type.
    pub(super) fn makes_types(&self) -> bool {
        matches!(self, Verb::Fetch { into: Some(_), .. })
    }

    /// Whether it takes more than one step on the database, so that it needs a transaction.
    pub(super) fn is_compound(&self) -> bool {
        match self {
            Verb::Execute { .. } => false,
            Verb::Insert { conflict, .. } => !matches!(conflict, Conflict::Fail),
            Verb::Fetch { .. } | Verb::Script { .. } => true,
        }
    }

    /// Whether it can only be done by a worker.
    pub(super) fn is_long(&self) -> bool {
        matches!(self, Verb::Script { .. })
    }

    /// Do it at once.
    pub(super) fn run<'py>(
        &self,
        py: Python<'py>,
        connection: &Connection,
        gil: &Gil,
    ) -> Result<Py<PyAny>, Failure> {
        match self {
            Verb::Execute { sql, parameters } => {
                let parameters = parameters.as_ref().map(|p| p.bind(py));
                let query = Query { sql: sql.to_str(py)?, parameters };
                let count = verbs::execute(connection, gil, query)?;
                Ok(count.into_pyobject(py).map_err(PyErr::from)?.into_any().unbind())
            }
            Verb::Fetch { sql, .. } => {
                let mut statement = verbs::prepare(connection, sql.to_str(py)?, gil)?;
                self.fetch(py, connection, gil, &mut statement)
            }
            Verb::Script { sql } => {
                gil.take_long()?;
                connection.execute_script(sql.to_str(py)?)?;
                Ok(py.None())
            }
            Verb::Insert { table, row, conflict } => {
                let id = insert::one(connection, gil, table, row.bind(py), conflict)?;
                Ok(id.into_pyobject(py).map_err(PyErr::from)?.unbind())
            }
        }
    }

    /// The rows of a statement that is at hand.
    pub(super) fn fetch<'py>(
        &self,
        py: Python<'py>,
        connection: &Connection,
        gil: &Gil,
        statement: &mut crate::Statement,
    ) -> Result<Py<PyAny>, Failure> {
        let Verb::Fetch { parameters, extent, into, .. } = self else {
            return Err(misuse("the verb gives no rows"));
        };
        if statement.is_heavy() {
            gil.take_long()?;
        }
        let parameters = parameters.as_ref().map(|p| p.bind(py));
        let into = into.as_ref().map(|into| into.bind(py));
        let want = match extent {
            Extent::All => Want::All(into),
            Extent::One => Want::One(into),
            Extent::Value => Want::Value,
        };
        let rows = verbs::fetch_from(py, connection, gil, statement, parameters, want);
        if rows.is_err() && gil.has_overrun() {
            statement.is_too_long();
        }
        Ok(rows?.unbind())
    }

    pub(super) fn sql<'p>(&'p self, py: Python<'p>) -> Result<&'p str, Failure> {
        match self {
            Verb::Execute { sql, .. } | Verb::Fetch { sql, .. } | Verb::Script { sql } => {
                Ok(sql.to_str(py)?)
            }
            Verb::Insert { .. } => Ok(""),
        }
    }

    /// Copy what Python gave.
    pub(super) fn own(&self, py: Python<'_>) -> Result<Owned, Failure> {
        let sql = self.sql(py)?.to_owned();
        let own = |parameters: &Option<Py<PyAny>>| {
            owned::parameters(&sql, parameters.as_ref().map(|p| p.bind(py)))
        };
        Ok(match self {
            Verb::Execute { parameters, .. } => {
                let parameters = own(parameters)?;
                Owned::Execute { sql, parameters }
            }
            Verb::Fetch { parameters, extent, .. } => {
                let parameters = own(parameters)?;
                let limit = if *extent == Extent::All { usize::MAX } else { 1 };
                Owned::Fetch { sql, parameters, limit }
            }
            Verb::Script { .. } => Owned::Script { sql },
            Verb::Insert { table, row, conflict } => {
                Owned::Insert(owned::row(table, row.bind(py), conflict)?)
            }
        })
    }

    /// What the answer of a worker is to Python.
    pub(super) fn answer(&self, py: Python<'_>, answer: Answer) -> Result<Answered, Failure> {
        let done = |object: Py<PyAny>| Ok(Answered::Done(object));
        match answer {
            Answer::Count(count) => {
                done(count.into_pyobject(py).map_err(PyErr::from)?.into_any().unbind())
            }
            Answer::Id(id) => done(id.into_pyobject(py).map_err(PyErr::from)?.unbind()),
            Answer::Rows(buffer) => {
                let Verb::Fetch { extent, into, .. } = self else { return done(py.None()) };
                match extent {
                    _ if buffer.is_empty() && *extent != Extent::All => done(py.None()),
                    Extent::Value => done(value(py, &buffer.row(0), 0)?.unbind()),
                    _ => Converting::new(py, buffer, into.as_ref(), *extent).map(Answered::Rows),
                }
            }
            _ => done(py.None()),
        }
    }
}

/// An answer as Python sees it, at once or in turns.
pub(super) enum Answered {
    Done(Py<PyAny>),
    Rows(Converting),
}

/// Rows on their way to Python, some in each turn of the loop.
pub(super) struct Converting {
    buffer: Buffer,
    shape: Shape,
    list: Py<PyList>,
    next: usize,
    extent: Extent,
}

impl Converting {
    fn new(
        py: Python<'_>,
        buffer: Buffer,
        into: Option<&Py<PyAny>>,
        extent: Extent,
    ) -> Result<Self, Failure> {
        let shape = Shape::of(py, buffer.columns(), into.map(|into| into.bind(py)))?;
        Ok(Converting { buffer, shape, list: PyList::empty(py).unbind(), next: 0, extent })
    }

    pub(super) fn advance(&mut self, py: Python<'_>) -> Result<Progress, Failure> {
        if self.extent == Extent::One {
            return Ok(Progress::Done(self.shape.row(py, &self.buffer.row(0))?.unbind()));
        }
        let end = fair::slice_end();
        let list = self.list.bind(py);
        while self.next < self.buffer.len() {
            list.append(self.shape.row(py, &self.buffer.row(self.next))?)?;
            self.next += 1;
            if self.next.is_multiple_of(verbs::BREATH) && Instant::now() >= end {
                return Ok(Progress::Turn);
            }
        }
        Ok(Progress::Done(self.list.clone_ref(py).into_any()))
    }
}
