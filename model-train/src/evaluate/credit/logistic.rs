//! Logistic regression of outcomes on one log odds: what calibration is judged by.

use super::calibration_fit::Coefficient;
use crate::evaluate::interval::{Interval, Z};

/// Steps of Newton's method; a fit that has not converged by then has no finite optimum.
const STEPS: usize = 100;
/// Halvings of a step that would not lower the loss.
const HALVINGS: usize = 40;

/// A point, or a gradient: of the slope and of the intercept.
#[derive(Debug, Clone, Copy)]
struct Pair {
    slope: f64,
    intercept: f64,
}

/// Gradient and Hessian of the summed log loss.
struct Derivatives {
    gradient: Pair,
    /// Second derivative by the slope.
    ss: f64,
    /// By slope and intercept.
    si: f64,
    /// By the intercept.
    ii: f64,
}

/// Log odds and outcome of each row.
pub(super) struct Recalibration {
    rows: Vec<(f64, f64)>,
}

impl Recalibration {
    /// Probabilities are clipped to 2^-52 from 0 and 1, as calibration does.
    pub(super) fn new(answers: &[bool], probabilities: &[f64]) -> Self {
        let log_odds = |p: &f64| {
            let p = p.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
            libm::log(p / (1.0 - p))
        };
        let outcomes = answers.iter().map(|good| f64::from(u8::from(*good)));
        Self {
            rows: probabilities.iter().map(log_odds).zip(outcomes).collect(),
        }
    }

    /// Slope and intercept of the most likely `logit(P(good)) = slope · logit(p) + intercept`
    /// (Cox, "Two further applications of a model for binary regression", Biometrika 45, 1958;
    /// statsmodels: `Logit(y, add_constant(logit(p)))`). `None` where there is no finite one:
    /// all scores are equal, or they separate the outcomes.
    pub(super) fn slope_and_intercept(&self) -> Option<[Coefficient; 2]> {
        let start = Pair {
            slope: 1.0,
            intercept: 0.0,
        };
        let (at, d) = self.newton(start, |d| {
            let determinant = d.ss * d.ii - d.si * d.si;
            (determinant > 1e-12 * d.ss * d.ii).then(|| Pair {
                slope: (d.ii * d.gradient.slope - d.si * d.gradient.intercept) / determinant,
                intercept: (d.ss * d.gradient.intercept - d.si * d.gradient.slope) / determinant,
            })
        })?;
        let determinant = d.ss * d.ii - d.si * d.si;
        Some([
            Coefficient::new(at.slope, (d.ii / determinant).sqrt()),
            Coefficient::new(at.intercept, (d.ss / determinant).sqrt()),
        ])
    }

    /// The intercept alone, with the slope at 1: calibration in the large (statsmodels: `GLM`
    /// with `offset=logit(p)`).
    pub(super) fn in_the_large(&self) -> Option<Coefficient> {
        let start = Pair {
            slope: 1.0,
            intercept: 0.0,
        };
        let (at, d) = self.newton(start, |d| {
            (d.ii > 0.0).then(|| Pair {
                slope: 0.0,
                intercept: d.gradient.intercept / d.ii,
            })
        })?;
        Some(Coefficient::new(at.intercept, (1.0 / d.ii).sqrt()))
    }

    fn newton(
        &self,
        start: Pair,
        step_of: impl Fn(&Derivatives) -> Option<Pair>,
    ) -> Option<(Pair, Derivatives)> {
        let (mut at, mut loss) = (start, self.loss(start));
        for _ in 0..STEPS {
            let derivatives = self.derivatives(at);
            let step = step_of(&derivatives)?;
            let size = step.slope.abs().max(step.intercept.abs());
            if size < 1e-12 * (1.0 + at.slope.abs().max(at.intercept.abs())) {
                return Some((at, derivatives));
            }
            let better = (0..HALVINGS).find_map(|halvings| {
                let share = 0.5f64.powi(halvings as i32);
                let to = Pair {
                    slope: at.slope - share * step.slope,
                    intercept: at.intercept - share * step.intercept,
                };
                let less = self.loss(to);
                (less < loss).then_some((to, less))
            });
            let Some((to, less)) = better else {
                // The loss no longer shows what is left to gain; a last whole step finds it.
                let last = Pair {
                    slope: at.slope - step.slope,
                    intercept: at.intercept - step.intercept,
                };
                return (size < 1e-6).then(|| (last, self.derivatives(last)));
            };
            (at, loss) = (to, less);
        }
        None
    }

    /// `Σ ln(1 + exp(z)) - y z`.
    fn loss(&self, at: Pair) -> f64 {
        let of = |&(x, y): &(f64, f64)| {
            let z = at.slope * x + at.intercept;
            z.max(0.0) + libm::log1p(libm::exp(-z.abs())) - y * z
        };
        self.rows.iter().map(of).sum()
    }

    fn derivatives(&self, at: Pair) -> Derivatives {
        let mut d = Derivatives {
            gradient: Pair {
                slope: 0.0,
                intercept: 0.0,
            },
            ss: 0.0,
            si: 0.0,
            ii: 0.0,
        };
        for &(x, y) in &self.rows {
            let p = model_core::forest::Link::Logistic.apply(at.slope * x + at.intercept);
            let weight = p * (1.0 - p);
            d.gradient.slope += (p - y) * x;
            d.gradient.intercept += p - y;
            d.ss += weight * x * x;
            d.si += weight * x;
            d.ii += weight;
        }
        d
    }
}

impl Coefficient {
    fn new(value: f64, standard_error: f64) -> Self {
        Self {
            value,
            standard_error,
            interval: Interval {
                low: value - Z * standard_error,
                high: value + Z * standard_error,
            },
        }
    }
}
