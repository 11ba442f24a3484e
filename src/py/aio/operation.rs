//! What an asynchronous verb gives to await: a coroutine that does its work when it is awaited.

use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::{PyBaseException, PyRuntimeError, PyStopIteration, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyType;

use super::super::error::Failure;
use super::database::AsyncDatabase;
use super::fair::{self, Turn};

/// How far work has come.
pub(super) enum Progress {
    Done(Py<PyAny>),
    /// The task is to be woken by this future.
    Wait(Py<PyAny>),
    /// The task has had its turn and goes on in the next one.
    Turn,
}

/// Work that is done in turns; dropped before its end, it is cancelled.
pub(super) trait Work: Send + Sync {
    fn advance(&mut self, py: Python<'_>) -> Result<Progress, Failure>;

    /// Whether the task may be told of the result in its next turn only. Cancelled before that, it
    /// never learns of it.
    fn may_hold(&self) -> bool {
        true
    }
}

enum State {
    Fresh(Box<dyn Work>),
    Running(Box<dyn Work>, Option<Turn>),
    /// Done at once, but others come first.
    Holding(Py<PyAny>, Turn),
    Ended,
}

/// The work of one verb, to be awaited once.
#[pyclass(module = "holdfast._core", frozen)]
pub(crate) struct Operation {
    verb: &'static str,
    state: Mutex<State>,
    /// A handle that nobody else keeps is not closed meanwhile.
    _database: Option<Py<AsyncDatabase>>,
}

impl Operation {
    pub(super) fn new(verb: &'static str, work: impl Work + 'static) -> Self {
        Operation { verb, state: Mutex::new(State::Fresh(Box::new(work))), _database: None }
    }

    /// The same, of a database.
    pub(super) fn of(
        database: &Bound<'_, AsyncDatabase>,
        verb: &'static str,
        work: impl Work + 'static,
    ) -> Self {
        let state = Mutex::new(State::Fresh(Box::new(work)));
        Operation { verb, state, _database: Some(database.clone().unbind()) }
    }

    fn go_on(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let Ok(mut state) = self.state.try_lock() else {
            return Err(PyValueError::new_err("coroutine already executing"));
        };
        let (mut work, fresh) = match std::mem::replace(&mut *state, State::Ended) {
            State::Ended => {
                let text = "cannot reuse already awaited coroutine";
                return Err(PyRuntimeError::new_err(text));
            }
            State::Holding(value, _turn) => return Err(PyStopIteration::new_err((value,))),
            State::Fresh(work) => (work, true),
            State::Running(work, _turn) => (work, false),
        };
        match work.advance(py).map_err(|failure| failure.into_py(py))? {
            Progress::Done(value) if fresh && work.may_hold() && fair::must_yield() => {
                *state = State::Holding(value, Turn::wait());
                Ok(py.None())
            }
            Progress::Done(value) => Err(PyStopIteration::new_err((value,))),
            Progress::Wait(future) => {
                *state = State::Running(work, None);
                Ok(future)
            }
            Progress::Turn => {
                *state = State::Running(work, Some(Turn::wait()));
                Ok(py.None())
            }
        }
    }

    fn end(&self) {
        let ended = match self.state.try_lock() {
            Ok(mut state) => std::mem::replace(&mut *state, State::Ended),
            Err(_) => return,
        };
        // Without the lock: what is cancelled may call Python.
        drop(ended);
    }
}

#[pymethods]
impl Operation {
    fn __await__(this: Py<Self>) -> Py<Self> {
        this
    }

    /// What debuggers and the names of tasks show.
    #[getter(__name__)]
    fn name(&self) -> &'static str {
        self.verb
    }

    #[getter(__qualname__)]
    fn qualified_name(&self) -> &'static str {
        self.verb
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.go_on(py)
    }

    /// Go on, as a task does.
    #[pyo3(signature = (_value, /))]
    fn send(&self, py: Python<'_>, _value: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.go_on(py)
    }

    /// Cancel the work, and raise.
    #[pyo3(signature = (kind, value=None, _traceback=None, /))]
    fn throw(
        &self,
        kind: &Bound<'_, PyAny>,
        value: Option<&Bound<'_, PyAny>>,
        _traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        self.end();
        let is_type = kind.is_instance_of::<PyType>();
        let error = match value.filter(|value| !value.is_none()) {
            Some(value) if value.is_instance_of::<PyBaseException>() => value.clone(),
            Some(value) if is_type => kind.call1((value,))?,
            _ if is_type => kind.call0()?,
            _ => kind.clone(),
        };
        Err(PyErr::from_value(error))
    }

    /// Cancel the work.
    fn close(&self) {
        self.end();
    }

    fn __repr__(&self) -> String {
        format!("<holdfast operation {}>", self.verb)
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !matches!(state, State::Fresh(_)) {
            return;
        }
        let _ = Python::try_attach(|py| {
            // What misused it may be raising already: that error is not the warning's to lose.
            let raised = PyErr::take(py);
            let text = format!("{} was never awaited, and did nothing\0", self.verb);
            // SAFETY: attached; the text ends with a zero, and the error of a filter that raises
            // is reported here, since a drop cannot raise.
            unsafe {
                if ffi::PyErr_WarnEx(ffi::PyExc_RuntimeWarning, text.as_ptr().cast(), 1) < 0 {
                    ffi::PyErr_WriteUnraisable(std::ptr::null_mut());
                }
            }
            if let Some(error) = raised {
                error.restore(py);
            }
        });
    }
}
