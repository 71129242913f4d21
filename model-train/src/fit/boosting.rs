//! Gradient-boosted trees: the parameters, bags and early stopping around the trainer
//! ([`crate::booster`]).

use std::ops::ControlFlow;

use model_core::forest::{Aggregation, Link};
use model_core::model::Model;
use model_core::schema::{Encoding, FeatureKind};
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::export::{Ensemble, Grown, LibraryNode, LibrarySplit, LibraryTree, exported};
use super::{FitError, GradientBoosting, Step, TrainingRows, Validated, Validation};
use crate::booster::{self, Binned, Booster, Column, Draws, Kind, Rows, Tree};

pub(super) fn fit(
    data: &TrainingRows<'_>,
    params: &GradientBoosting,
    validation: Option<Validation<'_>>,
) -> Result<Validated, FitError> {
    let columns = columns(data);
    let fitting = Fitting::new(data, &columns, params);
    let (mut grown, count, losses, stopped) = match validation {
        None => (Vec::new(), params.trees, Vec::new(), false),
        Some(validation) => {
            let rows = fitting.binned.like(&columns, validation.rows);
            let mut watched = Watched::new(validation, data, rows, fitting.booster(0).base());
            let mut booster = fitting.booster(0);
            let mut trees = Vec::new();
            while trees.len() < params.trees {
                let tree = booster.grow();
                let enough = watched.measure(&tree);
                trees.push(tree);
                if enough {
                    break;
                }
            }
            trees.truncate(watched.trees_to_keep());
            let count = trees.len();
            (vec![trees], count, watched.losses, watched.stopped)
        }
    };
    let bags = (grown.len()..params.bags).into_par_iter();
    let others: Vec<Vec<Tree>> = bags
        .map(|bag| {
            let mut booster = fitting.booster(bag);
            (0..count).map(|_| booster.grow()).collect()
        })
        .collect();
    grown.extend(others);
    let base = fitting.booster(0).base();
    let trees = grown.iter().flatten().map(|tree| {
        let mut grown = Grown::new(&Placed { tree, data });
        let values = grown.nodes.iter_mut().map(|node| &mut node.value);
        values.for_each(|value| *value /= params.bags as f64);
        grown
    });
    let trees: Vec<Grown> = trees.collect();
    let ensemble = Ensemble {
        aggregation: Aggregation::GroupedSum,
        base,
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

/// What all bags are fitted on.
pub(super) struct Fitting<'a> {
    data: &'a TrainingRows<'a>,
    pub(super) binned: Binned,
    params: booster::Params,
}

impl<'a> Fitting<'a> {
    pub(super) fn new(
        data: &'a TrainingRows<'a>,
        columns: &[Column<'_>],
        params: &GradientBoosting,
    ) -> Self {
        Self {
            binned: Binned::new(columns, data.rows, params.max_bins),
            params: trainer_params(params),
            data,
        }
    }

    pub(super) fn booster(&self, bag: usize) -> Booster<'_> {
        let rows = Rows {
            binned: &self.binned,
            answers: &self.data.answers,
            weights: self.data.weights.as_deref(),
        };
        let draws = Draws {
            seed: self.data.options.seed,
            stream: bag as u64,
        };
        Booster::new(rows, &self.params, draws)
    }
}

fn trainer_params(params: &GradientBoosting) -> booster::Params {
    booster::Params {
        learning_rate: params.learning_rate,
        max_leaves: params.max_leaves,
        max_depth: params.max_depth,
        l1: params.l1,
        l2: params.l2,
        min_split_gain: params.min_split_gain,
        min_leaf_weight: params.min_leaf_weight,
        min_leaf_rows: params.min_leaf_rows,
        max_category_set: params.max_category_set,
        row_share: params.row_share,
        column_share: params.column_share,
    }
}

/// The inputs as the trainer takes them.
pub(super) fn columns<'a>(data: &TrainingRows<'a>) -> Vec<Column<'a>> {
    let inputs = data.schema.inputs().zip(&data.prepared.columns);
    inputs
        .map(|(input, values)| Column {
            values,
            kind: match &input.kind {
                FeatureKind::Category(categories) if categories.encoding == Encoding::OneHot => {
                    Kind::Categories(super::export::small(categories.values.len()))
                }
                _ => Kind::Ordered,
            },
            direction: input.monotonic,
        })
        .collect()
}

/// A tree over the encoded columns.
struct Placed<'a> {
    tree: &'a Tree,
    data: &'a TrainingRows<'a>,
}

impl LibraryTree for Placed<'_> {
    fn node(&self, index: usize) -> Option<LibraryNode> {
        let node = self.tree.nodes.get(index)?;
        let split = node.split.as_ref().map(|split| {
            let mut columns = self.data.columns.iter();
            // Of the columns of one feature any will do: who goes left is said by the codes.
            let column = columns.position(|column| column.feature == split.column);
            LibrarySplit {
                column: column.unwrap_or_default(),
                left_of: split.left.clone(),
                missing_left: split.missing_left,
                left: index + 1,
                right: split.right,
            }
        });
        Some(LibraryNode {
            value: node.value,
            count: node.rows,
            split,
        })
    }
}

/// The validation rows while trees are added.
struct Watched<'v, 'd> {
    validation: Validation<'v>,
    data: &'d TrainingRows<'d>,
    rows: Binned,
    answers: Vec<bool>,
    margins: Vec<f64>,
    losses: Vec<f64>,
    /// Trees with the least loss.
    best: usize,
    stopped: bool,
}

impl<'v, 'd> Watched<'v, 'd> {
    fn new(
        validation: Validation<'v>,
        data: &'d TrainingRows<'d>,
        rows: Binned,
        base: f64,
    ) -> Self {
        let answers = validation.rows.iter().map(|&row| data.prepared.target[row]);
        Self {
            answers: answers.collect(),
            margins: vec![base; rows.rows()],
            rows,
            losses: Vec::new(),
            best: 0,
            stopped: false,
            validation,
            data,
        }
    }

    /// Adds a tree; whether that was enough.
    fn measure(&mut self, tree: &Tree) -> bool {
        for (row, margin) in self.margins.iter_mut().enumerate() {
            *margin += tree.step(&self.rows, row);
        }
        let probabilities = self
            .margins
            .iter()
            .map(|&margin| Link::Logistic.apply(margin));
        let answers = self.answers.iter().copied();
        let loss = (self.data).log_loss(self.validation.rows, answers.zip(probabilities));
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
