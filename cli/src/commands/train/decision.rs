//! From the model's probability to a yes or no: calibration and threshold, both chosen on
//! predictions for training rows that the model was not fitted on.

use anyhow::{Context, Result};
use model_core::calibration::Calibration;
use model_train::calibrate::Method;
use model_train::fit::{ClassWeight, Params};
use model_train::threshold::{self, ThresholdRule};
use model_train::tune::{CrossValidation, stratified_folds};

use super::job::Inputs;
use super::settings::Settings;
use super::values::FromText;

/// How probabilities become decisions.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Rules {
    pub(super) calibration: Method,
    pub(super) threshold: ThresholdRule,
}

/// What came of the rules.
pub(super) struct Decision {
    pub(super) calibration: Calibration,
    pub(super) threshold: f64,
}

impl Rules {
    /// Fits the folds where anything has to be learned from them.
    pub(super) fn decide(
        &self,
        params: &Params,
        settings: &Settings,
        inputs: &Inputs,
    ) -> Result<Decision> {
        if self.calibration == Method::None && self.threshold == ThresholdRule::Half {
            return Ok(Decision {
                calibration: Calibration::None,
                threshold: 0.5,
            });
        }
        let folds = cross_validation(settings, inputs)?;
        let rows = folds.out_of_fold(params, settings.jobs)?;
        let target = &inputs.dataset.target;
        let answers: Vec<bool> = rows.iter().map(|(row, _)| target[*row]).collect();
        let mut probabilities: Vec<f64> = rows.iter().map(|(_, p)| *p).collect();
        let calibration = self.calibration.fit(&answers, &probabilities);
        for probability in &mut probabilities {
            *probability = calibration.apply(*probability);
        }
        let threshold = threshold::choose(self.threshold, &answers, &probabilities)?;
        Ok(Decision {
            calibration,
            threshold,
        })
    }
}

/// The folds of the training rows.
pub(super) fn cross_validation<'a>(
    settings: &Settings,
    inputs: &'a Inputs,
) -> Result<CrossValidation<'a>> {
    let Inputs {
        schema,
        dataset,
        split,
        ..
    } = inputs;
    let folds = settings.folds;
    let splits = stratified_folds(&dataset.target, &split.train, folds, settings.seed);
    let splits = splits.with_context(|| {
        format!("the rarer answer has fewer than {folds} rows to learn from: use fewer --folds")
    })?;
    let weight = settings.class_weight;
    Ok(CrossValidation::new(
        dataset,
        schema,
        splits,
        settings.seed,
        weight,
    )?)
}

impl FromText for Method {
    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self::None),
            "platt" => Ok(Self::Platt),
            "isotonic" => Ok(Self::Isotonic),
            _ => Err(format!("expected none, platt or isotonic, got '{text}'")),
        }
    }
}

impl FromText for ThresholdRule {
    fn from_text(text: &str) -> Result<Self, String> {
        let problem = || {
            format!(
                "expected 0.5, f1, cost=FALSE_YES:FALSE_NO (such as cost=5:1) or approval_rate=SHARE (such as approval_rate=0.3), got '{text}'"
            )
        };
        let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
        match text.split_once('=') {
            None if text == "f1" => Ok(Self::BestF1),
            None if number(text) == Some(0.5) => Ok(Self::Half),
            Some(("cost", costs)) => {
                let (yes, no) = costs.split_once(':').ok_or_else(problem)?;
                let cost = |text| number(text).filter(|cost| *cost > 0.0).ok_or_else(problem);
                Ok(Self::Cost {
                    false_positive: cost(yes)?,
                    false_negative: cost(no)?,
                })
            }
            Some(("approval_rate", rate)) => number(rate)
                .filter(|rate| (0.0..=1.0).contains(rate))
                .map(Self::ApprovalRate)
                .ok_or_else(problem),
            _ => Err(problem()),
        }
    }
}

impl FromText for ClassWeight {
    fn from_text(text: &str) -> Result<Self, String> {
        let problem = || format!("expected none, balanced or NO:YES such as 1:3, got '{text}'");
        let weight = |text: &str| text.parse::<f64>().ok().filter(|w| *w > 0.0 && *w <= 1e6);
        match text {
            "none" => Ok(Self::None),
            "balanced" => Ok(Self::Balanced),
            _ => {
                let (negative, positive) = text.split_once(':').ok_or_else(problem)?;
                Ok(Self::Explicit {
                    negative: weight(negative).ok_or_else(problem)?,
                    positive: weight(positive).ok_or_else(problem)?,
                })
            }
        }
    }
}
