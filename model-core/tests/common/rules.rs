//! A model with lending rules, derived fields and two languages, for tests.

use model_core::artifact::Artifact;
use model_core::policy::Policy;

/// Derived fields of both kinds, every role, and texts in two languages.
pub(crate) const RULED: &str = r#"
name = "ruled"
version = "1.0.0"
languages = ["en", "de"]
title = { en = "Loans", de = "Kredite" }
description = "Decides about loans."

[[feature]]
name = "amount"
type = "number"
label = { en = "Amount", de = "Betrag" }
help = { en = "What is asked for", de = "Was gewünscht ist" }
minimum = 0
maximum = 100000
missing = "impute"

[[feature]]
name = "ratio"
type = "number"
derived = "log(max(amount, 1)) - share"
minimum = -20
maximum = 20
missing = "zero"

[[feature]]
name = "share"
type = "number"
label = "Share of income"
derived = "amount / income"
round = 2
mismatch = "overwrite"
minimum = 0
maximum = 10
missing = "impute"
out_of_range = "clamp"

[[feature]]
name = "income"
type = "number"
minimum = 0
maximum = 100000
missing = "impute"

[[feature]]
name = "age"
type = "integer"
minimum = 18
maximum = 100
missing = "impute"

[[feature]]
name = "purpose"
type = "category"
categories = ["CAR", "HOME", "Größe"]
category_labels = { CAR = { en = "Car", de = "Auto" }, HOME = "Home" }
missing = "other"
unknown = "other"

[[feature]]
name = "owner"
type = "boolean"
missing = "most_frequent"

[[feature]]
name = "region"
type = "category"
role = "protected"
categories = ["north", "south"]
missing = "other"

[[feature]]
name = "note"
type = "category"
role = "ignored"

[[feature]]
name = "approved"
type = "boolean"
role = "target"
positive_label = { en = "Yes", de = "Ja" }
negative_label = { en = "No", de = "Nein" }
"#;

/// Rules of both stages, all outcomes and every `if_missing`; two share a code.
pub(crate) const RULES: &str = r#"
[policy]
version = "2026-11"
refer = [0.4, 0.6]
allow_protected = true

[[rule]]
id = "minimum-income"
when = "income < 12000"
then = "decline"
code = "K01"
text = { en = "Income is below the minimum", de = "Das Einkommen ist zu gering" }

[[rule]]
id = "high-share"
when = "share > 0.5 and ratio > 1"
then = "refer"
code = "R01"
text = { en = "The loan is large for the income", de = "Der Kredit ist hoch für das Einkommen" }
if_missing = "decline"

[[rule]]
id = "tiny-ratio"
when = "amount / income < 0.01 or amount / (age - 18) < 3"
then = "refer"
code = "R02"
text = "The amount is unusual"
if_missing = "skip"

[[rule]]
id = "purpose"
when = "purpose in [\"HOME\", \"Größe\"] and not owner and amount - 2 * income > 1000"
then = "decline"
code = "K02"
text = "This purpose needs a home"

[[rule]]
id = "south"
when = "region in [\"south\"] and amount > 90000"
then = "refer"
code = "R03"
text = "Large loans of a region are looked at"
if_missing = "skip"

[[rule]]
id = "owner"
stage = "after"
when = "owner and probability >= 0.3"
then = "approve"
code = "A01"
text = "Owners are approved earlier"
if_missing = "skip"

[[rule]]
id = "low-score"
stage = "after"
when = "probability < 0.2"
then = "decline"
code = "K01"
text = "The score is too low"
"#;

/// A model of [`RULED`] with [`RULES`] beside it.
pub(crate) fn ruled(mut artifact: Artifact) -> Artifact {
    let schema = &artifact.schema;
    let file = Policy::from_toml(RULES, schema, &schema.languages).unwrap();
    artifact.policy = Some(file.policy);
    artifact
}

/// Applications that reach every rule, every band, and every end of a derived field: values
/// of amount and income against each other, then each field alone.
pub(crate) fn ruled_cases() -> Vec<String> {
    const AMOUNTS: [&str; 8] = ["0", "1", "100", "1000", "5000.5", "30000", "95000", "null"];
    const INCOMES: [&str; 8] = ["0", "-0", "1", "9000", "11999.99", "12000", "60000", "null"];
    const SINGLES: [(&str, &[&str]); 8] = [
        (
            "share",
            &[
                "0.07",
                "0.08",
                "0.083",
                "0.0833333333333333",
                "0.095",
                "0.098",
                "0.0980001",
                "0.068",
                "0.065",
                "0",
                "-0",
                "10",
                "11",
                "null",
                "\"\"",
                "\"0.08\"",
                "\"x\"",
                "1e999",
                "true",
            ],
        ),
        (
            "ratio",
            &[
                "6.827755278982137",
                "6.8277552",
                "6.82775527",
                "7",
                "-21",
                "null",
                "\"x\"",
                "[]",
            ],
        ),
        (
            "age",
            &["18", "19", "17", "100", "101", "null", "40.5", "\"40\""],
        ),
        (
            "purpose",
            &["\"HOME\"", "\"Größe\"", "\"car\"", "null", "1"],
        ),
        ("owner", &["true", "\"yes\"", "null", "\"x\""]),
        (
            "region",
            &["\"north\"", "\"south\"", "null", "\"east\"", "5"],
        ),
        (
            "amount",
            &["-1", "100001", "\"x\"", "5e-324", "99999.99999999999"],
        ),
        (
            "income",
            &["-1", "100001", "\"x\"", "5e-324", "12000.000000000002"],
        ),
    ];
    let of = |changes: &[(&str, &str)]| {
        let mut fields = vec![
            ("amount", "1000"),
            ("income", "12000"),
            ("age", "40"),
            ("purpose", "\"CAR\""),
            ("owner", "false"),
        ];
        for change in changes {
            fields.retain(|(name, _)| name != &change.0);
            fields.push(*change);
        }
        let written = fields
            .iter()
            .map(|(name, json)| format!("\"{name}\":{json}"));
        format!("{{{}}}", written.collect::<Vec<_>>().join(","))
    };
    let mut cases = vec![of(&[])];
    for amount in AMOUNTS {
        for income in INCOMES {
            for owner in ["true", "false", "null"] {
                for share in [None, Some("0.08"), Some("2")] {
                    let mut changes =
                        vec![("amount", amount), ("income", income), ("owner", owner)];
                    changes.extend(share.map(|share| ("share", share)));
                    cases.push(of(&changes));
                }
            }
            let south = [
                ("amount", amount),
                ("income", income),
                ("region", "\"south\""),
            ];
            cases.push(of(&south));
            let home = [
                ("amount", amount),
                ("income", income),
                ("purpose", "\"HOME\""),
            ];
            cases.push(of(&home));
        }
    }
    for (field, values) in SINGLES {
        cases.extend(values.iter().map(|value| of(&[(field, value)])));
    }
    for age in (18..=100).step_by(7) {
        for owner in ["true", "false"] {
            let age = age.to_string();
            cases.push(of(&[("age", &age), ("income", "60000"), ("owner", owner)]));
        }
    }
    cases
}
