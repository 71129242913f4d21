//! How often chance alone, and how often a real shift, leads to a verdict: the error rates that
//! [`crate::verdict`] promises, measured.

use rayon::prelude::*;

use crate::compare;
use crate::random::Random;
use crate::read::{Batch, RowSample};
use crate::sketch::{Capacity, Kind, Sketch, Spec};

/// Columns of a simulated batch.
pub const COLUMNS: usize = 14;
const NUMBERS: usize = 8;
/// The column that is shifted, the first.
const SHIFTED: &str = "column_0";
/// Values of each column that are drawn from, again and again.
const POOL: usize = 1 << 16;
/// Rows of each batch that the domain classifier sees.
const SAMPLE: usize = 2000;

/// The result of many comparisons.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Outcome {
    /// Rows of each batch.
    pub rows: u64,
    /// By how many standard deviations one column was shifted.
    pub shift: f64,
    /// Number of comparisons.
    pub runs: u64,
    /// Comparisons with any drift flagged.
    pub flagged: u64,
    /// Comparisons with the shifted column flagged.
    pub found: u64,
}

/// Compares `runs` pairs of batches from the same distributions, except that the first column
/// of the current batch is shifted. `capacity` is that of the reference: a small one stands
/// for the sketch that a model carries.
#[must_use]
pub fn simulate(rows: u64, shift: f64, runs: u64, seed: u64, capacity: Capacity) -> Outcome {
    let pools = pools(seed);
    let results = (0..runs).into_par_iter().map(|run| {
        let mut random = Random(seed ^ (run + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ rows);
        let mut batch = |shift, capacity| draw(&pools, rows, shift, &mut random, capacity);
        let reference = batch(0.0, capacity);
        let current = batch(shift, Capacity::default());
        let report = compare::default_verdicts(&[&reference, &current].into());
        let mut columns = report.columns.iter();
        let found = columns.any(|column| column.name == SHIFTED && column.drift);
        [u64::from(report.dataset_drift), u64::from(found)]
    });
    let [flagged, found] = results.reduce(|| [0, 0], |a, b| [a[0] + b[0], a[1] + b[1]]);
    Outcome {
        rows,
        shift,
        runs,
        flagged,
        found,
    }
}

fn specs() -> Vec<Spec> {
    let kind = |column| {
        if column < NUMBERS {
            Kind::Number
        } else {
            Kind::Category
        }
    };
    (0..COLUMNS)
        .map(|column| Spec::new(format!("column_{column}"), kind(column)))
        .collect()
}

/// Columns such as loan files have: smooth, skewed, rounded and whole numbers, even and
/// uneven categories.
fn pools(seed: u64) -> Vec<Vec<f64>> {
    let mut random = Random(seed);
    let mut normal = move || {
        let (u, v) = (1.0 - random.unit(), random.unit());
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    };
    let mut values = |column: usize| {
        let z = normal();
        let uniform = statrs::function::erf::erfc(-z / std::f64::consts::SQRT_2) / 2.0;
        match column {
            0 | 1 => z,
            2 => (11.0 + 0.6 * z).exp().round(),
            3 => -uniform.max(1e-300).ln() * 6.0,
            4 => (uniform * 40.0).floor(),
            5 => (uniform * uniform * 30.0).floor(),
            6 => (10.0 + 3.0 * z).mul_add(100.0, 0.0).round() / 100.0,
            7 => f64::from(u8::from(uniform < 0.22)),
            8 => f64::from(u8::from(uniform < 0.5)),
            9 => (uniform * 3.0).floor(),
            10 => (uniform * uniform * 6.0).floor(),
            11 => (uniform * 12.0).floor(),
            12 => (uniform.powi(4) * 40.0).floor(),
            _ => f64::from(u8::from(uniform < 0.01)),
        }
    };
    (0..COLUMNS)
        .map(|column| (0..POOL).map(|_| values(column)).collect())
        .collect()
}

fn draw(
    pools: &[Vec<f64>],
    rows: u64,
    shift: f64,
    random: &mut Random,
    capacity: Capacity,
) -> Batch {
    let mut sketch = Sketch::new(specs(), capacity);
    let sampled = rows.min(SAMPLE as u64) as usize;
    let mut cells = vec![Vec::with_capacity(pools.len()); sampled];
    for (index, (pool, column)) in pools.iter().zip(&mut sketch.columns).enumerate() {
        let mut counts = vec![0u64; 64];
        for row in 0..rows as usize {
            let mut value = pool[(random.next() >> 48) as usize];
            if index == 0 {
                value += shift;
            }
            if index < NUMBERS {
                column.push_number(value);
            } else {
                counts[value as usize] += 1;
            }
            if let Some(cells) = cells.get_mut(row) {
                cells.push(value);
            }
        }
        for (code, count) in counts.into_iter().enumerate() {
            column.push_texts(&code.to_string(), count);
        }
    }
    let mut sample = RowSample::new(SAMPLE);
    for (row, cells) in cells.into_iter().enumerate() {
        sample.push(row as u64, cells);
    }
    Batch {
        sketch,
        lost: Vec::new(),
        extra: Vec::new(),
        sample,
        rows,
    }
}
