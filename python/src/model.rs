//! The class `Model`: a model that decides in this process.

use std::sync::{Mutex, PoisonError};

use model_core::columns::ColumnError;
use model_core::decide::Decider;
use model_core::model_file::ModelFile;
use model_core::schema::TargetKind;
use model_recourse::{Budget, explain};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyCapsule, PyDict, PyList, PyType};

use crate::arrow::Stream;
use crate::json;
use crate::table::{GivenColumn, Scored, Table};

/// A `model.wasm` that decides natively.
#[pyclass(subclass, frozen, module = "underwrite._native")]
pub(crate) struct NativeModel {
    file: Py<PyBytes>,
    /// Models at rest: each serves one thread at a time.
    idle: Mutex<Vec<Decider>>,
}

#[pymethods]
impl NativeModel {
    #[new]
    fn new(file: Bound<'_, PyBytes>) -> PyResult<Self> {
        let decider = load(file.as_bytes())?;
        Ok(Self {
            file: file.unbind(),
            idle: Mutex::new(vec![decider]),
        })
    }

    /// The bytes of the file.
    #[getter]
    fn file(&self, py: Python<'_>) -> Py<PyBytes> {
        self.file.clone_ref(py)
    }

    /// The values of the target: that of the negative outcome, and that of the positive one.
    #[getter(_outcomes)]
    fn outcomes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let kind = self.with(py, |decider| decider.artifact().schema.target.kind.clone())?;
        match kind {
            TargetKind::Boolean { positive } => {
                PyList::new(py, [i64::from(!positive), i64::from(positive)])
            }
            TargetKind::Category { positive, negative } => PyList::new(py, [negative, positive]),
        }
    }

    /// Decides an application: fills `into`, or raises `refused` with the problems.
    fn decide_into(
        &self,
        application: &Bound<'_, PyAny>,
        into: &Bound<'_, PyDict>,
        refused: &Bound<'_, PyType>,
    ) -> PyResult<()> {
        let (mut request, mut answer) = (Vec::new(), Vec::new());
        json::write(application, &mut request)?;
        let status = self.with(into.py(), |decider| decider.decide(&request, &mut answer))?;
        finish(status, &answer, into, refused)
    }

    /// Explains a decision: fills `into`, or raises `refused` with the problems.
    fn explain_into(
        &self,
        question: &Bound<'_, PyAny>,
        into: &Bound<'_, PyDict>,
        refused: &Bound<'_, PyType>,
    ) -> PyResult<()> {
        let mut question_json = Vec::new();
        json::write(question, &mut question_json)?;
        let (status, answer) = self.explained(into.py(), &question_json)?;
        finish(status, &answer, into, refused)
    }

    /// The status of HTTP and the bytes of the answer to a request's bytes.
    fn decide_json<'py>(
        &self,
        py: Python<'py>,
        request: &[u8],
    ) -> PyResult<(u16, Bound<'py, PyBytes>)> {
        let mut answer = Vec::new();
        let status = self.with(py, |decider| decider.decide(request, &mut answer))?;
        Ok((status, PyBytes::new(py, &answer)))
    }

    /// The status of HTTP and the bytes of the explanation to a question's bytes.
    fn explain_json<'py>(
        &self,
        py: Python<'py>,
        question: &[u8],
    ) -> PyResult<(u16, Bound<'py, PyBytes>)> {
        let (status, answer) = self.explained(py, question)?;
        Ok((status, PyBytes::new(py, &answer)))
    }

    /// What the model says about itself.
    fn describe<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let mut description = Vec::new();
        self.with(py, |decider| decider.describe(&mut description))?;
        json::read(py, &description)
    }

    /// Decides every row of a table.
    fn score_table<'py>(
        &self,
        table: &Bound<'py, PyAny>,
        allow_missing: bool,
    ) -> PyResult<Bound<'py, PyDict>> {
        let py = table.py();
        let table = read_table(table)?;
        let scored = py.detach(|| self.lend(|decider| table.score(decider, allow_missing)))?;
        to_python(py, &scored.map_err(column_error)?)
    }

    /// The sketch of every row of a table, in the form of a file.
    fn sketch_table<'py>(
        &self,
        table: &Bound<'py, PyAny>,
        allow_missing: bool,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let py = table.py();
        let table = read_table(table)?;
        let sketch = py.detach(|| self.lend(|decider| table.sketch(decider, allow_missing)))?;
        Ok(PyBytes::new(py, &sketch.map_err(column_error)?.encode()))
    }
}

impl NativeModel {
    /// Lends a model to `work`, which runs attached to the interpreter: a single decision takes
    /// less time than letting go of it.
    fn with<T>(&self, py: Python<'_>, work: impl FnOnce(&mut Decider) -> T) -> PyResult<T> {
        let mut decider = match self.take() {
            Some(decider) => decider,
            None => load(self.file.bind(py).as_bytes())?,
        };
        let result = work(&mut decider);
        self.give_back(decider);
        Ok(result)
    }

    /// Lends a model to `work`, which runs detached from the interpreter.
    fn lend<T>(&self, work: impl FnOnce(&mut Decider) -> T) -> PyResult<T> {
        let mut decider = match self.take() {
            Some(decider) => decider,
            None => Python::attach(|py| load(self.file.bind(py).as_bytes()))?,
        };
        let result = work(&mut decider);
        self.give_back(decider);
        Ok(result)
    }

    fn take(&self) -> Option<Decider> {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
    }

    fn give_back(&self, decider: Decider) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(decider);
    }

    fn explained(&self, py: Python<'_>, question: &[u8]) -> PyResult<(u16, Vec<u8>)> {
        let mut answer = Vec::new();
        // A search for recourse takes long enough to let other threads run.
        let status = py.detach(|| {
            self.lend(|decider| explain(decider, question, Budget::default(), &mut answer))
        })?;
        Ok((status, answer))
    }
}

fn load(file: &[u8]) -> PyResult<Decider> {
    let file = ModelFile::open(file).map_err(|error| PyValueError::new_err(error.to_string()))?;
    Decider::load(file.artifact()).map_err(|error| PyValueError::new_err(error.to_string()))
}

fn finish(
    status: u16,
    answer: &[u8],
    into: &Bound<'_, PyDict>,
    refused: &Bound<'_, PyType>,
) -> PyResult<()> {
    if status == 200 {
        return json::read_into(answer, into);
    }
    let detail = json::read(into.py(), answer)?.get_item("detail")?;
    Err(PyErr::from_value(refused.call1((detail,))?))
}

/// A table of another library, or columns made from numpy's arrays.
fn read_table(table: &Bound<'_, PyAny>) -> PyResult<Table> {
    if !table.hasattr("__arrow_c_stream__")? {
        let columns: Vec<GivenColumn> = table.extract()?;
        return Ok(Table::Columns(columns));
    }
    let capsule = table.call_method0("__arrow_c_stream__")?;
    let stream = Stream::take(capsule.cast::<PyCapsule>()?)?;
    Ok(Table::Stream(stream.map_err(column_error)?))
}

fn column_error(error: ColumnError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

fn to_python<'py>(py: Python<'py>, scored: &Scored) -> PyResult<Bound<'py, PyDict>> {
    let bytes_of = |bytes: &mut dyn Iterator<Item = u8>, length: usize| {
        PyByteArray::new_with(py, length, |out| {
            out.iter_mut().zip(bytes).for_each(|(to, byte)| *to = byte);
            Ok(())
        })
    };
    let result = PyDict::new(py);
    let probability = &scored.probability;
    let mut bytes = probability.iter().flat_map(|p| p.to_le_bytes());
    result.set_item("probability", bytes_of(&mut bytes, 8 * probability.len())?)?;
    let adjustments = &scored.adjustments;
    let mut bytes = adjustments.iter().flat_map(|n| n.to_le_bytes());
    result.set_item("adjustments", bytes_of(&mut bytes, 4 * adjustments.len())?)?;
    result.set_item("prediction", PyByteArray::new(py, &scored.prediction))?;
    result.set_item("outcome", PyByteArray::new(py, &scored.outcome))?;
    result.set_item("refused", scored.refused)?;
    let first = scored.first_refused.as_ref();
    let first = first.map(|(row, answer)| (row, PyBytes::new(py, answer)));
    result.set_item("first_refused", first)?;
    Ok(result)
}
