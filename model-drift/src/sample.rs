//! Two samples of one column, counted by value: what every method compares.

use crate::sketch::{Bucket, Categories, Numbers};

/// A number in two samples; the three lists are of one length, values ascending.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NumberPair {
    /// What stands for each bucket: the number itself where counting was exact.
    pub values: Vec<f64>,
    /// How often it is in the reference.
    pub reference: Vec<u64>,
    /// How often it is in the current batch.
    pub current: Vec<u64>,
    /// The buckets' ends, for bins that must not cut one in two.
    pub buckets: Vec<Bucket>,
}

impl NumberPair {
    /// Both at the coarser one's resolution.
    #[must_use]
    pub fn new(reference: &Numbers, current: &Numbers) -> Self {
        let mut pair = Self::default();
        for (bucket, count) in reference.aligned(current) {
            pair.values.push(bucket.middle());
            pair.reference.push(bucket.count);
            pair.current.push(count);
            pair.buckets.push(bucket);
        }
        pair
    }

    /// From numbers themselves; NaN and infinities are left out.
    #[must_use]
    pub fn of(reference: &[f64], current: &[f64]) -> Self {
        let numbers = |values: &[f64]| {
            let mut numbers = Numbers::new(usize::MAX);
            values
                .iter()
                .filter(|v| v.is_finite())
                .for_each(|v| numbers.push(*v));
            numbers
        };
        Self::new(&numbers(reference), &numbers(current))
    }
}

/// A category in two samples; the three lists are of one length, labels ascending.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CategoryPair {
    /// The texts.
    pub labels: Vec<String>,
    /// How often each is in the reference.
    pub reference: Vec<u64>,
    /// How often each is in the current batch.
    pub current: Vec<u64>,
}

/// What the texts that are not counted by name are called.
pub const OTHERS: &str = "(all others)";

impl CategoryPair {
    /// Over the texts that both count by name; the others of both share one label.
    #[must_use]
    pub fn new(reference: &Categories, current: &Categories) -> Self {
        let mut pair = Self::default();
        let (named, rest) = reference.aligned(current);
        for (label, r, c) in named {
            pair.push(label, r, c);
        }
        if rest != [0, 0] {
            pair.push(OTHERS.to_owned(), rest[0], rest[1]);
        }
        pair
    }

    fn push(&mut self, label: String, reference: u64, current: u64) {
        self.labels.push(label);
        self.reference.push(reference);
        self.current.push(current);
    }
}

/// The sum of counts, as a number to divide by.
#[must_use]
pub fn total(counts: &[u64]) -> f64 {
    counts.iter().sum::<u64>() as f64
}

/// Counts as shares of their sum.
#[must_use]
pub fn shares(counts: &[u64]) -> Vec<f64> {
    let total = total(counts);
    counts.iter().map(|count| *count as f64 / total).collect()
}
