//! Profiles of a trained model: whom they stand for, that they are nobody, and that they
//! explain as their group does.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::fmt::Write as _;

use model_core::artifact::Artifact;
use model_core::reasons::Profiles;
use model_core::schema::Schema;
use model_train::fit::{GradientBoosting, LogisticRegression, Params};
use model_train::pipeline::{
    self, Hyperparameters, InputOptions, Inputs, Job, Options, Source, TrainedModel,
};
use model_train::profiles::ProfileReport;

/// Least rows that may share a profile with it.
const LEAST: usize = 15;

fn train(schema: &Schema, csv: &str, params: Params, jobs: usize) -> (TrainedModel, Job) {
    let source = Source::new("d.csv", csv.as_bytes());
    let inputs = Inputs::read(InputOptions::new(schema.clone(), source), |_| {}).unwrap();
    let options = Options {
        hyperparameters: Hyperparameters::Fixed(params),
        jobs,
        ..Options::default()
    };
    let job = Job::new(inputs, options).unwrap();
    let trained = pipeline::run(&job, &mut ()).unwrap();
    (trained, job)
}

fn boosting() -> Params {
    Params::GradientBoosting(GradientBoosting {
        trees: 40,
        max_leaves: 12,
        ..GradientBoosting::default()
    })
}

fn logistic() -> Params {
    Params::LogisticRegression(LogisticRegression::default())
}

fn made(trained: &TrainedModel) -> Option<(Profiles, ProfileReport)> {
    let profiles = Artifact::decode(&trained.artifact).unwrap().profiles;
    assert_eq!(profiles.is_some(), trained.report.profiles.is_some());
    profiles.zip(trained.report.profiles.clone())
}

/// No profile is the row of fewer than 15 people; of each, all inputs are compared.
fn are_nobody(profiles: &Profiles, job: &Job) {
    let columns = &job.inputs().dataset().columns;
    for nth in 0..profiles.weights.len() {
        let profile = profiles.row(nth);
        let same = (0..job.inputs().dataset().rows())
            .filter(|row| {
                let mut inputs = columns.iter().zip(profile);
                inputs.all(|(column, value)| column[*row] == *value)
            })
            .count();
        assert!(
            same == 0 || same >= LEAST,
            "a profile is one of {same} rows"
        );
    }
}

#[test]
fn profiles_of_loans_stand_for_those_near_the_threshold() {
    let schema = Schema::from_toml(include_str!("../../data/loan.toml")).unwrap();
    let csv = include_str!("../../data/loan_sample.csv");
    let (trained, job) = train(&schema, csv, boosting(), 2);
    let (profiles, report) = made(&trained).unwrap();
    are_nobody(&profiles, &job);
    // Of some 850 that are approved.
    assert_eq!(profiles.name, "lowest_approved");
    assert_eq!(report.rows, 500);
    assert!((2..=32).contains(&report.profiles), "{report:?}");
    assert!(report.smallest_cluster >= LEAST, "{report:?}");
    let sum: f64 = profiles.weights.iter().sum();
    assert!((sum - 1.0).abs() < 1e-12);
    let agreement = report.agreement.unwrap();
    assert!(agreement.rows >= 50, "{agreement:?}");
    assert!(agreement.first >= 0.8, "{agreement:?}");
    assert!(agreement.four_overlap >= 0.85, "{agreement:?}");
    assert!(agreement.relative_error <= 0.15, "{agreement:?}");
    // One thread gives the same file.
    let (alone, _) = train(&schema, csv, boosting(), 1);
    assert_eq!(alone.artifact, trained.artifact);
}

const SMALL: &str = r#"
name = "small"
version = "1.0.0"

[reasons]
compare = "near_threshold"

[[feature]]
name = "income"
type = "number"

[[feature]]
name = "years"
type = "integer"

[[feature]]
name = "approved"
type = "boolean"
role = "target"
"#;

/// Rows of which the income decides, `yes` of a hundred of them.
fn rows(count: usize, yes: usize) -> String {
    let mut csv = String::from("income,years,approved\n");
    for row in 0..count {
        let income = (row * 37) % count;
        let approved = income * 100 >= count * (100 - yes);
        let noise = row % 11 == 0;
        let years = (row * 7) % 30;
        let income = income as f64 + 0.25;
        writeln!(csv, "{income},{years},{}", u8::from(approved != noise)).unwrap();
    }
    csv
}

#[test]
fn the_group_depends_on_how_many_are_approved() {
    let schema = Schema::from_toml(SMALL).unwrap();
    let name = |count: usize, yes: usize, compare: &str| {
        let mut schema = schema.clone();
        schema.reasons.compare = match compare {
            "all" => model_core::schema::Compare::All,
            "approved" => model_core::schema::Compare::Approved,
            _ => model_core::schema::Compare::NearThreshold,
        };
        let (trained, job) = train(&schema, &rows(count, yes), logistic(), 1);
        made(&trained).map(|(profiles, report)| {
            are_nobody(&profiles, &job);
            assert_eq!(report.group, profiles.name);
            (profiles.name, report.rows)
        })
    };
    let near = name(3000, 60, "near_threshold").unwrap();
    assert_eq!(near, ("near_threshold".to_owned(), 500));
    // More than half of the approved are not all near the threshold.
    let lowest = name(1500, 60, "near_threshold").unwrap();
    assert_eq!(lowest, ("lowest_approved".to_owned(), 500));
    let (group, rows) = name(1500, 60, "approved").unwrap();
    assert_eq!(group, "approved");
    assert!(rows > 600, "{rows}");
    assert_eq!(name(400, 60, "near_threshold").unwrap().0, "approved");
    assert_eq!(name(150, 50, "near_threshold").unwrap().0, "all");
    assert_eq!(name(400, 60, "all").unwrap().0, "all");
    assert_eq!(name(60, 30, "near_threshold"), None);
}

/// With one input a median is somebody's value: it is moved.
#[test]
fn a_median_of_one_column_is_nobodys() {
    let schema = Schema::from_toml(
        "name = \"one\"\nversion = \"1\"\n[[feature]]\nname = \"income\"\ntype = \"number\"\n\
         [[feature]]\nname = \"approved\"\ntype = \"boolean\"\nrole = \"target\"\n",
    )
    .unwrap();
    let mut csv = String::from("income,approved\n");
    for row in 0..800 {
        writeln!(csv, "{},{}", row * 3, u8::from((row * 7) % 10 < row / 80)).unwrap();
    }
    let (trained, job) = train(&schema, &csv, logistic(), 1);
    let (profiles, _) = made(&trained).unwrap();
    are_nobody(&profiles, &job);
}
