//! Front matter as Python has it.

use pyo3::prelude::*;
use pyo3::types::{PyDate, PyDict, PyList};

use crate::front_matter::{Plain, split};
use crate::walk::Front;

/// The metadata if it is plain, else the YAML; and the body.
#[pyfunction]
fn split_front_matter<'py>(
    py: Python<'py>,
    text: &str,
) -> PyResult<(Option<Bound<'py, PyDict>>, Option<String>, String)> {
    let text = text.replace("\r\n", "\n");
    let parts = split(&text);
    let (metadata, yaml) = to_python(py, parts.front.map(Front::new))?;
    Ok((metadata, yaml, parts.body.to_owned()))
}

type Metadata<'py> = (Option<Bound<'py, PyDict>>, Option<String>);

/// Metadata where it is plain, else the YAML.
pub(crate) fn to_python(py: Python<'_>, front: Option<Front>) -> PyResult<Metadata<'_>> {
    match front {
        None => Ok((None, None)),
        Some(Front::Yaml(text)) => Ok((None, Some(text))),
        Some(Front::Plain(pairs)) => {
            let metadata = PyDict::new(py);
            for (key, plain) in pairs {
                metadata.set_item(key, value(py, plain)?)?;
            }
            Ok((Some(metadata), None))
        }
    }
}

fn value(py: Python<'_>, plain: Plain) -> PyResult<Bound<'_, PyAny>> {
    Ok(match plain {
        Plain::Null => py.None().into_bound(py),
        Plain::Bool(value) => value.into_pyobject(py)?.to_owned().into_any(),
        Plain::Int(value) => value.into_pyobject(py)?.into_any(),
        Plain::Float(value) => value.into_pyobject(py)?.into_any(),
        Plain::Date(year, month, day) => PyDate::new(py, year.into(), month, day)?.into_any(),
        Plain::Text(value) => value.into_pyobject(py)?.into_any(),
        Plain::List(values) => {
            let values = values.into_iter().map(|each| value(py, each));
            PyList::new(py, values.collect::<PyResult<Vec<_>>>()?)?.into_any()
        }
    })
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(split_front_matter, module)?)
}
