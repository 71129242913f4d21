//! The explanation of a decision: its JSON, its reasons, and what is refused.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod common;

use common::{EVERYTHING, PLAIN, constant, decide, decider, forest, linear, request, ruled};
use model_core::artifact::Artifact;
use model_core::calibration::Calibration;
use model_core::decide::Decider;
use model_core::forest::Link;
use model_core::model::{Model, Term, TermValue};
use model_core::reasons::Profiles;
use model_core::schema::Schema;
use serde_json::{Value, json};

/// A linear model with a weight for each input, applied to its value itself.
fn weighted(toml: &str, weights: &[f64]) -> Artifact {
    let mut artifact = linear(toml);
    let Model::Linear(linear) = &mut artifact.model else {
        panic!("it is linear")
    };
    linear.intercept = -0.5;
    linear.terms = (0..)
        .zip(weights)
        .map(|(feature, &weight)| Term {
            feature,
            value: TermValue::Itself,
            mean: 0.0,
            scale: 1.0,
            weight,
        })
        .collect();
    artifact
}

/// Five numbers from 0 to 10, of which a second language has some labels; `text` is added to
/// the entries of the fields.
fn five(settings: &str, texts: [&str; 5]) -> String {
    let mut toml =
        format!("name = \"five\"\nversion = \"1\"\nlanguages = [\"en\", \"de\"]\n\n{settings}\n");
    for (name, text) in ["a", "b", "c", "d", "e"].iter().zip(texts) {
        toml += &format!(
            "\n[[feature]]\nname = \"{name}\"\nlabel = {{ en = \"The {name}\", de = \"Das {name}\" }}\n\
             type = \"number\"\nminimum = 0\nmaximum = 10\nmissing = \"impute\"\nout_of_range = \"clamp\"\n{text}\n"
        );
    }
    toml + "\n[[feature]]\nname = \"good\"\ntype = \"boolean\"\nrole = \"target\"\n"
}

const NO_TEXTS: [&str; 5] = [""; 5];

fn with_profile(mut artifact: Artifact, values: &[f64]) -> Artifact {
    artifact.profiles = Some(Profiles::single("approved", values.to_vec()));
    artifact
}

fn explain(decider: &mut Decider, request: &str) -> Value {
    let mut out = Vec::new();
    let status = decider.explain(request.as_bytes(), &mut out);
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&out));
    serde_json::from_slice(&out).unwrap()
}

fn refused(decider: &mut Decider, request: &str) -> (u16, Value) {
    let mut out = Vec::new();
    let status = decider.explain(request.as_bytes(), &mut out);
    (status, serde_json::from_slice(&out).unwrap())
}

/// The codes of an explanation.
fn codes(explanation: &Value) -> Vec<&str> {
    let reasons = explanation["reasons"].as_array().unwrap();
    reasons
        .iter()
        .map(|r| r["code"].as_str().unwrap())
        .collect()
}

const APPLICATION: &str = r#"{"a":1,"b":2,"c":3,"d":4,"e":5}"#;

#[test]
fn an_explanation_adds_up() {
    let artifact = with_profile(
        weighted(&five("", NO_TEXTS), &[0.5, -0.25, 0.125, 1.0, -0.5]),
        &[2.0, 1.0, 3.0, 2.0, 1.0],
    );
    let mut model = decider(&artifact);
    let explanation = explain(&mut model, APPLICATION);
    let (_, decision) = decide(&mut model, APPLICATION);
    assert_eq!(
        explanation["decision"],
        serde_json::from_str::<Value>(&decision).unwrap()
    );
    assert_eq!(explanation["scale"], "log_odds");
    // -0.5 + 0.5 - 0.5 + 0.375 + 4 - 2.5
    assert_eq!(explanation["margin"], 1.375);
    assert_eq!(explanation["margin_threshold"], 0.0);
    // -0.5 + 1 - 0.25 + 0.375 + 2 - 0.5
    assert_eq!(explanation["base"], 2.125);
    assert_eq!(explanation["compared_with"]["name"], "approved");
    assert_eq!(explanation["compared_with"]["profiles"], 1);
    let digest = artifact.profiles.as_ref().unwrap().digest();
    assert_eq!(explanation["compared_with"]["digest"], digest);
    let parts = [-0.5, -0.25, 0.0, 2.0, -2.0];
    for ((contribution, part), name) in (explanation["contributions"].as_array().unwrap().iter())
        .zip(parts)
        .zip(["a", "b", "c", "d", "e"])
    {
        assert_eq!(contribution["feature"], name);
        assert_eq!(contribution["contribution"], part);
    }
    assert_eq!(explanation["contributions"][4]["value"], 5);
    // It is approved.
    assert_eq!(explanation["reasons"], json!([]));
}

#[test]
fn the_most_important_reasons_come_first() {
    let weights = [-0.4, -0.3, -0.2, -0.3, -0.006];
    let mut model = decider(&with_profile(
        weighted(&five("", NO_TEXTS), &weights),
        &[0.0; 5],
    ));
    // Two are equal: they keep the order of the schema. The last is below 2 % of what is lost.
    let explanation = explain(&mut model, r#"{"a":1,"b":1,"c":1,"d":1,"e":1}"#);
    assert_eq!(codes(&explanation), ["a", "b", "d", "c"]);
    let first = &explanation["reasons"][0];
    assert_eq!(first["text"], "The a");
    assert_eq!(first["features"], json!(["a"]));
    assert!((first["share"].as_f64().unwrap() - 0.4 / 1.206).abs() < 1e-12);
    // Alone it is a reason, and what pulls the other way is none.
    let explanation = explain(&mut model, r#"{"a":0,"b":0,"c":0,"d":0,"e":1}"#);
    assert_eq!(codes(&explanation), ["e"]);
    let question = format!(r#"{{"application":{APPLICATION},"language":"de"}}"#);
    let explanation = explain(&mut model, &question);
    assert_eq!(explanation["reasons"][0]["text"], "Das d");
    assert_eq!(codes(&explanation).len(), 4);
}

#[test]
fn inquiries_may_stand_beside_as_many_others() {
    let inquiries = "reason = { code = \"Q\", text = \"Inquiries\", inquiries = true }";
    let texts = ["", "", "", inquiries, ""];
    let weights = [-0.5, -0.4, -0.3, -0.2, -0.25];
    let toml = five("[reasons]\nmax = 2", texts);
    let mut model = decider(&with_profile(weighted(&toml, &weights), &[0.0; 5]));
    let explanation = explain(&mut model, r#"{"a":1,"b":1,"c":1,"d":1,"e":1}"#);
    assert_eq!(codes(&explanation), ["a", "b", "Q"]);
    // Where it is one of the first, there is no further one.
    let explanation = explain(&mut model, r#"{"a":1,"b":0,"c":1,"d":9,"e":1}"#);
    assert_eq!(codes(&explanation), ["Q", "a"]);
}

#[test]
fn a_group_is_summed_before_it_is_ranked() {
    let settings = "[[reasons.group]]\nfeatures = [\"a\", \"b\", \"c\"]\ncode = \"G\"\n\
                    text = { en = \"All three\", de = \"Alle drei\" }\nmissing = { code = \"GM\", text = \"One is missing\" }";
    let weights = [-0.3, -0.3, 0.25, -0.5, -0.1];
    let toml = five(settings, NO_TEXTS);
    let mut model = decider(&with_profile(weighted(&toml, &weights), &[0.0; 5]));
    // -0.35 in all: below d, although a and b alone are above.
    let explanation = explain(&mut model, r#"{"a":1,"b":1,"c":1,"d":1,"e":1}"#);
    assert_eq!(codes(&explanation), ["d", "G", "e"]);
    assert_eq!(explanation["reasons"][1]["features"], json!(["a", "b"]));
    // A group whose sum is good is none.
    let explanation = explain(&mut model, r#"{"a":1,"b":1,"c":4,"d":3,"e":1}"#);
    assert_eq!(codes(&explanation), ["d", "e"]);
    // The member that pulled most was not stated: 5 is filled in.
    let explanation = explain(&mut model, r#"{"b":0,"c":0,"d":1,"e":1}"#);
    assert_eq!(codes(&explanation), ["GM", "d", "e"]);
}

#[test]
fn the_case_decides_the_text() {
    let reason = r#"reason = { code = "A", text = "A", low = "A is low", high = { code = "A2", text = { en = "A is high", de = "A ist hoch" } }, missing = "A is missing", clamped = "A is out of range" }"#;
    let texts = [reason, "", "", "", ""];
    let check = |weight: f64, application: &str, language: &str, expected: [&str; 2]| {
        let artifact = weighted(&five("", texts), &[weight, -5.0]);
        let mut model = decider(&with_profile(artifact, &[5.0, 0.0, 0.0, 0.0, 0.0]));
        let question = format!(r#"{{"application":{application},"language":"{language}"}}"#);
        let explanation = explain(&mut model, &question);
        let reasons = explanation["reasons"].as_array().unwrap();
        let reason = reasons
            .iter()
            .find(|r| r["features"] == json!(["a"]))
            .unwrap();
        assert_eq!([&reason["code"], &reason["text"]], expected);
    };
    let others = r#""b":1,"c":0,"d":0,"e":0}"#;
    check(0.5, &format!("{{\"a\":2,{others}"), "de", ["A", "A is low"]);
    check(
        -0.5,
        &format!("{{\"a\":8,{others}"),
        "de",
        ["A2", "A ist hoch"],
    );
    check(
        -0.5,
        &format!("{{\"a\":99,{others}"),
        "en",
        ["A", "A is out of range"],
    );
    // 5 is filled in, as the profile has it: nothing is lost by a median of another value.
    let artifact = weighted(&five("", texts), &[0.5, -5.0]);
    let mut model = decider(&with_profile(artifact, &[6.0, 0.0, 0.0, 0.0, 0.0]));
    let explanation = explain(&mut model, &format!("{{{others}"));
    let texts: Vec<_> = explanation["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| &r["text"])
        .collect();
    assert_eq!(texts, ["The b", "A is missing"]);
}

/// A text says nothing of what a policy put in the place of a value.
#[test]
fn no_text_says_what_nobody_stated() {
    let text = |toml: &str, weights: &[f64], profile: &[f64], field: &str, application: &str| {
        let artifact = weighted(toml, weights);
        let mut model = decider(&with_profile(artifact, profile));
        let explanation = explain(&mut model, application);
        let reasons = explanation["reasons"].as_array().unwrap().iter();
        let mut reasons = reasons.filter(|reason| reason["features"] == json!([field]));
        reasons.next().unwrap()["text"].as_str().unwrap().to_owned()
    };
    // `a` is computed from `b` and `c`.
    let reason = r#"reason = { code = "A", text = "A", high = "A is high", missing = "A cannot be computed" }"#;
    let toml = five("", ["", "", "", "", ""]).replace(
        "missing = \"impute\"\nout_of_range = \"clamp\"",
        "missing = \"zero\"\nout_of_range = \"clamp\"",
    );
    let toml = toml.replacen(
        "minimum = 0",
        &format!("{reason}\nderived = \"b / max(c, 0.5)\"\nminimum = 0"),
        1,
    );
    let computed = |application: &str| {
        let weights = [-0.5, 0.0, 0.0, -1.0, 0.0];
        text(
            &toml,
            &weights,
            &[1.0, 0.0, 0.0, 0.0, 0.0],
            "a",
            application,
        )
    };
    assert_eq!(computed(r#"{"b":4,"c":1,"d":1,"e":0}"#), "A is high");
    assert_eq!(computed(r#"{"b":4,"d":1,"e":0}"#), "A cannot be computed");
    assert_eq!(computed(r#"{"a":3,"b":4,"d":1,"e":0}"#), "A is high");

    // A category that is not in the list is mapped to the second.
    let category = |encoding: &str, application: &str| {
        let reason = r#"reason = { code = "A", text = "A", low = "A is low", categories = { y = "A is y" } }"#;
        let reason = match encoding {
            "one_hot" => reason.replace("low = \"A is low\", ", ""),
            _ => reason.replace(", categories = { y = \"A is y\" }", ""),
        };
        let toml = five("", NO_TEXTS).replacen(
            "type = \"number\"\nminimum = 0\nmaximum = 10\nmissing = \"impute\"\nout_of_range = \"clamp\"",
            &format!(
                "type = \"category\"\ncategories = [\"x\", \"y\", \"z\"]\nencoding = \"{encoding}\"\n\
                 unknown = \"most_frequent\"\n{reason}"
            ),
            1,
        );
        let mut artifact = weighted(&toml, &[0.4]);
        artifact.preprocessing.imputed[0] = 1.0;
        if let (Model::Linear(linear), "one_hot") = (&mut artifact.model, encoding) {
            linear.terms[0].value = TermValue::IsCategory(1);
            linear.terms[0].weight = -0.5;
        }
        let mut model = decider(&with_profile(artifact, &[2.0, 0.0, 0.0, 0.0, 0.0]));
        let explanation = explain(&mut model, application);
        let text = explanation["reasons"][0]["text"].as_str().unwrap();
        text.to_owned()
    };
    let fields = |a: &str| format!("{{\"a\":\"{a}\",\"b\":0,\"c\":0,\"d\":0,\"e\":0}}");
    assert_eq!(category("one_hot", &fields("y")), "A is y");
    assert_eq!(category("one_hot", &fields("somewhere else")), "A");
    assert_eq!(category("ordinal", &fields("y")), "A is low");
    assert_eq!(category("ordinal", &fields("somewhere else")), "A");
}

#[test]
fn two_applications_in_the_same_bins_get_the_same_reasons() {
    let mut artifact = forest(EVERYTHING);
    let Model::Forest(trees) = &mut artifact.model else {
        panic!("it is a forest")
    };
    // Log odds around 0, so that many are declined.
    trees.link = Link::Logistic;
    trees.base = -0.6;
    let imputed = artifact.preprocessing.imputed.clone();
    let mut model = decider(&with_profile(artifact, &imputed));
    // Cuts of income are at 0, 30,000, 50,000 and 90,000.
    let reasons = ["30001", "40000.5", "50000"].map(|income| {
        let explanation = explain(&mut model, &request(&[("income", income)]));
        assert_eq!(explanation["decision"]["outcome"], "decline");
        explanation["reasons"].to_string()
    });
    assert!(reasons[0].len() > 10);
    assert!(reasons.iter().all(|other| *other == reasons[0]));
}

#[test]
fn without_profiles_there_are_no_reasons_and_a_sentence() {
    let mut model = decider(&constant(EVERYTHING, 0.3));
    let explanation = explain(&mut model, &request(&[]));
    assert_eq!(explanation["compared_with"]["name"], "imputed");
    assert_eq!(explanation["scale"], "mean");
    assert_eq!(explanation["reasons"], Value::Null);
    assert!(
        explanation["note"]
            .as_str()
            .unwrap()
            .contains("train it again")
    );
    assert_eq!(
        explanation["contributions"].as_array().unwrap().len(),
        PLAIN.len()
    );
}

#[test]
fn an_answer_carries_its_reasons_where_the_schema_says_so() {
    let toml = five("[reasons]\nin_answer = true\nmax = 1", NO_TEXTS);
    let artifact = with_profile(weighted(&toml, &[-0.5, -0.25, 0.0, 0.5, 0.0]), &[0.0; 5]);
    let mut model = decider(&artifact);
    let (_, answer) = decide(&mut model, r#"{"a":1,"b":1,"c":1,"d":1,"e":1}"#);
    let reasons =
        r#","reasons":[{"code":"a","text":"The a","features":["a"],"share":0.6666666666666666}]}"#;
    assert!(answer.ends_with(reasons), "{answer}");
    let explanation = explain(&mut model, r#"{"a":1,"b":1,"c":1,"d":1,"e":1}"#);
    assert_eq!(
        explanation["decision"].to_string(),
        serde_json::from_str::<Value>(&answer).unwrap().to_string()
    );
    // Of an approval there are none.
    let (_, answer) = decide(&mut model, r#"{"a":0,"b":0,"c":0,"d":9,"e":0}"#);
    assert!(!answer.contains("reasons"), "{answer}");
    let off = with_profile(weighted(&five("", NO_TEXTS), &[-0.5]), &[0.0; 5]);
    let (_, answer) = decide(&mut decider(&off), APPLICATION);
    assert!(!answer.contains("reasons"), "{answer}");
}

/// Rules alone where the score would have approved, else first.
#[test]
fn the_reasons_of_rules_come_first() {
    const POLICY: &str = r#"
[policy]
version = "1"

[[rule]]
id = "low-a"
stage = "before"
when = "a < 2"
then = "decline"
code = "K1"
text = { en = "A is below 2", de = "A liegt unter 2" }

[[rule]]
id = "again"
stage = "before"
when = "a < 1 and b < 99"
then = "decline"
code = "K1"
text = "Never said"

[[rule]]
id = "look"
stage = "after"
when = "b > 8 or probability > 2"
then = "refer"
code = "K2"
text = "B is looked at"
"#;
    let toml = five("[reasons]\nmax = 2", NO_TEXTS);
    let schema = Schema::from_toml(&toml).unwrap();
    let policy = model_core::policy::Policy::from_toml(POLICY, &schema, &schema.languages);
    let mut artifact = with_profile(weighted(&toml, &[-0.1, -0.2, -0.3, 1.0]), &[0.0; 5]);
    artifact.policy = Some(policy.unwrap().policy);
    let mut model = decider(&artifact);
    let mut check = |a: u32, b: u32, d: u32, outcome: &str, expected: &[&str]| {
        let question =
            format!(r#"{{"application":{{"a":{a},"b":{b},"c":1,"d":{d},"e":0}},"language":"de"}}"#);
        let explanation = explain(&mut model, &question);
        assert_eq!(explanation["decision"]["outcome"], outcome);
        assert_eq!(codes(&explanation), expected, "{question}");
        explanation
    };
    let explanation = check(0, 1, 9, "decline", &["K1"]);
    let reason = json!({"code": "K1", "text": "A liegt unter 2", "features": ["a"], "share": null});
    assert_eq!(explanation["reasons"][0], reason);
    check(1, 1, 0, "decline", &["K1", "c"]);
    check(3, 9, 9, "refer", &["K2"]);
    check(3, 9, 0, "decline", &["b", "a"]);
    check(3, 1, 9, "approve", &[]);
    // Without profiles what rules say is still said.
    artifact.profiles = None;
    let mut model = decider(&artifact);
    let explanation = explain(&mut model, r#"{"a":0,"b":1,"c":1,"d":9,"e":0}"#);
    assert_eq!(codes(&explanation), ["K1"]);
    let explanation = explain(&mut model, r#"{"a":1,"b":1,"c":1,"d":0,"e":0}"#);
    assert_eq!(explanation["reasons"], Value::Null);
}

#[test]
fn what_cannot_be_explained_is_refused() {
    let mut model = decider(&linear(EVERYTHING));
    let mut check = |request: &str, expected: &str| {
        let (status, body) = refused(&mut model, request);
        assert_eq!(status, 422, "{body}");
        assert!(body.to_string().contains(expected), "{body}");
    };
    check("", "JSON decode error");
    check("[]", "Input should be a JSON object");
    check(r#"{"incom":1}"#, "did you mean 'income'?");
    check(r#"{"application":[]}"#, "Input should be a JSON object");
    check(r#"{"application":{"incom":1}}"#, "did you mean 'income'?");
    check(
        r#"{"application":{},"language":"fr"}"#,
        "one of the model's languages: en",
    );
    check(
        r#"{"application":{},"language":1}"#,
        "one of the model's languages: en",
    );
    check(r#"{"application":{},"why":1}"#, "Unknown key");
    for twice in [
        r#"{"application":{},"application":{}}"#,
        r#"{"application":{},"language":"en","language":"en"}"#,
        r#"{"recourse":true,"application":{},"recour\u0073e":false}"#,
    ] {
        check(twice, "duplicate_field");
    }
    let long = format!(
        r#"{{"application":{{}},"language":"{}"}}"#,
        "e".repeat(1 << 20)
    );
    assert_eq!(refused(&mut model, &long).0, 413);
    // As decide says it.
    let (status, body) = decide(&mut model, r#"{"age":1}"#);
    let (same, explained) = refused(&mut model, r#"{"application":{"age":1}}"#);
    assert_eq!(
        (status, serde_json::from_str::<Value>(&body).unwrap()),
        (same, explained)
    );
}

/// The threshold as a margin, through every calibration.
#[test]
fn the_threshold_is_a_margin_too() {
    let check = |calibration: Calibration, threshold: f64, expected: Option<f64>| {
        let mut artifact = with_profile(weighted(&five("", NO_TEXTS), &[1.0]), &[0.0; 5]);
        artifact.calibration = calibration;
        artifact.threshold = threshold;
        let mut model = decider(&artifact);
        let explanation = explain(&mut model, APPLICATION);
        match (explanation["margin_threshold"].as_f64(), expected) {
            (Some(found), Some(expected)) => assert!((found - expected).abs() < 1e-12, "{found}"),
            (found, expected) => assert_eq!(found, expected),
        }
    };
    let logit = |p: f64| libm::log(p / (1.0 - p));
    check(Calibration::None, 0.8, Some(logit(0.8)));
    check(Calibration::None, 0.0, None);
    let platt = Calibration::Platt {
        slope: 2.0,
        intercept: -1.0,
    };
    check(platt, 0.5, Some(0.5));
    let isotonic = || Calibration::Isotonic {
        from: vec![0.2, 0.4, 0.6],
        to: vec![0.1, 0.5, 0.9],
    };
    check(isotonic(), 0.7, Some(logit(0.5)));
    check(isotonic(), 0.5, Some(logit(0.4)));
    check(isotonic(), 0.1, None);
    check(isotonic(), 0.95, None);
}

#[test]
fn a_ruled_model_of_every_type_is_explained() {
    let artifact = ruled(linear(common::RULED));
    for case in common::ruled_cases() {
        let mut out = Vec::new();
        let status = decider(&artifact).explain(case.as_bytes(), &mut out);
        let mut decision = Vec::new();
        assert_eq!(
            status,
            decider(&artifact).decide(case.as_bytes(), &mut decision)
        );
        if status == 200 {
            let text = String::from_utf8(out).unwrap();
            let decision = String::from_utf8(decision).unwrap();
            assert!(text.starts_with(&format!("{{\"decision\":{decision},")));
        }
    }
}
