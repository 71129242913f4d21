//! Whether more rows would help.

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

use super::bootstrap::bootstrap;
use super::interval::Interval;
use super::ranked::Ranked;

/// Shares of the training rows that are tried.
const SHARES: [f64; 6] = [0.02, 0.05, 0.1, 0.25, 0.5, 1.0];
/// Fewer rows than this are not tried.
const FEWEST: usize = 40;
/// Resamples for a point's interval.
const RESAMPLES: usize = 200;

/// A model that was fitted on a part of the training rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LearningPoint {
    /// Rows it was fitted on.
    pub rows: usize,
    /// The area under the ROC curve, on the rows that are held out.
    pub roc_auc: f64,
    /// Its 95% interval by the bootstrap of the rows that are held out.
    pub interval: Option<Interval>,
}

/// Fits on growing parts of the training rows: each holds the one before, and as many of
/// each class as the whole in proportion. `fit` gets row numbers, ascending, and answers
/// with the probabilities of the rows whose answers are `held_out`.
///
/// # Errors
/// What `fit` answers.
pub fn learning_curve<E>(
    target: &[bool],
    train: &[usize],
    held_out: &[bool],
    seed: u64,
    mut fit: impl FnMut(&[usize]) -> Result<Vec<f64>, E>,
) -> Result<Vec<LearningPoint>, E> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let classes = [false, true].map(|class| {
        let mut rows: Vec<usize> = train
            .iter()
            .copied()
            .filter(|&row| target[row] == class)
            .collect();
        rows.shuffle(&mut rng);
        rows
    });
    let mut points = Vec::new();
    for share in SHARES {
        let taken = |rows: &Vec<usize>| (rows.len() as f64 * share).round() as usize;
        if classes.iter().any(|rows| taken(rows) < 2) {
            continue;
        }
        let mut rows: Vec<usize> = classes
            .iter()
            .flat_map(|rows| rows[..taken(rows)].iter().copied())
            .collect();
        if rows.len() < FEWEST {
            continue;
        }
        rows.sort_unstable();
        let probabilities = fit(&rows)?;
        let ranked = Ranked::new(held_out, &probabilities, 0.5);
        let auc = bootstrap(&ranked, RESAMPLES, seed).estimates.swap_remove(0);
        if let Some(roc_auc) = auc.value {
            points.push(LearningPoint {
                rows: rows.len(),
                roc_auc,
                interval: auc.interval,
            });
        }
    }
    Ok(points)
}
