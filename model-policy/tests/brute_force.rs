//! The analysis of 1,000 generated policies, judged by trying every application of a grid
//! that holds at least one of every kind that the rules can tell apart.
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::{BTreeSet, HashSet};

use model_core::policy::{Outcome, Policy, PolicyFile};
use model_core::preprocess::{Computed, resolve_derived};
use model_core::schema::Schema;
use model_core::value::Reading;
use model_policy::{Concern, Finding, Scores, check};
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SCHEMA: &str = r#"
name = "loans"
version = "1.0.0"
[[feature]]
name = "a"
type = "integer"
minimum = 0
maximum = 5
missing = "impute"
[[feature]]
name = "b"
type = "integer"
minimum = 1
maximum = 4
[[feature]]
name = "c"
type = "number"
minimum = 0
maximum = 4
[[feature]]
name = "d"
type = "boolean"
missing = "most_frequent"
[[feature]]
name = "k"
type = "category"
categories = ["K", "L", "M"]
unknown = "other"
[[feature]]
name = "gender"
type = "category"
role = "protected"
categories = ["female", "male"]
[[feature]]
name = "ratio"
type = "number"
derived = "a / b"
round = 1
minimum = 0
maximum = 3
out_of_range = "clamp"
[[feature]]
name = "room"
type = "number"
derived = "b - ratio"
minimum = -2
maximum = 3.5
[[feature]]
name = "approved"
type = "boolean"
role = "target"
"#;

/// `a`, `b`, `c`, `d`, `k`, `gender`, `ratio`, `room`, the probability.
type Row = [f64; 9];

/// What `ratio` and `room` come to by the core's own rules; `None` where it refuses them, or
/// more adjustments are needed than the schema allows.
fn settle(schema: &Schema, mut row: Row) -> Option<Row> {
    // `a` and `d` may be left out, `k` may be another category.
    let is_listed = |value: f64| schema.missing_values.has_number(value);
    if is_listed(row[0]) {
        row[0] = f64::NAN;
    }
    if is_listed(row[1]) || is_listed(row[2]) {
        return None;
    }
    let mut adjustments = [row[0].is_nan(), row[3].is_nan(), row[4] == 3.0]
        .into_iter()
        .filter(|needed| *needed)
        .count();
    for place in [6, 7] {
        let feature = &schema.features[place];
        let derived = feature.derived.as_deref()?;
        let needs = derived.formula.fields().into_iter().map(usize::from);
        let computed = Computed {
            // With 1 for `a` where it is missing.
            value: derived.compute(&row.map(|v| if v.is_nan() { 1.0 } else { v }), &mut vec![]),
            needs_missing: needs.into_iter().any(|need| row[need].is_nan()),
        };
        let given = match row[place] {
            value if value.is_nan() || is_listed(value) => Reading::Missing,
            value => Reading::Is(value),
        };
        let is_missing = computed.needs_missing && given == Reading::Missing;
        let resolved = resolve_derived(feature, derived, given, computed, 0.0).ok()?;
        adjustments += usize::from(resolved.adjusted.is_some());
        row[place] = if is_missing { f64::NAN } else { resolved.value };
    }
    let most = schema
        .max_adjustments
        .map_or(usize::MAX, |most| most as usize);
    (adjustments <= most).then_some(row)
}

/// Every application that matters. Whole numbers are all there; `c` and the probability are
/// compared with 1, 2, 3 and quarters only. What `ratio` and `room` are compared with is chosen
/// so that no rounding of a sum decides, which no grid would show.
fn grid(schema: &Schema) -> Vec<Row> {
    let steps = |count: u32, step: f64| (0..count).map(move |at| f64::from(at) * step);
    let or_missing = |count: u32, step: f64| steps(count, step).chain([f64::NAN]);
    let mut rows = Vec::new();
    // A given `ratio` counts where there is no `a`, a given `room` where there is no `ratio`.
    let mut ratios: Vec<[f64; 3]> = steps(6, 1.0).map(|a| [a, f64::NAN, f64::NAN]).collect();
    let given = [
        0.0, 0.15, 0.3, 0.45, 0.6, 0.8, 1.0, 1.05, 1.1, 1.2, 1.3, 1.45, 1.6, 1.8, 2.0, 2.15, 2.3,
        2.6, 3.0, 4.0,
    ];
    ratios.extend(given.map(|ratio| [f64::NAN, ratio, f64::NAN]));
    ratios.extend(or_missing(8, 0.5).map(|room| [f64::NAN, f64::NAN, room]));
    for [a, ratio, room] in ratios {
        for b in steps(4, 1.0).map(|b| b + 1.0) {
            for c in steps(7, 0.5).map(|c| c + 0.5) {
                for d in or_missing(2, 1.0) {
                    for k in steps(4, 1.0) {
                        let row = |p| [a, b, c, d, k, f64::NAN, ratio, room, p];
                        let probabilities = [0.0, 0.25, 0.375, 0.5, 0.625, 0.75, 1.0];
                        rows.extend(probabilities.iter().filter_map(|p| settle(schema, row(*p))));
                    }
                }
            }
        }
    }
    rows
}

struct Generator {
    rng: ChaCha8Rng,
}

#[derive(Clone)]
struct Draft {
    when: String,
    then: &'static str,
    if_missing: &'static str,
}

impl Generator {
    fn one_of(&mut self, of: &[&'static str]) -> &'static str {
        of.choose(&mut self.rng).unwrap()
    }

    fn atom(&mut self) -> String {
        let sign = self.one_of(&["<", "<=", ">", ">=", "==", "!="]);
        let number = self.rng.random_range(1..4);
        match self.rng.random_range(0..15) {
            0 | 1 => format!("a {sign} {number}"),
            2 => format!("{number} {sign} b"),
            3 => format!("c {sign} {number}"),
            4 => format!("probability {sign} {}", f64::from(number) / 4.0),
            5 => "d".into(),
            6 => format!("k in [{}]", self.one_of(&["'K'", "'K', 'M'", "'L', 'M'"])),
            7 => format!("a {sign} b"),
            8 => format!("a + b {sign} {}", number * 2),
            9 => format!("a / b {sign} {number}"),
            10 => format!("ratio {sign} {}", self.one_of(&["0.6", "1.1", "1.6"])),
            11 => format!("room {sign} {number}"),
            12 => format!("ratio {sign} b"),
            13 => format!("ratio + b {sign} {number}.3"),
            _ => format!("a * b - a {sign} {number}"),
        }
    }

    fn condition(&mut self) -> String {
        let atoms: Vec<_> = (0..self.rng.random_range(1..4))
            .map(|_| self.atom())
            .collect();
        let joined = match self.rng.random_range(0..4) {
            0 => atoms.join(" or "),
            _ => atoms.join(" and "),
        };
        match self.rng.random_range(0..6) {
            0 => format!("not ({joined})"),
            _ => joined,
        }
    }

    fn rule(&mut self) -> Draft {
        Draft {
            when: self.condition(),
            then: self.one_of(&["decline", "decline", "refer", "approve"]),
            if_missing: self.one_of(&["skip", "refer", "refer", "decline"]),
        }
    }

    /// A policy, and the places of the rules with a number outside a range.
    fn policy(&mut self) -> (String, BTreeSet<usize>) {
        let mut rules: Vec<_> = (0..self.rng.random_range(1..5))
            .map(|_| self.rule())
            .collect();
        let base = rules[0].clone();
        match self.rng.random_range(0..6) {
            0 => rules.push(Draft {
                when: format!("({}) and c < 1 and c >= 2", base.when),
                ..base
            }),
            1 => rules.push(Draft {
                when: format!("({}) and {}", base.when, self.atom()),
                ..base
            }),
            2 => rules.push(Draft {
                then: "approve",
                when: format!("({}) and {}", base.when, self.atom()),
                ..base
            }),
            3 => rules.push(Draft {
                then: self.one_of(&["decline", "refer"]),
                when: "probability >= 0.25 and probability < 0.75".into(),
                ..base
            }),
            4 => rules.push(base),
            _ => {}
        }
        let mut outside = BTreeSet::new();
        if self.rng.random_bool(0.2) {
            outside.insert(rules.len());
            let when = self.one_of(&["a > 6", "b != 0", "c < -0.5 or d", "probability > 1.5"]);
            let then = "refer";
            rules.push(Draft {
                when: when.into(),
                then,
                if_missing: "skip",
            });
        }
        (toml(&rules), outside)
    }
}

fn toml(rules: &[Draft]) -> String {
    let head = "[policy]\nversion = \"1\"\nrefer = [0.25, 0.75]\n".to_owned();
    rules.iter().enumerate().fold(head, |text, (at, rule)| {
        let Draft { when, then, if_missing } = rule;
        text + &format!("[[rule]]\nid = \"r{at}\"\nstage = \"after\"\nwhen = \"{when}\"\nthen = \"{then}\"\nif_missing = \"{if_missing}\"\ncode = \"C\"\ntext = \"t\"\n")
    })
}

/// 0 for false, 1 for true, 2 for missing.
fn code(value: f64) -> u64 {
    if value.is_nan() { 2 } else { value as u64 }
}

/// What the grid says about a policy.
struct Judge {
    dead: BTreeSet<usize>,
    always: BTreeSet<usize>,
    /// `(rule, by)`.
    covered: BTreeSet<(usize, usize)>,
    overruled: BTreeSet<(usize, usize)>,
    contradicts: BTreeSet<(usize, usize)>,
    band_is_used: bool,
}

impl Judge {
    fn new(policy: &Policy, grid: &[Row]) -> Self {
        let count = policy.rules.len();
        let mut stack = Vec::new();
        let mut dead: BTreeSet<usize> = (0..count).collect();
        let mut always = dead.clone();
        let pairs = || (0..count).flat_map(|i| (0..count).map(move |j| (i, j)));
        let mut covered: BTreeSet<_> = pairs().filter(|(i, j)| i != j).collect();
        let then = |rule: usize| policy.rules[rule].then;
        let mut overruled: BTreeSet<_> = pairs()
            .filter(|(i, j)| then(*i) == Outcome::Approve && then(*j) != Outcome::Approve)
            .collect();
        let mut contradicts = BTreeSet::new();
        let mut band_is_used = false;
        // Rows for which the conditions come to the same tell the same.
        let rows = grid.iter().map(|row| {
            let values = (policy.rules.iter()).map(|r| code(r.when.evaluate(row, &mut stack)));
            let in_band = (0.25..0.75).contains(&row[8]);
            values.fold(u64::from(in_band), |key, value| key * 3 + value)
        });
        let keys: HashSet<u64> = rows.collect();
        for key in keys {
            let mut values = vec![0.0; count];
            let rest = values.iter_mut().rev().fold(key, |key, value| {
                *value = [0.0, 1.0, f64::NAN][(key % 3) as usize];
                key / 3
            });
            let outcomes: Vec<_> = (policy.rules.iter().zip(&values))
                .map(|(r, v)| r.outcome(*v))
                .collect();
            let in_band = rest == 1;
            band_is_used |= in_band && outcomes.iter().all(Option::is_none);
            dead.retain(|rule| values[*rule] != 1.0);
            always.retain(|rule| outcomes[*rule].is_some());
            covered
                .retain(|(rule, by)| outcomes[*rule].is_none() || outcomes[*by] >= outcomes[*rule]);
            overruled.retain(|(rule, by)| {
                values[*rule] != 1.0 || outcomes[*by] > Some(Outcome::Approve)
            });
            let both = |(i, j): &(usize, usize)| {
                values[*i] == 1.0
                    && values[*j] == 1.0
                    && then(*i) == Outcome::Approve
                    && then(*j) != Outcome::Approve
            };
            contradicts.extend(pairs().filter(both));
        }
        let alive = |(i, j): &(usize, usize)| !dead.contains(i) && !dead.contains(j);
        covered.retain(|pair| alive(pair) && !overruled.contains(pair));
        overruled.retain(alive);
        Self {
            dead,
            always,
            covered,
            overruled,
            contradicts,
            band_is_used,
        }
    }
}

/// The values of an example's application.
fn row(schema: &Schema, example: &model_policy::Example) -> Row {
    let json: serde_json::Value = serde_json::from_str(&example.application).unwrap();
    let number = |name: &str| json[name].as_f64().unwrap_or(f64::NAN);
    let truth = json["d"]
        .as_bool()
        .map_or(f64::NAN, |d| f64::from(u8::from(d)));
    let category = match json["k"].as_str() {
        Some("K") => 0.0,
        Some("L") => 1.0,
        Some("M") => 2.0,
        _ => 3.0,
    };
    let [a, b, c, ratio, room] = ["a", "b", "c", "ratio", "room"].map(number);
    // What follows from the others is not repeated.
    assert!(ratio.is_nan() || a.is_nan(), "{example}");
    assert!(room.is_nan() || (a.is_nan() && ratio.is_nan()), "{example}");
    let probability = example.probability.unwrap_or(0.5);
    let row = [a, b, c, truth, category, f64::NAN, ratio, room, probability];
    settle(schema, row).unwrap_or_else(|| panic!("{example} is refused"))
}

fn check_one(
    schema: &Schema,
    text: &str,
    file: &PolicyFile,
    findings: &[Finding],
    judge: &Judge,
    outside: &BTreeSet<usize>,
) -> [usize; 6] {
    let mut reported = [const { BTreeSet::new() }; 4];
    let mut band = false;
    let mut found_outside = BTreeSet::new();
    let mut always = BTreeSet::new();
    for finding in findings {
        let rule = finding.rule.unwrap_or(usize::MAX);
        let value = |place: usize| {
            let example = finding
                .example
                .as_ref()
                .unwrap_or_else(|| panic!("no example: {finding}\n{text}"));
            file.policy.rules[place]
                .when
                .evaluate(&row(schema, example), &mut Vec::new())
        };
        if let Some(place) = finding.rule {
            assert_eq!(finding.line, 4 + 8 * place + 3, "{text}");
        }
        match finding.concern {
            Concern::NeverTrue => {
                assert_eq!(value(rule), 0.0, "{finding}\n{text}");
                reported[0].insert((rule, 0));
            }
            Concern::Shadowed { by } => {
                // The other may match since something is missing.
                let other = file.policy.rules[by].outcome(value(by));
                assert_eq!(value(rule), 1.0, "{finding}\n{text}");
                assert!(other.is_some(), "{finding}\n{text}");
                reported[1].insert((rule, by));
            }
            Concern::ApproveNeverActs { by } => {
                assert_eq!(value(rule), 1.0, "{finding}\n{text}");
                reported[2].insert((rule, by));
            }
            Concern::Contradicts { other } => {
                assert_eq!((value(rule), value(other)), (1.0, 1.0), "{finding}\n{text}");
                reported[3].insert((rule, other));
            }
            Concern::OutsideRange { .. } => {
                assert!(finding.example.is_some());
                found_outside.insert(rule);
            }
            Concern::AlwaysMatches => {
                always.insert(rule);
            }
            Concern::UnusedBand => band = true,
            Concern::NotDecided(_) => panic!("{finding}\n{text}"),
            other => panic!("{other:?}"),
        }
    }
    let [dead, shadowed, overruled, contradicts] = &reported;
    assert_eq!(
        &dead.iter().map(|d| d.0).collect::<BTreeSet<_>>(),
        &judge.dead,
        "{text}"
    );
    assert_eq!(&found_outside, outside, "{text}");
    assert_eq!(&always, &judge.always, "{text}");
    assert_eq!(band, !judge.band_is_used, "{text}");
    for pair in shadowed {
        assert!(
            judge.covered.contains(pair),
            "{pair:?} is a false alarm\n{text}"
        );
    }
    for pair in overruled {
        assert!(
            judge.overruled.contains(pair),
            "{pair:?} is a false alarm\n{text}"
        );
    }
    // Each rule that another decides is reported once, of two equal ones the later.
    let is_reported = |rule: usize| shadowed.iter().chain(overruled).any(|pair| pair.0 == rule);
    for (rule, by) in judge.covered.iter().chain(&judge.overruled) {
        let is_mutual = judge.covered.contains(&(*by, *rule));
        assert!(
            is_reported(*rule) || (is_mutual && by > rule),
            "rule {rule} by {by} is missed\n{text}"
        );
    }
    let expect: BTreeSet<_> = judge
        .contradicts
        .iter()
        .copied()
        .filter(|pair| !overruled.contains(pair))
        .collect();
    assert_eq!(contradicts, &expect, "{text}");
    [
        dead.len(),
        shadowed.len(),
        overruled.len(),
        contradicts.len(),
        found_outside.len(),
        usize::from(band),
    ]
}

#[test]
fn a_thousand_policies_are_judged_as_by_trying_everything() {
    let schema = Schema::from_toml(SCHEMA).unwrap();
    let found = judged(&schema, Scores::ANY, 1000);
    assert!(found.iter().all(|count| *count > 50), "{found:?}");
}

#[test]
fn a_model_and_a_limit_of_adjustments_leave_fewer_applications() {
    // Without a policy of its own for `ratio`, what is adjusted is what is missing or unknown.
    let schema = SCHEMA
        .replace("maximum = 3\nout_of_range = \"clamp\"", "maximum = 5")
        .replace("minimum = -2\n", "minimum = -4\n")
        .replace(
            "version = \"1.0.0\"",
            "version = \"1.0.0\"\nmax_adjustments = 1",
        );
    let schema = Schema::from_toml(&schema).unwrap();
    let scores = Scores {
        lowest: 0.375,
        highest: 1.0,
    };
    let found = judged(&schema, scores, 500);
    assert!(found.iter().all(|count| *count > 10), "{found:?}");
}

#[test]
fn numbers_that_mean_missing_are_no_values() {
    // A given `ratio` of 3 is one of 4 that was clamped.
    let listed = "version = \"1.0.0\"\nmissing_values = [\"1\", \"NA\", \"3.0\"]";
    let schema = Schema::from_toml(&SCHEMA.replace("version = \"1.0.0\"", listed)).unwrap();
    let found = judged(&schema, Scores::ANY, 500);
    assert!(found.iter().all(|count| *count > 10), "{found:?}");
}

/// Generated policies judged both ways. How often each concern was found: dead, shadowed,
/// overruled, contradicting, outside, band.
fn judged(schema: &Schema, scores: Scores, policies: usize) -> [usize; 6] {
    let mut grid = grid(schema);
    grid.retain(|row| (scores.lowest..=scores.highest).contains(&row[8]));
    let mut generator = Generator {
        rng: ChaCha8Rng::seed_from_u64(2026),
    };
    let mut found = [0; 6];
    for _ in 0..policies {
        let (text, outside) = generator.policy();
        let file = Policy::from_toml(&text, schema, &["en".into()])
            .unwrap_or_else(|e| panic!("{e}\n{text}"));
        let findings = check(&file, schema, scores);
        let judge = Judge::new(&file.policy, &grid);
        let counts = check_one(schema, &text, &file, &findings, &judge, &outside);
        found
            .iter_mut()
            .zip(counts)
            .for_each(|(sum, count)| *sum += count);
        // A protected column in any of the rules: the whole policy is refused.
        let planted = text.replacen("when = \"", "when = \"gender == 'male' or ", 1);
        let error = Policy::from_toml(&planted, schema, &["en".into()]).unwrap_err();
        assert_eq!((error.line, error.column), (7, 9));
        assert!(error.message.contains("'gender' is a protected column"));
    }
    found
}
