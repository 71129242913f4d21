//! Rows as the splits of a forest see them, and the numbers of bits.

use crate::forest::{Bins, Forest, Node, category_code};

/// The code of a missing value.
pub(super) const MISSING: u32 = u32::MAX;

/// Appends a row's codes: of a number, how many of its feature's cuts lie below it; of a
/// category, its bin. Two rows with the same codes reach the same leaves.
#[inline(never)]
pub(super) fn add_codes(forest: &Forest, row: &[f64], codes: &mut Vec<u32>) {
    for (bins, value) in forest.features.iter().zip(row) {
        codes.push(code(bins, *value));
    }
}

/// The code of one value.
#[inline(never)]
pub(super) fn code(bins: &Bins, value: f64) -> u32 {
    match bins {
        _ if value.is_nan() => MISSING,
        Bins::Cuts(cuts) => cuts.partition_point(|cut| *cut < value) as u32,
        Bins::Categories(count) => category_code(value, *count),
    }
}

/// Whether a code goes to the left of a split of its feature.
#[inline]
pub(super) fn goes_left(forest: &Forest, node: &Node, code: u32) -> bool {
    let Node::Split {
        feature,
        split,
        missing_left,
        ..
    } = *node
    else {
        return false;
    };
    if code == MISSING {
        return missing_left;
    }
    match &forest.features[usize::from(feature)] {
        Bins::Cuts(_) => code <= split,
        Bins::Categories(_) => forest.category_sets[split as usize].contains(code),
    }
}

/// The numbers of the bits that are 1, ascending.
pub(super) fn ones(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let next = (bits != 0).then(|| bits.trailing_zeros() as usize);
        bits &= bits.wrapping_sub(1);
        next
    })
}

/// The feature and the cut or set of a split; none of a leaf.
pub(super) fn question(node: &Node) -> Option<(usize, u32)> {
    match *node {
        Node::Split { feature, split, .. } => Some((usize::from(feature), split)),
        Node::Leaf { .. } => None,
    }
}
