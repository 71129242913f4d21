//! Profiles as the splits of a forest see them.

use super::codes::MISSING;
use crate::forest::{Bins, Forest};

/// Which profiles have which values: a bit for each.
#[derive(Debug)]
pub(super) struct Seen {
    /// Of each number and each of its cuts, the profiles above it; of each category and each of
    /// its codes, those that have it.
    pub(super) parts: Vec<Vec<u64>>,
    /// Of each feature, those that have a value.
    pub(super) present: Vec<u64>,
}

impl Seen {
    /// `codes` are those of `profiles` profiles, one after another.
    pub(super) fn new(forest: &Forest, codes: &[u32], profiles: usize) -> Self {
        let (mut parts, mut all_present) = (Vec::new(), Vec::new());
        for (feature, bins) in forest.features.iter().enumerate() {
            let (count, is_number) = match bins {
                Bins::Cuts(cuts) => (cuts.len(), true),
                Bins::Categories(count) => (*count as usize + 1, false),
            };
            let (mut part, mut present) = (vec![0; count], 0);
            for (profile, row) in codes.chunks(codes.len() / profiles).enumerate() {
                if row[feature] == MISSING {
                    continue;
                }
                let code = row[feature] as usize;
                let (from, to) = if is_number {
                    (0, code)
                } else {
                    (code, code + 1)
                };
                for profiles in &mut part[from..to] {
                    *profiles |= 1 << profile;
                }
                present |= 1 << profile;
            }
            parts.push(part);
            all_present.push(present);
        }
        Self {
            parts,
            present: all_present,
        }
    }
}
