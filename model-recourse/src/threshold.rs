//! The margin from which the score approves. Link and calibration never fall, so that a search
//! may compare margins.

use model_core::artifact::Artifact;
use model_core::decide::reaches;
use model_core::policy::Outcome;

/// The probability of a margin: what the link is applied to.
pub(super) fn probability(artifact: &Artifact, margin: f64) -> f64 {
    let link = artifact.model.link();
    let score = link.apply(margin).clamp(0.0, 1.0) + 0.0;
    artifact.calibration.apply(score)
}

fn approves(artifact: &Artifact, margin: f64) -> bool {
    let probability = probability(artifact, margin);
    match &artifact.policy {
        Some(policy) => policy.score(probability, artifact.threshold) == Outcome::Approve,
        None => reaches(probability, artifact.threshold),
    }
}

/// The least margin that the score approves: infinite where it approves none, minus infinite
/// where it approves all.
pub(super) fn margin_threshold(artifact: &Artifact) -> f64 {
    // Ordered as the numbers are: two of one sign by their bits, negative ones backwards.
    let number = |key: i64| f64::from_bits((key ^ (key >> 63 & i64::MAX)) as u64);
    let key = |number: f64| {
        let bits = number.to_bits() as i64;
        bits ^ (bits >> 63 & i64::MAX)
    };
    let (mut below, mut from) = (key(f64::MIN), key(f64::MAX));
    if approves(artifact, f64::MIN) {
        return f64::NEG_INFINITY;
    }
    if !approves(artifact, f64::MAX) {
        return f64::INFINITY;
    }
    while from - 1 > below {
        let middle = (below & from) + ((below ^ from) >> 1);
        if approves(artifact, number(middle)) {
            from = middle;
        } else {
            below = middle;
        }
    }
    number(from)
}
