//! Random forests.
//!
//! `smartcore`'s forest of regression trees on 0 and 1 is used: the mean squared error is
//! then the Gini impurity, and a leaf's mean is the share of yes among its rows, a
//! probability. The forest is grown in groups of trees with seeds of their own, so that
//! the groups can run on any number of threads and give the same trees.

use std::collections::BTreeMap;

use model_core::forest::{Aggregation, Bins, CategorySet, Forest, Link, Node, Tree};
use model_core::model::TermValue;
use model_core::schema::{Kind, Schema};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use serde::Deserialize;
use smartcore::ensemble::random_forest_regressor::{
    RandomForestRegressor, RandomForestRegressorParameters,
};
use smartcore::linalg::basic::matrix::DenseMatrix;

use super::{Column, FitError, columns, encoded, matrix};
use crate::prepare::Prepared;

/// Trees in a forest, and how many are grown with one seed.
const TREES: usize = 100;
const GROUP: usize = 10;
/// Levels of a tree, its root included: at most 15 splits on the way to a leaf.
const LEVELS: u16 = 16;
/// Training rows that a leaf must have.
const MIN_LEAF: usize = 3;

/// Grows a forest; the same rows and seed give the same forest.
///
/// # Errors
/// When there is no input.
pub fn fit(prepared: &Prepared, schema: &Schema, seed: u64) -> Result<Forest, FitError> {
    let columns = columns(schema);
    let rows = TrainingRows::new(prepared, &columns)?;
    let trees = grow(&rows, seed)?;
    Ok(exported(&trees, &columns, schema))
}

/// What every group is grown on.
struct TrainingRows {
    matrix: DenseMatrix<f64>,
    answers: Vec<f64>,
    /// The matrix's columns again: the library keeps its own to itself.
    columns: Vec<Vec<f64>>,
}

impl TrainingRows {
    fn new(prepared: &Prepared, columns: &[Column]) -> Result<Self, FitError> {
        let answer = |&row: &usize| f64::from(prepared.target[row]);
        let columns = encoded(prepared, columns);
        Ok(Self {
            matrix: matrix(&columns)?,
            answers: prepared.split.train.iter().map(answer).collect(),
            columns,
        })
    }
}

/// One tree over the encoded columns, in preorder.
struct Grown {
    nodes: Vec<GrownNode>,
}

struct GrownNode {
    /// `None` is a leaf.
    split: Option<Cut>,
    /// The share of yes; of a leaf it is the answer.
    value: f64,
    /// Training rows that reach it.
    count: u32,
}

/// A row goes left, to the next node, where its value is at most the threshold.
#[derive(Clone, Copy)]
struct Cut {
    column: usize,
    threshold: f64,
    right: usize,
}

type Library = RandomForestRegressor<f64, f64, DenseMatrix<f64>, Vec<f64>>;

/// The groups' trees in the order of the groups, grown on as many threads as there are.
fn grow(rows: &TrainingRows, seed: u64) -> Result<Vec<Grown>, FitError> {
    let groups: Result<Vec<_>, _> = seeds(seed)
        .into_par_iter()
        .map(|seed| trees_of(&fit_group(rows, seed)?, rows))
        .collect();
    Ok(groups?.into_iter().flatten().collect())
}

/// Apart from each other: the library numbers its trees on from the seed.
fn seeds(seed: u64) -> Vec<u64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..TREES / GROUP).map(|_| rng.next_u64()).collect()
}

fn fit_group(rows: &TrainingRows, seed: u64) -> Result<Library, FitError> {
    let candidates = (2 * rows.columns.len()).div_ceil(5);
    let parameters = RandomForestRegressorParameters::default()
        .with_n_trees(GROUP)
        .with_max_depth(LEVELS)
        .with_min_samples_leaf(MIN_LEAF)
        .with_m(candidates)
        .with_seed(seed);
    RandomForestRegressor::fit(&rows.matrix, &rows.answers, parameters)
        .map_err(|error| FitError::Library(error.to_string()))
}

/// What the library serialises of a forest, as far as it is needed: it has no other way
/// to show its nodes.
#[derive(Deserialize)]
struct LibraryForest {
    forest_regressor: LibraryTrees,
}

#[derive(Deserialize)]
struct LibraryTrees {
    trees: Vec<LibraryTree>,
}

#[derive(Deserialize)]
struct LibraryTree {
    nodes: Vec<LibraryNode>,
}

#[derive(Deserialize)]
struct LibraryNode {
    output: f64,
    split_feature: usize,
    split_value: Option<f64>,
    true_child: Option<usize>,
    false_child: Option<usize>,
}

fn trees_of(fitted: &Library, rows: &TrainingRows) -> Result<Vec<Grown>, FitError> {
    let library = |error: serde_json::Error| FitError::Library(error.to_string());
    let json = serde_json::to_vec(fitted).map_err(library)?;
    let forest: LibraryForest = serde_json::from_slice(&json).map_err(library)?;
    let trees = forest.forest_regressor.trees.iter();
    Ok(trees.map(|tree| Grown::new(tree, &rows.columns)).collect())
}

impl Grown {
    fn new(tree: &LibraryTree, columns: &[Vec<f64>]) -> Self {
        let mut grown = Self { nodes: Vec::new() };
        grown.push(tree, 0);
        grown.count(columns);
        grown
    }

    /// Appends a subtree. The library goes on splitting where every row has the same answer:
    /// two leaves of the same value become one, which changes no prediction.
    fn push(&mut self, tree: &LibraryTree, index: usize) {
        let Some(node) = tree.nodes.get(index) else {
            return;
        };
        let place = self.nodes.len();
        self.nodes.push(GrownNode::leaf(node.output));
        let (Some(threshold), Some(left), Some(right)) =
            (node.split_value, node.true_child, node.false_child)
        else {
            return;
        };
        self.push(tree, left);
        let right_place = self.nodes.len();
        self.push(tree, right);
        if let [left, right] = &self.nodes[place + 1..]
            && left.value == right.value
        {
            let value = left.value;
            self.nodes.truncate(place);
            self.nodes.push(GrownNode::leaf(value));
            return;
        }
        self.nodes[place].split = Some(Cut {
            column: node.split_feature,
            threshold,
            right: right_place,
        });
    }

    /// Passes every training row down.
    fn count(&mut self, columns: &[Vec<f64>]) {
        let rows = columns.first().map_or(0, Vec::len);
        (0..rows).for_each(|row| {
            let mut place = 0;
            loop {
                let node = &mut self.nodes[place];
                node.count = node.count.saturating_add(1);
                let Some(cut) = node.split else { break };
                let left = columns[cut.column][row] <= cut.threshold;
                place = if left { place + 1 } else { cut.right };
            }
        });
    }
}

impl GrownNode {
    fn leaf(value: f64) -> Self {
        Self {
            split: None,
            value,
            count: 0,
        }
    }
}

/// The trees over the encoded columns become trees over the schema's inputs.
fn exported(trees: &[Grown], columns: &[Column], schema: &Schema) -> Forest {
    let mut splits = Splits::new(trees, columns, schema);
    let trees = trees.iter().map(|tree| splits.exported(tree)).collect();
    Forest {
        features: splits.bins,
        category_sets: splits.sets,
        trees,
        aggregation: Aggregation::Mean,
        base: 0.0,
        link: Link::Identity,
    }
}

/// The cuts and category sets that all trees share.
struct Splits<'a> {
    columns: &'a [Column],
    bins: Vec<Bins>,
    sets: Vec<CategorySet>,
    /// Where the set of a column and a code is in `sets`.
    set_places: BTreeMap<(usize, u32), u32>,
}

impl<'a> Splits<'a> {
    fn new(trees: &[Grown], columns: &'a [Column], schema: &Schema) -> Self {
        let bins = schema.inputs().map(|input| match &input.kind {
            Kind::Category(categories) => Bins::Categories(small(categories.values.len())),
            _ => Bins::Cuts(Vec::new()),
        });
        let mut bins: Vec<Bins> = bins.collect();
        for cut in trees
            .iter()
            .flat_map(|tree| &tree.nodes)
            .filter_map(|node| node.split)
        {
            if let Some(Bins::Cuts(cuts)) = bins.get_mut(columns[cut.column].feature) {
                cuts.push(cut.threshold);
            }
        }
        for bins in &mut bins {
            if let Bins::Cuts(cuts) = bins {
                cuts.sort_by(f64::total_cmp);
                cuts.dedup();
            }
        }
        Self {
            columns,
            bins,
            sets: Vec::new(),
            set_places: BTreeMap::new(),
        }
    }

    fn exported(&mut self, tree: &Grown) -> Tree {
        let nodes = tree.nodes.iter().map(|node| match node.split {
            None => Node::Leaf {
                value: node.value,
                count: node.count,
            },
            Some(cut) => Node::Split {
                feature: u16::try_from(self.columns[cut.column].feature).unwrap_or(u16::MAX),
                split: self.place(cut),
                // Policies leave nothing missing.
                missing_left: false,
                count: node.count,
            },
        });
        Tree {
            nodes: nodes.collect(),
        }
    }

    /// The index of the cut, or of the set of the codes that go left.
    fn place(&mut self, cut: Cut) -> u32 {
        let column = self.columns[cut.column];
        let categories = match &self.bins[column.feature] {
            Bins::Cuts(cuts) => return small(cuts.partition_point(|at| *at < cut.threshold)),
            Bins::Categories(categories) => *categories,
        };
        // Codes are whole, so thresholds that let the same codes pass are one set.
        let highest_left = cut.threshold.floor().clamp(0.0, f64::from(categories)) as u32;
        let key = match column.value {
            TermValue::Itself => (cut.column, highest_left),
            TermValue::IsCategory(_) => (cut.column, 0),
        };
        let sets = &mut self.sets;
        *self.set_places.entry(key).or_insert_with(|| {
            let left = |code: &u32| match column.value {
                TermValue::Itself => *code <= highest_left,
                TermValue::IsCategory(category) => *code != category,
            };
            sets.push(CategorySet::new(categories, (0..=categories).filter(left)));
            small(sets.len() - 1)
        })
    }
}

/// Counts of things that the schema and the forest's own limits keep far below 2^32.
fn small(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use model_core::forest::NaiveForest;
    use model_core::schema::Schema;

    use super::*;
    use crate::dataset::Dataset;
    use crate::split;

    /// The mean of the groups' own predictions: all groups have the same number of trees.
    fn library_predictions(rows: &TrainingRows, seed: u64) -> Vec<f64> {
        let mut sums = vec![0.0; rows.answers.len()];
        let seeds = seeds(seed);
        for seed in &seeds {
            let group = fit_group(rows, *seed).unwrap();
            for (sum, mean) in sums.iter_mut().zip(group.predict(&rows.matrix).unwrap()) {
                *sum += mean;
            }
        }
        sums.iter().map(|sum| sum / seeds.len() as f64).collect()
    }

    #[test]
    fn the_exported_forest_predicts_what_the_library_predicts() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../data");
        let toml = std::fs::read_to_string(format!("{folder}/german_credit.toml")).unwrap();
        let schema = Schema::from_toml(&toml).unwrap();
        let path = format!("{folder}/german_credit.csv");
        let dataset = Dataset::read(path.as_ref(), &schema, |_| {}).unwrap();
        let split = split::stratified(&dataset.target, 1).unwrap();
        let prepared = Prepared::new(dataset, &schema, split).unwrap();
        let rows = TrainingRows::new(&prepared, &columns(&schema)).unwrap();

        let expect = library_predictions(&rows, 9);
        let forest = fit(&prepared, &schema, 9).unwrap();
        let naive = NaiveForest::new(&forest).unwrap();
        for (&row, expect) in prepared.split.train.iter().zip(expect) {
            let inputs: Vec<f64> = prepared.columns.iter().map(|column| column[row]).collect();
            let got = naive.predict(&inputs);
            assert!(
                (got - expect).abs() < 1e-12,
                "row {row}: {got}, library {expect}"
            );
        }
        for tree in &forest.trees {
            let (Node::Leaf { count, .. } | Node::Split { count, .. }) = tree.nodes[0];
            assert_eq!(count as usize, prepared.split.train.len());
            let leaves = tree.nodes.iter().map(|node| match node {
                Node::Leaf { count, .. } => *count as usize,
                Node::Split { .. } => 0,
            });
            assert_eq!(leaves.sum::<usize>(), prepared.split.train.len());
        }
    }
}
