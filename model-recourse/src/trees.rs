//! The leaves that a request's fixed inputs leave of each tree, and the greatest that a box
//! reaches.

use crate::reach::Reach;
use model_core::forest::{Bins, Forest, Node, Tree};

/// The leaves of the trees, in each tree the greatest first.
#[derive(Debug, Default)]
pub(super) struct Trees {
    /// What the leaves are added to, and whether each sum is rounded to an `f32`.
    start: f64,
    single: bool,
    /// Where each tree's leaves end.
    ends: Vec<u32>,
    values: Vec<f64>,
    /// Where each leaf's conditions end.
    condition_ends: Vec<u32>,
    conditions: Vec<Within>,
}

/// What an input must be for a leaf.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Within {
    input: u32,
    is_category: bool,
    /// The bits of the number that it must be above; of a category, its codes.
    low: u64,
    /// The greatest number.
    high: f64,
}

impl Within {
    #[inline(always)]
    fn meets(&self, reach: &Reach) -> bool {
        if self.is_category {
            return reach.codes & self.low != 0;
        }
        let Reach { span, .. } = reach;
        span.missing || (span.high > f64::from_bits(self.low) && span.low <= self.high)
    }
}

impl Trees {
    /// Sums that are rounded to an `f32` and begin with the base, as XGBoost's do.
    pub(super) fn starting_from(&mut self, base: f64) {
        self.start = f64::from(base as f32);
        self.single = true;
    }

    /// How many trees there are.
    pub(super) fn count(&self) -> usize {
        self.ends.len()
    }

    /// The sum of each tree's greatest leaf that a box reaches, tree after tree from
    /// [`Trees::starting_from`]. `starts` says for each tree how many of its leaves the box is
    /// known not to reach, and is brought up to date; it may be empty.
    pub(super) fn greatest(&self, reach: &[Reach], starts: &mut [u16]) -> f64 {
        let (mut sum, mut first) = (self.start, 0);
        for (tree, &end) in self.ends.iter().enumerate() {
            let end = end as usize;
            let known = starts.get(tree).copied().unwrap_or_default();
            let mut leaf = first + usize::from(known);
            while leaf + 1 < end && !self.meets(leaf, reach) {
                leaf += 1;
            }
            if let Some(start) = starts.get_mut(tree) {
                *start = (leaf - first).min(usize::from(u16::MAX)) as u16;
            }
            sum += self.values[leaf];
            if self.single {
                // Rounding never turns the order of two numbers round: rounded as the model
                // rounds, the greatest leaves still sum to the most that it can give.
                sum = f64::from(sum as f32);
            }
            first = end;
        }
        sum
    }

    #[inline(always)]
    fn meets(&self, leaf: usize, reach: &[Reach]) -> bool {
        let from = match leaf {
            0 => 0,
            _ => self.condition_ends[leaf - 1] as usize,
        };
        let conditions = &self.conditions[from..self.condition_ends[leaf] as usize];
        conditions
            .iter()
            .all(|within| within.meets(&reach[within.input as usize]))
    }

    /// Adds the leaves of a tree that the fixed inputs leave.
    pub(super) fn add(&mut self, walk: &mut Walk<'_>, tree: &Tree) {
        // Value, and where its conditions begin and end.
        let mut leaves: Vec<(f64, [u32; 2])> = Vec::new();
        let mut conditions = Vec::new();
        let mut alive = true;
        for node in &tree.nodes {
            match *node {
                Node::Split { .. } => alive = walk.enter(node, alive),
                Node::Leaf { value, .. } => {
                    if alive {
                        let from = conditions.len() as u32;
                        conditions.extend(walk.region.iter().flatten().copied());
                        leaves.push((value, [from, conditions.len() as u32]));
                    }
                    alive = walk.leave();
                }
            }
        }
        sort(&mut leaves);
        for (value, [from, to]) in leaves {
            self.values.push(value);
            self.conditions
                .extend_from_slice(&conditions[from as usize..to as usize]);
            self.condition_ends.push(self.conditions.len() as u32);
        }
        self.ends.push(self.values.len() as u32);
    }
}

/// The greatest first. Not the standard library's sort, which takes several kilobytes of the
/// module: Shell's, with gaps that are powers of two less one.
fn sort(leaves: &mut [(f64, [u32; 2])]) {
    let mut gap = leaves.len().next_power_of_two();
    while gap > 1 {
        gap /= 2;
        let step = (gap - 1).max(1);
        for index in step..leaves.len() {
            let mut at = index;
            while at >= step && leaves[at - step].0 < leaves[at].0 {
                leaves.swap(at - step, at);
                at -= step;
            }
        }
    }
}

/// A walk through trees in preorder.
pub(super) struct Walk<'f> {
    forest: &'f Forest,
    row: &'f [f64],
    free: &'f [bool],
    /// Whether an input may be missing to the model in one box and not in another.
    native: &'f dyn Fn(usize) -> bool,
    /// For each input what it must be here, where it must be something.
    region: Vec<Option<Within>>,
    /// The splits above.
    open: Vec<Split>,
}

/// A split on the way down.
struct Split {
    input: usize,
    /// What held before it.
    before: Option<Within>,
    /// What holds on its right; `None` where nothing gets there.
    right: Option<Option<Within>>,
    is_right: bool,
}

impl<'f> Walk<'f> {
    pub(super) fn new(
        forest: &'f Forest,
        row: &'f [f64],
        free: &'f [bool],
        native: &'f dyn Fn(usize) -> bool,
    ) -> Self {
        Self {
            forest,
            row,
            free,
            native,
            region: vec![None; row.len()],
            open: Vec::new(),
        }
    }

    /// Goes to the left of a split; whether anything gets there.
    fn enter(&mut self, node: &Node, alive: bool) -> bool {
        let Node::Split { feature, .. } = *node else {
            return alive;
        };
        let input = usize::from(feature);
        let [left, right] = match alive {
            true => self.sides(node),
            false => [None, None],
        };
        self.open.push(Split {
            input,
            before: self.region[input],
            right,
            is_right: false,
        });
        self.follow(input, left)
    }

    /// From a leaf to the next node; whether anything gets there.
    fn leave(&mut self) -> bool {
        while let Some(mut split) = self.open.pop() {
            self.region[split.input] = split.before;
            if split.is_right {
                continue;
            }
            split.is_right = true;
            let (input, right) = (split.input, split.right);
            self.open.push(split);
            return self.follow(input, right);
        }
        false
    }

    fn follow(&mut self, input: usize, side: Option<Option<Within>>) -> bool {
        if let Some(within) = side {
            self.region[input] = within;
        }
        side.is_some()
    }

    /// What the input of a split must be to its left and to its right; `None` where nothing
    /// gets there.
    fn sides(&self, node: &Node) -> [Option<Option<Within>>; 2] {
        let Node::Split {
            feature,
            split,
            missing_left,
            ..
        } = *node
        else {
            return [None, None];
        };
        let input = usize::from(feature);
        let value = self.row[input];
        let one_way = |left: bool| {
            let here = Some(self.region[input]);
            if left { [here, None] } else { [None, here] }
        };
        match &self.forest.features[input] {
            _ if !self.free[input] && value.is_nan() => one_way(missing_left),
            Bins::Cuts(cuts) => {
                let cut = cuts[split as usize];
                if !self.free[input] {
                    return one_way(value <= cut);
                }
                [
                    self.within(input, f64::NEG_INFINITY, cut),
                    self.within(input, cut, f64::INFINITY),
                ]
            }
            Bins::Categories(_) => {
                let set = &self.forest.category_sets[split as usize];
                if !self.free[input] {
                    return one_way(set.contains(value as u32));
                }
                let members = set.words.first().copied().unwrap_or_default();
                [self.among(input, members), self.among(input, !members)]
            }
        }
    }

    /// Where a number must also be above `low` and at most `high`.
    fn within(&self, input: usize, low: f64, high: f64) -> Option<Option<Within>> {
        let known = self.region[input];
        let (least, most) = known.map_or((f64::NEG_INFINITY, f64::INFINITY), |within| {
            (f64::from_bits(within.low), within.high)
        });
        let (low, high) = (least.max(low), most.min(high));
        if low >= high {
            // A missing value may go where no number goes.
            return (self.native)(input).then_some(known);
        }
        Some(Some(Within {
            input: input as u32,
            is_category: false,
            low: low.to_bits(),
            high,
        }))
    }

    /// Where a category must also be one of `codes`.
    fn among(&self, input: usize, codes: u64) -> Option<Option<Within>> {
        let codes = codes & self.region[input].map_or(u64::MAX, |within| within.low);
        (codes != 0).then_some(Some(Within {
            input: input as u32,
            is_category: true,
            low: codes,
            high: 0.0,
        }))
    }
}
