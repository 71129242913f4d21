//! The population: rows without an outcome, such as applications that were declined, scored
//! beside those whose outcome is known (through the door against booked).

use model_core::decide::reaches;
use serde::{Deserialize, Serialize};

use super::interval::quantile;

/// Bands of the score, with about as many rows with an outcome in each.
const BANDS: usize = 10;
/// The least share that a band counts as having in the index, which has no value for 0.
const LEAST_SHARE: f64 = 0.0001;
/// Rows that a band is to have at least for the index's distribution to be known: the rule of the
/// chi-square test.
const FEWEST_EXPECTED: f64 = 5.0;

/// Rows without an outcome beside those with one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Population {
    /// Rows without an outcome.
    pub rows: usize,
    /// Their mean probability of the positive outcome.
    pub mean_probability: f64,
    /// That of the rows with an outcome.
    pub mean_probability_known: f64,
    /// The share of them that the threshold approves.
    pub approval_rate: f64,
    /// That of the rows with an outcome.
    pub approval_rate_known: f64,
    /// The population stability index of the score, `Σ (a − b) ln (a / b)` over the bands'
    /// shares; a share below 0.0001 counts as that (Siddiqi, *Credit Risk Scorecards*, 2006).
    pub psi: f64,
    /// What the index stays below in 95 of 100 samples of these sizes from one population:
    /// `χ²₀.₉₅(bands − 1) (1/n + 1/m)` (Yurdakul and Naranjo, "Statistical properties of the
    /// population stability index", Journal of Risk Model Validation 14, 2020). None where a band
    /// is to have fewer than five of either rows: then nothing can be read from the index.
    #[serde(default)]
    pub psi_by_chance: Option<f64>,
    /// From the lowest score to the highest.
    pub bands: Vec<PopulationBand>,
}

/// A band of the score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PopulationBand {
    /// The lowest probability, included.
    pub from: f64,
    /// The highest, excluded but in the last band.
    pub to: f64,
    /// The share of the rows with an outcome, 0 to 1.
    pub known: f64,
    /// The share of the rows without one.
    pub unknown: f64,
}

/// Compares probabilities of rows with an outcome and of rows without one; `None` where there
/// are none of either.
pub(super) fn population(known: &[f64], unknown: &[f64], threshold: f64) -> Option<Population> {
    if known.is_empty() || unknown.is_empty() {
        return None;
    }
    let mut sorted = known.to_vec();
    sorted.sort_by(f64::total_cmp);
    let inner = (1..BANDS).filter_map(|band| quantile(&sorted, band as f64 / BANDS as f64));
    let mut edges = vec![0.0];
    edges.extend(inner);
    edges.push(1.0);
    // Ties make bands of no width: they are one.
    edges.dedup();
    let last = edges.len() - 2;
    let shares = |rows: &[f64]| {
        let mut counts = vec![0usize; last + 1];
        for p in rows {
            let above = edges.partition_point(|edge| edge <= p);
            counts[above.saturating_sub(1).min(last)] += 1;
        }
        let share = |count: usize| count as f64 / rows.len() as f64;
        counts.into_iter().map(share).collect::<Vec<f64>>()
    };
    let (with, without) = (shares(known), shares(unknown));
    let psi = with.iter().zip(&without).map(|(a, b)| {
        let (a, b) = (a.max(LEAST_SHARE), b.max(LEAST_SHARE));
        (b - a) * (b / a).ln()
    });
    let fewest = known.len().min(unknown.len()) as f64;
    let is_enough = with.iter().all(|share| fewest * share >= FEWEST_EXPECTED);
    let psi_by_chance = is_enough.then(|| {
        let samples = 1.0 / known.len() as f64 + 1.0 / unknown.len() as f64;
        chi_square_95(last as f64) * samples
    });
    let mean = |rows: &[f64]| rows.iter().sum::<f64>() / rows.len() as f64;
    let approved = |rows: &[f64]| {
        let approved = rows.iter().filter(|p| reaches(**p, threshold)).count();
        approved as f64 / rows.len() as f64
    };
    let ends = edges.windows(2).map(|ends| (ends[0], ends[1]));
    let bands = ends.zip(with.iter().zip(&without));
    Some(Population {
        rows: unknown.len(),
        mean_probability: mean(unknown),
        mean_probability_known: mean(known),
        approval_rate: approved(unknown),
        approval_rate_known: approved(known),
        psi: psi.sum(),
        psi_by_chance,
        bands: bands
            .map(|((from, to), (known, unknown))| PopulationBand {
                from,
                to,
                known: *known,
                unknown: *unknown,
            })
            .collect(),
    })
}

/// The 95th percentile of the chi-square distribution, to about a hundredth (Wilson and Hilferty,
/// "The distribution of chi-square", PNAS 17, 1931).
fn chi_square_95(degrees: f64) -> f64 {
    if degrees <= 0.0 {
        return 0.0;
    }
    let part = 2.0 / (9.0 * degrees);
    degrees * (1.0 - part + 1.644_853_626_951_472_2 * part.sqrt()).powi(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worse_population_is_seen() {
        let known: Vec<f64> = (0..1000).map(|row| f64::from(row) / 1000.0).collect();
        let same = population(&known, &known, 0.5).unwrap();
        assert_eq!((same.psi, same.bands.len()), (0.0, 10));
        assert!((same.approval_rate - 0.5).abs() < 1e-12);
        let worse: Vec<f64> = known.iter().map(|p| p * p).collect();
        let worse = population(&known, &worse, 0.5).unwrap();
        assert!(worse.psi > 0.25 && worse.approval_rate < 0.3, "{worse:?}");
        let all: f64 = worse.bands.iter().map(|band| band.unknown).sum();
        assert!((all - 1.0).abs() < 1e-12);
        // Scores that are all alike are one band, and nothing is divided by 0.
        let tied = population(&[0.5; 20], &[0.2, 0.5], 0.5).unwrap();
        assert!(tied.psi.is_finite() && tied.bands.len() == 2, "{tied:?}");
        assert_eq!(population(&[], &[0.5], 0.5), None);
        // scipy: chi2.ppf(0.95, 9) is 16.919, chi2.ppf(0.95, 1) is 3.841.
        assert!((chi_square_95(9.0) - 16.919).abs() < 0.02);
        assert!((chi_square_95(1.0) - 3.841).abs() < 0.1);
        // Five rows of the same population: the index is large, and says nothing.
        let few = population(&known, &[0.15, 0.35, 0.55, 0.75, 0.95], 0.5).unwrap();
        assert!(few.psi > 0.25 && few.psi_by_chance.is_none(), "{few:?}");
        let some: Vec<f64> = known.iter().copied().step_by(10).collect();
        let some = population(&known, &some, 0.5).unwrap();
        assert!(some.psi < some.psi_by_chance.unwrap(), "{some:?}");
    }
}
