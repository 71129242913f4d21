//! Python's objects as JSON, and back.

use model_core::json::{self, JsonKind, Raw, Writer};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

/// How deep lists and dictionaries may be nested: no model asks for more than three.
const MAX_DEPTH: usize = 16;

/// Writes an object as JSON. NaN is `null`: in tables it stands for missing. A number of numpy
/// or pandas is written as the Python number that its `item()` gives.
///
/// # Errors
/// Names the type of what JSON cannot say.
pub(crate) fn write(value: &Bound<'_, PyAny>, out: &mut Vec<u8>) -> PyResult<()> {
    write_at(value, out, MAX_DEPTH)
}

fn write_at(value: &Bound<'_, PyAny>, out: &mut Vec<u8>, depth: usize) -> PyResult<()> {
    let depth = depth
        .checked_sub(1)
        .ok_or_else(|| PyValueError::new_err("the application is nested too deeply"))?;
    if let Ok(text) = value.cast::<PyString>() {
        Writer::new(out).text(text.to_str()?);
    } else if let Ok(yes) = value.cast::<PyBool>() {
        Writer::new(out).boolean(yes.is_true());
    } else if let Ok(number) = value.cast::<PyFloat>() {
        write_float(number.extract()?, out);
    } else if value.is_instance_of::<PyInt>() {
        // As it is written, however long: the module says which integers it takes.
        Writer::new(out).raw(value.str()?.to_str()?);
    } else if value.is_none() {
        Writer::new(out).raw("null");
    } else if let Ok(fields) = value.cast::<PyDict>() {
        write_fields(fields, out, depth)?;
    } else if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        write_items(value, out, depth)?;
    } else if let Ok(item) = value.call_method0("item") {
        write_at(&item, out, depth)?;
    } else if is_missing(value) {
        Writer::new(out).raw("null");
    } else {
        return Err(PyTypeError::new_err(format!(
            "expected a number, a boolean, a text or None, got {}",
            value.get_type().name()?
        )));
    }
    Ok(())
}

fn write_float(number: f64, out: &mut Vec<u8>) {
    let mut json = Writer::new(out);
    if number.is_infinite() {
        // JSON has no word for it, and this is read as infinite.
        json.raw(if number > 0.0 { "1e999" } else { "-1e999" });
    } else {
        json.number(number);
    }
}

fn write_fields(fields: &Bound<'_, PyDict>, out: &mut Vec<u8>, depth: usize) -> PyResult<()> {
    let mut before = b'{';
    for (key, value) in fields {
        out.push(before);
        before = b',';
        let key = key.cast::<PyString>().map_err(|_| {
            PyTypeError::new_err("expected the names of features as keys, and they are texts")
        })?;
        Writer::new(out).text(key.to_str()?);
        out.push(b':');
        write_at(&value, out, depth).map_err(|error| in_field(key, error))?;
    }
    if before == b'{' {
        out.push(before);
    }
    out.push(b'}');
    Ok(())
}

/// Names the field that cannot be written.
fn in_field(key: &Bound<'_, PyString>, error: PyErr) -> PyErr {
    let py = key.py();
    if error.is_instance_of::<PyTypeError>(py) {
        PyTypeError::new_err(format!("field '{key}': {}", error.value(py)))
    } else {
        error
    }
}

fn write_items(items: &Bound<'_, PyAny>, out: &mut Vec<u8>, depth: usize) -> PyResult<()> {
    let mut before = b'[';
    for item in items.try_iter()? {
        out.push(before);
        before = b',';
        write_at(&item?, out, depth)?;
    }
    if before == b'[' {
        out.push(before);
    }
    out.push(b']');
    Ok(())
}

/// pandas' `NA` and `NaT`.
fn is_missing(value: &Bound<'_, PyAny>) -> bool {
    let name = value.get_type().name();
    name.is_ok_and(|name| name == "NAType" || name == "NaTType")
}

/// JSON as Python's objects.
///
/// # Errors
/// Where it is no JSON, which no answer of a model is.
pub(crate) fn read<'py>(py: Python<'py>, answer: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    read_value(py, parsed(answer)?)
}

/// Fills a dictionary with the fields of a JSON object.
///
/// # Errors
/// Where it is no JSON, which no answer of a model is.
pub(crate) fn read_into(answer: &[u8], into: &Bound<'_, PyDict>) -> PyResult<()> {
    read_fields(parsed(answer)?, into)
}

fn parsed(answer: &[u8]) -> PyResult<Raw<'_>> {
    let text =
        std::str::from_utf8(answer).map_err(|error| PyValueError::new_err(error.to_string()))?;
    json::parse(text).map_err(|invalid| PyValueError::new_err(invalid.reason))
}

fn read_fields(object: Raw<'_>, into: &Bound<'_, PyDict>) -> PyResult<()> {
    let py = into.py();
    for (key, value) in object.fields() {
        // Answers have the same keys again and again.
        let key = PyString::intern(py, &key.text().unwrap_or_default());
        into.set_item(key, read_value(py, value)?)?;
    }
    Ok(())
}

fn read_value<'py>(py: Python<'py>, value: Raw<'_>) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value.kind() {
        JsonKind::Null => py.None().into_bound(py),
        JsonKind::Boolean => PyBool::new(py, value.json() == "true")
            .to_owned()
            .into_any(),
        JsonKind::Number => match value.json().parse::<i64>() {
            Ok(integer) => integer.into_pyobject(py)?.into_any(),
            Err(_) => {
                let number: f64 = value.json().parse()?;
                PyFloat::new(py, number).into_any()
            }
        },
        JsonKind::String => PyString::new(py, &value.text().unwrap_or_default()).into_any(),
        JsonKind::Array => {
            let items: PyResult<Vec<_>> = value.items().map(|item| read_value(py, item)).collect();
            PyList::new(py, items?)?.into_any()
        }
        JsonKind::Object => {
            let fields = PyDict::new(py);
            read_fields(value, &fields)?;
            fields.into_any()
        }
    })
}
