//! Two models side by side, on the same rows.

mod delong;
mod paired;
mod swap_set;

pub use delong::{Delong, delong};
pub use swap_set::{Decisions, SwapCell, SwapSet, swap_set};

use model_core::artifact::digest;
use serde::{Deserialize, Serialize};

use super::credit::{
    CalibrationState, Cost, CutOff, Decile, GainsPoint, Stakes, StrategyPoint, calibration_state,
    cost_terms, costs, cut_off, deciles, gains, stakes, strategy,
};
use super::reasons::{Stability, agreement};
use super::{
    Estimate, EvaluateError, Options, Ranked, RocPoint, Rows, Subject, lenient, predict, roc,
    subject, taken,
};
use crate::dataset::Dataset;

/// Two models on the same rows. Differences are the second less the first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Measured on what; rows that either model was trained on count as seen.
    pub data: Rows,
    /// How it was measured.
    pub options: Options,
    /// The first model and the second.
    pub models: [Compared; 2],
    /// Each figure's difference, with the interval of a paired bootstrap: both models are
    /// measured on the same resamples.
    pub differences: Vec<Difference>,
    /// DeLong's test of the areas under the ROC curves.
    pub delong: Option<Delong>,
    /// Who would be decided otherwise.
    pub swap_set: SwapSet,
    /// Which reasons they share, of those whom neither approves; none where one gives none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasons: Option<Stability>,
}

/// One of the models.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// Which model.
    pub model: Subject,
    /// Gini, KS and each of [`super::FIGURES`], with 95% intervals.
    pub metrics: Vec<Estimate>,
    /// Its approvals at its own threshold.
    pub cut_off: CutOff,
    /// Its gains table.
    pub deciles: Vec<Decile>,
    /// Its gains curves.
    pub gains: Vec<GainsPoint>,
    /// Its ROC curve.
    pub roc: Vec<RocPoint>,
    /// Its approval rates against bad rates.
    pub strategy: Vec<StrategyPoint>,
    /// Its calibration.
    pub calibration: CalibrationState,
    /// What it costs; none where no cost is known.
    pub cost: Option<Cost>,
}

/// A figure of both models.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// `gini`, `ks` or one of [`super::FIGURES`].
    pub name: String,
    /// The second model's less the first's; none where one is not defined.
    pub value: Option<f64>,
    /// The 95% interval of the paired bootstrap.
    pub interval: Option<super::Interval>,
}

/// A model's scores of the rows.
struct ScoredBy {
    subject: Subject,
    probabilities: Vec<f64>,
    ranked: Ranked,
    stakes: Option<Stakes>,
}

/// Measures two encoded artifacts of the same inputs and target on the same rows of a data set.
/// There are costs where `options` names one, or both thresholds were chosen by the same.
///
/// # Errors
/// When an artifact cannot be loaded, the columns do not fit, or there is only one class.
pub fn compare(
    artifacts: [&[u8]; 2],
    dataset: &Dataset,
    rows: &[usize],
    seen: bool,
    options: &Options,
) -> Result<Comparison, EvaluateError> {
    let answers: Vec<bool> = rows.iter().map(|&row| dataset.target[row]).collect();
    let positive = answers.iter().filter(|yes| **yes).count();
    if positive == 0 || positive == answers.len() {
        return Err(EvaluateError::OneClass);
    }
    let columns = taken(&dataset.columns, rows);
    let score = |artifact: &[u8]| -> Result<ScoredBy, EvaluateError> {
        let mut decider = lenient(artifact)?;
        let mut probabilities = vec![0.0; rows.len()];
        predict(&mut decider, &columns, &mut probabilities)?;
        let own = decider.artifact();
        let stakes = cost_terms(own, options)?
            .map(|terms| stakes(terms, &own.schema, dataset, rows))
            .transpose()?;
        Ok(ScoredBy {
            subject: subject(own, digest(artifact)?)?,
            ranked: Ranked::new(&answers, &probabilities, own.threshold),
            probabilities,
            stakes,
        })
    };
    let [first, second] = [score(artifacts[0])?, score(artifacts[1])?];
    let paired = paired::bootstrap([&first.ranked, &second.ranked], options);
    let terms = |model: &ScoredBy| model.stakes.as_ref().map(|stakes| stakes.terms.clone());
    let same_cost = terms(&first) == terms(&second);
    let delong = delong(&answers, &first.probabilities, &second.probabilities);
    let swap_set = swap_set(&answers, first.decisions(), second.decisions());
    let [mut one, mut other] = [lenient(artifacts[0])?, lenient(artifacts[1])?];
    let reasons = agreement(&mut one, &mut other, dataset, rows);
    let [of_first, of_second] = paired.models;
    Ok(Comparison {
        data: Rows {
            file: dataset.name().to_owned(),
            sha256: dataset.sha256.clone(),
            rows: rows.len(),
            positive,
            seen_in_training: seen,
            weighted: dataset.sample.weights.is_some(),
        },
        options: options.clone(),
        models: [
            first.compared(of_first, &answers, same_cost),
            second.compared(of_second, &answers, same_cost),
        ],
        differences: paired.differences,
        delong,
        swap_set,
        reasons,
    })
}

impl Compared {
    /// A figure by its name.
    #[must_use]
    pub fn metric(&self, name: &str) -> Option<&Estimate> {
        self.metrics.iter().find(|metric| metric.name == name)
    }
}

impl ScoredBy {
    fn decisions(&self) -> Decisions<'_> {
        Decisions {
            probabilities: &self.probabilities,
            threshold: self.subject.threshold,
        }
    }

    fn compared(self, metrics: Vec<Estimate>, answers: &[bool], with_cost: bool) -> Compared {
        let threshold = self.subject.threshold;
        let stakes = self.stakes.as_ref().filter(|_| with_cost);
        let cost = stakes.map(|stakes| costs(answers, &self.probabilities, threshold, stakes));
        let (cost, by_step) = cost.map_or((None, None), |(cost, steps)| (Some(cost), Some(steps)));
        Compared {
            metrics,
            cut_off: cut_off(&self.ranked.confusion(), threshold),
            deciles: deciles(answers, &self.probabilities),
            gains: gains(answers, &self.probabilities),
            roc: roc(&self.ranked),
            strategy: strategy(&self.ranked, threshold, by_step.as_deref()),
            calibration: calibration_state(answers, &self.probabilities),
            cost,
            model: self.subject,
        }
    }
}
