//! The target: outcomes and decisions have names of their own, stored and described.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use model_core::artifact::Artifact;
use model_core::schema::{Schema, Target};
use serde_json::Value;

mod common;

use common::{EVERYTHING, decider, linear};

/// A target with these lines beside its name and role.
fn read(lines: &str) -> Result<Target, String> {
    let toml = format!(
        "name = \"m\"\nversion = \"1\"\n[[feature]]\nname = \"x\"\ntype = \"number\"\n\
         [[feature]]\nname = \"default\"\nrole = \"target\"\n{lines}\n"
    );
    let schema = Schema::from_toml(&toml).map_err(|error| error.to_string())?;
    Ok(schema.target)
}

/// Positive and negative outcome, then approval and refusal.
fn labels(lines: &str) -> [String; 4] {
    let target = read(lines).unwrap();
    let outcome = |positive| target.outcome_label(positive).into_owned();
    let decision = |approve| target.decision_label(approve).to_owned();
    [
        outcome(true),
        outcome(false),
        decision(true),
        decision(false),
    ]
}

#[test]
fn outcomes_are_not_decisions() {
    assert_eq!(
        labels("type = \"boolean\"\npositive = false"),
        ["default = false", "default = true", "Approved", "Rejected"]
    );
    assert_eq!(
        labels("type = \"boolean\""),
        ["default = true", "default = false", "Approved", "Rejected"]
    );
    assert_eq!(
        labels(
            "type = \"category\"\ncategories = [\"bad\", \"good\"]\npositive = \"good\"\n\
             negative_label = \"Decline\""
        ),
        ["good", "bad", "Approved", "Decline"]
    );
    let named = "type = \"boolean\"\npositive = false\npositive_outcome = \"repaid\"\n\
                 negative_outcome = \"in default\"";
    assert_eq!(
        labels(named),
        ["repaid", "in default", "Approved", "Rejected"]
    );
    assert_eq!(read(named).unwrap().event_label(), "in default");
}

#[test]
fn outcomes_that_name_nothing_are_refused() {
    let check = |lines: &str, expect: &str| {
        let error = read(&format!("type = \"boolean\"\n{lines}")).unwrap_err();
        assert!(error.contains(expect), "{error}");
    };
    check(
        "negative_outcome = \" \"",
        "line 10, column 1: feature 'default', negative_outcome: expected the name of an outcome, such as good or bad, got an empty text",
    );
    check(
        "positive_outcome = \"default = false\"",
        "feature 'default', positive_outcome: the names of the two outcomes must differ",
    );
}

#[test]
fn outcomes_are_stored_and_described() {
    let described = |artifact: &Artifact| -> Value {
        let mut out = Vec::new();
        decider(artifact).describe(&mut out);
        serde_json::from_slice(&out).unwrap()
    };
    let artifact = linear(EVERYTHING);
    let bytes = artifact.encode().unwrap();
    let read = Artifact::decode(&bytes).unwrap();
    assert_eq!(read.schema.target, artifact.schema.target);
    let target = &described(&artifact)["target"];
    let (yes, no) = (
        artifact.schema.target.outcome_label(true),
        artifact.schema.target.outcome_label(false),
    );
    assert_eq!(target["positive_outcome"], yes.as_ref());
    assert_eq!(target["negative_outcome"], no.as_ref());

    // A file from before outcomes had names says of its data what the target's kind says.
    let mut older = artifact.clone();
    older.schema.target.outcomes = None;
    let older = Artifact::decode(&older.encode().unwrap()).unwrap();
    assert_eq!(older.schema.target.outcomes, None);
    assert_eq!(older.schema.target.outcome_label(true), yes);
    assert_eq!(described(&older)["target"].get("positive_outcome"), None);
}
