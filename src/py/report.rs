//! What the engine reports, as the NamedTuples of `holdfast.reports`.

use pyo3::prelude::*;

use crate::Counts;

fn make<'py>(
    py: Python<'py>,
    class: &str,
    fields: impl pyo3::call::PyCallArgs<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    py.import("holdfast.reports")?.getattr(class)?.call1(fields)
}

pub(crate) fn upserted(py: Python<'_>, counts: Counts) -> PyResult<Bound<'_, PyAny>> {
    make(py, "Upserted", (counts.inserted, counts.updated, counts.skipped))
}
