//! The engine's errors as Python exceptions: one mapping.

use std::fmt;

use codes as code;
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::error::{Busy, Error, code_name};
use crate::retry::{Class, RetryClassifiable};

/// The primary result codes that decide the class of an exception.
mod codes {
    pub(super) const ERROR: i32 = 1;
    pub(super) const INTERNAL: i32 = 2;
    pub(super) const TOOBIG: i32 = 18;
    pub(super) const CONSTRAINT: i32 = 19;
    pub(super) const MISMATCH: i32 = 20;
    pub(super) const RANGE: i32 = 25;
}

/// What an operation for a Python caller fails with: the engine's error, or Python's own.
pub(crate) enum Failure {
    Engine(Error),
    Python(PyErr),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Engine(error)
    }
}

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Self {
        Failure::Python(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Engine(error) => error.fmt(f),
            // Its text is the user's own and may hold values.
            Failure::Python(_) => f.write_str("a Python exception"),
        }
    }
}

impl RetryClassifiable for Failure {
    fn classify(&self) -> Class {
        match self {
            Failure::Engine(error) => error.classify(),
            Failure::Python(error) => Python::attach(|py| {
                let retryable = error.value(py).getattr("retryable");
                match retryable.and_then(|flag| flag.is_truthy()) {
                    Ok(true) if is_holdfast(py, error) => Class::Retryable,
                    _ => Class::Permanent,
                }
            }),
        }
    }
}

pub(crate) fn is_holdfast(py: Python<'_>, error: &PyErr) -> bool {
    exception(py, "Error").is_ok_and(|class| error.is_instance(py, &class))
}

fn exception<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyType>> {
    Ok(py.import("holdfast.errors")?.getattr(name)?.cast_into()?)
}

impl Failure {
    pub(crate) fn into_py(self, py: Python<'_>) -> PyErr {
        match self {
            Failure::Python(error) => error,
            Failure::Engine(error) => to_py(py, error).unwrap_or_else(|error| error),
        }
    }
}

/// A misuse that the binding itself finds.
pub(crate) fn misuse(problem: impl Into<String>) -> Failure {
    Failure::Engine(Error::Misuse(problem.into()))
}

/// A value that does not fit.
pub(crate) fn unfit(problem: impl Into<String>) -> Failure {
    Failure::Engine(Error::Value(problem.into()))
}

fn to_py(py: Python<'_>, mut error: Error) -> PyResult<PyErr> {
    if let Error::Busy(busy) = &mut error {
        name_threads(py, busy)?;
    }
    let made = exception(py, class(&error))?.call1((error.to_string(),))?;
    if let Some(code) = error.code() {
        made.setattr("sqlite_errorcode", code)?;
        made.setattr("sqlite_errorname", code_name(code))?;
    }
    if let Error::Pragma(list) = &error {
        made.setattr("mismatches", super::report::mismatches(py, list)?)?;
    }
    if let Error::Busy(busy) = &error {
        made.setattr("holders", super::report::holders(py, &busy.holders)?)?;
        made.setattr("pid", busy.process)?;
    }
    made.setattr("retryable", error.may_pass())?;
    Ok(PyErr::from_value(made))
}

fn class(error: &Error) -> &'static str {
    match error {
        Error::Sqlite(e) => match e.code & 0xff {
            code::ERROR | code::RANGE => "ProgrammingError",
            code::INTERNAL => "InternalError",
            code::TOOBIG | code::MISMATCH => "DataError",
            code::CONSTRAINT => "IntegrityError",
            _ => "OperationalError",
        },
        Error::Busy(_) => "BusyError",
        Error::Pragma(_) => "PragmaError",
        Error::Migration(_) => "MigrationError",
        Error::Corruption { .. } => "CorruptionError",
        Error::Path { .. } => "PathError",
        Error::Moved { .. } => "MovedError",
        Error::Fork(_) => "ForkError",
        Error::Closed(_) => "ClosedError",
        Error::Timeout(_) => "TimeoutError",
        Error::Value(_) => "DataError",
        Error::Parameter(_) | Error::Misuse(_) => "ProgrammingError",
        Error::Interrupted | Error::Io { .. } => "OperationalError",
    }
}

/// Python knows its threads by better names than the system does.
fn name_threads(py: Python<'_>, busy: &mut Busy) -> PyResult<()> {
    for holder in busy.holders.iter_mut().filter(|holder| !holder.is_task) {
        if let Some(name) = thread_name(py, holder.thread)? {
            holder.name = Some(name);
        }
    }
    Ok(())
}

/// The name that Python's `threading` knows a thread by.
pub(crate) fn thread_name(py: Python<'_>, id: u64) -> PyResult<Option<String>> {
    for thread in py.import("threading")?.call_method0("enumerate")?.try_iter()? {
        let thread = thread?;
        if thread.getattr("native_id")?.extract::<Option<u64>>()? == Some(id) {
            return Ok(Some(thread.getattr("name")?.extract()?));
        }
    }
    Ok(None)
}
