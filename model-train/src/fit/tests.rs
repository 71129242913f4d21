//! The exported models predict what the libraries' own models predict.

use std::ops::ControlFlow;

use model_core::forest::Link;
use model_core::model::Model;
use model_core::schema::Schema;
use smartcore::linalg::basic::matrix::DenseMatrix;

use super::linear::Scaled;
use super::*;
use crate::dataset::Dataset;
use crate::split;

const DATA: [&str; 3] = ["german_credit", "loan_sample", "points_sample"];

/// A file of `data/`, and its schema.
fn read(name: &str) -> (Prepared, Schema) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../data");
    let schema = name.trim_end_matches("_sample");
    let toml = std::fs::read_to_string(format!("{folder}/{schema}.toml")).unwrap();
    let schema = Schema::from_toml(&toml).unwrap();
    let path = format!("{folder}/{name}.csv");
    let dataset = Dataset::read(path.as_ref(), &schema, |_| {}).unwrap();
    let split = split::stratified(&dataset.target, 1).unwrap();
    (Prepared::new(dataset, &schema, split).unwrap(), schema)
}

const WEIGHTS: [ClassWeight; 3] = [
    ClassWeight::None,
    ClassWeight::Balanced,
    ClassWeight::Explicit {
        negative: 2.0,
        positive: 0.7,
    },
];

/// Fits on the training rows of every file, and compares on all rows: those that were not
/// fitted on too. `library` gives the library's predictions for the encoded columns of all.
fn check(
    params: &Params,
    tolerance: f64,
    library: impl Fn(&TrainingRows<'_>, Vec<Vec<f64>>) -> Vec<f64>,
) {
    for (name, class_weight) in DATA.iter().flat_map(|name| WEIGHTS.map(|w| (name, w))) {
        let (prepared, schema) = read(name);
        let options = Options {
            seed: 9,
            jobs: 2,
            class_weight,
        };
        let rows = &prepared.split.train;
        let data = TrainingRows::new(&prepared, rows, &schema, &options).unwrap();
        let all: Vec<usize> = (0..prepared.target.len()).collect();
        let expect = library(&data, columns::encoded(&prepared, &data.columns, &all));
        let model = fit(&prepared, rows, &schema, params, &options).unwrap();
        let got = predict(&model, &prepared, &all).unwrap();
        assert_eq!(expect.len(), got.len());
        for (row, (got, expect)) in got.into_iter().zip(expect).enumerate() {
            assert!(
                (got - expect).abs() <= tolerance,
                "{name}, {class_weight:?}, row {row}: {got}, library {expect}"
            );
        }
    }
}

fn dense(columns: &[Vec<f64>]) -> DenseMatrix<f64> {
    columns::matrix(columns).unwrap()
}

#[test]
fn ridge() {
    let params = Ridge { alpha: 2.5 };
    check(&Params::Ridge(params), 1e-12, |data, columns| {
        let scaled = Scaled::new(data, 1).unwrap();
        let (fitted, mean) = ridge::fit_library(data, &scaled, &params).unwrap();
        let sums = fitted.predict(&dense(&scaled.of(columns))).unwrap();
        let probability = |sum: f64| (sum + mean).clamp(0.0, 1.0);
        sums.into_iter().map(probability).collect()
    });
}

/// At the least loss its slope is 0 in every direction, and the exported model says the same as
/// the scaled columns.
#[test]
fn logistic_regression() {
    for (alpha, bins) in [(0.5, 1), (3.0, 1), (1.0, 6)] {
        let params = LogisticRegression { alpha, bins };
        check(
            &Params::LogisticRegression(params),
            1e-9,
            |data, columns| {
                let scaled = Scaled::new(data, bins).unwrap();
                let problem = newton::Problem {
                    columns: &scaled.columns,
                    answers: &data.answers,
                    weights: data.weights.as_deref(),
                    alpha,
                };
                let weights = problem.solve();
                let probability = |columns: &[Vec<f64>], row: usize| {
                    let terms = columns.iter().zip(&weights).map(|(x, w)| x[row] * w);
                    Link::Logistic.apply(weights[weights.len() - 1] + terms.sum::<f64>())
                };
                let rows = 0..data.answers.len();
                let residuals: Vec<f64> = rows
                    .map(|row| {
                        let weight = data.weights.as_ref().map_or(1.0, |weights| weights[row]);
                        let answer = f64::from(u8::from(data.answers[row]));
                        weight * (probability(&scaled.columns, row) - answer)
                    })
                    .collect();
                let most = 1e-5 * residuals.iter().map(|r| r.abs()).sum::<f64>();
                for (column, weight) in scaled.columns.iter().zip(&weights) {
                    let slope: f64 = column.iter().zip(&residuals).map(|(x, r)| x * r).sum();
                    assert!((slope + alpha * weight).abs() < most, "{slope}, {weight}");
                }
                assert!(residuals.iter().sum::<f64>().abs() < most);
                let mut all = columns;
                all.extend(scaled.held(data.prepared));
                let all = scaled.of(all);
                (0..data.prepared.target.len())
                    .map(|row| probability(&all, row))
                    .collect()
            },
        );
    }
}

#[test]
fn decision_tree() {
    let params = DecisionTree::default();
    check(&Params::DecisionTree(params), 1e-12, |data, columns| {
        let fitted = decision_tree::fit_library(data, &data.encoded(), &params).unwrap();
        fitted.predict(&dense(&columns)).unwrap()
    });
}

/// The groups' own predictions, weighted by their trees.
#[test]
fn random_forest() {
    let params = RandomForest {
        trees: 25,
        ..RandomForest::default()
    };
    check(&Params::RandomForest(params), 1e-12, |data, columns| {
        let rows = random_forest::Rows::new(data).unwrap();
        let mut sums = vec![0.0; columns[0].len()];
        for group in random_forest::groups(&params, data.options.seed) {
            let fitted = random_forest::fit_group(&rows, &params, group).unwrap();
            for (sum, mean) in sums
                .iter_mut()
                .zip(fitted.predict(&dense(&columns)).unwrap())
            {
                *sum += mean * group.trees as f64;
            }
        }
        sums.iter().map(|sum| sum / params.trees as f64).collect()
    });
}

const BOOSTED: GradientBoosting = GradientBoosting {
    trees: 60,
    learning_rate: 0.1,
    max_leaves: 16,
    max_depth: 8,
    l1: 0.1,
    l2: 2.0,
    min_split_gain: 0.01,
    min_leaf_weight: 0.5,
    min_leaf_rows: 2,
    max_category_set: 1,
    row_share: 1.0,
    column_share: 0.6,
    max_bins: 500,
    bags: 1,
};

/// The trainer's own walk over its bins; the sums are ours.
fn boosted(data: &TrainingRows<'_>, params: &GradientBoosting) -> Vec<f64> {
    let columns = boosting::columns(data);
    let fitting = boosting::Fitting::new(data, &columns, params);
    let mut booster = fitting.booster(0);
    let trees: Vec<_> = (0..params.trees).map(|_| booster.grow()).collect();
    let all: Vec<usize> = (0..data.prepared.target.len()).collect();
    let binned = fitting.binned.like(&columns, &all);
    let margin = |row: usize| {
        let steps = trees.iter().map(|tree| tree.step(&binned, row));
        steps.fold(booster.base(), |sum, step| sum + step)
    };
    let margins = all.into_iter().map(margin);
    margins.map(|margin| Link::Logistic.apply(margin)).collect()
}

#[test]
fn gradient_boosting() {
    for (row_share, max_category_set) in [(1.0, 1), (0.6, 1), (1.0, 4)] {
        let params = GradientBoosting {
            row_share,
            max_category_set,
            ..BOOSTED
        };
        check(&Params::GradientBoosting(params), 1e-12, |data, _| {
            boosted(data, &params)
        });
    }
}

/// What is measured on the way is what the exported model gives, tree by tree, and patience
/// keeps the trees of the least loss.
#[test]
fn the_watched_loss_is_that_of_the_exported_model() {
    let (prepared, schema) = read("loan_sample");
    let options = Options {
        seed: 3,
        jobs: 1,
        class_weight: ClassWeight::Balanced,
    };
    let (rows, others) = (&prepared.split.train, &prepared.split.test);
    let data = TrainingRows::new(&prepared, rows, &schema, &options).unwrap();
    let params = Params::GradientBoosting(GradientBoosting {
        trees: 300,
        learning_rate: 0.3,
        ..BOOSTED
    });
    let mut seen = Vec::new();
    let validated = |patience, watch: &mut (dyn FnMut(Step) -> ControlFlow<()> + Send)| {
        let validation = Validation {
            rows: others,
            patience,
            watch,
        };
        fit_validated(&prepared, rows, &schema, &params, &options, validation).unwrap()
    };
    let patient = validated(Some(10), &mut |step| {
        seen.push(step.loss);
        ControlFlow::Continue(())
    });
    assert_eq!(seen, patient.losses);
    let trees = patient.trees.unwrap();
    assert_eq!(patient.losses.len(), trees + 10, "{:?}", patient.losses);
    let least = patient.losses.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(patient.losses[trees - 1], least);
    let probabilities = predict(&patient.model, &prepared, others).unwrap();
    let answers = others.iter().map(|&row| prepared.target[row]);
    assert!((data.log_loss(others, answers.zip(probabilities)) - least).abs() < 1e-12);

    let stopped = validated(None, &mut |step| match step.trees {
        7 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    assert!(stopped.stopped && stopped.trees == Some(7));
}

/// Every row that is fitted on is counted once in each tree's root and in its leaves.
#[test]
fn rows_are_counted() {
    use model_core::forest::Node;
    let (prepared, schema) = read("german_credit");
    let options = Options {
        seed: 9,
        jobs: 2,
        class_weight: ClassWeight::None,
    };
    let rows = &prepared.split.train;
    for kind in [
        ModelKind::DecisionTree,
        ModelKind::RandomForest,
        ModelKind::GradientBoosting,
    ] {
        let params = Params::defaults(kind);
        let Model::Forest(forest) = fit(&prepared, rows, &schema, &params, &options).unwrap()
        else {
            panic!("{kind:?} is no forest");
        };
        for tree in &forest.trees {
            let (Node::Leaf { count, .. } | Node::Split { count, .. }) = tree.nodes[0];
            assert_eq!(count as usize, rows.len(), "{kind:?}");
            let leaves = tree.nodes.iter().map(|node| match node {
                Node::Leaf { count, .. } => *count as usize,
                Node::Split { .. } => 0,
            });
            assert_eq!(leaves.sum::<usize>(), rows.len(), "{kind:?}");
        }
    }
}

/// 70% of the rows are a yes: balanced, the mean probability comes to one half; with a
/// heavier yes it rises.
#[test]
fn class_weights_move_the_probabilities() {
    let (prepared, schema) = read("german_credit");
    let rows = &prepared.split.train;
    for kind in KINDS {
        let params = Params::defaults(kind);
        let mean = |class_weight| {
            let options = Options {
                seed: 2,
                jobs: 2,
                class_weight,
            };
            let model = fit(&prepared, rows, &schema, &params, &options).unwrap();
            let p = predict(&model, &prepared, &prepared.split.test).unwrap();
            p.iter().sum::<f64>() / p.len() as f64
        };
        let none = mean(ClassWeight::None);
        let balanced = mean(ClassWeight::Balanced);
        let heavy = mean(ClassWeight::Explicit {
            negative: 1.0,
            positive: 3.0,
        });
        assert!((0.6..0.8).contains(&none), "{kind:?}: {none}");
        assert!(
            (balanced - 0.5).abs() < (none - 0.5).abs(),
            "{kind:?}: {balanced}, {none}"
        );
        assert!(heavy > none, "{kind:?}: {heavy}, {none}");
    }
}
