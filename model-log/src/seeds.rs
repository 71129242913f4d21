//! The keys of the records of one epoch, as a tree of seeds that can lose single leaves.
//!
//! A seed at depth `d` gives its two children by SHA-256; the seed at depth 16 is a record's key
//! (the puncturable function of Goldreich, Goldwasser and Micali). An epoch starts with one
//! seed. To erase a record, the seed that covers it is replaced by the siblings along the way
//! down: every other key can still be derived, this one by nobody.

use std::collections::BTreeSet;

use ring::digest::{Context, SHA256};

use crate::digest::Digest;

/// Records of an epoch, as an exponent of two.
pub(crate) const DEPTH: u32 = 16;
/// Records of an epoch: a segment, an index file and a file of seeds have so many.
pub(crate) const EPOCH: u64 = 1 << DEPTH;

const DOMAIN: &[u8] = b"underwrite seed";
/// Bytes of a seed in the file: depth, position, secret.
const ENTRY: usize = 1 + 4 + 32;

/// The key of one record.
pub(crate) type Key = [u8; 32];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seed {
    depth: u32,
    /// Among the seeds of its depth.
    position: u32,
    secret: Key,
}

impl Seed {
    fn child(&self, right: bool) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(DOMAIN);
        context.update(&[u8::from(right)]);
        context.update(&self.secret);
        Self {
            depth: self.depth + 1,
            position: self.position * 2 + u32::from(right),
            secret: Digest::from_ring(context.finish()).0,
        }
    }

    fn first(&self) -> u32 {
        self.position << (DEPTH - self.depth)
    }

    fn covers(&self, slot: u32) -> bool {
        slot >> (DEPTH - self.depth) == self.position
    }

    /// Whether the right child is the one on the way to `slot`.
    fn turns_right(&self, slot: u32) -> bool {
        (slot >> (DEPTH - self.depth - 1)) & 1 == 1
    }

    /// Adds what is left of the seed without these slots, which it covers: in order, and none twice.
    fn without(&self, slots: &[u32], left: &mut Vec<Self>) {
        if slots.is_empty() {
            left.push(*self);
        } else if slots.len() < 1 << (DEPTH - self.depth) {
            let middle = slots.partition_point(|slot| !self.turns_right(*slot));
            let (low, high) = slots.split_at(middle);
            self.child(false).without(low, left);
            self.child(true).without(high, left);
        }
    }
}

/// The seeds of an epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seeds {
    /// In the order of the slots that they cover.
    seeds: Vec<Seed>,
    /// The way to the last key that was asked for: the next one shares most of it.
    way: Vec<Seed>,
}

impl Seeds {
    /// Those of a new epoch.
    pub(crate) fn new(secret: Key) -> Self {
        let root = Seed {
            depth: 0,
            position: 0,
            secret,
        };
        Self::from_seeds(vec![root])
    }

    fn from_seeds(seeds: Vec<Seed>) -> Self {
        let way = Vec::with_capacity(DEPTH as usize + 1);
        Self { seeds, way }
    }

    /// The most bytes by which the file grows when so many keys are destroyed: where they lie evenly,
    /// each leaves the siblings of its way below what it shares with others.
    pub(crate) fn growth(slots: usize) -> usize {
        let shared = slots.checked_ilog2().unwrap_or(0).min(DEPTH);
        slots * (DEPTH - shared) as usize * ENTRY
    }

    fn covering(&self, slot: u32) -> Option<usize> {
        let after = self.seeds.partition_point(|seed| seed.first() <= slot);
        let at = after.checked_sub(1)?;
        self.seeds[at].covers(slot).then_some(at)
    }

    /// Whether the key of a slot was destroyed.
    pub(crate) fn is_destroyed(&self, slot: u32) -> bool {
        self.covering(slot).is_none()
    }

    /// The key of a slot; `None` when it was destroyed.
    pub(crate) fn key(&mut self, slot: u32) -> Option<Key> {
        while self.way.last().is_some_and(|seed| !seed.covers(slot)) {
            self.way.pop();
        }
        let mut seed = match self.way.last() {
            Some(seed) => *seed,
            None => {
                let seed = self.seeds[self.covering(slot)?];
                self.way.push(seed);
                seed
            }
        };
        while seed.depth < DEPTH {
            seed = seed.child(seed.turns_right(slot));
            self.way.push(seed);
        }
        Some(seed.secret)
    }

    /// Destroys the keys of some slots; answers whether any of them was there. One pass, wherever
    /// they lie: every decision waits meanwhile.
    pub(crate) fn destroy(&mut self, slots: &BTreeSet<u32>) -> bool {
        let slots: Vec<u32> = slots.iter().copied().collect();
        let (mut rest, mut destroyed) = (slots.as_slice(), 0);
        let mut left = Vec::with_capacity(self.seeds.len());
        for seed in &self.seeds {
            let (_, from) = rest.split_at(rest.partition_point(|slot| *slot < seed.first()));
            let (covered, after) = from.split_at(from.partition_point(|slot| seed.covers(*slot)));
            seed.without(covered, &mut left);
            destroyed += covered.len();
            rest = after;
        }
        self.seeds = left;
        self.way.clear();
        destroyed > 0
    }

    /// How many of the first `slots` keys were destroyed, and which.
    pub(crate) fn destroyed(&self, slots: u32) -> Vec<u32> {
        let mut missing = Vec::new();
        let mut next = 0;
        for seed in &self.seeds {
            missing.extend(next..seed.first().min(slots));
            next = seed.first() + (1 << (DEPTH - seed.depth));
        }
        missing.extend(next..slots);
        missing
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.seeds.len() * ENTRY);
        for seed in &self.seeds {
            bytes.push(seed.depth as u8);
            bytes.extend_from_slice(&seed.position.to_be_bytes());
            bytes.extend_from_slice(&seed.secret);
        }
        bytes
    }

    /// Reads what [`Seeds::to_bytes`] wrote; `None` when the seeds are not in order.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut seeds: Vec<Seed> = Vec::with_capacity(bytes.len() / ENTRY);
        let mut next = 0;
        for entry in bytes.chunks(ENTRY) {
            let seed = Seed {
                depth: u32::from(*entry.first()?),
                position: u32::from_be_bytes(entry.get(1..5)?.try_into().ok()?),
                secret: entry.get(5..)?.try_into().ok()?,
            };
            let fits = seed.depth <= DEPTH && u64::from(seed.position) < 1 << seed.depth;
            if !fits || seed.first() < next {
                return None;
            }
            next = seed.first() + (1 << (DEPTH - seed.depth));
            seeds.push(seed);
        }
        Some(Self::from_seeds(seeds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(slots: impl IntoIterator<Item = u32>) -> BTreeSet<u32> {
        slots.into_iter().collect()
    }

    /// One key, by the way that the file's format describes.
    fn destroy_one(seeds: &mut Seeds, slot: u32) {
        let Some(at) = seeds.covering(slot) else {
            return;
        };
        let mut seed = seeds.seeds[at];
        let mut siblings = Vec::new();
        while seed.depth < DEPTH {
            let right = seed.turns_right(slot);
            siblings.push(seed.child(!right));
            seed = seed.child(right);
        }
        siblings.sort_by_key(Seed::first);
        seeds.seeds.splice(at..=at, siblings);
        seeds.way.clear();
    }

    #[test]
    fn a_destroyed_key_is_gone_and_the_others_stay() {
        let mut seeds = Seeds::new([7; 32]);
        let slots = [0, 1, 2, 255, 256, 40_000, 65_534, 65_535];
        let before: Vec<_> = slots.iter().map(|slot| seeds.key(*slot)).collect();
        assert!(seeds.destroy(&set([1, 40_000])));
        assert!(seeds.destroy(&set([1, 65_535])));
        assert!(!seeds.destroy(&set([1, 40_000])));
        assert!(!seeds.destroy(&set([])));
        let mut seeds = Seeds::from_bytes(&seeds.to_bytes()).unwrap();
        for (slot, key) in slots.iter().zip(before) {
            let gone = [1, 40_000, 65_535].contains(slot);
            assert_eq!(seeds.key(*slot), key.filter(|_| !gone), "slot {slot}");
            assert_eq!(seeds.is_destroyed(*slot), gone, "slot {slot}");
        }
        assert_eq!(seeds.destroyed(65_536), [1, 40_000, 65_535]);
        assert_eq!(seeds.destroyed(40_000), [1]);
    }

    #[test]
    fn many_keys_at_once_leave_what_one_after_the_other_does() {
        let mut state = 1_u64;
        let mut random = move |limit: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005) | 1;
            (state >> 33) % limit
        };
        for round in 0..20 {
            let mut at_once = Seeds::new([round; 32]);
            let mut one_by_one = at_once.clone();
            // Dense and sparse ones, over what earlier ones have left.
            for _ in 0..3 {
                let width = 1 << random(17);
                let first = random(65_537 - width);
                let slots = set((0..random(600)).map(|_| (first + random(width)) as u32));
                let before = at_once.to_bytes().len();
                at_once.destroy(&slots);
                let growth = at_once.to_bytes().len().saturating_sub(before);
                assert!(growth <= Seeds::growth(slots.len()), "{}", slots.len());
                slots
                    .iter()
                    .for_each(|slot| destroy_one(&mut one_by_one, *slot));
                assert_eq!(at_once.to_bytes(), one_by_one.to_bytes(), "round {round}");
            }
        }
    }

    #[test]
    fn an_epoch_can_be_erased_whole() {
        let mut seeds = Seeds::new([7; 32]);
        assert!(seeds.destroy(&set((0..65_536).step_by(2))));
        assert_eq!(seeds.to_bytes().len(), 32_768 * ENTRY);
        assert_eq!(Seeds::growth(32_768), 32_768 * ENTRY);
        assert!(seeds.destroy(&set(0..65_536)));
        assert!(seeds.to_bytes().is_empty());
        assert_eq!(seeds.destroyed(65_536).len(), 65_536);
    }
}
