//! Rows as the splits of a forest see them.

use crate::forest::{Bins, Forest, Node, category_code};

/// The code of a missing value.
pub(super) const MISSING: u32 = u32::MAX;

/// A row's codes: of a number, how many of its feature's cuts lie below it; of a category, its
/// bin. Two rows with the same codes reach the same leaves.
pub(super) fn coded(forest: &Forest, row: &[f64], codes: &mut Vec<u32>) {
    codes.clear();
    codes.extend(
        forest
            .features
            .iter()
            .zip(row)
            .map(|(bins, &value)| code(bins, value)),
    );
}

/// The code of one value.
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
