//! What the engine reports, as the NamedTuples of `holdfast.reports`.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::error::thread_name;
use crate::error::{Holder, PragmaMismatch};
use crate::stats::{Latency, Report};
use crate::{
    BackupReport, CheckReport, CheckpointReport, Counts, MigrationReport, RestoreReport,
    VacuumStats,
};

fn make<'py>(
    py: Python<'py>,
    class: &str,
    fields: impl pyo3::call::PyCallArgs<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    py.import("holdfast.reports")?.getattr(class)?.call1(fields)
}

pub(crate) fn mismatches<'py>(
    py: Python<'py>,
    list: &[PragmaMismatch],
) -> PyResult<Bound<'py, PyTuple>> {
    let each = list
        .iter()
        .map(|m| make(py, "PragmaMismatch", (&m.name, &m.wanted, &m.found, m.why.as_deref())));
    PyTuple::new(py, each.collect::<PyResult<Vec<_>>>()?)
}

pub(crate) fn upserted(py: Python<'_>, counts: Counts) -> PyResult<Bound<'_, PyAny>> {
    make(py, "Upserted", (counts.inserted, counts.updated, counts.skipped))
}

pub(crate) fn migrated<'py>(
    py: Python<'py>,
    done: &MigrationReport,
) -> PyResult<Bound<'py, PyAny>> {
    let applied = done
        .applied
        .iter()
        .map(|step| make(py, "Applied", (step.version, &step.name, step.time.as_secs_f64())));
    let applied = PyTuple::new(py, applied.collect::<PyResult<Vec<_>>>()?)?;
    let (component, backup) = (&done.component, done.backup.as_ref());
    let fields = (component, done.from, done.to, applied, backup, done.adopted, done.dry_run);
    make(py, "MigrationReport", fields)
}

pub(crate) fn vacuumed<'py>(py: Python<'py>, stats: &VacuumStats) -> PyResult<Bound<'py, PyAny>> {
    let (before, after) = (stats.size_before(), stats.size_after());
    let free = (stats.free_bytes_before(), stats.free_bytes_after());
    let fields = (before, after, free.0, free.1, stats.reclaimed(), stats.time.as_secs_f64());
    make(py, "VacuumStats", fields)
}

pub(crate) fn checkpointed<'py>(
    py: Python<'py>,
    done: &CheckpointReport,
) -> PyResult<Bound<'py, PyAny>> {
    let (readers, processes) = (holders(py, &done.readers)?, PyTuple::new(py, &done.processes)?);
    let (mode, seconds) = (done.mode.to_string(), done.time.as_secs_f64());
    let fields = (mode, done.pages, done.moved, done.complete, readers, processes, seconds);
    make(py, "CheckpointReport", fields)
}

pub(crate) fn backed_up<'py>(py: Python<'py>, done: &BackupReport) -> PyResult<Bound<'py, PyAny>> {
    let check = checked(py, done.check.clone())?;
    make(py, "BackupReport", (&done.path, done.bytes, done.pages, done.time.as_secs_f64(), check))
}

pub(crate) fn restored<'py>(py: Python<'py>, done: &RestoreReport) -> PyResult<Bound<'py, PyAny>> {
    let check = checked(py, done.check.clone())?;
    let (path, safety, seconds) = (&done.path, done.safety_copy.as_ref(), done.time.as_secs_f64());
    make(py, "RestoreReport", (path, safety, done.bytes, done.pages, seconds, check))
}

pub(crate) fn checked(py: Python<'_>, found: CheckReport) -> PyResult<Bound<'_, PyAny>> {
    let mut problems = found.problems;
    problems.extend(found.foreign_key_error);
    let violations = found
        .foreign_keys
        .iter()
        .map(|v| make(py, "Violation", (&v.table, v.rowid, &v.parent)))
        .collect::<PyResult<Vec<_>>>()?;
    make(py, "CheckReport", (PyTuple::new(py, problems)?, PyTuple::new(py, violations)?))
}

/// A report as nested dicts, ready for JSON; times in seconds, sizes in bytes.
pub(crate) fn stats<'py>(py: Python<'py>, report: &Report) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("path", report.path.to_string_lossy())?;
    dict.set_item("size", report.size)?;
    dict.set_item("wal_size", report.wal_size)?;
    let wal = PyDict::new(py);
    wal.set_item("pages", report.wal.pages)?;
    wal.set_item("moved", report.wal.moved)?;
    wal.set_item("readers", holders(py, &report.wal.readers)?.to_list())?;
    wal.set_item("processes", &report.wal.processes)?;
    dict.set_item("wal", wal)?;
    let pool = PyDict::new(py);
    pool.set_item("open", report.readers)?;
    pool.set_item("idle", report.idle_readers)?;
    pool.set_item("waits", latency(py, report.reader_waits)?)?;
    pool.set_item("holders", holders(py, &report.reader_holders)?.to_list())?;
    dict.set_item("pool", pool)?;
    let lane = PyDict::new(py);
    lane.set_item("holder", report.lane_holder.as_ref().map(|h| holder(py, h)).transpose()?)?;
    lane.set_item("waiting", report.lane_waiting)?;
    lane.set_item("waits", latency(py, report.lane_waits)?)?;
    lane.set_item("holds", latency(py, report.lane_holds)?)?;
    let longest = report.longest_holds.iter().map(|hold| {
        let dict = holder(py, &hold.holder)?;
        // The system may have given its number to another thread since.
        dict.set_item("thread", &hold.holder.name)?;
        dict.set_item("ended", unix_time(hold.ended))?;
        Ok(dict)
    });
    lane.set_item("longest", longest.collect::<PyResult<Vec<_>>>()?)?;
    dict.set_item("lane", lane)?;
    dict.set_item("reads", report.reads)?;
    dict.set_item("writes", report.writes)?;
    dict.set_item("transactions", report.transactions)?;
    dict.set_item("rollbacks", report.rollbacks)?;
    dict.set_item("group_commits", report.group_commits)?;
    dict.set_item("group_writes", report.group_writes)?;
    let retries = PyDict::new(py);
    retries.set_item("operations", report.retries.operations)?;
    retries.set_item("attempts", report.retries.attempts)?;
    retries.set_item("recovered", report.retries.recovered)?;
    retries.set_item("gave_up", report.retries.gave_up)?;
    retries.set_item("delayed", report.retries.delayed.as_secs_f64())?;
    retries.set_item("rate", report.retries.rate())?;
    dict.set_item("retries", retries)?;
    Ok(dict)
}

/// Seconds since 1970.
pub(crate) fn unix_time(at: std::time::SystemTime) -> f64 {
    at.duration_since(std::time::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

fn latency(py: Python<'_>, latency: Latency) -> PyResult<Bound<'_, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("count", latency.count)?;
    dict.set_item("total", latency.total.as_secs_f64())?;
    dict.set_item("p50", latency.p50.as_secs_f64())?;
    dict.set_item("p99", latency.p99.as_secs_f64())?;
    dict.set_item("longest", latency.longest.as_secs_f64())?;
    Ok(dict)
}

/// Who holds connections, each as a dict.
pub(crate) fn holders<'py>(py: Python<'py>, holders: &[Holder]) -> PyResult<Bound<'py, PyTuple>> {
    let each = holders.iter().map(|h| holder(py, h)).collect::<PyResult<Vec<_>>>()?;
    PyTuple::new(py, each)
}

fn holder<'py>(py: Python<'py>, holder: &Holder) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    let name = match holder.is_task {
        true => None,
        false => thread_name(py, holder.thread)?,
    };
    let name = name.or_else(|| holder.name.clone());
    dict.set_item("thread", name)?;
    dict.set_item("statement", &holder.statement)?;
    dict.set_item("held", holder.held.as_secs_f64())?;
    Ok(dict)
}

/// Pragmas as they were verified; numbers as numbers.
pub(crate) fn pragmas(
    py: Python<'_>,
    pragmas: Vec<(String, String)>,
) -> PyResult<Bound<'_, PyDict>> {
    let dict = PyDict::new(py);
    for (name, value) in pragmas {
        match value.parse::<i64>() {
            Ok(number) => dict.set_item(name, number)?,
            Err(_) => dict.set_item(name, value)?,
        }
    }
    Ok(dict)
}
