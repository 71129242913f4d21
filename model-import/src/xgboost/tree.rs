//! A tree of XGBoost: lists with an entry for each node.

use std::collections::HashMap;

use super::{Value, wrong};
use crate::bits::last;
use crate::error::{ImportError, broken, unsupported};
use crate::source::{Band, Compare, Cut, Missing, Node, Set, Test, Tree};

/// The numbers that are this one in single precision.
pub(super) fn same_single(number: f64) -> Band {
    let single = number as f32;
    let below = last(|x| (x as f32) < single).map_or(f64::MIN, f64::next_up);
    let to = last(|x| (x as f32) <= single).unwrap_or(f64::MAX);
    Band { from: below, to }
}

/// The lists of a tree.
struct Lists<'a> {
    left: &'a [f64],
    right: &'a [f64],
    columns: &'a [f64],
    /// Cuts of splits, values of leaves.
    conditions: &'a [f64],
    default_left: &'a [f64],
    kinds: &'a [f64],
    cover: &'a [f64],
    categories: Categories<'a>,
}

/// The categorical splits: which nodes they are, and where their categories stand.
struct Categories<'a> {
    /// By node, where it stands in the lists.
    places: HashMap<u64, usize>,
    from: &'a [f64],
    counts: &'a [f64],
    all: &'a [f64],
}

pub(super) fn read(
    index: usize,
    tree: &Value,
    weight: f32,
    band: Option<Band>,
) -> Result<Tree, ImportError> {
    let size = tree.get(&["tree_param", "size_leaf_vector"]).ok();
    let size = size
        .and_then(Value::text)
        .and_then(|text| text.parse::<u64>().ok());
    if size.is_some_and(|size| size > 1) {
        return Err(unsupported(
            "the leaves are vectors (multi_output_tree): only trees with one number in each leaf can be imported",
        ));
    }
    let lists = Lists::read(tree)?;
    lists.categories.check()?;
    let nodes = (0..lists.left.len()).map(|node| lists.node(node, weight, band));
    let nodes = nodes.collect::<Result<_, _>>();
    let nodes = nodes.map_err(|problem| broken(format!("tree {index}, {problem}")))?;
    Ok(Tree { nodes })
}

impl<'a> Lists<'a> {
    fn read(tree: &'a Value) -> Result<Self, ImportError> {
        let left = tree.get(&["left_children"])?.numbers();
        let left = left.ok_or_else(|| wrong("left_children"))?;
        let of_all = |key: &str| {
            let numbers = tree.get(&[key])?.numbers().ok_or_else(|| wrong(key))?;
            match numbers.len() == left.len() {
                true => Ok(numbers),
                false => Err(broken(format!(
                    "a tree has {} left_children and {} {key}: the file is damaged",
                    left.len(),
                    numbers.len()
                ))),
            }
        };
        // Absent before there were categorical splits.
        let some = |key: &str| match tree.find(key) {
            Some(value) => value.numbers().ok_or_else(|| wrong(key)),
            None => Ok(&[][..]),
        };
        Ok(Self {
            left,
            right: of_all("right_children")?,
            columns: of_all("split_indices")?,
            conditions: of_all("split_conditions")?,
            default_left: of_all("default_left")?,
            kinds: some("split_type")?,
            cover: some("sum_hessian")?,
            categories: Categories {
                places: places(some("categories_nodes")?),
                from: some("categories_segments")?,
                counts: some("categories_sizes")?,
                all: some("categories")?,
            },
        })
    }

    fn node(&self, node: usize, weight: f32, band: Option<Band>) -> Result<Node, String> {
        let cover = self.cover.get(node).copied().unwrap_or_default();
        // A hint of how often it is visited: the weight of the training rows.
        let count = (cover as f32).max(0.0) as u32;
        if self.left[node] == -1.0 {
            // Single precision, as it multiplies.
            let value = weight * self.conditions[node] as f32;
            return Ok(Node::Leaf {
                value: value.into(),
                id: u32::try_from(node).unwrap_or(u32::MAX),
                count,
            });
        }
        let child = |number: f64| {
            let is_whole = number >= 0.0 && number.fract() == 0.0;
            let is_node = is_whole && number < self.left.len() as f64;
            is_node
                .then_some(number as usize)
                .ok_or_else(|| format!("node {node}: it has a child {number} that does not exist"))
        };
        let missing_left = self.default_left[node] != 0.0;
        let test = if self.kinds.get(node).is_some_and(|kind| *kind != 0.0) {
            Test::Set(Set {
                codes: self.categories.of(node)?,
                // The listed ones go right, all others left.
                members_left: false,
                missing_left,
            })
        } else {
            let at = f64::from(self.conditions[node] as f32);
            if !at.is_finite() {
                return Err(format!("node {node}: its cut is {at}, expected a number"));
            }
            Test::Cut(Cut {
                at,
                compare: Compare::SingleBelow,
                missing: Missing::Goes {
                    left: missing_left,
                    band,
                },
            })
        };
        Ok(Node::Split {
            column: self.columns[node].max(0.0) as usize,
            test,
            left: child(self.left[node])?,
            right: child(self.right[node])?,
            count,
        })
    }
}

/// The first place of each node.
fn places(nodes: &[f64]) -> HashMap<u64, usize> {
    let places = nodes.iter().enumerate().rev();
    let is_whole = |(_, node): &(usize, &f64)| **node >= 0.0 && node.fract() == 0.0;
    let places = places.filter(is_whole);
    places.map(|(place, node)| (*node as u64, place)).collect()
}

impl Categories<'_> {
    /// Each split has categories of its own: what many shared would become long in memory from a
    /// short file.
    fn check(&self) -> Result<(), ImportError> {
        let counts: f64 = self.counts.iter().map(|count| count.max(0.0)).sum();
        match counts <= self.all.len() as f64 {
            true => Ok(()),
            false => Err(broken(format!(
                "categories_sizes are {counts} in all, and there are {} categories: the file is damaged",
                self.all.len()
            ))),
        }
    }

    fn of(&self, node: usize) -> Result<Vec<u32>, String> {
        let codes = self.places.get(&(node as u64)).and_then(|&place| {
            let from = *self.from.get(place)? as usize;
            let count = *self.counts.get(place)? as usize;
            self.all.get(from..from.checked_add(count)?)
        });
        let codes = codes.ok_or_else(|| format!("node {node}: it has no categories"))?;
        let is_code =
            |code: &f64| *code >= 0.0 && code.fract() == 0.0 && *code <= f64::from(u32::MAX);
        if !codes.iter().all(is_code) {
            return Err(format!("node {node}: a category has no whole number"));
        }
        let mut codes: Vec<u32> = codes.iter().map(|code| *code as u32).collect();
        codes.sort_unstable();
        Ok(codes)
    }
}
