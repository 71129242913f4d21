//! What the analysis claims, asked of the core: it decides the examples and a thousand random
//! applications, with missing values, unknown categories and values out of their ranges.
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::BTreeSet;

use model_core::artifact::{Artifact, Training};
use model_core::calibration::Calibration;
use model_core::decide::Decider;
use model_core::forest::Link;

use model_core::model::{Linear, Model, ModelKind};
use model_core::policy::{Policy, PolicyFile};
use model_core::preprocess::Preprocessing;
use model_core::schema::Schema;
use model_policy::{Concern, Question, Scores, check};
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SCHEMA: &str = r#"
name = "loans"
version = "1.0.0"
[[feature]]
name = "income"
type = "number"
minimum = 0
maximum = 100
example = 60
missing = "impute"
out_of_range = "impute"
[[feature]]
name = "amount"
type = "number"
exclusive_minimum = 0
maximum = 50
example = 10
[[feature]]
name = "years"
type = "integer"
minimum = 0
maximum = 10
missing = "zero"
out_of_range = "clamp"
[[feature]]
name = "home"
type = "category"
categories = ["OWN", "RENT", "OTHER"]
unknown = "most_frequent"
[[feature]]
name = "gender"
type = "category"
role = "protected"
categories = ["female", "male"]
unknown = "other"
[[feature]]
name = "share"
type = "number"
derived = "amount / income"
round = 2
minimum = 0
maximum = 1
missing = "impute"
out_of_range = "clamp"
[[feature]]
name = "rest"
type = "number"
derived = "income - amount"
minimum = -20
maximum = 100
[[feature]]
name = "paid"
type = "boolean"
role = "target"
"#;

fn decider(schema: &Schema, policy: &Policy) -> Decider {
    let linear = Linear {
        terms: Vec::new(),
        intercept: 0.5,
        link: Link::Identity,
        indicators: Vec::new(),
    };
    let artifact = Artifact {
        profiles: None,
        preprocessing: Preprocessing {
            imputed: vec![50.0, 10.0, 3.0, 1.0, 0.2, 40.0],
        },
        schema: schema.clone(),
        kind: ModelKind::Ridge,
        model: Model::Linear(linear),
        threshold: 0.5,
        training: Training {
            rows_train: 8,
            rows_test: 2,
            seed: 42,
            data_sha256: "ab".repeat(32),
            underwrite_version: "0.1.0".into(),
            metrics: Vec::new(),
        },
        engine_sha256: "cd".repeat(32),
        golden_rows: Vec::new(),
        calibration: Calibration::None,
        details: Vec::new(),
        policy: Some(policy.clone()),
    };
    Decider::load(&artifact.encode().unwrap()).unwrap()
}

/// The places of the rules that match an application; `None` where it is refused.
fn matched(decider: &mut Decider, application: &str) -> Option<BTreeSet<usize>> {
    let status = decider.decide(application.as_bytes(), &mut Vec::new());
    (status == 200).then(|| decider.matched_rules().iter().copied().collect())
}

fn read(schema: &Schema, head: &str, conditions: &[(String, &str)]) -> (String, PolicyFile) {
    let rules = conditions.iter().enumerate().map(|(at, (when, then))| {
        format!("[[rule]]\nid = \"r{at}\"\nwhen = \"{when}\"\nthen = \"{then}\"\nif_missing = \"skip\"\ncode = \"C{at}\"\ntext = \"t\"\n")
    });
    let rules: String = rules.collect();
    let text = format!("[policy]\nversion = \"1\"\nallow_protected = true\n{head}\n{rules}");
    let file = Policy::from_toml(&text, schema, &["en".into()]);
    let file = file.unwrap_or_else(|error| panic!("{error}\n{text}"));
    (text, file)
}

fn atom(rng: &mut ChaCha8Rng) -> String {
    let sign = *["<", "<=", ">", ">=", "==", "!="].choose(rng).unwrap();
    match rng.random_range(0..11) {
        0 => format!("income {sign} {}", 10 * rng.random_range(0..11)),
        1 => format!("amount {sign} {}", 10 * rng.random_range(0..6)),
        2 => format!("years {sign} {}", rng.random_range(0..11)),
        3 => "home in ['OWN', 'OTHER']".into(),
        4 => "gender == 'male'".into(),
        5 | 6 => format!("share {sign} 0.{}", rng.random_range(1..10)),
        7 => format!("rest {sign} {}", 20 * rng.random_range(-1..5)),
        8 => format!("amount / income {sign} 0.{}", rng.random_range(1..10)),
        9 => format!("share * years {sign} {}", rng.random_range(1..5)),
        _ => format!("rest + amount {sign} {}", 20 * rng.random_range(1..5)),
    }
}

fn application(rng: &mut ChaCha8Rng) -> String {
    let mut fields = vec![];
    let mut one = |share: f64, name: &str, value: String, rng: &mut ChaCha8Rng| {
        if rng.random_bool(share) {
            fields.push(format!("\"{name}\":{value}"));
        }
    };
    let number = |rng: &mut ChaCha8Rng, low: i32, high: i32| {
        let tenths = rng.random_range(10 * low..=10 * high);
        let step = *[1, 100].choose(rng).unwrap();
        (f64::from(tenths / step * step) / 10.0).to_string()
    };
    let income = number(rng, -10, 110);
    one(0.7, "income", income, rng);
    let amount = number(rng, 1, 50);
    one(1.0, "amount", amount, rng);
    let years = rng.random_range(-2..13).to_string();
    one(0.8, "years", years, rng);
    let home = ["\"OWN\"", "\"RENT\"", "\"OTHER\"", "\"CASTLE\""].choose(rng);
    one(1.0, "home", home.unwrap().to_string(), rng);
    let gender = ["\"male\"", "\"female\"", "\"?\""].choose(rng);
    one(0.7, "gender", gender.unwrap().to_string(), rng);
    let share = format!("0.{}", rng.random_range(0..100));
    one(0.3, "share", share, rng);
    let rest = number(rng, -20, 100);
    one(0.3, "rest", rest, rng);
    format!("{{{}}}", fields.join(","))
}

#[test]
fn the_core_agrees_with_every_claim() {
    agrees_with_every_claim("");
}

#[test]
fn the_core_agrees_where_numbers_mean_missing() {
    agrees_with_every_claim("missing_values = [\"0\", \"20\", \"60\", \"?\"]\n");
}

fn agrees_with_every_claim(head: &str) {
    // A contradiction is overwritten, so that random applications are decided.
    let schema = SCHEMA.replace("derived =", "mismatch = \"overwrite\"\nderived =");
    let schema = Schema::from_toml(&format!("{head}{schema}")).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(12);
    let applications: Vec<String> = (0..1000).map(|_| application(&mut rng)).collect();
    let (mut shown, mut open, mut decided) = (0, 0, 0);
    for _ in 0..300 {
        let conditions: Vec<(String, &str)> = (0..rng.random_range(2..5))
            .map(|_| {
                let atoms: Vec<String> = (0..rng.random_range(1..4))
                    .map(|_| atom(&mut rng))
                    .collect();
                let outcome = ["decline", "refer", "approve"].choose(&mut rng).unwrap();
                (atoms.join(" and "), *outcome)
            })
            .collect();
        let (text, file) = read(&schema, "", &conditions);
        let mut decider = decider(&schema, &file.policy);
        let findings = check(&file, &schema, Scores::ANY);
        let outcomes: Vec<BTreeSet<usize>> = applications
            .iter()
            .filter_map(|application| matched(&mut decider, application))
            .collect();
        decided += outcomes.len();
        for finding in findings {
            let Some(rule) = finding.rule else { continue };
            let example = finding.example.as_ref().map(|example| {
                shown += 1;
                matched(&mut decider, &example.application)
                    .unwrap_or_else(|| panic!("refused: {finding}\n{text}"))
            });
            let shows = |rules: &[usize]| {
                let all = |matched: &BTreeSet<usize>| rules.iter().all(|one| matched.contains(one));
                assert!(example.as_ref().is_none_or(all), "{finding}\n{text}");
            };
            let always = |holds: &dyn Fn(&BTreeSet<usize>) -> bool| {
                assert!(outcomes.iter().all(holds), "{finding}\n{text}");
            };
            match finding.concern {
                Concern::NeverTrue => {
                    always(&|matched| !matched.contains(&rule));
                    assert!(example.is_none_or(|matched| !matched.contains(&rule)));
                }
                Concern::Shadowed { by } | Concern::ApproveNeverActs { by } => {
                    shows(&[rule, by]);
                    always(&|matched| !matched.contains(&rule) || matched.contains(&by));
                }
                Concern::Contradicts { other } => shows(&[rule, other]),
                Concern::NotDecided(_) => open += 1,
                _ => {}
            }
        }
    }
    assert!(shown > 200 && decided > 100_000, "{shown}, {decided}");
    assert!(open < 60, "{open} questions are not decided");
}

/// A field that a missing-value policy filled in is missing to a rule; what another policy
/// mapped or moved is not.
#[test]
fn only_what_was_missing_is_missing_to_a_rule() {
    let schema = Schema::from_toml(SCHEMA).unwrap();
    for (condition, application, is_present) in [
        (
            "home == 'OWN' or home != 'OWN'",
            r#"{"amount":5,"home":"CASTLE"}"#,
            true,
        ),
        (
            "income < 50 or income >= 50",
            r#"{"amount":5,"home":"OWN","income":900}"#,
            true,
        ),
        (
            "income < 50 or income >= 50",
            r#"{"amount":5,"home":"OWN"}"#,
            false,
        ),
        (
            "years < 5 or years >= 5",
            r#"{"amount":5,"home":"OWN","years":40}"#,
            true,
        ),
        (
            "years < 5 or years >= 5",
            r#"{"amount":5,"home":"OWN"}"#,
            false,
        ),
        (
            "share < 0.5 or share >= 0.5",
            r#"{"amount":5,"home":"OWN","income":0}"#,
            false,
        ),
        (
            "share < 0.5 or share >= 0.5",
            r#"{"amount":5,"home":"OWN","share":0.1}"#,
            true,
        ),
        (
            "gender == 'male' or gender != 'male'",
            r#"{"amount":5,"home":"OWN","gender":"?"}"#,
            false,
        ),
    ] {
        let (_, file) = read(
            &schema,
            "refer = [0.4, 0.6]",
            &[(condition.into(), "decline")],
        );
        let mut decider = decider(&schema, &file.policy);
        let matched = matched(&mut decider, application).unwrap();
        assert_eq!(
            matched.contains(&0),
            is_present,
            "{condition}: {application}"
        );
        // A rule that matches every application leaves nothing to the band.
        let findings = check(&file, &schema, Scores::ANY);
        let is_always = findings.iter().any(|f| f.concern == Concern::UnusedBand);
        let may_be_missing = ["income", "years", "share", "gender"];
        let expected = !may_be_missing
            .iter()
            .any(|name| condition.starts_with(name));
        assert_eq!(is_always, expected, "{condition}: {findings:?}");
    }
}

/// What only a formula makes dead, and what it does not.
#[test]
fn a_derived_field_follows_from_others() {
    let schema = SCHEMA
        .replace("missing = \"impute\"\nout_of_range = \"impute\"", "")
        .replace(
            "minimum = 0\nmaximum = 100\n",
            "minimum = 1\nmaximum = 100\n",
        );
    let schema = Schema::from_toml(&schema).unwrap();
    let concerns = |rules: &[(&str, &str)]| -> Vec<Concern> {
        let rules: Vec<(String, &str)> = rules.iter().map(|(w, t)| ((*w).to_owned(), *t)).collect();
        let (_, file) = read(&schema, "", &rules);
        let findings = check(&file, &schema, Scores::ANY);
        findings.iter().map(|finding| finding.concern).collect()
    };
    for dead in [
        "share > 0.5 and amount < 20 and income > 45",
        "rest > 50 and income < 50",
        "share > 0.124 and share < 0.126",
        "rest > 99.5 and share > 0.01",
    ] {
        assert_eq!(
            concerns(&[(dead, "decline")]),
            [Concern::NeverTrue],
            "{dead}"
        );
    }
    for alive in [
        "share > 0.5 and amount < 20 and income > 35",
        "share > 0.124 and share < 0.136",
        "share == 1 and rest == -20",
        "rest > 49 and income < 50",
    ] {
        assert_eq!(concerns(&[(alive, "decline")]), [], "{alive}");
    }
    // A rule of the ratio and a rule of the derived field that is the ratio.
    assert_eq!(
        concerns(&[
            ("share > 0.6", "decline"),
            ("amount / income > 0.7", "refer")
        ]),
        [Concern::Shadowed { by: 0 }]
    );
    // Beyond interval arithmetic: open, never fine.
    assert_eq!(
        concerns(&[("rest > 20 and amount - income > -20", "decline")]),
        [Concern::NotDecided(Question::EverTrue)]
    );
}
