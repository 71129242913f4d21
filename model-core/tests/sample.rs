//! Columns with role `time`, `group` or `weight`: read, refused, stored, never inputs.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use model_core::artifact::Artifact;
use model_core::schema::{Role, SampleRole, Schema};

mod common;

use common::{constant, decide, decider};

/// A schema with these columns beside an input and the target.
fn toml(columns: &str) -> String {
    format!(
        "name = \"m\"\nversion = \"1\"\n[[feature]]\nname = \"x\"\ntype = \"number\"\n\
         [[feature]]\nname = \"y\"\nrole = \"target\"\ntype = \"boolean\"\n{columns}"
    )
}

fn column(name: &str, lines: &str) -> String {
    format!("[[feature]]\nname = \"{name}\"\n{lines}\n")
}

#[test]
fn a_column_can_say_when_of_whom_and_how_much() {
    let columns = column("month", "type = \"category\"\nrole = \"time\"")
        + &column("customer", "type = \"integer\"\nrole = \"group\"")
        + &column("exposure", "type = \"number\"\nrole = \"weight\"");
    let artifact = constant(&toml(&columns), 0.5);
    let schema = &artifact.schema;
    let name = |role| schema.sample_column(role).unwrap().name.as_str();
    assert_eq!(name(SampleRole::Time), "month");
    assert_eq!(name(SampleRole::Group), "customer");
    assert_eq!(name(SampleRole::Weight), "exposure");
    assert_eq!(schema.inputs().count(), 1);
    let months: Vec<_> = schema.features.iter().map(|f| f.role_word()).collect();
    assert_eq!(months, ["input", "time", "group", "weight"]);
    assert!(schema.features[1..].iter().all(|f| f.role == Role::Ignored));

    let read = Artifact::decode(&artifact.encode().unwrap()).unwrap();
    assert_eq!(read.schema, *schema);
    // As an ignored column, a request may have it.
    let mut model = decider(&artifact);
    let (status, _) = decide(
        &mut model,
        r#"{"x": 1, "month": "2026-03", "exposure": -1}"#,
    );
    assert_eq!(status, 200);
}

#[test]
fn what_such_a_column_cannot_be_is_refused() {
    let check = |columns: &str, expect: &str| {
        let error = Schema::from_toml(&toml(columns)).unwrap_err().to_string();
        assert_eq!(error, expect);
    };
    check(
        &column("t", "type = \"number\"\nrole = \"time\""),
        "line 12, column 1: feature 't', type: a time is a category (texts such as 2026-03-31) or an integer",
    );
    check(
        &column("w", "type = \"category\"\nrole = \"weight\""),
        "line 12, column 1: feature 'w', type: a weight is a number or an integer",
    );
    check(
        &column("g", "type = \"boolean\"\nrole = \"group\""),
        "line 12, column 1: feature 'g', type: a group is a category or an integer",
    );
    check(
        &column(
            "w",
            "type = \"number\"\nrole = \"weight\"\nmissing = \"impute\"",
        ),
        "line 14, column 1: feature 'w', missing: no model sees such a column: remove it",
    );
    let twice = column("a", "type = \"integer\"\nrole = \"time\"")
        + &column("b", "type = \"integer\"\nrole = \"time\"");
    check(
        &twice,
        "line 17, column 1: feature 'b', role: another feature has this role already",
    );
}
