//! Objects made by the steps of a call, without the call.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};

/// Arguments that need no memory of their own.
const FEW: usize = 16;

/// The arguments of one call; owns what was set.
pub(super) struct Arguments<'py> {
    py: Python<'py>,
    few: [*mut ffi::PyObject; FEW],
    many: Vec<*mut ffi::PyObject>,
    /// How many come before those that are set: 1 for `self`.
    shift: usize,
    count: usize,
}

impl<'py> Arguments<'py> {
    pub(super) fn new(py: Python<'py>, count: usize, first: Option<Bound<'py, PyAny>>) -> Self {
        let shift = usize::from(first.is_some());
        let count = count + shift;
        let many = if count > FEW { vec![std::ptr::null_mut(); count] } else { Vec::new() };
        let mut arguments = Arguments { py, few: [std::ptr::null_mut(); FEW], many, shift, count };
        if let Some(first) = first {
            arguments.all()[0] = first.into_ptr();
        }
        arguments
    }

    fn all(&mut self) -> &mut [*mut ffi::PyObject] {
        if self.count > FEW { &mut self.many } else { &mut self.few[..self.count] }
    }

    /// Each place is set once.
    pub(super) fn set(&mut self, place: usize, value: Bound<'py, PyAny>) {
        let place = place + self.shift;
        self.all()[place] = value.into_ptr();
    }

    /// Call with all of them; the last are those that have names.
    pub(super) fn call(
        &mut self,
        what: &Bound<'py, PyAny>,
        keywords: Option<&Py<PyTuple>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (names, named) = match keywords {
            Some(names) => (names.as_ptr(), names.bind(self.py).len()),
            None => (std::ptr::null_mut(), 0),
        };
        let positional = self.count - named;
        // SAFETY: every place is set; a result that is not NULL is a new reference.
        unsafe {
            let arguments = self.all().as_ptr();
            let made = ffi::PyObject_Vectorcall(what.as_ptr(), arguments, positional, names);
            Bound::from_owned_ptr_or_err(self.py, made)
        }
    }

    /// `tuple.__new__(class, arguments)`
    pub(super) fn into_tuple(mut self, class: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyAny>> {
        // SAFETY: the class is a kind of tuple; each place is filled with a reference that moves,
        // and no Python code runs before all are.
        unsafe {
            let allocate = (*class.as_type_ptr()).tp_alloc.expect("every type has one");
            let made = allocate(class.as_type_ptr(), self.count as ffi::Py_ssize_t);
            let made = Bound::from_owned_ptr_or_err(self.py, made)?;
            for (place, argument) in self.all().iter_mut().enumerate() {
                let argument = std::mem::replace(argument, std::ptr::null_mut());
                ffi::PyTuple_SET_ITEM(made.as_ptr(), place as ffi::Py_ssize_t, argument);
            }
            Ok(made)
        }
    }

    /// What was given as the first.
    pub(super) fn into_first(mut self) -> Bound<'py, PyAny> {
        let first = std::mem::replace(&mut self.all()[0], std::ptr::null_mut());
        // SAFETY: it was given, and is owned by nobody else now.
        unsafe { Bound::from_owned_ptr(self.py, first) }
    }
}

impl Drop for Arguments<'_> {
    fn drop(&mut self) {
        // SAFETY: NULL, or a reference that is owned here.
        self.all().iter().for_each(|&argument| unsafe { ffi::Py_XDECREF(argument) });
    }
}

/// `object.__new__(class)`.
pub(super) fn new<'py>(class: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyAny>> {
    let py = class.py();
    // SAFETY: `object` has a `tp_new`, which takes a type, a tuple and no names.
    unsafe {
        let new = ffi::PyBaseObject_Type.tp_new.expect("every type derives from it");
        let nothing = PyTuple::empty(py);
        let made = new(class.as_type_ptr(), nothing.as_ptr(), std::ptr::null_mut());
        Bound::from_owned_ptr_or_err(py, made)
    }
}
