//! Growing one tree: the leaf whose split gains most is split first.

use std::ops::Range;

use rayon::iter::{
    IndexedParallelIterator, IntoParallelIterator, IntoParallelRefIterator, ParallelIterator,
};

use super::Params;
use super::bins::{Binned, BinnedColumn};
use super::histogram::{FixedPoint, NodeRows, RowStep, Sum, fill, subtract};
use super::partition::partition;
use super::split::{Bounds, Candidate, Search};
use super::tree::{Left, Node, Split, Tree};

/// Memory that the histograms of open leaves may take; beyond it they are made again when
/// their leaf is split.
const HISTOGRAM_BYTES: usize = 256 << 20;

/// Rows and bins to look at from which several threads bring more than they cost.
const PARALLEL_WORK: usize = 20_000;

/// What a tree may use.
pub(super) struct Drawn {
    /// Ascending.
    pub(super) rows: Vec<u32>,
    /// By column; a column of categories has one for each, others have one.
    pub(super) columns: Vec<Vec<bool>>,
}

/// Grows trees, one after the other, in the same memory.
pub(super) struct Grower<'a> {
    data: &'a Binned,
    params: &'a Params,
    fixed: FixedPoint,
    bounded: bool,
    /// The rows of the tree, those of a leaf side by side and ascending.
    rows: Vec<u32>,
    spare_rows: Vec<u32>,
    /// Steps of the rows of one node, in their order.
    ordered: Vec<RowStep>,
    /// Histograms that no leaf has.
    pool: Vec<Vec<Sum>>,
    /// Histograms that leaves have.
    lent: usize,
}

/// A tree and where its rows ended.
pub(super) struct Grown {
    pub(super) tree: Tree,
    /// Of each leaf what it adds, and its rows' range in [`Grower::rows`].
    pub(super) leaves: Vec<(f64, Range<usize>)>,
}

/// A leaf that may be split.
struct Leaf {
    node: usize,
    rows: Range<usize>,
    depth: usize,
    sum: Sum,
    bounds: Bounds,
    /// Sums of the tree's columns, one after the other.
    histogram: Option<Vec<Sum>>,
    best: Option<Candidate>,
}

/// A node while the tree grows.
struct Growing {
    value: f64,
    rows: Range<usize>,
    split: Option<(Candidate, [usize; 2])>,
}

/// A column that the tree may use.
struct Used<'a> {
    index: usize,
    column: &'a BinnedColumn,
    /// Which categories may be split off.
    categories: &'a [bool],
}

impl<'a> Grower<'a> {
    pub(super) fn new(data: &'a Binned, params: &'a Params, fixed: FixedPoint) -> Self {
        Self {
            data,
            params,
            fixed,
            bounded: data.columns.iter().any(|column| column.direction.is_some()),
            rows: Vec::new(),
            spare_rows: vec![0; data.rows],
            ordered: Vec::new(),
            pool: Vec::new(),
            lent: 0,
        }
    }

    /// The rows of the last tree, leaf by leaf.
    pub(super) fn rows(&self) -> &[u32] {
        &self.rows
    }

    pub(super) fn grow(&mut self, steps: &[RowStep], drawn: Drawn) -> Grown {
        let columns = self.used(&drawn.columns);
        self.rows = drawn.rows;
        let of_rows = self.rows.iter().map(|row| steps[*row as usize]);
        let mut root = Leaf {
            node: 0,
            rows: 0..self.rows.len(),
            depth: 0,
            sum: Sum::of_rows(of_rows, &self.fixed),
            bounds: Bounds::NONE,
            histogram: None,
            best: None,
        };
        if self.may_split(&root) {
            self.search_root(&columns, steps, &mut root);
        }
        let mut nodes = vec![self.growing(&root)];
        let mut open = vec![root];
        for leaves in 1..self.params.max_leaves {
            let Some((leaf, candidate)) = take_best(&mut open) else {
                break;
            };
            let (parent, places) = (leaf.node, [nodes.len(), nodes.len() + 1]);
            let mut children = self.children(&leaf, &candidate, places);
            nodes.extend(children.iter().map(|child| self.growing(child)));
            nodes[parent].split = Some((candidate, places));
            // The children of the last split stay leaves.
            let is_last = leaves + 1 == self.params.max_leaves;
            let searched = children
                .each_ref()
                .map(|child| !is_last && self.may_split(child));
            match searched {
                [false, false] => self.give_back(leaf.histogram),
                _ => self.search_children(&columns, steps, leaf, &mut children, searched),
            }
            open.extend(children);
        }
        for leaf in open {
            self.give_back(leaf.histogram);
        }
        self.finished(&nodes)
    }

    fn used<'d>(&self, drawn: &'d [Vec<bool>]) -> Vec<Used<'d>>
    where
        'a: 'd,
    {
        let columns = self.data.columns.iter().zip(drawn).enumerate();
        columns
            .filter(|(_, (_, drawn))| drawn.contains(&true))
            .map(|(index, (column, categories))| Used {
                index,
                column,
                categories,
            })
            .collect()
    }

    fn growing(&self, leaf: &Leaf) -> Growing {
        Growing {
            value: self.params.learning_rate * self.search(leaf).step(leaf.sum),
            rows: leaf.rows.clone(),
            split: None,
        }
    }

    fn search(&self, leaf: &Leaf) -> Search<'_> {
        Search {
            params: self.params,
            fixed: &self.fixed,
            sum: leaf.sum,
            bounds: leaf.bounds,
            bounded: self.bounded,
        }
    }

    fn may_split(&self, leaf: &Leaf) -> bool {
        leaf.depth < self.params.max_depth
            && leaf.rows.len() >= 2 * self.params.min_leaf_rows.max(1)
            && self.fixed.hessian(leaf.sum) >= 2.0 * self.params.min_leaf_weight
    }

    /// Sends the rows of a leaf to its two sides.
    fn children(&mut self, leaf: &Leaf, split: &Candidate, nodes: [usize; 2]) -> [Leaf; 2] {
        let column = &self.data.columns[split.column];
        let goes_left = split.question.bins(column.scale.bins(), split.missing_left);
        let rows = &mut self.rows[leaf.rows.clone()];
        let left_rows = partition(rows, &mut self.spare_rows, &column.cells, &goes_left);
        let middle = leaf.rows.start + left_rows;
        let search = self.search(leaf);
        let steps = [split.left, split.right].map(|sum| search.step(sum));
        let [below, above] = leaf.bounds.split(column.direction, steps[0], steps[1]);
        let child = |node, rows, sum, bounds| Leaf {
            node,
            rows,
            depth: leaf.depth + 1,
            sum,
            bounds,
            histogram: None,
            best: None,
        };
        let [left, right] = nodes;
        [
            child(left, leaf.rows.start..middle, split.left, below),
            child(right, middle..leaf.rows.end, split.right, above),
        ]
    }

    fn search_root(&mut self, columns: &[Used<'_>], steps: &[RowStep], root: &mut Leaf) {
        let mut histogram = self.lend(columns);
        self.order(steps, &root.rows);
        let rows = self.node_rows(steps, &root.rows);
        let search = self.search(root);
        let tasks = columns
            .iter()
            .zip(slices(&mut histogram, columns))
            .collect();
        let found = self.each(tasks, root.rows.len(), |(used, sums)| {
            fill(sums, &used.column.cells, rows, &self.fixed);
            search.best(used.index, used.column, sums, used.categories)
        });
        root.best = best(found);
        self.keep(root, histogram);
    }

    /// Looks for the best splits of those children that are `searched`: the sums of the
    /// smaller one are made from its rows, those of the other are what is left.
    fn search_children(
        &mut self,
        columns: &[Used<'_>],
        steps: &[RowStep],
        mut parent: Leaf,
        children: &mut [Leaf; 2],
        searched: [bool; 2],
    ) {
        let mut large_sums = match parent.histogram.take() {
            Some(histogram) => histogram,
            None => self.histogram(columns, steps, &parent.rows),
        };
        let mut small_sums = self.lend(columns);
        let small = usize::from(children[0].rows.len() > children[1].rows.len());
        let large = 1 - small;
        self.order(steps, &children[small].rows);
        let rows = self.node_rows(steps, &children[small].rows);
        let searches =
            [small, large].map(|child| searched[child].then(|| self.search(&children[child])));
        let sums = slices(&mut small_sums, columns).zip(slices(&mut large_sums, columns));
        let tasks = columns.iter().zip(sums).collect();
        let found = self.each(
            tasks,
            children[small].rows.len(),
            |(used, (small, large))| {
                fill(small, &used.column.cells, rows, &self.fixed);
                subtract(large, small);
                let best = |search: &Option<Search<'_>>, sums| {
                    let search = search.as_ref()?;
                    search.best(used.index, used.column, sums, used.categories)
                };
                (best(&searches[0], small), best(&searches[1], large))
            },
        );
        let (of_small, of_large): (Vec<_>, Vec<_>) = found.into_iter().unzip();
        children[small].best = best(of_small);
        children[large].best = best(of_large);
        self.keep(&mut children[small], small_sums);
        self.keep(&mut children[large], large_sums);
    }

    /// The sums of some rows, made anew.
    fn histogram(
        &mut self,
        columns: &[Used<'_>],
        steps: &[RowStep],
        range: &Range<usize>,
    ) -> Vec<Sum> {
        let mut histogram = self.lend(columns);
        self.order(steps, range);
        let rows = self.node_rows(steps, range);
        let tasks = columns
            .iter()
            .zip(slices(&mut histogram, columns))
            .collect();
        self.each(tasks, range.len(), |(used, sums)| {
            fill(sums, &used.column.cells, rows, &self.fixed);
        });
        histogram
    }

    /// Puts the steps of a node's rows side by side, unless they are.
    fn order(&mut self, steps: &[RowStep], range: &Range<usize>) {
        let rows = &self.rows[range.clone()];
        if rows.len() < self.data.rows {
            let of_rows = rows.par_iter().with_min_len(PARALLEL_WORK);
            of_rows
                .map(|row| steps[*row as usize])
                .collect_into_vec(&mut self.ordered);
        }
    }

    /// The rows of a node after [`Grower::order`].
    fn node_rows<'s>(&'s self, steps: &'s [RowStep], range: &Range<usize>) -> NodeRows<'s> {
        match &self.rows[range.clone()] {
            rows if rows.len() < self.data.rows => NodeRows::Some(rows, &self.ordered),
            _ => NodeRows::All(steps),
        }
    }

    /// Does something for each column, of which each looks at so many rows.
    fn each<Task: Send, Done: Send>(
        &self,
        tasks: Vec<Task>,
        rows: usize,
        one: impl Fn(Task) -> Done + Sync + Send,
    ) -> Vec<Done> {
        if tasks.len() * rows < PARALLEL_WORK {
            return tasks.into_iter().map(one).collect();
        }
        tasks.into_par_iter().with_max_len(1).map(one).collect()
    }

    fn lend(&mut self, columns: &[Used<'_>]) -> Vec<Sum> {
        let bins = columns.iter().map(|used| used.column.scale.bins()).sum();
        let mut histogram = self.pool.pop().unwrap_or_default();
        histogram.resize(bins, Sum::default());
        self.lent += 1;
        histogram
    }

    fn give_back(&mut self, histogram: Option<Vec<Sum>>) {
        if let Some(histogram) = histogram {
            self.pool.push(histogram);
            self.lent -= 1;
        }
    }

    /// Leaves a leaf its histogram if it will be split and there is room.
    fn keep(&mut self, leaf: &mut Leaf, histogram: Vec<Sum>) {
        let bytes = self.lent * histogram.len() * size_of::<Sum>();
        leaf.histogram = Some(histogram);
        if leaf.best.is_none() || bytes > HISTOGRAM_BYTES {
            let histogram = leaf.histogram.take();
            self.give_back(histogram);
        }
    }

    /// The nodes in preorder.
    fn finished(&self, nodes: &[Growing]) -> Grown {
        let mut grown = Grown {
            tree: Tree::default(),
            leaves: Vec::new(),
        };
        self.push(nodes, 0, &mut grown);
        grown
    }

    fn push(&self, nodes: &[Growing], index: usize, grown: &mut Grown) {
        let node = &nodes[index];
        let place = grown.tree.nodes.len();
        grown.tree.nodes.push(Node {
            split: None,
            value: node.value,
            rows: u32::try_from(node.rows.len()).unwrap_or(u32::MAX),
        });
        let Some((candidate, [left, right])) = &node.split else {
            grown.leaves.push((node.value, node.rows.clone()));
            return;
        };
        self.push(nodes, *left, grown);
        let right_place = grown.tree.nodes.len();
        self.push(nodes, *right, grown);
        let scale = &self.data.columns[candidate.column].scale;
        grown.tree.nodes[place].split = Some(Split {
            column: candidate.column,
            left: Left::new(&candidate.question, scale),
            missing_left: candidate.missing_left,
            right: right_place,
            bins: candidate
                .question
                .bins(scale.bins(), candidate.missing_left),
        });
    }
}

/// Takes the leaf whose split gains most; of equals the first.
fn take_best(open: &mut Vec<Leaf>) -> Option<(Leaf, Candidate)> {
    let mut best: Option<(usize, f64)> = None;
    for (index, leaf) in open.iter().enumerate() {
        if let Some(candidate) = &leaf.best
            && best.is_none_or(|(_, gain)| candidate.gain > gain)
        {
            best = Some((index, candidate.gain));
        }
    }
    let mut leaf = open.remove(best?.0);
    let candidate = leaf.best.take()?;
    Some((leaf, candidate))
}

/// The split that gains most; of equals that on the first column.
fn best(found: Vec<Option<Candidate>>) -> Option<Candidate> {
    let found = found.into_iter().flatten();
    found.reduce(|best, other| if other.gain > best.gain { other } else { best })
}

/// The part of each column.
fn slices<'h>(
    histogram: &'h mut [Sum],
    columns: &[Used<'_>],
) -> impl Iterator<Item = &'h mut [Sum]> {
    let mut rest = histogram;
    columns.iter().map(move |used| {
        let (sums, others) = std::mem::take(&mut rest).split_at_mut(used.column.scale.bins());
        rest = others;
        sums
    })
}
