//! The asynchronous face: the same verbs, awaited.
//!
//! What is short runs at once, on the event loop's thread; what may wait or take long runs on a
//! worker, which never touches Python.

mod backup;
mod begin;
mod database;
mod end;
mod fair;
mod mailbox;
mod many;
mod one_shot;
mod operation;
mod rows;
mod session;
mod together;
mod transaction;
mod upkeep;
mod verb;
mod waiting;

use pyo3::prelude::*;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(database::open_later, module)?)?;
    module.add_class::<operation::Operation>()?;
    module.add_class::<database::Opened>()?;
    module.add_class::<database::AsyncDatabase>()?;
    module.add_class::<session::AsyncSession>()?;
    module.add_class::<transaction::AsyncSnapshot>()?;
    module.add_class::<transaction::AsyncTransaction>()?;
    module.add_class::<rows::AsyncRows>()?;
    Ok(())
}
