//! The numbers that a library fits on: inputs become columns.

use model_core::model::TermValue;
use model_core::schema::{Encoding, FeatureKind, Schema};
use smartcore::linalg::basic::matrix::DenseMatrix;

use super::FitError;
use crate::prepare::Prepared;

/// One column of the matrix that a library fits on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// The number of the input, in schema order.
    pub feature: usize,
    /// What of it.
    pub value: TermValue,
}

impl Column {
    /// The column's number for a value in the model's terms; missing stays missing.
    #[must_use]
    pub fn encode(self, value: f64) -> f64 {
        match self.value {
            TermValue::IsCategory(code) if !value.is_nan() => f64::from(value == f64::from(code)),
            _ => value,
        }
    }
}

/// The columns of a schema: one for each input, or one for each category where it is
/// encoded one-hot.
#[must_use]
pub fn columns(schema: &Schema) -> Vec<Column> {
    let mut columns = Vec::new();
    for (feature, input) in schema.inputs().enumerate() {
        match &input.kind {
            FeatureKind::Category(categories) if categories.encoding == Encoding::OneHot => {
                let codes = (0..).take(categories.values.len());
                let value = codes.map(TermValue::IsCategory);
                columns.extend(value.map(|value| Column { feature, value }));
            }
            _ => columns.push(Column {
                feature,
                value: TermValue::Itself,
            }),
        }
    }
    columns
}

/// Some rows of `prepared`, column after column.
pub(super) fn encoded(prepared: &Prepared, columns: &[Column], rows: &[usize]) -> Vec<Vec<f64>> {
    let encode = |column: &Column| {
        let values = &prepared.columns[column.feature];
        rows.iter().map(|&row| column.encode(values[row])).collect()
    };
    columns.iter().map(encode).collect()
}

pub(super) fn matrix(columns: &[Vec<f64>]) -> Result<DenseMatrix<f64>, FitError> {
    let rows = columns.first().ok_or(FitError::NoInputs)?.len();
    DenseMatrix::new(rows, columns.len(), columns.concat(), true)
        .map_err(|error| FitError::Library(error.to_string()))
}
