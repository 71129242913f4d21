//! Can a model tell the two batches apart? The area under its ROC curve, on rows it was not
//! fitted on: 0.5 is a random classifier, 1 a perfect one. It sees all columns at once, so it
//! also sees drift that no single column shows.
//!
//! The model is a small forest of extremely randomised trees (P. Geurts, D. Ernst and L.
//! Wehenkel, Machine Learning 63(1), 2006) over columns coded as bins. The p-value is that of
//! the Mann-Whitney statistic, normal approximation with ties (E. L. Lehmann,
//! "Nonparametrics", 1975, section 1.3). Idea: J. Friedman, "On multivariate goodness-of-fit
//! and two-sample testing", SLAC-PUB-10325, 2003.

use statrs::function::erf::erfc;

use crate::random::Random;

const TREES: u64 = 24;
const DEPTH: u32 = 6;
const LEAST_ROWS: usize = 8;
/// Splits that are tried at each node.
const TRIES: usize = 6;

/// How well the batches can be told apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DomainClassifier {
    /// Area under the ROC curve on held-out rows, 0 to 1.
    pub auc: f64,
    /// The chance of such an area, or a larger one, without drift.
    pub p_value: f64,
    /// Rows of each batch that were used.
    pub rows: [usize; 2],
}

/// Rows of codes, of one width, from both batches; every second row of each is held out.
/// `None` when a batch has fewer than 20 rows or there is no column.
#[must_use]
pub fn test(reference: &[Vec<u16>], current: &[Vec<u16>], seed: u64) -> Option<DomainClassifier> {
    let width = reference.first().map_or(0, Vec::len);
    if reference.len() < 20 || current.len() < 20 || width == 0 {
        return None;
    }
    let half = |rows: &'_ [Vec<u16>], odd: usize| -> Vec<Vec<u16>> {
        rows.iter().skip(odd).step_by(2).cloned().collect()
    };
    let rows: Vec<Vec<u16>> = [half(reference, 0), half(current, 0)].concat();
    let is_current = |row: u32| row as usize >= reference.len().div_ceil(2);
    let mut random = Random(seed);
    let forest: Vec<Node> = (0..TREES)
        .map(|_| {
            let all: Vec<u32> = (0..rows.len() as u32).collect();
            grow(&rows, all, &is_current, DEPTH, &mut random)
        })
        .collect();
    let scores = |rows: Vec<Vec<u16>>| -> Vec<f64> {
        let score = |row: &Vec<u16>| forest.iter().map(|tree| tree.share(row)).sum();
        rows.iter().map(score).collect()
    };
    let (auc, p_value) = area(&scores(half(reference, 1)), &scores(half(current, 1)));
    Some(DomainClassifier {
        auc,
        p_value,
        rows: [reference.len(), current.len()],
    })
}

enum Node {
    Leaf(f64),
    Split {
        column: usize,
        at: u16,
        below: Box<Node>,
        above: Box<Node>,
    },
}

impl Node {
    /// The share of current rows in the leaf that a row falls into.
    fn share(&self, row: &[u16]) -> f64 {
        let mut node = self;
        loop {
            match node {
                Self::Leaf(share) => return *share,
                Self::Split {
                    column,
                    at,
                    below,
                    above,
                } => {
                    node = if row[*column] <= *at { below } else { above };
                }
            }
        }
    }
}

fn grow(
    rows: &[Vec<u16>],
    here: Vec<u32>,
    is_current: &impl Fn(u32) -> bool,
    depth: u32,
    random: &mut Random,
) -> Node {
    let current = here.iter().filter(|row| is_current(**row)).count();
    // Each leaf begins with one row of each batch.
    let share = (current as f64 + 1.0) / (here.len() as f64 + 2.0);
    if depth == 0 || here.len() < 2 * LEAST_ROWS || current == 0 || current == here.len() {
        return Node::Leaf(share);
    }
    let mut best: Option<(f64, usize, u16)> = None;
    for _ in 0..TRIES {
        let column = random.below(rows[0].len());
        let value = |row: &u32| rows[*row as usize][column];
        let (Some(low), Some(high)) = (here.iter().map(value).min(), here.iter().map(value).max())
        else {
            continue;
        };
        if low == high {
            continue;
        }
        let at = low + random.below(usize::from(high - low)) as u16;
        let (mut below, mut current_below) = (0.0, 0.0);
        for row in here.iter().filter(|row| value(row) <= at) {
            below += 1.0;
            current_below += f64::from(u8::from(is_current(*row)));
        }
        let above = here.len() as f64 - below;
        let current_above = current as f64 - current_below;
        if below < LEAST_ROWS as f64 || above < LEAST_ROWS as f64 {
            continue;
        }
        // What is left of the Gini impurity, smaller is better.
        let gini = |n: f64, k: f64| k * (n - k) / n;
        let left = gini(below, current_below) + gini(above, current_above);
        if best.is_none_or(|(least, _, _)| left < least) {
            best = Some((left, column, at));
        }
    }
    let Some((_, column, at)) = best else {
        return Node::Leaf(share);
    };
    let (low, high): (Vec<u32>, Vec<u32>) = here
        .into_iter()
        .partition(|row| rows[*row as usize][column] <= at);
    Node::Split {
        column,
        at,
        below: Box::new(grow(rows, low, is_current, depth - 1, random)),
        above: Box::new(grow(rows, high, is_current, depth - 1, random)),
    }
}

/// The area under the ROC curve of two lists of scores, and its one-sided p-value.
#[must_use]
pub fn area(reference: &[f64], current: &[f64]) -> (f64, f64) {
    let (n, m) = (reference.len() as f64, current.len() as f64);
    let mut all: Vec<(f64, bool)> = reference.iter().map(|s| (*s, false)).collect();
    all.extend(current.iter().map(|s| (*s, true)));
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut pairs, mut ties) = (0.0, 0.0, 0.0);
    for tie in all.chunk_by(|a, b| a.0 == b.0) {
        let of_current = tie.iter().filter(|score| score.1).count() as f64;
        let of_reference = tie.len() as f64 - of_current;
        pairs += of_current * (below + of_reference / 2.0);
        below += of_reference;
        ties += (tie.len() as f64).powi(3) - tie.len() as f64;
    }
    let all = n + m;
    let variance = n * m / 12.0 * (all + 1.0 - ties / (all * (all - 1.0)));
    let deviation = variance.sqrt();
    let z = if deviation > 0.0 {
        (pairs - n * m / 2.0) / deviation
    } else {
        0.0
    };
    (pairs / (n * m), erfc(z / std::f64::consts::SQRT_2) / 2.0)
}
