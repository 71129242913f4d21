//! A tree of a `model.txt`.

use model_core::forest::MAX_CATEGORIES;

use super::lines::{Block, number, threshold, whole};
use crate::error::{ImportError, broken, unsupported};
use crate::source::{Band, Compare, Cut, Missing, NEAR_ZERO, Node, Set, Test, Tree};

/// Bits of `decision_type`.
const CATEGORICAL: u8 = 1;
const DEFAULT_LEFT: u8 = 2;
/// `missing_type`, in the bits above.
const MISSING_SHIFT: u8 = 2;
const MISSING_NONE: u8 = 0;
const MISSING_ZERO: u8 = 1;
const MISSING_NAN: u8 = 2;

/// Words of 32 codes each.
const MOST_WORDS: usize = MAX_CATEGORIES / 32 + 1;

/// The lists of a tree's splits.
struct Splits {
    columns: Vec<usize>,
    cuts: Vec<f64>,
    kinds: Vec<u8>,
    left: Vec<i64>,
    right: Vec<i64>,
    counts: Vec<u64>,
    /// Where the set of each categorical split begins in the words.
    boundaries: Vec<usize>,
    words: Vec<u32>,
}

pub(super) fn read(index: usize, block: &Block<'_>) -> Result<Tree, ImportError> {
    if block.find("is_linear").is_some_and(|value| value != "0") {
        return Err(unsupported(format!(
            "tree {index} has linear models in its leaves (linear_tree): only trees with constant leaves can be imported"
        )));
    }
    let leaves: usize = whole("num_leaves", block.get("num_leaves")?)?;
    if leaves == 0 {
        return Err(broken(format!("{}: it has no leaves", block.name())));
    }
    let values = block.list("leaf_value", leaves, number)?;
    let counts = match block.has("leaf_count") && leaves > 1 {
        true => block.list("leaf_count", leaves, whole::<u64>)?,
        // A tree of one leaf has no counts.
        false => vec![0; leaves],
    };
    let mut nodes = Vec::new();
    if leaves > 1 {
        let splits = Splits::read(block, leaves - 1)?;
        splits
            .check_sets()
            .map_err(|problem| broken(format!("{}: {problem}", block.name())))?;
        nodes = (0..leaves - 1)
            .map(|split| splits.node(split, leaves))
            .collect::<Result<_, _>>()
            .map_err(|problem| broken(format!("{}: {problem}", block.name())))?;
    }
    let leaf = |(id, (value, count)): (usize, (&f64, &u64))| Node::Leaf {
        value: *value,
        id: u32::try_from(id).unwrap_or(u32::MAX),
        count: saturated(*count),
    };
    nodes.extend(values.iter().zip(&counts).enumerate().map(leaf));
    Ok(Tree { nodes })
}

fn saturated(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

impl Splits {
    fn read(block: &Block<'_>, splits: usize) -> Result<Self, ImportError> {
        let sets: usize = whole("num_cat", block.find("num_cat").unwrap_or("0"))?;
        let (mut boundaries, mut words) = (Vec::new(), Vec::new());
        if sets > 0 {
            let count = sets
                .checked_add(1)
                .ok_or_else(|| broken(format!("{}: num_cat is too large", block.name())))?;
            boundaries = block.list("cat_boundaries", count, whole)?;
            let count = boundaries.last().copied().unwrap_or_default();
            words = block.list("cat_threshold", count, whole)?;
        }
        let counts = match block.has("internal_count") {
            true => block.list("internal_count", splits, whole)?,
            false => vec![0; splits],
        };
        Ok(Self {
            columns: block.list("split_feature", splits, whole)?,
            cuts: block.list("threshold", splits, threshold)?,
            kinds: block.list("decision_type", splits, whole)?,
            left: block.list("left_child", splits, whole)?,
            right: block.list("right_child", splits, whole)?,
            counts,
            boundaries,
            words,
        })
    }

    /// A split with children as they are numbered here: the splits first, then the leaves.
    fn node(&self, split: usize, leaves: usize) -> Result<Node, String> {
        let child = |number: i64| {
            // -1 is leaf 0, -2 is leaf 1.
            let (place, most, from) = if number < 0 {
                (!number, leaves, leaves - 1)
            } else {
                (number, leaves - 1, 0)
            };
            usize::try_from(place)
                .ok()
                .filter(|place| *place < most)
                .map(|place| place + from)
                .ok_or_else(|| format!("split {split} has a child {number} that does not exist"))
        };
        let test = if self.kinds[split] & CATEGORICAL == 0 {
            self.cut(split).map(Test::Cut)?
        } else {
            self.set(split).map(Test::Set)?
        };
        Ok(Node::Split {
            column: self.columns[split],
            test,
            left: child(self.left[split])?,
            right: child(self.right[split])?,
            count: saturated(self.counts[split]),
        })
    }

    fn cut(&self, split: usize) -> Result<Cut, String> {
        let kind = self.kinds[split];
        let left = kind & DEFAULT_LEFT != 0;
        let missing = match kind >> MISSING_SHIFT {
            MISSING_NONE => Missing::AsZero,
            MISSING_NAN => Missing::Goes { left, band: None },
            MISSING_ZERO => Missing::Goes {
                left,
                band: Some(Band {
                    from: -NEAR_ZERO,
                    to: NEAR_ZERO,
                }),
            },
            _ => {
                return Err(format!(
                    "split {split} has decision_type {kind}, expected 0 to 11"
                ));
            }
        };
        Ok(Cut {
            at: self.cuts[split],
            compare: Compare::FlatAtMost,
            missing,
        })
    }

    /// Each split has a set of its own: what many shared would become long in memory from a short
    /// file.
    fn check_sets(&self) -> Result<(), String> {
        let mut taken = vec![false; self.boundaries.len()];
        let sets = self.kinds.iter().zip(&self.cuts).enumerate();
        for (split, (_, place)) in sets.filter(|(_, (kind, _))| **kind & CATEGORICAL != 0) {
            // One that does not exist is refused where it is read.
            if let Some(taken) = taken.get_mut(*place as usize)
                && std::mem::replace(taken, true)
            {
                return Err(format!("split {split} has the set of another split"));
            }
        }
        match self.boundaries.is_sorted() {
            true => Ok(()),
            false => Err("cat_boundaries falls: the file is damaged".into()),
        }
    }

    /// Members go left; all else, what is missing included, goes right.
    fn set(&self, split: usize) -> Result<Set, String> {
        let number = self.cuts[split];
        let place = number as usize;
        let ends = match (
            self.boundaries.get(place),
            self.boundaries.get(place.saturating_add(1)),
        ) {
            (Some(from), Some(to)) if number >= 0.0 && number.fract() == 0.0 => {
                self.words.get(*from..*to)
            }
            _ => None,
        };
        let words = ends.ok_or_else(|| format!("split {split} has no set of categories"))?;
        if words.len() > MOST_WORDS {
            return Err(format!(
                "split {split} has a set of more than {MAX_CATEGORIES} codes"
            ));
        }
        let bits = words.iter().zip(0u32..).flat_map(|(word, place)| {
            let bits = (0..32).filter(move |bit| word >> bit & 1 == 1);
            bits.map(move |bit| place * 32 + bit)
        });
        Ok(Set {
            codes: bits.collect(),
            members_left: true,
            missing_left: false,
        })
    }
}
