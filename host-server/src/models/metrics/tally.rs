//! Many answers, counted together.

use super::model::ModelMetrics;
use crate::host::Answer;
use crate::models::score::Score;

/// Answers that are counted here and added to the metrics at the end. Counters that two
/// processors write to with every row would cost more than the rest of the bookkeeping.
pub(crate) struct Tally<'a> {
    metrics: &'a ModelMetrics,
    /// In the order of [`Outcome::ALL`](crate::models::score::Outcome::ALL).
    outcomes: [u64; 3],
    /// In the order of the metrics' counters.
    rules: Vec<u64>,
    refused: u64,
    latest: Option<Score>,
    scores: Vec<f64>,
}

impl<'a> Tally<'a> {
    pub(crate) fn new(metrics: &'a ModelMetrics) -> Self {
        Self {
            metrics,
            outcomes: [0; 3],
            rules: vec![0; metrics.rules()],
            refused: 0,
            latest: None,
            scores: Vec::new(),
        }
    }

    /// A decision or a refusal.
    pub(crate) fn decided(&mut self, answer: Answer<'_>, score: Option<Score>) {
        let Some(score) = score else {
            self.refused += 1;
            return;
        };
        self.outcomes[score.outcome as usize] += 1;
        let metrics = self.metrics;
        for rule in metrics.matched(answer) {
            self.rules[rule] += 1;
        }
        self.latest = Some(score);
        self.scores.push(score.probability);
        self.metrics.adjusted(answer);
        self.metrics.reasoned(answer, score);
    }
}

impl Drop for Tally<'_> {
    fn drop(&mut self) {
        let metrics = self.metrics;
        metrics.count(self.outcomes, self.refused, self.latest);
        metrics.count_rules(&self.rules);
        metrics.observe(&self.scores);
    }
}
