//! The entries of trees: for each leaf, the distinct sets of features in which profiles miss it.

use super::bins::{FEATURES, Local};
use super::codes::ones;
use crate::forest::Node;

/// A leaf, and the features of its tree in which profiles miss it. The entries of a leaf stand
/// side by side in one word of a mask.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Entry {
    pub(super) misses: u32,
    pub(super) leaf: u16,
    /// The bit of the leaf's last entry.
    pub(super) last: u16,
    /// What the leaf counts, times the weight of these profiles.
    pub(super) value: f64,
}

/// The entries of each leaf of a tree, in the order of their first profiles, and the bits that
/// they have in masks. `missing` has, for each feature and each leaf, the profiles that miss
/// it there; `weight` is what a leaf counts, `weights` what the profiles count.
pub(super) fn entries(
    nodes: &[Node],
    missing: &[u64],
    weights: &[f64],
    weight: f64,
) -> (Vec<Entry>, Vec<u64>) {
    let leaves = nodes.len() / 2 + 1;
    let mut entries = Vec::new();
    let (mut words, mut missed, mut of_leaf) = (Vec::new(), Vec::new(), Vec::new());
    let mut leaf = 0;
    for node in nodes {
        let Node::Leaf { value, .. } = *node else {
            continue;
        };
        missed.clear();
        for (nth, missing) in missing.chunks(leaves).enumerate() {
            if missing[leaf] != 0 {
                missed.push((1 << nth, missing[leaf]));
            }
        }
        of_leaf.clear();
        part(value, &missed, weights, &mut of_leaf);
        // Behind the word that was begun, where there is no room for all of them.
        let mut bit = entries.len() % 64;
        if bit + of_leaf.len() > 64 {
            let empty = Entry {
                last: 63,
                ..Entry::default()
            };
            entries.resize(entries.len() + 64 - bit, empty);
            bit = 0;
        }
        if bit == 0 {
            words.push(0);
        }
        if let Some(word) = words.last_mut() {
            *word |= u64::MAX >> (64 - of_leaf.len()) << bit;
        }
        let last = bit + of_leaf.len() - 1;
        for entry in &mut of_leaf {
            (entry.leaf, entry.last) = (leaf as u16, last as u16);
            entry.value *= weight;
        }
        entries.extend_from_slice(&of_leaf);
        leaf += 1;
    }
    entries.shrink_to_fit();
    (entries, words)
}

/// Adds an entry for each set of profiles that miss a leaf of this value in the same features.
/// `missed` are the features in which some profile misses it, each with those that do.
fn part(value: f64, missed: &[(u32, u64)], weights: &[f64], entries: &mut Vec<Entry>) {
    // Profiles that are in no entry yet.
    let mut rest = u64::MAX >> (64 - weights.len());
    while rest != 0 {
        let profile = rest.trailing_zeros();
        let (mut alike, mut misses) = (rest, 0);
        for (feature, missing) in missed {
            // All ones where this one misses the leaf; alike are those that do as it does.
            let does = (missing >> profile & 1).wrapping_neg();
            alike &= !(missing ^ does);
            misses |= feature & does as u32;
        }
        rest ^= alike;
        // What is added to -0 is the sum, were it 0.
        let mut sum = -0.0;
        for profile in ones(alike) {
            sum += value * weights[profile];
        }
        entries.push(Entry {
            misses,
            value: sum,
            ..Entry::default()
        });
    }
}

/// Takes the entries that miss their leaf in a feature out of the masks of the bins that miss it
/// too.
pub(super) fn strike_out(
    features: &[Local],
    entries: &[Entry],
    boxes: &[u64],
    masks: &mut [u64],
    stride: usize,
) {
    let mut begin = 0;
    while let Some(first) = entries.get(begin) {
        // The entries of the leaf that miss it in each feature.
        let mut lost = [0_u64; FEATURES];
        let (bit, last) = (begin % 64, usize::from(first.last));
        for (bit, entry) in (bit..=last).zip(&entries[begin..]) {
            for nth in ones(u64::from(entry.misses)) {
                lost[nth % FEATURES] |= 1 << bit;
            }
        }
        let mut of_bins = boxes;
        for (lost, local) in lost.iter().zip(features) {
            let (here, rest) = of_bins.split_at(local.count());
            of_bins = rest;
            if *lost == 0 {
                continue;
            }
            let word = local.first_mask + 1 + begin / 64;
            for (leaves, mask) in here.iter().zip(masks[word..].iter_mut().step_by(stride)) {
                // All ones where the bin misses the leaf.
                let is_outside = (leaves >> first.leaf & 1).wrapping_sub(1);
                *mask &= !(lost & is_outside);
            }
        }
        begin += last + 1 - bit;
    }
}
