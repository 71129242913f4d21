//! Training as one call: what it refuses, what it reports, and that a search can be resumed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

use std::fmt::Write as _;

use model_core::artifact::Artifact;
use model_core::details::Details;
use model_core::model::ModelKind;
use model_core::schema::Schema;
use model_sketch::{FIRST_REASON, Sketch};
use model_train::calibrate::Method;
use model_train::card::About;
use model_train::fit::Params;
use model_train::pipeline::{
    self, EvaluationJob, Hyperparameters, InputError, InputOptions, Inputs, Job, Observer,
    ObserverError, Options, PipelineError, Reports, SearchOptions, Source, Unsupported,
};
use model_train::threshold::ThresholdRule;
use model_train::tune::{self, Candidate, Metric, Space, Trial};

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
name = "gender"
type = "category"
categories = ["f", "m"]
role = "protected"

[[feature]]
name = "approved"
type = "boolean"
role = "target"
"#;

/// 300 rows whose answer follows income and years, but for noise.
fn csv() -> String {
    let mut csv = String::from("income,years,gender,approved\n");
    let mut state = 1u32;
    let mut draw = |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) % below
    };
    for _ in 0..300 {
        let (income, years, noise) = (draw(1000), draw(40), draw(300));
        let gender = ["f", "m"][draw(2) as usize];
        let yes = u8::from(income + 10 * years + noise > 800);
        writeln!(csv, "{income},{years},{gender},{yes}").unwrap();
    }
    csv
}

fn input_options(csv: &str) -> InputOptions<'_> {
    let schema = Schema::from_toml(SCHEMA).unwrap();
    InputOptions::new(schema, Source::new("d.csv", csv.as_bytes()))
}

fn inputs() -> Inputs {
    Inputs::read(input_options(&csv()), |_| {}).unwrap()
}

fn search(trials: usize) -> SearchOptions {
    let models = [ModelKind::GradientBoosting, ModelKind::LogisticRegression];
    SearchOptions {
        spaces: models.map(Space::standard).into(),
        unsupported: Unsupported::Refuse,
        trials,
        bags: Some(1),
        metric: Metric::RocAuc,
        proposes_ratios: false,
        max_gzip_bytes: None,
        max_nanoseconds: None,
        timeout: None,
    }
}

fn options(trials: usize) -> Options {
    Options {
        hyperparameters: Hyperparameters::Searched(search(trials)),
        calibration: Method::Platt,
        threshold: ThresholdRule::BestF1,
        folds: 3,
        jobs: 2,
        ..Options::default()
    }
}

/// Keeps the trials; fails at one of them.
#[derive(Default)]
struct Keeper {
    kept: Vec<Trial>,
    events: Vec<String>,
    fails_at: Option<usize>,
}

impl Observer for Keeper {
    fn search_started(&mut self, settings: &tune::Settings, earlier: &[Trial]) {
        let (trials, earlier) = (settings.trials, earlier.len());
        self.events.push(format!("search {trials} after {earlier}"));
    }

    fn trial_started(&mut self, candidate: &Candidate) {
        if candidate.number == 0 {
            self.events.push("first trial".to_owned());
        }
    }

    fn trial_finished(&mut self, trial: &Trial) -> Result<(), ObserverError> {
        self.kept.push(trial.clone());
        match self.fails_at {
            Some(number) if number == trial.number => Err("the disk is full".into()),
            _ => Ok(()),
        }
    }

    fn fitting(&mut self) {
        self.events.push("fitting".to_owned());
    }
}

#[test]
fn an_observer_is_told_and_can_end_the_run() {
    let job = Job::new(inputs(), options(6)).unwrap();
    let mut keeper = Keeper::default();
    let trained = pipeline::run(&job, &mut keeper).unwrap();
    assert_eq!(
        keeper.events,
        ["search 6 after 0", "first trial", "fitting"]
    );
    assert_eq!(keeper.kept.len(), 6);
    let selection = trained.selection.unwrap();
    assert_eq!(selection.trials.len(), 6);
    assert!(!selection.interrupted);
    assert!(selection.cost.gzip_bytes > 0);

    let mut failing = Keeper {
        fails_at: Some(0),
        ..Keeper::default()
    };
    let error = pipeline::run(&job, &mut failing).unwrap_err();
    assert!(matches!(error, PipelineError::Observer(_)));
    assert_eq!(error.to_string(), "the disk is full");
    assert!(!failing.events.contains(&"fitting".to_owned()));
}

#[test]
fn a_cost_that_no_report_can_sum_is_refused_before_training() {
    let options = Options {
        threshold: ThresholdRule::Cost {
            false_positive: 1e308,
            false_negative: 1e-308,
        },
        ..options(4)
    };
    let error = Job::new(inputs(), options).map(|_| ()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the cost of a false positive is 1e308, expected a number above 0, at most 1e15"
    );
}

#[test]
fn a_resumed_search_gives_the_same_artifact() {
    let whole = Job::new(inputs(), options(9)).unwrap();
    let expected = pipeline::run(&whole, &mut ()).unwrap();

    let mut keeper = Keeper::default();
    let begun = Job::new(inputs(), options(4)).unwrap();
    pipeline::run(&begun, &mut keeper).unwrap();
    let mut job = Job::new(inputs(), options(9)).unwrap();
    assert_eq!(begun.search_identity(), job.search_identity());
    job.resume(keeper.kept);
    let mut observer = Keeper::default();
    let resumed = pipeline::run(&job, &mut observer).unwrap();
    assert_eq!(resumed.artifact, expected.artifact);
    assert_eq!(observer.events[0], "search 9 after 4");
    assert_eq!(observer.kept.len(), 5);

    let other = Options {
        seed: 7,
        ..options(9)
    };
    let other = Job::new(inputs(), other)
        .unwrap()
        .search_identity()
        .unwrap();
    let identity = job.search_identity().unwrap();
    assert_eq!(identity.difference(&other), Some("random seed"));
    assert_eq!(identity.difference(&identity), None);
}

#[test]
fn a_stopped_search_uses_what_it_found() {
    struct Stopper(tune::Control);
    impl Observer for Stopper {
        fn trial_finished(&mut self, _: &Trial) -> Result<(), ObserverError> {
            self.0.stop();
            Ok(())
        }
    }
    let job = Job::new(inputs(), options(50)).unwrap();
    let mut stopper = Stopper(job.control());
    let trained = pipeline::run(&job, &mut stopper).unwrap();
    let selection = trained.selection.unwrap();
    assert!(selection.interrupted);
    assert_eq!(selection.trials.len(), 1);
}

#[test]
fn features_can_be_named() {
    let read = |features: &[&str], allow_protected| {
        let csv = csv();
        let features: Vec<String> = features.iter().map(|f| (*f).to_owned()).collect();
        let options = InputOptions {
            features: Some(features),
            allow_protected,
            ..input_options(&csv)
        };
        Inputs::read(options, |_| {})
    };
    let refused = |features: &[&str], expect: &str| {
        let error = read(features, false).unwrap_err();
        assert!(matches!(error, InputError::Features(_)));
        assert_eq!(error.to_string(), expect);
    };
    refused(
        &["incom"],
        "the schema has no feature 'incom'; did you mean 'income'?",
    );
    refused(&[], "no input is named, expected at least one");
    let error = read(&["gender"], false).unwrap_err().to_string();
    assert!(error.starts_with("'gender' is protected"), "{error}");

    let names = |inputs: &Inputs| -> Vec<String> {
        inputs.schema().inputs().map(|f| f.name.clone()).collect()
    };
    let income = read(&["income"], false).unwrap();
    assert_eq!(names(&income), ["income"]);
    assert!(income.protected().is_empty());
    let gender = read(&["income", "gender"], true).unwrap();
    assert_eq!(names(&gender), ["income", "gender"]);
    assert_eq!(gender.protected(), ["gender"]);
}

/// A model without an input that is computed, or proved to be monotonic, once ended its training with
/// an error, after all the work.
#[test]
fn features_of_every_kind_can_be_left_out() {
    let more = r#"
[[feature]]
name = "ratio"
type = "number"
derived = "income / (years + 1)"
monotonic = "increasing"
missing = "impute"

[[feature]]
name = "gender""#;
    let schema = SCHEMA.replacen("\n[[feature]]\nname = \"gender\"", more, 1);
    let csv = csv();
    let source = || Source::new("d.csv", csv.as_bytes());
    let read = |features: &[&str]| {
        let mut options = InputOptions::new(Schema::from_toml(&schema).unwrap(), source());
        options.features = Some(features.iter().map(|f| (*f).to_owned()).collect());
        Inputs::read(options, |_| {}).unwrap()
    };
    for features in [&["income", "years"][..], &["years"]] {
        let inputs = read(features);
        inputs.schema().check().unwrap();
        assert_eq!(inputs.schema().inputs().count(), features.len());
        let mut fields = inputs.schema().features.iter();
        let ratio = fields.find(|f| f.name == "ratio").unwrap();
        assert_eq!((&ratio.derived, ratio.monotonic), (&None, None));
    }
    let all = read(&["income", "years", "ratio"]);
    assert!(all.schema().features[2].derived.is_some());
}

#[test]
fn what_cannot_be_done_is_refused_before_training() {
    let refused = |options: Options, expect: &str| {
        let error = Job::new(inputs(), options).unwrap_err().to_string();
        assert!(error.starts_with(expect), "{error}");
    };
    let too_small = SearchOptions {
        max_gzip_bytes: Some(100),
        ..search(3)
    };
    refused(
        Options {
            hyperparameters: Hyperparameters::Searched(too_small),
            ..options(3)
        },
        "a limit of 100 bytes leaves no room for a model",
    );
    refused(
        Options {
            folds: 200,
            ..options(3)
        },
        "the rarer class has fewer than 200 training rows",
    );
}

#[test]
fn a_trained_model_can_be_evaluated_and_reported() {
    let options = Options {
        hyperparameters: Hyperparameters::Fixed(Params::defaults(ModelKind::Ridge)),
        folds: 3,
        ..Options::default()
    };
    let job = Job::new(inputs(), options).unwrap();
    let trained = pipeline::run(&job, &mut ()).unwrap();
    let evaluation = pipeline::evaluate_trained(&job, &trained).unwrap();
    assert!(!evaluation.learning_curve.is_empty());
    let reports = Reports::new(&evaluation, job.inputs().schema(), &About::default()).unwrap();
    assert!(reports.html.starts_with("<!doctype html>"));
    assert!(reports.card.starts_with("---\n"));
    let artifact = Artifact::decode(&trained.artifact).unwrap();
    assert_eq!(
        artifact.training.rows_train,
        trained.report.rows_train as u64
    );

    let csv = csv();
    let job = EvaluationJob {
        artifact: &trained.artifact,
        schema: None,
        policy: None,
        data: Source::new("d.csv", csv.as_bytes()),
        test_rows: None,
        options: model_train::evaluate::Options::default(),
    };
    let (evaluation, _) = pipeline::evaluate_file(job, |_| {}).unwrap();
    assert!(evaluation.data.seen_in_training);
    assert_eq!(evaluation.data.rows, 300);
}

/// Other seeds change nothing of a ridge regression, other rows do.
#[test]
fn training_again_says_how_stable_reasons_are() {
    let options = Options {
        hyperparameters: Hyperparameters::Fixed(Params::defaults(ModelKind::Ridge)),
        folds: 3,
        jobs: 2,
        ..Options::default()
    };
    let again = Options {
        reason_seeds: 3,
        ..options.clone()
    };
    let job = Job::new(inputs(), options).unwrap();
    let plain = pipeline::run(&job, &mut ()).unwrap();
    let job = Job::new(inputs(), again).unwrap();
    let trained = pipeline::run(&job, &mut ()).unwrap();
    assert_eq!(plain.artifact, trained.artifact);
    let evaluation = pipeline::evaluate_trained(&job, &trained).unwrap();
    let reasons = evaluation.reasons.as_ref().unwrap();
    let agreement = reasons.behind.as_ref().unwrap().agreement.as_ref().unwrap();
    assert!(agreement.rows > 0 && agreement.first > 0.5, "{agreement:?}");
    let retrained = reasons.retrained.as_ref().unwrap();
    assert_eq!(retrained.models, 3);
    let seeds = retrained.seeds.as_ref().unwrap();
    assert_eq!((seeds.first, seeds.kept), (1.0, 1.0));
    assert_eq!(seeds.rows, reasons.rows);
    let resampled = retrained.resampled.as_ref().unwrap();
    assert!((0.5..=1.0).contains(&resampled.first), "{resampled:?}");
    let interval = resampled.first_interval;
    assert!(interval.low < resampled.first && resampled.first <= interval.high + 1e-9);
    let reports = Reports::new(&evaluation, job.inputs().schema(), &About::default()).unwrap();
    for text in [
        "Another random seed (3 models)",
        "Training rows drawn anew (3 models)",
        "The profiles stand for",
    ] {
        assert!(reports.html.contains(text), "{text}");
    }
    for text in ["| Another seed | 100", "| Training rows drawn anew | "] {
        assert!(reports.card.contains(text), "{text}");
    }
}

/// Where answers carry reasons, the first of each declined test row is part of the reference.
#[test]
fn the_reference_has_first_reasons_where_answers_have_them() {
    let columns = |toml: &str| {
        let csv = csv();
        let schema = Schema::from_toml(toml).unwrap();
        let options = InputOptions::new(schema, Source::new("d.csv", csv.as_bytes()));
        let fixed = Options {
            hyperparameters: Hyperparameters::Fixed(Params::defaults(ModelKind::Ridge)),
            ..Options::default()
        };
        let job = Job::new(Inputs::read(options, |_| {}).unwrap(), fixed).unwrap();
        let trained = pipeline::run(&job, &mut ()).unwrap();
        let declined = trained.test.iter().filter(|row| row.probability < 0.5);
        let declined = declined.count() as u64;
        let artifact = Artifact::decode(&trained.artifact).unwrap();
        let reference = Details::from_artifact(&artifact).unwrap().reference;
        (Sketch::decode(&reference).unwrap(), declined)
    };
    assert!(columns(SCHEMA).0.column(FIRST_REASON).is_none());
    let told = format!("{SCHEMA}\n[reasons]\nin_answer = true\n");
    let (sketch, declined) = columns(&told);
    let reasons = sketch.column(FIRST_REASON).unwrap();
    assert!(declined > 5);
    assert_eq!((reasons.rows(), reasons.valid()), (declined, declined));
    let codes = reasons.categories().unwrap().sorted();
    let is_input = |name: &str| ["income", "years"].contains(&name);
    assert!(codes.iter().all(|(code, _)| is_input(code)), "{codes:?}");
}
