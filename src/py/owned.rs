//! What Python gives, copied for a run by another thread.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::error::Failure;
use super::insert::fields;
use super::values::{Given, MAX_ADAPTED, Plain, adapt, plain, refusal};
use crate::parameters::{self, Parameters};
use crate::{Batch, Conflict, Value};

/// Parameters that need Python no more, for a statement that runs later.
pub(crate) fn parameters(
    sql: &str,
    parameters: Option<&Bound<'_, PyAny>>,
) -> Result<Parameters, Failure> {
    let mapping = match Given::of(parameters)? {
        Given::Nothing => return Ok(Parameters::List(Vec::new())),
        Given::Row(row) => {
            let one = |(index, given): (usize, Bound<'_, PyAny>)| {
                value(&given, &|| format!("parameter {}", index + 1))
            };
            let list = row.iter().enumerate().map(one).collect::<Result<_, _>>()?;
            return Ok(Parameters::List(list));
        }
        Given::Mapping(mapping) => mapping,
    };
    let mut values = Vec::with_capacity(mapping.len()?);
    for key in mapping.keys()? {
        let name: String = key.str()?.extract()?;
        let needed = parameters::names(sql, &name);
        if needed && key.is_instance_of::<PyString>() {
            let value = value(&mapping.get_item(&key)?, &|| format!("parameter :{name}"))?;
            values.push((name, value));
        } else if !needed {
            // For the message that says what was given.
            values.push((name, Value::Null));
        }
    }
    Ok(Parameters::Names(values))
}

/// One value that needs Python no more.
fn value(value: &Bound<'_, PyAny>, label: &dyn Fn() -> String) -> Result<Value, Failure> {
    let mut value = value.clone();
    for _ in 0..=MAX_ADAPTED {
        match plain(&value) {
            Plain::Value(plain) => {
                return Value::try_from(plain).map_err(|_| refusal(&Plain::NotUtf8, &label()));
            }
            Plain::Other => value = adapt(&value, label)?,
            unfit => return Err(refusal(&unfit, &label())),
        }
    }
    Err(refusal(&Plain::Other, &label()))
}

/// One row of a table.
pub(crate) fn row(
    table: &str,
    row: &Bound<'_, PyAny>,
    conflict: &Conflict,
) -> Result<Batch, Failure> {
    let fields = fields(row)?;
    let mut batch = batch(table, &fields, conflict, None)?;
    push(&mut batch, &fields)?;
    Ok(batch)
}

/// A batch for rows with the columns of this one.
pub(crate) fn batch(
    table: &str,
    fields: &Bound<'_, PyDict>,
    conflict: &Conflict,
    first: Option<usize>,
) -> Result<Batch, Failure> {
    let columns = fields.keys().extract()?;
    let (table, conflict) = (table.to_owned(), conflict.clone());
    Ok(Batch { table, columns, values: Vec::new(), conflict, first })
}

/// Add a row; `false` when it has other columns.
pub(crate) fn push(batch: &mut Batch, fields: &Bound<'_, PyDict>) -> Result<bool, Failure> {
    if fields.len() != batch.columns.len() {
        return Ok(false);
    }
    let mut row = Vec::with_capacity(batch.columns.len());
    for column in &batch.columns {
        let Some(given) = fields.get_item(column)? else { return Ok(false) };
        // Named as Python writes it, as it is where nothing is copied.
        let label = || format!("column {:?}", PyString::new(fields.py(), column));
        row.push(value(&given, &label)?);
    }
    batch.values.append(&mut row);
    Ok(true)
}
