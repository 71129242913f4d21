//! Counts of texts in a fixed amount of memory.
//!
//! Up to `capacity` different texts are counted by name. When there are more, those with
//! the smallest hashes are kept and the others share one count: a bottom-k sample (Cohen
//! and Kaplan, "Summarizing data using bottom-k sketches", PODC 2007). Whether a text is
//! kept depends on the texts alone, and a kept one was counted from the start, so merging
//! is exact and does not depend on the order.
#![allow(
    clippy::disallowed_types,
    reason = "counts by key: all that is read from the map is sorted or summed, so its order never shows"
)]

use rustc_hash::FxHashMap;

/// Texts longer than this many bytes are truncated before they are counted.
pub const MAX_TEXT: usize = 128;

/// A multiset of texts.
#[derive(Debug, Clone)]
pub struct Categories {
    capacity: usize,
    counts: FxHashMap<Box<str>, u64>,
    /// Texts with this hash or a higher one are counted in `rest`.
    bound: u64,
    rest: u64,
    total: u64,
}

impl Categories {
    /// An empty multiset that names up to `capacity` texts, at least 16.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(16),
            counts: FxHashMap::default(),
            bound: u64::MAX,
            rest: 0,
            total: 0,
        }
    }

    /// Counts one text.
    pub fn push(&mut self, text: &str) {
        self.push_many(text, 1);
    }

    /// Counts a text `count` times.
    pub fn push_many(&mut self, text: &str, count: u64) {
        if count == 0 {
            return;
        }
        let text = cut(text);
        self.total += count;
        if let Some(counted) = self.counts.get_mut(text) {
            *counted += count;
        } else if self.bound < u64::MAX && text_hash(text) >= self.bound {
            self.rest += count;
        } else {
            self.counts.insert(text.into(), count);
            self.shrink();
        }
    }

    /// Adds what another has counted; the smaller capacity holds.
    pub fn merge(&mut self, other: &Self) {
        self.capacity = self.capacity.min(other.capacity);
        self.lower_bound(other.bound);
        for (text, &count) in &other.counts {
            self.push_many(text, count);
        }
        self.total += other.rest;
        self.rest += other.rest;
        self.shrink();
    }

    /// How many texts were counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// How many were counted without their name.
    #[must_use]
    pub fn rest(&self) -> u64 {
        self.rest
    }

    /// How often a text came, where it is counted by name.
    #[must_use]
    pub fn count(&self, text: &str) -> Option<u64> {
        self.counts.get(cut(text)).copied()
    }

    /// How many different texts are counted by name.
    #[must_use]
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// Text and count, in the order of the texts' bytes.
    #[must_use]
    pub fn sorted(&self) -> Vec<(&str, u64)> {
        let mut all: Vec<_> = self.counts.iter().map(|(t, &c)| (&**t, c)).collect();
        all.sort_unstable();
        all
    }

    /// Both multisets over the texts that both count by name, and what is left of each.
    #[must_use]
    pub fn aligned(&self, other: &Self) -> (Vec<(String, u64, u64)>, [u64; 2]) {
        let bound = self.bound.min(other.bound);
        let named = |text: &str| bound == u64::MAX || text_hash(text) < bound;
        let mut both: std::collections::BTreeMap<&str, (u64, u64)> = Default::default();
        let mut rest = [self.rest, other.rest];
        for (index, side) in [self, other].into_iter().enumerate() {
            for (text, &count) in &side.counts {
                if !named(text) {
                    rest[index] += count;
                } else if index == 0 {
                    both.entry(text).or_default().0 += count;
                } else {
                    both.entry(text).or_default().1 += count;
                }
            }
        }
        let both = both.into_iter().map(|(t, (r, c))| (t.to_owned(), r, c));
        (both.collect(), rest)
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn bound(&self) -> u64 {
        self.bound
    }

    /// The inverse of storing; `None` when the parts contradict each other.
    pub(super) fn from_parts(
        capacity: usize,
        bound: u64,
        rest: u64,
        texts: Vec<(String, u64)>,
    ) -> Option<Self> {
        let mut categories = Self::new(capacity);
        if capacity < 16 || texts.len() > capacity || (rest > 0 && bound == u64::MAX) {
            return None;
        }
        (categories.bound, categories.rest, categories.total) = (bound, rest, rest);
        for (text, count) in texts {
            let kept = bound == u64::MAX || text_hash(&text) < bound;
            if count == 0 || text.len() > MAX_TEXT || !kept {
                return None;
            }
            categories.total = categories.total.checked_add(count)?;
            if categories.counts.insert(text.into(), count).is_some() {
                return None;
            }
        }
        Some(categories)
    }

    fn shrink(&mut self) {
        while self.counts.len() > self.capacity {
            let Some(highest) = self.counts.keys().map(|text| text_hash(text)).max() else {
                return;
            };
            self.lower_bound(highest);
        }
    }

    fn lower_bound(&mut self, bound: u64) {
        if bound >= self.bound {
            return;
        }
        self.bound = bound;
        let rest = &mut self.rest;
        self.counts.retain(|text, count| {
            let kept = text_hash(text) < bound;
            if !kept {
                *rest += *count;
            }
            kept
        });
    }
}

impl PartialEq for Categories {
    fn eq(&self, other: &Self) -> bool {
        (self.capacity, self.bound, self.rest, self.sorted())
            == (other.capacity, other.bound, other.rest, other.sorted())
    }
}

/// At most [`MAX_TEXT`] bytes, whole characters.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or(text)
}

/// FNV-1a of 64 bits (Fowler, Noll, Vo), its bits mixed once more (the finalizer of
/// Steele, Lea and Flood's SplitMix64): part of the stored form, never to be changed.
#[must_use]
pub fn text_hash(text: &str) -> u64 {
    let fnv = text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = (fnv ^ (fnv >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    // `u64::MAX` means that there is no bound.
    (mixed ^ (mixed >> 31)).min(u64::MAX - 1)
}
