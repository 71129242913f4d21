//! Made-up tree ensembles and rows for tests and benchmarks: seeded, the same everywhere.
//!
//! The rows look like loan applications (whole numbers, amounts with a long tail, rates,
//! categories, some values missing). The trees are grown on such rows, best-first as
//! LightGBM does, from a few random candidate splits a node, so that their cuts are
//! quantiles of the data, their shapes are unbalanced and their counts are true.

use model_core::forest::{Aggregation, Bins, CategorySet, Forest, Link, Node, Tree};

/// Features of every synthetic row.
pub const FEATURES: usize = COLUMNS.len();

/// What kind of ensemble to grow.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// How many trees.
    pub trees: usize,
    /// Most leaves of a tree.
    pub leaves: usize,
    /// Most splits from the root to a leaf.
    pub depth: usize,
    /// Most cuts of a numeric feature.
    pub cuts: usize,
    /// Rows that each tree is grown on.
    pub rows: usize,
    /// Fewest rows of a leaf.
    pub leaf_rows: usize,
    /// The mean of the trees, or the log odds' sum.
    pub mean: bool,
}

impl Shape {
    /// Boosting, 200 trees of at most 32 leaves.
    pub const BOOSTED_32: Self = Self::boosted(200, 32, 12);
    /// Boosting, 200 trees of depth 6.
    pub const BOOSTED_DEPTH_6: Self = Self::boosted(200, 64, 6);
    /// A random forest of 100 trees of depth 15.
    pub const FOREST_DEPTH_15: Self = Self {
        trees: 100,
        leaves: usize::MAX,
        depth: 15,
        cuts: usize::MAX,
        rows: 30_000,
        leaf_rows: 3,
        mean: true,
    };

    /// Boosting: `trees` trees, grown from features of at most 254 cuts.
    pub const fn boosted(trees: usize, leaves: usize, depth: usize) -> Self {
        Self {
            trees,
            leaves,
            depth,
            cuts: 254,
            rows: 10_000,
            leaf_rows: 20,
            mean: false,
        }
    }

    /// A forest of this shape.
    pub fn forest(&self, seed: u64) -> Forest {
        Grower::new(self, seed).forest()
    }
}

/// `rows` rows, feature after feature: feature `f` of row `r` is at `f * rows + r`.
pub fn columns(rows: usize, seed: u64) -> Vec<f64> {
    let mut random = Random(seed);
    let mut values = vec![0.0; FEATURES * rows];
    for row in 0..rows {
        for (feature, column) in COLUMNS.iter().enumerate() {
            values[feature * rows + row] = column.draw(&mut random);
        }
    }
    values
}

/// One row of [`columns`].
pub fn row(columns: &[f64], rows: usize, row: usize) -> Vec<f64> {
    (0..columns.len() / rows)
        .map(|feature| columns[feature * rows + row])
        .collect()
}

/// SplitMix64: enough for test data.
#[derive(Debug, Clone)]
pub struct Random(pub u64);

impl Random {
    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A whole number below `limit`, which is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.bits() % limit as u64) as usize
    }

    /// A number from 0 to 1, below 1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// How the values of a feature are drawn.
enum Column {
    /// A whole number, the smaller the more frequent.
    Whole { low: f64, high: f64 },
    /// An amount with a long tail, to the cent or coarser.
    Amount { typical: f64, step: f64 },
    /// A rate within bounds.
    Rate { low: f64, high: f64, step: f64 },
    /// One of so many categories.
    Category(u32),
}

const COLUMNS: [Column; 13] = [
    Column::Whole {
        low: 20.0,
        high: 80.0,
    },
    Column::Category(2),
    Column::Category(5),
    Column::Amount {
        typical: 60_000.0,
        step: 1.0,
    },
    Column::Whole {
        low: 0.0,
        high: 50.0,
    },
    Column::Category(4),
    Column::Amount {
        typical: 8_000.0,
        step: 25.0,
    },
    Column::Category(6),
    Column::Rate {
        low: 5.0,
        high: 20.0,
        step: 0.01,
    },
    Column::Rate {
        low: 0.0,
        high: 0.7,
        step: 0.01,
    },
    Column::Whole {
        low: 2.0,
        high: 30.0,
    },
    Column::Whole {
        low: 390.0,
        high: 850.0,
    },
    Column::Category(2),
];

const MISSING: f64 = 0.02;
/// Random splits that a node chooses the best of.
const CANDIDATES: usize = 10;
/// How unsure a label is, and where it turns.
const NOISE: f64 = 0.3;
const LEVEL: f64 = 1.8;

impl Column {
    fn draw(&self, random: &mut Random) -> f64 {
        let (missing, u) = (random.unit() < MISSING, random.unit());
        match *self {
            _ if missing => f64::NAN,
            Column::Whole { low, high } => (low + (high - low) * u * u).floor(),
            // Pareto's law: no transcendental function, so the same on every machine.
            Column::Amount { typical, step } => {
                (typical * 0.7 / (1.0 - u).sqrt() / step).floor() * step
            }
            Column::Rate { low, high, step } => {
                let middle = (u + random.unit() + random.unit()) / 3.0;
                ((low + (high - low) * middle) / step).round() * step
            }
            Column::Category(n) => (u * u * f64::from(n)).floor(),
        }
    }
}

/// Whether a made-up applicant is approved: something for trees to learn. As in real data
/// one category settles half of the rows, and the rest is not sure.
fn label(columns: &[f64], rows: usize, row: usize, random: &mut Random) -> bool {
    let value = |feature: usize| {
        let value = columns[feature * rows + row];
        if value.is_nan() { 0.0 } else { value }
    };
    let renting = if value(5) > 0.0 { 0.4 } else { 0.0 };
    let risk = 2.0 * value(9) + value(8) / 12.0 - value(3) / 150_000.0 - value(11) / 1_500.0;
    value(12) == 0.0 && risk + renting + NOISE * random.unit() > LEVEL
}

struct Grower<'a> {
    shape: &'a Shape,
    random: Random,
    columns: Vec<f64>,
    labels: Vec<bool>,
    /// Candidate cuts of each feature; empty for categories.
    cuts: Vec<Vec<f64>>,
    sets: Vec<CategorySet>,
}

/// A node while its tree grows.
struct Growing {
    rows: Vec<u32>,
    depth: usize,
    best: Option<Candidate>,
    children: Option<[usize; 2]>,
}

#[derive(Clone, Copy)]
struct Candidate {
    feature: usize,
    split: usize,
    /// Members of the set, for a category; one bit a code.
    members: u64,
    missing_left: bool,
    gain: f64,
}

impl<'a> Grower<'a> {
    fn new(shape: &'a Shape, seed: u64) -> Self {
        let mut random = Random(seed);
        let columns = columns(shape.rows, random.bits());
        let labels = (0..shape.rows)
            .map(|row| label(&columns, shape.rows, row, &mut random))
            .collect();
        let cuts = (0..FEATURES)
            .map(|feature| {
                candidate_cuts(
                    &columns[feature * shape.rows..][..shape.rows],
                    feature,
                    shape.cuts,
                )
            })
            .collect();
        Self {
            shape,
            random,
            columns,
            labels,
            cuts,
            sets: Vec::new(),
        }
    }

    fn forest(mut self) -> Forest {
        let mut trees: Vec<Tree> = (0..self.shape.trees).map(|_| self.tree()).collect();
        let features = (0..FEATURES)
            .map(|feature| match COLUMNS[feature] {
                Column::Category(n) => Bins::Categories(n),
                _ => Bins::Cuts(keep_used(&self.cuts[feature], feature, &mut trees)),
            })
            .collect();
        let (aggregation, link) = if self.shape.mean {
            (Aggregation::Mean, Link::Identity)
        } else {
            (Aggregation::Sum, Link::Logistic)
        };
        let base = if self.shape.mean { 0.0 } else { -0.25 };
        Forest {
            features,
            category_sets: self.sets,
            trees,
            aggregation,
            base,
            link,
        }
    }

    fn tree(&mut self) -> Tree {
        let rows = (0..self.shape.rows)
            .map(|_| self.random.below(self.shape.rows) as u32)
            .collect();
        let mut grown = vec![self.growing(rows, 0)];
        for _ in 1..self.shape.leaves {
            let gain = |node: &Growing| {
                node.best
                    .filter(|_| node.children.is_none())
                    .map(|best| best.gain)
            };
            let next = (0..grown.len())
                .filter_map(|at| gain(&grown[at]).map(|gain| (at, gain)))
                .max_by(|a, b| a.1.total_cmp(&b.1));
            let Some((at, _)) = next else { break };
            self.split(&mut grown, at);
        }
        let mut nodes = Vec::new();
        self.emit(&grown, 0, &mut nodes);
        Tree { nodes }
    }

    fn split(&mut self, grown: &mut Vec<Growing>, at: usize) {
        let Some(best) = grown[at].best else { return };
        let rows = std::mem::take(&mut grown[at].rows);
        let depth = grown[at].depth + 1;
        let (left, right) = rows.iter().partition(|&&row| self.goes_left(&best, row));
        grown[at].rows = rows;
        grown[at].children = Some([grown.len(), grown.len() + 1]);
        let left = self.growing(left, depth);
        let right = self.growing(right, depth);
        grown.extend([left, right]);
    }

    fn growing(&mut self, rows: Vec<u32>, depth: usize) -> Growing {
        let best = if depth < self.shape.depth {
            self.best_of_some(&rows)
        } else {
            None
        };
        Growing {
            rows,
            depth,
            best,
            children: None,
        }
    }

    /// The best of a few random splits; none when the rows are of one label.
    fn best_of_some(&mut self, rows: &[u32]) -> Option<Candidate> {
        let mut best: Option<Candidate> = None;
        for _ in 0..CANDIDATES {
            let mut candidate = self.candidate(rows);
            let [mut left, mut right] = [[0.0f64; 2]; 2];
            for &row in rows {
                let side = if self.goes_left(&candidate, row) {
                    &mut left
                } else {
                    &mut right
                };
                side[usize::from(self.labels[row as usize])] += 1.0;
            }
            let few = self.shape.leaf_rows as f64;
            let impurity = |[no, yes]: [f64; 2]| no * yes / (no + yes).max(1.0);
            candidate.gain = impurity([left[0] + right[0], left[1] + right[1]])
                - impurity(left)
                - impurity(right);
            let large = left[0] + left[1] >= few && right[0] + right[1] >= few;
            if large && candidate.gain > best.map_or(1e-9, |best| best.gain) {
                best = Some(candidate);
            }
        }
        best
    }

    fn candidate(&mut self, rows: &[u32]) -> Candidate {
        let feature = self.random.below(FEATURES);
        let row = rows[self.random.below(rows.len())] as usize;
        let value = self.columns[feature * self.shape.rows + row];
        let cuts = &self.cuts[feature];
        let split = cuts
            .partition_point(|&cut| cut < value)
            .min(cuts.len().saturating_sub(1));
        // One category, or any of them; never "other".
        let any = self.random.bits() & low_bits(categories(feature));
        let one = if value.is_nan() {
            1
        } else {
            1u64 << value as u32
        };
        let members = if self.random.below(2) == 0 { one } else { any };
        Candidate {
            feature,
            split,
            members,
            missing_left: !cuts.is_empty() && self.random.below(2) == 0,
            gain: 0.0,
        }
    }

    fn goes_left(&self, split: &Candidate, row: u32) -> bool {
        let value = self.columns[split.feature * self.shape.rows + row as usize];
        if value.is_nan() {
            split.missing_left
        } else if let Some(cut) = self.cuts[split.feature].get(split.split) {
            value <= *cut
        } else {
            split.members >> (value as u32) & 1 == 1
        }
    }

    fn number_of(&mut self, set: CategorySet) -> usize {
        if let Some(number) = self.sets.iter().position(|known| *known == set) {
            return number;
        }
        self.sets.push(set);
        self.sets.len() - 1
    }

    fn emit(&mut self, grown: &[Growing], at: usize, nodes: &mut Vec<Node>) {
        let node = &grown[at];
        let count = node.rows.len() as u32;
        let (Some(best), Some(children)) = (node.best, node.children) else {
            let yes = node
                .rows
                .iter()
                .filter(|&&row| self.labels[row as usize])
                .count() as f64;
            let mean = yes / f64::from(count).max(1.0);
            let value = if self.shape.mean {
                mean
            } else {
                (mean - 0.5) * 0.1 + self.random.unit() * 0.01
            };
            nodes.push(Node::Leaf { value, count });
            return;
        };
        let split = if let Column::Category(n) = COLUMNS[best.feature] {
            let members = (0..=n).filter(|code| best.members >> code & 1 == 1);
            self.number_of(CategorySet::new(n, members))
        } else {
            best.split
        };
        let (feature, missing_left) = (best.feature as u16, best.missing_left);
        nodes.push(Node::Split {
            feature,
            split: split as u32,
            missing_left,
            count,
        });
        for child in children {
            self.emit(grown, child, nodes);
        }
    }
}

/// How many categories a feature has; 0 for a number.
fn categories(feature: usize) -> u32 {
    if let Column::Category(n) = COLUMNS[feature] {
        n
    } else {
        0
    }
}

fn low_bits(count: u32) -> u64 {
    (1 << count) - 1
}

/// The midpoints between distinct values, or as many quantiles of them as are allowed.
fn candidate_cuts(values: &[f64], feature: usize, most: usize) -> Vec<f64> {
    if let Column::Category(_) = COLUMNS[feature] {
        return Vec::new();
    }
    let mut sorted: Vec<f64> = values
        .iter()
        .copied()
        .filter(|value| !value.is_nan())
        .collect();
    sorted.sort_by(f64::total_cmp);
    let mut distinct = sorted.clone();
    distinct.dedup();
    if distinct.len() > most {
        distinct = (0..=most)
            .map(|i| sorted[i * (sorted.len() - 1) / most])
            .collect();
        distinct.dedup();
    }
    distinct
        .windows(2)
        .map(|pair| (pair[0] + pair[1]) / 2.0)
        .collect()
}

/// The cuts that some split uses; the splits are renumbered.
fn keep_used(cuts: &[f64], feature: usize, trees: &mut [Tree]) -> Vec<f64> {
    let mut used = vec![false; cuts.len()];
    let mut each = |change: &mut dyn FnMut(&mut u32)| {
        for node in trees.iter_mut().flat_map(|tree| &mut tree.nodes) {
            match node {
                Node::Split {
                    feature: of, split, ..
                } if usize::from(*of) == feature => change(split),
                _ => {}
            }
        }
    };
    each(&mut |split| used[*split as usize] = true);
    let kept: Vec<usize> = (0..cuts.len()).filter(|&cut| used[cut]).collect();
    each(&mut |split| *split = kept.partition_point(|&cut| cut < *split as usize) as u32);
    kept.iter().map(|&cut| cuts[cut]).collect()
}
