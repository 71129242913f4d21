//! Clusters of a group, and the medians and modes of each.
//!
//! The group is cut in two again and again, each time the cluster and the input where that
//! separates most of what counts for the model, never below [`LEAST`] rows. Every cluster on
//! the way is a candidate.

use std::collections::{BTreeMap, BTreeSet};

use model_core::schema::{FeatureKind, Schema};

use crate::prepare::Prepared;

/// Least rows of a cluster: a profile says nothing about fewer people.
pub(super) const LEAST: usize = 15;
/// Clusters at the end.
const CLUSTERS: usize = 40;

/// A cluster's profile.
pub(super) struct Candidate {
    /// A value for each input.
    pub(super) profile: Vec<f64>,
    /// Rows of the cluster.
    pub(super) rows: usize,
}

/// The best cut of a cluster.
struct Cut {
    gain: f64,
    sides: [Vec<usize>; 2],
}

/// The candidates of a group. `importance` has a number for each input; a profile that is a
/// training row of `everybody` is left out unless [`LEAST`] of them are the same.
pub(super) fn candidates(
    schema: &Schema,
    members: &[Vec<f64>],
    importance: &[f64],
    everybody: &Prepared,
) -> Vec<Candidate> {
    let kinds: Vec<&FeatureKind> = schema.inputs().map(|feature| &feature.kind).collect();
    let ranks = ranks(members, kinds.len());
    let mut seen = BTreeSet::new();
    let mut candidates = Vec::new();
    let mut add = |rows: &[usize]| {
        if let Some(profile) = profile(&kinds, members, rows, everybody)
            && seen.insert(bits(&profile))
        {
            let rows = rows.len();
            candidates.push(Candidate { profile, rows });
        }
    };
    let all: Vec<usize> = (0..members.len()).collect();
    add(&all);
    // Once by what counts for the model, once by every input alike: inputs that count little
    // still tell people apart.
    for importance in [importance, &vec![1.0; kinds.len()]] {
        let cut_of = |rows: &[usize]| best_cut(&kinds, members, &ranks, rows, importance);
        let mut clusters: Vec<Option<Cut>> = vec![cut_of(&all)];
        for _ in 1..CLUSTERS {
            let best = (0..clusters.len())
                .filter_map(|nth| Some((nth, clusters[nth].as_ref()?.gain)))
                .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
            let Some(cut) = best.and_then(|(nth, _)| clusters[nth].take()) else {
                break;
            };
            for side in &cut.sides {
                add(side);
                clusters.push(cut_of(side));
            }
        }
    }
    candidates
}

fn bits(row: &[f64]) -> Vec<u64> {
    row.iter().map(|value| value.to_bits()).collect()
}

/// For each input and row, the share of rows with a smaller value; missing values are smallest.
fn ranks(members: &[Vec<f64>], inputs: usize) -> Vec<Vec<f64>> {
    (0..inputs)
        .map(|input| {
            let mut sorted: Vec<f64> = members.iter().map(|row| order(row[input])).collect();
            sorted.sort_by(f64::total_cmp);
            let rank = |row: &Vec<f64>| {
                let below = sorted.partition_point(|value| *value < order(row[input]));
                below as f64 / members.len() as f64
            };
            members.iter().map(rank).collect()
        })
        .collect()
}

fn order(value: f64) -> f64 {
    if value.is_nan() {
        f64::NEG_INFINITY
    } else {
        value
    }
}

/// The cut that separates most; `None` where no input has two sides of [`LEAST`] rows.
fn best_cut(
    kinds: &[&FeatureKind],
    members: &[Vec<f64>],
    ranks: &[Vec<f64>],
    rows: &[usize],
    importance: &[f64],
) -> Option<Cut> {
    let mut best: Option<Cut> = None;
    for (input, kind) in kinds.iter().enumerate() {
        let (spread, sides) = match kind {
            FeatureKind::Category(_) => by_mode(members, rows, input),
            _ => by_middle(&ranks[input], rows),
        };
        let gain = importance[input] * spread * rows.len() as f64;
        let large = sides.iter().all(|side| side.len() >= LEAST);
        if large && gain > best.as_ref().map_or(0.0, |cut| cut.gain) {
            best = Some(Cut { gain, sides });
        }
    }
    best
}

/// The most frequent category beside the others; the spread is the probability that two rows
/// are on different sides.
fn by_mode(members: &[Vec<f64>], rows: &[usize], input: usize) -> (f64, [Vec<usize>; 2]) {
    let mode = mode(rows.iter().map(|row| members[*row][input]));
    let sides = split(rows, |row| members[row][input].to_bits() == mode.to_bits());
    let share = sides[0].len() as f64 / rows.len() as f64;
    (2.0 * share * (1.0 - share), sides)
}

/// Those up to the middle beside those above; the spread is that of the ranks.
fn by_middle(ranks: &[f64], rows: &[usize]) -> (f64, [Vec<usize>; 2]) {
    let mut sorted: Vec<f64> = rows.iter().map(|row| ranks[*row]).collect();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted[(sorted.len() - 1) / 2];
    let mut sides = split(rows, |row| ranks[row] <= middle);
    if sides[1].len() < LEAST {
        // Many have the middle value, and it is the greatest: cut below it.
        sides = split(rows, |row| ranks[row] < middle);
    }
    let count = rows.len() as f64;
    let mean = sorted.iter().sum::<f64>() / count;
    let squares: f64 = sorted
        .iter()
        .map(|rank| (rank - mean) * (rank - mean))
        .sum();
    (squares / count, sides)
}

fn split(rows: &[usize], first: impl Fn(usize) -> bool) -> [Vec<usize>; 2] {
    let (one, other) = rows.iter().partition(|row| first(**row));
    [one, other]
}

/// Medians of numbers, modes of all else. Where that is the row of fewer than [`LEAST`] people,
/// a number is moved towards its neighbours; `None` where no number can be.
fn profile(
    kinds: &[&FeatureKind],
    members: &[Vec<f64>],
    rows: &[usize],
    everybody: &Prepared,
) -> Option<Vec<f64>> {
    let column = |input: usize| rows.iter().map(move |row| members[*row][input]);
    let middle = |(input, kind): (usize, &&FeatureKind)| match kind {
        FeatureKind::Number(_) | FeatureKind::Integer(_) => median(column(input)),
        FeatureKind::Boolean | FeatureKind::Category(_) => mode(column(input)),
    };
    let profile: Vec<f64> = kinds.iter().enumerate().map(middle).collect();
    if !is_somebody(&profile, everybody) {
        return Some(profile);
    }
    for (input, kind) in kinds.iter().enumerate() {
        if let FeatureKind::Number(_) = kind {
            let value = profile[input];
            let above = column(input).filter(|other| *other > value);
            let next = above.fold(f64::INFINITY, f64::min);
            let mut moved = profile.clone();
            moved[input] = value + (next - value) / 2.0;
            if moved[input].is_finite() && moved[input] < next && !is_somebody(&moved, everybody) {
                return Some(moved);
            }
        }
    }
    None
}

/// Whether a profile is the row of some training rows, but of fewer than [`LEAST`]. The rows are
/// gone through each time: a table of them would take more memory than all columns.
fn is_somebody(profile: &[f64], everybody: &Prepared) -> bool {
    let is_same = |row: &&usize| {
        let mut values = everybody.columns.iter().zip(profile);
        values.all(|(column, value)| column[**row].to_bits() == value.to_bits())
    };
    let same = everybody.split.train.iter().filter(is_same);
    (1..LEAST).contains(&same.take(LEAST).count())
}

/// The lower of two middle ones; missing where most are.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    let missing = sorted.iter().filter(|value| value.is_nan()).count();
    if 2 * missing > sorted.len() {
        return f64::NAN;
    }
    sorted.retain(|value| !value.is_nan());
    sorted.sort_by(f64::total_cmp);
    sorted
        .get(sorted.len().saturating_sub(1) / 2)
        .copied()
        .unwrap_or(f64::NAN)
}

/// The most frequent value, the smallest of equals.
fn mode(values: impl Iterator<Item = f64>) -> f64 {
    let mut counts: BTreeMap<u64, (usize, f64)> = BTreeMap::new();
    for value in values {
        counts.entry(value.to_bits()).or_insert((0, value)).0 += 1;
    }
    let best = counts
        .values()
        .reduce(|best, other| if other.0 > best.0 { other } else { best });
    best.map_or(f64::NAN, |(_, value)| *value)
}
