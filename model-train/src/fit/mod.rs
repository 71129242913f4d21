//! Fitting models with `smartcore` and exporting them into our own structures.

pub mod forest;
pub mod logistic;

use model_core::model::TermValue;
use model_core::schema::{Encoding, Kind, Schema};
use smartcore::linalg::basic::matrix::DenseMatrix;

use crate::prepare::Prepared;

/// Why a model could not be fitted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FitError {
    /// The schema has no feature that the model may see.
    #[error("the schema has no feature with role \"input\", expected at least one")]
    NoInputs,
    /// Numbers beyond what can be squared and summed.
    #[error(
        "feature '{feature}': the values are too large to scale: give the feature a range, or use a random forest"
    )]
    TooLarge {
        /// The feature's name.
        feature: String,
    },
    /// The library gave up.
    #[error("fitting failed: {0}")]
    Library(String),
}

/// One column of the matrix that a library fits on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// The number of the input, in schema order.
    pub feature: usize,
    /// What of it.
    pub value: TermValue,
}

impl Column {
    /// The column's number for a value in the model's terms.
    fn encode(self, value: f64) -> f64 {
        match self.value {
            TermValue::Itself => value,
            TermValue::IsCategory(code) => f64::from(value == f64::from(code)),
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
            Kind::Category(categories) if categories.encoding == Encoding::OneHot => {
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

/// The training rows of `prepared`, column after column.
fn encoded(prepared: &Prepared, columns: &[Column]) -> Vec<Vec<f64>> {
    columns
        .iter()
        .map(|column| {
            let values = &prepared.columns[column.feature];
            let rows = prepared.split.train.iter();
            rows.map(|&row| column.encode(values[row])).collect()
        })
        .collect()
}

fn matrix(columns: &[Vec<f64>]) -> Result<DenseMatrix<f64>, FitError> {
    let rows = columns.first().ok_or(FitError::NoInputs)?.len();
    DenseMatrix::new(rows, columns.len(), columns.concat(), true)
        .map_err(|error| FitError::Library(error.to_string()))
}
