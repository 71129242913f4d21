//! The link: turns a model's sum into its prediction.

use bincode::Encode;

use crate::wire::stored;

/// What turns the aggregate into the prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode)]
pub enum Link {
    /// The sum itself.
    Identity,
    /// `1 / (1 + exp(-x))`: log odds become a probability.
    Logistic,
}

stored!(Link: Identity, Logistic);

impl Link {
    /// The prediction for an aggregate.
    pub fn apply(self, value: f64) -> f64 {
        match self {
            Self::Identity => value,
            Self::Logistic => logistic(value),
        }
    }

    /// The aggregate of a prediction from 0 to 1.
    pub fn inverse(self, prediction: f64) -> f64 {
        match self {
            Self::Identity => prediction,
            Self::Logistic => libm::log(prediction / (1.0 - prediction)),
        }
    }
}

/// `1 / (1 + exp(-x))`, without overflow on either side.
fn logistic(x: f64) -> f64 {
    // Without a branch: the sign of a row's log odds cannot be predicted.
    let e = libm::exp(-x.abs());
    let above = if x >= 0.0 { 1.0 } else { e };
    above / (1.0 + e)
}
