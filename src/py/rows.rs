//! Rows to Python objects, decoded straight from SQLite.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use super::error::{Failure, unfit};
use crate::{Row, Statement, ValueRef};

// The storage types that a column may have, as `holdfast.annotations` writes them.
const NULL: u8 = 1;
const INTEGER: u8 = 2;
const FLOAT: u8 = 4;
const TEXT: u8 = 8;
const BLOB: u8 = 16;
const AS_BOOL: u8 = 32;
const AS_FLOAT: u8 = 64;

/// What rows are made into.
pub(crate) enum Shape {
    Tuples,
    Dicts(Vec<Py<PyString>>),
    Plan(Box<Plan>),
}

/// A plan of `holdfast.rows`.
pub(crate) struct Plan {
    make: Option<Py<PyAny>>,
    order: Option<Vec<usize>>,
    keywords: Option<Py<PyTuple>>,
    names: Vec<Py<PyString>>,
    columns: Vec<Column>,
}

struct Column {
    mask: u8,
    convert: Option<Py<PyAny>>,
    wanted: String,
}

type PlanParts<'py> = (
    Bound<'py, PyAny>,
    Option<Py<PyAny>>,
    Option<Vec<usize>>,
    Bound<'py, PyTuple>,
    Vec<(u8, Option<Py<PyAny>>, String)>,
);

impl Shape {
    /// What `into=` asks for, given the columns of the statement.
    pub(crate) fn new(
        py: Python<'_>,
        statement: &mut Statement,
        into: Option<&Bound<'_, PyAny>>,
    ) -> Result<Self, Failure> {
        match into.filter(|into| !into.is_none()) {
            Some(into) => Self::of(py, statement.columns(), Some(into)),
            None => Ok(Shape::Tuples),
        }
    }

    /// What `into=` asks for, given the names of the columns.
    pub(crate) fn of(
        py: Python<'_>,
        columns: &[String],
        into: Option<&Bound<'_, PyAny>>,
    ) -> Result<Self, Failure> {
        let tuple = py.get_type::<PyTuple>();
        let Some(into) = into.filter(|into| !into.is_none() && !into.is(&tuple)) else {
            return Ok(Shape::Tuples);
        };
        let names: Vec<Bound<'_, PyString>> =
            columns.iter().map(|name| PyString::intern(py, name)).collect();
        let columns = PyTuple::new(py, &names)?;
        let plan = match py.import("holdfast.rows")?.call_method1("plan", (into, columns)) {
            Err(error) if error.is_instance_of::<PyTypeError>(py) => {
                return Err(super::error::misuse(format!("into={} is no row type", into.repr()?)));
            }
            plan => plan?,
        };
        let names: Vec<Py<PyString>> = names.into_iter().map(Bound::unbind).collect();
        if into.is(py.get_type::<PyDict>()) {
            return Ok(Shape::Dicts(names));
        }
        let (_, make, order, keywords, columns): PlanParts<'_> = plan.extract()?;
        Ok(Shape::Plan(Box::new(Plan {
            make,
            order,
            keywords: (!keywords.is_empty()).then(|| keywords.unbind()),
            names,
            columns: columns
                .into_iter()
                .map(|(mask, convert, wanted)| Column { mask, convert, wanted })
                .collect(),
        })))
    }

    /// The current row.
    pub(crate) fn row<'py>(
        &self,
        py: Python<'py>,
        row: &impl Row,
    ) -> Result<Bound<'py, PyAny>, Failure> {
        match self {
            Shape::Tuples => tuple(py, row),
            Shape::Dicts(names) => {
                let dict = PyDict::new(py);
                for (index, name) in names.iter().enumerate() {
                    dict.set_item(name, value(py, row, index)?)?;
                }
                Ok(dict.into_any())
            }
            Shape::Plan(plan) => plan.row(py, row),
        }
    }
}

impl Plan {
    fn row<'py>(&self, py: Python<'py>, row: &impl Row) -> Result<Bound<'py, PyAny>, Failure> {
        let mut values = Vec::with_capacity(self.columns.len());
        for (index, column) in self.columns.iter().enumerate() {
            values.push(column.value(py, row, index)?);
        }
        let Some(make) = &self.make else {
            let dict = PyDict::new(py);
            for (name, value) in self.names.iter().zip(values) {
                dict.set_item(name, value)?;
            }
            return Ok(dict.into_any());
        };
        let in_order = |i: usize| values[i].as_ptr();
        let arguments: Vec<*mut ffi::PyObject> = match &self.order {
            Some(order) => order.iter().map(|&i| in_order(i)).collect(),
            None => (0..values.len()).map(in_order).collect(),
        };
        let keywords = self.keywords.as_ref().map_or(std::ptr::null_mut(), |k| k.as_ptr());
        let named = self.keywords.as_ref().map_or(0, |k| k.bind(py).len());
        // SAFETY: `values` keeps the arguments; a non-NULL result is a new reference.
        unsafe {
            let positional = arguments.len() - named;
            let made =
                ffi::PyObject_Vectorcall(make.as_ptr(), arguments.as_ptr(), positional, keywords);
            Ok(Bound::from_owned_ptr_or_err(py, made)?)
        }
    }
}

impl Column {
    fn value<'py>(
        &self,
        py: Python<'py>,
        row: &impl Row,
        index: usize,
    ) -> Result<Bound<'py, PyAny>, Failure> {
        let (storage, name) = match row.column(index) {
            ValueRef::Null => (NULL, "NULL"),
            ValueRef::Integer(i) if self.mask & AS_BOOL != 0 && (i == 0 || i == 1) => {
                return Ok(pyo3::types::PyBool::new(py, i == 1).to_owned().into_any());
            }
            ValueRef::Integer(i) if self.mask & AS_FLOAT != 0 => {
                return Ok(pyo3::types::PyFloat::new(py, i as f64).into_any());
            }
            ValueRef::Integer(_) if self.mask & AS_BOOL != 0 => (0, "an INTEGER beyond 0 and 1"),
            ValueRef::Integer(_) => (INTEGER, "INTEGER"),
            ValueRef::Real(_) => (FLOAT, "REAL"),
            ValueRef::Text(_) => (TEXT, "TEXT"),
            ValueRef::Blob(_) => (BLOB, "BLOB"),
        };
        if storage & self.mask == 0 {
            return Err(unfit(format!("{} was wanted, the column holds {name}", self.wanted)));
        }
        let value = value(py, row, index)?;
        match &self.convert {
            Some(convert) if storage != NULL => {
                convert.bind(py).call1((value,)).map_err(|error| self.unconverted(py, error))
            }
            _ => Ok(value),
        }
    }

    fn unconverted(&self, py: Python<'_>, error: PyErr) -> Failure {
        if !error.is_instance_of::<PyValueError>(py) {
            return Failure::Python(error);
        }
        let made = unfit(format!("{} was wanted, the stored value is none", self.wanted));
        let made = made.into_py(py);
        made.set_cause(py, Some(error));
        Failure::Python(made)
    }
}

#[inline]
fn tuple<'py>(py: Python<'py>, row: &impl Row) -> Result<Bound<'py, PyAny>, Failure> {
    let width = row.width();
    // SAFETY: each place is filled with a new reference before the tuple is seen by anyone; an
    // unfilled one is NULL, which the tuple's own release allows for.
    unsafe {
        let tuple = Bound::from_owned_ptr_or_err(py, ffi::PyTuple_New(width as ffi::Py_ssize_t))?;
        for index in 0..width {
            let value = value(py, row, index)?.into_ptr();
            ffi::PyTuple_SET_ITEM(tuple.as_ptr(), index as ffi::Py_ssize_t, value);
        }
        Ok(tuple)
    }
}

/// One column of the current row.
#[inline]
pub(crate) fn value<'py>(
    py: Python<'py>,
    row: &impl Row,
    index: usize,
) -> Result<Bound<'py, PyAny>, Failure> {
    // SAFETY: attached; each call gives a new reference or sets an exception.
    unsafe {
        let object = match row.column(index) {
            ValueRef::Null => return Ok(py.None().into_bound(py)),
            ValueRef::Integer(v) => ffi::PyLong_FromLongLong(v),
            ValueRef::Real(v) => ffi::PyFloat_FromDouble(v),
            ValueRef::Text(v) => {
                let length = v.len() as ffi::Py_ssize_t;
                let text = ffi::PyUnicode_DecodeUTF8(v.as_ptr().cast(), length, std::ptr::null());
                if text.is_null() {
                    ffi::PyErr_Clear();
                    return Err(row.not_utf8(index).into());
                }
                text
            }
            ValueRef::Blob(v) => {
                ffi::PyBytes_FromStringAndSize(v.as_ptr().cast(), v.len() as ffi::Py_ssize_t)
            }
        };
        Ok(Bound::from_owned_ptr_or_err(py, object)?)
    }
}
