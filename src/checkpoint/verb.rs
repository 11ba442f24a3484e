//! A checkpoint that is asked for.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rusqlite::ffi;

use super::{LANE_HOLD, Step, in_the_way, step};
use crate::connection::Connection;
use crate::database::Database;
use crate::engine::Engine;
use crate::error::{Error, Holder, Result};
use crate::guard;
use crate::patience::{POLL, Patience};
use crate::writer::Writer;

/// The pause while somebody else's checkpoint runs.
const PAUSE: Duration = Duration::from_millis(2);

/// How far a checkpoint goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CheckpointMode {
    /// Move what no reader needs in the log any more; wait for nobody.
    #[default]
    Passive,
    /// Move all of it.
    Full,
    /// Move all of it, and let the next commit begin the log anew.
    Restart,
    /// Move all of it, and cut the log to nothing.
    Truncate,
}

impl CheckpointMode {
    fn code(self) -> i32 {
        match self {
            CheckpointMode::Passive => ffi::SQLITE_CHECKPOINT_PASSIVE,
            CheckpointMode::Full => ffi::SQLITE_CHECKPOINT_FULL,
            CheckpointMode::Restart => ffi::SQLITE_CHECKPOINT_RESTART,
            CheckpointMode::Truncate => ffi::SQLITE_CHECKPOINT_TRUNCATE,
        }
    }
}

impl fmt::Display for CheckpointMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CheckpointMode::Passive => "passive",
            CheckpointMode::Full => "full",
            CheckpointMode::Restart => "restart",
            CheckpointMode::Truncate => "truncate",
        })
    }
}

impl FromStr for CheckpointMode {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        use CheckpointMode::{Full, Passive, Restart, Truncate};
        let known = [Passive, Full, Restart, Truncate];
        known.into_iter().find(|mode| mode.to_string() == name).ok_or_else(|| {
            Error::Misuse(format!(
                "unknown mode {name:?}; known are \"passive\", \"full\", \"restart\" and \"truncate\""
            ))
        })
    }
}

/// What a checkpoint came to.
#[derive(Debug, Clone)]
pub struct CheckpointReport {
    /// What was asked for.
    pub mode: CheckpointMode,
    /// Pages in the write-ahead log, before it was cut.
    pub pages: u32,
    /// How many of them are in the database file now.
    pub moved: u32,
    /// Whether all was done that the mode asks for.
    pub complete: bool,
    /// The readers of this process that may have held it back, the oldest first.
    pub readers: Vec<Holder>,
    /// The other processes that may have held it back, where the system tells.
    pub processes: Vec<u32>,
    /// How long it took.
    pub time: Duration,
}

impl Database {
    /// Move pages from the write-ahead log into the database file.
    ///
    /// `Passive` neither waits nor keeps anybody waiting. The others wait, until the caller's
    /// deadline or for as long as `busy_timeout` says, and hold the writer lane for moments of at
    /// most 20 ms meanwhile. What is in the way at the end is in the report.
    ///
    /// # Errors
    /// [`Error::Busy`] when the lane is not to be had; [`Error::Interrupted`]; [`Error::Timeout`]
    /// when the deadline passes while pages are moved.
    ///
    /// ```
    /// use holdfast::{CheckpointMode, Database, Patience};
    /// let db = Database::open(":memory:")?;
    /// db.execute("CREATE TABLE note(body TEXT)", &[])?;
    /// let report = db.checkpoint(CheckpointMode::Truncate, &Patience::unbounded())?;
    /// assert!(report.complete && report.pages == report.moved);
    /// # Ok::<(), holdfast::Error>(())
    /// ```
    pub fn checkpoint(
        &self,
        mode: CheckpointMode,
        patience: &Patience<'_>,
    ) -> Result<CheckpointReport> {
        let begun = Instant::now();
        let engine = self.engine()?;
        engine.lane()?;
        patience.caller().release();
        let options = engine.options().clone();
        let mut report = CheckpointReport {
            mode,
            pages: 0,
            moved: 0,
            complete: true,
            readers: Vec::new(),
            processes: Vec::new(),
            time: Duration::ZERO,
        };
        if !options.pragmas.is_wal() {
            return Ok(report);
        }
        let limit = patience.deadline().unwrap_or(begun + options.pragmas.busy_timeout());
        let mut own = engine.open_writer(patience)?;
        for tried in 0_u64.. {
            let attempt = Instant::now();
            let mut now;
            // Without the lane, so that it is held for the few pages that are left.
            (own, now) = passive(own, limit, patience)?;
            report.take(&now);
            if mode != CheckpointMode::Passive {
                now = match alone(engine, mode, patience) {
                    // What was in the way before is more to the point than the end of the time.
                    Err(Error::Busy(_)) if tried > 0 => return Ok(report),
                    now => now?,
                };
                // After a truncation SQLite says that there is nothing.
                match mode == CheckpointMode::Truncate && !now.busy {
                    true => report.moved = report.pages,
                    false => report.take(&now),
                }
            }
            report.complete = !now.busy && report.moved == report.pages;
            (report.readers, report.processes) = match report.complete {
                true => (Vec::new(), Vec::new()),
                false => in_the_way(engine, attempt)?,
            };
            report.time = begun.elapsed();
            let me = guard::thread_id();
            let hopeless = report.readers.iter().any(|reader| reader.thread == me);
            let passive = mode == CheckpointMode::Passive;
            if report.complete || passive || hopeless || Instant::now() >= limit {
                return Ok(report);
            }
            if !patience.sleep(LANE_HOLD) && !patience.is_over() {
                return Err(Error::Interrupted);
            }
        }
        Ok(report)
    }
}

impl CheckpointReport {
    fn take(&mut self, now: &Step) {
        self.pages = now.pages.unwrap_or(self.pages);
        self.moved = now.moved.unwrap_or(self.moved);
    }
}

/// Move what may be moved, on a thread of its own: SQLite asks nobody meanwhile, but can be
/// interrupted.
fn passive(
    mut connection: Connection,
    limit: Instant,
    patience: &Patience<'_>,
) -> Result<(Connection, Step)> {
    loop {
        let interrupt = connection.sqlite().get_interrupt_handle();
        let (done, ended) = mpsc::channel();
        let thread = std::thread::Builder::new().name("holdfast-move".into()).spawn(move || {
            let moved = step(&connection, ffi::SQLITE_CHECKPOINT_PASSIVE);
            let _ = done.send((connection, moved));
        });
        thread.map_err(|e| Error::io("no thread can be started for a checkpoint", e))?;
        let mut stopped = None;
        let moved = loop {
            match ended.recv_timeout(POLL) {
                Ok((back, moved)) => {
                    connection = back;
                    break moved;
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    return Err(Error::Misuse("the thread of a checkpoint panicked".into()));
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {}
            }
            if stopped.is_none() && patience.is_over() {
                stopped = Some(Error::Timeout(patience.limit().unwrap_or_default()));
            } else if stopped.is_none() && !patience.caller().proceed() {
                stopped = Some(Error::Interrupted);
            }
            if stopped.is_some() {
                interrupt.interrupt();
            }
        };
        let now = moved.map_err(|error| stopped.unwrap_or(error))?;
        // Busy is a checkpoint of somebody else, which will be over soon.
        if !now.busy || Instant::now() >= limit {
            return Ok((connection, now));
        }
        if !patience.sleep(PAUSE) && !patience.is_over() {
            return Err(Error::Interrupted);
        }
    }
}

/// With the lane held for a moment.
fn alone(engine: &Arc<Engine>, mode: CheckpointMode, patience: &Patience<'_>) -> Result<Step> {
    let writer = Writer::enter(engine, patience)?;
    let moment = Patience::new(Some(LANE_HOLD), patience.caller());
    let _attention = writer.attend(&moment);
    step(&writer, mode.code())
}
