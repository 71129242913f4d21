//! Files that say much in few bytes: each is refused, or read in time and memory of its length.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod common;

use std::time::{Duration, Instant};

use common::{Given, SKLEARN};
use model_import::source::Library;
use model_import::{Options, read};
use serde_json::{Value, json};

/// A file of LightGBM of 2.7 MB took more than 12 GB: each of 100,000 splits had the same long set.
#[test]
fn lightgbm_s_splits_do_not_share_a_set() {
    let given = Given::lightgbm()
        .file("decision_type=10 1", "decision_type=1 1")
        .file("threshold=50.5 0", "threshold=0 0");
    let error = given.import().map(|_| ()).unwrap_err().to_string();
    let expected = "tree 0: split 1 has the set of another split";
    assert!(error.contains(expected), "{error}");
    // Nor do sets overlap.
    let given = Given::lightgbm()
        .file("num_cat=1", "num_cat=3")
        .file("cat_boundaries=0 1", "cat_boundaries=0 1 0 1");
    let error = given.import().map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("cat_boundaries falls"), "{error}");
}

/// A chain of splits on a category, as XGBoost writes it: each with `codes` of them.
fn chain(splits: usize, segment: impl Fn(usize) -> (usize, usize), all: usize) -> Vec<u8> {
    let mut file: Value = serde_json::from_slice(&Given::xgboost().file).unwrap();
    let nodes = 2 * splits + 1;
    let is_split = |node: usize| node.is_multiple_of(2) && node + 1 < nodes;
    let list = |of: &dyn Fn(usize) -> i64| (0..nodes).map(of).collect::<Vec<_>>();
    let child = |step: usize| {
        move |node: usize| match is_split(node) {
            true => i64::try_from(node + step).unwrap(),
            false => -1,
        }
    };
    let places = (0..nodes).filter(|&node| is_split(node));
    let (from, counts): (Vec<_>, Vec<_>) = (0..splits).map(segment).unzip();
    let tree = json!({
        "left_children": list(&child(1)),
        "right_children": list(&child(2)),
        "split_indices": list(&|_| 1),
        "split_conditions": list(&|_| 0),
        "default_left": list(&|_| 0),
        "split_type": list(&|node| i64::from(is_split(node))),
        "categories_nodes": places.collect::<Vec<_>>(),
        "categories_segments": from,
        "categories_sizes": counts,
        "categories": (0..all).collect::<Vec<_>>(),
    });
    let model = &mut file["learner"]["gradient_booster"]["model"];
    model["trees"][0] = tree;
    file["learner"]["feature_types"][1] = "c".into();
    serde_json::to_vec(&file).unwrap()
}

fn read_xgboost(file: &[u8]) -> String {
    let source = read(Library::XgBoost, file, &Options::default());
    source.map(|_| ()).unwrap_err().to_string()
}

/// A file of 2.8 MB took 4.6 GB: each of 20,000 splits had the same 60,000 categories.
#[test]
fn xgboost_s_splits_do_not_share_categories() {
    let shared = read_xgboost(&chain(2_000, |_| (0, 3_000), 3_000));
    let expected = "categories_sizes are 6000000 in all, and there are 3000 categories";
    assert!(shared.contains(expected), "{shared}");
}

/// Each split was looked for among all: 200,000 took 40 s in a release build.
#[test]
fn many_categorical_splits_of_xgboost_take_no_quadratic_time() {
    let start = Instant::now();
    let error = read_xgboost(&chain(100_000, |split| (split, 1), 100_000));
    assert!(error.contains("levels deep"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(20), "{error}");
}

#[test]
fn many_categories_of_scikit_learn_take_no_quadratic_time() {
    let texts: Vec<String> = (0..60_000).map(|text| format!("category {text}")).collect();
    let listed = json!({ "input": "home", "is": "category", "values": texts, "known": texts });
    let from = r#"{"input": "home", "is": "category", "value": "RENT"}"#;
    assert!(SKLEARN.contains(from));
    let file = SKLEARN.replace(from, &listed.to_string());
    let start = Instant::now();
    read(Library::Sklearn, file.as_bytes(), &Options::default()).unwrap();
    assert!(start.elapsed() < Duration::from_secs(10));
}
