//! Sketches of the parts of a table, added up.

use model_sketch::{Sketch, SketchError};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

/// The sketch of all rows that the given sketches counted, in the form of a file. Neither the
/// order of the parts nor how the rows were parted changes a byte.
///
/// # Errors
/// Where there is no sketch, one is broken, or two are not of the same columns.
#[pyfunction]
pub(crate) fn merge_sketches(
    py: Python<'_>,
    sketches: Vec<PyBackedBytes>,
) -> PyResult<Bound<'_, PyBytes>> {
    let merged = merge(&sketches).map_err(|error| PyValueError::new_err(error.to_string()))?;
    match merged {
        Some(sketch) => Ok(PyBytes::new(py, &sketch.encode())),
        None => Err(PyValueError::new_err("expected at least one sketch")),
    }
}

fn merge(sketches: &[PyBackedBytes]) -> Result<Option<Sketch>, SketchError> {
    let mut all: Option<Sketch> = None;
    for bytes in sketches {
        let sketch = Sketch::decode(bytes)?;
        match &mut all {
            Some(all) => all.merge(&sketch)?,
            None => all = Some(sketch),
        }
    }
    Ok(all)
}
