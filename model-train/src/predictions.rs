//! Predictions row by row, as a CSV: out-of-fold ones of the training rows and those of the
//! test rows, to compute any figure from.

use std::io::{self, Write};

use model_core::decide::reaches;
use model_core::schema::Target;
use model_core::value::number_text;

/// Which model predicted a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A model that was fitted without this fold, counted from 1; its probabilities went
    /// through the finished model's calibration.
    Fold(usize),
    /// The finished model, which has not seen the row.
    Test,
    /// The finished model, in an evaluation of other rows.
    Evaluation,
}

/// What was predicted for a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// The row of the data; the first is 0.
    pub row: usize,
    /// Who predicted it.
    pub part: Part,
    /// Whether the outcome is the positive one.
    pub outcome: bool,
    /// The probability of the positive outcome, 0 to 1.
    pub probability: f64,
}

/// Writes a header and a line for each prediction: `row` counts the rows of the data from 0,
/// `part` is `fold 1`, `test` or `evaluation`, `outcome` has the outcome's name,
/// `probability` is that of the positive outcome, and `decision` the model's own by `threshold`,
/// without lending rules.
///
/// # Errors
/// When nothing can be written.
///
/// # Example
/// ```
/// use model_core::schema::Schema;
/// use model_train::predictions::{Part, Prediction, write};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let schema = Schema::from_toml("name = \"m\"\nversion = \"1\"\n[[feature]]\nname = \"x\"\ntype = \"number\"\n[[feature]]\nname = \"default\"\ntype = \"boolean\"\nrole = \"target\"\npositive = false")?;
/// let row = Prediction { row: 7, part: Part::Fold(1), outcome: true, probability: 0.25 };
/// let mut csv = Vec::new();
/// write(&[row], &schema.target, 0.5, &mut csv)?;
/// let line = "7,fold 1,default = false,0.25,Rejected\n";
/// assert_eq!(String::from_utf8(csv)?, format!("row,part,outcome,probability,decision\n{line}"));
/// # Ok(())
/// # }
/// ```
pub fn write(
    predictions: &[Prediction],
    target: &Target,
    threshold: f64,
    out: &mut impl Write,
) -> io::Result<()> {
    let outcomes = [false, true].map(|positive| quoted(&target.outcome_label(positive)));
    let decisions = [false, true].map(|approve| quoted(target.decision_label(approve)));
    writeln!(out, "row,part,outcome,probability,decision")?;
    for prediction in predictions {
        let part = match prediction.part {
            Part::Fold(fold) => format!("fold {fold}"),
            Part::Test => "test".to_owned(),
            Part::Evaluation => "evaluation".to_owned(),
        };
        let approve = reaches(prediction.probability, threshold);
        writeln!(
            out,
            "{},{part},{},{},{}",
            prediction.row,
            outcomes[usize::from(prediction.outcome)],
            number_text(prediction.probability),
            decisions[usize::from(approve)]
        )?;
    }
    Ok(())
}

/// A cell, between quotes where it has to be.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
