//! Where workers tell an event loop that something is done, without the interpreter.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use super::super::error::Failure;
use super::together::Together;
use crate::guard::PerProcess;
use crate::{Caller, Deferred, Error};

/// The workers' end of a mailbox.
struct Mailbox {
    done: Mutex<Vec<u64>>,
    /// Whether the loop was woken since it last looked.
    rung: AtomicBool,
    bell: UnixStream,
}

impl Mailbox {
    fn post(&self, number: u64) {
        lock(&self.done).push(number);
        if !self.rung.swap(true, Ordering::AcqRel) {
            // A full pipe has woken the loop already.
            let _ = (&self.bell).write(&[1]);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The loop's end of a mailbox: called by the loop when a worker has rung.
#[pyclass(frozen, module = "holdfast._core")]
struct Doorbell {
    mailbox: Arc<Mailbox>,
    ear: UnixStream,
    waiting: Mutex<HashMap<u64, Py<PyAny>>>,
    last: AtomicU64,
    /// Writes that wait for the end of the turn.
    together: Together,
}

#[pymethods]
impl Doorbell {
    /// Called by the loop at the end of a turn in which there were such writes.
    fn write_together(&self) {
        self.together.write();
    }

    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        let mut rings = [0; 16];
        while matches!((&self.ear).read(&mut rings), Ok(read) if read == rings.len()) {}
        self.mailbox.rung.store(false, Ordering::Release);
        let done = std::mem::take(&mut *lock(&self.mailbox.done));
        for number in done {
            let future = lock(&self.waiting).remove(&number);
            if let Some(future) = future {
                wake(future.bind(py))?;
            }
        }
        Ok(())
    }
}

/// Let the task that waits for a future go on.
fn wake(future: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = future.py();
    if !future.call_method0(intern!(py, "done"))?.is_truthy()? {
        future.call_method1(intern!(py, "set_result"), (py.None(),))?;
    }
    Ok(())
}

/// The loops of this process, and their mailboxes.
type Loops = Mutex<Vec<(Py<PyAny>, Py<Doorbell>)>>;

static LOOPS: PerProcess<Loops> = PerProcess::new();

/// The loop that runs in this thread.
fn running_loop(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static GET: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    GET.import(py, "asyncio", "get_running_loop")?.call0()
}

/// The task that runs in this thread.
pub(super) fn current_task(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static GET: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    GET.import(py, "asyncio", "current_task")?.call0()
}

fn doorbell_of<'py>(running: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Doorbell>> {
    let py = running.py();
    let loops = LOOPS.get(Loops::default);
    let known =
        lock(loops).iter().find(|(of, _)| of.is(running)).map(|(_, bell)| bell.clone_ref(py));
    if let Some(bell) = known {
        return Ok(bell.into_bound(py));
    }
    // Loops that are closed are let go of when a new one comes.
    let all = std::mem::take(&mut *lock(loops));
    let mut open = Vec::new();
    for (of, bell) in all {
        if !of.bind(py).call_method0("is_closed")?.is_truthy()? {
            open.push((of, bell));
        }
    }
    let (ear, bell) = UnixStream::pair()?;
    ear.set_nonblocking(true)?;
    bell.set_nonblocking(true)?;
    let number = ear.as_raw_fd();
    let mailbox = Mailbox { done: Mutex::default(), rung: AtomicBool::new(false), bell };
    let doorbell = Doorbell {
        mailbox: Arc::new(mailbox),
        ear,
        waiting: Mutex::default(),
        last: AtomicU64::new(0),
        together: Together::default(),
    };
    let doorbell = Bound::new(py, doorbell)?;
    running.call_method1("add_reader", (number, &doorbell))?;
    open.push((running.clone().unbind(), doorbell.clone().unbind()));
    lock(loops).append(&mut open);
    Ok(doorbell)
}

/// A result that another thread delivers.
struct Slot<T> {
    result: Mutex<Option<crate::Result<T>>>,
    cancelled: AtomicBool,
    mailbox: Arc<Mailbox>,
    number: u64,
}

/// What a worker delivers to; dropped without, it tells of a failure.
pub(super) struct Sender<T> {
    slot: Arc<Slot<T>>,
    delivered: bool,
}

impl<T> Sender<T> {
    pub(super) fn deliver(mut self, result: crate::Result<T>) {
        self.put(result);
    }

    /// Wake the task to look before there is a result.
    pub(super) fn nudge(&self) {
        self.slot.mailbox.post(self.slot.number);
    }

    fn put(&mut self, result: crate::Result<T>) {
        self.delivered = true;
        let unwanted = if self.slot.cancelled.load(Ordering::Acquire) {
            Some(result)
        } else {
            lock(&self.slot.result).replace(result)
        };
        drop(unwanted);
        self.slot.mailbox.post(self.slot.number);
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if !self.delivered {
            self.put(Err(Error::Closed("the work was given up before its end".into())));
        }
    }
}

/// A sender stands for its caller: what it runs ends when the caller is cancelled.
impl<T> Caller for Sender<T> {
    fn proceed(&self) -> bool {
        !self.is_cancelled()
    }

    fn is_cancelled(&self) -> bool {
        self.slot.cancelled.load(Ordering::Relaxed)
    }
}

/// What a task waits for.
pub(super) struct Pending<T> {
    slot: Arc<Slot<T>>,
    future: Option<Py<PyAny>>,
    bell: Py<Doorbell>,
}

/// A place for a result that another thread delivers to a task of the running loop.
pub(super) fn ask<T>(py: Python<'_>) -> Result<(Sender<T>, Pending<T>), Failure> {
    let running = running_loop(py)?;
    let bell = doorbell_of(&running)?;
    let doorbell = bell.get();
    let slot = Arc::new(Slot {
        result: Mutex::new(None),
        cancelled: AtomicBool::new(false),
        mailbox: Arc::clone(&doorbell.mailbox),
        number: doorbell.last.fetch_add(1, Ordering::Relaxed),
    });
    let sender = Sender { slot: Arc::clone(&slot), delivered: false };
    Ok((sender, Pending { slot, future: None, bell: bell.unbind() }))
}

impl<T> Pending<T> {
    /// The result, once it is there.
    pub(super) fn take(&self) -> Option<crate::Result<T>> {
        lock(&self.slot.result).take()
    }

    /// Run a write at the end of this turn, with the others of it.
    pub(super) fn at_end_of_turn(
        &self,
        py: Python<'_>,
        database: &Arc<crate::Database>,
        write: Deferred,
    ) -> PyResult<()> {
        if self.bell.get().together.add(database, write) {
            let write = self.bell.getattr(py, intern!(py, "write_together"))?;
            running_loop(py)?.call_method1(intern!(py, "call_soon"), (write,))?;
        }
        Ok(())
    }

    /// What a task gives its loop to be woken by; a new one when the last has done so.
    pub(super) fn future<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let future = running_loop(py)?.call_method0(intern!(py, "create_future"))?;
        self.future = Some(future.clone().unbind());
        let number = self.slot.number;
        lock(&self.bell.get().waiting).insert(number, future.clone().unbind());
        if lock(&self.slot.result).is_some() {
            wake(&future)?;
        }
        future.setattr(intern!(py, "_asyncio_future_blocking"), true)?;
        Ok(future)
    }

    /// Wake the task after a while, result or not.
    pub(super) fn wake_after(
        &self,
        future: &Bound<'_, PyAny>,
        time: Duration,
    ) -> PyResult<Py<PyAny>> {
        let py = future.py();
        let future = future.clone().unbind();
        let wake = pyo3::types::PyCFunction::new_closure(py, None, None, move |arguments, _| {
            wake(future.bind(arguments.py()))
        })?;
        let timer = running_loop(py)?;
        Ok(timer.call_method1(intern!(py, "call_later"), (time.as_secs_f64(), wake))?.unbind())
    }
}

impl<T> Drop for Pending<T> {
    fn drop(&mut self) {
        self.slot.cancelled.store(true, Ordering::Release);
        let unwanted = lock(&self.slot.result).take();
        drop(unwanted);
        if self.future.is_some() {
            let future = lock(&self.bell.get().waiting).remove(&self.slot.number);
            drop(future);
        }
    }
}
