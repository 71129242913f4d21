//! Reason codes in the schema, and how an artifact keeps them.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use common::{EVERYTHING, forest};
use model_core::artifact::{Artifact, digest};
use model_core::reasons::Profiles;
use model_core::schema::{Compare, Schema, SchemaFile, When};

/// [`EVERYTHING`] in two languages with reasons of every form.
fn with_reasons() -> String {
    let income = r#"reason = { code = "R01", text = { en = "Income", de = "Einkommen" }, low = { en = "Income is low", de = "Das Einkommen ist niedrig" }, missing = { code = "R01m", text = { en = "Income was not stated" } } }"#;
    let purpose = r#"reason = { code = "R02", text = { en = "Purpose", de = "Zweck" }, categories = { CAR = { en = "A car", de = "Ein Auto" } } }"#;
    let groups = r#"
languages = ["en", "de"]

[reasons]
compare = "approved"
max = 3
in_answer = true

[[reasons.group]]
features = ["defaulted", "score"]
code = "R03"
text = { en = "Payment history", de = "Zahlungsverhalten" }
inquiries = true

[[feature]]
name = "income"
"#;
    EVERYTHING
        .replacen("\n[[feature]]\nname = \"income\"\n", groups, 1)
        .replacen(
            "name = \"income\"\n",
            &format!("name = \"income\"\n{income}\n"),
            1,
        )
        .replacen(
            "name = \"purpose\"\n",
            &format!("name = \"purpose\"\n{purpose}\n"),
            1,
        )
}

#[test]
fn the_file_says_what_is_said() {
    let file = SchemaFile::from_toml(&with_reasons()).unwrap();
    let schema = &file.schema;
    assert_eq!(schema.reasons.compare, Compare::Approved);
    assert_eq!(schema.reasons.max, 3);
    assert!(schema.reasons.in_answer);
    let reasons = &schema.reasons;
    let low = reasons.variant(0, When::Low).unwrap();
    assert_eq!(low.code, "R01");
    assert_eq!(low.text.0, ["Income is low", "Das Einkommen ist niedrig"]);
    assert_eq!(reasons.variant(0, When::Missing).unwrap().code, "R01m");
    assert_eq!(reasons.variant(0, When::High), None);
    let car = reasons.variant(12, When::Category(0)).unwrap();
    assert_eq!(car.text.first(), "A car");
    let group = reasons.owner(5);
    assert_eq!([reasons.owner(9), reasons.owner(0)], [group, 0]);
    assert_eq!(reasons.inquiries, [group]);
    let text = &reasons.variant(group, When::Always).unwrap().text;
    assert_eq!(text.first(), "Payment history");
    let warnings = file.warnings.iter().map(ToString::to_string);
    let warnings: Vec<_> = warnings.filter(|text| text.contains("reason")).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].ends_with(
        "feature 'income', reason: 'R01m', missing: there is no text in 'de': the first language is used"
    ));
}

#[test]
fn what_cannot_be_is_refused_with_its_line() {
    let check = |from: &str, to: &str, expected: &str| {
        let text = with_reasons();
        assert!(text.contains(from), "{from}");
        let error = Schema::from_toml(&text.replacen(from, to, 1)).unwrap_err();
        assert!(error.message.contains(expected), "{error}");
        assert!(error.line > 1, "{error}");
    };
    check(
        "max = 3",
        "max = 0",
        "reasons: max: expected 1 to 16 reasons, got 0",
    );
    check("\"R01\"", "\"R 01\"", "expected a code of 1 to 32 letters");
    check("CAR = {", "CARS = {", "'CARS' is not one of the categories");
    check("\"score\"]", "\"scor\"]", "did you mean 'score'?");
    check("\"score\"]", "\"income\"]", "without a reason of its own");
    check("\"score\"]", "\"gender\"]", "it must be an input");
    check(
        "[\"defaulted\", \"score\"]",
        "[\"score\"]",
        "two features at least",
    );
    check("approved\"\nmax", "best\"\nmax", "near_threshold");
    check(
        "name = \"note\"\n",
        "name = \"note\"\nreason = { code = \"N\", text = \"Note\" }\n",
        "feature 'note', reason: only an input takes it",
    );
}

fn profiles(artifact: &Artifact) -> Profiles {
    let row = &artifact.preprocessing.imputed;
    let mut other = row.clone();
    other[0] += 1.0;
    Profiles {
        name: "approved".into(),
        weights: vec![0.25, 0.75],
        values: [row.clone(), other].concat(),
    }
}

#[test]
fn an_artifact_keeps_codes_and_profiles() {
    let mut artifact = forest(&with_reasons());
    artifact.profiles = Some(profiles(&artifact));
    let bytes = artifact.encode().unwrap();
    let read = Artifact::decode(&bytes).unwrap();
    assert_eq!(read, artifact);
    assert_eq!(read.encode().unwrap(), bytes);
    // What only explains is no part of the model's digest; what answers carry is.
    let mut plain = artifact.clone();
    plain.profiles = None;
    assert_eq!(digest(&plain.encode().unwrap()), digest(&bytes));
    plain.schema.reasons.in_answer = false;
    assert_ne!(digest(&plain.encode().unwrap()), digest(&bytes));
    assert!(!bytes_contain(
        &forest(EVERYTHING).encode().unwrap(),
        b"rsns"
    ));
}

fn bytes_contain(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn profiles_that_do_not_fit_are_refused() {
    let check = |change: fn(&mut Profiles), expected: &str| {
        let mut artifact = forest(EVERYTHING);
        let mut changed = profiles(&artifact);
        change(&mut changed);
        artifact.profiles = Some(changed);
        let error = artifact.encode().unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    let problem = "the profiles do not fit the schema's inputs";
    check(|p| p.weights[0] = 0.3, problem);
    check(|p| p.weights = vec![-0.5, 1.5], problem);
    check(|p| p.weights = Vec::new(), problem);
    check(|p| p.values.truncate(25), problem);
    check(|p| p.values[1] = f64::NAN, problem);
    check(|p| p.values[4] = 17.0, problem);
    check(|p| p.values[11] = 4.0, problem);
}
