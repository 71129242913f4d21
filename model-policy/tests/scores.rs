//! Bounds of a model's probabilities, judged by what it gives for random applications.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use model_core::artifact::{Artifact, Training};
use model_core::calibration::Calibration;
use model_core::forest::{Aggregation, Bins, CategorySet, Forest, Link, Node, Tree};
use model_core::model::{
    Condition, Ensemble, Indicator, Linear, Model, ModelKind, Predictor, Term, TermValue,
};
use model_core::preprocess::Preprocessing;
use model_core::schema::Schema;
use model_policy::Scores;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SCHEMA: &str = r#"
name = "loans"
version = "1.0.0"
[[feature]]
name = "income"
type = "number"
minimum = -10
maximum = 50
missing = "native"
[[feature]]
name = "owner"
type = "boolean"
[[feature]]
name = "purpose"
type = "category"
categories = ["A", "B", "C"]
unknown = "other"
[[feature]]
name = "paid"
type = "boolean"
role = "target"
"#;

fn artifact(model: Model, calibration: Calibration) -> Artifact {
    Artifact {
        profiles: None,
        schema: Schema::from_toml(SCHEMA).unwrap(),
        preprocessing: Preprocessing {
            imputed: vec![0.0; 3],
        },
        kind: ModelKind::LogisticRegression,
        model,
        threshold: 0.5,
        training: Training {
            rows_train: 1,
            rows_test: 0,
            seed: 0,
            data_sha256: String::new(),
            underwrite_version: String::new(),
            metrics: Vec::new(),
        },
        engine_sha256: String::new(),
        golden_rows: Vec::new(),
        calibration,
        details: Vec::new(),
        policy: None,
    }
}

fn linear(rng: &mut ChaCha8Rng, link: Link) -> Linear {
    let mut weight = |most: f64| rng.random_range(-most..=most);
    let term = |feature, value, weight| Term {
        feature,
        value,
        mean: 3.0,
        scale: 7.0,
        weight,
    };
    let mut terms = vec![
        term(0, TermValue::Itself, weight(1.0)),
        term(1, TermValue::Itself, weight(1.0)),
    ];
    terms.extend((0..3).map(|code| term(2, TermValue::IsCategory(code), weight(5.0))));
    let cuts = [-5.0, 0.0, 20.0].map(|cut| (Condition::Above(cut), weight(1.0)));
    let indicators = cuts.into_iter().chain([(Condition::Missing, weight(2.0))]);
    Linear {
        terms,
        intercept: weight(1.0),
        link,
        indicators: indicators
            .map(|(condition, weight)| Indicator {
                feature: 0,
                condition,
                weight,
            })
            .collect(),
    }
}

fn forest(rng: &mut ChaCha8Rng, link: Link) -> Forest {
    let mut node = |feature, split| Node::Split {
        feature,
        split,
        missing_left: rng.random(),
        count: 1,
    };
    let splits = [node(0, 0), node(0, 1), node(1, 0), node(2, 0)];
    let mut leaf = || Node::Leaf {
        value: rng.random_range(-0.2..0.3),
        count: 1,
    };
    let trees = splits.map(|split| Tree {
        nodes: vec![split, leaf(), splits[0], leaf(), leaf()],
    });
    Forest {
        features: vec![
            Bins::Cuts(vec![0.0, 30.0]),
            Bins::Cuts(vec![0.5]),
            Bins::Categories(3),
        ],
        category_sets: vec![CategorySet::new(3, [1, 3])],
        trees: trees.to_vec(),
        aggregation: Aggregation::GroupedSum,
        base: 0.1,
        link,
    }
}

fn row(rng: &mut ChaCha8Rng) -> [f64; 3] {
    let income = match rng.random_range(0..6) {
        0 => f64::NAN,
        1 => -10.0,
        2 => 50.0,
        3 => [-5.0_f64, 0.0, 20.0, 30.0][rng.random_range(0..4)],
        _ => rng.random_range(-10.0..=50.0),
    };
    let owner = f64::from(rng.random_range(0..2));
    [income, owner, f64::from(rng.random_range(0..4))]
}

#[test]
fn no_application_gets_a_score_outside_the_bounds() {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let isotonic = Calibration::Isotonic {
        from: vec![0.2, 0.4, 0.400_001, 0.9],
        to: vec![0.1, 0.1, 0.6, 0.8],
    };
    let platt = Calibration::Platt {
        slope: 1.7,
        intercept: -0.4,
    };
    // How much of the width between the bounds was reached: less than all, since the parts are
    // seldom extreme together.
    let mut reached = 0.0;
    let mut count = 0.0;
    for round in 0..60 {
        let model = match round % 4 {
            0 => Model::Linear(linear(&mut rng, Link::Logistic)),
            1 => Model::Linear(linear(&mut rng, Link::Identity)),
            2 => Model::Forest(forest(&mut rng, Link::Identity)),
            _ => Model::Ensemble(Box::new(Ensemble {
                forest: forest(&mut rng, Link::Logistic),
                forest_weight: 2.0,
                linear: linear(&mut rng, Link::Logistic),
                linear_weight: 0.5,
            })),
        };
        let calibration = [Calibration::None, platt.clone(), isotonic.clone()][round % 3].clone();
        let artifact = artifact(model, calibration);
        artifact.model.check(&artifact.schema).unwrap();
        let scores = Scores::of_model(&artifact);
        let mut predictor = Predictor::new(&artifact.model, &artifact.calibration).unwrap();
        let given = (0..3_000).map(|_| predictor.predict_row(&row(&mut rng)));
        let (low, high) = given.fold((1.0_f64, 0.0_f64), |(low, high), p| {
            (low.min(p), high.max(p))
        });
        assert!(
            scores.lowest <= low && high <= scores.highest,
            "{low} to {high} is not within {scores:?} of {:?}",
            artifact.model
        );
        if scores.highest > scores.lowest {
            reached += (high - low) / (scores.highest - scores.lowest);
            count += 1.0;
        }
    }
    assert!(reached > 0.7 * count, "{reached} of {count}");
}

#[test]
fn bounds_are_those_of_the_parts() {
    let of = |model, calibration| {
        let Scores { lowest, highest } = Scores::of_model(&artifact(model, calibration));
        [lowest, highest]
    };
    let one = Linear {
        terms: vec![Term {
            feature: 0,
            value: TermValue::Itself,
            mean: 0.0,
            scale: 100.0,
            weight: 1.0,
        }],
        intercept: 0.25,
        link: Link::Identity,
        indicators: Vec::new(),
    };
    assert_eq!(
        of(Model::Linear(one.clone()), Calibration::None),
        [0.1499, 0.7501]
    );
    // Rows with no least and greatest at once: the more parts, the wider.
    let tree = |low, high| Tree {
        nodes: vec![
            Node::Split {
                feature: 1,
                split: 0,
                missing_left: false,
                count: 1,
            },
            Node::Leaf {
                value: low,
                count: 1,
            },
            Node::Leaf {
                value: high,
                count: 1,
            },
        ],
    };
    let two = Forest {
        features: vec![
            Bins::Cuts(vec![]),
            Bins::Cuts(vec![0.5]),
            Bins::Categories(3),
        ],
        category_sets: Vec::new(),
        trees: vec![tree(0.0, 0.5), tree(1.0, 0.25)],
        aggregation: Aggregation::GroupedMean,
        base: 0.0,
        link: Link::Identity,
    };
    assert_eq!(of(Model::Forest(two), Calibration::None), [0.1249, 0.7501]);
    let flat = Calibration::Isotonic {
        from: vec![0.5],
        to: vec![0.375],
    };
    assert_eq!(of(Model::Linear(one), flat), [0.3749, 0.3751]);
}
