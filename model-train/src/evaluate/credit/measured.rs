//! All tables of credit risk for rows that were scored.

use model_core::artifact::Artifact;
use model_core::calibration::Calibration;
use model_core::schema::Feature;

use super::{
    CalibrationFit, CalibrationState, Credit, RarerPrecision, average_precision_of_bads,
    calibration_state_on, coefficients, cost_terms, costs, cut_off, deciles, dependences, gains,
    gini, ks, score_histogram, stakes, strategy,
};
use crate::calibrate;
use crate::dataset::Dataset;
use crate::evaluate::bootstrap::Bootstrap;
use crate::evaluate::{
    EvaluateError, Importance, Interval, Options, Ranked, independent, predict, predict_on,
};

/// Scored rows, and what was measured of them before.
pub(in crate::evaluate) struct Measured<'a> {
    /// The encoded artifact.
    pub(in crate::evaluate) artifact: &'a [u8],
    /// The same, decoded.
    pub(in crate::evaluate) decided: &'a Artifact,
    pub(in crate::evaluate) dataset: &'a Dataset,
    pub(in crate::evaluate) rows: &'a [usize],
    /// Input after input.
    pub(in crate::evaluate) columns: &'a [f64],
    pub(in crate::evaluate) answers: &'a [bool],
    /// One a row, where rows have weights.
    pub(in crate::evaluate) weights: Option<&'a [f64]>,
    pub(in crate::evaluate) ranked: &'a Ranked,
    pub(in crate::evaluate) bootstrap: &'a Bootstrap,
    pub(in crate::evaluate) importance: &'a [Importance],
}

impl Measured<'_> {
    pub(in crate::evaluate) fn tables(&self, options: &Options) -> Result<Credit, EvaluateError> {
        let ranked = self.ranked;
        let threshold = self.decided.threshold;
        let cost = match cost_terms(self.decided, options)? {
            Some(terms) => {
                let schema = &self.decided.schema;
                let stakes = stakes(terms, schema, self.dataset, self.rows)?;
                Some(costs(ranked, &stakes))
            }
            None => None,
        };
        let (cost, by_step) = cost.map_or((None, None), |(cost, steps)| (Some(cost), Some(steps)));
        let estimates = self.bootstrap.estimates.iter();
        let auc = estimates.clone().find(|figure| figure.name == "roc_auc");
        Ok(Credit {
            gini: auc.and_then(gini),
            ks: ks(ranked).map(|ks| super::Ks {
                interval: self.bootstrap.ks,
                ..ks
            }),
            average_precision_rarer: self.rarer_precision(),
            cut_off: Some(cut_off(ranked, threshold)),
            deciles: deciles(ranked),
            gains: gains(ranked),
            score_histogram: score_histogram(ranked),
            calibration_fit: Some(CalibrationFit {
                method: self.decided.calibration.word().to_owned(),
                after: calibration_state_on(ranked, options.jobs),
                before: self.before_calibration(options.jobs)?,
            }),
            strategy: strategy(ranked, threshold, by_step.as_deref()),
            cost,
            partial_dependence: self.dependences()?,
            coefficients: coefficients(self.decided, None),
        })
    }

    fn rarer_precision(&self) -> Option<RarerPrecision> {
        let steps = self.ranked.steps();
        let all = steps.last()?;
        let share = all.yes / all.all();
        let positive = share < 0.5;
        let (value, interval): (f64, Option<Interval>) = if positive {
            let mut estimates = self.bootstrap.estimates.iter();
            let own = estimates.find(|figure| figure.name == "average_precision")?;
            (own.value?, own.interval)
        } else {
            let sums = steps.iter().map(|step| (step.no, step.yes));
            let curve: Vec<(f64, f64)> = [(0.0, 0.0)].into_iter().chain(sums).collect();
            let value = average_precision_of_bads(&curve);
            (value, self.bootstrap.precision_of_bads)
        };
        Some(RarerPrecision {
            positive,
            share: if positive { share } else { 1.0 - share },
            value,
            interval,
        })
    }

    /// The same rows with the probabilities that the calibration starts from.
    fn before_calibration(&self, jobs: usize) -> Result<Option<CalibrationState>, EvaluateError> {
        if self.decided.calibration == Calibration::None {
            return Ok(None);
        }
        let artifact = calibrate::before(self.decided);
        let probabilities =
            predict_on(jobs, &artifact.encode()?, self.columns, self.answers.len())?;
        let threshold = artifact.threshold;
        let ranked = Ranked::weighted(self.answers, &probabilities, self.weights, threshold);
        Ok(Some(calibration_state_on(&ranked, jobs)))
    }

    fn dependences(&self) -> Result<Vec<super::Dependence>, EvaluateError> {
        let mut decider = independent(self.artifact)?;
        let features: Vec<&Feature> = self.decided.schema.inputs().collect();
        let names: Vec<&str> = (self.importance.iter())
            .map(|feature| feature.feature.as_str())
            .collect();
        let weights = self.weights;
        dependences(&features, self.columns, weights, &names, |columns, out| {
            predict(&mut decider, columns, out)
        })
    }
}
