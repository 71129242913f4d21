//! The groups that a feature cuts rows into.

use model_core::schema::{Feature, FeatureKind};

use crate::values::Values;

/// Numbers are cut at these quantiles of the rows.
const CUTS: [f64; 3] = [0.25, 0.5, 0.75];

/// The groups of a feature.
pub(super) struct Parts {
    /// What they are called; some may be empty.
    pub(super) names: Vec<String>,
    /// The group of each row, by its index in `names`; beyond them for a value in no group.
    pub(super) of_row: Vec<u16>,
}

impl Parts {
    /// The groups of some rows of a column: each category, yes and no, or the ranges between
    /// the quartiles, and those that miss the value.
    pub(super) fn new(feature: &Feature, column: &Values, rows: &[usize]) -> Self {
        match &feature.kind {
            FeatureKind::Boolean => {
                let names = ["yes", "no", "missing"].map(str::to_owned).into();
                Self::with_codes(names, column, rows, |value| match value {
                    1.0 => 0,
                    0.0 => 1,
                    value if value.is_nan() => 2,
                    _ => 3,
                })
            }
            FeatureKind::Category(categories) => {
                let listed = categories.labels.len();
                let names = categories.labels.iter().cloned();
                let others = ["not in the list", "missing"].map(str::to_owned);
                let names = names.chain(others).collect();
                Self::with_codes(names, column, rows, |value| match value {
                    value if value.is_nan() => listed + 1,
                    value if value < 0.0 => listed,
                    value if (value as usize) < listed => value as usize,
                    _ => listed + 2,
                })
            }
            FeatureKind::Number(_) | FeatureKind::Integer(_) => {
                let ranges = ranges(&column.counted(rows, usize::MAX));
                let names = ranges.iter().map(|range| range.0.clone());
                let names = names.chain(["missing".to_owned()]).collect();
                Self::with_codes(names, column, rows, |value| {
                    if value.is_nan() {
                        return ranges.len();
                    }
                    let range = ranges.partition_point(|(_, high)| *high < value);
                    // Beyond the last range comes what is missing.
                    range + usize::from(range == ranges.len())
                })
            }
        }
    }

    fn with_codes(
        names: Vec<String>,
        column: &Values,
        rows: &[usize],
        code: impl Fn(f64) -> usize,
    ) -> Self {
        let code = |value: f64| u16::try_from(code(value)).unwrap_or(u16::MAX);
        let of_row = column.map_rows(rows, |value| code(value).min(names.len() as u16));
        Self { names, of_row }
    }

    /// Something of each group, and of the rows in none: `add` adds a row to its group's.
    pub(super) fn tallied<T: Clone + Default>(&self, mut add: impl FnMut(&mut T, usize)) -> Vec<T> {
        let mut tallies = vec![T::default(); self.names.len() + 1];
        for (row, group) in self.of_row.iter().enumerate() {
            add(&mut tallies[usize::from(*group)], row);
        }
        tallies
    }
}

/// Names and upper limits of the ranges between the quartiles, each above the one before.
/// Quartiles that are equal make fewer ranges. The numbers are ascending and counted.
fn ranges(counted: &[(f64, u32)]) -> Vec<(String, f64)> {
    let finite = |counted: &&(f64, u32)| counted.0.is_finite();
    let counted: Vec<(f64, u32)> = counted.iter().filter(finite).copied().collect();
    let (Some(&(lowest, _)), Some(&(highest, _))) = (counted.first(), counted.last()) else {
        return Vec::new();
    };
    let mut cuts: Vec<f64> = CUTS
        .iter()
        .map(|share| quantile(&counted, *share))
        .filter(|cut| *cut < highest)
        .collect();
    cuts.dedup();
    let short = model_report::number::short;
    let mut low = None;
    let mut ranges = Vec::new();
    for cut in cuts.into_iter().chain([highest]) {
        let name = match low {
            None => format!("{} to {}", short(lowest), short(cut)),
            Some(low) => format!("above {} to {}", short(low), short(cut)),
        };
        ranges.push((name, cut));
        low = Some(cut);
    }
    ranges
}

/// As [`super::quantile`], of numbers that are counted; there is at least one.
fn quantile(counted: &[(f64, u32)], share: f64) -> f64 {
    let rows: usize = counted.iter().map(|(_, count)| *count as usize).sum();
    let at = |place: usize| {
        let mut before = 0;
        let holds = |(_, count): &&(f64, u32)| {
            before += *count as usize;
            place < before
        };
        counted.iter().find(holds).map_or(f64::NAN, |found| found.0)
    };
    let last = rows - 1;
    let position = last as f64 * share;
    let below = position.floor() as usize;
    let part = position - below as f64;
    model_report::span::between(at(below), at((below + 1).min(last)), part)
}
