//! Many answers, counted together.

use super::model::ModelMetrics;
use crate::host::Answer;
use crate::models::score::Score;

/// Answers that are counted here and added to the metrics at the end. Counters that two
/// processors write to with every row would cost more than the rest of the bookkeeping.
pub(crate) struct Tally<'a> {
    metrics: &'a ModelMetrics,
    positive: u64,
    negative: u64,
    refused: u64,
    latest: Option<Score>,
    scores: Vec<f64>,
}

impl<'a> Tally<'a> {
    pub(crate) fn new(metrics: &'a ModelMetrics) -> Self {
        Self {
            metrics,
            positive: 0,
            negative: 0,
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
        self.positive += u64::from(score.positive);
        self.negative += u64::from(!score.positive);
        self.latest = Some(score);
        self.scores.push(score.probability);
        self.metrics.adjusted(answer);
    }
}

impl Drop for Tally<'_> {
    fn drop(&mut self) {
        let metrics = self.metrics;
        metrics.count(self.positive, self.negative, self.refused, self.latest);
        metrics.observe(&self.scores);
    }
}
