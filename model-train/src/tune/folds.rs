//! Parts of the training rows for cross-validation.

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::split::Split;

/// Deals the rows of each class, shuffled by the seed, to `folds` parts in turn. Each part
/// is measured once by what is learned from the others: as many splits, whose `test` are the
/// rows of the part. The same rows, number and seed give the same splits.
///
/// None where a class has fewer than `folds` rows, or `folds` is below 2.
#[must_use]
pub fn stratified_folds(
    target: &[bool],
    rows: &[usize],
    folds: usize,
    seed: u64,
) -> Option<Vec<Split>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut part = vec![None; target.len()];
    let mut next = 0;
    for class in [false, true] {
        let mut members: Vec<usize> = rows
            .iter()
            .copied()
            .filter(|&row| target[row] == class)
            .collect();
        if folds < 2 || members.len() < folds {
            return None;
        }
        members.shuffle(&mut rng);
        for row in members {
            part[row] = Some(next % folds);
            next += 1;
        }
    }
    let split = |fold| {
        let (test, train) = rows.iter().partition(|&&row| part[row] == Some(fold));
        Split { train, test }
    };
    Some((0..folds).map(split).collect())
}

/// Training rows below which one deal of the folds tells too little: with so many times as many
/// folds, trials are compared on as many rows again.
const FEW: [(usize, usize); 1] = [(2_000, 2)];

/// How many times the rows are dealt to folds in a search.
#[must_use]
pub fn repeats(rows: usize) -> usize {
    let few = FEW.into_iter().find(|(most, _)| rows < *most);
    few.map_or(1, |(_, repeats)| repeats)
}

/// [`stratified_folds`], dealt several times, each time by a seed of its own; the first deal is
/// that of `seed` itself.
#[must_use]
pub fn repeated_folds(
    target: &[bool],
    rows: &[usize],
    folds: usize,
    repeats: usize,
    seed: u64,
) -> Option<Vec<Split>> {
    let deals = (0..repeats as u64).map(|deal| {
        // Seeds next to each other are those of other runs.
        let seed = seed.wrapping_add(deal.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        stratified_folds(target, rows, folds, seed)
    });
    let deals: Option<Vec<_>> = deals.collect();
    deals.map(|deals| deals.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_is_measured_once_and_classes_are_spread() {
        let target: Vec<bool> = (0..103).map(|row| row % 4 == 0).collect();
        let rows: Vec<usize> = (3..103).collect();
        let folds = stratified_folds(&target, &rows, 5, 1).unwrap();
        let mut measured: Vec<usize> = folds.iter().flat_map(|split| split.test.clone()).collect();
        measured.sort_unstable();
        assert_eq!(measured, rows);
        for split in &folds {
            let mut all = [&split.train[..], &split.test[..]].concat();
            all.sort_unstable();
            assert_eq!(all, rows);
            assert_eq!(split.test.iter().filter(|&&row| target[row]).count(), 5);
        }
        assert_ne!(folds, stratified_folds(&target, &rows, 5, 2).unwrap());
    }

    #[test]
    fn a_class_must_reach_every_fold() {
        let target = [true, true, false, false, false];
        assert!(stratified_folds(&target, &[0, 1, 2, 3, 4], 2, 1).is_some());
        assert!(stratified_folds(&target, &[0, 1, 2, 3, 4], 3, 1).is_none());
    }
}
