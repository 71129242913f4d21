//! Gradient-boosted trees.
//!
//! `forust-ml` bins the columns and grows each tree (LightGBM's way: the leaf whose split
//! gains most is split first, histograms of gradients over bins). The loop over the trees is
//! ours: so a caller can watch the validation loss and stop between two trees, what is drawn
//! comes from our own generator, and leaves can be corrected before the next tree sees them.
//!
//! The library sums gradients in `f32`: the leaves it finds are `f32` numbers. From there on
//! everything is `f64`, and an `f32` is an `f64` exactly.

use std::ops::ControlFlow;

use forust_ml::binning::{BinnedData, PREDICT_MISSING_BIN, bin_for_prediction, bin_matrix};
use forust_ml::constraints::{Constraint, ConstraintMap};
use forust_ml::data::Matrix;
use forust_ml::gradientbooster::GrowPolicy;
use forust_ml::objective::{LogLoss, ObjectiveFunction};
use forust_ml::sampler::SampleMethod;
use forust_ml::splitter::MissingImputerSplitter;
use forust_ml::tree::{Tree, TreeRows, split_bins};
use model_core::forest::{Aggregation, Link};
use model_core::model::Model;
use model_core::schema::{Missing, Monotonic};
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::export::{Ensemble, Grown, LibraryNode, LibrarySplit, LibraryTree, exported, small};
use super::{FitError, GradientBoosting, Step, TrainingRows, Validated, Validation, columns};

/// How the library marks a missing value in the rows that are fitted on.
const MISSING_BIN: u16 = 0;

pub(super) fn fit(
    data: &TrainingRows<'_>,
    params: &GradientBoosting,
    validation: Option<Validation<'_>>,
) -> Result<Validated, FitError> {
    let binned = binned(data, params)?;
    let (first, losses, stopped) = match validation {
        None => (None, Vec::new(), false),
        Some(validation) => {
            let mut booster = Booster::new(data, params, &binned, 0, data.options.jobs > 1);
            let mut watched = Watched::new(validation, data, &booster);
            while booster.trees.len() < params.trees {
                booster.grow();
                if watched.measure(&booster) {
                    break;
                }
            }
            booster.trees.truncate(watched.trees_to_keep());
            (Some(booster.trees), watched.losses, watched.stopped)
        }
    };
    let count = first.as_ref().map_or(params.trees, Vec::len);
    // Whole models side by side use the threads better than one model's columns.
    let parallel = data.options.jobs > params.bags - usize::from(first.is_some());
    let grown: Vec<Vec<Grown>> = (usize::from(first.is_some())..params.bags)
        .into_par_iter()
        .map(|bag| {
            let mut booster = Booster::new(data, params, &binned, bag, parallel);
            (0..count).for_each(|_| booster.grow());
            booster.trees.iter().map(Grown::new).collect()
        })
        .collect();
    let first = first.iter().flatten().map(Grown::new);
    let mut trees: Vec<Grown> = first.chain(grown.into_iter().flatten()).collect();
    let steps = trees.iter_mut().flat_map(|tree| &mut tree.nodes);
    steps.for_each(|node| node.value /= params.bags as f64);
    let ensemble = Ensemble {
        aggregation: Aggregation::GroupedSum,
        base: base(data),
        link: Link::Logistic,
    };
    let forest = exported(&trees, &data.columns, data.schema, &ensemble);
    Ok(Validated {
        model: Model::Forest(forest),
        losses,
        trees: Some(count),
        stopped,
    })
}

/// The trees so far, and what the next one is fitted to.
pub(super) struct Booster<'a> {
    params: &'a GradientBoosting,
    binned: &'a BinnedData<f64>,
    rows: usize,
    columns: usize,
    splitter: MissingImputerSplitter,
    /// How the score must follow each column.
    directions: Vec<Option<Monotonic>>,
    answers: Vec<f64>,
    weights: Vec<f64>,
    /// The log odds before the first tree.
    pub(super) base: f64,
    /// The log odds of each row so far.
    scores: Vec<f64>,
    pub(super) trees: Vec<BoostedTree>,
    rng: ChaCha8Rng,
    parallel: bool,
}

/// A tree of the library with the number of rows in each node.
pub(super) struct BoostedTree {
    pub(super) tree: Tree,
    split_bins: Vec<u16>,
    counts: Vec<u32>,
}

impl<'a> Booster<'a> {
    /// `parallel` lets it use several threads for one tree.
    pub(super) fn new(
        data: &TrainingRows<'_>,
        params: &'a GradientBoosting,
        binned: &'a BinnedData<f64>,
        bag: usize,
        parallel: bool,
    ) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(data.options.seed);
        rng.set_stream(bag as u64);
        let base = base(data);
        Self {
            params,
            binned,
            rows: data.rows.len(),
            columns: data.columns.len(),
            splitter: splitter(data, params),
            directions: data.columns.iter().map(|c| data.monotonic(c)).collect(),
            scores: vec![base; data.rows.len()],
            answers: data.answers_as_numbers(),
            weights: weights(data),
            base,
            trees: Vec::new(),
            rng,
            parallel,
        }
    }

    /// Adds a tree.
    pub(super) fn grow(&mut self) {
        let (gradients, hessians) =
            LogLoss::calc_grad_hess(&self.answers, &self.scores, &self.weights);
        let columns = drawn(self.columns, self.params.column_share, &mut self.rng);
        let rows = drawn(self.rows, self.params.row_share, &mut self.rng);
        let sampled = rows.len() < self.rows;
        let bins = Matrix::new(&self.binned.binned_data, self.rows, self.columns);
        let mut tree = Tree::new();
        let reached = tree.fit(
            &bins,
            rows,
            &columns,
            &self.binned.cuts,
            &gradients,
            &hessians,
            &self.splitter,
            self.params.max_leaves,
            self.params.max_depth,
            self.parallel,
            &match sampled {
                true => SampleMethod::Random,
                false => SampleMethod::None,
            },
            &GrowPolicy::LossGuide,
        );
        if self.directions.iter().any(Option::is_some) {
            bound(&mut tree, &self.directions);
        }
        let tree = BoostedTree {
            counts: counts(&tree, reached.as_ref(), self.rows),
            split_bins: split_bins(&tree, &self.binned.cuts),
            tree,
        };
        match reached.filter(|_| !sampled) {
            Some(reached) => {
                for (rows, step) in reached.leaves(&tree.tree) {
                    rows.iter().for_each(|&row| self.scores[row] += step);
                }
            }
            None => {
                for (row, score) in self.scores.iter_mut().enumerate() {
                    *score += tree.step(|column| *bins.get(row, column), MISSING_BIN);
                }
            }
        }
        self.trees.push(tree);
    }
}

/// The rows to fit on in bins.
pub(super) fn binned(
    data: &TrainingRows<'_>,
    params: &GradientBoosting,
) -> Result<BinnedData<f64>, FitError> {
    let values = data.encoded().concat();
    let matrix = Matrix::new(&values, data.rows.len(), data.columns.len());
    let parallel = data.options.jobs > 1;
    bin_matrix(&matrix, &weights(data), params.max_bins, f64::NAN, parallel)
        .map_err(|error| FitError::Library(error.to_string()))
}

/// The log odds before the first tree.
fn base(data: &TrainingRows<'_>) -> f64 {
    LogLoss::calc_init(&data.answers_as_numbers(), &weights(data))
}

fn weights(data: &TrainingRows<'_>) -> Vec<f64> {
    let weights = data.weights.clone();
    weights.unwrap_or_else(|| vec![1.0; data.answers.len()])
}

fn splitter(data: &TrainingRows<'_>, params: &GradientBoosting) -> MissingImputerSplitter {
    let constraint = |(column, of): (usize, &super::Column)| {
        let constraint = match data.monotonic(of)? {
            Monotonic::Increasing => Constraint::Positive,
            Monotonic::Decreasing => Constraint::Negative,
        };
        Some((column, constraint))
    };
    let constraints = data.columns.iter().enumerate().filter_map(constraint);
    MissingImputerSplitter {
        l1: params.l1 as f32,
        l2: params.l2 as f32,
        max_delta_step: 0.0,
        gamma: params.min_split_gain as f32,
        min_leaf_weight: params.min_leaf_weight as f32,
        learning_rate: params.learning_rate as f32,
        // Whether a value is there at all is worth a question only where it may be missing.
        allow_missing_splits: (data.schema.inputs()).any(|input| input.missing == Missing::Native),
        constraints_map: ConstraintMap::from_iter(constraints),
    }
}

/// Keeps every leaf within the bounds that the constrained splits above it set, halfway
/// between the weights of the two sides. The library looks after the splits on constrained
/// columns alone: below them a split on another column can pass the bounds.
fn bound(tree: &mut Tree, directions: &[Option<Monotonic>]) {
    let mut pending = vec![(0, f32::NEG_INFINITY, f32::INFINITY)];
    while let Some((index, low, high)) = pending.pop() {
        let node = &mut tree.nodes[index];
        if node.is_leaf {
            node.weight_value = node.weight_value.max(low).min(high);
            continue;
        }
        let (left, right, column) = (node.left_child, node.right_child, node.split_feature);
        let weights = tree.nodes[left].weight_value + tree.nodes[right].weight_value;
        let middle = (weights / 2.0).max(low).min(high);
        let (of_left, of_right) = match directions[column] {
            None => ((low, high), (low, high)),
            Some(Monotonic::Increasing) => ((low, middle), (middle, high)),
            Some(Monotonic::Decreasing) => ((middle, high), (low, middle)),
        };
        pending.push((left, of_left.0, of_left.1));
        pending.push((right, of_right.0, of_right.1));
    }
}

/// A share of the numbers below `count`, at least one, ascending.
fn drawn(count: usize, share: f64, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..count).collect();
    let wanted = ((share * count as f64).round() as usize).clamp(1, count);
    if wanted < count {
        // The drawn ones are those it answers, not the first ones of the list.
        numbers = numbers.partial_shuffle(rng, wanted).0.to_vec();
        numbers.sort_unstable();
    }
    numbers
}

/// Rows in each node. Where the library does not say, the node's share of the hessian.
fn counts(tree: &Tree, reached: Option<&TreeRows>, rows: usize) -> Vec<u32> {
    if let Some(reached) = reached {
        let rows = |&(start, stop): &(usize, usize)| small(stop - start);
        return reached.ranges.iter().map(rows).collect();
    }
    let root = tree.nodes.first().map_or(1.0, |root| root.hessian_sum);
    let share = |hessian: f32| (f64::from(hessian / root) * rows as f64) as u32;
    tree.nodes
        .iter()
        .map(|node| share(node.hessian_sum))
        .collect()
}

impl BoostedTree {
    /// What the tree adds to a row's log odds.
    fn step(&self, bin: impl Fn(usize) -> u16, missing: u16) -> f64 {
        (self.tree).predict_row_from_bins(bin, &self.split_bins, missing, &f64::NAN)
    }
}

impl LibraryTree for BoostedTree {
    fn node(&self, index: usize) -> Option<LibraryNode> {
        let node = self.tree.nodes.get(index)?;
        let split = LibrarySplit {
            column: node.split_feature,
            // The library sends `value < split` left, a forest `value <= cut`.
            threshold: node.split_value.next_down(),
            missing_left: node.missing_node == node.left_child,
            left: node.left_child,
            right: node.right_child,
        };
        Some(LibraryNode {
            value: f64::from(node.weight_value),
            count: self.counts.get(index).copied().unwrap_or_default(),
            split: (!node.is_leaf).then_some(split),
        })
    }
}

/// The validation rows while trees are added.
struct Watched<'v, 'd> {
    validation: Validation<'v>,
    data: &'d TrainingRows<'d>,
    answers: Vec<bool>,
    /// Column after column.
    bins: Vec<u16>,
    scores: Vec<f64>,
    losses: Vec<f64>,
    /// Trees with the least loss.
    best: usize,
    stopped: bool,
}

impl<'v, 'd> Watched<'v, 'd> {
    fn new(validation: Validation<'v>, data: &'d TrainingRows<'d>, booster: &Booster<'_>) -> Self {
        let rows = validation.rows;
        let values = columns::encoded(data.prepared, &data.columns, rows).concat();
        let matrix = Matrix::new(&values, rows.len(), data.columns.len());
        let cuts = &booster.binned.cuts;
        Self {
            bins: bin_for_prediction(&matrix, cuts, &f64::NAN, booster.parallel),
            answers: rows.iter().map(|&row| data.prepared.target[row]).collect(),
            scores: vec![booster.base; rows.len()],
            losses: Vec::new(),
            best: 0,
            stopped: false,
            validation,
            data,
        }
    }

    /// Adds the last tree; whether that was enough.
    fn measure(&mut self, booster: &Booster<'_>) -> bool {
        let Some(tree) = booster.trees.last() else {
            return false;
        };
        let rows = self.scores.len();
        for (row, score) in self.scores.iter_mut().enumerate() {
            let bin = |column: usize| self.bins[column * rows + row];
            *score += tree.step(bin, PREDICT_MISSING_BIN);
        }
        let probabilities = self.scores.iter().map(|&score| Link::Logistic.apply(score));
        let answers = self.answers.iter().copied();
        let loss = self.data.log_loss(answers.zip(probabilities));
        self.losses.push(loss);
        let trees = self.losses.len();
        if self.best == 0 || loss < self.losses[self.best - 1] {
            self.best = trees;
        }
        let step = Step { trees, loss };
        self.stopped = (self.validation.watch)(step) == ControlFlow::Break(());
        let patience = self.validation.patience.unwrap_or(usize::MAX);
        self.stopped || trees - self.best >= patience
    }

    /// With patience, the trees up to the least loss; else all.
    fn trees_to_keep(&self) -> usize {
        match self.validation.patience {
            Some(_) => self.best,
            None => self.losses.len(),
        }
    }
}
