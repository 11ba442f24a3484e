//! A backup that tells a task how far it is.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pyo3::prelude::*;

use super::super::error::Failure;
use super::super::report;
use super::database::AsyncDatabase;
use super::operation::{Operation, Progress, Work};
use super::session::timeout_of;
use super::waiting::{Deadline, Queue, Waiting};
use crate::worker::{self, Priority};
use crate::{BackupOptions, BackupReport, Patience};

/// A copy on its way.
struct Backup {
    database: Arc<crate::Database>,
    path: PathBuf,
    options: BackupOptions,
    timeout: Option<Duration>,
    progress: Option<Py<PyAny>>,
    /// Pages done and pages in all, as the worker said last: a task that is slow hears the latest.
    said: Arc<AtomicU64>,
    heard: u64,
    waiting: Option<Waiting<BackupReport>>,
}

impl Backup {
    fn start(&self, py: Python<'_>) -> Result<Waiting<BackupReport>, Failure> {
        let deadline = Deadline::new(self.timeout);
        let (database, said) = (Arc::clone(&self.database), Arc::clone(&self.said));
        let (path, options, told) = (self.path.clone(), self.options, self.progress.is_some());
        Waiting::begin(py, deadline, |sender| {
            worker::run(Priority::Normal, move || {
                let patience = Patience::since(deadline.started, deadline.timeout, &sender);
                let mut tell = |done: u32, total: u32| {
                    said.store(u64::from(done) << 32 | u64::from(total), Ordering::Release);
                    if told {
                        sender.nudge();
                    }
                };
                let result = database.backup(&path, options, &patience, &mut tell);
                sender.deliver(result);
            });
            Ok(Queue::None)
        })
    }

    fn tell(&mut self, py: Python<'_>) -> Result<(), Failure> {
        let said = self.said.load(Ordering::Acquire);
        if let Some(progress) = &self.progress
            && said != self.heard
        {
            self.heard = said;
            progress.call1(py, (said >> 32, said & u64::from(u32::MAX)))?;
        }
        Ok(())
    }
}

impl Work for Backup {
    fn advance(&mut self, py: Python<'_>) -> Result<Progress, Failure> {
        let waiting = match &mut self.waiting {
            Some(waiting) => waiting,
            None => {
                let waiting = self.start(py)?;
                self.waiting.insert(waiting)
            }
        };
        // In this order: what is said after the look wakes the task once more.
        let looked = waiting.look(py)?;
        self.tell(py)?;
        match looked {
            Ok(done) => Ok(Progress::Done(report::backed_up(py, &done)?.unbind())),
            Err(progress) => Ok(progress),
        }
    }
}

#[pymethods]
impl AsyncDatabase {
    /// Copy the database while others write, verified.
    #[pyo3(signature = (path, *, overwrite=false, progress=None, timeout=None))]
    fn backup(
        this: &Bound<'_, Self>,
        path: PathBuf,
        overwrite: bool,
        progress: Option<Py<PyAny>>,
        timeout: Option<f64>,
    ) -> PyResult<Operation> {
        let work = Backup {
            database: Arc::clone(this.get().engine()),
            path,
            options: BackupOptions { overwrite },
            timeout: timeout_of(timeout)?,
            progress,
            said: Arc::default(),
            heard: 0,
            waiting: None,
        };
        Ok(Operation::of(this, "backup", work))
    }
}
