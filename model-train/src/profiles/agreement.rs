//! How well profiles explain as the group behind them does.

use serde::{Deserialize, Serialize};

/// Reasons that are compared.
const REASONS: usize = 4;

/// Two explanations of the same rows, compared: one by the whole group, one by the profiles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// Rows that were compared; the weights were not fitted to them.
    pub rows: usize,
    /// Share of the rows where the input that pulled most towards decline is the same.
    pub first: f64,
    /// Mean share of the four that pulled most which both name.
    pub four_overlap: f64,
    /// Share of the rows where the four are the same, in any order.
    pub four_same: f64,
    /// Mean difference of a contribution over its mean size.
    pub relative_error: f64,
}

impl Agreement {
    /// Compares contributions: so many for each row, one row after another.
    pub(super) fn new(by_group: &[f64], by_profiles: &[f64], inputs: usize) -> Self {
        let (mut first, mut overlap, mut same) = (0, 0.0, 0);
        let rows = by_group.chunks(inputs).zip(by_profiles.chunks(inputs));
        let count = rows.len();
        for (one, other) in rows {
            let (one, other) = (lowest(one), lowest(other));
            let both = one.iter().filter(|input| other.contains(input)).count();
            first += usize::from(one.first() == other.first());
            overlap += both as f64 / one.len().max(1) as f64;
            same += usize::from(both == one.len());
        }
        let sizes: f64 = by_group.iter().map(|value| value.abs()).sum();
        let errors = by_group.iter().zip(by_profiles).map(|(a, b)| (a - b).abs());
        let share = |part: f64| part / count.max(1) as f64;
        Self {
            rows: count,
            first: share(first as f64),
            four_overlap: share(overlap),
            four_same: share(same as f64),
            relative_error: if sizes > 0.0 {
                errors.sum::<f64>() / sizes
            } else {
                0.0
            },
        }
    }
}

/// The inputs with the lowest contributions, the lowest first, at most four.
fn lowest(contributions: &[f64]) -> Vec<usize> {
    let mut inputs: Vec<usize> = (0..contributions.len()).collect();
    inputs.sort_by(|a, b| {
        contributions[*a]
            .total_cmp(&contributions[*b])
            .then(a.cmp(b))
    });
    inputs.truncate(REASONS);
    inputs
}
