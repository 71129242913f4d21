//! Maximum likelihood of a logistic regression with an L2 penalty, by a truncated Newton method:
//! each step solves for the direction by conjugate gradients, which need products with the
//! matrix of second derivatives and never the matrix (Lin, Weng and Keerthi, *Trust region
//! Newton method for large-scale logistic regression*, 2008, with a line search in the place of
//! the region).
//!
//! Sums go over rows or columns in a fixed order: the same rows give the same weights on any
//! number of threads.

use rayon::iter::{
    IndexedParallelIterator, IntoParallelIterator, IntoParallelRefIterator, ParallelIterator,
};
use rayon::slice::ParallelSliceMut;

/// What is fitted.
pub(super) struct Problem<'a> {
    /// Column after column, of about the same size.
    pub(super) columns: &'a [Vec<f64>],
    pub(super) answers: &'a [bool],
    /// How much each row counts; `None` where all count 1.
    pub(super) weights: Option<&'a [f64]>,
    /// The weight of the penalty `α/2 Σ w²`; the intercept has none.
    pub(super) alpha: f64,
}

const MOST_STEPS: usize = 100;
const MOST_PRODUCTS: usize = 300;
const MOST_HALVINGS: usize = 40;
/// A step that can lower the loss by no more than this share of it is the last.
const CONVERGED: f64 = 1e-13;
/// Share of the promised fall that a step must bring.
const ARMIJO: f64 = 1e-4;
/// Rows that a thread takes at a time.
const CHUNK_ROWS: usize = 4096;

/// Where the loss is looked at.
struct Point {
    /// The weights of the columns, then the intercept.
    at: Vec<f64>,
    margins: Vec<f64>,
    loss: f64,
}

impl Problem<'_> {
    /// The weights of the columns, then the intercept.
    pub(super) fn solve(&self) -> Vec<f64> {
        let mut point = self.point(self.start());
        for _ in 0..MOST_STEPS {
            let (gradient, curvatures) = self.derivatives(&point);
            let direction = self.direction(&gradient, &curvatures);
            let slope = dot(&gradient, &direction);
            // Half of it is what the step promises.
            if slope.is_nan() || -slope <= CONVERGED * (1.0 + point.loss) {
                break;
            }
            match self.step(&point, &direction, slope) {
                Some(next) => point = next,
                None => break,
            }
        }
        point.at
    }

    /// The log odds of all rows together.
    fn start(&self) -> Vec<f64> {
        let rows = self.answers.iter().enumerate();
        let (mut all, mut positive) = (0.0, 0.0);
        for (row, answer) in rows {
            let weight = self.weight(row);
            all += weight;
            positive += if *answer { weight } else { 0.0 };
        }
        let mut start = vec![0.0; self.columns.len()];
        start.push((positive / (all - positive)).ln());
        start
    }

    fn point(&self, at: Vec<f64>) -> Point {
        let margins = self.products(&at);
        let losses = margins.iter().enumerate().map(|(row, margin)| {
            let margin = if self.answers[row] { -margin } else { *margin };
            // ln(1 + exp(margin)), without overflow.
            self.weight(row) * (margin.max(0.0) + libm::log1p(libm::exp(-margin.abs())))
        });
        let loss = losses.sum::<f64>() + self.alpha / 2.0 * self.penalized(&at);
        Point { at, margins, loss }
    }

    /// The sum of the squares of the columns' weights.
    fn penalized(&self, at: &[f64]) -> f64 {
        at[..self.columns.len()]
            .iter()
            .map(|weight| weight * weight)
            .sum()
    }

    fn weight(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights[row])
    }

    /// The first derivatives, and of each row the second one with respect to its margin.
    fn derivatives(&self, point: &Point) -> (Vec<f64>, Vec<f64>) {
        let rows = point.margins.iter().enumerate();
        let (residuals, curvatures): (Vec<f64>, Vec<f64>) = rows
            .map(|(row, margin)| {
                let p = 1.0 / (1.0 + libm::exp(-margin));
                let weight = self.weight(row);
                let answer = f64::from(u8::from(self.answers[row]));
                (weight * (p - answer), weight * p * (1.0 - p))
            })
            .unzip();
        (self.sums(&residuals, &point.at), curvatures)
    }

    /// Conjugate gradients on `H d = -g`, scaled by the diagonal of `H`, until what is left is
    /// small beside the gradient.
    fn direction(&self, gradient: &[f64], curvatures: &[f64]) -> Vec<f64> {
        let scales = self.diagonal(curvatures);
        let scaled = |left: &[f64]| -> Vec<f64> {
            left.iter()
                .zip(&scales)
                .map(|(left, scale)| left / scale)
                .collect()
        };
        let mut direction = vec![0.0; gradient.len()];
        let mut left: Vec<f64> = gradient.iter().map(|slope| -slope).collect();
        let mut ahead = scaled(&left);
        let mut search = ahead.clone();
        let mut fall = dot(&left, &ahead);
        let enough = fall * 1e-10;
        for _ in 0..MOST_PRODUCTS.min(2 * gradient.len() + 20) {
            if fall <= enough {
                break;
            }
            let rows = self.products(&search);
            let curved: Vec<f64> = rows.iter().zip(curvatures).map(|(a, b)| a * b).collect();
            let curved = self.sums(&curved, &search);
            let length = fall / dot(&search, &curved);
            if !length.is_finite() {
                break;
            }
            add(&mut direction, length, &search);
            add(&mut left, -length, &curved);
            ahead = scaled(&left);
            let before = std::mem::replace(&mut fall, dot(&left, &ahead));
            let keep = fall / before;
            search
                .iter_mut()
                .zip(&ahead)
                .for_each(|(old, new)| *old = new + keep * *old);
        }
        direction
    }

    /// The diagonal of the second derivatives; columns that say nothing get 1.
    fn diagonal(&self, curvatures: &[f64]) -> Vec<f64> {
        let of_column = |column: &Vec<f64>| {
            let squares = column.iter().zip(curvatures);
            squares.map(|(x, curvature)| x * x * curvature).sum::<f64>() + self.alpha
        };
        let mut diagonal: Vec<f64> = self.columns.par_iter().map(of_column).collect();
        diagonal.push(curvatures.iter().sum());
        let usable = |value: f64| if value > 0.0 { value } else { 1.0 };
        diagonal.into_iter().map(usable).collect()
    }

    /// The first of ever shorter steps that lowers the loss enough.
    fn step(&self, from: &Point, direction: &[f64], slope: f64) -> Option<Point> {
        let lengths = std::iter::successors(Some(1.0), |length| Some(length / 2.0));
        lengths.take(MOST_HALVINGS).find_map(|length: f64| {
            let mut at = from.at.clone();
            add(&mut at, length, direction);
            let point = self.point(at);
            (point.loss <= from.loss + ARMIJO * length * slope).then_some(point)
        })
    }

    /// Of each row the sum of its columns times `of`, the last of which is the intercept's.
    fn products(&self, of: &[f64]) -> Vec<f64> {
        let (intercept, of) = of
            .split_last()
            .map_or((0.0, &[][..]), |(last, of)| (*last, of));
        let mut products = vec![intercept; self.answers.len()];
        let chunks = products.par_chunks_mut(CHUNK_ROWS).enumerate();
        chunks.for_each(|(chunk, products)| {
            let first = chunk * CHUNK_ROWS;
            for (column, of) in self.columns.iter().zip(of) {
                let values = &column[first..first + products.len()];
                products
                    .iter_mut()
                    .zip(values)
                    .for_each(|(sum, x)| *sum += of * x);
            }
        });
        products
    }

    /// Of each column the sum of its rows times `of`, with the penalty's part at `at`; the last
    /// is the intercept's.
    fn sums(&self, of: &[f64], at: &[f64]) -> Vec<f64> {
        let columns = self.columns.par_iter().zip(at.into_par_iter());
        let sums = columns.map(|(column, at)| dot(column, of) + self.alpha * at);
        let mut sums: Vec<f64> = sums.collect();
        sums.push(of.iter().sum());
        sums
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// `to += length * of`.
fn add(to: &mut [f64], length: f64, of: &[f64]) {
    to.iter_mut()
        .zip(of)
        .for_each(|(to, of)| *to += length * of);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected by scikit-learn 1.8.0: `LogisticRegression(C=2, tol=1e-14,
    /// solver="newton-cholesky")` with `sample_weight`.
    #[test]
    fn as_scikit_learn_fits_weighted_rows() {
        let columns = [
            vec![0.5, -1.2, 2.0, 0.1, -0.7, 1.5, -2.1, 0.9],
            vec![1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0],
        ];
        let problem = Problem {
            columns: &columns,
            answers: &[true, false, true, false, true, true, false, false],
            weights: Some(&[1.0, 0.25, 2.5, 1.5, 0.75, 3.0, 1.0, 2.0]),
            alpha: 0.5,
        };
        let expect = [1.073470775192775, 0.09292144884878, -0.40812601078781];
        for (got, expect) in problem.solve().into_iter().zip(expect) {
            assert!((got - expect).abs() < 1e-8, "{got}, scikit-learn {expect}");
        }
    }

    /// Without a penalty the weights of separable rows have no end; a step less than all of
    /// them is an answer.
    #[test]
    fn separable_rows_end() {
        let problem = Problem {
            columns: &[vec![-2.0, -1.0, 1.0, 2.0]],
            answers: &[false, false, true, true],
            weights: None,
            alpha: 0.0,
        };
        let found = problem.solve();
        assert!(
            found[0] > 5.0 && found.iter().all(|weight| weight.is_finite()),
            "{found:?}"
        );
    }
}
