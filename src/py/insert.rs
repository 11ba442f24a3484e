//! Insert and upsert of rows that Python gives by column.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::error::{Failure, is_holdfast, misuse};
use super::gil::Gil;
use super::values::{Kept, bind_value};
use super::verbs::{BREATH, at, ensure_brief};
use crate::{Conflict, Connection, Counts, Insert};

/// What to do with a row whose key exists, as Python says it.
pub(crate) fn conflict_of(
    key: &Bound<'_, PyAny>,
    update: Option<&Bound<'_, PyAny>>,
    do_nothing: bool,
) -> Result<Conflict, Failure> {
    let key = names(key)?;
    let update = update.map(names).transpose()?;
    match (update, do_nothing) {
        (Some(_), true) => Err(misuse("update= and do_nothing= exclude each other")),
        (_, true) => Ok(Conflict::Nothing { key }),
        (columns, false) => Ok(Conflict::Update { key, columns }),
    }
}

/// One name, or several.
fn names(given: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    match given.cast::<PyString>() {
        Ok(one) => Ok(vec![one.extract()?]),
        Err(_) => given.try_iter()?.map(|name| name?.extract()).collect(),
    }
}

/// A mapping, dataclass or the like, as a dict by column.
pub(crate) fn fields<'py>(row: &Bound<'py, PyAny>) -> Result<Bound<'py, PyDict>, Failure> {
    let py = row.py();
    if let Ok(dict) = row.cast_exact::<PyDict>()
        && dict.iter().all(|(name, _)| name.is_exact_instance_of::<PyString>())
    {
        return Ok(dict.clone());
    }
    let fields = py.import("holdfast.rows")?.call_method1("fields_of", (row,));
    let fields = fields.map_err(|error| match is_holdfast(py, &error) {
        true => misuse(error.value(py).to_string()),
        false => error.into(),
    })?;
    Ok(fields.cast_into().map_err(PyErr::from)?)
}

/// Write one row; gives its row id.
pub(crate) fn one(
    connection: &Connection,
    gil: &Gil,
    table: &str,
    row: &Bound<'_, PyAny>,
    conflict: &Conflict,
) -> Result<Option<i64>, Failure> {
    gil.retake();
    let mut batch = Batch::default();
    let (id, _) = batch.write(connection, gil, table, row, conflict, true)?;
    batch.finish(connection);
    Ok(id)
}

/// Write many rows.
pub(crate) fn many(
    connection: &Connection,
    gil: &Gil,
    table: &str,
    rows: &Bound<'_, PyAny>,
    conflict: &Conflict,
) -> Result<Counts, Failure> {
    gil.retake();
    let mut counts = Counts::default();
    let mut batch = Batch::default();
    for (number, row) in rows.try_iter()?.enumerate() {
        let written = batch.write(connection, gil, table, &row?, conflict, false);
        counts.add(written.map_err(|error| at(number, error))?.1);
        if (number + 1).is_multiple_of(BREATH) {
            gil.breathe()?;
        }
    }
    batch.finish(connection);
    Ok(counts)
}

/// The statement of the rows seen last; rows of a batch mostly have the same columns.
#[derive(Default)]
struct Batch {
    columns: Vec<Py<PyString>>,
    insert: Option<Insert>,
}

impl Batch {
    fn write(
        &mut self,
        connection: &Connection,
        gil: &Gil,
        table: &str,
        row: &Bound<'_, PyAny>,
        conflict: &Conflict,
        with_id: bool,
    ) -> Result<(Option<i64>, crate::Change), Failure> {
        let py = row.py();
        let values = match self.in_order(row) {
            Some(values) => values,
            None => {
                let fields = fields(row)?;
                if self.insert.is_none() || !self.fits(py, &fields)? {
                    self.prepare(connection, gil, table, &fields, conflict)?;
                }
                self.by_name(&fields)?
            }
        };
        let Some(insert) = &mut self.insert else { return Err(misuse("no statement")) };
        ensure_brief(connection, insert.statement(), gil)?;
        let mut kept = Kept::default();
        for (index, (column, value)) in self.columns.iter().zip(&values).enumerate() {
            bind_value(connection, insert.statement(), index + 1, value, &mut kept)
                .map_err(|error| named(column.bind(py), index, error))?;
        }
        let needed = with_id || insert.needs_lookup();
        if let (true, Some((lookup, places))) = (needed, insert.lookup()) {
            for (position, &place) in places.iter().enumerate() {
                bind_value(connection, lookup, position + 1, &values[place], &mut kept)?;
            }
        }
        // A batch is in a transaction, which what made the row may have ended.
        if !with_id {
            connection.still()?;
        }
        // The interpreter is needed again before the values are dropped.
        let change = insert.run(connection);
        gil.retake();
        let change = change?;
        let id = if with_id { insert.row_id(connection, change) } else { Ok(None) };
        gil.retake();
        Ok((id?, change))
    }

    /// The values of a dict with the very names of the row before, in the same order.
    fn in_order<'py>(&self, row: &Bound<'py, PyAny>) -> Option<Vec<Bound<'py, PyAny>>> {
        let dict = row.cast_exact::<PyDict>().ok()?;
        if self.insert.is_none() || dict.len() != self.columns.len() {
            return None;
        }
        let mut values = Vec::with_capacity(self.columns.len());
        let (mut place, mut name, mut value) = (0, std::ptr::null_mut(), std::ptr::null_mut());
        for column in &self.columns {
            // SAFETY: attached, and no Python code runs that could change the dict meanwhile.
            unsafe {
                let more = ffi::PyDict_Next(dict.as_ptr(), &mut place, &mut name, &mut value);
                if more == 0 || name != column.as_ptr() {
                    return None;
                }
                values.push(Bound::from_borrowed_ptr(row.py(), value));
            }
        }
        Some(values)
    }

    fn by_name<'py>(&self, fields: &Bound<'py, PyDict>) -> Result<Vec<Bound<'py, PyAny>>, Failure> {
        let value = |column: &Py<PyString>| match fields.get_item(column)? {
            Some(value) => Ok(value),
            None => Err(misuse("a row changed while it was written")),
        };
        self.columns.iter().map(value).collect()
    }

    /// Whether a row has the columns of the statement at hand.
    fn fits(&self, py: Python<'_>, fields: &Bound<'_, PyDict>) -> PyResult<bool> {
        if fields.len() != self.columns.len() {
            return Ok(false);
        }
        for column in &self.columns {
            if !fields.contains(column.bind(py))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn prepare(
        &mut self,
        connection: &Connection,
        gil: &Gil,
        table: &str,
        fields: &Bound<'_, PyDict>,
        conflict: &Conflict,
    ) -> Result<(), Failure> {
        let names: Vec<String> = fields.keys().extract()?;
        let columns: Vec<&str> = names.iter().map(String::as_str).collect();
        if let Some(insert) = self.insert.take() {
            insert.finish(connection);
        }
        let prepared = conflict.prepare(connection, table, &columns);
        gil.retake();
        self.insert = Some(prepared?);
        self.columns = fields.keys().extract()?;
        Ok(())
    }

    fn finish(self, connection: &Connection) {
        if let Some(insert) = self.insert {
            insert.finish(connection);
        }
    }
}

/// Name the column instead of the parameter's number.
fn named(column: &Bound<'_, PyString>, index: usize, failure: Failure) -> Failure {
    use crate::Error::{Misuse, Value};
    let name = |text: &str| {
        let rest = text.strip_prefix(&format!("parameter {}", index + 1)).unwrap_or(text);
        format!("column {column:?}{rest}")
    };
    match failure {
        Failure::Engine(Misuse(text)) => Failure::Engine(Misuse(name(&text))),
        Failure::Engine(Value(text)) => Failure::Engine(Value(name(&text))),
        other => other,
    }
}
