//! Small models for the tests, made from a schema.
#![allow(dead_code, unused_imports, reason = "every test file uses some of it")]
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod kinds;
mod rules;
pub(crate) mod toml;

pub(crate) use kinds::{binned, ensemble, linear_of};
pub(crate) use rules::{RULED, RULES, ruled, ruled_cases};

use model_core::artifact::{Artifact, GoldenRow, Training};
use model_core::calibration::Calibration;
use model_core::decide::Decider;
use model_core::forest::{Aggregation, Bins, CategorySet, Forest, Link, Node, Tree};
use model_core::model::{Linear, Model, ModelKind, Term, TermValue};
use model_core::preprocess::Preprocessing;
use model_core::schema::{Feature, FeatureKind, Schema};

/// Every type with every policy.
pub(crate) const EVERYTHING: &str = r#"
name = "everything"
version = "1.2.3"
title = "Every type, every policy"
missing_values = ["NA", "?"]

[[feature]]
name = "income"
type = "number"
unit = "USD"
minimum = 0
maximum = 100000
missing = "impute"
out_of_range = "clamp"

[[feature]]
name = "rate"
type = "number"
exclusive_minimum = 0
exclusive_maximum = 40.5

[[feature]]
name = "share"
type = "number"
minimum = 0
maximum = 1
missing = "zero"
out_of_range = "impute"

[[feature]]
name = "wealth"
type = "number"
missing = "impute"

[[feature]]
name = "age"
type = "integer"
minimum = 18
maximum = 100
missing = "impute"
out_of_range = "clamp"

[[feature]]
name = "score"
type = "integer"
minimum = 300
maximum = 850

[[feature]]
name = "years"
type = "integer"
minimum = 0
missing = "zero"
out_of_range = "impute"

[[feature]]
name = "gender"
type = "category"
role = "protected"
categories = ["female", "male"]

[[feature]]
name = "owner"
type = "boolean"
missing = "most_frequent"

[[feature]]
name = "defaulted"
type = "boolean"
missing = "zero"

[[feature]]
name = "member"
type = "boolean"

[[feature]]
name = "grade"
type = "category"
categories = ["A", "B", "C"]
encoding = "ordinal"
missing = "most_frequent"

[[feature]]
name = "purpose"
type = "category"
categories = ["CAR", "HOME", "Größe"]
missing = "other"
unknown = "other"

[[feature]]
name = "region"
type = "category"
categories = ["1", "2", "30"]
unknown = "most_frequent"

[[feature]]
name = "note"
type = "category"
role = "ignored"

[[feature]]
name = "approved"
type = "boolean"
role = "target"
"#;

/// A schema in which numbers mean missing, too.
pub(crate) fn with_missing_numbers(toml: &str) -> String {
    let listed = "missing_values = [\"NA\", \"-1\", \"3.0\", \"5e-1\", \"7\", \"100\"]";
    match toml.contains("missing_values") {
        true => toml.replace("missing_values = [\"NA\", \"?\"]", listed),
        false => toml.replacen("[[feature]]", &format!("{listed}\n[[feature]]"), 1),
    }
}

/// [`EVERYTHING`] where what may be missing stays missing.
pub(crate) fn natively() -> String {
    ["impute", "most_frequent", "other"]
        .iter()
        .fold(EVERYTHING.to_owned(), |toml, policy| {
            let (missing, native) = (
                format!("\nmissing = \"{policy}\""),
                "\nmissing = \"native\"",
            );
            toml.replace(&missing, native)
        })
}

/// The same model, isotonic: low probabilities lifted, high ones flattened.
pub(crate) fn isotonic(artifact: Artifact) -> Artifact {
    Artifact {
        calibration: Calibration::Isotonic {
            from: vec![0.1, 0.25, 0.5, 0.501, 0.75],
            to: vec![0.2, 0.3, 0.3, 0.6, 0.65],
        },
        ..artifact
    }
}

/// The same model, by Platt.
pub(crate) fn platt(artifact: Artifact) -> Artifact {
    Artifact {
        calibration: Calibration::Platt {
            slope: 1.7,
            intercept: -0.4,
        },
        ..artifact
    }
}

/// A request that [`EVERYTHING`] accepts as it is: fields and their JSON.
pub(crate) const PLAIN: [(&str, &str); 13] = [
    ("income", "50000"),
    ("rate", "11.5"),
    ("share", "0.25"),
    ("wealth", "-3e3"),
    ("age", "40"),
    ("score", "700"),
    ("years", "5"),
    ("owner", "true"),
    ("defaulted", "false"),
    ("member", "true"),
    ("grade", "\"B\""),
    ("purpose", "\"CAR\""),
    ("region", "\"2\""),
];

/// [`PLAIN`] with fields replaced, added, or (with an empty text) taken away.
pub(crate) fn request(changes: &[(&str, &str)]) -> String {
    let mut fields: Vec<(&str, &str)> = PLAIN.to_vec();
    for &(name, json) in changes {
        match fields.iter_mut().find(|(known, _)| *known == name) {
            Some(field) => field.1 = json,
            None => fields.push((name, json)),
        }
    }
    let written: Vec<String> = fields
        .iter()
        .filter(|(_, json)| !json.is_empty())
        .map(|(name, json)| format!("\"{name}\":{json}"))
        .collect();
    format!("{{{}}}", written.join(","))
}

/// A linear model with one term for each number, boolean and ordinal category and one for
/// each category of the others; every weight differs.
pub(crate) fn linear(toml: &str) -> Artifact {
    let schema = Schema::from_toml(toml).unwrap();
    let mut terms = Vec::new();
    for (index, feature) in schema.inputs().enumerate() {
        let weight = 0.3 - 0.07 * index as f64;
        let (mean, scale) = match feature.range().and_then(|r| r.lower.zip(r.upper)) {
            Some((lower, upper)) => (0.4 * upper.value, (upper.value - lower.value) / 3.0),
            None => (0.5, 1.5),
        };
        let mut add = |value, mean, scale, weight| {
            terms.push(Term {
                feature: index as u16,
                value,
                mean,
                scale,
                weight,
            });
        };
        match feature.categories() {
            Some(c) if c.encoding == model_core::schema::Encoding::OneHot => {
                for code in 0..c.values.len() as u32 {
                    add(
                        TermValue::IsCategory(code),
                        0.0,
                        1.0,
                        weight / (1.0 + f64::from(code)),
                    );
                }
            }
            _ => add(TermValue::Itself, mean, scale, weight),
        }
    }
    let linear = Linear {
        terms,
        intercept: 0.1,
        link: Link::Logistic,
        indicators: Vec::new(),
    };
    artifact(schema, ModelKind::LogisticRegression, Model::Linear(linear))
}

/// A linear model that answers `probability` to everything.
pub(crate) fn constant(toml: &str, probability: f64) -> Artifact {
    let linear = Linear {
        terms: Vec::new(),
        intercept: probability,
        link: Link::Identity,
        indicators: Vec::new(),
    };
    let schema = Schema::from_toml(toml).unwrap();
    artifact(schema, ModelKind::Ridge, Model::Linear(linear))
}

/// A forest of three trees for each input: one split on it, above one on the next input.
pub(crate) fn forest(toml: &str) -> Artifact {
    let schema = Schema::from_toml(toml).unwrap();
    let features: Vec<Bins> = schema.inputs().map(bins).collect();
    let mut category_sets = Vec::new();
    let mut trees = Vec::new();
    for index in 0..features.len() * 3 {
        let (first, second) = (index % features.len(), (index + 1) % features.len());
        let value = index as f64 / (features.len() as f64 * 3.0);
        let leaf = |value| Node::Leaf { value, count: 7 };
        let nodes = vec![
            split(&features, first, index, &mut category_sets),
            leaf(value),
            split(&features, second, index, &mut category_sets),
            leaf(1.0 - value),
            leaf(value * value),
        ];
        trees.push(Tree { nodes });
    }
    let forest = Forest {
        features,
        category_sets,
        trees,
        aggregation: Aggregation::Mean,
        base: 0.0,
        link: Link::Identity,
    };
    artifact(schema, ModelKind::RandomForest, Model::Forest(forest))
}

fn bins(feature: &Feature) -> Bins {
    match &feature.kind {
        FeatureKind::Category(categories) => Bins::Categories(categories.values.len() as u32),
        FeatureKind::Boolean => Bins::Cuts(vec![0.5]),
        FeatureKind::Number(range) | FeatureKind::Integer(range) => {
            let lower = range.lower.map_or(-100.0, |b| b.value);
            let upper = range.upper.map_or(lower + 200.0, |b| b.value);
            let at = |part: f64| lower + (upper - lower) * part;
            Bins::Cuts(vec![at(0.0), at(0.3), at(0.5), at(0.9)])
        }
    }
}

fn split(bins: &[Bins], feature: usize, nth: usize, sets: &mut Vec<CategorySet>) -> Node {
    let split = match &bins[feature] {
        Bins::Cuts(cuts) => nth % cuts.len(),
        Bins::Categories(n) => {
            sets.push(CategorySet::new(*n, [nth as u32 % n, *n]));
            sets.len() - 1
        }
    };
    Node::Split {
        feature: feature as u16,
        split: split as u32,
        missing_left: nth.is_multiple_of(2),
        count: 14,
    }
}

/// What is filled in: the middle of a range, or 1; true; the second category.
fn artifact(schema: Schema, kind: ModelKind, model: Model) -> Artifact {
    let middle = |feature: &Feature| match feature.range() {
        Some(range) => match (range.lower, range.upper) {
            (Some(lower), Some(upper)) => ((lower.value + upper.value) / 2.0).round(),
            _ => 1.0,
        },
        None => 1.0,
    };
    Artifact {
        preprocessing: Preprocessing {
            imputed: schema.inputs().map(middle).collect(),
        },
        schema,
        kind,
        model,
        threshold: 0.5,
        training: Training {
            rows_train: 80,
            rows_test: 20,
            seed: 42,
            data_sha256: "ab".repeat(32),
            underwrite_version: "0.1.0".into(),
            metrics: vec![("accuracy".into(), 0.9)],
        },
        engine_sha256: "cd".repeat(32),
        golden_rows: vec![GoldenRow {
            request: "{}".into(),
            probability: 0.5,
        }],
        calibration: Calibration::None,
        details: Vec::new(),
        policy: None,
        profiles: None,
    }
}

/// An artifact made ready to decide.
pub(crate) fn decider(artifact: &Artifact) -> Decider {
    Decider::load(&artifact.encode().unwrap()).unwrap()
}

/// Status and body of one decision.
pub(crate) fn decide(decider: &mut Decider, request: impl AsRef<[u8]>) -> (u16, String) {
    let mut out = Vec::new();
    let status = decider.decide(request.as_ref(), &mut out);
    (status, String::from_utf8(out).unwrap())
}
