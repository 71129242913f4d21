//! Monotonic constraints, and missing values that stay missing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

use model_core::forest::{Aggregation, Bins, CategorySet, Forest, Link, Node, Tree};
use model_core::model::{
    Condition, Ensemble, Indicator, Linear, Model, ModelKind, Term, TermValue,
};
use model_core::schema::{Monotonic, Schema};
use model_train::dataset::Dataset;
use model_train::fit::{ClassWeight, FitError, GradientBoosting, Options, Params, fit, predict};
use model_train::monotonic::prove;
use model_train::prepare::Prepared;
use model_train::split;

/// `data/loan_sample.csv` by a schema that was changed: each pair is a feature and the line
/// that is added to it.
fn read(changes: &[(&str, &str)]) -> (Prepared, Schema) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../data");
    let mut toml = std::fs::read_to_string(format!("{folder}/loan.toml")).unwrap();
    for (feature, line) in changes {
        let name = format!("name = \"{feature}\"\n");
        assert!(toml.contains(&name));
        toml = toml.replace(&name, &format!("{name}{line}\n"));
    }
    let schema = Schema::from_toml(&toml).unwrap();
    let path = format!("{folder}/loan_sample.csv");
    let dataset = Dataset::read(path.as_ref(), &schema, |_| {}).unwrap();
    let split = split::stratified(&dataset.target, 1).unwrap();
    (Prepared::new(dataset, &schema, split).unwrap(), schema)
}

/// Two that agree with the data, two that do not.
const DIRECTIONS: [(&str, &str); 4] = [
    ("loan_int_rate", "monotonic = \"increasing\""),
    ("person_income", "monotonic = \"decreasing\""),
    ("loan_percent_income", "monotonic = \"decreasing\""),
    ("person_education", "monotonic = \"increasing\""),
];

const OPTIONS: Options = Options {
    seed: 4,
    jobs: 2,
    class_weight: ClassWeight::None,
};

fn fitted(prepared: &Prepared, schema: &Schema, kind: ModelKind) -> Result<Model, FitError> {
    let params = Params::defaults(kind);
    fit(prepared, &prepared.split.train, schema, &params, &OPTIONS)
}

/// Every test row with every value of a feature: the answers must be in order.
fn is_monotonic(model: &Model, prepared: &Prepared, input: usize, direction: Monotonic) -> bool {
    let mut values: Vec<f64> = prepared.columns[input].iter().copied().collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    let rows: Vec<usize> = prepared.split.test.iter().copied().step_by(37).collect();
    let answers: Vec<Vec<f64>> = values
        .iter()
        .step_by(values.len().div_ceil(200))
        .map(|value| {
            let mut moved = prepared.clone();
            moved.columns[input] = prepared.columns[input].iter().map(|_| *value).collect();
            predict(model, &moved, &rows).unwrap()
        })
        .collect();
    answers.windows(2).all(|pair| {
        let in_order = |(low, high): (&f64, &f64)| match direction {
            Monotonic::Increasing => low <= high,
            Monotonic::Decreasing => low >= high,
        };
        pair[0].iter().zip(&pair[1]).all(in_order)
    })
}

#[test]
fn models_follow_what_the_schema_demands() {
    let (prepared, schema) = read(&DIRECTIONS);
    for kind in [
        ModelKind::Ridge,
        ModelKind::LogisticRegression,
        ModelKind::GradientBoosting,
    ] {
        let model = fitted(&prepared, &schema, kind).unwrap();
        prove(&model, &schema).unwrap();
        for (input, feature) in schema.inputs().enumerate() {
            if let Some(direction) = feature.monotonic {
                assert!(
                    is_monotonic(&model, &prepared, input, direction),
                    "{kind:?}, {}",
                    feature.name
                );
            }
        }
        let yes = |row: &usize| prepared.target[*row];
        let p = predict(&model, &prepared, &prepared.split.test).unwrap();
        let right = prepared
            .split
            .test
            .iter()
            .zip(&p)
            .filter(|(row, p)| yes(row) == (**p >= 0.5));
        let accuracy = right.count() as f64 / p.len() as f64;
        assert!(accuracy > 0.8, "{kind:?}: {accuracy}");
    }
}

/// The proof is not a formality: models that were not told are refused by it, and do break
/// the order.
#[test]
fn the_proof_refuses_models_that_do_not_follow() {
    let (prepared, free) = read(&[]);
    for (kind, feature) in [
        (ModelKind::Ridge, "loan_int_rate"),
        (ModelKind::LogisticRegression, "loan_int_rate"),
        (ModelKind::GradientBoosting, "loan_percent_income"),
        (ModelKind::GradientBoosting, "person_education"),
    ] {
        let model = fitted(&prepared, &free, kind).unwrap();
        prove(&model, &free).unwrap();
        let refused = ["increasing", "decreasing"].map(|direction| {
            let (_, schema) = read(&[(feature, &format!("monotonic = \"{direction}\""))]);
            let input = schema.inputs().position(|input| input.name == feature);
            let of_feature = schema.inputs().find_map(|input| input.monotonic).unwrap();
            let proof = prove(&model, &schema);
            let holds = is_monotonic(&model, &prepared, input.unwrap(), of_feature);
            assert_eq!(proof.is_ok(), holds, "{kind:?}, {feature}: {proof:?}");
            proof.is_err()
        });
        assert!(refused.contains(&true), "{kind:?}, {feature}");
    }
}

/// Leaves are compared where the feature alone can tell them apart, and nowhere else.
#[test]
fn a_tree_is_proved_leaf_against_leaf() {
    const SCHEMA: &str = r#"
        name = "test"
        version = "1.0.0"
        [[feature]]
        name = "x"
        type = "number"
        monotonic = "increasing"
        [[feature]]
        name = "y"
        type = "category"
        categories = ["a", "b", "c"]
        missing = "native"
        [[feature]]
        name = "yes"
        type = "boolean"
        role = "target"
    "#;
    let schema = Schema::from_toml(SCHEMA).unwrap();
    let split = |feature: u16, split: u32, missing_left: bool| Node::Split {
        feature,
        split,
        missing_left,
        count: 1,
    };
    // x at most 1: y in set 0, else; x above 1: y in the other set, else.
    let check = |leaves: [f64; 4], sets: [&[u32]; 2], missing_left: bool, follows: bool| {
        let leaf = |value| Node::Leaf { value, count: 1 };
        let nodes = vec![
            split(0, 0, false),
            split(1, 0, true),
            leaf(leaves[0]),
            leaf(leaves[1]),
            split(1, 1, missing_left),
            leaf(leaves[2]),
            leaf(leaves[3]),
        ];
        let model = Model::Forest(Forest {
            features: vec![Bins::Cuts(vec![1.0]), Bins::Categories(3)],
            category_sets: sets
                .map(|set| CategorySet::new(3, set.iter().copied()))
                .to_vec(),
            trees: vec![Tree { nodes }],
            aggregation: Aggregation::Sum,
            base: 0.0,
            link: Link::Logistic,
        });
        assert_eq!(
            prove(&model, &schema).is_ok(),
            follows,
            "{leaves:?} {sets:?}"
        );
    };
    let same: [&[u32]; 2] = [&[0], &[0]];
    check([0.1, 0.9, 0.2, 1.0], same, true, true);
    check([0.1, 0.9, 0.1, 0.9], same, true, true);
    check([0.1, 0.9, 0.05, 1.0], same, true, false);
    check([0.1, 0.9, 0.2, 0.8], same, true, false);
    // Only a missing y goes from the first leaf to the last.
    check([0.5, 0.1, 0.6, 0.2], same, true, true);
    check([0.5, 0.1, 0.6, 0.2], same, false, false);
    // c goes from the second leaf to the third.
    check([0.1, 0.9, 0.2, 1.0], [&[0], &[0, 2]], true, false);
    check([0.1, 0.9, 0.95, 1.0], [&[0], &[0, 2]], true, true);
}

/// Each part of an ensemble is proved for itself, each bin of a linear model too.
#[test]
fn ensembles_are_proved_part_by_part() {
    let schema = Schema::from_toml(
        r#"
        name = "test"
        version = "1.0.0"
        [[feature]]
        name = "x"
        type = "number"
        missing = "native"
        monotonic = "increasing"
        [[feature]]
        name = "answer"
        type = "boolean"
        role = "target"
        "#,
    )
    .unwrap();
    let leaf = |value| Node::Leaf { value, count: 1 };
    let split = Node::Split {
        feature: 0,
        split: 0,
        missing_left: true,
        count: 1,
    };
    let check = |leaves: [f64; 2], weight: f64, bins: [f64; 2], follows: bool| {
        let term = Term {
            feature: 0,
            value: TermValue::Itself,
            mean: 0.0,
            scale: 1.0,
            weight,
        };
        let indicator = |condition, weight| Indicator {
            feature: 0,
            condition,
            weight,
        };
        let linear = Linear {
            terms: vec![term],
            intercept: 0.0,
            link: Link::Logistic,
            indicators: vec![
                indicator(Condition::Above(1.0), bins[0]),
                indicator(Condition::Above(2.0), bins[1]),
                indicator(Condition::Missing, -5.0),
            ],
        };
        let forest = Forest {
            features: vec![Bins::Cuts(vec![1.0])],
            category_sets: Vec::new(),
            trees: vec![Tree {
                nodes: vec![split, leaf(leaves[0]), leaf(leaves[1])],
            }],
            aggregation: Aggregation::GroupedSum,
            base: 0.0,
            link: Link::Logistic,
        };
        let model = Model::Ensemble(Box::new(Ensemble {
            forest,
            forest_weight: 0.5,
            linear,
            linear_weight: 0.5,
        }));
        model.check(&schema).unwrap();
        let proof = prove(&model, &schema);
        assert_eq!(proof.is_ok(), follows, "{leaves:?} {weight} {bins:?}");
    };
    check([0.1, 0.2], 0.3, [0.1, 0.0], true);
    check([0.1, 0.1], 0.0, [0.0, 0.0], true);
    check([0.2, 0.1], 0.3, [0.1, 0.0], false);
    check([0.1, 0.2], -0.3, [0.1, 0.0], false);
    // The sum of the bins rises, its last step does not.
    check([0.1, 0.2], 0.3, [0.5, -0.1], false);
}

#[test]
fn trees_of_smartcore_refuse_a_direction() {
    let (prepared, schema) = read(&DIRECTIONS[..1]);
    for kind in [ModelKind::DecisionTree, ModelKind::RandomForest] {
        let error = fitted(&prepared, &schema, kind).unwrap_err().to_string();
        let expect = format!(
            "feature 'loan_int_rate': a {} cannot be made monotonic: use gradient_boosting, \
             logistic_regression or ridge, or leave this model out",
            kind.word()
        );
        assert_eq!(error, expect);
    }
}

/// Rows whose missing value means something: the trees find that out, and the answer to a
/// missing value is not that to any other.
#[test]
fn boosted_trees_see_what_is_missing() {
    const SCHEMA: &str = r#"
        name = "test"
        version = "1.0.0"
        [[feature]]
        name = "score"
        type = "number"
        missing = "native"
        [[feature]]
        name = "home"
        type = "category"
        categories = ["A", "B", "C"]
        missing = "native"
        unknown = "other"
        [[feature]]
        name = "member"
        type = "boolean"
        missing = "native"
        [[feature]]
        name = "answer"
        type = "boolean"
        role = "target"
    "#;
    let mut csv = String::from("score,home,member,answer\n");
    for row in 0..900u32 {
        let score = if row % 3 == 0 {
            String::new()
        } else {
            (row * 37 % 100).to_string()
        };
        let home = ["A", "B", "C", "", "tent"][row as usize / 3 % 5];
        let member = ["true", "", "false"][row as usize / 15 % 3];
        // A missing score is as good as one from 60; a missing home or membership decides.
        let good = score.parse::<u32>().map_or(true, |score| score >= 60);
        let answer = (good && !home.is_empty()) || member.is_empty();
        csv += &format!("{score},{home},{member},{answer}\n");
    }
    let schema = Schema::from_toml(SCHEMA).unwrap();
    let dataset = Dataset::from_reader(csv.as_bytes(), "data.csv", &schema, |_| {}).unwrap();
    let split = split::stratified(&dataset.target, 1).unwrap();
    let prepared = Prepared::new(dataset, &schema, split).unwrap();
    assert!(
        prepared
            .columns
            .iter()
            .all(|column| column.iter().any(|value| value.is_nan()))
    );
    let params = Params::GradientBoosting(GradientBoosting {
        trees: 60,
        learning_rate: 0.3,
        min_leaf_weight: 0.1,
        column_share: 1.0,
        ..GradientBoosting::default()
    });
    let model = fit(&prepared, &prepared.split.train, &schema, &params, &OPTIONS).unwrap();
    let test = &prepared.split.test;
    let p = predict(&model, &prepared, test).unwrap();
    let wrong = test
        .iter()
        .zip(&p)
        .filter(|(row, p)| prepared.target[**row] != (**p >= 0.5));
    assert_eq!(wrong.count(), 0);

    // Both ways are used, and a category is told from "other" and from missing.
    let Model::Forest(forest) = &model else {
        panic!("no forest")
    };
    let nodes = || forest.trees.iter().flat_map(|tree| &tree.nodes);
    for wanted in [true, false] {
        assert!(nodes().any(|node| matches!(
            node,
            Node::Split { missing_left, .. } if *missing_left == wanted
        )));
    }
    assert_eq!(forest.features[1], Bins::Categories(3));

    let error = |kind| fitted(&prepared, &schema, kind).unwrap_err().to_string();
    for kind in [ModelKind::DecisionTree, ModelKind::RandomForest] {
        let expect = format!(
            "feature 'score': missing = \"native\" needs gradient_boosting, logistic_regression or \
             ridge, a {} cannot take a missing value: choose another policy or leave this model out",
            kind.word()
        );
        assert_eq!(error(kind), expect);
    }
    for kind in [ModelKind::LogisticRegression, ModelKind::Ridge] {
        let Model::Linear(linear) = fitted(&prepared, &schema, kind).unwrap() else {
            panic!("a {} is no weighted sum", kind.word());
        };
        let asks = |i: &Indicator| i.feature == 0 && i.condition == Condition::Missing;
        assert!(linear.indicators.iter().any(asks), "{linear:?}");
    }
}

/// A linear model whose only column has the wrong sign once ended its training with a failed proof,
/// and with it a whole search.
#[test]
fn a_linear_model_without_a_column_of_the_right_sign_is_a_constant() {
    let schema = Schema::from_toml(
        "name = \"test\"\nversion = \"1.0.0\"\n\
         [[feature]]\nname = \"a\"\ntype = \"number\"\nmonotonic = \"increasing\"\n\
         [[feature]]\nname = \"yes\"\ntype = \"boolean\"\nrole = \"target\"\n",
    )
    .unwrap();
    let rows = (0..400).map(|row| format!("{row},{}\n", u8::from(row % 7 > row / 60)));
    let csv = format!("a,yes\n{}", rows.collect::<String>());
    let dataset = Dataset::from_reader(csv.as_bytes(), "d.csv", &schema, |_| {}).unwrap();
    let split = split::stratified(&dataset.target, 1).unwrap();
    let prepared = Prepared::new(dataset, &schema, split).unwrap();
    let train = &prepared.split.train;
    let yes = train.iter().filter(|row| prepared.target[**row]).count();
    let share = yes as f64 / train.len() as f64;
    for kind in [ModelKind::LogisticRegression, ModelKind::Ridge] {
        let model = fitted(&prepared, &schema, kind).unwrap();
        let answers = predict(&model, &prepared, &prepared.split.test).unwrap();
        assert!(!answers.is_empty());
        assert!(
            answers.iter().all(|one| (one - share).abs() < 1e-9),
            "{kind:?} {share} {answers:?}"
        );
    }
}
