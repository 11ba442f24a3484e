//! Rows of a batch on their way into a transaction, some in each turn of the loop.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::PyIterator;

use super::super::error::Failure;
use super::super::insert::fields;
use super::super::owned;
use super::super::report;
use super::super::verbs::at;
use super::fair;
use super::operation::{Progress, Work};
use super::session::Block;
use super::waiting::{Deadline, Waiting};
use crate::{Answer, Batch, Conflict, Counts, Owned, Parameters};

/// Rows that are handed on at once, at most.
const CHUNK: usize = 10_000;
/// Rows between two looks at the clock.
const BREATH: usize = 64;

/// What the rows are.
pub(super) struct Rows {
    rows: Py<PyIterator>,
    /// A row that did not fit into the chunk before.
    left: Option<Py<PyAny>>,
    what: What,
}

enum What {
    Parameters { sql: String },
    OfTable { table: String, conflict: Conflict },
}

impl Rows {
    /// Parameters of one statement.
    pub(super) fn parameters(sql: String, rows: &Bound<'_, PyAny>) -> PyResult<Self> {
        Self::new(What::Parameters { sql }, rows)
    }

    /// Rows by column.
    pub(super) fn of_table(
        table: String,
        conflict: Conflict,
        rows: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        Self::new(What::OfTable { table, conflict }, rows)
    }

    fn new(what: What, rows: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Rows { rows: rows.try_iter()?.unbind(), left: None, what })
    }

    fn next<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self.left.take() {
            Some(row) => Ok(Some(row.into_bound(py))),
            None => self.rows.bind(py).clone().next().transpose(),
        }
    }
}

/// Rows that own their values, on their way to a worker.
enum Chunk {
    Parameters(Vec<Parameters>),
    Batch(Option<Batch>),
}

/// A batch on its way.
pub(super) struct Many {
    block: Arc<Block>,
    rows: Rows,
    timeout: Option<Duration>,
    deadline: Option<Deadline>,
    chunk: Chunk,
    /// Rows in the chunk, and before it.
    gathered: usize,
    before: usize,
    exhausted: bool,
    waiting: Option<Waiting<Answer>>,
    changed: u64,
    counts: Counts,
}

impl Many {
    pub(super) fn new(block: &Arc<Block>, rows: Rows, timeout: Option<Duration>) -> Self {
        let chunk = rows.what.empty();
        Many {
            block: Arc::clone(block),
            rows,
            timeout,
            deadline: None,
            chunk,
            gathered: 0,
            before: 0,
            exhausted: false,
            waiting: None,
            changed: 0,
            counts: Counts::default(),
        }
    }

    /// Take rows from Python; `false` when the turn was over before the chunk was full.
    fn gather(&mut self, py: Python<'_>) -> Result<bool, Failure> {
        let end = fair::slice_end();
        while self.gathered < CHUNK {
            let Some(row) = self.rows.next(py)? else {
                self.exhausted = true;
                return Ok(true);
            };
            let number = self.before + self.gathered;
            let taken = self.take(&row, number).map_err(|error| at(number, error))?;
            if !taken {
                self.rows.left = Some(row.unbind());
                return Ok(true);
            }
            self.gathered += 1;
            if self.gathered.is_multiple_of(BREATH) && Instant::now() >= end {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Add a row to the chunk; `false` when it has other columns.
    fn take(&mut self, row: &Bound<'_, PyAny>, number: usize) -> Result<bool, Failure> {
        match (&mut self.chunk, &self.rows.what) {
            (Chunk::Parameters(list), What::Parameters { sql }) => {
                list.push(owned::parameters(sql, Some(row))?);
                Ok(true)
            }
            (Chunk::Batch(batch), What::OfTable { table, conflict }) => {
                let fields = fields(row)?;
                let batch = match batch {
                    Some(batch) => batch,
                    None => batch.insert(owned::batch(table, &fields, conflict, Some(number))?),
                };
                owned::push(batch, &fields)
            }
            _ => Ok(true),
        }
    }

    fn submit(&mut self, py: Python<'_>) -> Result<(), Failure> {
        let session = self.block.session()?;
        let first = self.before;
        self.before += self.gathered;
        self.gathered = 0;
        let chunk = std::mem::replace(&mut self.chunk, self.rows.what.empty());
        let owned = match (chunk, &self.rows.what) {
            (Chunk::Parameters(rows), What::Parameters { sql }) => {
                Owned::Many { sql: sql.clone(), rows, first }
            }
            (Chunk::Batch(Some(batch)), _) => Owned::Insert(batch),
            _ => return Ok(()),
        };
        let deadline = *self.deadline.get_or_insert_with(|| Deadline::new(self.timeout));
        let waiting = Waiting::in_session(py, deadline, &session, move |open, patience| {
            open.run(patience, |connection| owned.run(connection))
        })?;
        self.waiting = Some(waiting);
        Ok(())
    }

    fn result(&self, py: Python<'_>) -> Result<Py<PyAny>, Failure> {
        let number = match &self.rows.what {
            What::Parameters { .. } => self.changed,
            What::OfTable { conflict: Conflict::Fail, .. } => self.counts.inserted,
            What::OfTable { .. } => return Ok(report::upserted(py, self.counts)?.unbind()),
        };
        Ok(number.into_pyobject(py).map_err(PyErr::from)?.into_any().unbind())
    }
}

impl What {
    fn empty(&self) -> Chunk {
        match self {
            What::Parameters { .. } => Chunk::Parameters(Vec::new()),
            What::OfTable { .. } => Chunk::Batch(None),
        }
    }
}

impl Work for Many {
    fn advance(&mut self, py: Python<'_>) -> Result<Progress, Failure> {
        loop {
            if let Some(waiting) = &mut self.waiting {
                match waiting.look(py)? {
                    Err(progress) => return Ok(progress),
                    Ok(Answer::Count(changed)) => self.changed += changed,
                    Ok(Answer::Counts(counts)) => self.counts.join(counts),
                    Ok(_) => {}
                }
                self.waiting = None;
            }
            if self.exhausted && self.gathered == 0 {
                return Ok(Progress::Done(self.result(py)?));
            }
            if !self.exhausted && !self.gather(py)? {
                return Ok(Progress::Turn);
            }
            if self.gathered > 0 || self.before == 0 {
                self.submit(py)?;
            }
        }
    }
}
