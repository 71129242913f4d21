//! `underwrite reproduce`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;

use std::fs;

use common::{Folder, changed_points_model, data, points_model, train_points};
use model_core::details::Details;

fn reproduce(model: &str) -> String {
    format!("reproduce {model} --data {}", data("points_sample.csv"))
}

/// What is said of a model that was trained with these flags.
fn reproduced(flags: &str) -> String {
    let folder = Folder::new(&[]);
    folder.succeed(&format!("{} {flags}", train_points("model.wasm")));
    folder.succeed(&reproduce("model.wasm"))
}

#[test]
fn a_model_is_trained_again_to_the_byte() {
    let folder = Folder::new(&[("model.wasm", points_model())]);
    let said = folder.succeed(&reproduce("model.wasm"));
    let expected = format!("0 of {} bytes differ", points_model().len());
    assert_eq!(said.lines().last(), Some(expected.as_str()), "{said}");
}

#[test]
fn everything_that_decides_is_on_record() {
    for flags in [
        "--seed 7 --calibration isotonic --threshold f1 --folds 3",
        "--class-weight balanced --threshold approval_rate=0.6",
        // Leaves out inputs that an applicant may change.
        "--features income,credit_score",
    ] {
        let said = reproduced(flags);
        assert!(said.contains("\n0 of "), "{flags}: {said}");
    }
}

/// A model with a constraint was once trained again without it, and said to differ.
#[test]
fn constraints_are_on_record() {
    let schema = fs::read_to_string(data("points.toml")).unwrap();
    let constrained = schema.replace("minimum = 250", "minimum = 250\nmonotonic = \"decreasing\"");
    assert_ne!(schema, constrained);
    let folder = Folder::new(&[("schema.toml", constrained.as_bytes())]);
    for model in ["gradient_boosting", "logistic_regression"] {
        folder.succeed(&format!(
            "train --data {} --schema schema.toml --model {model} --out {model}.wasm",
            data("points_sample.csv")
        ));
        let said = folder.succeed(&reproduce(&format!("{model}.wasm")));
        assert!(said.contains("\n0 of "), "{model}: {said}");
    }
}

#[test]
fn a_search_is_not_repeated_and_what_it_found_is_fitted() {
    let folder = Folder::new(&[]);
    let (data, schema) = (data("points_sample.csv"), data("points.toml"));
    let train = format!("train --data {data} --schema {schema} --out model.wasm");
    folder.succeed(&format!(
        "{train} --models decision_tree --trials 3 --no-ratios"
    ));
    let said = folder.succeed(&reproduce("model.wasm"));
    assert!(said.contains("3 trials, not repeated"), "{said}");
    assert!(said.contains("\n0 of "), "{said}");
    folder.succeed(&format!(
        "{train} --models ridge --trials 2 --timeout 10m --no-ratios"
    ));
    let said = folder.succeed(&reproduce("model.wasm"));
    assert!(
        said.contains("with --timeout would depend on the machine"),
        "{said}"
    );
    assert!(said.contains("\n0 of "), "{said}");
}

#[test]
fn a_policy_and_named_test_rows_are_part_of_it() {
    let policy = b"[policy]\nversion = \"1\"\nrefer = [0.4, 0.6]\n";
    let rows: String = (0..200).map(|row| format!("{row}\n")).collect();
    let rows = format!("row\n{rows}");
    let folder = Folder::new(&[("policy.toml", policy), ("rows.csv", rows.as_bytes())]);
    let train = train_points("model.wasm");
    folder.succeed(&format!(
        "{train} --policy policy.toml --test-rows rows.csv"
    ));
    let error = folder.fail(&reproduce("model.wasm"));
    assert!(error.contains("name the file with --test-rows"), "{error}");
    let said = folder.succeed(&format!("{} --test-rows rows.csv", reproduce("model.wasm")));
    assert!(said.contains("\n0 of "), "{said}");
    fs::write(folder.path("rows.csv"), rows.replace("\n7\n", "\n207\n")).unwrap();
    let error = folder.fail(&format!("{} --test-rows rows.csv", reproduce("model.wasm")));
    assert!(
        error.contains("name the same file with --test-rows"),
        "{error}"
    );
}

#[test]
fn what_differs_is_named() {
    let altered = changed_points_model(|artifact| {
        artifact.threshold = 0.6;
        artifact.training.rows_test += 1;
    });
    let folder = Folder::new(&[("model.wasm", &altered)]);
    let output = folder.run(&reproduce("model.wasm"));
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).unwrap();
    let last = said.lines().last().unwrap();
    assert!(
        last.ends_with("bytes differ, in: the threshold, the record of rows, data and metrics"),
        "{said}"
    );
    assert!(!last.starts_with("0 of"), "{said}");
}

#[test]
fn what_cannot_be_trained_again_is_told() {
    let fail = |model: &[u8], args: &str, expect: &str| {
        let folder = Folder::new(&[("model.wasm", model)]);
        let error = folder.fail(args);
        assert!(
            error.starts_with("model.wasm cannot be reproduced: "),
            "{error}"
        );
        assert!(error.contains(expect), "{error}");
    };
    let ours = reproduce("model.wasm");
    let unknown = changed_points_model(|artifact| artifact.details = Vec::new());
    fail(&unknown, &ours, "does not say how it was trained");
    let imported = changed_points_model(|artifact| {
        let details = Details {
            config: "[import]\nlibrary = \"LightGBM\"\nversion = \"v4\"\n".to_owned(),
            ..Details::default()
        };
        artifact.details = details.to_bytes().unwrap();
    });
    fail(&imported, &ours, "it was imported: LightGBM v4 trained it");
    let newer =
        changed_points_model(|artifact| artifact.training.underwrite_version = "9.0.0".to_owned());
    fail(&newer, &ours, "trained by version 9.0.0 of this program");
    let other = format!("reproduce model.wasm --data {}", data("loan_sample.csv"));
    fail(points_model(), &other, "loan_sample.csv");
    let folder = Folder::new(&[("model.wasm", points_model())]);
    let mut rows = fs::read_to_string(data("points_sample.csv")).unwrap();
    let last = rows.lines().last().unwrap().to_owned();
    rows.push_str(&last);
    rows.push('\n');
    fs::write(folder.path("more.csv"), rows).unwrap();
    let error = folder.fail("reproduce model.wasm --data more.csv");
    assert!(
        error.contains("more.csv is not what it was trained on"),
        "{error}"
    );
}
