//! The columnar batch gives the bits of single decisions, and refuses the same rows.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use common::{
    EVERYTHING, binned, decide, decider, ensemble, forest, isotonic, linear, natively, platt,
    with_missing_numbers,
};
use model_core::artifact::Artifact;
use model_core::decide::REFUSED;
use model_core::schema::{Feature, FeatureKind};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Random rows, mostly plain, some missing, unknown, out of range, or not such a value.
#[test]
fn batch_equals_single_decisions() {
    let limited = EVERYTHING.replace("missing_values", "max_adjustments = 2\nmissing_values");
    // The probability that a value is drawn at random from all numbers.
    for wild in [0.0, 0.02, 0.3] {
        for toml in [EVERYTHING, &limited] {
            agrees(&linear(toml), 600, wild);
            agrees(&forest(toml), 600, wild);
        }
        agrees(&isotonic(forest(&natively())), 600, wild);
        agrees(&platt(forest(&natively())), 600, wild);
        agrees(&isotonic(linear(EVERYTHING)), 600, wild);
        agrees(&binned(&natively()), 600, wild);
        agrees(&platt(ensemble(&natively())), 600, wild);
        for toml in [EVERYTHING, &limited, &natively()] {
            let toml = with_missing_numbers(toml);
            agrees(&linear(&toml), 600, wild);
            agrees(&forest(&toml), 600, wild);
        }
    }
}

/// Around the block size, where the last block is full, one short, or one over.
#[test]
fn any_number_of_rows_agrees() {
    for rows in [0, 1, 2, 255, 256, 257, 511, 512, 513] {
        agrees(&linear(EVERYTHING), rows, 0.02);
        agrees(&forest(EVERYTHING), rows, 0.02);
    }
}

fn agrees(artifact: &Artifact, rows: usize, wild: f64) {
    let mut model = decider(artifact);
    let mut random = ChaCha8Rng::seed_from_u64(rows as u64);
    let features: Vec<&Feature> = artifact.schema.inputs().collect();
    let columns: Vec<f64> = features
        .iter()
        .flat_map(|feature| {
            (0..rows)
                .map(|_| code(feature, wild, &mut random))
                .collect::<Vec<_>>()
        })
        .collect();
    let mut out = vec![f64::NAN; rows];
    let refused = model.batch(&columns, &mut out).unwrap();
    assert_eq!(refused, out.iter().filter(|p| **p == REFUSED).count());
    for (row, probability) in out.iter().enumerate() {
        let fields: Vec<String> = features
            .iter()
            .enumerate()
            .map(|(input, feature)| {
                format!(
                    "\"{}\":{}",
                    feature.name,
                    json(feature, columns[input * rows + row])
                )
            })
            .collect();
        let request = format!("{{{}}}", fields.join(","));
        let (status, answer) = decide(&mut model, &request);
        let expected = match status {
            200 => single(&answer),
            _ => REFUSED,
        };
        assert_eq!(
            probability.to_bits(),
            expected.to_bits(),
            "{request}: {answer}"
        );
    }
}

fn single(answer: &str) -> f64 {
    let rest = answer.split_once("\"probability\":").unwrap().1;
    rest.split_once(',').unwrap().0.parse().unwrap()
}

/// A value in the batch's terms.
fn code(feature: &Feature, wild: f64, random: &mut ChaCha8Rng) -> f64 {
    if random.random_bool(wild) {
        let odd = [
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            -0.0,
            -1.0,
            0.5,
            3.0,
            1e300,
            9_007_199_254_740_992.0,
            9_007_199_254_740_994.0,
        ];
        return match random.random_range(0..3) {
            0 => f64::from_bits(random.random()),
            1 => f64::from(random.random_range(-200..200)),
            _ => odd[random.random_range(0..odd.len())],
        };
    }
    match &feature.kind {
        FeatureKind::Boolean => f64::from(random.random_range(0..2)),
        FeatureKind::Category(categories) => random.random_range(0..categories.values.len()) as f64,
        FeatureKind::Number(range) | FeatureKind::Integer(range) => {
            let lower = range.lower.map_or(-1e4, |b| b.value);
            let upper = range.upper.map_or(1e4, |b| b.value);
            let number = random.random_range(lower..upper).max(lower + 0.001);
            if matches!(feature.kind, FeatureKind::Integer(_)) {
                number.ceil()
            } else {
                number
            }
        }
    }
}

/// The same value as a request has it.
fn json(feature: &Feature, code: f64) -> String {
    match &feature.kind {
        _ if code.is_nan() => "null".into(),
        FeatureKind::Category(categories) => {
            let known = (0..categories.values.len()).find(|n| *n as f64 == code);
            format!("\"{}\"", known.map_or("no such", |n| &categories.values[n]))
        }
        _ if code == f64::INFINITY => "1e999".into(),
        _ if code == f64::NEG_INFINITY => "-1e999".into(),
        _ => format!("{code}"),
    }
}

#[test]
fn a_wrong_number_of_values_is_an_error() {
    let mut model = decider(&linear(EVERYTHING));
    let mut check = |values: usize, rows: usize, expected: &str| {
        let refused = model.batch(&vec![0.0; values], &mut vec![0.0; rows]);
        assert_eq!(refused.unwrap_err(), expected);
    };
    check(0, 1, "expected 13 inputs of 1 rows, 13 values, got 0");
    check(25, 2, "expected 13 inputs of 2 rows, 26 values, got 25");
    check(1, 0, "expected 13 inputs of 0 rows, 0 values, got 1");
}
