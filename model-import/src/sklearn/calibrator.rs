//! One calibrator behind a model.

use model_core::calibration::{Calibration, MAX_KNOTS};

use super::file::{CalibrationPart, OfName};
use crate::error::{ImportError, broken, unsupported};
use crate::source::{Form, Node, Trees, Weights};

/// A sigmoid becomes part of the model, so that nothing is rounded between them; isotonic
/// knots stay a calibration.
pub(super) fn apply(
    form: Form,
    part: Option<&CalibrationPart>,
) -> Result<(Form, Calibration), ImportError> {
    match part {
        None => Ok((form, Calibration::None)),
        Some(CalibrationPart::Sigmoid { a, b, of }) => {
            let form = sigmoid(form, *a, *b, *of)?;
            Ok((form, Calibration::None))
        }
        Some(CalibrationPart::Isotonic { x, y, of }) => {
            if *of == OfName::Decision {
                return Err(unsupported(
                    "the calibrator is isotonic on the decision function: only isotonic on probabilities can be imported; calibrate with method=\"sigmoid\"",
                ));
            }
            isotonic(x, y).map(|calibration| (form, calibration))
        }
    }
}

fn isotonic(x: &[f64], y: &[f64]) -> Result<Calibration, ImportError> {
    if x.len() > MAX_KNOTS {
        return Err(unsupported(format!(
            "the isotonic calibrator has {} knots, at most {MAX_KNOTS} are supported",
            x.len()
        )));
    }
    let rises = x.windows(2).all(|pair| pair[0] < pair[1]) && y.is_sorted();
    let inside = x.iter().chain(y).all(|knot| (0.0..=1.0).contains(knot));
    if x.is_empty() || x.len() != y.len() || !rises || !inside {
        return Err(broken(
            "the knots of the isotonic calibrator are not probabilities that rise",
        ));
    }
    Ok(Calibration::Isotonic {
        from: x.to_vec(),
        to: y.to_vec(),
    })
}

/// `1 / (1 + exp(a f + b))`, where `f` is what the form sums up: log odds, or the mean of
/// shares. The sum is scaled by `-a` and shifted by `-b`, and the link does the rest.
fn sigmoid(form: Form, a: f64, b: f64, of: OfName) -> Result<Form, ImportError> {
    let is_sum = |logistic: bool| logistic == (of == OfName::Decision);
    let fits = match &form {
        Form::Trees(trees) => is_sum(trees.logistic),
        Form::Linear(weights) => is_sum(weights.logistic),
    };
    if !fits {
        return Err(unsupported(
            "the sigmoid calibrator takes another number than the model sums up: only the decision function of log odds and the probability of forests can be imported",
        ));
    }
    Ok(match form {
        Form::Trees(trees) => Form::Trees(scaled(trees, -a, -b)),
        Form::Linear(weights) => Form::Linear(Weights {
            weights: weights.weights.iter().map(|weight| weight * -a).collect(),
            intercept: weights.intercept * -a - b,
            logistic: true,
        }),
    })
}

fn scaled(mut trees: Trees, factor: f64, offset: f64) -> Trees {
    for node in trees.trees.iter_mut().flat_map(|tree| &mut tree.nodes) {
        if let Node::Leaf { value, .. } = node {
            *value *= factor;
        }
    }
    Trees {
        base: trees.base * factor + offset,
        logistic: true,
        ..trees
    }
}
