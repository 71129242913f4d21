//! What the analysis says about single policies: sentences, scale, and honesty where
//! intervals are not enough.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::time::{Duration, Instant};

use model_core::policy::{Policy, PolicyFile};
use model_core::schema::Schema;
use model_policy::{Concern, Question, Scores, check};

const SCHEMA: &str = r#"
name = "loans"
version = "1.0.0"
[[feature]]
name = "income"
type = "number"
minimum = 0
maximum = 1000000
example = 65000
missing = "impute"
[[feature]]
name = "amount"
type = "number"
exclusive_minimum = 0
maximum = 50000
example = 8000
[[feature]]
name = "age"
type = "integer"
minimum = 18
maximum = 100
example = 35
out_of_range = "clamp"
[[feature]]
name = "paid"
type = "boolean"
role = "target"
"#;

fn read(head: &str, rules: &[(&str, &str)]) -> (Schema, PolicyFile) {
    policy(SCHEMA, head, rules)
}

fn policy(schema: &str, head: &str, rules: &[(&str, &str)]) -> (Schema, PolicyFile) {
    let schema = Schema::from_toml(schema).unwrap();
    let text = rules_text(head, rules);
    let file = Policy::from_toml(&text, &schema, &["en".into()]).unwrap();
    (schema, file)
}

fn rules_text(head: &str, rules: &[(&str, &str)]) -> String {
    let rules = rules.iter().enumerate().map(|(at, (when, then))| {
        format!("[[rule]]\nid = \"r{at}\"\nstage = \"after\"\nwhen = \"{when}\"\nthen = \"{then}\"\nif_missing = \"skip\"\ncode = \"C\"\ntext = \"t\"\n")
    });
    format!(
        "[policy]\nversion = \"1\"\n{head}\n{}",
        rules.collect::<String>()
    )
}

fn said(head: &str, rules: &[(&str, &str)]) -> Vec<String> {
    let (schema, file) = read(head, rules);
    check(&file, &schema, Scores::ANY)
        .iter()
        .map(ToString::to_string)
        .collect()
}

/// Where a field is missing it has an effect, which it was once said not to have.
#[test]
fn an_approval_that_never_acts_may_refer_where_a_field_is_missing() {
    let rules = [
        ("income > 100000 and age > 30", "approve"),
        ("income > 90000", "decline"),
    ];
    let found = |if_missing: &str| {
        let schema = Schema::from_toml(SCHEMA).unwrap();
        let text = rules_text("", &rules).replacen("\"skip\"", if_missing, 1);
        let file = Policy::from_toml(&text, &schema, &["en".into()]).unwrap();
        check(&file, &schema, Scores::ANY)[0].to_string()
    };
    let never = "line 7: rule 'r0' never approves: whenever its condition holds, rule 'r1' matches too and declines";
    assert!(found("\"skip\"").starts_with(&format!("{never}\n")));
    let refers = format!("{never}: it only refers where a field is missing\n");
    assert!(found("\"refer\"").starts_with(&refers));
}

#[test]
fn findings_read_like_this() {
    assert_eq!(
        said(
            "",
            &[
                ("income < 12000", "decline"),
                ("amount / income > 0.5", "refer")
            ]
        ),
        [""; 0]
    );
    assert_eq!(
        said(
            "",
            &[
                ("amount / income > 0.5", "decline"),
                ("amount / income > 0.6", "refer")
            ]
        ),
        [
            "line 15: rule 'r1' never decides: whenever it matches, rule 'r0' does too and declines\n    for example {\"income\":63000,\"amount\":50000,\"age\":35}"
        ]
    );
    assert_eq!(
        said("", &[("age < 17", "decline")]),
        [
            "line 7: rule 'r0': its condition never holds\n    it fails for {\"income\":65000,\"amount\":8000,\"age\":35}",
            "line 7: rule 'r0': 17 is outside the range of age, 18 to 100\n    for example {\"income\":65000,\"amount\":8000,\"age\":18}",
        ]
    );
    assert_eq!(
        said(
            "",
            &[
                ("income > 100000", "approve"),
                ("amount > 40000", "decline")
            ]
        ),
        [
            "line 7: rule 'r0' approves what rule 'r1' declines; the stricter one decides\n    for example {\"income\":101000,\"amount\":41000,\"age\":35}"
        ]
    );
    assert_eq!(
        said(
            "",
            &[
                ("income > 100000 and age > 30", "approve"),
                ("income > 90000", "refer")
            ]
        ),
        [
            "line 7: rule 'r0' never approves: whenever its condition holds, rule 'r1' matches too and refers\n    for example {\"income\":101000,\"amount\":8000,\"age\":35}"
        ]
    );
    assert_eq!(
        said("refer = [0.4, 0.6]", &[("probability < 0.6", "decline")]),
        ["line 3: refer: the band never decides: a rule matches whenever a score falls in it"]
    );
}

#[test]
fn a_band_beyond_the_models_scores_is_unused() {
    let (schema, file) = read("refer = [0.4, 0.6]", &[]);
    let scores = |lowest, highest| check(&file, &schema, Scores { lowest, highest });
    assert_eq!(scores(0.5, 0.9), []);
    let findings = scores(0.6, 0.9);
    assert_eq!(findings[0].concern, Concern::UnusedBand);
    assert_eq!(
        findings[0].to_string(),
        "line 3: refer: the model gives no score in the band, only 0.6 to 0.9"
    );
}

#[test]
fn what_leaves_nothing_to_decide_is_found() {
    assert_eq!(
        said("", &[("age >= 18", "refer"), ("income < 5", "decline")]),
        ["line 7: rule 'r0' matches every application: it refers whoever applies"]
    );
    assert_eq!(
        said("refer = [0, 1]", &[]),
        ["line 3: refer: every score from 0 to 1 goes to a person, so that none decides"]
    );
}

#[test]
fn what_intervals_cannot_tell_is_said_to_be_open() {
    // The same difference, written in two ways that only algebra can compare.
    let rules = [("income - amount > 0 and amount - income > 0", "decline")];
    let (schema, file) = read("", &rules);
    let findings = check(&file, &schema, Scores::ANY);
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].concern, Concern::NotDecided(Question::EverTrue));
    assert_eq!(
        findings[0].to_string(),
        "line 7: rule 'r0': not decided whether its condition ever holds: its products, ratios or differences are beyond interval arithmetic"
    );
    // The same comparison is the same, whichever side comes first.
    assert_eq!(
        said("", &[("income > amount and amount > income", "decline")]).len(),
        1
    );
    assert!(
        said("", &[("income > amount and amount > income", "decline")])[0].contains("never holds")
    );
    assert!(
        said(
            "",
            &[("amount * 20 < income and amount > 50000 - 1", "decline")]
        )
        .is_empty()
    );
    assert!(
        said(
            "",
            &[(
                "amount * 20 > income and income > 999999 and amount < 49999",
                "decline"
            )]
        )[0]
        .contains("never holds")
    );
}

/// A number of `missing_values` is no value of a field that an application gives.
#[test]
fn a_number_that_means_missing_is_no_value() {
    let listed = |schema: &str, rules: &[(&str, &str)]| -> Vec<String> {
        let file = policy(schema, "", rules);
        check(&file.1, &file.0, Scores::ANY)
            .iter()
            .map(ToString::to_string)
            .collect()
    };
    let schema = SCHEMA.replace(
        "name = \"loans\"",
        "name = \"loans\"\nmissing_values = [\"0\", \"18\", \"35.0\", \"NA\"]",
    );
    // The ends of a range, a number inside it, the example of a field.
    assert_eq!(
        listed(
            &schema,
            &[("income <= 12000", "decline"), ("income < 9000", "decline")]
        ),
        [
            "line 15: rule 'r1' never decides: whenever it matches, rule 'r0' does too and declines\n    for example {\"income\":8000,\"amount\":8000,\"age\":100}"
        ]
    );
    assert_eq!(
        listed(
            &schema,
            &[("income == 0", "decline"), ("income < 0.5", "approve")]
        ),
        [
            "line 7: rule 'r0': its condition never holds (0 means that income is missing)\n    it fails for {\"income\":65000,\"amount\":8000,\"age\":100}"
        ]
    );
    assert_eq!(
        listed(&schema, &[("age == 35", "approve"), ("age < 40", "refer")]),
        [
            "line 7: rule 'r0': its condition never holds (35 means that age is missing)\n    it fails for {\"income\":65000,\"amount\":8000,\"age\":100}"
        ]
    );
    // A bound is reached from beyond: an age of 17 is clamped to 18.
    let rules = [("age == 18", "approve"), ("age < 19", "refer")];
    let expected = "line 7: rule 'r0' never approves: whenever its condition holds, rule 'r1' matches too and refers\n    for example {\"income\":65000,\"amount\":8000,\"age\":17}";
    assert_eq!(listed(&schema, &rules), [expected]);
    // Unless no adjustment is allowed.
    let none = schema.replace("missing_values", "max_adjustments = 0\nmissing_values");
    let findings = listed(&none, &rules);
    assert_eq!(
        findings,
        [
            "line 7: rule 'r0': its condition never holds\n    it fails for {\"income\":65000,\"amount\":8000,\"age\":100}",
            "line 15: rule 'r1': its condition never holds\n    it fails for {\"income\":65000,\"amount\":8000,\"age\":100}",
        ]
    );
    // What a formula gives is never missing.
    let derived = schema.replace(
        "[[feature]]\nname = \"paid\"",
        "[[feature]]\nname = \"left\"\ntype = \"number\"\nderived = \"age - amount\"\n[[feature]]\nname = \"paid\"",
    );
    assert_eq!(listed(&derived, &[("left == 0", "refer")]), [""; 0]);
}

/// The text that stands for a category that is not listed is neither one nor missing.
#[test]
fn an_unlisted_category_is_shown_by_a_text_that_is_none() {
    let field = "[[feature]]\nname = \"job\"\ntype = \"category\"\nunknown = \"other\"\nmissing = \"other\"\ncategories = [\"clerk\", \"(another)\"]\n[[feature]]\nname = \"paid\"";
    let schema = SCHEMA
        .replace("[[feature]]\nname = \"paid\"", field)
        .replace("version =", "missing_values = [\"((another))\"]\nversion =");
    let rules = [
        ("job not in ['clerk', '(another)']", "approve"),
        ("age >= 18", "refer"),
    ];
    let (schema, file) = policy(&schema, "", &rules);
    let findings = check(&file, &schema, Scores::ANY);
    let example = findings.iter().find_map(|finding| finding.example.clone());
    assert!(
        example
            .unwrap()
            .application
            .ends_with(r#""job":"(((another)))"}"#),
        "{findings:?}"
    );
}

#[test]
fn five_thousand_rules_are_checked_in_seconds() {
    let rules: Vec<String> = (0..5000)
        .map(|at| {
            format!(
                "age == {} and income < {} and amount / income > 0.{:03}",
                18 + at % 83,
                1000 + at,
                at % 997
            )
        })
        .collect();
    let rules: Vec<_> = rules
        .iter()
        .map(|when| (when.as_str(), "decline"))
        .collect();
    let (schema, file) = read("", &rules);
    let start = Instant::now();
    let findings = check(&file, &schema, Scores::ANY);
    eprintln!("{} findings in {:?}", findings.len(), start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(120));
}
