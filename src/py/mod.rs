//! The binding: converts, calls, maps the error; nothing else.

mod aio;
mod database;
mod error;
mod front_matter;
mod gil;
mod insert;
mod iterate;
mod log;
mod maintain;
mod make;
mod migrations;
mod options;
mod owned;
mod plans;
mod read;
mod report;
mod rows;
mod scope;
mod session;
mod shared;
mod transaction;
mod values;
mod verbs;
mod walk;
mod write;

use pyo3::prelude::*;
use pyo3::types::PyCFunction;

use crate::guard::PerProcess;

/// What the first open of a process sets up: the log, and an orderly end.
fn start(py: Python<'_>) -> PyResult<()> {
    static STARTED: PerProcess<std::sync::atomic::AtomicBool> = PerProcess::new();
    if STARTED.get(Default::default).swap(true, std::sync::atomic::Ordering::AcqRel) {
        return Ok(());
    }
    log::start();
    let close = PyCFunction::new_closure(py, None, None, |arguments, _| {
        gil::EXITING.store(true, std::sync::atomic::Ordering::Release);
        gil::call_detached(arguments.py(), None, |patience| {
            crate::engine::close_all(patience);
            log::finish();
            Ok(())
        })
    })?;
    py.import("atexit")?.call_method1("register", (close,))?;
    Ok(())
}

/// The engine of Holdfast.
///
/// Sessions and the hold on the interpreter rely on its lock: a build without one turns it on.
#[pymodule(gil_used = true)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<database::Database>()?;
    module.add_class::<session::Session>()?;
    module.add_class::<session::Snapshot>()?;
    module.add_class::<transaction::Transaction>()?;
    module.add_class::<iterate::Rows>()?;
    module.add_function(wrap_pyfunction!(maintain::restore, module)?)?;
    front_matter::register(module)?;
    walk::register(module)?;
    aio::register(module)
}
