//! From the objective to the link and the base of the sum.

use model_core::forest::Link as Stored;

use super::{Value, wrong};
use crate::error::{ImportError, short, unsupported};
use crate::{Link, Options};

/// Whether the sum is log odds, and what it starts from.
pub(super) fn read(learner: &Value, options: &Options) -> Result<(bool, f64), ImportError> {
    let name = learner
        .get(&["objective", "name"])?
        .text()
        .unwrap_or_default();
    let base = base_score(learner)?;
    match (name, options.link) {
        ("binary:logistic" | "reg:logistic", None) if base > 0.0 && base < 1.0 => {
            // The file has the probability, whatever the version.
            Ok((true, Stored::Logistic.inverse(base)))
        }
        ("binary:logistic" | "reg:logistic", None) => Err(unsupported(format!(
            "base_score is {base}, expected a probability above 0 and below 1"
        ))),
        ("binary:logitraw", None) => Ok((true, base)),
        ("binary:logistic" | "reg:logistic" | "binary:logitraw", Some(_)) => {
            Err(unsupported(format!(
                "--link: the file says its objective, {name}, and with it how a sum becomes a probability: leave --link out"
            )))
        }
        // What a model with an objective of its own is saved as.
        ("reg:squarederror" | "reg:linear", Some(link)) => Ok((link == Link::Logistic, base)),
        ("reg:squarederror" | "reg:linear", None) => Err(unsupported(
            "the objective is reg:squarederror, or one of its own, and the file does not say how its sum becomes a probability: pass --link logistic or --link identity",
        )),
        ("binary:hinge", _) => Err(unsupported(
            "the objective is binary:hinge, which answers 0 or 1 and no probability: train with binary:logistic",
        )),
        (other, _) => Err(unsupported(format!(
            "the objective is '{}': expected binary:logistic, whose answer is the probability of a yes",
            short(other)
        ))),
    }
}

/// `"5E-1"` up to 3.0, `"[5E-1]"` since.
fn base_score(learner: &Value) -> Result<f64, ImportError> {
    let value = learner.get(&["learner_model_param", "base_score"])?;
    let text = value.text().ok_or_else(|| wrong("base_score"))?;
    let number = text.trim_start_matches('[').trim_end_matches(']');
    if number.contains(',') {
        return Err(unsupported(
            "base_score has several values (multi-output): only one can be imported",
        ));
    }
    let number = number
        .parse::<f32>()
        .ok()
        .filter(|number| number.is_finite());
    number.map(f64::from).ok_or_else(|| wrong("base_score"))
}
