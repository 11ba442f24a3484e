//! Work that is long by nature, done by a worker: opening, looking after a database, closing.

use std::sync::Arc;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::super::error::Failure;
use super::super::gil::seconds;
use super::super::{migrations, report};
use super::database::AsyncDatabase;
use super::operation::{Operation, Progress, Work};
use super::waiting::{Deadline, Queue, Waiting};
use crate::Patience;
use crate::worker::{self, Priority};

type Job<T> = Box<dyn FnOnce(&Patience<'_>) -> crate::Result<T> + Send + Sync>;
type Finish<T> = Box<dyn FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + Sync>;

/// One piece of work and what its result is to Python.
pub(super) struct Upkeep<T: Send + 'static> {
    timeout: Option<Duration>,
    job: Option<Job<T>>,
    finish: Option<Finish<T>>,
    waiting: Option<Waiting<T>>,
}

impl<T: Send + 'static> Upkeep<T> {
    pub(super) fn new(
        timeout: Option<Duration>,
        job: impl FnOnce(&Patience<'_>) -> crate::Result<T> + Send + Sync + 'static,
        finish: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + Sync + 'static,
    ) -> Self {
        let (job, finish): (Job<T>, Finish<T>) = (Box::new(job), Box::new(finish));
        Upkeep { timeout, job: Some(job), finish: Some(finish), waiting: None }
    }
}

impl<T: Send + 'static> Work for Upkeep<T> {
    fn advance(&mut self, py: Python<'_>) -> Result<Progress, Failure> {
        if let Some(job) = self.job.take() {
            let deadline = Deadline::new(self.timeout);
            self.waiting = Some(Waiting::begin(py, deadline, |sender| {
                worker::run(Priority::Normal, move || {
                    let patience = Patience::since(deadline.started, deadline.timeout, &sender);
                    let result = job(&patience);
                    sender.deliver(result);
                });
                Ok(Queue::None)
            })?);
        }
        let Some(waiting) = &mut self.waiting else { return Ok(Progress::Done(py.None())) };
        match (waiting.look(py)?, &mut self.finish) {
            (Err(progress), _) => Ok(progress),
            (Ok(value), finish) => match finish.take() {
                Some(finish) => Ok(Progress::Done(finish(py, value)?)),
                None => Ok(Progress::Done(py.None())),
            },
        }
    }
}

impl AsyncDatabase {
    fn upkeep<T: Send + 'static>(
        this: &Bound<'_, Self>,
        name: &'static str,
        timeout: Option<f64>,
        job: impl FnOnce(&crate::Database, &Patience<'_>) -> crate::Result<T> + Send + Sync + 'static,
        finish: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + Sync + 'static,
    ) -> PyResult<Operation> {
        let timeout = seconds(timeout).map_err(|failure| failure.into_py(this.py()))?;
        let engine = Arc::clone(this.get().engine());
        let job = move |patience: &Patience<'_>| job(&engine, patience);
        Ok(Operation::of(this, name, Upkeep::new(timeout, job, finish)))
    }
}

#[pymethods]
impl AsyncDatabase {
    /// Apply the migrations that are pending.
    #[pyo3(signature = (migrations, component, dry_run, adopt, backup, timeout))]
    #[allow(clippy::too_many_arguments)]
    fn _migrate(
        this: &Bound<'_, Self>,
        migrations: &Bound<'_, PyAny>,
        component: &str,
        dry_run: bool,
        adopt: Option<u32>,
        backup: bool,
        timeout: Option<f64>,
    ) -> PyResult<Operation> {
        let steps =
            migrations::from_python(migrations).map_err(|error| error.into_py(this.py()))?;
        let steps = steps.component(component);
        let options = crate::MigrateOptions { dry_run, adopt, backup };
        Self::upkeep(
            this,
            "migrate",
            timeout,
            move |engine, patience| engine.migrate(&steps, &options, patience),
            |py, done| Ok(report::migrated(py, &done)?.unbind()),
        )
    }

    /// The number of the last migration that was applied.
    #[pyo3(signature = (component="app", *, timeout=None))]
    fn schema_version(
        this: &Bound<'_, Self>,
        component: &str,
        timeout: Option<f64>,
    ) -> PyResult<Operation> {
        let component = component.to_owned();
        Self::upkeep(
            this,
            "schema_version",
            timeout,
            move |engine, patience| engine.schema_version_with(&component, patience),
            |py, version| Ok(version.into_pyobject(py)?.into_any().unbind()),
        )
    }

    /// The pragmas as they were verified.
    #[pyo3(signature = (*, timeout=None))]
    fn pragmas(this: &Bound<'_, Self>, timeout: Option<f64>) -> PyResult<Operation> {
        Self::upkeep(
            this,
            "pragmas",
            timeout,
            |engine, patience| engine.pragmas_with(patience),
            |py, pragmas| Ok(report::pragmas(py, pragmas)?.into_any().unbind()),
        )
    }

    /// How the database is doing.
    fn stats(this: &Bound<'_, Self>) -> PyResult<Operation> {
        Self::upkeep(
            this,
            "stats",
            None,
            |engine, _| Ok((engine.stats()?, engine.last_vacuum()?, engine.last_backup()?)),
            |py, (now, vacuum, backup)| {
                let dict: Bound<'_, PyDict> = report::stats(py, &now)?;
                dict.set_item("last_vacuum", vacuum.map(|(at, _)| report::unix_time(at)))?;
                dict.set_item("last_backup", backup.map(|(at, _)| report::unix_time(at)))?;
                Ok(dict.into_any().unbind())
            },
        )
    }

    /// Move pages from the write-ahead log into the database file.
    #[pyo3(signature = (mode="passive", *, timeout=None))]
    fn checkpoint(this: &Bound<'_, Self>, mode: &str, timeout: Option<f64>) -> PyResult<Operation> {
        let mode = mode.to_owned();
        Self::upkeep(
            this,
            "checkpoint",
            timeout,
            move |engine, patience| engine.checkpoint(mode.parse()?, patience),
            |py, done| Ok(report::checkpointed(py, &done)?.unbind()),
        )
    }

    /// Give free pages back to the file system.
    #[pyo3(signature = (pages=20, *, full=false, timeout=None))]
    fn vacuum(
        this: &Bound<'_, Self>,
        pages: u32,
        full: bool,
        timeout: Option<f64>,
    ) -> PyResult<Operation> {
        Self::upkeep(
            this,
            "vacuum",
            timeout,
            move |engine, patience| match full {
                true => engine.vacuum_full(patience),
                false => engine.vacuum(pages, patience),
            },
            |py, stats| Ok(report::vacuumed(py, &stats)?.unbind()),
        )
    }

    /// Look for damage and for rows without their parent.
    #[pyo3(signature = (*, quick=false, timeout=None))]
    fn check(this: &Bound<'_, Self>, quick: bool, timeout: Option<f64>) -> PyResult<Operation> {
        Self::upkeep(
            this,
            "check",
            timeout,
            move |engine, patience| engine.check(quick, patience),
            |py, found| Ok(report::checked(py, found)?.unbind()),
        )
    }

    /// Close this handle; the last one of the process closes the file.
    fn close(this: &Bound<'_, Self>) -> PyResult<Operation> {
        Self::upkeep(
            this,
            "close",
            None,
            |engine, patience| {
                engine.close_with(patience);
                Ok(())
            },
            |py, ()| Ok(py.None()),
        )
    }
}
