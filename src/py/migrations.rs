//! Migrations as Python gives them: a directory, or a list of steps.

use std::path::PathBuf;

use pyo3::prelude::*;

use super::error::Failure;
use crate::{Migrations, Step};

pub(crate) fn from_python(migrations: &Bound<'_, PyAny>) -> Result<Migrations, Failure> {
    if let Ok(directory) = migrations.extract::<PathBuf>() {
        return Ok(Migrations::from_directory(directory)?);
    }
    let mut steps = Vec::new();
    for step in migrations.try_iter()? {
        let (version, name, sql) = step?.extract()?;
        steps.push(Step { version, name, sql });
    }
    Ok(Migrations::from_steps(steps)?)
}
