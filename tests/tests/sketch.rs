//! The module's sketch of a batch: the same bytes as a [`Sketch`] that was given the same
//! values one by one, and every application refused is said.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use std::path::Path;

use acceptance::conformance::applications;
use model_core::decide::Decider;
use model_core::model_file::ModelFile;
use model_sketch::{Capacity, Sketch, Spec, answer_batch};

fn decider() -> Decider {
    let path = std::env::var("UNDERWRITE_TEST_MODEL")
        .expect("UNDERWRITE_TEST_MODEL must name a packed model.wasm: run `cargo xtask test`");
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    Decider::load(ModelFile::open(&bytes).unwrap().artifact()).unwrap()
}

/// The applications of the sample, and some that make every count.
fn batch(decider: &Decider) -> Vec<Vec<u8>> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/loan_sample.csv");
    let mut batch = applications(&data, &decider.artifact().schema, 2_000).unwrap();
    let odd = [
        r#"{"person_age":null,"person_income":-0.0,"loan_amnt":1e308}"#,
        r#"{"person_age":-5,"person_income":0,"person_education":"Wizard"}"#,
        r#"{"person_age":"thirty","person_income":[],"previous_loan_defaults_on_file":"y"}"#,
        "{}",
    ];
    batch.extend(
        odd.iter()
            .map(|application| application.as_bytes().to_vec()),
    );
    batch
}

#[test]
fn the_bytes_are_those_of_a_sketch_of_the_same_values() {
    let mut decider = decider();
    let batch = batch(&decider);
    let features = decider.features().cloned().collect::<Vec<_>>();
    let specs = features.iter().map(Spec::from_feature);
    let specs = specs.chain([Spec::for_predictions()]).collect();
    let mut expected = Sketch::new(specs, Capacity::CARRIED);
    for application in &batch {
        let columns = &mut expected.columns;
        let answer = decider.observe(application, &mut |input, code| {
            let Some(code) = code else {
                return columns[input].push_invalid();
            };
            let reading = model_core::value::read_coded(&features[input], code);
            columns[input].push_reading(&features[input], reading.unwrap());
        });
        if let Some(probability) = answer.unwrap() {
            expected.columns[features.len()].push_number(probability);
        }
    }
    let mut out = Vec::new();
    assert_eq!(
        answer_batch(&mut decider, &batch.join(&b'\n'), &mut out),
        200
    );
    let found = Sketch::decode(&out).expect("a sketch");
    for (found, expected) in found.columns.iter().zip(&expected.columns) {
        assert_eq!(found, expected);
    }
    assert!(out == expected.encode(), "the bytes differ");

    let column = |name| found.column(name).expect("a column of this name");
    assert!(column("person_income").numbers().unwrap().buckets_used() > 100);
    assert!(column("person_age").out_of_range > 0 && column("person_age").invalid > 0);
    assert_eq!(column("person_education").unknown(), 1);
    assert!(
        column("prediction").rows() < found.rows(),
        "some were refused"
    );
}

#[test]
fn parts_of_a_batch_add_up() {
    let mut decider = decider();
    let batch = batch(&decider);
    let mut sketch = |part: &[Vec<u8>]| {
        let mut out = Vec::new();
        assert_eq!(
            answer_batch(&mut decider, &part.join(&b'\n'), &mut out),
            200
        );
        Sketch::decode(&out).unwrap()
    };
    let (whole, first, second) = (sketch(&batch), sketch(&batch[..700]), sketch(&batch[700..]));
    let mut sum = first;
    sum.merge(&second).unwrap();
    assert_eq!(sum.encode(), whole.encode());
}
