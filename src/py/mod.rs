//! The binding: converts, calls, maps the error; nothing else.

mod database;
mod error;
mod gil;
mod insert;
mod iterate;
mod log;
mod options;
mod report;
mod rows;
mod scope;
mod session;
mod transaction;
mod values;
mod verbs;

use pyo3::prelude::*;

/// The engine of Holdfast.
#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<database::Database>()?;
    module.add_class::<session::Session>()?;
    module.add_class::<session::Snapshot>()?;
    module.add_class::<transaction::Transaction>()?;
    module.add_class::<iterate::Rows>()?;
    Ok(())
}
