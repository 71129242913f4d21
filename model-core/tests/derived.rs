//! Derived fields: what is computed, what may be given, and what is refused.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use common::{decide, decider, linear};
use model_core::artifact::Artifact;
use model_core::decide::{Decider, REFUSED};
use model_core::policy::Policy;
use model_core::schema::Schema;
use serde_json::Value;

const SCHEMA: &str = r#"
name = "loans"
version = "1.0.0"

[[feature]]
name = "share"
type = "number"
derived = "amount / income"
round = 2
maximum = 5
missing = "zero"
out_of_range = "clamp"

[[feature]]
name = "amount"
type = "number"

[[feature]]
name = "income"
type = "number"
minimum = 0
maximum = 6000
missing = "impute"

[[feature]]
name = "twice"
type = "number"
derived = "2 * share + log(max(amount, 1))"
mismatch = "overwrite"

[[feature]]
name = "approved"
type = "boolean"
role = "target"
"#;

fn model(schema: &str) -> Decider {
    decider(&linear(schema))
}

/// The probability and the adjustments, or the type and the message of the first problem.
fn answer(model: &mut Decider, request: &str) -> (String, String) {
    let (status, answer) = decide(model, request);
    let answer: Value = serde_json::from_str(&answer).unwrap();
    if status == 200 {
        (
            answer["probability"].to_string(),
            answer["adjustments"].to_string(),
        )
    } else {
        let first = &answer["detail"][0];
        (first["type"].to_string(), first["msg"].to_string())
    }
}

#[test]
fn a_field_left_out_is_computed_and_is_no_adjustment() {
    let mut model = model(SCHEMA);
    let (computed, adjustments) = answer(&mut model, r#"{"amount":1000,"income":3000}"#);
    assert_eq!(adjustments, "[]");
    // Within 1.5 units of the last decimal it is accepted, and the computed value is used.
    for share in ["0.33", "0.333", "0.345", "0.315"] {
        let request = format!(r#"{{"amount":1000,"income":3000,"share":{share}}}"#);
        assert_eq!(
            answer(&mut model, &request),
            (computed.clone(), "[]".into()),
            "{share}"
        );
    }
}

#[test]
fn a_contradiction_is_an_error_or_an_adjustment() {
    let mut model = model(SCHEMA);
    let refused = answer(&mut model, r#"{"amount":1000,"income":3000,"share":0.35}"#);
    assert_eq!(refused.0, "\"derived_mismatch\"");
    assert_eq!(
        refused.1,
        "\"Input should be 0.33, which is amount / income: leave the field out and it is computed\""
    );
    let (computed, _) = answer(&mut model, r#"{"amount":1000,"income":3000}"#);
    let (probability, adjustments) =
        answer(&mut model, r#"{"amount":1000,"income":3000,"twice":1}"#);
    assert_eq!(probability, computed);
    assert!(
        adjustments.starts_with(
            r#"[{"feature":"twice","from":1,"kind":"mismatch","policy":"overwrite","to":7.567"#
        ),
        "{adjustments}"
    );
}

#[test]
fn where_a_needed_field_is_missing_a_given_value_counts() {
    let mut model = model(SCHEMA);
    let (_, adjustments) = answer(&mut model, r#"{"amount":1000,"share":0.9}"#);
    assert!(
        adjustments.contains(r#""feature":"income","kind":"missing""#),
        "{adjustments}"
    );
    assert!(!adjustments.contains("share"), "{adjustments}");
    // Not given: computed from what was filled in.
    let (_, adjustments) = answer(&mut model, r#"{"amount":1000}"#);
    assert!(!adjustments.contains("share"), "{adjustments}");
}

#[test]
fn without_a_result_the_policies_of_the_field_decide() {
    let mut model = model(SCHEMA);
    let (_, adjustments) = answer(&mut model, r#"{"amount":1000,"income":0}"#);
    assert_eq!(
        adjustments,
        r#"[{"feature":"share","kind":"missing","policy":"zero","to":0}]"#
    );
    let (_, adjustments) = answer(&mut model, r#"{"amount":1000,"income":10}"#);
    assert_eq!(
        adjustments,
        r#"[{"feature":"share","kind":"out_of_range","policy":"clamp","to":5}]"#
    );
    let strict = SCHEMA.replace("missing = \"zero\"\nout_of_range", "out_of_range");
    let refused = answer(&mut self::model(&strict), r#"{"amount":1000,"income":0}"#);
    assert_eq!(refused, ("\"missing\"".into(), "\"Field required\"".into()));
}

#[test]
fn what_was_refused_is_not_computed_with() {
    let mut model = model(SCHEMA);
    answer(&mut model, r#"{"amount":1000,"income":3000}"#);
    let (status, text) = decide(&mut model, r#"{"amount":"x","income":3000,"share":0.9}"#);
    let refused: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (status, refused["detail"].as_array().map(Vec::len)),
        (422, Some(1)),
        "{text}"
    );
}

#[test]
fn rows_are_decided_as_requests_are() {
    let mut model = model(SCHEMA);
    let rows = [
        [f64::NAN, 1000.0, 3000.0, f64::NAN],
        [0.33, 1000.0, 3000.0, f64::NAN],
        [0.9, 1000.0, 3000.0, f64::NAN],
        [0.9, 1000.0, f64::NAN, f64::NAN],
        [f64::NAN, 1000.0, 0.0, 1.0],
    ];
    let columns: Vec<f64> = (0..4)
        .flat_map(|input| rows.map(|row| row[input]))
        .collect();
    let mut out = [0.0; 5];
    assert_eq!(model.batch(&columns, &mut out), Ok(1));
    let names = ["share", "amount", "income", "twice"];
    for (row, expected) in rows.iter().zip(out) {
        let fields = names.iter().zip(row).filter(|(_, value)| !value.is_nan());
        let fields: Vec<String> = fields
            .map(|(name, value)| format!("\"{name}\":{value}"))
            .collect();
        let (found, _) = answer(&mut model, &format!("{{{}}}", fields.join(",")));
        let mut one = [0.0];
        model.batch(row, &mut one).unwrap();
        assert_eq!(one[0].to_bits(), expected.to_bits());
        match expected {
            REFUSED => assert_eq!(found, "\"derived_mismatch\""),
            probability => assert_eq!(
                found.parse::<f64>().unwrap().to_bits(),
                probability.to_bits()
            ),
        }
    }
}

#[test]
fn rows_are_judged_as_requests_are() {
    const POLICY: &str = r#"
        [policy]
        version = "1"
        refer = [0.1, 0.9]
        allow_protected = true
        [[rule]]
        id = "poor"
        when = "income < 1000"
        then = "decline"
        code = "K01"
        text = "Income"
        [[rule]]
        id = "share"
        when = "share > 0.5"
        then = "approve"
        if_missing = "decline"
        code = "A01"
        text = "Share"
        [[rule]]
        id = "region"
        when = "region == 'NORTH'"
        then = "refer"
        if_missing = "skip"
        code = "R01"
        text = "Region"
    "#;
    let schema = SCHEMA.replace(
        "[[feature]]\nname = \"approved\"",
        "[[feature]]\nname = \"region\"\ntype = \"category\"\nrole = \"protected\"\n\
         categories = [\"NORTH\", \"SOUTH\"]\n[[feature]]\nname = \"approved\"",
    );
    let mut artifact = linear(&schema);
    let policy = Policy::from_toml(POLICY, &artifact.schema, &artifact.schema.languages).unwrap();
    artifact.policy = Some(policy.policy);
    let mut model = decider(&artifact);
    assert_eq!(model.rule_columns(), [4]);
    let values = [
        [f64::NAN, 0.33, 0.9, 1.0],
        [f64::NAN, 100.0, 1000.0, 5000.0],
        [f64::NAN, 0.0, 500.0, 3000.0],
        [f64::NAN, f64::NAN, 2.0, f64::NAN],
        [f64::NAN, 0.0, 1.0, f64::NAN],
    ];
    // Every combination, more than are worked on together.
    let rows: Vec<[f64; 5]> = (0..1024usize)
        .map(|n| std::array::from_fn(|field| values[field][(n >> (2 * field)) % 4]))
        .collect();
    let columns: Vec<f64> = (0..5)
        .flat_map(|field| rows.iter().map(move |row| row[field]))
        .collect();
    let mut judged = Vec::new();
    model
        .judge_rows(&columns, rows.len(), |row, judgement, model| {
            let codes: Vec<String> = model.matched_codes().map(str::to_owned).collect();
            assert_eq!(
                model.matched_outcomes().count(),
                model.matched_rules().len()
            );
            judged.push((row, judgement, codes));
        })
        .unwrap();
    let names = ["share", "amount", "income", "twice", "region"];
    let regions = ["\"NORTH\"", "\"SOUTH\"", "\"EAST\""];
    let mut outcomes = std::collections::BTreeSet::new();
    for ((expected_row, judgement, codes), (row, values)) in
        judged.iter().zip(rows.iter().enumerate())
    {
        assert_eq!(*expected_row, row);
        let fields = names
            .iter()
            .zip(values)
            .filter(|(_, value)| !value.is_nan());
        let fields: Vec<String> = fields
            .map(|(name, value)| match *name {
                "region" => format!("\"{name}\":{}", regions[*value as usize]),
                _ => format!("\"{name}\":{value}"),
            })
            .collect();
        let request = format!("{{{}}}", fields.join(","));
        let (status, text) = decide(&mut model, request.clone());
        let answer: Value = serde_json::from_str(&text).unwrap();
        let Some(judgement) = judgement else {
            assert_eq!(status, 422, "{request}");
            continue;
        };
        outcomes.insert(judgement.outcome);
        assert_eq!(answer["outcome"], judgement.outcome.word(), "{request}");
        assert_eq!(answer["rules"], Value::from(codes.clone()), "{request}");
        assert_eq!(
            answer["model_prediction"],
            u8::from(judgement.model_approves)
        );
        // A general JSON reader may miss the last bit.
        let (_, probability) = text.split_once("\"probability\":").unwrap();
        let probability: f64 = probability.split(',').next().unwrap().parse().unwrap();
        assert_eq!(probability.to_bits(), judgement.probability.to_bits());
    }
    assert!(outcomes.len() > 1 && judged.iter().any(|(_, judgement, _)| judgement.is_none()));
    let error = model.judge_rows(&columns, 1, |_, _, _| {}).unwrap_err();
    assert_eq!(error, "expected 5 columns of 1 rows, 5 values, got 5120");
}

#[test]
fn what_is_counted_is_what_came_or_was_computed() {
    let mut model = model(SCHEMA);
    let mut seen = Vec::new();
    let request = br#"{"amount":1000,"income":4000,"twice":1}"#;
    model
        .observe(request, &mut |input, code| seen.push((input, code)))
        .unwrap();
    assert_eq!(seen[0], (0, Some(0.25)));
    assert_eq!(seen[3], (3, Some(1.0)));
}

/// What is counted of `share` and `twice` in an application that leaves them out, where one is told
/// of it and where it is a row among others.
fn counted(schema: &str, amount: f64, income: Option<f64>) -> [f64; 2] {
    let mut model = model(schema);
    let income_field = income.map_or(String::new(), |income| format!(",\"income\":{income}"));
    let request = format!("{{\"amount\":{amount}{income_field}}}");
    let mut seen = [f64::NAN; 4];
    let mut see = |input: usize, code: Option<f64>| seen[input] = code.unwrap();
    let answer = model.observe(request.as_bytes(), &mut see).unwrap();
    assert!(answer.is_some());
    let row = [f64::NAN, amount, income.unwrap_or(f64::NAN), f64::NAN];
    let rows: Vec<f64> = row.into_iter().flat_map(|value| [1.0, value]).collect();
    let mut in_rows = [f64::NAN; 2];
    model
        .judge_rows(&rows, 2, |row, _, decider| {
            in_rows = [0, 3].map(|input| decider.counted_value(input, row));
        })
        .unwrap();
    assert_eq!(in_rows, [seen[0], seen[3]]);
    in_rows
}

#[test]
fn a_computed_value_is_counted_before_its_policy() {
    let limited = SCHEMA.replace(
        "derived = \"2 * share",
        "maximum = 1\nout_of_range = \"clamp\"\nderived = \"2 * share",
    );
    // The formula sees the share after its policy.
    let logarithm = libm::log(1000.0);
    let expected = [10.0, 10.0 + logarithm];
    let [share, twice] = counted(&limited, 1000.0, Some(100.0));
    assert_eq!(share, expected[0]);
    assert!((twice - expected[1]).abs() < 1e-9, "{twice}");
    // What was filled in tells nothing of the applicant: what the model uses counts.
    assert_eq!(counted(&limited, 1e9, None), [5.0, 1.0]);
    assert_eq!(counted(&limited, 1000.0, Some(0.0)), [0.0, 1.0]);
    let imputed = limited.replacen("out_of_range = \"clamp\"", "out_of_range = \"impute\"", 1);
    assert_eq!(counted(&imputed, 1000.0, Some(100.0)), [10.0, 1.0]);
}

#[test]
fn a_derived_field_is_missing_to_a_rule_when_what_it_needs_is() {
    let mut artifact = linear(SCHEMA);
    let policy = r#"
[policy]
version = "1"
[[rule]]
id = "share"
when = "share > 0.4"
then = "decline"
code = "K02"
text = "The loan is large for the income"
"#;
    artifact.policy = Some(
        Policy::from_toml(policy, &artifact.schema, &artifact.schema.languages)
            .unwrap()
            .policy,
    );
    let mut model = decider(&artifact);
    let mut check = |request: &str, expected: &str| {
        let (_, answer) = decide(&mut model, request);
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["rules"].to_string(), expected, "{request}");
    };
    check(r#"{"amount":1000,"income":3000}"#, "[]");
    check(r#"{"amount":2000,"income":3000}"#, "[\"K02\"]");
    check(r#"{"amount":1000}"#, "[\"K02\"]");
    check(r#"{"amount":1000,"share":0.2}"#, "[]");
}

#[test]
fn artifacts_keep_the_formulas() {
    let artifact = linear(SCHEMA);
    let bytes = artifact.encode().unwrap();
    assert_eq!(Artifact::decode(&bytes).unwrap(), artifact);
}

#[test]
fn schemas_that_cannot_be_computed_are_refused() {
    let check = |from: &str, to: &str, expected: &str| {
        assert!(SCHEMA.contains(from), "{from}");
        let error = Schema::from_toml(&SCHEMA.replace(from, to)).unwrap_err();
        assert_eq!(error.to_string(), expected);
    };
    check(
        "amount / income\"",
        "amount / incone\"",
        "line 8, column 21: feature 'share', derived: unknown name 'incone': did you mean 'income'?",
    );
    check(
        "amount / income\"",
        "amount / twice\"",
        "line 8, column 1: feature 'share', derived: the formula needs the field itself, by way of others: break the circle",
    );
    check(
        "amount / income\"",
        "amount < income\"",
        "line 8, column 12: feature 'share', derived: expected a number such as a / b, got a condition",
    );
    check(
        "round = 2",
        "round = 16",
        "line 8, column 1: feature 'share', derived: round: expected 0 to 15 decimals, got 16",
    );
    check(
        "name = \"amount\"\n",
        "name = \"amount\"\nround = 2\n",
        "line 16, column 1: feature 'amount', round: only a derived field takes it: remove it",
    );
}
