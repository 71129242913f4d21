//! Calibration: from the model's probability to one that can be taken at its word.

use bincode::{Decode, Encode};

use crate::forest::Link;

/// Most knots of an isotonic calibration.
pub const MAX_KNOTS: usize = 256;

/// A map from probability to probability that never falls.
#[derive(Debug, Clone, PartialEq, Default, Encode, Decode)]
pub enum Calibration {
    /// The model's probability as it is.
    #[default]
    None,
    /// `1 / (1 + exp(-(slope · ln(p / (1 - p)) + intercept)))`, with `p` clipped to 2^-52
    /// from 0 and 1 (Platt, "Probabilistic outputs for support vector machines", 1999, on
    /// log odds: a slope of 1 and an intercept of 0 change nothing).
    Platt {
        /// 0 to 1e6.
        slope: f64,
        /// Within ±1e6.
        intercept: f64,
    },
    /// Straight lines between knots, flat before the first and after the last.
    Isotonic {
        /// Where the knots are: 0 to 1, each above the one before; 1 to [`MAX_KNOTS`].
        from: Vec<f64>,
        /// What they are mapped to: 0 to 1, none below the one before.
        to: Vec<f64>,
    },
}

impl Calibration {
    /// The word used in commands and answers.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Platt { .. } => "platt",
            Self::Isotonic { .. } => "isotonic",
        }
    }

    /// The calibrated probability of a probability.
    #[must_use]
    pub fn apply(&self, probability: f64) -> f64 {
        match self {
            Self::None => probability,
            Self::Platt { slope, intercept } => {
                let p = probability.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
                Link::Logistic.apply(slope * libm::log(p / (1.0 - p)) + intercept)
            }
            Self::Isotonic { from, to } => {
                let after = from.partition_point(|knot| *knot <= probability);
                let before = after.saturating_sub(1);
                let after = after.min(from.len() - 1);
                let run = from[after] - from[before];
                let share = if run > 0.0 {
                    (probability - from[before]) / run
                } else {
                    0.0
                };
                // Rounding may not lift it above the next knot.
                (to[before] + share * (to[after] - to[before])).min(to[after])
            }
        }
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        let sound = match self {
            Self::None => true,
            Self::Platt { slope, intercept } => {
                (0.0..=1e6).contains(slope) && intercept.abs() <= 1e6
            }
            Self::Isotonic { from, to } => {
                let within = |knots: &[f64]| knots.iter().all(|knot| (0.0..=1.0).contains(knot));
                (1..=MAX_KNOTS).contains(&from.len())
                    && from.len() == to.len()
                    && within(from)
                    && within(to)
                    && from.windows(2).all(|pair| pair[0] < pair[1])
                    && to.windows(2).all(|pair| pair[0] <= pair[1])
            }
        };
        match sound {
            true => Ok(()),
            false => Err("the calibration is not a map of probabilities that never falls".into()),
        }
    }
}
