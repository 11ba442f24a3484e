//! Walks over folders of markdown, and their files as plain tuples.

use std::path::PathBuf;
use std::sync::Mutex;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use super::error::{Failure, misuse};
use super::front_matter::to_python;
use super::gil::{call, call_detached};
use crate::walk::{self, Found, Item, Progress, Stamp, WalkOptions};

type Known = (String, u64, i64, i64);
/// Path, stamp (size, mtime, ctime, settled), hash, metadata, YAML, heading, body, error.
type Row<'py> = (
    String,
    Option<(u64, i64, i64, bool)>,
    Option<String>,
    Option<Bound<'py, PyDict>>,
    Option<String>,
    Option<String>,
    Option<Bound<'py, PyBytes>>,
    Option<String>,
);

/// A walk that goes on in threads of its own.
#[pyclass(module = "holdfast._core", frozen)]
pub(crate) struct Walk(Mutex<Option<walk::Walk>>, Progress);

#[pymethods]
impl Walk {
    #[new]
    fn new(
        py: Python<'_>,
        root: PathBuf,
        patterns: Vec<String>,
        hidden: bool,
        gitignore: bool,
        max_size: u64,
        known: Vec<Known>,
    ) -> PyResult<Self> {
        let options = WalkOptions { patterns, hidden, gitignore, max_size };
        let known = known
            .into_iter()
            .map(|(path, size, mtime_ns, ctime_ns)| (path, Stamp { size, mtime_ns, ctime_ns }));
        let begun = call_detached(py, None, |_| walk::Walk::begin(&root, &options, known))?;
        let progress = begun.progress();
        Ok(Walk(Mutex::new(Some(begun)), progress))
    }

    #[pyo3(name = "_next")]
    fn next<'py>(&self, py: Python<'py>, bytes: usize) -> PyResult<Option<Vec<Row<'py>>>> {
        let found = call(py, None, |gil, patience| {
            let mut walk =
                self.0.try_lock().map_err(|_| misuse("the walk is used by another thread"))?;
            let walk = walk.as_mut().ok_or_else(|| misuse("the walk is closed"))?;
            let found = walk.next(bytes, patience);
            gil.retake();
            found.map_err(Failure::Engine)
        })?;
        found.map(|items| items.into_iter().map(|item| row(py, item)).collect()).transpose()
    }

    #[pyo3(name = "_progress")]
    fn progress(&self) -> (usize, usize) {
        self.1.get()
    }

    #[pyo3(name = "_summary")]
    fn summary(&self, py: Python<'_>) -> PyResult<(usize, usize, Vec<String>)> {
        call(py, None, |_, _| {
            let walk =
                self.0.try_lock().map_err(|_| misuse("the walk is used by another thread"))?;
            let summary = walk.as_ref().ok_or_else(|| misuse("the walk is closed"))?.summary();
            Ok((summary.scanned, summary.unchanged, summary.missing))
        })
    }

    fn close(&self, py: Python<'_>) {
        // Whoever waits for more lets go of it then.
        self.1.stop();
        let walk = self.0.try_lock().ok().and_then(|mut walk| walk.take());
        py.detach(|| drop(walk));
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        // Its threads do not need the interpreter, so they end while it is held here.
        if let Ok(walk) = self.0.get_mut() {
            *walk = None;
        }
    }
}

/// Read one file below a folder.
#[pyfunction]
fn read_markdown(py: Python<'_>, root: PathBuf, path: String, max_size: u64) -> PyResult<Row<'_>> {
    let found = call_detached(py, None, |_| walk::read_markdown(&root, &path, max_size))?;
    row(py, Item::File(found))
}

fn row(py: Python<'_>, item: Item) -> PyResult<Row<'_>> {
    match item {
        Item::Problem(path, why) | Item::Unreadable(path, why) => {
            Ok((path, None, None, None, None, None, None, Some(why)))
        }
        Item::File(Found { path, stamp, settled, hash, front: text, heading, body }) => {
            let (metadata, yaml) = to_python(py, text)?;
            let stamp = (stamp.size, stamp.mtime_ns, stamp.ctime_ns, settled);
            // As text it would be decoded here and encoded again where it is bound.
            let body = Some(PyBytes::new(py, body.as_bytes()));
            Ok((path, Some(stamp), Some(hash), metadata, yaml, heading, body, None))
        }
    }
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Walk>()?;
    module.add_function(wrap_pyfunction!(read_markdown, module)?)
}
