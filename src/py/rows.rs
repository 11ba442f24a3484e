//! Rows to Python objects, decoded straight from SQLite.

use std::ffi::c_uint;
use std::sync::Arc;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};

use super::error::{Failure, unfit};
use super::make::{Arguments, new};
use super::plans;
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
#[derive(Clone)]
pub(crate) enum Shape {
    Tuples,
    Dicts(Arc<[Py<PyString>]>),
    Plan(Arc<Plan>),
}

/// A plan of `holdfast.rows`.
pub(crate) struct Plan {
    make: Make,
    /// Of the class, where the steps of its call are taken here.
    version: c_uint,
    /// Where the value of each column goes.
    order: Option<Vec<usize>>,
    names: Vec<Py<PyString>>,
    columns: Vec<Column>,
}

enum Make {
    Dict,
    /// By a call; the names are those of the last arguments.
    Call {
        what: Py<PyAny>,
        keywords: Option<Py<PyTuple>>,
    },
    /// By the steps of a call of a class without a `__new__` of its own.
    Init {
        class: Py<PyType>,
        init: Py<PyAny>,
        keywords: Option<Py<PyTuple>>,
    },
    /// A kind of tuple that is nothing but its items.
    Tuple {
        class: Py<PyType>,
    },
}

struct Column {
    mask: u8,
    convert: Option<Py<PyAny>>,
    wanted: String,
}

type PlanParts<'py> = (
    Bound<'py, PyString>,
    Option<Bound<'py, PyAny>>,
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
        let Some(into) = into.filter(|into| !into.is_none()) else { return Ok(Shape::Tuples) };
        let columns = statement.columns();
        if let Some(shape) = plans::find(into, columns) {
            return Ok(shape);
        }
        let shape = Self::of(py, columns, Some(into))?;
        plans::keep(into, columns, &shape);
        Ok(shape)
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
        if into.is(py.get_type::<PyDict>()) && !has_twice(columns) {
            return Ok(Shape::Dicts(names.into_iter().map(Bound::unbind).collect()));
        }
        let columns = PyTuple::new(py, &names)?;
        let plan = match py.import("holdfast.rows")?.call_method1("plan", (into, columns)) {
            Err(error) if error.is_instance_of::<PyTypeError>(py) => {
                return Err(super::error::misuse(format!(
                    "into={} is no row type; give a class, such as dict or a dataclass",
                    into.repr()?
                )));
            }
            plan => plan?,
        };
        let names: Vec<Py<PyString>> = names.into_iter().map(Bound::unbind).collect();
        let (kind, make, order, keywords, columns): PlanParts<'_> = plan.extract()?;
        let keywords = (!keywords.is_empty()).then(|| keywords.unbind());
        let class = |make: &Bound<'_, PyAny>| -> PyResult<Py<PyType>> {
            Ok(make.cast::<PyType>()?.clone().unbind())
        };
        let make = match (kind.to_str()?, make) {
            ("init", Some(make)) => {
                let (class, init) = (class(&make)?, make.getattr("__init__")?);
                Make::Init { class, init: init.unbind(), keywords }
            }
            ("tuple", Some(make)) => Make::Tuple { class: class(&make)? },
            (_, Some(what)) => Make::Call { what: what.unbind(), keywords },
            (_, None) => Make::Dict,
        };
        let place = |order: Vec<usize>| {
            let mut places = vec![0; order.len()];
            order.iter().enumerate().for_each(|(place, &column)| places[column] = place);
            places
        };
        Ok(Shape::Plan(Arc::new(Plan {
            version: make.version(),
            make,
            order: order.map(place),
            names,
            columns: columns
                .into_iter()
                .map(|(mask, convert, wanted)| Column { mask, convert, wanted })
                .collect(),
        })))
    }

    /// Whether the class is still called as it was when this was made.
    #[inline]
    pub(super) fn is_current(&self) -> bool {
        match self {
            Shape::Plan(plan) => plan.make.version() == plan.version,
            _ => true,
        }
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

impl Make {
    /// Changes when an attribute of the class does.
    #[inline]
    fn version(&self) -> c_uint {
        match self {
            // SAFETY: attached, as all that plans and makes rows is; the class lives.
            Make::Init { class, .. } | Make::Tuple { class } => unsafe {
                (*class.as_ptr().cast::<ffi::PyTypeObject>()).tp_version_tag
            },
            Make::Dict | Make::Call { .. } => 0,
        }
    }
}

/// Two columns of one name have no place in a dict; the plan says so.
fn has_twice(columns: &[String]) -> bool {
    columns.iter().enumerate().any(|(i, name)| columns[..i].contains(name))
}

impl Plan {
    fn row<'py>(&self, py: Python<'py>, row: &impl Row) -> Result<Bound<'py, PyAny>, Failure> {
        let place = |column: usize| self.order.as_ref().map_or(column, |order| order[column]);
        let first = match &self.make {
            Make::Dict => {
                let dict = PyDict::new(py);
                for (index, (name, column)) in self.names.iter().zip(&self.columns).enumerate() {
                    dict.set_item(name, column.value(py, row, index)?)?;
                }
                return Ok(dict.into_any());
            }
            Make::Init { class, .. } => Some(new(class.bind(py))?),
            Make::Call { .. } | Make::Tuple { .. } => None,
        };
        let mut arguments = Arguments::new(py, self.columns.len(), first);
        for (index, column) in self.columns.iter().enumerate() {
            arguments.set(place(index), column.value(py, row, index)?);
        }
        Ok(match &self.make {
            Make::Init { init, keywords, .. } => {
                ensure_none(&arguments.call(init.bind(py), keywords.as_ref())?)?;
                arguments.into_first()
            }
            Make::Call { what, keywords } => arguments.call(what.bind(py), keywords.as_ref())?,
            Make::Tuple { class } => arguments.into_tuple(class.bind(py))?,
            Make::Dict => unreachable!("returned above"),
        })
    }
}

/// What a call of the class would say.
fn ensure_none(given: &Bound<'_, PyAny>) -> PyResult<()> {
    if given.is_none() {
        return Ok(());
    }
    let kind = given.get_type();
    let kind = kind.name()?;
    Err(PyTypeError::new_err(format!("__init__() should return None, not '{kind}'")))
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
        // Its items refer to nothing: the collector would find that out, row by row.
        ffi::PyObject_GC_UnTrack(tuple.as_ptr().cast());
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
                let text = text(v);
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

/// A str, or NULL with an exception set.
///
/// # Safety
/// The caller is attached.
#[inline]
unsafe fn text(utf8: &[u8]) -> *mut ffi::PyObject {
    let length = utf8.len() as ffi::Py_ssize_t;
    // SAFETY: attached; a new ASCII str of this length has as many bytes, and nobody has seen it.
    unsafe {
        // CPython shares the shortest ones.
        if length > 1 && utf8.is_ascii() {
            let text = ffi::PyUnicode_New(length, 127);
            if !text.is_null() {
                let data = ffi::PyUnicode_DATA(text).cast::<u8>();
                std::ptr::copy_nonoverlapping(utf8.as_ptr(), data, utf8.len());
            }
            return text;
        }
        ffi::PyUnicode_DecodeUTF8(utf8.as_ptr().cast(), length, std::ptr::null())
    }
}
