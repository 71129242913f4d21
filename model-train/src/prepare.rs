//! Policies applied to a data set, with what they fill in learned from the training rows.

use model_core::preprocess::{Preprocessing, resolve};
use model_core::schema::{Feature, FeatureKind, Schema};
use model_core::value::{Reading, ValueError, read_coded};

use crate::dataset::Dataset;
use crate::derive::{self, Step};
use crate::split::Split;
use crate::values::Values;

/// Rows of a block of [`Prepared::blocks`].
pub const BLOCK_ROWS: usize = 65_536;

/// A data set that a model can be fitted on and measured with.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// For each input, in schema order, one value a row in the model's terms. None is
    /// missing or out of range.
    pub columns: Vec<Values>,
    /// For each row whether the answer is yes.
    pub target: Vec<bool>,
    /// How much each row counts, finite and above 0; `None` where all count the same.
    pub weights: Option<Vec<f64>>,
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
        Self::with_imputed(dataset, schema, split, &[])
    }

    /// The same, where what is filled in is known for some inputs: `given` has an entry for
    /// each, or none at all.
    ///
    /// # Errors
    /// As [`Prepared::new`].
    pub fn with_imputed(
        dataset: Dataset,
        schema: &Schema,
        split: Split,
        given: &[Option<f64>],
    ) -> Result<Self, PrepareError> {
        let inputs: Vec<&Feature> = schema.inputs().collect();
        let steps = derive::steps(schema);
        let mut filling = Filling {
            file: dataset.name().to_owned(),
            columns: vec![Values::default(); inputs.len()],
            missing: vec![Vec::new(); inputs.len()],
            imputed: vec![0.0; inputs.len()],
            train: &split.train,
            given,
        };
        for (input, feature) in inputs.iter().enumerate() {
            if feature.derived.is_none() {
                filling.fill(input, feature, &dataset.columns[input])?;
                if steps.iter().any(|step| step.needs(input)) {
                    let given = dataset.columns[input].iter();
                    filling.missing[input] = given.map(|value| value.is_nan()).collect();
                }
            }
        }
        for step in &steps {
            filling.derive(step, &dataset.columns[step.input])?;
        }
        let (columns, imputed) = (filling.columns, filling.imputed);
        Ok(Self {
            columns,
            target: dataset.target,
            weights: dataset.sample.weights,
            split,
            preprocessing: Preprocessing { imputed },
        })
    }

    /// The weights of some rows; `None` where all count the same.
    #[must_use]
    pub fn weights_of(&self, rows: &[usize]) -> Option<Vec<f64>> {
        let weights = self.weights.as_ref()?;
        Some(rows.iter().map(|&row| weights[row]).collect())
    }

    /// Whether the answers of some rows are yes.
    #[must_use]
    pub fn answers_of(&self, rows: &[usize]) -> Vec<bool> {
        rows.iter().map(|&row| self.target[row]).collect()
    }

    /// Some rows in blocks of [`BLOCK_ROWS`], the last one shorter: the columns of a block one
    /// after the other, as a predictor takes them. All rows at once would take eight bytes a
    /// value.
    pub fn blocks<'a>(&'a self, rows: &'a [usize]) -> impl Iterator<Item = Vec<f64>> + 'a {
        rows.chunks(BLOCK_ROWS).map(|rows| {
            let columns = self.columns.iter();
            let values = columns.flat_map(|column| rows.iter().map(|&row| column[row]));
            values.collect()
        })
    }
}

/// Columns that are filled in, one after the other.
struct Filling<'a> {
    file: String,
    /// In schema order, empty until its turn.
    columns: Vec<Values>,
    /// Of which values nobody gave them.
    missing: Vec<Vec<bool>>,
    imputed: Vec<f64>,
    train: &'a [usize],
    /// What is known for each input, in schema order.
    given: &'a [Option<f64>],
}

impl Filling<'_> {
    /// Fills in a column that came from the file.
    fn fill(
        &mut self,
        input: usize,
        feature: &Feature,
        given: &Values,
    ) -> Result<(), PrepareError> {
        let typical = self.typical(input, feature, given)?;
        let filled = given.try_map(|value| {
            let reading = read_coded(feature, value)?;
            Ok(resolve(feature, reading, typical)?.value)
        });
        self.columns[input] = filled.map_err(|(row, error)| self.refused(feature, row, error))?;
        self.imputed[input] = typical;
        Ok(())
    }

    /// Computes a derived column from those that it needs.
    fn derive(&mut self, step: &Step, given: &Values) -> Result<(), PrepareError> {
        let column = derive::Column::new(step, &self.columns, &self.missing, given);
        let typical = self.typical(step.input, &step.feature, &column.counting())?;
        let (mut values, mut missing) = (Values::default(), Vec::new());
        for row in 0..given.len() {
            let (value, is_missing) = (column.resolve(row, typical))
                .map_err(|error| self.refused(&step.feature, row, error))?;
            values.push(value);
            missing.push(is_missing);
        }
        self.columns[step.input] = values;
        self.missing[step.input] = missing;
        self.imputed[step.input] = typical;
        Ok(())
    }

    fn typical(
        &self,
        input: usize,
        feature: &Feature,
        values: &Values,
    ) -> Result<f64, PrepareError> {
        if let Some(given) = self.given.get(input).copied().flatten() {
            return Ok(given);
        }
        typical(feature, self.train, values).ok_or_else(|| PrepareError::NoValues {
            file: self.file.clone(),
            column: feature.name.clone(),
        })
    }

    fn refused(&self, feature: &Feature, row: usize, error: ValueError) -> PrepareError {
        PrepareError::Refused {
            file: self.file.clone(),
            column: feature.name.clone(),
            row,
            message: error.message,
        }
    }
}

/// The median of a number (the lower of two middle ones), the most frequent of a boolean or
/// category (the first of equals), over the given rows that have a usable value.
fn typical(feature: &Feature, rows: &[usize], values: &Values) -> Option<f64> {
    let mut counted = values.counted(rows, rows.len());
    counted.retain(|(value, _)| match read_coded(feature, *value) {
        Ok(Reading::Is(value)) => feature.range().is_none_or(|range| range.contains(value)),
        _ => false,
    });
    match &feature.kind {
        FeatureKind::Number(_) | FeatureKind::Integer(_) => lower_median(&counted),
        FeatureKind::Boolean | FeatureKind::Category(_) => most_frequent(&counted),
    }
}

/// Of numbers with how often they come, ascending.
fn lower_median(counted: &[(f64, u32)]) -> Option<f64> {
    let rows: u64 = counted.iter().map(|(_, count)| u64::from(*count)).sum();
    let middle = rows.checked_sub(1)? / 2;
    let mut seen = 0;
    let reaches = |&&(_, count): &&(f64, u32)| {
        seen += u64::from(count);
        seen > middle
    };
    counted.iter().find(reaches).map(|(value, _)| *value)
}

fn most_frequent(counted: &[(f64, u32)]) -> Option<f64> {
    let most = counted.iter().map(|(_, count)| *count).max()?;
    let first = counted.iter().find(|(_, count)| *count == most);
    first.map(|(value, _)| *value)
}
