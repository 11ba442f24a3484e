//! The interpreter lock: kept for short statements, let go of for waits and long ones.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::{PyErr, ffi};

use super::error::{Failure, thread_name};
use crate::patience::{Caller, Patience};
use crate::{thread_id, threads};

/// How long a loop over rows keeps other threads waiting; CPython's own switch interval.
const TURN: Duration = Duration::from_millis(5);

/// How long an event loop may be kept waiting by one operation.
const BRIEF: Duration = Duration::from_millis(1);

/// How long a daemon thread is kept from its error at the end of the process; someone may join it.
const PARKED: Duration = Duration::from_secs(2);

/// Whether the process is ending.
pub(crate) static EXITING: AtomicBool = AtomicBool::new(false);

/// The calling thread's hold on the interpreter.
///
/// While it is released no Python object may be touched; [`Gil::retake`] comes first.
pub(crate) struct Gil {
    released: Cell<*mut ffi::PyThreadState>,
    turn: Cell<Option<Instant>>,
    /// Set when a callback raised: the operation is to end at the next look.
    raised: Cell<bool>,
    /// An event loop waits: what would wait or run long ends instead.
    brief: Cell<bool>,
    overran: Cell<bool>,
}

impl Caller for Gil {
    fn release(&self) {
        if self.brief.get() {
            self.overran.set(true);
        } else if self.released.get().is_null() {
            // SAFETY: this thread is attached; `retake` undoes it before Python goes on.
            self.released.set(unsafe { ffi::PyEval_SaveThread() });
        }
    }

    fn proceed(&self) -> bool {
        if self.raised.get() || self.overran.get() {
            return false;
        }
        if self.brief.get() || !crate::is_main_thread() {
            return true;
        }
        let was_released = !self.released.get().is_null();
        self.retake();
        // SAFETY: attached now. Signal handlers run here; an exception stays set for `call`.
        let proceed = unsafe { ffi::PyErr_CheckSignals() } == 0;
        if was_released {
            self.release();
        }
        proceed
    }

    fn may_wait(&self) -> bool {
        if self.brief.get() {
            self.overran.set(true);
        }
        !self.brief.get()
    }
}

impl Gil {
    fn new(brief: bool) -> Self {
        Gil {
            released: Cell::new(std::ptr::null_mut()),
            turn: Cell::new(brief.then(Instant::now)),
            raised: Cell::new(false),
            brief: Cell::new(brief),
            overran: Cell::new(false),
        }
    }

    /// Before something that takes long: let go of the interpreter, or end where nobody may wait.
    pub(crate) fn take_long(&self) -> Result<(), Failure> {
        self.release();
        match self.overran.get() {
            true => Err(Failure::Engine(crate::Error::Interrupted)),
            false => Ok(()),
        }
    }

    /// Whether an event loop waits.
    pub(crate) fn is_brief(&self) -> bool {
        self.brief.get()
    }

    /// Whether it was ended because an event loop waits.
    pub(crate) fn has_overrun(&self) -> bool {
        self.overran.get()
    }

    /// What is known to be short is not to be ended half way.
    pub(crate) fn see_through(&self) {
        self.brief.set(false);
    }

    /// Hold the interpreter again.
    #[inline]
    pub(crate) fn retake(&self) {
        let state = self.released.replace(std::ptr::null_mut());
        if !state.is_null() {
            // SAFETY: the state that `release` saved on this thread.
            unsafe { ffi::PyEval_RestoreThread(state) };
        }
    }

    /// Hold the interpreter for a callback; what it raises ends the operation.
    pub(crate) fn callback(&self, py: Python<'_>, run: impl FnOnce() -> PyResult<()>) {
        if self.raised.get() {
            return;
        }
        self.retake();
        if let Err(error) = run() {
            error.restore(py);
            self.raised.set(true);
        }
        self.release();
    }

    /// In a loop over rows: let other threads and signal handlers have their turn.
    pub(crate) fn breathe(&self) -> Result<(), Failure> {
        self.retake();
        // The clock is not read for a few rows.
        let Some(turn) = self.turn.get() else {
            self.turn.set(Some(Instant::now()));
            return Ok(());
        };
        if self.brief.get() {
            return if turn.elapsed() < BRIEF { Ok(()) } else { self.take_long() };
        }
        if turn.elapsed() < TURN {
            return Ok(());
        }
        self.release();
        self.retake();
        self.turn.set(Some(Instant::now()));
        // SAFETY: attached.
        if unsafe { ffi::PyErr_CheckSignals() } == 0 {
            return Ok(());
        }
        Err(Failure::Engine(crate::Error::Interrupted))
    }
}

impl Drop for Gil {
    fn drop(&mut self) {
        // A panic of the engine passes here on its way to Python.
        self.retake();
    }
}

/// Run an operation of the engine for a Python caller, and map its failure.
pub(crate) fn call<T>(
    py: Python<'_>,
    timeout: Option<f64>,
    operation: impl FnOnce(&Gil, &Patience<'_>) -> Result<T, Failure>,
) -> PyResult<T> {
    if !threads::is_told() {
        threads::tell(thread_name(py, thread_id()).ok().flatten());
    }
    let gil = Gil::new(false);
    let result = seconds(timeout).and_then(|timeout| {
        let result = operation(&gil, &Patience::new(timeout, &gil));
        gil.retake();
        result
    });
    // A signal handler raised: KeyboardInterrupt, most likely.
    match PyErr::take(py) {
        Some(raised) => Err(raised),
        None => result.map_err(|failure| {
            park_at_exit(py, &failure);
            failure.into_py(py)
        }),
    }
}

/// Run an operation at once if it is short; `None` when it would wait or take long. What it began
/// it must leave undone then.
pub(crate) fn call_brief<T>(
    operation: impl FnOnce(&Gil, &Patience<'_>) -> Result<T, Failure>,
) -> Result<Option<T>, Failure> {
    let gil = Gil::new(true);
    match operation(&gil, &Patience::new(None, &gil)) {
        Ok(value) => Ok(Some(value)),
        Err(_) if gil.overran.get() => Ok(None),
        Err(Failure::Engine(crate::Error::Busy(_))) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// A daemon thread that finds the database closed by the end of the process would only print a
/// traceback: let the process end first.
fn park_at_exit(py: Python<'_>, failure: &Failure) {
    use crate::Error::{Closed, Interrupted};
    let ended = matches!(failure, Failure::Engine(Closed(_) | Interrupted));
    if ended && EXITING.load(Ordering::Acquire) && !crate::is_main_thread() {
        py.detach(|| std::thread::sleep(PARKED));
    }
}

/// Run an operation that is long by nature, without the interpreter lock.
pub(crate) fn call_detached<T>(
    py: Python<'_>,
    timeout: Option<f64>,
    operation: impl FnOnce(&Patience<'_>) -> crate::Result<T>,
) -> PyResult<T> {
    call(py, timeout, |gil, patience| {
        gil.release();
        let result = operation(patience);
        gil.retake();
        Ok(result?)
    })
}

/// Seconds as Python gives them.
pub(crate) fn seconds(timeout: Option<f64>) -> Result<Option<Duration>, Failure> {
    let Some(timeout) = timeout else { return Ok(None) };
    match Duration::try_from_secs_f64(timeout) {
        Ok(timeout) => Ok(Some(timeout)),
        Err(_) => {
            Err(Failure::Engine(crate::Error::Misuse(format!("{timeout} is no time in seconds"))))
        }
    }
}
