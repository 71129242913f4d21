//! Dealing rows to parts so that a group stays in one part.

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// What is dealt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    /// For each row of the data whether the outcome is positive.
    pub(crate) target: &'a [bool],
    /// For each row of the data the number of its group.
    pub(crate) groups: &'a [u32],
    /// The rows to deal.
    pub(crate) rows: &'a [usize],
}

/// For each row the part that its group was dealt to. The groups are shuffled by the seed, and
/// then dealt, the largest first, each to the part that lacks its outcomes most: to the one
/// where the sum over both outcomes of `(rows of the part / rows of the outcome)²` grows least
/// (as scikit-learn's `StratifiedGroupKFold` evens out the parts).
pub(crate) fn deal(rows: Rows<'_>, parts: usize, seed: u64) -> Vec<usize> {
    let groups = rows.rows.iter().map(|&row| rows.groups[row] as usize);
    let count = groups.clone().max().map_or(0, |most| most + 1);
    let mut outcomes = vec![[0usize; 2]; count];
    let mut totals = [0usize; 2];
    for (&row, group) in rows.rows.iter().zip(groups.clone()) {
        let outcome = usize::from(rows.target[row]);
        outcomes[group][outcome] += 1;
        totals[outcome] += 1;
    }
    let has_rows = |group: &usize| outcomes[*group] != [0, 0];
    let mut order: Vec<usize> = (0..count).filter(has_rows).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    // A stable sort: groups of one size stay shuffled.
    order.sort_by_key(|&group| std::cmp::Reverse(outcomes[group][0] + outcomes[group][1]));
    let mut filled = vec![[0usize; 2]; parts];
    let mut part_of = vec![0; count];
    for group in order {
        let added = outcomes[group];
        let grows = |part: &[usize; 2]| -> f64 {
            let of_outcome = |outcome: usize| {
                let total = totals[outcome].max(1) as f64;
                let (before, added) = (part[outcome] as f64, added[outcome] as f64);
                added * (2.0 * before + added) / (total * total)
            };
            of_outcome(0) + of_outcome(1)
        };
        let parts = filled.iter().enumerate();
        let best = parts.min_by(|a, b| grows(a.1).total_cmp(&grows(b.1)));
        let best = best.map_or(0, |(part, _)| part);
        part_of[group] = best;
        for outcome in [0, 1] {
            filled[best][outcome] += added[outcome];
        }
    }
    groups.map(|group| part_of[group]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_stay_together_and_outcomes_are_spread() {
        // 300 groups of a few rows, a fifth of the rows positive.
        let mixed = |row: u64| row.wrapping_mul(6_364_136_223_846_793_005) >> 33;
        let groups: Vec<u32> = (0..900).map(|row| (mixed(row) % 300) as u32).collect();
        let target: Vec<bool> = (0..900).map(|row| row % 5 == 0).collect();
        let rows: Vec<usize> = (0..900).collect();
        let of = Rows {
            target: &target,
            groups: &groups,
            rows: &rows,
        };
        let parts = deal(of, 5, 1);
        assert_eq!(parts, deal(of, 5, 1));
        assert_ne!(parts, deal(of, 5, 2));
        for group in 0..300 {
            let of_group = rows.iter().filter(|&&row| groups[row] == group);
            let mut parts: Vec<usize> = of_group.map(|&row| parts[row]).collect();
            parts.dedup();
            assert!(parts.len() <= 1, "group {group} is in {parts:?}");
        }
        for part in 0..5 {
            let of_part = |row: &&usize| parts[**row] == part;
            let all = rows.iter().filter(of_part).count();
            let yes = rows.iter().filter(of_part).filter(|&&row| target[row]);
            assert!((150..=210).contains(&all), "{all} rows");
            assert!((28..=44).contains(&yes.count()));
        }
    }
}
