//! All tables of credit risk for rows that were scored.

use model_core::artifact::Artifact;
use model_core::calibration::Calibration;
use model_core::schema::Feature;

use super::{
    CalibrationFit, CalibrationState, Credit, RarerPrecision, average_precision_of_bads,
    calibration_state, coefficients, cost_terms, costs, cut_off, deciles, dependences, gains, gini,
    ks, score_histogram, stakes, strategy,
};
use crate::dataset::Dataset;
use crate::evaluate::bootstrap::Bootstrap;
use crate::evaluate::{
    Decider, EvaluateError, Importance, Interval, Options, Ranked, independent, predict,
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
    pub(in crate::evaluate) probabilities: &'a [f64],
    pub(in crate::evaluate) ranked: &'a Ranked,
    pub(in crate::evaluate) bootstrap: &'a Bootstrap,
    pub(in crate::evaluate) importance: &'a [Importance],
}

impl Measured<'_> {
    pub(in crate::evaluate) fn tables(&self, options: &Options) -> Result<Credit, EvaluateError> {
        let (answers, probabilities) = (self.answers, self.probabilities);
        let threshold = self.decided.threshold;
        let cost = match cost_terms(self.decided, options)? {
            Some(terms) => {
                let schema = &self.decided.schema;
                let stakes = stakes(terms, schema, self.dataset, self.rows)?;
                Some(costs(answers, probabilities, threshold, &stakes))
            }
            None => None,
        };
        let (cost, by_step) = cost.map_or((None, None), |(cost, steps)| (Some(cost), Some(steps)));
        let estimates = self.bootstrap.estimates.iter();
        let auc = estimates.clone().find(|figure| figure.name == "roc_auc");
        Ok(Credit {
            gini: auc.and_then(gini),
            ks: ks(self.ranked).map(|ks| super::Ks {
                interval: self.bootstrap.ks,
                ..ks
            }),
            average_precision_rarer: self.rarer_precision(),
            cut_off: Some(cut_off(&self.ranked.confusion(), threshold)),
            deciles: deciles(answers, probabilities),
            gains: gains(answers, probabilities),
            score_histogram: score_histogram(answers, probabilities),
            calibration_fit: Some(CalibrationFit {
                method: self.decided.calibration.word().to_owned(),
                after: calibration_state(answers, probabilities),
                before: self.before_calibration()?,
            }),
            strategy: strategy(self.ranked, threshold, by_step.as_deref()),
            cost,
            partial_dependence: self.dependences()?,
            coefficients: coefficients(self.decided, None),
        })
    }

    fn rarer_precision(&self) -> Option<RarerPrecision> {
        let rows = self.answers.len() as f64;
        let share = self.answers.iter().filter(|good| **good).count() as f64 / rows;
        let positive = share < 0.5;
        let (value, interval): (f64, Option<Interval>) = if positive {
            let mut estimates = self.bootstrap.estimates.iter();
            let own = estimates.find(|figure| figure.name == "average_precision")?;
            (own.value?, own.interval)
        } else {
            let steps = self.ranked.steps();
            let counts = steps.iter().map(|(_, yes, no)| (*no as u64, *yes as u64));
            let curve: Vec<(u64, u64)> = [(0, 0)].into_iter().chain(counts).collect();
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
    fn before_calibration(&self) -> Result<Option<CalibrationState>, EvaluateError> {
        if self.decided.calibration == Calibration::None {
            return Ok(None);
        }
        let mut artifact = self.decided.clone();
        artifact.calibration = Calibration::None;
        let mut decider = Decider::load(&artifact.encode()?)?;
        let mut probabilities = vec![0.0; self.answers.len()];
        predict(&mut decider, self.columns, &mut probabilities)?;
        Ok(Some(calibration_state(self.answers, &probabilities)))
    }

    fn dependences(&self) -> Result<Vec<super::Dependence>, EvaluateError> {
        let mut decider = independent(self.artifact)?;
        let features: Vec<&Feature> = self.decided.schema.inputs().collect();
        let names: Vec<&str> = (self.importance.iter())
            .map(|feature| feature.feature.as_str())
            .collect();
        dependences(&features, self.columns, &names, |columns, out| {
            predict(&mut decider, columns, out)
        })
    }
}
