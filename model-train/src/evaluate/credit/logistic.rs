//! Logistic regression of outcomes on one log odds: what calibration is judged by.

use serde::{Deserialize, Serialize};

use crate::evaluate::interval::{Interval, Z};
use crate::evaluate::ranked::{Ranked, effective_rows};
use crate::parallel::parallel;

/// Steps of Newton's method; a fit that has not converged by then has no finite optimum.
const STEPS: usize = 100;
/// Halvings of a step that would not lower the loss.
const HALVINGS: usize = 40;

/// A point, or a gradient: of the slope and of the intercept.
#[derive(Debug, Clone, Copy, Default)]
struct Pair {
    slope: f64,
    intercept: f64,
}

/// Gradient and Hessian of the summed log loss.
#[derive(Debug, Clone, Copy, Default)]
struct Derivatives {
    gradient: Pair,
    /// Second derivative by the slope.
    ss: f64,
    /// By slope and intercept.
    si: f64,
    /// By the intercept.
    ii: f64,
}

/// The log loss at a point, and its derivatives there.
#[derive(Debug, Clone, Copy, Default)]
struct At {
    loss: f64,
    derivatives: Derivatives,
}

/// A row.
struct Row {
    log_odds: f64,
    outcome: f64,
    weight: f64,
}

/// Rows that are summed together; the sums are added in their order, so that the number of
/// threads changes no bit.
const TOGETHER: usize = 1 << 16;

/// Log odds and outcome of each row.
pub(super) struct Recalibration {
    rows: Vec<Row>,
    /// How many rows of equal weight one unit of weight stands for.
    rows_per_weight: f64,
    jobs: usize,
}

impl Recalibration {
    /// Probabilities are clipped to 2^-52 from 0 and 1, as calibration does.
    pub(super) fn new(ranked: &Ranked, jobs: usize) -> Self {
        let (mut sum, mut squares) = (0.0, 0.0);
        let rows = ranked.rows().rev().map(|row| {
            let p = row.probability.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
            sum += row.weight;
            squares += row.weight * row.weight;
            Row {
                log_odds: libm::log(p / (1.0 - p)),
                outcome: f64::from(u8::from(row.answer)),
                weight: row.weight,
            }
        });
        let rows = rows.collect();
        let rows_per_weight = if ranked.is_weighted() && sum > 0.0 {
            effective_rows(sum, squares) / sum
        } else {
            1.0
        };
        Self {
            rows,
            rows_per_weight,
            jobs,
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
        let rows = self.rows_per_weight;
        Some([
            Coefficient::new(at.slope, (d.ii / determinant / rows).sqrt()),
            Coefficient::new(at.intercept, (d.ss / determinant / rows).sqrt()),
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
        let error = (1.0 / d.ii / self.rows_per_weight).sqrt();
        Some(Coefficient::new(at.intercept, error))
    }

    fn newton(
        &self,
        start: Pair,
        step_of: impl Fn(&Derivatives) -> Option<Pair>,
    ) -> Option<(Pair, Derivatives)> {
        let (mut at, mut here) = (start, self.at(start));
        for _ in 0..STEPS {
            let step = step_of(&here.derivatives)?;
            let size = step.slope.abs().max(step.intercept.abs());
            if size < 1e-12 * (1.0 + at.slope.abs().max(at.intercept.abs())) {
                return Some((at, here.derivatives));
            }
            let better = (0..HALVINGS).find_map(|halvings| {
                let share = 0.5f64.powi(halvings as i32);
                let to = Pair {
                    slope: at.slope - share * step.slope,
                    intercept: at.intercept - share * step.intercept,
                };
                let there = self.at(to);
                (there.loss < here.loss).then_some((to, there))
            });
            let Some(better) = better else {
                // The loss no longer shows what is left to gain; a last whole step finds it.
                let last = Pair {
                    slope: at.slope - step.slope,
                    intercept: at.intercept - step.intercept,
                };
                return (size < 1e-6).then(|| (last, self.at(last).derivatives));
            };
            (at, here) = better;
        }
        None
    }

    /// `Σ w (ln(1 + exp(z)) - y z)` and its derivatives.
    fn at(&self, at: Pair) -> At {
        let parts: Vec<&[Row]> = self.rows.chunks(TOGETHER).collect();
        let sums = parallel(self.jobs, &parts, |rows| sum(rows, at));
        let mut all = At::default();
        sums.iter().for_each(|part| all.add(part));
        all
    }
}

fn sum(rows: &[Row], at: Pair) -> At {
    let mut all = At::default();
    for row in rows {
        let (x, y, w) = (row.log_odds, row.outcome, row.weight);
        let z = at.slope * x + at.intercept;
        // Never above 1, so that nothing overflows.
        let small = libm::exp(-z.abs());
        all.loss += w * (z.max(0.0) + libm::log1p(small) - y * z);
        let p = if z >= 0.0 { 1.0 } else { small } / (1.0 + small);
        let curvature = w * p * (1.0 - p);
        let d = &mut all.derivatives;
        d.gradient.slope += w * (p - y) * x;
        d.gradient.intercept += w * (p - y);
        d.ss += curvature * x * x;
        d.si += curvature * x;
        d.ii += curvature;
    }
    all
}

impl At {
    fn add(&mut self, other: &Self) {
        self.loss += other.loss;
        let (d, other) = (&mut self.derivatives, &other.derivatives);
        d.gradient.slope += other.gradient.slope;
        d.gradient.intercept += other.gradient.intercept;
        d.ss += other.ss;
        d.si += other.si;
        d.ii += other.ii;
    }
}

/// A coefficient with its standard error from the inverse Hessian, and Wald's 95% interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Coefficient {
    /// The estimate.
    pub value: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// The estimate plus and minus 1.96 standard errors.
    pub interval: Interval,
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
