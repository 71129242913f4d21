//! The link: turns a model's sum into its prediction.

use bincode::enc::{Encode, Encoder};
use bincode::error::EncodeError;

use crate::wire::stored;

/// What turns the aggregate into the prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// The sum itself.
    Identity,
    /// `1 / (1 + exp(-x))`: log odds become a probability.
    Logistic,
    /// The same, computed as it is written here: the bits that LightGBM and scikit-learn give,
    /// which differ in the last place where `x` is below 0. The artifact says so in a field of
    /// its own.
    Sigmoid,
}

stored!(Link: Identity, Logistic);

impl Link {
    /// The prediction for an aggregate.
    pub fn apply(self, value: f64) -> f64 {
        match self {
            Self::Identity => value,
            Self::Logistic => logistic(value),
            Self::Sigmoid => 1.0 / (1.0 + libm::exp(-value)),
        }
    }

    /// Whether the aggregate is log odds.
    #[must_use]
    pub fn is_logistic(self) -> bool {
        self != Self::Identity
    }

    /// The aggregate of a prediction from 0 to 1.
    pub fn inverse(self, prediction: f64) -> f64 {
        match self {
            Self::Identity => prediction,
            Self::Logistic | Self::Sigmoid => libm::log(prediction / (1.0 - prediction)),
        }
    }
}

impl Encode for Link {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        u32::from(self.is_logistic()).encode(encoder)
    }
}

/// `1 / (1 + exp(-x))`, without overflow on either side.
fn logistic(x: f64) -> f64 {
    // Without a branch: the sign of a row's log odds cannot be predicted.
    let e = libm::exp(-x.abs());
    let above = if x >= 0.0 { 1.0 } else { e };
    above / (1.0 + e)
}
