//! Calibration: maps the model's probability to one that matches observed frequencies.

use bincode::enc::{Encode, Encoder};
use bincode::error::EncodeError;

use crate::link::Link;
use crate::wire::{NO_ARTIFACT, Reader, Stored};

/// Most knots of an isotonic calibration.
pub const MAX_KNOTS: usize = 256;

/// A non-decreasing map from probability to probability.
#[derive(Debug, Clone, PartialEq, Default)]
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
        /// The knots' probabilities: 0 to 1, strictly ascending; 1 to [`MAX_KNOTS`] of them.
        from: Vec<f64>,
        /// What each is mapped to: 0 to 1, never descending.
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
    #[inline(never)]
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
                // Rounding must not lift the result above the next knot.
                (to[before] + share * (to[after] - to[before])).min(to[after])
            }
        }
    }

    /// The least probability that is mapped to at least `to`, up to rounding; NaN where none is.
    #[must_use]
    pub fn inverse(&self, to: f64) -> f64 {
        match self {
            Self::None => to,
            Self::Platt { slope, intercept } => {
                Link::Logistic.apply((Link::Logistic.inverse(to) - intercept) / slope)
            }
            Self::Isotonic { from, to: knots } => {
                let at = knots.partition_point(|knot| *knot < to);
                let Some(after) = knots.get(at) else {
                    return f64::NAN;
                };
                match at.checked_sub(1) {
                    // Flat before the first knot.
                    None => 0.0,
                    Some(before) => {
                        let share = (to - knots[before]) / (after - knots[before]);
                        from[before] + share * (from[at] - from[before])
                    }
                }
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
                (1..=MAX_KNOTS).contains(&from.len())
                    && from.len() == to.len()
                    && rises(from, true)
                    && rises(to, false)
            }
        };
        if sound {
            Ok(())
        } else {
            Err("the calibration is not a map of probabilities that never falls".into())
        }
    }
}

/// Whether numbers from 0 to 1 ascend, strictly or not.
fn rises(numbers: &[f64], strictly: bool) -> bool {
    let mut before = -1.0;
    numbers.iter().all(|&number| {
        let above = number > before || (number == before && !strictly);
        before = number;
        above && (0.0..=1.0).contains(&number)
    })
}

/// As the artifact stores it: a number for the kind, then two lists. Platt's slope and
/// intercept are lists of one.
impl Encode for Calibration {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        let (kind, from, to): (u32, &[f64], &[f64]) = match self {
            Self::None => (0, &[], &[]),
            Self::Platt { slope, intercept } => (1, &[*slope], &[*intercept]),
            Self::Isotonic { from, to } => (2, from, to),
        };
        kind.encode(encoder)?;
        from.encode(encoder)?;
        to.encode(encoder)
    }
}

impl Stored for Calibration {
    fn read(reader: &mut Reader<'_>) -> Self {
        let kind = reader.number();
        let (from, to): (Vec<f64>, Vec<f64>) = reader.read();
        match (kind, from.as_slice(), to.as_slice()) {
            (0, [], []) => Self::None,
            (1, &[slope], &[intercept]) => Self::Platt { slope, intercept },
            (2, ..) => Self::Isotonic { from, to },
            _ => {
                reader.fail(NO_ARTIFACT);
                Self::None
            }
        }
    }
}
