//! Policies applied to a data set, with what they fill in learned from the training rows.

use model_core::preprocess::{Preprocessing, resolve};
use model_core::schema::{Feature, FeatureKind, Schema};
use model_core::value::{Reading, read_coded};

use crate::dataset::Dataset;
use crate::split::Split;

/// A data set that a model can be fitted on and measured with.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// For each input, in schema order, one value a row in the model's terms. None is
    /// missing or out of range.
    pub columns: Vec<Vec<f64>>,
    /// For each row whether the answer is yes.
    pub target: Vec<bool>,
    /// What to learn from and what to measure on.
    pub split: Split,
    /// What was filled in.
    pub preprocessing: Preprocessing,
}

/// Why policies could not be applied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrepareError {
    /// Nothing to learn from.
    #[error(
        "{file}, column '{column}': no training row has a value that is there and inside the range, expected at least one: give the feature role = \"ignored\" in the schema, or leave it out with --features"
    )]
    NoValues {
        /// The data file.
        file: String,
        /// The column.
        column: String,
    },
    /// A value that a policy refuses; reading the file has seen to it that there is none.
    #[error("{file}, column '{column}', row {row}: {message}")]
    Refused {
        /// The data file.
        file: String,
        /// The column.
        column: String,
        /// The row; the first is 0.
        row: usize,
        /// What was expected.
        message: String,
    },
}

impl Prepared {
    /// Learns what to fill in from the training rows alone, and fills it in everywhere.
    ///
    /// # Errors
    /// Names a column that has nothing to learn from.
    pub fn new(dataset: Dataset, schema: &Schema, split: Split) -> Result<Self, PrepareError> {
        let file = dataset.name().to_owned();
        let mut columns = dataset.columns;
        let mut imputed = Vec::with_capacity(columns.len());
        for (feature, values) in schema.inputs().zip(&mut columns) {
            let column = || (file.clone(), feature.name.clone());
            let typical = typical(feature, &split.train, values).ok_or_else(|| {
                let (file, column) = column();
                PrepareError::NoValues { file, column }
            })?;
            for (row, value) in values.iter_mut().enumerate() {
                let resolved = read_coded(feature, *value)
                    .and_then(|reading| resolve(feature, reading, typical));
                *value = resolved.map(|resolved| resolved.value).map_err(|error| {
                    let (file, column) = column();
                    let message = error.message;
                    PrepareError::Refused {
                        file,
                        column,
                        row,
                        message,
                    }
                })?;
            }
            imputed.push(typical);
        }
        Ok(Self {
            columns,
            target: dataset.target,
            split,
            preprocessing: Preprocessing { imputed },
        })
    }

    /// Test rows, column after column, and their answers.
    #[must_use]
    pub fn test_rows(&self) -> (Vec<f64>, Vec<bool>) {
        let rows = &self.split.test;
        let values = self
            .columns
            .iter()
            .flat_map(|column| rows.iter().map(|&row| column[row]));
        (
            values.collect(),
            rows.iter().map(|&row| self.target[row]).collect(),
        )
    }
}

/// The median of a number (the lower of two middle ones), the most frequent of a boolean or
/// category (the first of equals), over the given rows that have a usable value.
fn typical(feature: &Feature, rows: &[usize], values: &[f64]) -> Option<f64> {
    let usable = |value: &f64| match read_coded(feature, *value) {
        Ok(Reading::Is(value)) => feature.range().is_none_or(|range| range.contains(value)),
        _ => false,
    };
    let usable: Vec<f64> = rows.iter().map(|&row| values[row]).filter(usable).collect();
    match &feature.kind {
        FeatureKind::Number(_) | FeatureKind::Integer(_) => lower_median(usable),
        FeatureKind::Boolean => most_frequent(&usable, 2),
        FeatureKind::Category(categories) => most_frequent(&usable, categories.values.len()),
    }
}

fn lower_median(mut values: Vec<f64>) -> Option<f64> {
    let middle = values.len().checked_sub(1)? / 2;
    let (_, median, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    Some(*median)
}

fn most_frequent(values: &[f64], codes: usize) -> Option<f64> {
    let mut counts = vec![0usize; codes];
    for value in values {
        counts[*value as usize] += 1;
    }
    let most = counts.iter().max().filter(|most| **most > 0)?;
    let code = counts.iter().position(|count| count == most)?;
    Some(code as f64)
}
