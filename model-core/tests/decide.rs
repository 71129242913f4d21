//! Decisions, as `docs/reference/decision-contract.md` and `docs/reference/schema.md` promise them.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use common::{EVERYTHING, PLAIN, constant, decide, decider, forest, linear, request};
use model_core::artifact::{Artifact, digests, with_policy};
use model_core::calibration::Calibration;
use model_core::decide::{Decider, write_unavailable};
use model_core::policy::Policy;
use serde_json::Value;

#[test]
fn an_answer_has_these_bytes() {
    let mut model = decider(&constant(EVERYTHING, 0.75));
    let digest = model.digest().to_owned();
    assert_eq!(digest.len(), "sha256:".len() + 64);
    let expected = format!(
        r#"{{"prediction":1,"prediction_label":"Approved","approve":true,"probability":0.75,"threshold":0.5,"model":{{"name":"everything","version":"1.2.3","digest":"{digest}"}},"features_used":["income","rate","share","wealth","age","score","years","owner","defaulted","member","grade","purpose","region"],"adjustments":[{{"feature":"income","kind":"out_of_range","policy":"clamp","from":1e9,"to":100000}}],"outcome":"approve"}}"#
    );
    let (status, answer) = decide(&mut model, request(&[("income", "1e9")]));
    assert_eq!((status, answer), (200, expected));
}

#[test]
fn the_threshold_itself_is_a_yes() {
    let check = |probability: f64, threshold: f64, expected: &str| {
        let artifact = Artifact {
            threshold,
            ..constant(EVERYTHING, probability)
        };
        let (status, answer) = decide(&mut decider(&artifact), request(&[]));
        assert_eq!(status, 200);
        assert!(answer.starts_with(expected), "{answer}");
    };
    check(
        0.5,
        0.5,
        r#"{"prediction":1,"prediction_label":"Approved","approve":true,"probability":0.5,"threshold":0.5,"#,
    );
    check(
        0.49999999999999994,
        0.5,
        r#"{"prediction":0,"prediction_label":"Rejected","approve":false,"probability":0.49999999999999994,"threshold":0.5,"#,
    );
    check(
        0.0,
        0.0,
        r#"{"prediction":1,"prediction_label":"Approved","approve":true,"probability":0.0,"threshold":0.0,"#,
    );
    check(
        -0.0,
        1.0,
        r#"{"prediction":0,"prediction_label":"Rejected","approve":false,"probability":0.0,"threshold":1.0,"#,
    );
    check(
        7.5,
        1.0,
        r#"{"prediction":1,"prediction_label":"Approved","approve":true,"probability":1.0,"threshold":1.0,"#,
    );
}

/// A linear model is the sum that its documentation gives, to the bit.
#[test]
fn a_linear_model_is_its_formula() {
    let toml = "name = \"m\"\nversion = \"1\"\n[[feature]]\nname = \"x\"\ntype = \"number\"\n[[feature]]\nname = \"y\"\ntype = \"boolean\"\nrole = \"target\"";
    let mut model = decider(&linear(toml));
    for x in ["0", "-0", "1e-300", "2.5", "-7", "1e3"] {
        let sum = 0.1 + 0.3 * ((x.parse::<f64>().unwrap() - 0.5) / 1.5);
        let expected = match sum >= 0.0 {
            true => 1.0 / (1.0 + libm::exp(-sum)),
            false => libm::exp(sum) / (1.0 + libm::exp(sum)),
        };
        let (_, answer) = decide(&mut model, format!("{{\"x\":{x}}}"));
        assert_eq!(probability(&answer).to_bits(), expected.to_bits(), "{x}");
    }
}

fn probability(answer: &str) -> f64 {
    let value: Value = serde_json::from_str(answer).unwrap();
    value["probability"].to_string().parse().unwrap()
}

/// A number beyond all bounds may be answered with any probability, but with one.
#[test]
fn huge_numbers_give_no_nan() {
    let unbounded = "name = \"m\"\nversion = \"1\"\n[[feature]]\nname = \"a\"\ntype = \"number\"\n[[feature]]\nname = \"b\"\ntype = \"number\"\n[[feature]]\nname = \"y\"\ntype = \"boolean\"\nrole = \"target\"";
    let mut artifact = linear(unbounded);
    let model_core::model::Model::Linear(model) = &mut artifact.model else {
        panic!("a linear model")
    };
    for (term, weight) in model.terms.iter_mut().zip([1e100, -1e100]) {
        (term.weight, term.scale, term.mean) = (weight, 1e-300, -1e308);
    }
    for artifact in [artifact, linear(unbounded), forest(unbounded)] {
        let mut model = decider(&artifact);
        for a in ["1.7e308", "-1.7e308", "0", "5e-324"] {
            for b in ["1.7e308", "-1.7e308", "0", "5e-324"] {
                let (status, answer) = decide(&mut model, format!("{{\"a\":{a},\"b\":{b}}}"));
                assert_eq!(status, 200);
                assert!((0.0..=1.0).contains(&probability(&answer)), "{answer}");
            }
        }
    }
}

#[test]
fn the_order_of_fields_does_not_matter() {
    for artifact in [linear(EVERYTHING), forest(EVERYTHING)] {
        let mut model = decider(&artifact);
        let (_, expected) = decide(&mut model, request(&[]));
        let mut fields: Vec<String> = PLAIN
            .iter()
            .map(|(name, json)| format!(" \"{name}\" :\t{json}\n"))
            .collect();
        for _ in 0..fields.len() {
            fields.rotate_left(1);
            assert_eq!(
                decide(&mut model, format!("{{{}}}", fields.join(","))).1,
                expected
            );
            fields.reverse();
            assert_eq!(
                decide(&mut model, format!("{{{}}}", fields.join(","))).1,
                expected
            );
        }
    }
}

/// As many fields as there may be, in no order of their names.
#[test]
fn the_order_of_many_fields_does_not_matter() {
    const FIELDS: usize = 999;
    let names: Vec<String> = (0..FIELDS)
        .map(|n| format!("f{}", n * 7 % FIELDS))
        .collect();
    let features = names
        .iter()
        .map(|name| format!("[[feature]]\nname = \"{name}\"\ntype = \"number\"\n"));
    let toml = format!(
        "name = \"wide\"\nversion = \"1\"\n{}[[feature]]\nname = \"f\"\ntype = \"boolean\"\nrole = \"target\"\n",
        features.collect::<String>()
    );
    let mut model = decider(&linear(&toml));
    let mut fields: Vec<String> = (0..)
        .zip(&names)
        .map(|(n, name)| format!("\"{name}\":{n}"))
        .collect();
    let mut asked = |fields: &[String]| decide(&mut model, format!("{{{}}}", fields.join(",")));
    let (status, expected) = asked(&fields);
    assert_eq!(status, 200);
    for _ in 0..3 {
        fields.reverse();
        assert_eq!(asked(&fields).1, expected);
        fields.sort();
        assert_eq!(asked(&fields).1, expected);
        fields.rotate_left(FIELDS / 3);
        assert_eq!(asked(&fields).1, expected);
    }
    for (stranger, problem) in [
        ("f999", "extra_forbidden"),
        ("", "extra_forbidden"),
        ("f", "This is what the model answers"),
        (names[0].as_str(), "duplicate_field"),
    ] {
        fields[FIELDS / 2] = format!("\"{stranger}\":0");
        let (status, answer) = asked(&fields);
        assert!(status == 422 && answer.contains(problem), "{answer}");
    }
}

#[test]
fn a_module_without_a_model_says_so() {
    let mut out = Vec::new();
    assert_eq!(write_unavailable("no \"model\"", &mut out), 503);
    assert_eq!(out, br#"{"detail":"no \"model\""}"#);
}

const POLICY: &str = r#"
[policy]
version = "2026-11"
refer = [0.4, 0.6]

[[rule]]
id = "minimum-income"
when = "income < 12000"
then = "decline"
code = "K01"
text = "Income is below the minimum"

[[rule]]
id = "owner"
stage = "after"
when = "owner and probability >= 0.45"
then = "approve"
code = "A01"
text = "Owners are approved earlier"
if_missing = "skip"

[[rule]]
id = "low-score"
when = "score < 500 or income < 12000"
then = "refer"
code = "K01"
text = "Somebody looks at low scores"
"#;

fn with_rules(probability: f64) -> Decider {
    let mut artifact = constant(EVERYTHING, probability);
    let file = Policy::from_toml(POLICY, &artifact.schema, &artifact.schema.languages).unwrap();
    artifact.policy = Some(file.policy);
    decider(&artifact)
}

/// From `outcome` on, and what the fields of old say.
fn outcome(probability: f64, changes: &[(&str, &str)]) -> (bool, String) {
    let mut model = with_rules(probability);
    let policy = model.digests().policy.clone().unwrap();
    let (status, answer) = decide(&mut model, request(changes));
    assert_eq!(status, 200, "{answer}");
    let parsed: Value = serde_json::from_str(&answer).unwrap();
    let approve = parsed["approve"].as_bool().unwrap();
    assert_eq!(parsed["prediction"], i32::from(approve));
    let label = if approve { "Approved" } else { "Rejected" };
    assert_eq!(parsed["prediction_label"], label);
    let said = format!(r#""policy":{{"version":"2026-11","digest":"{policy}"}},"#);
    let tail = &answer[answer.find("\"outcome\"").unwrap()..];
    assert!(tail.contains(&said), "{tail}");
    (approve, tail.replace(&said, ""))
}

#[test]
fn rules_decide_beside_the_model() {
    let check = |probability: f64, changes: &[(&str, &str)], approve: bool, expected: &str| {
        let found = outcome(probability, changes);
        assert_eq!(found, (approve, expected.to_owned()), "{changes:?}");
    };
    let nobody = ("owner", "false");
    check(
        0.7,
        &[nobody],
        true,
        r#""outcome":"approve","model_prediction":1,"rules":[]}"#,
    );
    // Between the ends of the band a person decides, whatever the threshold says.
    check(
        0.55,
        &[nobody],
        false,
        r#""outcome":"refer","model_prediction":1,"rules":[]}"#,
    );
    check(
        0.6,
        &[nobody],
        true,
        r#""outcome":"approve","model_prediction":1,"rules":[]}"#,
    );
    check(
        0.4,
        &[nobody],
        false,
        r#""outcome":"refer","model_prediction":0,"rules":[]}"#,
    );
    check(
        0.39,
        &[nobody],
        false,
        r#""outcome":"decline","model_prediction":0,"rules":[]}"#,
    );
    // A rule that approves replaces what the score says, and nothing else.
    let owner = ("owner", "true");
    check(
        0.45,
        &[owner],
        true,
        r#""outcome":"approve","model_prediction":0,"rules":["A01"]}"#,
    );
    let poor = ("income", "11999");
    let strict = r#""outcome":"decline","model_prediction":1,"rules":["K01","A01"]}"#;
    check(0.9, &[owner, poor], false, strict);
    // What was filled in is missing to a rule, which then refers.
    let missing = r#""outcome":"refer","model_prediction":1,"rules":["K01"]}"#;
    check(0.9, &[nobody, ("income", "")], false, missing);
}

#[test]
fn a_policy_can_be_exchanged_without_the_model() {
    let plain = constant(EVERYTHING, 0.7);
    let bytes = plain.encode().unwrap();
    let schema = &plain.schema;
    let policy = Policy::from_toml(POLICY, schema, &schema.languages)
        .unwrap()
        .policy;
    let ruled = with_policy(&bytes, Some(&policy)).unwrap();
    assert_eq!(
        digests(&ruled).unwrap().model,
        digests(&bytes).unwrap().model
    );
    assert_eq!(
        Artifact::decode(&ruled).unwrap().policy,
        Some(policy.clone())
    );
    assert_eq!(with_policy(&ruled, None).unwrap(), bytes);
    assert_eq!(with_policy(&ruled, Some(&policy)).unwrap(), ruled);

    let threshold = Artifact {
        threshold: 0.8,
        ..plain
    };
    let refused = with_policy(&threshold.encode().unwrap(), Some(&policy)).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("refer = [0.4, 0.6] does not hold the model's threshold, 0.8"),
        "{refused}"
    );
}

/// The probability of the answer is the calibrated one, and it is what the threshold parts.
#[test]
fn probabilities_are_calibrated() {
    let check = |calibration: Calibration, model_says: f64, expect: f64| {
        let artifact = Artifact {
            calibration,
            threshold: expect,
            ..constant(EVERYTHING, model_says)
        };
        let (_, answer) = decide(&mut decider(&artifact), request(&[]));
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["probability"].as_f64(), Some(expect));
        assert_eq!(answer["approve"], true);
    };
    let isotonic = || Calibration::Isotonic {
        from: vec![0.25, 0.5, 0.75],
        to: vec![0.125, 0.375, 0.875],
    };
    check(Calibration::None, 0.3, 0.3);
    check(isotonic(), 0.0, 0.125);
    check(isotonic(), 0.25, 0.125);
    check(isotonic(), 0.375, 0.25);
    check(isotonic(), 0.5, 0.375);
    check(isotonic(), 0.625, 0.625);
    check(isotonic(), 0.75, 0.875);
    check(isotonic(), 1.0, 0.875);
    let one = Calibration::Isotonic {
        from: vec![0.5],
        to: vec![0.25],
    };
    check(one, 0.9, 0.25);
    let platt = |slope, intercept| Calibration::Platt { slope, intercept };
    check(platt(0.0, 0.0), 0.9, 0.5);
    check(platt(2.0, 0.0), 0.5, 0.5);
    // exp(-800) is 0, and so is 1 / (1 + exp(800)).
    check(platt(1.0, -800.0), 0.5, 0.0);
    check(platt(1e6, 0.0), 1.0, 1.0);
}
