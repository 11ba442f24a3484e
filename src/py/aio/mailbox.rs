//! Where workers tell an event loop that something is done, without the interpreter.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};

use super::super::error::Failure;
use super::together::Together;
use crate::guard::PerProcess;
use crate::{Caller, Error, PendingWrite};

/// The workers' end of a mailbox.
struct Mailbox {
    last: AtomicU64,
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

/// The loop's end of a mailbox, owned by the loop alone and gone when the loop is closed: a task that
/// waits for ever then is the garbage collector's, which does not see through what is ours.
struct Desk {
    mailbox: Arc<Mailbox>,
    /// What tasks wait for, by number.
    waiting: Mutex<HashMap<u64, Py<PyAny>>>,
    /// Writes that wait for the end of the turn.
    together: Together,
}

impl Desk {
    /// Let the task that waits for a number go on.
    fn wake(&self, py: Python<'_>, number: u64) -> PyResult<()> {
        let future = lock(&self.waiting).remove(&number);
        match future {
            Some(future) => wake(future.bind(py)),
            None => Ok(()),
        }
    }
}

/// Called by the loop when a worker has rung.
#[pyclass(frozen, module = "holdfast._core")]
struct Doorbell {
    desk: Arc<Desk>,
    ear: UnixStream,
}

#[pymethods]
impl Doorbell {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        let mut rings = [0; 16];
        while matches!((&self.ear).read(&mut rings), Ok(read) if read == rings.len()) {}
        let mailbox = &self.desk.mailbox;
        mailbox.rung.store(false, Ordering::Release);
        let done = std::mem::take(&mut *lock(&mailbox.done));
        done.into_iter().try_for_each(|number| self.desk.wake(py, number))
    }
}

/// Called by the loop at the end of a turn in which there were writes.
#[pyclass(frozen, module = "holdfast._core")]
struct EndOfTurn(Arc<Desk>);

#[pymethods]
impl EndOfTurn {
    fn __call__(&self) {
        self.0.together.write();
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

/// The loops of this process, by weak references, and their desks.
type Loops = Mutex<Vec<(Py<PyWeakrefReference>, Weak<Desk>)>>;

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

fn desk_of(running: &Bound<'_, PyAny>) -> PyResult<Arc<Desk>> {
    let py = running.py();
    let loops = LOOPS.get(Loops::default);
    let (mut known, mut others) = (None, Vec::new());
    for (of, desk) in lock(loops).iter() {
        match of.bind(py).upgrade() {
            Some(of) if of.is(running) => known = desk.upgrade(),
            // Not let go of with the lock held: it may be the last that holds it.
            Some(of) => others.push(of),
            None => {}
        }
    }
    if let Some(desk) = known {
        return Ok(desk);
    }
    let (ear, bell) = UnixStream::pair()?;
    ear.set_nonblocking(true)?;
    bell.set_nonblocking(true)?;
    let number = ear.as_raw_fd();
    let mailbox = Arc::new(Mailbox {
        last: AtomicU64::new(0),
        done: Mutex::default(),
        rung: AtomicBool::new(false),
        bell,
    });
    let (waiting, together) = (Mutex::default(), Together::default());
    let desk = Arc::new(Desk { mailbox, waiting, together });
    let doorbell = Bound::new(py, Doorbell { desk: Arc::clone(&desk), ear })?;
    running.call_method1("add_reader", (number, doorbell))?;
    let weak = PyWeakrefReference::new(running)?.unbind();
    let mut loops = lock(loops);
    loops.retain(|(_, desk)| desk.strong_count() > 0);
    loops.push((weak, Arc::downgrade(&desk)));
    Ok(desk)
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
    desk: Weak<Desk>,
    /// Whether the desk has a future to wake. The task alone keeps it: whoever waits is owned by its
    /// loop.
    sleeps: bool,
}

/// A place for a result that another thread delivers to a task of the running loop.
pub(super) fn ask<T>(py: Python<'_>) -> Result<(Sender<T>, Pending<T>), Failure> {
    let running = running_loop(py)?;
    let desk = desk_of(&running)?;
    let slot = Arc::new(Slot {
        result: Mutex::new(None),
        cancelled: AtomicBool::new(false),
        mailbox: Arc::clone(&desk.mailbox),
        number: desk.mailbox.last.fetch_add(1, Ordering::Relaxed),
    });
    let sender = Sender { slot: Arc::clone(&slot), delivered: false };
    Ok((sender, Pending { slot, desk: Arc::downgrade(&desk), sleeps: false }))
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
        write: PendingWrite,
    ) -> PyResult<()> {
        if let Some(desk) = self.desk.upgrade()
            && desk.together.add(database, write)
        {
            let turn = Py::new(py, EndOfTurn(desk))?;
            running_loop(py)?.call_method1(intern!(py, "call_soon"), (turn,))?;
        }
        Ok(())
    }

    /// What a task gives its loop to be woken by; a new one when the last has done so.
    pub(super) fn future<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let future = running_loop(py)?.call_method0(intern!(py, "create_future"))?;
        if let Some(desk) = self.desk.upgrade() {
            lock(&desk.waiting).insert(self.slot.number, future.clone().unbind());
            self.sleeps = true;
        }
        if lock(&self.slot.result).is_some() {
            wake(&future)?;
        }
        future.setattr(intern!(py, "_asyncio_future_blocking"), true)?;
        Ok(future)
    }

    /// Wake the task after a while, result or not.
    pub(super) fn wake_after(&self, py: Python<'_>, time: Duration) -> PyResult<Py<PyAny>> {
        let (desk, number) = (Weak::clone(&self.desk), self.slot.number);
        let wake = pyo3::types::PyCFunction::new_closure(py, None, None, move |arguments, _| {
            desk.upgrade().map_or(Ok(()), |desk| desk.wake(arguments.py(), number))
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
        if self.sleeps
            && let Some(desk) = self.desk.upgrade()
        {
            let future = lock(&desk.waiting).remove(&self.slot.number);
            drop(future);
        }
    }
}
