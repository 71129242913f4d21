//! The logistic loss: margins of the rows, and where they should go.

use std::ops::Range;

use rayon::iter::{IndexedParallelIterator, ParallelIterator};
use rayon::slice::ParallelSliceMut;

use super::bins::Binned;
use super::histogram::{FixedPoint, RowStep};
use super::tree::Tree;

/// Rows whose margins are updated at a time: they stay in the processor's cache.
const BLOCK_ROWS: usize = 8_192;

/// Margins, gradients and hessians of the rows that are fitted on.
pub(super) struct Gradients<'a> {
    answers: &'a [bool],
    weights: Option<&'a [f64]>,
    pub(super) fixed: FixedPoint,
    /// The log odds of all rows together.
    pub(super) base: f64,
    /// Log odds.
    pub(super) margins: Vec<f64>,
    pub(super) steps: Vec<RowStep>,
}

impl<'a> Gradients<'a> {
    pub(super) fn new(answers: &'a [bool], weights: Option<&'a [f64]>) -> Self {
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        let (mut yes, mut no, mut heaviest) = (0.0, 0.0, 0.0_f64);
        for (row, answer) in answers.iter().enumerate() {
            *if *answer { &mut yes } else { &mut no } += weight(row);
            heaviest = heaviest.max(weight(row));
        }
        let base = (yes / no).ln();
        let mut gradients = Self {
            answers,
            weights,
            fixed: FixedPoint::new(answers.len(), heaviest),
            base,
            margins: vec![base; answers.len()],
            steps: vec![RowStep::default(); answers.len()],
        };
        gradients.update(|_, _| {});
        gradients
    }

    /// Adds a tree of which is known where each row ended.
    pub(super) fn add_leaves(&mut self, leaves: &[(f64, Range<usize>)], rows: &[u32]) {
        self.update(|first, margins| {
            let last = first + margins.len();
            for (value, range) in leaves {
                // The rows of a leaf are ascending.
                let rows = &rows[range.clone()];
                let start = rows.partition_point(|row| (*row as usize) < first);
                let end = rows.partition_point(|row| (*row as usize) < last);
                for row in &rows[start..end] {
                    margins[*row as usize - first] += value;
                }
            }
        });
    }

    /// Adds a tree by sending each row down.
    pub(super) fn add_tree(&mut self, tree: &Tree, binned: &Binned) {
        self.update(|first, margins| {
            for (row, margin) in (first..).zip(margins) {
                *margin += tree.step(binned, row);
            }
        });
    }

    /// Changes the margins, block by block from a first row on, then follows with the steps.
    fn update(&mut self, change: impl Fn(usize, &mut [f64]) + Sync + Send) {
        let (answers, weights, fixed) = (self.answers, self.weights, &self.fixed);
        let margins = self.margins.par_chunks_mut(BLOCK_ROWS);
        let blocks = margins.zip(self.steps.par_chunks_mut(BLOCK_ROWS));
        blocks.enumerate().for_each(|(block, (margins, steps))| {
            let first = block * BLOCK_ROWS;
            change(first, margins);
            let answers = &answers[first..first + margins.len()];
            let rows = answers.iter().zip(&*margins).zip(&mut *steps);
            match weights {
                None => rows.for_each(|((yes, margin), step)| {
                    *step = row_step(*margin, *yes, 1.0, fixed);
                }),
                Some(weights) => {
                    let rows = rows.zip(&weights[first..]);
                    rows.for_each(|(((yes, margin), step), weight)| {
                        *step = row_step(*margin, *yes, *weight, fixed);
                    });
                }
            }
        });
    }
}

/// The gradient `w (p − y)` and the hessian `w p (1 − p)` at a margin.
fn row_step(margin: f64, yes: bool, weight: f64, fixed: &FixedPoint) -> RowStep {
    let odds_against = exp(-margin);
    let p = 1.0 / (1.0 + odds_against);
    let other = odds_against * p;
    let gradient = if yes { -other } else { p };
    RowStep {
        gradient: rounded(weight * gradient * fixed.gradient_scale),
        hessian: rounded(weight * p * other * fixed.hessian_scale).cast_unsigned(),
    }
}

/// 1.5 · 2^52: a number below 2^51 that is added to it is rounded to a whole one, which the
/// lower bits then hold.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// A number below 2^31, rounded. Unlike a cast it costs one addition, for several rows at once.
fn rounded(number: f64) -> i32 {
    (number + ROUND).to_bits() as i32
}

/// `e^x` within 1e-9, for several rows at once and the same on every machine; `x` is cut to
/// ±60.
fn exp(x: f64) -> f64 {
    let x = x.clamp(-60.0, 60.0);
    let shifted = x * std::f64::consts::LOG2_E + ROUND;
    let rest = x - (shifted - ROUND) * std::f64::consts::LN_2;
    // Taylor's series up to the 9th power; the rest is at most ln 2 / 2.
    let mut series = 1.0 / 362_880.0;
    for factorial in [40_320.0, 5_040.0, 720.0, 120.0, 24.0, 6.0, 2.0, 1.0, 1.0] {
        series = series * rest + 1.0 / factorial;
    }
    // The whole powers of 2 go into the exponent.
    f64::from_bits(series.to_bits().wrapping_add(shifted.to_bits() << 52))
}
