//! `model.d.ts` promises what the module says: each key of its JSON, and each word that a key
//! of few words can have. A policy or a key that is added to the one and not to the other
//! fails here.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use model_core::artifact::Artifact;
use model_core::calibration::Calibration;
use model_core::decide::Decider;
use model_core::model::ModelKind;
use model_core::policy::{IfMissing, Outcome, Stage};
use model_core::preprocess::Adjustment;
use model_core::reasons::Profiles;
use model_core::schema::{
    Categories, Encoding, FeatureKind, Mismatch, Missing, OutOfRange, Range, Role, Unknown,
};
use model_recourse::Budget;
use serde_json::Value;

#[path = "../../model-core/tests/common/mod.rs"]
mod common;

use common::{
    EVERYTHING, RULED, constant, decide, decider, forest, isotonic, linear, natively, platt,
    request, ruled, ruled_cases,
};

/// A file of format 2: what format 3 adds is optional.
const FORMAT_2: &[u8] = include_bytes!("../golden/format-2/artifact.bin");

const TYPES: &str = include_str!("../../model-wasm/src/model.d.ts");

/// Every value of an enum whose variants hold nothing; a variant that is not listed does not
/// compile.
macro_rules! every {
    ($type:ident: $($variant:ident),+) => {{
        let _ = |value: $type| match value { $($type::$variant => ()),+ };
        [$($type::$variant),+]
    }};
}

/// The fields of an interface and of the objects inside it, such as `model.kind`: each with
/// its type as it is written. An optional one ends in `?`.
fn interface(name: &str) -> BTreeMap<String, String> {
    let head = format!("export interface {name} {{\n");
    let (_, body) = TYPES
        .split_once(&head)
        .unwrap_or_else(|| panic!("no interface {name}"));
    let (body, _) = body.split_once("\n}\n").unwrap();
    let mut fields = BTreeMap::new();
    let mut within = String::new();
    for line in body.lines().map(str::trim) {
        if line == "};" {
            within.clear();
        } else if let Some((field, of)) = line.trim_end_matches(';').split_once(": ")
            && !line.starts_with(['/', '*'])
        {
            fields.insert(format!("{within}{field}"), of.to_owned());
            if of == "{" {
                within = format!("{field}.");
            }
        }
    }
    fields
}

fn check_words<'w>(name: &str, field: &str, words: impl IntoIterator<Item = &'w str>) {
    check_union(name, field, &interface(name)[field], words);
}

/// The words of a type that is a choice of words.
fn check_alias<'w>(name: &str, words: impl IntoIterator<Item = &'w str>) {
    let (_, choice) = TYPES
        .split_once(&format!("export type {name} = "))
        .unwrap_or_else(|| panic!("no type {name}"));
    check_union(name, "", choice.split_once(";\n").unwrap().0, words);
}

fn check_union<'w>(
    name: &str,
    field: &str,
    choice: &str,
    words: impl IntoIterator<Item = &'w str>,
) {
    let promised: BTreeSet<&str> = choice.split(" | ").collect();
    let quoted: Vec<String> = words
        .into_iter()
        .map(|word| format!("\"{word}\""))
        .collect();
    let said: BTreeSet<&str> = quoted.iter().map(String::as_str).collect();
    assert_eq!(promised, said, "{name}, {field}");
}

#[test]
fn every_word_is_promised_and_said() {
    let missing = every!(Missing: Error, Impute, Zero, MostFrequent, Other, Native);
    let unknown = every!(Unknown: Error, MostFrequent, Other);
    let out_of_range = every!(OutOfRange: Error, Clamp, Impute);
    check_words("Feature", "missing?", missing.map(Missing::word));
    check_words("Feature", "unknown?", unknown.map(Unknown::word));
    check_words(
        "Feature",
        "out_of_range?",
        out_of_range.map(OutOfRange::word),
    );
    check_words(
        "Feature",
        "role",
        every!(Role: Input, Protected, Ignored).map(Role::word),
    );
    let kinds = every!(
        ModelKind: Ridge, LogisticRegression, DecisionTree, RandomForest, GradientBoosting,
        BoostingAndLinear
    );
    check_words("Description", "model.kind", kinds.map(ModelKind::word));

    check_alias(
        "Outcome",
        every!(Outcome: Approve, Refer, Decline).map(Outcome::word),
    );
    check_words(
        "Rule",
        "stage",
        every!(Stage: Before, After).map(Stage::word),
    );
    check_words(
        "Rule",
        "if_missing",
        every!(IfMissing: Skip, Refer, Decline).map(IfMissing::word),
    );
    let mismatch = every!(Mismatch: Error, Overwrite);
    check_words("Feature", "derived?.mismatch", mismatch.map(Mismatch::word));

    // Where the policy is `error` there is no adjustment.
    let adjustments = missing
        .map(Adjustment::Missing)
        .into_iter()
        .chain(unknown.map(Adjustment::Unknown))
        .chain(out_of_range.map(Adjustment::OutOfRange))
        .chain(mismatch.map(Adjustment::Mismatch))
        .filter(|adjustment| adjustment.policy() != "error");
    let (kinds, policies): (Vec<_>, Vec<_>) = adjustments
        .map(|adjustment| (adjustment.kind(), adjustment.policy()))
        .unzip();
    check_words("Adjustment", "kind", kinds);
    check_words("Adjustment", "policy", policies);
}

/// Enums whose variants hold something.
#[test]
fn every_type_and_calibration_is_promised_and_said() {
    let categories = Categories {
        values: Vec::new(),
        labels: Vec::new(),
        encoding: Encoding::OneHot,
        unknown: Unknown::Error,
    };
    let kinds = [
        FeatureKind::Number(Range::default()),
        FeatureKind::Integer(Range::default()),
        FeatureKind::Boolean,
        FeatureKind::Category(categories),
    ];
    // A variant that is not listed above does not compile here.
    let word = |kind: &FeatureKind| match kind {
        FeatureKind::Number(_)
        | FeatureKind::Integer(_)
        | FeatureKind::Boolean
        | FeatureKind::Category(_) => kind.word(),
    };
    check_words("Feature", "type", kinds.iter().map(word));

    let calibrations = [
        Calibration::None,
        Calibration::Platt {
            slope: 1.0,
            intercept: 0.0,
        },
        Calibration::Isotonic {
            from: Vec::new(),
            to: Vec::new(),
        },
    ];
    let word = |calibration: &Calibration| match calibration {
        Calibration::None | Calibration::Platt { .. } | Calibration::Isotonic { .. } => {
            calibration.word()
        }
    };
    check_words("Description", "calibration", calibrations.iter().map(word));
}

/// The keys of some objects of one interface; `inside` names those that hold objects.
#[derive(Default)]
struct Keys {
    some: BTreeSet<String>,
    /// In every object.
    all: Option<BTreeSet<String>>,
}

impl Keys {
    fn add(&mut self, object: &Value, inside: &[&str]) {
        let mut own = BTreeSet::new();
        for (key, value) in object.as_object().unwrap() {
            own.insert(key.clone());
            if inside.contains(&key.as_str()) {
                own.extend(
                    value
                        .as_object()
                        .unwrap()
                        .keys()
                        .map(|k| format!("{key}.{k}")),
                );
            }
        }
        self.some.extend(own.iter().cloned());
        let all = self.all.take().unwrap_or_else(|| own.clone());
        self.all = Some(all.intersection(&own).cloned().collect());
    }

    /// Every key is promised, every promised key is said, and those that are always there are
    /// the ones that are not optional.
    fn check(self, name: &str) {
        let fields = interface(name);
        let promised: BTreeSet<_> = fields.keys().map(|key| key.replace('?', "")).collect();
        assert_eq!(promised, self.some, "{name}");
        let always = fields.into_keys().filter(|key| !key.contains('?'));
        assert_eq!(Some(always.collect()), self.all, "{name}: always there");
    }
}

/// A schema of every type, role and policy, with everything that is optional and without; one
/// with rules, derived fields and several languages, with a band and without.
fn artifacts() -> [Artifact; 6] {
    let mut plain = linear(EVERYTHING);
    plain.schema.title = None;
    plain.schema.max_adjustments = None;
    let mut full = platt(linear(EVERYTHING));
    full.schema.title = Some("A title".into());
    full.schema.description = Some("A description.".into());
    full.schema.max_adjustments = Some(9);
    for feature in &mut full.schema.features {
        feature.label = Some("A label".into());
        feature.help = Some("Some help.".into());
    }
    let banded = ruled(linear(RULED));
    let mut unbanded = banded.clone();
    unbanded.policy.as_mut().unwrap().refer = None;
    [
        plain,
        full,
        banded,
        unbanded,
        isotonic(forest(&natively())),
        constant(include_str!("../../data/loan.toml"), 0.3),
    ]
}

#[test]
fn every_key_of_a_description_is_promised() {
    let (mut descriptions, mut features) = (Keys::default(), Keys::default());
    let (mut policies, mut rules) = (Keys::default(), Keys::default());
    let models = artifacts().map(|artifact| decider(&artifact));
    let old = Decider::load(FORMAT_2).unwrap();
    for model in models.iter().chain([&old]) {
        let mut out = Vec::new();
        model.describe(&mut out);
        let description: Value = serde_json::from_slice(&out).unwrap();
        descriptions.add(&description, &["model", "target", "training"]);
        for feature in description["features"].as_array().unwrap() {
            features.add(feature, &["derived"]);
        }
        if let Some(policy) = description.get("policy") {
            policies.add(policy, &[]);
            for rule in policy["rules"].as_array().unwrap() {
                rules.add(rule, &[]);
            }
        }
    }
    descriptions.check("Description");
    features.check("Feature");
    policies.check("Policy");
    rules.check("Rule");
}

#[test]
fn every_key_of_a_decision_and_a_refusal_is_promised() {
    let mut decisions = Keys::default();
    let (mut adjustments, mut problems) = (Keys::default(), Keys::default());
    let answered = |model: &mut Decider, request: String| -> Value {
        let (_, json) = decide(model, request);
        serde_json::from_str(&json).unwrap()
    };
    let mut plain = decider(&linear(EVERYTHING));
    let mut ruled = decider(&ruled(linear(RULED)));
    let mut old = Decider::load(FORMAT_2).unwrap();
    for decision in [
        answered(&mut plain, request(&[("income", ""), ("age", "144")])),
        answered(&mut old, request(&[])),
        answered(&mut ruled, ruled_cases().swap_remove(0)),
    ] {
        decisions.add(&decision, &[]);
        for adjustment in decision["adjustments"].as_array().unwrap() {
            adjustments.add(adjustment, &[]);
        }
    }
    let wrong = request(&[("no_such_field", "1"), ("age", "\"old\"")]);
    for problem in answered(&mut plain, wrong)["detail"].as_array().unwrap() {
        problems.add(problem, &[]);
    }
    let explained = explained();
    decisions.add(&explained["decision"], &[]);
    decisions.check("Decision");
    adjustments.check("Adjustment");
    problems.check("Problem");
}

/// A refused application explained, with profiles and reasons in the answer.
fn explained() -> Value {
    let mut artifact = ruled(linear(RULED));
    artifact.schema.reasons.in_answer = true;
    artifact.profiles = Some(Profiles::single(
        "all",
        artifact.preprocessing.imputed.clone(),
    ));
    explain(&artifact, &ruled_cases()[0], Budget::default())
}

/// With recourse, a little below the threshold.
fn with_recourse(evaluations: u32) -> Value {
    let toml = EVERYTHING.replace("minimum = 300", "minimum = 300\nactionable = \"any\"");
    let mut artifact = linear(&toml);
    let today = explain(&artifact, &request(&[]), Budget::default());
    artifact.threshold = today["decision"]["probability"].as_f64().unwrap() * 1.02;
    let question = format!("{{\"application\":{},\"recourse\":{{}}}}", request(&[]));
    explain(&artifact, &question, Budget { evaluations })
}

/// With recourse, where the schema calls nothing actionable.
fn without_recourse() -> Value {
    let artifact = constant(EVERYTHING, 0.3);
    let question = format!("{{\"application\":{},\"recourse\":true}}", request(&[]));
    explain(&artifact, &question, Budget::default())
}

fn explain(artifact: &Artifact, request: &str, budget: Budget) -> Value {
    let mut out = Vec::new();
    let (mut decider, request) = (decider(artifact), request.as_bytes());
    let status = model_recourse::explain(&mut decider, request, budget, &mut out);
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&out));
    serde_json::from_slice(&out).unwrap()
}

#[test]
fn every_key_of_an_explanation_is_promised() {
    let without_profiles = explain(&constant(EVERYTHING, 0.3), &request(&[]), Budget::default());
    let (mut explanations, mut contributions, mut reasons) =
        (Keys::default(), Keys::default(), Keys::default());
    let (mut recourse, mut options, mut flips) =
        (Keys::default(), Keys::default(), Keys::default());
    for explanation in [with_recourse(20_000), with_recourse(2), without_recourse()] {
        explanations.add(&explanation, &[]);
        recourse.add(&explanation["recourse"], &[]);
        for option in explanation["recourse"]["options"].as_array().unwrap() {
            options.add(option, &[]);
        }
        for flip in explanation["recourse"]["flips"].as_array().unwrap() {
            flips.add(flip, &[]);
        }
    }
    recourse.check("Recourse");
    options.check("RecourseOption");
    flips.check("Flip");
    for explanation in [explained(), without_profiles] {
        explanations.add(&explanation, &[]);
        for contribution in explanation["contributions"].as_array().unwrap() {
            contributions.add(contribution, &[]);
        }
        for reason in explanation["reasons"].as_array().into_iter().flatten() {
            reasons.add(reason, &[]);
        }
    }
    explanations.check("Explanation");
    contributions.check("Contribution");
    reasons.check("Reason");
    check_words("Explanation", "scale", ["log_odds", "mean"]);
}
