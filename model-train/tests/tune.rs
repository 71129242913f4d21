//! The search for hyperparameters, through the crate's public interface.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use model_core::model::ModelKind;
use model_core::schema::Schema;
use model_train::dataset::Dataset;
use model_train::fit::{ClassWeight, FitError, Params, RandomForest};
use model_train::metrics::Metrics;
use model_train::split;
use model_train::tune::{
    Budget, Candidate, Control, Cost, CrossValidation, Event, Fold, FoldScore, Metric, Objective,
    Point, Scale, Settings, Space, State, Trial, TuneError, best, chosen, frontier, leader, search,
    stratified_folds,
};
use model_train::values::Values;

const SCHEMA: &str = r#"
name = "test"
version = "1.0.0"

[[feature]]
name = "income"
type = "number"
missing = "impute"

[[feature]]
name = "years"
type = "integer"

[[feature]]
name = "approved"
type = "boolean"
role = "target"
"#;

fn settings(trials: usize) -> Settings {
    Settings {
        trials,
        folds: 5,
        seed: 42,
        jobs: 2,
        bags: 4,
        metric: Metric::RocAuc,
        budget: Budget::default(),
    }
}

/// A made-up landscape: the nearer `l2` is to 3 and `max_leaves` to 30, the better.
struct Landscape {
    evaluated: AtomicUsize,
}

impl Landscape {
    fn new() -> Self {
        let evaluated = AtomicUsize::new(0);
        Self { evaluated }
    }
}

impl Objective for Landscape {
    fn evaluate(
        &self,
        candidate: &Candidate,
        fold: usize,
        _hurdle: Option<f64>,
        _jobs: usize,
    ) -> Result<FoldScore, FitError> {
        self.evaluated.fetch_add(1, Ordering::Relaxed);
        let (far, leaves) = match candidate.params {
            Params::GradientBoosting(p) => (
                (p.l2 / 3.0).ln().abs() + (p.max_leaves as f64 / 30.0).ln().abs(),
                p.max_leaves,
            ),
            Params::Ridge(_) => (6.0, 1),
            _ => return Err(FitError::Library("no such model here".into())),
        };
        let roc_auc = 0.9 - 0.02 * far + 0.01 * fold as f64;
        let point = |trees: usize, roc_auc: f64| Point {
            trees,
            metrics: Metrics {
                accuracy: roc_auc,
                f1_weighted: roc_auc,
                roc_auc,
                log_loss: 1.0 - roc_auc,
                brier: 1.0 - roc_auc,
            },
            cost: Cost {
                bytes: (100 * trees * leaves) as u64,
                gzip_bytes: (10 * trees * leaves) as u64,
                nanoseconds: (trees * leaves) as f64,
            },
        };
        let points = vec![point(50, roc_auc - 0.05), point(100, roc_auc)];
        Ok(FoldScore {
            points,
            is_average: false,
        })
    }
}

/// The ranges of what the landscape is made of, whatever the standard ones are.
fn boosting() -> Vec<Space> {
    let mut space = Space::standard(ModelKind::GradientBoosting);
    space.vary("l2", Scale::Log(0.1, 30.0)).unwrap();
    let leaves = Scale::LogInteger(4.0, 128.0);
    space.vary("max_leaves", leaves).unwrap();
    vec![space]
}

fn run(settings: &Settings, finished: Vec<Trial>) -> Vec<Trial> {
    let spaces = boosting();
    let control = Control::default();
    let trials = search(
        &Landscape::new(),
        &spaces,
        settings,
        &control,
        finished,
        &|_| {},
    );
    without_times(trials.unwrap())
}

fn without_times(mut trials: Vec<Trial>) -> Vec<Trial> {
    trials.iter_mut().for_each(|trial| trial.seconds = 0.0);
    trials
}

#[test]
fn the_number_of_jobs_changes_nothing() {
    let with = |jobs| {
        let settings = Settings {
            jobs,
            ..settings(30)
        };
        run(&settings, Vec::new())
    };
    let one = with(1);
    assert_eq!(one.len(), 30);
    assert_eq!(one, with(2));
    assert_eq!(one, with(4));
    assert_ne!(
        one,
        run(
            &Settings {
                seed: 1,
                ..settings(30)
            },
            Vec::new()
        )
    );
}

#[test]
fn going_on_gives_what_would_have_come_at_once() {
    let whole = run(&settings(30), Vec::new());
    for done in [1, 4, 6, 17] {
        assert_eq!(whole, run(&settings(30), whole[..done].to_vec()));
    }
    // Trials of one generation end in any order: whichever of them are missing are done.
    let mut holes = whole.clone();
    holes.remove(7);
    holes.truncate(8);
    assert_eq!(whole, run(&settings(30), holes));
    assert_eq!(whole[..12], run(&settings(12), whole.clone())[..]);
}

#[test]
fn it_finds_the_top_and_gives_up_what_is_far_from_it() {
    let landscape = Landscape::new();
    let settings = settings(80);
    let control = Control::default();
    let trials = search(
        &landscape,
        &boosting(),
        &settings,
        &control,
        Vec::new(),
        &|_| {},
    );
    let trials = trials.unwrap();
    let best = best(&trials, &settings).unwrap();
    let value = best.value(Metric::RocAuc, &settings.budget).unwrap();
    assert!(value > 0.912, "the top is 0.92, got {value}");
    let count = |state| trials.iter().filter(|t| t.state == state).count();
    assert!(count(State::Pruned) > 30, "{} pruned", count(State::Pruned));
    assert_eq!(count(State::Pruned) + count(State::Complete), 80);
    let fitted = landscape.evaluated.load(Ordering::Relaxed);
    let folds: usize = trials.iter().map(|t| t.folds.len()).sum();
    assert_eq!(fitted, folds);
    assert!(
        folds < 80 * 5 * 2 / 3,
        "{folds} folds were fitted, of {}",
        80 * 5
    );
    let pruned = trials.iter().filter(|t| t.state == State::Pruned);
    assert!(pruned.clone().all(|t| t.folds.len() < 5));
}

#[test]
fn models_share_the_trials_and_failures_do_not_end_it() {
    let kinds = [
        ModelKind::GradientBoosting,
        ModelKind::Ridge,
        ModelKind::DecisionTree,
    ];
    let spaces = kinds.map(Space::standard);
    let control = Control::default();
    let settings = settings(40);
    let trials = search(
        &Landscape::new(),
        &spaces,
        &settings,
        &control,
        Vec::new(),
        &|_| {},
    );
    let trials = trials.unwrap();
    let of = |kind| trials.iter().filter(|t| t.params.kind() == kind).count();
    assert!(kinds.iter().all(|kind| of(*kind) >= 2));
    assert!(of(ModelKind::GradientBoosting) > of(ModelKind::Ridge));
    for (trial, kind) in trials.iter().zip(kinds) {
        let own = Space::standard(kind).base().kind();
        assert_eq!(trial.params.kind(), own, "each begins with its defaults");
    }
    let failed = trials.iter().filter(|t| t.state == State::Failed);
    assert!(failed.clone().count() >= 2);
    assert!(failed.clone().all(|t| t.error.is_some()));
    assert_eq!(best(&trials, &settings).unwrap().params.kind(), kinds[0]);

    let only = [Space::standard(ModelKind::DecisionTree)];
    let trials = search(
        &Landscape::new(),
        &only,
        &settings,
        &control,
        Vec::new(),
        &|_| {},
    );
    let error = best(&trials.unwrap(), &settings).unwrap_err();
    assert!(
        matches!(error, TuneError::AllFailed { trials: 40, .. }),
        "{error}"
    );
}

#[test]
fn a_deadline_and_a_stop_keep_what_is_done() {
    let run = |control: &Control, observe: &(dyn Fn(Event<'_>) + Sync)| {
        search(
            &Landscape::new(),
            &boosting(),
            &settings(50),
            control,
            Vec::new(),
            observe,
        )
        .unwrap()
    };
    let late = Control::default().until(Some(Instant::now()));
    let trials = run(&late, &|_| {});
    assert_eq!(trials.len(), 1, "the first trial is done in any case");
    assert_eq!(trials[0].state, State::Complete);

    let control = Control::default();
    let ended = AtomicUsize::new(0);
    let trials = run(&control, &|event| {
        if matches!(event, Event::Trial(_)) && ended.fetch_add(1, Ordering::Relaxed) == 8 {
            control.stop();
        }
    });
    assert!((9..=13).contains(&trials.len()), "{}", trials.len());

    let stopped = Control::default();
    stopped.stop();
    let trials = run(&stopped, &|_| {});
    assert!(matches!(
        best(&trials, &settings(50)),
        Err(TuneError::Stopped)
    ));
}

#[test]
fn a_budget_is_kept_to() {
    let within = |gzip_bytes| {
        let mut settings = settings(40);
        settings.budget.gzip_bytes = Some(gzip_bytes);
        let trials = run(&settings, Vec::new());
        let best = best(&trials, &settings).cloned();
        best.map(|best| (chosen(&best, &settings), best, settings))
    };
    let (params, best, settings) = within(20_000).unwrap();
    let Params::GradientBoosting(params) = params else {
        panic!("{params:?}");
    };
    let bytes = 10 * params.trees * params.max_leaves * params.bags;
    assert!(bytes <= 20_000, "{params:?}");
    assert!(best.fits(settings.metric, &settings.budget));
    let error = within(10).unwrap_err();
    assert!(matches!(error, TuneError::OverBudget { .. }), "{error}");
}

#[test]
fn of_what_the_folds_cannot_tell_apart_the_least_log_loss_is_chosen() {
    let trial = |number: usize, folds: [f64; 5], log_loss: f64| {
        let fold = |roc_auc: f64| {
            let metrics = Metrics {
                accuracy: 0.8,
                f1_weighted: 0.8,
                roc_auc,
                log_loss,
                brier: log_loss / 2.0,
            };
            let (trees, cost) = (0, Cost::default());
            let points = vec![Point {
                trees,
                metrics,
                cost,
            }];
            FoldScore {
                points,
                is_average: false,
            }
        };
        Trial {
            number,
            params: Params::defaults(ModelKind::LogisticRegression),
            state: State::Complete,
            folds: folds.map(fold).into(),
            seconds: 0.0,
            error: None,
        }
    };
    // A little better on three folds, and shrunk; as good but for noise; worse on every fold.
    let trials = [
        trial(0, [0.80, 0.82, 0.78, 0.81, 0.79], 0.20),
        trial(1, [0.81, 0.80, 0.79, 0.79, 0.80], 0.17),
        trial(2, [0.79, 0.81, 0.77, 0.80, 0.78], 0.15),
    ];
    let chosen_by = |metric| {
        let settings = Settings {
            metric,
            ..settings(3)
        };
        let leader = leader(&trials, &settings).unwrap().number;
        (leader, best(&trials, &settings).unwrap().number)
    };
    assert_eq!(chosen_by(Metric::RocAuc), (0, 1));
    assert_eq!(chosen_by(Metric::Brier), (2, 2));
}

#[test]
fn a_forest_keeps_all_the_trees_that_it_may_have() {
    let point = |trees: usize, roc_auc: f64| Point {
        trees,
        metrics: Metrics {
            accuracy: 0.8,
            f1_weighted: 0.8,
            roc_auc,
            log_loss: 1.0 - roc_auc,
            brier: 0.2,
        },
        cost: Cost {
            bytes: trees as u64,
            ..Cost::default()
        },
    };
    let trees = |is_average, bytes| {
        let points = vec![point(10, 0.8), point(20, 0.9), point(30, 0.85)];
        let fold = FoldScore { points, is_average };
        let budget = Budget {
            bytes,
            ..Budget::default()
        };
        fold.best(Metric::RocAuc, &budget).unwrap().trees
    };
    assert_eq!([trees(false, None), trees(true, None)], [20, 30]);
    assert_eq!([trees(false, Some(15)), trees(true, Some(25))], [10, 20]);
}

#[test]
fn a_fitted_forest_is_known_to_average_its_trees() {
    let (dataset, schema) = read(&data(200));
    let rows: Vec<usize> = (0..200).collect();
    let splits = stratified_folds(&dataset.target, &rows, 3, 1).unwrap();
    let objective = CrossValidation::new(&dataset, &schema, splits, 1, ClassWeight::None).unwrap();
    let score = |params| {
        let candidate = Candidate { number: 0, params };
        objective.evaluate(&candidate, 0, None, 1).unwrap()
    };
    let forest = score(Params::RandomForest(RandomForest {
        trees: 30,
        ..RandomForest::default()
    }));
    assert!(forest.points.len() > 1, "{forest:?}");
    assert!(forest.is_average, "{forest:?}");
    for metric in Metric::ALL {
        let best = forest.best(metric, &Budget::default()).unwrap();
        assert_eq!(best.trees, 30, "{metric:?}");
    }
    let boosting = Params::defaults(ModelKind::GradientBoosting);
    assert!(!score(boosting).is_average);
}

#[test]
fn the_frontier_is_better_where_it_is_dearer() {
    let trials = run(&settings(40), Vec::new());
    let points = frontier(&trials, Metric::RocAuc);
    assert!(points.len() > 3);
    // What was given up after a lucky fold is no model with that figure.
    let complete = |trial: usize| trials[trial].state == State::Complete;
    assert!(points.iter().all(|point| complete(point.trial)));
    for pair in points.windows(2) {
        assert!(pair[0].cost.gzip_bytes <= pair[1].cost.gzip_bytes);
        let (better, faster) = (
            pair[1].value > pair[0].value,
            pair[1].cost.nanoseconds < pair[0].cost.nanoseconds,
        );
        assert!(better || faster);
    }
}

#[test]
fn a_space_can_be_narrowed() {
    let mut space = Space::standard(ModelKind::GradientBoosting);
    space.fix("max_leaves", 7.0).unwrap();
    space.vary("l2", Scale::Choice(vec![1.0, 2.0])).unwrap();
    space.vary("row_share", Scale::Linear(0.5, 1.0)).unwrap();
    let control = Control::default();
    let trials = search(
        &Landscape::new(),
        &[space],
        &settings(20),
        &control,
        Vec::new(),
        &|_| {},
    );
    for trial in trials.unwrap() {
        let Params::GradientBoosting(p) = trial.params else {
            panic!("{trial:?}");
        };
        assert_eq!(p.max_leaves, 7);
        assert!(p.l2 == 1.0 || p.l2 == 2.0);
        assert!((0.5..=1.0).contains(&p.row_share));
    }
}

/// Rows whose incomes are missing now and then.
fn data(rows: usize) -> String {
    let mut csv = String::from("income,years,approved\n");
    let mut state = 1u32;
    let mut draw = |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) % below
    };
    for _ in 0..rows {
        let (income, years, noise) = (draw(1000), draw(40), draw(300));
        let yes = u8::from(income + 10 * years + noise > 800);
        match draw(5) {
            0 => writeln!(csv, ",{years},{yes}").unwrap(),
            _ => writeln!(csv, "{income},{years},{yes}").unwrap(),
        }
    }
    csv
}

fn read(csv: &str) -> (Dataset, Schema) {
    let schema = Schema::from_toml(SCHEMA).unwrap();
    let dataset = Dataset::from_reader(csv.as_bytes(), "d.csv", &schema, |_| {}).unwrap();
    (dataset, schema)
}

/// If an imputed value were learned from rows that are measured, changing those rows would
/// change what the others are filled in with.
#[test]
fn what_is_filled_in_is_not_learned_from_the_rows_that_are_measured() {
    let (dataset, schema) = read(&data(300));
    let rows: Vec<usize> = (0..300).collect();
    let splits = stratified_folds(&dataset.target, &rows, 5, 1).unwrap();
    for split in splits {
        let honest = Fold::new(&dataset, &schema, split.clone()).unwrap();
        let mut changed = dataset.clone();
        changed.columns[0] = (0..changed.columns[0].len())
            .map(|row| match split.test.contains(&row) {
                true => 1e9,
                false => dataset.columns[0][row],
            })
            .collect();
        let other = Fold::new(&changed, &schema, split.clone()).unwrap();
        let (honest, other) = (honest.prepared(), other.prepared());
        assert_eq!(honest.preprocessing, other.preprocessing);
        let learned =
            |column: &Values| -> Vec<f64> { split.train.iter().map(|&row| column[row]).collect() };
        assert_eq!(learned(&honest.columns[0]), learned(&other.columns[0]));
        // It does change when the rows to learn from do.
        changed.columns[0] = vec![1e9; changed.columns[0].len()].into_iter().collect();
        let third = Fold::new(&changed, &schema, split).unwrap();
        assert_ne!(honest.preprocessing, third.prepared().preprocessing);
    }
}

#[test]
fn real_models_are_searched_the_same_on_any_number_of_threads() {
    let (dataset, schema) = read(&data(400));
    let split = split::stratified(&dataset.target, 1).unwrap();
    let splits = stratified_folds(&dataset.target, &split.train, 3, 1).unwrap();
    let objective = CrossValidation::new(&dataset, &schema, splits, 1, ClassWeight::None).unwrap();
    let spaces = [ModelKind::GradientBoosting, ModelKind::LogisticRegression].map(Space::standard);
    let with = |jobs| {
        let settings = Settings {
            jobs,
            folds: 3,
            ..settings(9)
        };
        let control = Control::default();
        let seen = Mutex::new(Vec::new());
        let trials = search(
            &objective,
            &spaces,
            &settings,
            &control,
            Vec::new(),
            &|event| {
                if let Event::Trial(trial) = event {
                    seen.lock().unwrap().push(trial.number);
                }
            },
        );
        let mut trials = without_times(trials.unwrap());
        let costs = trials.iter_mut().flat_map(|t| &mut t.folds);
        for point in costs.flat_map(|fold| &mut fold.points) {
            point.cost.nanoseconds = 0.0;
        }
        let mut seen = seen.into_inner().unwrap();
        seen.sort_unstable();
        assert_eq!(seen, (0..9).collect::<Vec<_>>());
        trials
    };
    let one = with(1);
    assert_eq!(one, with(2));
    assert_eq!(one, with(4));
    let value = |t: &Trial| t.value(Metric::RocAuc, &Budget::default()).unwrap();
    assert!(one.iter().map(value).fold(0.0, f64::max) > 0.9);
}
