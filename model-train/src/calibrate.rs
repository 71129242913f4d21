//! Fitting a calibration on out-of-fold or hold-out predictions.
//!
//! Class weights do not count here, whatever the model was fitted with: calibration brings the
//! probabilities back to the observed rates. The weights of rows do: they say what was observed.

use model_core::artifact::Artifact;
use model_core::calibration::{Calibration, MAX_KNOTS};
use model_core::forest::Link;
use model_core::model::{Model, ModelKind};
use serde::{Deserialize, Serialize};

/// A calibration method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// No calibration.
    #[default]
    None,
    /// See [`platt`].
    Platt,
    /// See [`isotonic`].
    Isotonic,
}

impl Method {
    /// Its word, such as `platt`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Platt => "platt",
            Self::Isotonic => "isotonic",
        }
    }

    /// Fits the calibration to answers and predicted probabilities, row by row.
    #[must_use]
    pub fn fit(self, answers: &[bool], probabilities: &[f64]) -> Calibration {
        self.fit_weighted(answers, probabilities, None)
    }

    /// The same where each row counts its weight, which is above 0; `None` counts every row
    /// once.
    #[must_use]
    pub fn fit_weighted(
        self,
        answers: &[bool],
        probabilities: &[f64],
        weights: Option<&[f64]>,
    ) -> Calibration {
        match self {
            Self::None => Calibration::None,
            Self::Platt => platt(answers, probabilities, weights),
            Self::Isotonic => isotonic(answers, probabilities, weights),
        }
    }
}

/// The model as [`platt`] calibrates it, as scikit-learn's `CalibratedClassifierCV` does: what is
/// not log odds, the sum of ridge and the mean of trees, is taken as it is. Its own log odds would
/// be ±36 wherever a sum is clamped to 0 or 1 or a leaf has rows of one outcome, and a single such
/// row of the other outcome would take the slope away from all the rest. With the logistic link
/// the log odds of the model's answer are its sum.
#[must_use]
pub fn ready_for_platt(mut model: Model) -> Model {
    set_link(&mut model, Link::Identity, Link::Logistic);
    model
}

/// The model before its calibration; [`ready_for_platt`] is undone.
#[must_use]
pub fn before(artifact: &Artifact) -> Artifact {
    let mut before = artifact.clone();
    let sums_to_probability = matches!(
        artifact.kind,
        ModelKind::Ridge | ModelKind::DecisionTree | ModelKind::RandomForest
    );
    if sums_to_probability && matches!(artifact.calibration, Calibration::Platt { .. }) {
        set_link(&mut before.model, Link::Logistic, Link::Identity);
    }
    before.calibration = Calibration::None;
    before
}

fn set_link(model: &mut Model, from: Link, to: Link) {
    let link = match model {
        Model::Linear(linear) => &mut linear.link,
        Model::Forest(forest) => &mut forest.link,
        // Log odds in any case.
        Model::Ensemble(_) => return,
    };
    if *link == from {
        *link = to;
    }
}

/// Platt scaling on log odds: the slope and intercept of the logistic function with the
/// least cross-entropy, where a yes aims at `(n₁ + 1) / (n₁ + 2)` and a no at
/// `1 / (n₀ + 2)` (Platt, "Probabilistic outputs for support vector machines", 1999), found
/// by Newton's method with backtracking (Lin, Lin and Weng, "A note on Platt's probabilistic
/// outputs for support vector machines", Machine Learning 68, 2007). A slope below 0 would
/// reverse the order of the applicants, so it is set to 0.
///
/// Probabilities are clipped to 2^-52 from 0 and 1, as [`Calibration::Platt`] does.
///
/// Weights are scaled to the mean 1, so that `n₁` and `n₀` are numbers of rows.
#[must_use]
pub fn platt(answers: &[bool], probabilities: &[f64], weights: Option<&[f64]>) -> Calibration {
    let weights = scaled(weights, answers.len());
    let weight = |row: usize| weights.as_ref().map_or(1.0, |weights| weights[row]);
    let weighted = (0..answers.len()).filter(|&row| answers[row]);
    let yes = weighted.map(weight).sum::<f64>();
    let no = answers.len() as f64 - yes;
    let target = |answer: &bool| {
        if *answer {
            (yes + 1.0) / (yes + 2.0)
        } else {
            1.0 / (no + 2.0)
        }
    };
    let log_odds = |p: &f64| {
        let p = p.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
        libm::log(p / (1.0 - p))
    };
    let rows = (probabilities.iter().map(log_odds)).zip(answers.iter().map(target));
    let rows: Vec<Aimed> = (rows.enumerate())
        .map(|(row, (x, target))| Aimed {
            x,
            target,
            weight: weight(row),
        })
        .collect();
    let prior = libm::log((yes + 1.0) / (no + 1.0));
    let (mut slope, mut intercept) = newton(&rows, (0.0, prior));
    if slope < 0.0 {
        (slope, intercept) = (0.0, prior);
    }
    Calibration::Platt {
        slope: slope.min(1e6),
        intercept: intercept.clamp(-1e6, 1e6),
    }
}

/// Weights with the mean 1.
fn scaled(weights: Option<&[f64]>, rows: usize) -> Option<Vec<f64>> {
    let weights = weights?;
    let mean = weights.iter().sum::<f64>() / rows as f64;
    Some(weights.iter().map(|weight| weight / mean).collect())
}

/// What Platt's scaling makes of a row.
struct Aimed {
    /// Its log odds.
    x: f64,
    /// What its probability aims at.
    target: f64,
    weight: f64,
}

/// Slope and intercept for rows.
fn newton(rows: &[Aimed], start: (f64, f64)) -> (f64, f64) {
    let (mut at, mut loss) = (start, cross_entropy(rows, start));
    for _ in 0..100 {
        let (gradient, step) = newton_step(rows, at);
        if gradient.0.abs().max(gradient.1.abs()) < 1e-10 * rows.len() as f64 {
            break;
        }
        let slope = gradient.0 * step.0 + gradient.1 * step.1;
        let tried = (0..40).map(|halvings| {
            let share = 0.5f64.powi(halvings);
            let to = (at.0 - share * step.0, at.1 - share * step.1);
            (to, cross_entropy(rows, to), loss - 1e-4 * share * slope)
        });
        let Some((to, less, _)) = tried.into_iter().find(|(_, less, most)| less < most) else {
            break;
        };
        (at, loss) = (to, less);
    }
    at
}

/// `ln(1 + exp(z)) - t z`, summed.
fn cross_entropy(rows: &[Aimed], (slope, intercept): (f64, f64)) -> f64 {
    let of = |row: &Aimed| {
        let z = slope * row.x + intercept;
        row.weight * (z.max(0.0) + libm::log1p(libm::exp(-z.abs())) - row.target * z)
    };
    rows.iter().map(of).sum()
}

/// The gradient, and the inverse Hessian times it.
fn newton_step(rows: &[Aimed], (slope, intercept): (f64, f64)) -> ((f64, f64), (f64, f64)) {
    let mut gradient = (0.0, 0.0);
    // A little on the diagonal, so that it can always be inverted.
    let (mut xx, mut x1, mut one) = (1e-12, 0.0, 1e-12);
    for row in rows {
        let x = row.x;
        let p = model_core::forest::Link::Logistic.apply(slope * x + intercept);
        let weight = row.weight * (p * (1.0 - p));
        let error = row.weight * (p - row.target);
        gradient.0 += error * x;
        gradient.1 += error;
        xx += weight * x * x;
        x1 += weight * x;
        one += weight;
    }
    let determinant = xx * one - x1 * x1;
    let step = (
        (one * gradient.0 - x1 * gradient.1) / determinant,
        (xx * gradient.1 - x1 * gradient.0) / determinant,
    );
    (gradient, step)
}

/// Isotonic regression: the map that never falls with the least squared error, by pooling
/// adjacent violators (Barlow et al., "Statistical inference under order restrictions",
/// 1972). A block of equal values becomes a knot at its first and one at its last
/// probability; between blocks the map is a straight line (as scikit-learn's
/// `IsotonicRegression`).
///
/// Two differences: values are clipped to `1 / (n + 2)` from 0 and 1, since no share of `n`
/// rows shows that something never happens; and while there are more blocks than
/// [`MAX_KNOTS`] allows, the two neighbours are merged that add the least squared error.
#[must_use]
pub fn isotonic(answers: &[bool], probabilities: &[f64], weights: Option<&[f64]>) -> Calibration {
    let mut blocks = pooled(answers, probabilities, weights);
    if blocks.is_empty() {
        return Calibration::None;
    }
    while blocks.len() > MAX_KNOTS / 2 {
        merge_cheapest(&mut blocks);
    }
    let least = 1.0 / (answers.len() as f64 + 2.0);
    let (mut from, mut to) = (Vec::new(), Vec::new());
    for block in blocks {
        let value = block.mean().clamp(least, 1.0 - least);
        from.push(block.first);
        to.push(value);
        if block.last > block.first {
            from.push(block.last);
            to.push(value);
        }
    }
    Calibration::Isotonic { from, to }
}

/// Rows next to each other in the order of their probabilities.
#[derive(Debug, Clone, Copy)]
struct Block {
    first: f64,
    last: f64,
    yes: f64,
    rows: f64,
}

impl Block {
    fn mean(&self) -> f64 {
        self.yes / self.rows
    }

    fn with(self, next: Self) -> Self {
        Self {
            first: self.first,
            last: next.last,
            yes: self.yes + next.yes,
            rows: self.rows + next.rows,
        }
    }
}

/// Blocks with means that rise strictly.
fn pooled(answers: &[bool], probabilities: &[f64], weights: Option<&[f64]>) -> Vec<Block> {
    let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
    let rows = probabilities.iter().copied().zip(answers.iter().copied());
    let rows = rows.enumerate();
    let mut rows: Vec<(f64, bool, f64)> =
        rows.map(|(row, (p, yes))| (p, yes, weight(row))).collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut blocks: Vec<Block> = Vec::new();
    for tie in rows.chunk_by(|a, b| a.0 == b.0) {
        let mut block = Block {
            first: tie[0].0,
            last: tie[0].0,
            yes: tie.iter().filter(|row| row.1).map(|row| row.2).sum(),
            rows: tie.iter().map(|row| row.2).sum(),
        };
        while let Some(before) = blocks.pop_if(|before| before.mean() >= block.mean()) {
            block = before.with(block);
        }
        blocks.push(block);
    }
    blocks
}

/// Merging means `m` and `n` of `a` and `b` rows adds `a b / (a + b) (m - n)²`.
fn merge_cheapest(blocks: &mut Vec<Block>) {
    let added = |pair: &[Block]| {
        let rows = pair[0].rows * pair[1].rows / (pair[0].rows + pair[1].rows);
        rows * (pair[1].mean() - pair[0].mean()).powi(2)
    };
    let costs = blocks.windows(2).map(added).enumerate();
    if let Some((at, _)) = costs.min_by(|a, b| a.1.total_cmp(&b.1)) {
        blocks[at] = blocks[at].with(blocks[at + 1]);
        blocks.remove(at + 1);
    }
}
