//! Python values to parameters, bound straight from their buffers.

use std::ffi::c_char;

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyList, PyMapping, PySequence, PyString, PyTuple};

use super::error::{Failure, misuse, unfit};
use crate::parameters;
use crate::{Connection, Statement, ValueRef};

/// Objects whose buffers are bound; they must outlive the run of the statement.
#[derive(Default)]
pub(crate) struct Kept {
    row: Option<Py<PyTuple>>,
    others: Vec<Py<PyAny>>,
    depth: u8,
}

/// How often a value is adapted at most.
pub(super) const MAX_ADAPTED: u8 = 4;

/// What parameters may be given as.
pub(super) enum Given<'a, 'py> {
    Nothing,
    Row(Bound<'py, PyTuple>),
    Mapping(&'a Bound<'py, PyMapping>),
}

impl<'a, 'py> Given<'a, 'py> {
    pub(super) fn of(parameters: Option<&'a Bound<'py, PyAny>>) -> Result<Self, Failure> {
        let Some(parameters) = parameters.filter(|p| !p.is_none()) else {
            return Ok(Given::Nothing);
        };
        if let Ok(row) = parameters.cast_exact::<PyTuple>() {
            return Ok(Given::Row(row.clone()));
        }
        if let Ok(row) = parameters.cast_exact::<PyList>() {
            // A list can change while the interpreter lock is let go of.
            return Ok(Given::Row(row.to_tuple()));
        }
        if let Ok(mapping) = parameters.cast::<PyMapping>() {
            return Ok(Given::Mapping(mapping));
        }
        let text = parameters.is_instance_of::<PyString>()
            || parameters.is_instance_of::<PyBytes>()
            || parameters.is_instance_of::<PyByteArray>();
        match parameters.cast::<PySequence>() {
            Ok(row) if !text => Ok(Given::Row(row.to_tuple()?)),
            // A set has no order, and an iterator would be empty when a write is tried again.
            _ => Err(Failure::Python(PyTypeError::new_err(format!(
                "parameters are a sequence for ? or a mapping for :name, not {}; write [value]",
                parameters.get_type().name()?
            )))),
        }
    }
}

/// Bind a sequence to `?` or a mapping to `:name`.
pub(crate) fn bind(
    connection: &Connection,
    statement: &mut Statement,
    parameters: Option<&Bound<'_, PyAny>>,
) -> Result<Kept, Failure> {
    match Given::of(parameters)? {
        Given::Row(row) => bind_tuple(connection, statement, row),
        Given::Mapping(mapping) => bind_names(connection, statement, mapping),
        Given::Nothing => match statement.parameter_count() {
            0 => Ok(Kept::default()),
            _ => Err(statement.wrong_count(0).into()),
        },
    }
}

fn bind_tuple(
    connection: &Connection,
    statement: &mut Statement,
    row: Bound<'_, PyTuple>,
) -> Result<Kept, Failure> {
    if row.len() != statement.parameter_count() {
        return Err(statement.wrong_count(row.len()).into());
    }
    let mut kept = Kept::default();
    for index in 0..row.len() {
        let value = row.get_borrowed_item(index)?;
        bind_value(connection, statement, index + 1, &value, &mut kept)?;
    }
    kept.row = Some(row.unbind());
    Ok(kept)
}

fn bind_names(
    connection: &Connection,
    statement: &mut Statement,
    mapping: &Bound<'_, PyMapping>,
) -> Result<Kept, Failure> {
    let mut kept = Kept::default();
    for index in 1..=statement.parameter_count() {
        let Some(name) = statement.parameter_name(index).map(str::to_owned) else {
            return Err(parameters::not_named().into());
        };
        let value = match mapping.cast::<PyDict>() {
            Ok(dict) => dict.get_item(&name)?,
            Err(_) if mapping.contains(&name)? => Some(mapping.get_item(&name)?),
            Err(_) => None,
        };
        let Some(value) = value else {
            let given: Vec<String> =
                mapping.keys()?.iter().map(|k| k.str()?.extract()).collect::<PyResult<_>>()?;
            return Err(parameters::missing(&name, given.iter().map(String::as_str)).into());
        };
        bind_value(connection, statement, index, &value, &mut kept)?;
        kept.others.push(value.unbind());
    }
    Ok(kept)
}

/// Bind one value; what had to be made for it goes to `kept`, the value itself is the caller's.
pub(crate) fn bind_value(
    connection: &Connection,
    statement: &mut Statement,
    index: usize,
    value: &Bound<'_, PyAny>,
    kept: &mut Kept,
) -> Result<(), Failure> {
    let label = |statement: &Statement| match statement.parameter_name(index) {
        Some(name) => format!("parameter :{name}"),
        None => format!("parameter {index}"),
    };
    match plain(value) {
        // SAFETY: the value is immutable and kept by the caller until the statement is reset.
        Plain::Value(v) => unsafe { statement.bind_borrowed(connection, index, v)? },
        Plain::Other => {
            let adapted = adapt(value, &|| label(statement))?;
            // A subclass becomes its plain value in one more turn; an adapter that gives another
            // such object each time would never end.
            if kept.depth >= MAX_ADAPTED {
                return Err(refusal(&Plain::Other, &label(statement)));
            }
            kept.depth += 1;
            let bound = bind_value(connection, statement, index, &adapted, kept);
            kept.depth -= 1;
            kept.others.push(adapted.unbind());
            bound?;
        }
        unfit => return Err(refusal(&unfit, &label(statement))),
    }
    Ok(())
}

#[cold]
pub(super) fn adapt<'py>(
    value: &Bound<'py, PyAny>,
    label: &dyn Fn() -> String,
) -> Result<Bound<'py, PyAny>, Failure> {
    let py = value.py();
    let adapted = py.import("holdfast.values")?.call_method1("adapt", (value,));
    adapted.map_err(|error| name_parameter(py, error, &label()))
}

#[cold]
pub(super) fn refusal(plain: &Plain<'_>, label: &str) -> Failure {
    let problem = match plain {
        Plain::TooLarge => "the integer does not fit 64 bits; store it as text",
        Plain::NotUtf8 => {
            "the text holds a lone surrogate and cannot be stored as UTF-8; encode it to bytes \
             yourself"
        }
        Plain::NotANumber => "NaN would be stored as NULL; give None",
        Plain::Value(_) | Plain::Other => "its adapters never end",
    };
    unfit(format!("{label}: {problem}"))
}

fn name_parameter(py: Python<'_>, error: PyErr, label: &str) -> Failure {
    let refused = error.is_instance_of::<PyTypeError>(py)
        || error.is_instance_of::<pyo3::exceptions::PyValueError>(py);
    if refused { misuse(format!("{label}: {}", error.value(py))) } else { Failure::Python(error) }
}

pub(super) enum Plain<'a> {
    Value(ValueRef<'a>),
    TooLarge,
    NotUtf8,
    NotANumber,
    Other,
}

#[inline]
pub(super) fn plain<'a>(value: &'a Bound<'_, PyAny>) -> Plain<'a> {
    let object = value.as_ptr();
    // SAFETY: attached; each buffer belongs to an object of exactly the type that was tested for.
    unsafe {
        let class = ffi::Py_TYPE(object);
        if class == &raw mut ffi::PyUnicode_Type {
            let mut length = 0;
            let text = ffi::PyUnicode_AsUTF8AndSize(object, &mut length);
            if text.is_null() {
                ffi::PyErr_Clear();
                return Plain::NotUtf8;
            }
            Plain::Value(ValueRef::Text(bytes(text, length)))
        } else if class == &raw mut ffi::PyLong_Type {
            let mut overflow = 0;
            let number = ffi::PyLong_AsLongLongAndOverflow(object, &mut overflow);
            if overflow == 0 { Plain::Value(ValueRef::Integer(number)) } else { Plain::TooLarge }
        } else if class == &raw mut ffi::PyFloat_Type {
            let number = ffi::PyFloat_AS_DOUBLE(object);
            if number.is_nan() { Plain::NotANumber } else { Plain::Value(ValueRef::Real(number)) }
        } else if object == ffi::Py_None() {
            Plain::Value(ValueRef::Null)
        } else if class == &raw mut ffi::PyBytes_Type {
            let (data, length) = (ffi::PyBytes_AsString(object), ffi::PyBytes_Size(object));
            Plain::Value(ValueRef::Blob(bytes(data, length)))
        } else {
            Plain::Other
        }
    }
}

unsafe fn bytes<'a>(data: *const c_char, length: ffi::Py_ssize_t) -> &'a [u8] {
    // SAFETY: CPython reports pointer and length of one buffer.
    unsafe { std::slice::from_raw_parts(data.cast(), length as usize) }
}
