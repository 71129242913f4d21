//! The bins of numbers: up to 64 with about equally many rows of the reference, and those of which
//! it has none: between two of these where there is room, and on both sides by how far beyond. So
//! values that the reference does not have are not counted as some that it has.

use std::f64::consts::FRAC_1_SQRT_2;

use crate::sketch::{Bucket, Numbers};

/// Bins with rows of the reference, at most.
pub(crate) const MOST: usize = 64;
/// Where the nearest bin beyond the reference ends, in lengths of its range.
const NEAREST: f64 = 1.0 / 16.0;
/// How many more there are on a side, each twice as far as the one before: up to 1,024 lengths, and
/// the last without an end.
const DOUBLINGS: usize = 15;
/// Values of bins without rows of the reference, at most: of those between two others, of those
/// beyond on both sides, and one more for each end of the schema's range, which divides a bin.
pub(crate) const EMPTY: usize = MOST - 1 + 2 * (1 + DOUBLINGS) + 2;

#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Ranges {
    bins: Vec<Bin>,
    /// The upper ends of all but the last: a number falls into the first that is not below it.
    edges: Vec<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Bin {
    lower: f64,
    upper: f64,
    /// What a row in it counts as.
    stands_for: f64,
}

impl Bin {
    /// One without rows of the reference.
    fn empty(lower: f64, upper: f64) -> Self {
        Self {
            lower,
            upper,
            stands_for: (lower / 2.0 + upper / 2.0).clamp(lower, upper.max(lower)),
        }
    }
}

impl Ranges {
    pub(super) fn new(numbers: &Numbers) -> Self {
        let reference = equal_bins(numbers);
        let (Some(first), Some(last)) = (reference.first(), reference.last()) else {
            return Self::default();
        };
        let mut bins: Vec<Bin> = below(first.lower, last.upper).into_iter().rev().collect();
        bins.push(*first);
        for (before, bin) in reference.iter().zip(&reference[1..]) {
            let (lower, upper) = (before.upper.next_up(), bin.lower.next_down());
            if lower <= upper {
                bins.push(Bin::empty(lower, upper));
            }
            bins.push(*bin);
        }
        bins.extend(above(first.lower, last.upper));
        let (_, ended) = bins.split_last().unwrap_or((first, &[]));
        Self {
            edges: ended.iter().map(|bin| bin.upper).collect(),
            bins,
        }
    }

    /// How many there are, one at least.
    pub(super) fn len(&self) -> usize {
        self.bins.len().max(1)
    }

    /// The bin of a number.
    pub(super) fn of(&self, number: f64) -> usize {
        self.edges.partition_point(|edge| *edge < number)
    }

    /// Calls `count` with a number for some rows of a sketch at a time, and how many. A bucket that is
    /// wider than one of the reference is divided as the reference's rows in it are: where in it its
    /// own rows lie is not known.
    pub(super) fn each(sketch: &Numbers, reference: &Numbers, mut count: impl FnMut(f64, u64)) {
        let known = reference.buckets();
        for bucket in sketch.buckets() {
            let from = known.partition_point(|one| one.upper < bucket.lower);
            let inside = &known[from..];
            let inside = &inside[..inside.partition_point(|one| one.lower <= bucket.upper)];
            let rows: u64 = inside.iter().map(|one| one.count).sum();
            let (mut seen, mut counted) = (0, 0);
            for one in inside {
                seen += one.count;
                let until = u128::from(bucket.count) * u128::from(seen) / u128::from(rows);
                count(one.upper, until as u64 - counted);
                counted = until as u64;
            }
            if inside.is_empty() {
                count(bucket.middle(), bucket.count);
            }
        }
    }

    pub(super) fn stands_for(&self, bin: usize) -> f64 {
        self.bins.get(bin).map_or(0.0, |bin| bin.stands_for)
    }

    /// The same of rows that are between these, which a bin may reach beyond.
    pub(super) fn stands_between(&self, bin: usize, lower: f64, upper: f64) -> f64 {
        let stands_for = self.stands_for(bin);
        match self.bins.get(bin) {
            Some(bin) if !(lower..=upper).contains(&stands_for) => {
                Bin::empty(bin.lower.max(lower), bin.upper.min(upper)).stands_for
            }
            _ => stands_for,
        }
    }
}

/// Up to [`MOST`] with about equally many rows.
fn equal_bins(numbers: &Numbers) -> Vec<Bin> {
    let share = numbers.total().div_ceil(MOST as u64).max(1);
    let (mut bins, mut some) = (Vec::new(), Vec::new());
    let mut rows = 0;
    let buckets = numbers.buckets();
    for (at, bucket) in buckets.iter().enumerate() {
        rows += bucket.count;
        some.push(*bucket);
        if rows >= share || at + 1 == buckets.len() {
            bins.push(bin_of(&some));
            some.clear();
            rows = 0;
        }
    }
    bins
}

/// The bin of these buckets, which stands for their mean.
fn bin_of(buckets: &[Bucket]) -> Bin {
    let rows: u64 = buckets.iter().map(|bucket| bucket.count).sum();
    let share = |bucket: &Bucket| bucket.middle() * (bucket.count as f64 / rows as f64);
    let lower = buckets.first().map_or(0.0, |bucket| bucket.lower);
    let upper = buckets.last().map_or(0.0, |bucket| bucket.upper);
    Bin {
        lower,
        upper,
        stands_for: buckets.iter().map(share).sum::<f64>().clamp(lower, upper),
    }
}

/// The bins beyond the upper end, the nearest first.
fn above(lowest: f64, highest: f64) -> Vec<Bin> {
    let length = length(lowest, highest);
    let at = |lengths: f64| (highest + lengths * length).min(f64::MAX);
    let mut lower = highest.next_up().min(f64::MAX);
    let mut bins = Vec::new();
    let mut end = NEAREST;
    for _ in 0..DOUBLINGS {
        let empty = Bin::empty(lower, at(end).max(lower));
        // Half of the way by ratio: half by difference would overstate most values.
        let middle = at(end * FRAC_1_SQRT_2).clamp(empty.lower, empty.upper);
        bins.push(Bin {
            stands_for: middle,
            ..empty
        });
        lower = empty.upper.next_up().min(f64::MAX);
        end *= 2.0;
    }
    bins.push(Bin {
        stands_for: lower,
        ..Bin::empty(lower, f64::MAX)
    });
    bins
}

/// The same below the lower end: the mirror image.
fn below(lowest: f64, highest: f64) -> Vec<Bin> {
    let mirrored = above(-highest, -lowest).into_iter();
    let bins = mirrored.map(|bin| Bin {
        lower: -bin.upper,
        upper: -bin.lower,
        stands_for: -bin.stands_for,
    });
    bins.collect()
}

/// The length of a range; of a single value the value's, or one.
fn length(lowest: f64, highest: f64) -> f64 {
    let length = (highest - lowest).min(f64::MAX);
    match (length > 0.0, lowest == 0.0) {
        (true, _) => length,
        (false, true) => 1.0,
        (false, false) => lowest.abs(),
    }
}
