//! Looking after a database: migrations, vacuum, backup, checks, statistics.

use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::database::Database;
use super::gil::{call, call_detached};
use super::{migrations, report};
use crate::{BackupOptions, Caller};

#[pymethods]
impl Database {
    /// Apply the migrations that are pending.
    #[allow(clippy::too_many_arguments)]
    fn _migrate<'py>(
        &self,
        py: Python<'py>,
        migrations: &Bound<'py, PyAny>,
        component: &str,
        dry_run: bool,
        adopt: Option<u32>,
        backup: bool,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let steps = migrations::from_python(migrations).map_err(|e| e.into_py(py))?;
        let steps = steps.component(component);
        let options = crate::MigrateOptions { dry_run, adopt, backup };
        let done = call_detached(py, timeout, |patience| {
            self.engine().migrate(&steps, &options, patience)
        })?;
        report::migrated(py, &done)
    }

    /// The number of the last migration that was applied.
    #[pyo3(signature = (component="app", *, timeout=None))]
    fn schema_version(
        &self,
        py: Python<'_>,
        component: &str,
        timeout: Option<f64>,
    ) -> PyResult<u32> {
        call_detached(py, timeout, |patience| {
            self.engine().schema_version_with(component, patience)
        })
    }

    /// How the database is doing.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (now, vacuum, backup) = call_detached(py, None, |_| {
            let engine = self.engine();
            Ok((engine.stats()?, engine.last_vacuum()?, engine.last_backup()?))
        })?;
        let dict = report::stats(py, &now)?;
        dict.set_item("last_vacuum", vacuum.map(|(at, _)| report::unix_time(at)))?;
        dict.set_item("last_backup", backup.map(|(at, _)| report::unix_time(at)))?;
        Ok(dict)
    }

    /// Move pages from the write-ahead log into the database file.
    #[pyo3(signature = (mode="passive", *, timeout=None))]
    fn checkpoint<'py>(
        &self,
        py: Python<'py>,
        mode: &str,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let done = call_detached(py, timeout, |patience| {
            self.engine().checkpoint(mode.parse()?, patience)
        })?;
        report::checkpointed(py, &done)
    }

    /// Give free pages back to the file system.
    #[pyo3(signature = (pages=20, *, full=false, timeout=None))]
    fn vacuum<'py>(
        &self,
        py: Python<'py>,
        pages: u32,
        full: bool,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let stats = call_detached(py, timeout, |patience| match full {
            true => self.engine().vacuum_full(patience),
            false => self.engine().vacuum(pages, patience),
        })?;
        report::vacuumed(py, &stats)
    }

    /// Copy the database while others write, verified.
    #[pyo3(signature = (path, *, overwrite=false, progress=None, timeout=None))]
    fn backup<'py>(
        &self,
        py: Python<'py>,
        path: PathBuf,
        overwrite: bool,
        progress: Option<&Bound<'py, PyAny>>,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let done = call(py, timeout, |gil, patience| {
            gil.release();
            let mut tell = |done: u32, total: u32| {
                let Some(progress) = progress else { return };
                gil.callback(py, || progress.call1((done, total)).map(drop));
            };
            Ok(self.engine().backup(&path, BackupOptions { overwrite }, patience, &mut tell)?)
        })?;
        report::backed_up(py, &done)
    }

    /// Look for damage and for rows without their parent.
    #[pyo3(signature = (*, quick=false, timeout=None))]
    fn check<'py>(
        &self,
        py: Python<'py>,
        quick: bool,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let found = call_detached(py, timeout, |patience| self.engine().check(quick, patience))?;
        report::checked(py, found)
    }
}

/// Put a backup in the place of a database that nobody has open.
#[pyfunction]
#[pyo3(signature = (backup, path, *, data_dir=None, progress=None, timeout=None))]
pub(crate) fn restore<'py>(
    py: Python<'py>,
    backup: PathBuf,
    path: PathBuf,
    data_dir: Option<PathBuf>,
    progress: Option<&Bound<'py, PyAny>>,
    timeout: Option<f64>,
) -> PyResult<Bound<'py, PyAny>> {
    let done = call(py, timeout, |gil, patience| {
        gil.release();
        let mut tell = |done: u32, total: u32| {
            let Some(progress) = progress else { return };
            gil.callback(py, || progress.call1((done, total)).map(drop));
        };
        Ok(crate::restore(&backup, &path, data_dir.as_deref(), patience, &mut tell)?)
    })?;
    report::restored(py, &done)
}
