//! Migrations as Python gives them: a directory, or a list of steps.

use std::path::PathBuf;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::error::Failure;
use crate::{Migrations, Step};

pub(crate) fn from_python(migrations: &Bound<'_, PyAny>) -> Result<Migrations, Failure> {
    if let Ok(directory) = migrations.extract::<PathBuf>() {
        return Ok(Migrations::from_directory(directory)?);
    }
    let mut steps = Vec::new();
    for step in migrations.try_iter()? {
        let step = step?;
        if !step.is_instance_of::<PyTuple>() {
            let kind = step.get_type().name()?;
            let text = format!("a step is a holdfast.Migration(version, name, sql), not {kind}");
            return Err(Failure::Python(PyTypeError::new_err(text)));
        }
        let (version, name, sql) = step.extract()?;
        steps.push(Step { version, name, sql });
    }
    Ok(Migrations::from_steps(steps)?)
}
