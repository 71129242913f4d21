//! The leaves that a request's fixed inputs leave of each tree, and the greatest that a box
//! reaches.

use crate::reach::Reach;
use crate::standings::{Open, Standing};
use model_core::forest::{Bins, Forest, Node, Tree};

/// The leaves of the trees, in each tree the greatest first.
#[derive(Debug, Default)]
pub(super) struct Trees {
    /// What the leaves are added to, and whether each sum is rounded to an `f32`.
    start: f64,
    single: bool,
    /// The sum of each tree's leaf that is furthest from 0.
    furthest: f64,
    /// The inputs that boxes differ in.
    columns: Vec<Column>,
    /// Where each tree's leaves begin, and where the last one's end.
    bounds: Vec<u32>,
    values: Vec<f64>,
    /// For each leaf and column what the input must be: of a number the least and the greatest
    /// rank among the cuts, in the low and the high half; of a category its codes.
    cells: Vec<u64>,
}

/// An input that leaves ask for.
#[derive(Debug)]
struct Column {
    input: usize,
    /// The cuts of a number; `None` of a category.
    cuts: Option<Vec<f64>>,
}

/// A number of any rank; a category of any code.
const ANY: u64 = u64::MAX << 32;

impl Column {
    /// What a box leaves of the input.
    fn key(&self, reach: &Reach) -> u64 {
        let Some(cuts) = &self.cuts else {
            return reach.codes;
        };
        if reach.span.missing {
            return ANY;
        }
        let rank = |number: f64| cuts.partition_point(|cut| *cut < number) as u64;
        rank(reach.span.low) | rank(reach.span.high) << 32
    }

    /// Whether something of a key is in a cell.
    #[inline(always)]
    fn meets(&self, cell: u64, key: u64) -> bool {
        match self.cuts {
            Some(_) => cell as u32 <= (key >> 32) as u32 && key as u32 <= (cell >> 32) as u32,
            None => cell & key != 0,
        }
    }

    /// Whether all of a key is in a cell.
    fn covers(&self, cell: u64, key: u64) -> bool {
        match self.cuts {
            Some(_) => cell as u32 <= key as u32 && key >> 32 <= cell >> 32,
            None => key & !cell == 0,
        }
    }
}

impl Trees {
    /// Sums that are rounded to an `f32` and begin with the base, as XGBoost's do.
    pub(super) fn starting_from(&mut self, base: f64) {
        self.start = f64::from(base as f32);
        self.single = true;
    }

    /// No sum of a leaf of each tree is further from 0.
    pub(super) fn furthest(&self) -> f64 {
        self.furthest
    }

    /// The sum of each tree's greatest leaf that a box reaches, tree after tree from
    /// [`Trees::starting_from`]. `standing` is that of a box that this one is a part of, or the
    /// default, and is brought up to date.
    pub(super) fn greatest(&self, reach: &[Reach], standing: &mut Standing) -> f64 {
        let mut keys = Vec::with_capacity(self.columns.len());
        let mut changed = Vec::with_capacity(self.columns.len());
        for (nth, column) in self.columns.iter().enumerate() {
            let key = column.key(&reach[column.input]);
            keys.push(key);
            // Whatever the greater box's leaf met of the others, it still meets.
            if standing.keys.get(nth) != Some(&key) {
                changed.push(nth);
            }
        }
        let all: Vec<usize> = (0..keys.len()).collect();
        if standing.keys.is_empty() {
            let trees = 0..self.bounds.len().saturating_sub(1);
            let first = |tree| Open {
                tree: tree as u16,
                leaf: 0,
            };
            standing.open = trees.map(first).collect();
            standing.settled = 0.0;
        }
        let mut sum = self.start + standing.settled;
        for open in &mut standing.open {
            let (mut leaf, first, end) = self.place(*open);
            if !self.meets(leaf, &changed, &keys) {
                while leaf + 1 < end {
                    leaf += 1;
                    if self.meets(leaf, &all, &keys) {
                        break;
                    }
                }
                open.leaf = (leaf - first).min(usize::from(u16::MAX)) as u16;
            }
            sum += self.values[leaf];
            if self.single {
                // Rounding never turns the order of two numbers round: rounded as the model
                // rounds, the greatest leaves still sum to the most that it can give.
                sum = f64::from(sum as f32);
            }
        }
        standing.keys = keys;
        sum
    }

    /// The leaf of an open tree, the tree's first, and where its leaves end.
    #[inline(always)]
    fn place(&self, open: Open) -> (usize, usize, usize) {
        let tree = usize::from(open.tree);
        let first = self.bounds[tree] as usize;
        let end = self.bounds[tree + 1] as usize;
        (first + usize::from(open.leaf), first, end)
    }

    /// Adds to each input how much of a box's bound hangs on it: the greatest leaves that do not
    /// hold for all that the input can be in the box, each by how far it is above its tree's
    /// least. A tree whose greatest leaf holds for the whole box is settled for all its parts.
    pub(super) fn weigh(&self, standing: &mut Standing, weights: &mut [f64]) {
        let mut kept = 0;
        for nth in 0..standing.open.len() {
            let open = standing.open[nth];
            let (leaf, _, end) = self.place(open);
            let weight = self.values[leaf] - self.values[end - 1];
            // Sums that are rounded to an `f32` are the model's only in its order.
            let mut is_open = self.single;
            let cells = self.cells[leaf * self.columns.len()..].iter();
            for (column, (cell, key)) in self.columns.iter().zip(cells.zip(&standing.keys)) {
                if !column.covers(*cell, *key) {
                    weights[column.input] += weight;
                    is_open = true;
                }
            }
            if is_open {
                standing.open[kept] = open;
                kept += 1;
            } else {
                standing.settled += self.values[leaf];
            }
        }
        standing.open.truncate(kept);
    }

    /// The median of the cuts that the greatest leaves make through a box along an input that is
    /// a number: a value goes to the one side if and only if it is at most that.
    pub(super) fn median_cut(&self, standing: &Standing, input: usize) -> Option<f64> {
        let nth = self.columns.iter().position(|c| c.input == input)?;
        let (cuts, key) = (self.columns[nth].cuts.as_ref()?, *standing.keys.get(nth)?);
        let mut counts = vec![0_u32; cuts.len()];
        let mut total = 0;
        for open in &standing.open {
            let cell = self.cells[self.place(*open).0 * self.columns.len() + nth];
            let (least, most) = (cell as u32, (cell >> 32) as u32);
            let below = (least > key as u32).then(|| least - 1);
            let above = (most < (key >> 32) as u32).then_some(most);
            for cut in below.into_iter().chain(above) {
                counts[cut as usize] += 1;
                total += 1;
            }
        }
        let mut passed = 0;
        let is_median = |count: &u32| {
            passed += count;
            2 * passed > total
        };
        counts.iter().position(is_median).map(|cut| cuts[cut])
    }

    /// Whether a box reaches a leaf, as far as some of the columns go.
    #[inline(always)]
    fn meets(&self, leaf: usize, columns: &[usize], keys: &[u64]) -> bool {
        let cells = &self.cells[leaf * keys.len()..(leaf + 1) * keys.len()];
        for &nth in columns {
            if !self.columns[nth].meets(cells[nth], keys[nth]) {
                return false;
            }
        }
        true
    }

    /// Adds the leaves of all trees that the fixed inputs leave.
    pub(super) fn add(
        &mut self,
        forest: &Forest,
        row: &[f64],
        free: &[bool],
        native: &dyn Fn(usize) -> bool,
    ) {
        let mut column_of = vec![None; row.len()];
        for input in (0..row.len()).filter(|input| free[*input]) {
            column_of[input] = Some(self.columns.len());
            self.columns.push(Column {
                input,
                cuts: match &forest.features[input] {
                    Bins::Cuts(cuts) => Some(cuts.clone()),
                    Bins::Categories(_) => None,
                },
            });
        }
        let numbers = self.columns.iter().map(|column| column.cuts.is_some());
        let mut walk = Walk {
            forest,
            row,
            native,
            region: numbers.map(|is| if is { ANY } else { u64::MAX }).collect(),
            column_of,
            open: Vec::new(),
        };
        self.bounds.push(0);
        for tree in &forest.trees {
            self.add_tree(&mut walk, tree);
        }
    }

    fn add_tree(&mut self, walk: &mut Walk<'_>, tree: &Tree) {
        let width = self.columns.len();
        // Value and number.
        let mut leaves: Vec<(f64, usize)> = Vec::new();
        let mut cells = Vec::new();
        let mut alive = true;
        for node in &tree.nodes {
            match *node {
                Node::Split { .. } => alive = walk.enter(node, alive),
                Node::Leaf { value, .. } => {
                    if alive {
                        leaves.push((value, leaves.len()));
                        cells.extend_from_slice(&walk.region);
                    }
                    alive = walk.leave();
                }
            }
        }
        sort(&mut leaves);
        let ends = leaves.first().into_iter().chain(leaves.last());
        self.furthest += ends.fold(0.0, |most, (value, _)| value.abs().max(most));
        for (value, nth) in leaves {
            self.values.push(value);
            self.cells
                .extend_from_slice(&cells[nth * width..(nth + 1) * width]);
        }
        self.bounds.push(self.values.len() as u32);
    }
}

/// The greatest first. Not the standard library's sort, which takes several kilobytes of the
/// module: Shell's, with gaps that are powers of two less one.
fn sort(leaves: &mut [(f64, usize)]) {
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
struct Walk<'f> {
    forest: &'f Forest,
    row: &'f [f64],
    /// Whether an input may be missing to the model in one box and not in another.
    native: &'f dyn Fn(usize) -> bool,
    /// For each input that may change its column.
    column_of: Vec<Option<usize>>,
    /// For each column what gets here, as a cell.
    region: Vec<u64>,
    /// The splits above.
    open: Vec<Split>,
}

/// A split on the way down.
struct Split {
    /// The column it asks for, and what held of it before; of a fixed input the default.
    column: usize,
    before: u64,
    /// What holds on its right; `None` where nothing gets there.
    right: Option<u64>,
    is_right: bool,
}

impl Walk<'_> {
    /// Goes to the left of a split; whether anything gets there.
    fn enter(&mut self, node: &Node, alive: bool) -> bool {
        let Node::Split { feature, .. } = *node else {
            return alive;
        };
        let column = self.column_of[usize::from(feature)].unwrap_or_default();
        let before = self.region.get(column).copied().unwrap_or_default();
        let [left, right] = match alive {
            true => self.sides(node, before),
            false => [None, None],
        };
        self.open.push(Split {
            column,
            before,
            right,
            is_right: false,
        });
        self.follow(column, left)
    }

    /// From a leaf to the next node; whether anything gets there.
    fn leave(&mut self) -> bool {
        while let Some(split) = self.open.last_mut() {
            let (column, before) = (split.column, split.before);
            if !split.is_right {
                split.is_right = true;
                let right = split.right;
                self.follow(column, Some(before));
                return self.follow(column, right);
            }
            self.open.pop();
            self.follow(column, Some(before));
        }
        false
    }

    fn follow(&mut self, column: usize, side: Option<u64>) -> bool {
        if let (Some(within), Some(region)) = (side, self.region.get_mut(column)) {
            *region = within;
        }
        side.is_some()
    }

    /// What the input of a split must be to its left and to its right, where it is `here`;
    /// `None` where nothing gets there.
    fn sides(&self, node: &Node, here: u64) -> [Option<u64>; 2] {
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
        let one_way = |left: bool| match left {
            true => [Some(here), None],
            false => [None, Some(here)],
        };
        let is_fixed = self.column_of[input].is_none();
        match &self.forest.features[input] {
            _ if is_fixed && value.is_nan() => one_way(missing_left),
            Bins::Cuts(cuts) if is_fixed => one_way(value <= cuts[split as usize]),
            Bins::Cuts(_) => {
                let (least, most) = (here as u32, (here >> 32) as u32);
                [(least, most.min(split)), (least.max(split + 1), most)].map(|(least, most)| {
                    if least > most {
                        // A missing value may go where no number goes.
                        return (self.native)(input).then_some(here);
                    }
                    Some(u64::from(least) | u64::from(most) << 32)
                })
            }
            Bins::Categories(_) => {
                let set = &self.forest.category_sets[split as usize];
                if is_fixed {
                    return one_way(set.contains(value as u32));
                }
                let members = set.words.first().copied().unwrap_or_default();
                [here & members, here & !members].map(|codes| (codes != 0).then_some(codes))
            }
        }
    }
}
