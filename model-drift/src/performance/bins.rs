//! Rows by score, for the area under the ROC curve: each score has a bin of its own up to
//! [`CAPACITY`] different ones. Beyond that, scores that are nearly alike share one.
//!
//! A score p becomes an integer of the same order, the bits of the smaller of p and 1 - p, so that
//! bins are as fine near 1 as near 0; its lowest `shift` bits are cut off. `shift` is the smallest
//! at which all scores need at most [`CAPACITY`] bins. As in a sketch's numbers, that depends on the
//! scores alone, not on their order.

use std::collections::BTreeMap;

use super::sum::Sum;

/// The most bins.
const CAPACITY: usize = 16_384;

/// What the rows of a bin weigh together.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bin {
    /// Those with a label, positive.
    positive: Sum,
    /// The same, negative.
    negative: Sum,
    /// All, each times its probability.
    expected_positive: Sum,
    /// All, each times the probability that it is negative.
    expected_negative: Sum,
}

/// Bins in the order of their scores.
#[derive(Debug, Clone, Default)]
pub(super) struct Bins {
    shift: u32,
    bins: BTreeMap<u64, Bin>,
}

impl Bin {
    /// A single row.
    pub(super) fn row(probability: f64, label: Option<bool>, weight: f64) -> Self {
        let mut row = Self::default();
        match label {
            Some(true) => row.positive.add(weight),
            Some(false) => row.negative.add(weight),
            None => {}
        }
        row.expected_positive.add(weight * probability);
        row.expected_negative.add(weight * (1.0 - probability));
        row
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.positive.merge(other.positive);
        self.negative.merge(other.negative);
        self.expected_positive.merge(other.expected_positive);
        self.expected_negative.merge(other.expected_negative);
    }

    /// The weights of positive and of negative rows, by their labels.
    pub(super) fn labeled(&self) -> [f64; 2] {
        [self.positive.total(), self.negative.total()]
    }

    /// The same as calibrated scores have it.
    pub(super) fn expected(&self) -> [f64; 2] {
        let [positive, negative] = [self.expected_positive, self.expected_negative];
        [positive.total(), negative.total()]
    }
}

impl Bins {
    pub(super) fn add(&mut self, probability: f64, row: &Bin) {
        let key = key(probability) >> self.shift;
        self.bins.entry(key).or_default().add(row);
        self.shrink();
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.coarsen(other.shift);
        let further = self.shift - other.shift;
        for (key, bin) in &other.bins {
            self.bins.entry(key >> further).or_default().add(bin);
        }
        self.shrink();
    }

    /// The area under the ROC curve: the share of pairs of a positive and a negative row, by
    /// weight, in which the positive one has the higher score. Pairs of one bin count half, so
    /// it is off by at most half their share.
    pub(super) fn area(&self, classes: impl Fn(&Bin) -> [f64; 2]) -> f64 {
        let (mut negatives, mut positives, mut doubled_pairs) = (0.0, 0.0, 0.0);
        for bin in self.bins.values() {
            let [positive, negative] = classes(bin);
            doubled_pairs += positive * (2.0 * negatives + negative);
            negatives += negative;
            positives += positive;
        }
        doubled_pairs / (2.0 * positives * negatives)
    }

    /// Cuts off as few bits as leave at most [`CAPACITY`] bins.
    fn shrink(&mut self) {
        if self.bins.len() <= CAPACITY {
            return;
        }
        // Two neighbors share a bin from the shift on that cuts off all bits in which they differ.
        let mut apart = [0; u64::BITS as usize + 1];
        for (one, next) in self.bins.keys().zip(self.bins.keys().skip(1)) {
            apart[(u64::BITS - (one ^ next).leading_zeros()) as usize] += 1;
        }
        let (mut bins, mut further) = (self.bins.len(), 0);
        while bins > CAPACITY {
            further += 1;
            bins -= apart[further];
        }
        self.coarsen(self.shift + further as u32);
    }

    fn coarsen(&mut self, shift: u32) {
        if shift <= self.shift {
            return;
        }
        let further = shift - self.shift;
        for (key, bin) in std::mem::take(&mut self.bins) {
            self.bins.entry(key >> further).or_default().add(&bin);
        }
        self.shift = shift;
    }
}

/// An integer that orders as the probability does.
fn key(probability: f64) -> u64 {
    // From a half on, 1 - p is exact. -0 and 0 are one score.
    if probability < 0.5 {
        probability.abs().to_bits()
    } else {
        2 * 0.5f64.to_bits() - (1.0 - probability).to_bits()
    }
}
