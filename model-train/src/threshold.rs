//! Choosing the decision threshold: the probability from which applications are approved.
//!
//! It is chosen on calibrated out-of-fold predictions, never
//! on the test rows. Every threshold that decides those rows differently is tried, each
//! halfway between two neighbouring probabilities.

pub use model_core::details::ThresholdRule;

/// The greatest cost: reports sum squares of its products with exposures.
pub(crate) const MOST_COST: f64 = 1e15;

/// Why no threshold could be chosen.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ThresholdError {
    /// No rows, or as many answers as probabilities are not there.
    #[error("{answers} answers and {probabilities} probabilities: expected as many, at least one")]
    Rows {
        /// How many answers there are.
        answers: usize,
        /// How many probabilities.
        probabilities: usize,
    },
    /// A cost that is not above 0, or beyond 1e15.
    #[error("the cost of a {kind} is {got:?}, expected a number above 0, at most {MOST_COST:e}")]
    Cost {
        /// `false positive` or `false negative`.
        kind: &'static str,
        /// What came.
        got: f64,
    },
    /// A share that is none.
    #[error("the approval rate is {got}, expected 0 to 1")]
    ApprovalRate {
        /// What came.
        got: f64,
    },
}

/// The threshold, 0 to 1, that suits the rule best on these rows. Of equally good ones it is
/// the highest: the one that approves the fewest.
///
/// | rule | what is best |
/// |---|---|
/// | [`ThresholdRule::Half`] | 0.5, whatever the rows |
/// | [`ThresholdRule::BestF1`] | the greatest `2 tp / (2 tp + fp + fn)`, where a yes is positive |
/// | [`ThresholdRule::Cost`] | the least `fp · false_positive + fn · false_negative` |
/// | [`ThresholdRule::ApprovalRate`] | the share of rows with a yes nearest to the rate |
///
/// # Errors
/// When there are no rows, or the rule's numbers are out of range.
pub fn choose(
    rule: ThresholdRule,
    answers: &[bool],
    probabilities: &[f64],
) -> Result<f64, ThresholdError> {
    choose_weighted(rule, answers, probabilities, None)
}

/// The same where each row counts its weight, which is above 0; `None` counts every row once.
///
/// # Errors
/// As [`choose`].
pub fn choose_weighted(
    rule: ThresholdRule,
    answers: &[bool],
    probabilities: &[f64],
    weights: Option<&[f64]>,
) -> Result<f64, ThresholdError> {
    check(rule, answers, probabilities)?;
    let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
    let yes = (0..answers.len()).filter(|&row| answers[row]);
    let yes = yes.map(weight).sum::<f64>();
    let rows = weights.map_or(answers.len() as f64, |weights| weights.iter().sum());
    let penalty = |at: &Approvals| {
        let (approved, right) = (at.approved, at.right);
        let (wrong, missed) = (approved - right, yes - right);
        match rule {
            ThresholdRule::Half => (at.threshold - 0.5).abs(),
            // 0 / 0 only where nothing is approved and nothing is positive. A sum of weights may
            // be far below 1.
            ThresholdRule::BestF1 if right > 0.0 => -2.0 * right / (2.0 * right + wrong + missed),
            ThresholdRule::BestF1 => 0.0,
            ThresholdRule::Cost {
                false_positive,
                false_negative,
            } => wrong * false_positive + missed * false_negative,
            ThresholdRule::ApprovalRate(rate) => (approved / rows - rate).abs(),
        }
    };
    if rule == ThresholdRule::Half {
        return Ok(0.5);
    }
    // From the highest threshold down; the first of equals stays.
    let candidates = candidates(answers, probabilities, weights);
    let best = candidates
        .iter()
        .min_by(|a, b| penalty(a).total_cmp(&penalty(b)));
    Ok(best.map_or(0.5, |best| best.threshold))
}

fn check(
    rule: ThresholdRule,
    answers: &[bool],
    probabilities: &[f64],
) -> Result<(), ThresholdError> {
    if answers.is_empty() || answers.len() != probabilities.len() {
        return Err(ThresholdError::Rows {
            answers: answers.len(),
            probabilities: probabilities.len(),
        });
    }
    check_rule(rule)
}

/// Refuses a rule whose numbers are out of range.
pub(crate) fn check_rule(rule: ThresholdRule) -> Result<(), ThresholdError> {
    match rule {
        ThresholdRule::Half | ThresholdRule::BestF1 => Ok(()),
        ThresholdRule::Cost {
            false_positive,
            false_negative,
        } => {
            let costs = [
                ("false positive", false_positive),
                ("false negative", false_negative),
            ];
            match costs
                .into_iter()
                .find(|(_, cost)| !(*cost > 0.0 && *cost <= MOST_COST))
            {
                Some((kind, got)) => Err(ThresholdError::Cost { kind, got }),
                None => Ok(()),
            }
        }
        ThresholdRule::ApprovalRate(rate) if (0.0..=1.0).contains(&rate) => Ok(()),
        ThresholdRule::ApprovalRate(got) => Err(ThresholdError::ApprovalRate { got }),
    }
}

/// The approvals at a threshold.
struct Approvals {
    threshold: f64,
    /// The weight of the approved rows.
    approved: f64,
    /// The weight of those that are positive.
    right: f64,
}

/// Every threshold that decides the rows differently, from the highest down.
fn candidates(answers: &[bool], probabilities: &[f64], weights: Option<&[f64]>) -> Vec<Approvals> {
    let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
    let rows = probabilities.iter().copied().zip(answers.iter().copied());
    let rows = rows.enumerate();
    let mut rows: Vec<(f64, bool, f64)> =
        rows.map(|(row, (p, yes))| (p, yes, weight(row))).collect();
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut candidates = Vec::new();
    let (mut above, mut approved, mut right) = (1.0, 0.0, 0.0);
    for tie in rows.chunk_by(|a, b| a.0 == b.0) {
        let probability = tie[0].0;
        // A probability of 1 is always approved.
        if probability < above {
            candidates.push(Approvals {
                threshold: between(probability, above),
                approved,
                right,
            });
        }
        above = probability;
        approved += tie.iter().map(|row| row.2).sum::<f64>();
        right += tie.iter().filter(|row| row.1).map(|row| row.2).sum::<f64>();
    }
    candidates.push(Approvals {
        threshold: between(0.0, above),
        approved,
        right,
    });
    candidates
}

/// Halfway, but above the lower one.
fn between(lower: f64, upper: f64) -> f64 {
    let middle = lower + (upper - lower) / 2.0;
    if middle > lower { middle } else { upper }
}
