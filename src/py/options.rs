//! What `holdfast.open` was given, as the engine's options.

use std::path::PathBuf;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::error::{Failure, misuse};
use super::gil::seconds;
use crate::{Options, Pragmas, Profile, RetryPolicy};

pub(crate) fn from_python(settings: Option<&Bound<'_, PyDict>>) -> Result<Options, Failure> {
    let mut options = Options::default();
    let Some(settings) = settings else { return Ok(options) };
    let mut pragmas = None;
    for (name, value) in settings.iter() {
        match name.extract::<String>()?.as_str() {
            "profile" => {
                let profile: Profile = value.extract::<String>()?.parse()?;
                options.pragmas = Pragmas::of(profile);
            }
            "pragmas" if value.is_none() => {}
            "pragmas" => pragmas = Some(value.cast_into::<PyDict>().map_err(PyErr::from)?),
            "pool_size" => {
                options.pool_size = value
                    .extract()
                    .map_err(|_| misuse("pool_size must be a whole number of at least 1"))?;
            }
            "data_dir" => options.data_dir = value.extract::<Option<PathBuf>>()?,
            "create" => options.create = value.extract()?,
            "read_only" => options.read_only = value.extract()?,
            "retry" if value.is_none() => {}
            "retry" => options.retry = retry(&value)?,
            "vacuum_every" => options.vacuum_every = seconds(value.extract()?)?,
            "hold_warning" => options.hold_warning = seconds(value.extract()?)?,
            "extensions" => options.extensions = value.extract()?,
            other => return Err(misuse(format!("open() has no setting {other:?}"))),
        }
    }
    for (name, value) in pragmas.iter().flat_map(|p| p.iter()) {
        let text = match value.extract::<bool>() {
            Ok(flag) => if flag { "on" } else { "off" }.to_owned(),
            Err(_) if value.is_instance_of::<PyString>() => value.extract()?,
            Err(_) => value.extract::<i64>()?.to_string(),
        };
        options.pragmas.set(&name.extract::<String>()?, &text)?;
    }
    Ok(options)
}

fn retry(policy: &Bound<'_, PyAny>) -> Result<RetryPolicy, Failure> {
    if !policy.hasattr("attempts")? {
        let text = format!("retry is a holdfast.RetryPolicy, not {}", policy.get_type().name()?);
        return Err(Failure::Python(PyTypeError::new_err(text)));
    }
    let time = |name: &str| -> Result<_, Failure> {
        let value: f64 = policy.getattr(name)?.extract()?;
        Ok(seconds(Some(value))?.unwrap_or_default())
    };
    Ok(RetryPolicy {
        attempts: policy.getattr("attempts")?.extract()?,
        min_delay: time("min_delay")?,
        max_delay: time("max_delay")?,
        factor: policy.getattr("factor")?.extract()?,
        jitter: policy.getattr("jitter")?.extract()?,
        deadline: time("deadline")?,
    })
}
