//! Python's objects as JSON, and back.

use model_core::json::{self, JsonKind, Raw, Writer};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple, PyType};

/// How deep lists and dictionaries may be nested: no model asks for more than three.
const MAX_DEPTH: usize = 16;

/// Writes an object as JSON. NaN is `null`: in tables it stands for missing, as do pandas' `NA`
/// and what numpy masks. A number of numpy or pandas is written as the Python number that it
/// stands for.
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
        write_integer(value, out)?;
    } else if value.is_none() {
        Writer::new(out).raw("null");
    } else if let Ok(fields) = value.cast::<PyDict>() {
        write_fields(fields, out, depth)?;
    } else if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        write_items(value, out, depth)?;
    } else if is_missing(value) {
        Writer::new(out).raw("null");
    } else if let Some(item) = item(value)? {
        write_at(&item, out, depth)?;
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

/// Every digit, however many: the module says which integers it takes.
fn write_integer(integer: &Bound<'_, PyAny>, out: &mut Vec<u8>) -> PyResult<()> {
    // Not `str()`, which a subclass may answer as it likes.
    let digits = integer
        .py()
        .get_type::<PyInt>()
        .call_method1("__repr__", (integer,))?;
    Writer::new(out).raw(digits.cast::<PyString>()?.to_str()?);
    Ok(())
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

/// The Python object that a number of numpy or pandas stands for; `None` where it stands for
/// none.
fn item<'py>(value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    static MASKED: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    if is_date_or_duration(value) {
        return Ok(None);
    }
    let masked = MASKED.import(value.py(), "numpy.ma", "MaskedArray")?;
    // What is masked is `None` in the list; its item is what lies under the mask.
    let method = if value.is_instance(masked)? {
        "tolist"
    } else {
        "item"
    };
    let item = value.call_method0(method).ok();
    // The item of numpy's `longdouble` is itself.
    Ok(item.filter(|item| !item.get_type().is(value.get_type())))
}

/// Whether the value is a date or a duration of numpy: the item of one in nanoseconds is their
/// number.
fn is_date_or_duration(value: &Bound<'_, PyAny>) -> bool {
    let kind = value.getattr("dtype").and_then(|of| of.getattr("kind"));
    kind.and_then(|kind| kind.extract::<String>())
        .is_ok_and(|kind| kind == "m" || kind == "M")
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
