//! Counts of numbers in a fixed amount of memory.
//!
//! A finite `f64` becomes an integer of the same order (its bits, with the sign turned
//! over), and the sketch counts integers after cutting off their lowest `shift` bits: with
//! `shift` 0 each number has a bucket of its own, each further bit makes buckets twice as
//! wide, relative to the number. `shift` is the smallest at which all numbers seen need at
//! most `capacity` buckets. That depends on the numbers alone, not on their order or on
//! how they were split up, so merging is associative, commutative and the same to the byte
//! as one pass over everything; t-digest and KLL give only approximately the same.
#![allow(
    clippy::disallowed_types,
    reason = "counts by key: all that is read from the map is sorted or summed, so its order never shows"
)]

use rustc_hash::FxHashMap;

const SIGN: u64 = 1 << 63;
/// Numbers that [`Numbers::push_all`] finds without the map.
const RECENT: usize = 1024;
/// An odd number without a pattern: 2^64 divided by the golden ratio.
const MIX: u64 = 0x9E37_79B9_7F4A_7C15;

/// A multiset of finite numbers: exact up to `capacity` different ones, beyond that rounded
/// to buckets of one relative width.
#[derive(Debug, Clone)]
pub struct Numbers {
    capacity: usize,
    shift: u32,
    counts: FxHashMap<u64, u64>,
    total: u64,
    min: f64,
    max: f64,
}

/// One bucket: `count` numbers from `lower` to `upper`, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// The lowest number that falls into it.
    pub lower: f64,
    /// The highest.
    pub upper: f64,
    /// How many there are.
    pub count: u64,
}

impl Bucket {
    /// What stands for the numbers in it: itself when exact, else the middle.
    #[must_use]
    pub fn middle(&self) -> f64 {
        self.lower + (self.upper - self.lower) / 2.0
    }
}

impl Numbers {
    /// An empty multiset with room for `capacity` buckets, at least 16.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(16),
            shift: 0,
            counts: FxHashMap::default(),
            total: 0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
        }
    }

    /// Counts one number. The caller keeps out NaN and infinities.
    pub fn push(&mut self, number: f64) {
        self.push_many(number, 1);
    }

    /// Counts a number `count` times.
    pub fn push_many(&mut self, number: f64, count: u64) {
        debug_assert!(number.is_finite(), "only finite numbers are counted");
        if count == 0 {
            return;
        }
        // -0 and 0 are one number.
        let number = number + 0.0;
        self.total += count;
        self.min = self.min.min(number);
        self.max = self.max.max(number);
        *self
            .counts
            .entry(ordered(number) >> self.shift)
            .or_insert(0) += count;
        self.shrink();
    }

    /// Counts numbers, as [`Numbers::push`] does one after the other, in less time: a number that
    /// came a moment ago is found without a look into the map.
    pub fn push_all(&mut self, numbers: &[f64]) {
        let (mut shift, mut recent) = (self.shift, vec![(0, 0); RECENT]);
        for number in numbers {
            debug_assert!(number.is_finite(), "only finite numbers are counted");
            let number = number + 0.0;
            self.min = self.min.min(number);
            self.max = self.max.max(number);
            let key = ordered(number) >> shift;
            // The high bits of the product depend on all bits of the key.
            let place = (key.wrapping_mul(MIX) >> (64 - RECENT.ilog2())) as usize;
            let (known, count) = &mut recent[place];
            if *known == key {
                *count += 1;
                continue;
            }
            let (before, times) = (*known, *count);
            (*known, *count) = (key, 1);
            self.add(before, shift, times);
            if self.shift != shift {
                for (key, count) in &mut recent {
                    self.add(*key, shift, std::mem::take(count));
                }
                shift = self.shift;
            }
        }
        for (key, count) in recent {
            self.add(key, shift, count);
        }
        self.total += numbers.len() as u64;
    }

    /// Counts numbers that had this key at an earlier shift.
    fn add(&mut self, key: u64, shift: u32, count: u64) {
        if count > 0 {
            let key = key >> (self.shift - shift);
            *self.counts.entry(key).or_insert(0) += count;
            self.shrink();
        }
    }

    /// Adds what another has counted; the smaller capacity holds.
    pub fn merge(&mut self, other: &Self) {
        self.capacity = self.capacity.min(other.capacity);
        self.coarsen(other.shift);
        let further = self.shift - other.shift;
        for (&key, &count) in &other.counts {
            *self.counts.entry(key >> further).or_insert(0) += count;
        }
        self.total += other.total;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.shrink();
    }

    /// A copy with room for fewer buckets, as if it had never had more.
    #[must_use]
    pub fn with_capacity(&self, capacity: usize) -> Self {
        let mut smaller = self.clone();
        smaller.capacity = capacity.max(16);
        smaller.shrink();
        smaller
    }

    /// How many numbers were counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// How many buckets are in use; the number of different values when [`Self::is_exact`].
    #[must_use]
    pub fn buckets_used(&self) -> usize {
        self.counts.len()
    }

    /// Whether each number still has a bucket of its own.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.shift == 0
    }

    /// The lowest number, exactly.
    #[must_use]
    pub fn min(&self) -> Option<f64> {
        (self.total > 0).then_some(self.min)
    }

    /// The highest number, exactly.
    #[must_use]
    pub fn max(&self) -> Option<f64> {
        (self.total > 0).then_some(self.max)
    }

    /// The buckets in ascending order.
    #[must_use]
    pub fn buckets(&self) -> Vec<Bucket> {
        self.sorted()
            .into_iter()
            .map(|(key, count)| self.bucket(key, count))
            .collect()
    }

    /// Bits that are cut off, capacity and sorted `(key, count)`: what is stored.
    pub(super) fn parts(&self) -> (u32, usize, Vec<(u64, u64)>, f64, f64) {
        let counts = self.sorted();
        (self.shift, self.capacity, counts, self.min, self.max)
    }

    /// The inverse of [`Self::parts`]; `None` when the parts contradict each other.
    pub(super) fn from_parts(
        shift: u32,
        capacity: usize,
        keys: &[(u64, u64)],
        min: f64,
        max: f64,
    ) -> Option<Self> {
        if shift > 63 || capacity < 16 || keys.len() > capacity {
            return None;
        }
        let mut numbers = Self::new(capacity);
        numbers.shift = shift;
        for &(key, count) in keys {
            // From 52 bits on a bucket is wider than an exponent: it may begin at an infinity.
            let finite = unordered(key << shift).is_finite() || shift >= 52;
            if count == 0 || key > u64::MAX >> shift || !finite {
                return None;
            }
            numbers.total = numbers.total.checked_add(count)?;
            if numbers.counts.insert(key, count).is_some() {
                return None;
            }
        }
        if numbers.total > 0 {
            let first = keys.iter().map(|k| k.0).min()?;
            let last = keys.iter().map(|k| k.0).max()?;
            let inside = |x: f64, key| x.is_finite() && ordered(x) >> shift == key;
            if !inside(min, first) || !inside(max, last) {
                return None;
            }
            (numbers.min, numbers.max) = (min, max);
        }
        Some(numbers)
    }

    /// Both multisets at one resolution, counted bucket by bucket.
    #[must_use]
    pub fn aligned(&self, other: &Self) -> Vec<(Bucket, u64)> {
        let shift = self.shift.max(other.shift);
        let mut both: FxHashMap<u64, (u64, u64)> = FxHashMap::default();
        for (&key, &count) in &self.counts {
            both.entry(key >> (shift - self.shift)).or_default().0 += count;
        }
        for (&key, &count) in &other.counts {
            both.entry(key >> (shift - other.shift)).or_default().1 += count;
        }
        let mut keys: Vec<_> = both.into_iter().collect();
        keys.sort_unstable_by_key(|entry| entry.0);
        let (min, max) = (self.min.min(other.min), self.max.max(other.max));
        keys.into_iter()
            .map(|(key, (mine, theirs))| (bucket_of(key, shift, min, max, mine), theirs))
            .collect()
    }

    fn sorted(&self) -> Vec<(u64, u64)> {
        let mut keys: Vec<_> = self.counts.iter().map(|(&k, &c)| (k, c)).collect();
        keys.sort_unstable_by_key(|entry| entry.0);
        keys
    }

    fn bucket(&self, key: u64, count: u64) -> Bucket {
        bucket_of(key, self.shift, self.min, self.max, count)
    }

    fn shrink(&mut self) {
        while self.counts.len() > self.capacity {
            self.coarsen(self.shift + 1);
        }
    }

    fn coarsen(&mut self, shift: u32) {
        if shift <= self.shift {
            return;
        }
        let further = shift - self.shift;
        let old = std::mem::take(&mut self.counts);
        self.counts.reserve(self.capacity.min(old.len()) + 1);
        for (key, count) in old {
            *self.counts.entry(key >> further).or_insert(0) += count;
        }
        self.shift = shift;
    }
}

impl PartialEq for Numbers {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

fn bucket_of(key: u64, shift: u32, min: f64, max: f64, count: u64) -> Bucket {
    let lowest = key << shift;
    let highest = lowest | ((1u64 << shift) - 1);
    Bucket {
        lower: unordered(lowest).max(min),
        upper: unordered(highest).min(max),
        count,
    }
}

/// An integer that orders as the number does.
pub(crate) fn ordered(number: f64) -> u64 {
    // Positive numbers order as their bits do, and go above all negative ones when the sign bit
    // is set; negative ones order the other way round, so all their bits are turned over.
    let bits = number.to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

fn unordered(key: u64) -> f64 {
    f64::from_bits(if key & SIGN == 0 { !key } else { key & !SIGN })
}
