//! Two finished models on the rows of one file.

use model_core::artifact::Artifact;
use model_core::schema::Feature;

use super::evaluation::{EvaluationError, asks_for_the_same, formula, other_rule_column};
use super::inputs::{InputError, Source};
use crate::applications::other_missing_value;
use crate::evaluate::{Comparison, Options, compare};
use crate::report::{ReportError, comparison_html};

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
    if first.schema.target.name != second.schema.target.name
        || first.schema.target.kind != second.schema.target.kind
    {
        let describe = |artifact: &Artifact| {
            let target = &artifact.schema.target;
            format!("{} ({})", target.name, target.outcome_label(true))
        };
        return Err(EvaluationError::OtherOutcome {
            first: describe(&first),
            second: describe(&second),
        });
    }
    if !asks_for_the_same(&first.schema, &second.schema) {
        return Err(EvaluationError::OtherInputs {
            difference: difference(&first, &second),
        });
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
    let trained_on = |artifact: &Artifact| artifact.training.data_sha256 == dataset.sha256;
    let seen = (trained_on(&first) || trained_on(&second)) && job.test_rows.is_none();
    let rows = match job.test_rows {
        Some(rows) => rows.read_split(&dataset).map_err(InputError::from)?.test,
        None => (0..dataset.rows()).collect(),
    };
    Ok(compare(job.artifacts, &dataset, &rows, seen, &job.options)?)
}

/// Names the first input that only one model has, or that they read otherwise.
fn difference(first: &Artifact, second: &Artifact) -> String {
    let has = |artifact: &Artifact, name: &str| artifact.schema.inputs().any(|f| f.name == name);
    let lacks = |one: &Artifact, other: &Artifact| {
        let mut inputs = one.schema.inputs();
        let name = inputs.find(|feature| !has(other, &feature.name))?;
        Some(name.name.clone())
    };
    if let Some(name) = lacks(first, second) {
        return format!("only the first has '{name}'");
    }
    if let Some(name) = lacks(second, first) {
        return format!("only the second has '{name}'");
    }
    let mut pairs = first.schema.inputs().zip(second.schema.inputs());
    let differs = |(a, b): &(&Feature, &Feature)| {
        a.name != b.name || a.kind != b.kind || formula(a) != formula(b)
    };
    match pairs.find(differs) {
        Some((a, b)) if a.name == b.name && a.kind == b.kind => {
            format!("they derive '{}' differently, or only one does", a.name)
        }
        Some((a, b)) if a.name == b.name => format!("they read '{}' differently", a.name),
        _ => "their inputs are in another order".to_owned(),
    }
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
