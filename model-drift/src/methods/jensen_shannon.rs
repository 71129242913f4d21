//! Jensen-Shannon distance: `sqrt((KL(p‖m) + KL(q‖m)) / 2)` with `m = (p + q) / 2`, natural
//! logarithm; 0 to `sqrt(ln 2)` = 0.8326.
//!
//! Source: J. Lin, "Divergence measures based on the Shannon entropy", IEEE Transactions on
//! Information Theory 37(1), 1991; that the root is a metric: D. M. Endres and J. E.
//! Schindelin, IEEE Transactions on Information Theory 49(7), 2003.

use super::kullback_leibler::{normalised, relative_entropy};

/// The distance between two lists of shares, which are normed first.
#[must_use]
pub fn distance(p: &[f64], q: &[f64]) -> f64 {
    let (p, q) = (normalised(p), normalised(q));
    let mut sum = 0.0;
    for (p, q) in p.iter().zip(&q) {
        let middle = (p + q) / 2.0;
        sum += relative_entropy(*p, middle) + relative_entropy(*q, middle);
    }
    (sum / 2.0).max(0.0).sqrt()
}
