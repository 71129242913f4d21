//! The learning curve: whether more rows would help.

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

use super::bootstrap::{Draws, bootstrap};
use super::importance::Labels;
use super::interval::Interval;
use super::ranked::Ranked;
use crate::parallel::parallel;

/// Shares of the training rows, one for each point of the curve.
const SHARES: [f64; 6] = [0.02, 0.05, 0.1, 0.25, 0.5, 1.0];
/// Points with fewer rows than this are left out.
const FEWEST: usize = 40;
/// Resamples for a point's interval.
const RESAMPLES: usize = 200;

/// How parts of the rows are drawn and fitted.
#[derive(Debug, Clone, Copy)]
pub struct Draw {
    /// Random seed of the parts and of the bootstrap.
    pub seed: u64,
    /// Parts that are fitted at the same time, at least 1.
    pub jobs: usize,
}

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

/// Fits on growing parts of the training rows. Each part contains the one before, with the
/// classes in proportion to the whole. `fit` gets row numbers, ascending, and returns the
/// probabilities of the held-out rows, whose labels are `held_out`. Where those have weights, the
/// areas are weighted.
///
/// # Errors
/// The first error of `fit`.
pub fn learning_curve<E: Send>(
    target: &[bool],
    train: &[usize],
    held_out: Labels<'_>,
    draw: Draw,
    fit: impl Fn(&[usize]) -> Result<Vec<f64>, E> + Sync,
) -> Result<Vec<LearningPoint>, E> {
    let Draw { seed, jobs } = draw;
    // The largest part takes about as long as all others together: it is started first.
    let parts: Vec<Vec<usize>> = parts(target, train, seed).into_iter().rev().collect();
    let points = parallel(jobs, &parts, |rows| {
        let probabilities = fit(rows)?;
        let Labels { answers, weights } = held_out;
        let ranked = Ranked::weighted(answers, &probabilities, weights, 0.5);
        let draws = Draws {
            resamples: RESAMPLES,
            seed,
            jobs: 1,
        };
        let auc = bootstrap(&ranked, draws).estimates.swap_remove(0);
        Ok(auc.value.map(|roc_auc| LearningPoint {
            rows: rows.len(),
            roc_auc,
            interval: auc.interval,
        }))
    });
    let points = points.into_iter().rev().collect::<Result<Vec<_>, E>>()?;
    Ok(points.into_iter().flatten().collect())
}

/// Row numbers, ascending, the smallest part first.
fn parts(target: &[bool], train: &[usize], seed: u64) -> Vec<Vec<usize>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let classes = [false, true].map(|class| {
        let of_class = train.iter().copied().filter(|&row| target[row] == class);
        let mut rows: Vec<usize> = of_class.collect();
        rows.shuffle(&mut rng);
        rows
    });
    let part = |share: f64| {
        let taken = classes.each_ref().map(|rows| {
            let count = (rows.len() as f64 * share).round() as usize;
            &rows[..count]
        });
        let mut rows = taken.concat();
        rows.sort_unstable();
        let enough = taken.iter().all(|rows| rows.len() >= 2) && rows.len() >= FEWEST;
        enough.then_some(rows)
    };
    SHARES.into_iter().filter_map(part).collect()
}
