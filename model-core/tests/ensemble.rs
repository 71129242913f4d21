//! Linear models with indicators, and ensembles of boosted trees and a linear model: each is
//! its formula to the bit, one row or many, and an artifact keeps it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod common;

use common::{EVERYTHING, binned, decider, ensemble, linear_of, natively};
use model_core::artifact::{Artifact, digest};
use model_core::calibration::Calibration;
use model_core::forest::{Aggregation, Forest, Link, NaiveForest};
use model_core::model::{Condition, Ensemble, Indicator, Linear, Model, Predictor, TermValue};
use model_core::schema::{Missing, Schema};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const ROWS: usize = 700;

/// Rows of plain values, of values at and beside cuts, of missing ones, and of "other".
fn columns(schema: &Schema, rows: usize) -> Vec<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(11);
    let mut columns = Vec::new();
    for feature in schema.inputs() {
        for _ in 0..rows {
            let value = match (&feature.categories(), feature.range()) {
                (Some(categories), _) => {
                    f64::from(random.random_range(0..=categories.values.len() as u32))
                }
                (None, Some(range)) => {
                    let lower = range.lower.map_or(-100.0, |bound| bound.value);
                    let upper = range.upper.map_or(lower + 200.0, |bound| bound.value);
                    lower + (upper - lower) * f64::from(random.random_range(0..=10u32)) / 10.0
                }
                (None, None) => f64::from(random.random_range(0..2u32)),
            };
            let missing = feature.missing == Missing::Native && random.random_ratio(1, 5);
            columns.push(if missing { f64::NAN } else { value });
        }
    }
    columns
}

/// The log odds of a linear model, written out.
fn sum(linear: &Linear, row: &[f64]) -> f64 {
    let mut sum = linear.intercept;
    for term in &linear.terms {
        let x = row[usize::from(term.feature)];
        let scaled = match term.value {
            TermValue::Itself if x.is_nan() => 0.0,
            TermValue::Itself => (x - term.mean) / term.scale,
            TermValue::IsCategory(code) if x == f64::from(code) => (1.0 - term.mean) / term.scale,
            TermValue::IsCategory(_) => (0.0 - term.mean) / term.scale,
        };
        sum += term.weight * scaled;
    }
    for indicator in &linear.indicators {
        let x = row[usize::from(indicator.feature)];
        let holds = match indicator.condition {
            Condition::Missing => x.is_nan(),
            Condition::Above(cut) => !x.is_nan() && x > cut,
        };
        sum += indicator.weight * f64::from(u8::from(holds));
    }
    sum
}

/// Trees one by one, then the linear part, then the link.
fn by_hand(model: &Model, row: &[f64]) -> f64 {
    let logistic = |margin| Link::Logistic.apply(margin);
    match model {
        Model::Linear(linear) => logistic(sum(linear, row)),
        Model::Ensemble(ensemble) => {
            let margins = Forest {
                link: Link::Identity,
                ..ensemble.forest.clone()
            };
            let trees = NaiveForest::new(&margins).unwrap().predict(row);
            let (trees, linear) = (
                ensemble.forest_weight * trees,
                ensemble.linear_weight * sum(&ensemble.linear, row),
            );
            logistic(trees + linear)
        }
        Model::Forest(_) => panic!("not one of these"),
    }
}

fn is_its_formula(artifact: &Artifact) {
    let inputs = artifact.schema.inputs().count();
    let columns = columns(&artifact.schema, ROWS);
    let mut predictor = Predictor::new(&artifact.model, &Calibration::None).unwrap();
    let mut block = vec![f64::NAN; ROWS];
    predictor.predict_block(&columns, ROWS, &mut block);
    for (at, predicted) in block.iter().enumerate() {
        let row: Vec<f64> = (0..inputs).map(|i| columns[i * ROWS + at]).collect();
        let expected = by_hand(&artifact.model, &row);
        assert_eq!(predicted.to_bits(), expected.to_bits(), "{row:?}");
        let single = predictor.predict_row(&row);
        assert_eq!(single.to_bits(), expected.to_bits(), "{row:?}");
    }
    block.sort_by(f64::total_cmp);
    block.dedup();
    assert!(block.len() > ROWS / 2, "the rows reach few predictions");
}

#[test]
fn a_linear_model_with_indicators_is_its_formula() {
    is_its_formula(&binned(EVERYTHING));
    is_its_formula(&binned(&natively()));
}

#[test]
fn an_ensemble_is_the_sum_of_its_parts() {
    is_its_formula(&ensemble(EVERYTHING));
    is_its_formula(&ensemble(&natively()));
    // Trees that are added one by one, or averaged.
    for aggregation in [Aggregation::Sum, Aggregation::GroupedMean] {
        let mut other = ensemble(&natively());
        whole(&mut other).forest.aggregation = aggregation;
        is_its_formula(&other);
    }
}

/// With one weight 1 and the other 0, an ensemble is one of its parts.
#[test]
fn a_part_without_weight_does_not_count() {
    let mut artifact = ensemble(&natively());
    let columns = columns(&artifact.schema, ROWS);
    let mut predict = |change: &dyn Fn(&Ensemble) -> Model, weights: [f64; 2]| {
        let parts = whole(&mut artifact);
        [parts.forest_weight, parts.linear_weight] = weights;
        let part = change(parts);
        let mut out = [vec![0.0; ROWS], vec![0.0; ROWS]];
        for (model, out) in [&artifact.model, &part].into_iter().zip(&mut out) {
            let mut predictor = Predictor::new(model, &Calibration::None).unwrap();
            predictor.predict_block(&columns, ROWS, out);
        }
        assert_eq!(out[0], out[1]);
    };
    predict(&|parts| Model::Forest(parts.forest.clone()), [1.0, 0.0]);
    predict(&|parts| Model::Linear(parts.linear.clone()), [0.0, 1.0]);
}

fn whole(artifact: &mut Artifact) -> &mut Ensemble {
    match &mut artifact.model {
        Model::Ensemble(ensemble) => ensemble,
        _ => panic!("expected an ensemble"),
    }
}

#[test]
fn artifacts_keep_them() {
    for artifact in [
        binned(EVERYTHING),
        binned(&natively()),
        ensemble(EVERYTHING),
        ensemble(&natively()),
    ] {
        let bytes = artifact.encode().unwrap();
        let read = Artifact::decode(&bytes).unwrap();
        assert_eq!(read, artifact);
        assert_eq!(read.encode().unwrap(), bytes);
        let mut description = Vec::new();
        decider(&artifact).describe(&mut description);
        let kind = format!("\"kind\":\"{}\"", artifact.kind.word());
        assert!(String::from_utf8(description).unwrap().contains(&kind));
    }
    let mut bare = ensemble(&natively());
    linear_of(&mut bare).unwrap().indicators.clear();
    assert_eq!(Artifact::decode(&bare.encode().unwrap()).unwrap(), bare);
}

/// Everything that decides is in the model's digest.
#[test]
fn the_digest_covers_every_number() {
    let plain = digest(&ensemble(&natively()).encode().unwrap()).unwrap();
    let changes: [fn(&mut Ensemble); 5] = [
        |parts| parts.forest_weight = 0.7,
        |parts| parts.linear_weight = 0.7,
        |parts| parts.linear.intercept = 0.2,
        |parts| parts.linear.indicators[0].weight = 0.2,
        |parts| parts.forest.base = 0.2,
    ];
    for change in changes {
        let mut artifact = ensemble(&natively());
        change(whole(&mut artifact));
        assert_ne!(digest(&artifact.encode().unwrap()).unwrap(), plain);
    }
}

#[test]
fn what_is_not_sound_is_refused() {
    let check = |change: fn(&mut Artifact), expected: &str| {
        let mut artifact = ensemble(&natively());
        change(&mut artifact);
        let error = artifact.encode().unwrap_err().to_string();
        assert_eq!(
            error,
            format!("the artifact contradicts itself: {expected}")
        );
    };
    fn indicator(artifact: &mut Artifact, feature: u16, condition: Condition, weight: f64) {
        linear_of(artifact).unwrap().indicators = vec![Indicator {
            feature,
            condition,
            weight,
        }];
    }
    let weights = "the weights of an ensemble's parts must be within 0 and 100";
    check(|a| whole(a).forest_weight = -0.1, weights);
    check(|a| whole(a).linear_weight = f64::NAN, weights);
    check(|a| whole(a).linear_weight = 100.1, weights);
    let link = "an ensemble adds log odds: both of its parts need a logistic link";
    check(|a| whole(a).forest.link = Link::Identity, link);
    check(|a| whole(a).linear.link = Link::Identity, link);
    check(
        |a| whole(a).forest.base = f64::INFINITY,
        "the forest's base is not a number within ±1e300",
    );
    check(
        |a| whole(a).linear.intercept = f64::NAN,
        "expected an intercept within ±1e300, at most 1048576 terms and as many indicators, got \
         17 and 27",
    );
    check(
        |a| indicator(a, 13, Condition::Missing, 0.1),
        "a term names input 13, there are 13",
    );
    let unfit = |feature: &str| {
        format!(
            "feature '{feature}': an indicator's weight must be within ±1e100, its cut a finite \
             number of a numeric feature, and only a feature with missing = \"native\" has one \
             for missing values"
        )
    };
    check(
        |a| indicator(a, 0, Condition::Missing, 1e101),
        &unfit("income"),
    );
    check(
        |a| indicator(a, 0, Condition::Above(f64::NAN), 0.1),
        &unfit("income"),
    );
    check(|a| indicator(a, 1, Condition::Missing, 0.1), &unfit("rate"));
    check(
        |a| indicator(a, 10, Condition::Above(1.0), 0.1),
        &unfit("grade"),
    );
}
