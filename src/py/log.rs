//! The engine's log, handed to Python's `logging` by a thread of its own.
//!
//! The engine logs from where the interpreter must not be waited for; so a record is only queued
//! there, and the queue is bounded.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use log::{Level, LevelFilter, Log, Metadata, Record};
use pyo3::prelude::*;

use crate::guard::PerProcess;

/// Records that wait at most; more are dropped.
const QUEUE: usize = 1024;

type Line = (Level, String, String);

struct Queue;

static QUEUE_OF_LINES: PerProcess<SyncSender<Line>> = PerProcess::new();
/// Records that are queued or on their way.
static WAITING: PerProcess<AtomicUsize> = PerProcess::new();
/// How long the end of the process waits for them.
const PATIENCE: Duration = Duration::from_secs(1);

impl Log for Queue {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("holdfast")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let line = (record.level(), record.target().to_owned(), record.args().to_string());
            let waiting = WAITING.get(AtomicUsize::default);
            waiting.fetch_add(1, Ordering::AcqRel);
            if QUEUE_OF_LINES.get(spawn).try_send(line).is_err() {
                waiting.fetch_sub(1, Ordering::AcqRel);
            }
        }
    }

    fn flush(&self) {}
}

/// Route the engine's log to Python from now on.
pub(crate) fn start() {
    static LOGGER: Queue = Queue;
    if log::set_logger(&LOGGER).is_ok() {
        log::set_max_level(LevelFilter::Debug);
    }
}

/// Wait until all is told, without the interpreter lock: a thread that is in Python when the
/// interpreter goes away is ended through Rust's frames, which aborts the process.
pub(crate) fn finish() {
    let begun = Instant::now();
    while WAITING.get(AtomicUsize::default).load(Ordering::Acquire) > 0
        && begun.elapsed() < PATIENCE
    {
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn spawn() -> SyncSender<Line> {
    let (sender, receiver) = sync_channel(QUEUE);
    let builder = std::thread::Builder::new().name("holdfast-log".into());
    // Without the thread the queue only fills up: logging must not fail an operation.
    let _ = builder.spawn(move || deliver(&receiver));
    sender
}

fn deliver(lines: &Receiver<Line>) {
    for (level, target, text) in lines {
        let delivered = Python::try_attach(|py| write(py, level, &target, &text));
        match delivered {
            Some(Ok(())) => {}
            Some(Err(error)) => drop(Python::try_attach(|py| error.write_unraisable(py, None))),
            // The interpreter is going away.
            None => return,
        }
        WAITING.get(AtomicUsize::default).fetch_sub(1, Ordering::AcqRel);
    }
}

fn write(py: Python<'_>, level: Level, target: &str, text: &str) -> PyResult<()> {
    let number = match level {
        Level::Error => 40,
        Level::Warn => 30,
        Level::Info => 20,
        Level::Debug | Level::Trace => 10,
    };
    let name = target.replace("::", ".");
    let logger = py.import("logging")?.call_method1("getLogger", (name,))?;
    logger.call_method1("log", (number, "%s", text))?;
    Ok(())
}
