//! The result of a comparison, and its forms: JSON, HTML, Markdown and JUnit.

mod html;
mod junit;
mod markdown;
mod sentence;
mod stability;

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::bins::Distribution;
use crate::performance::Performance;
use crate::sketch::{Column, Kind, Role};

pub use html::{HtmlError, waiting_html};
pub use stability::{CHANGED, STABLE, Stability};

/// Which rules were used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// Ours.
    #[default]
    Default,
    /// Those of Evidently 0.4.33.
    Evidently,
}

/// A comparison of two batches.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Whether the batch as a whole has drifted.
    pub dataset_drift: bool,
    /// Drifted columns by all columns.
    pub share_drifted: f64,
    /// Which rules were used.
    pub preset: Preset,
    /// The method that was asked for, by its name on the command line; it replaces the test of
    /// every column that it can compare.
    pub method: Option<&'static str>,
    /// What the reference is called.
    pub reference: String,
    /// What the current batch is called.
    pub current: String,
    /// Rows of the reference.
    pub reference_rows: u64,
    /// Rows of the current batch.
    pub current_rows: u64,
    /// Whether the current batch is a sample of the reference.
    pub self_check: bool,
    /// Remarks on the comparison, for the top of a report.
    pub notes: Vec<String>,
    /// Every column of the reference: drifted first, then by effect.
    #[serde(serialize_with = "by_name")]
    pub columns: Vec<ColumnReport>,
    /// Columns that only the current batch has.
    pub new_columns: Vec<String>,
    /// Whether a classifier can tell the batches apart.
    pub classifier: Option<Classifier>,
    /// How well the model does, or would do.
    pub performance: Option<Performance>,
}

/// The domain classifier's result.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Classifier {
    /// Area under the ROC curve; 0.5 is a random classifier.
    pub auc: f64,
    /// The chance of such an area without drift.
    pub p_value: f64,
    /// The same, corrected for the number of comparisons.
    pub score: f64,
    /// Rows of each batch that it saw.
    pub rows: [usize; 2],
    /// Whether it can tell the batches apart.
    pub drift: bool,
}

/// The result for one column.
#[derive(Debug, Clone, Serialize)]
pub struct ColumnReport {
    /// Its name.
    #[serde(skip)]
    pub name: String,
    /// The method, as reports call it.
    pub method: String,
    /// A p-value (corrected for many columns in the default preset) or a distance.
    pub score: f64,
    /// The threshold of the score.
    pub threshold: f64,
    /// Whether it has drifted.
    pub drift: bool,
    /// One sentence about it.
    pub sentence: String,
    /// Whether the score is a p-value: drift when it is below the threshold.
    pub score_is_p_value: bool,
    /// The p-value before correction.
    pub p_value: Option<f64>,
    /// The test's statistic. Fisher's exact test has none, and a distance is the score itself.
    pub statistic: Option<f64>,
    /// The share of rows that moved, 0 to 1.
    pub effect_size: Option<f64>,
    /// The smallest effect that counts as drift.
    pub effect_threshold: Option<f64>,
    /// The smallest effect that this number of rows can show.
    pub least_visible: Option<f64>,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// What the column is for.
    pub role: Role,
    /// Whether the values of both batches could be compared.
    pub comparable: bool,
    /// Whether the verdict is about missing values.
    pub of_missing: bool,
    /// The current batch does not have it.
    pub lost: bool,
    /// Texts became numbers.
    pub became_numbers: bool,
    /// The reference's values by sort.
    pub reference: Counts,
    /// The current batch's values by sort.
    pub current: Counts,
    /// Categories that the reference does not have.
    pub new_categories: Vec<String>,
    /// Categories that the current batch does not have.
    pub lost_categories: Vec<String>,
    /// Means of both.
    pub means: [Option<f64>; 2],
    /// Medians of both.
    pub medians: [Option<f64>; 2],
    /// Standard deviation of the reference.
    pub deviation: Option<f64>,
    /// Distances over bins of the reference alone, by name.
    pub distances: BTreeMap<&'static str, f64>,
    /// The population stability index: the PSI of the score, the CSI of another column.
    pub stability_index: Option<f64>,
    /// Its customary band.
    pub stability: Option<Stability>,
    /// What its chart shows.
    pub distribution: Option<Distribution>,
}

/// Values of one column by sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// All.
    pub rows: u64,
    /// That could be compared.
    pub valid: u64,
    /// Absent.
    pub missing: u64,
    /// Of another type.
    pub invalid: u64,
    /// Infinite.
    pub infinite: u64,
    /// Outside the schema's range.
    pub out_of_range: u64,
    /// Not in the schema's list.
    pub unknown: u64,
}

impl From<&Column> for Counts {
    fn from(column: &Column) -> Self {
        Self {
            rows: column.rows(),
            valid: column.valid(),
            missing: column.missing,
            invalid: column.invalid,
            infinite: column.infinite,
            out_of_range: column.out_of_range,
            unknown: column.unknown(),
        }
    }
}

impl Default for ColumnReport {
    fn default() -> Self {
        Self {
            name: String::new(),
            method: String::new(),
            score: 0.0,
            threshold: 0.0,
            drift: false,
            sentence: String::new(),
            score_is_p_value: false,
            p_value: None,
            statistic: None,
            effect_size: None,
            effect_threshold: None,
            least_visible: None,
            kind: Kind::Number,
            role: Role::Input,
            comparable: false,
            of_missing: false,
            lost: false,
            became_numbers: false,
            reference: Counts::default(),
            current: Counts::default(),
            new_categories: Vec::new(),
            lost_categories: Vec::new(),
            means: [None; 2],
            medians: [None; 2],
            deviation: None,
            distances: BTreeMap::new(),
            stability_index: None,
            stability: None,
            distribution: None,
        }
    }
}

impl ColumnReport {
    /// The current batch does not have it.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    /// A batch has no value, so that neither drift nor its absence can be shown.
    #[must_use]
    pub fn is_inconclusive(&self) -> bool {
        !self.drift && (self.reference.valid == 0 || self.current.valid == 0)
    }

    /// The reference has values, the current batch has none.
    #[must_use]
    pub fn is_emptied(&self) -> bool {
        !self.lost && self.reference.valid > 0 && self.current.valid == 0
    }
}

impl Report {
    /// Writes the sentences and sorts the columns: drifted first, then by effect, the largest
    /// first.
    pub(crate) fn finish(&mut self) {
        for column in &mut self.columns {
            column.sentence = sentence::of_column(column);
            column.stability_index = column.index();
            column.stability = column.stability_index.map(Stability::new);
        }
        let size = |column: &ColumnReport| column.effect_size.unwrap_or_else(|| strength(column));
        self.columns
            .sort_by(|a, b| b.drift.cmp(&a.drift).then(size(b).total_cmp(&size(a))));
    }

    /// How many columns have drifted.
    #[must_use]
    pub fn drifted(&self) -> usize {
        self.columns.iter().filter(|column| column.drift).count()
    }

    /// One sentence about the whole.
    #[must_use]
    pub fn summary(&self) -> String {
        sentence::of_report(self)
    }

    /// What is wrong with the data itself, one sentence each.
    #[must_use]
    pub fn quality(&self) -> Vec<String> {
        sentence::quality(self)
    }
}

/// Orders distances up and p-values down.
fn strength(column: &ColumnReport) -> f64 {
    if column.score_is_p_value {
        (-column.score.max(1e-300).log10()) / 1000.0
    } else {
        column.score
    }
}

fn by_name<S: Serializer>(columns: &[ColumnReport], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(columns.iter().map(|column| (&column.name, column)))
}
