//! Two models side by side, on the same rows.

mod delong;
mod paired;
mod swap_set;

pub use delong::{Delong, delong};
pub use swap_set::{Decisions, SwapCell, SwapSet, swap_set};

use model_core::artifact::digest;
use serde::{Deserialize, Serialize};

use super::credit::{
    CalibrationState, Cost, CutOff, Decile, Figure, GainsPoint, Stakes, StrategyPoint,
    calibration_state_on, cost_terms, costs, cut_off, deciles, gains, stakes, strategy,
};
use super::interval::{Interval, Z};
use super::stability::{Stability, agreement};
use super::{
    Estimate, EvaluateError, Options, Ranked, RocPoint, Rows, Subject, lenient, predict_on, roc,
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
    /// What the second model's decisions cost more than the first's; none where no cost is known
    /// for both.
    #[serde(default)]
    pub cost: Option<Figure>,
    /// DeLong's test of the areas under the ROC curves; none where rows have weights, which it
    /// does not know.
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
    pub interval: Option<Interval>,
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
    let weights = dataset.sample.weights_of(rows);
    let score = |artifact: &[u8]| -> Result<ScoredBy, EvaluateError> {
        let lenient = lenient(artifact)?;
        let probabilities = predict_on(options.jobs, &lenient.encode()?, &columns, rows.len())?;
        let own = &lenient;
        let stakes = cost_terms(own, options)?
            .map(|terms| stakes(terms, &own.schema, dataset, rows))
            .transpose()?;
        Ok(ScoredBy {
            subject: subject(own, digest(artifact)?)?,
            ranked: Ranked::weighted(&answers, &probabilities, weights.as_deref(), own.threshold),
            probabilities,
            stakes,
        })
    };
    let [first, second] = [score(artifacts[0])?, score(artifacts[1])?];
    let paired = paired::bootstrap([&first.ranked, &second.ranked], options);
    let terms = |model: &ScoredBy| model.stakes.as_ref().map(|stakes| stakes.terms.clone());
    let same_cost = terms(&first) == terms(&second);
    // The test knows no weights.
    let delong = if weights.is_none() {
        delong(&answers, &first.probabilities, &second.probabilities)
    } else {
        None
    };
    let weights = weights.as_deref();
    let swap_set = swap_set(&answers, weights, first.decisions(), second.decisions());
    let cost = same_cost
        .then(|| cost_difference(&first, &second))
        .flatten();
    let reasons = agreement(artifacts, dataset, rows, options)?;
    let [of_first, of_second] = paired.models;
    Ok(Comparison {
        data: Rows {
            file: dataset.name().to_owned(),
            sha256: dataset.sha256.clone(),
            rows: rows.len(),
            positive,
            seen_in_training: seen,
            weighted: dataset.sample.weights.is_some(),
            without_outcome: dataset.without_outcome.rows.len(),
        },
        options: options.clone(),
        models: [
            first.compared(of_first, same_cost, options.jobs),
            second.compared(of_second, same_cost, options.jobs),
        ],
        differences: paired.differences,
        cost,
        delong,
        swap_set,
        reasons,
    })
}

/// The sum over the rows of what the second decision costs more than the first; the interval is
/// `S ± 1.96 √n s` with the sample standard deviation `s` of the rows' differences.
fn cost_difference(first: &ScoredBy, second: &ScoredBy) -> Option<Figure> {
    let [of_first, of_second] = [first, second].map(|model| {
        let stakes = model.stakes.as_ref()?;
        let mut costs = vec![0.0; model.ranked.len()];
        for (rank, row) in model.ranked.rows().enumerate() {
            let approved = rank < model.ranked.approved();
            if approved != row.answer {
                costs[row.index] = row.weight * stakes.of_error[row.index];
            }
        }
        Some(costs)
    });
    let differences = of_first?.into_iter().zip(of_second?).map(|(a, b)| b - a);
    let differences: Vec<f64> = differences.collect();
    let rows = differences.len() as f64;
    let sum: f64 = differences.iter().sum();
    let square: f64 = (differences.iter())
        .map(|difference| (difference - sum / rows).powi(2))
        .sum();
    let half = Z * (rows * square / (rows - 1.0).max(1.0)).sqrt();
    Some(Figure {
        value: sum,
        interval: Some(Interval {
            low: sum - half,
            high: sum + half,
        }),
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

    fn compared(self, metrics: Vec<Estimate>, with_cost: bool, jobs: usize) -> Compared {
        let (ranked, threshold) = (&self.ranked, self.subject.threshold);
        let stakes = self.stakes.as_ref().filter(|_| with_cost);
        let cost = stakes.map(|stakes| costs(ranked, stakes));
        let (cost, by_step) = cost.map_or((None, None), |(cost, steps)| (Some(cost), Some(steps)));
        Compared {
            metrics,
            cut_off: cut_off(ranked, threshold),
            deciles: deciles(ranked),
            gains: gains(ranked),
            roc: roc(ranked),
            strategy: strategy(ranked, threshold, by_step.as_deref()),
            calibration: calibration_state_on(ranked, jobs),
            cost,
            model: self.subject,
        }
    }
}
