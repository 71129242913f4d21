//! Two finished models on the rows of one file.

use model_core::artifact::Artifact;

use super::differences::{other_inputs, other_weights, same_target};
use super::evaluation::{EvaluationError, other_rule_column};
use super::inputs::{InputError, Source};
use crate::applications::other_missing_value;
use crate::evaluate::{Comparison, Options, compare};
use crate::report::{ReportError, comparison_html};

/// What errors call the two models.
const NAMES: [&str; 2] = ["the first", "the second"];

/// Which models to compare, on what.
pub struct ComparisonJob<'a> {
    /// The encoded artifacts: differences are the second's figures less the first's.
    pub artifacts: [&'a [u8]; 2],
    /// Rows with known outcomes, with a header.
    pub data: Source<'a>,
    /// A CSV with the one column `row`: the rows to measure on; `None` measures on all.
    pub test_rows: Option<Source<'a>>,
    /// How to measure.
    pub options: Options,
}

/// Measures both models on the same rows. `progress` is called with the number of bytes read.
///
/// # Errors
/// When a model cannot be loaded, the models ask for different inputs or outcomes, or the rows
/// cannot be read or do not suit them.
pub fn compare_file(
    job: ComparisonJob<'_>,
    progress: impl FnMut(u64),
) -> Result<Comparison, EvaluationError> {
    let [first, second] = job.artifacts;
    let [first, second] = [Artifact::decode(first)?, Artifact::decode(second)?];
    if !same_target(&first.schema, &second.schema) {
        let describe = |artifact: &Artifact| {
            let target = &artifact.schema.target;
            format!("{} ({})", target.name, target.outcome_label(true))
        };
        return Err(EvaluationError::OtherOutcome {
            first: describe(&first),
            second: describe(&second),
        });
    }
    if let Some(difference) = other_inputs(&first.schema, &second.schema, NAMES) {
        return Err(EvaluationError::OtherInputs { difference });
    }
    if let Some(value) = other_missing_value(&first.schema, &second.schema) {
        return Err(EvaluationError::OtherMissingValues { value });
    }
    if let Some(other) = other_rule_column(&first.schema, &second) {
        let (rule, column, found) = (other.rule, other.column, other.found);
        return Err(EvaluationError::OtherRule {
            rule,
            column,
            found,
        });
    }
    let dataset = job
        .data
        .read_dataset(&first.schema, progress)
        .map_err(InputError::from)?;
    if let Some(difference) = other_weights(&first.schema, &second.schema, &dataset, NAMES) {
        return Err(EvaluationError::OtherWeights { difference });
    }
    let trained_on = |artifact: &Artifact| artifact.training.data_sha256 == dataset.sha256;
    let seen = (trained_on(&first) || trained_on(&second)) && job.test_rows.is_none();
    let rows = match job.test_rows {
        Some(rows) => rows.read_split(&dataset).map_err(InputError::from)?.test,
        None => (0..dataset.rows()).collect(),
    };
    Ok(compare(job.artifacts, &dataset, &rows, seen, &job.options)?)
}

/// A comparison in the forms that people and programs read.
#[derive(Debug, Clone)]
pub struct ComparisonReports {
    /// One self-contained HTML page.
    pub html: String,
    /// Everything in the page, as JSON.
    pub json: Vec<u8>,
}

impl ComparisonReports {
    /// Writes a comparison down.
    ///
    /// # Errors
    /// When a chart or the page cannot be drawn.
    pub fn new(comparison: &Comparison) -> Result<Self, ReportError> {
        let json = serde_json::to_vec_pretty(comparison);
        let mut json = json.map_err(|error| ReportError::Page(error.to_string()))?;
        json.push(b'\n');
        Ok(Self {
            html: comparison_html(comparison)?,
            json,
        })
    }
}
