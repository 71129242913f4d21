//! The analysis of 1,000 generated policies, judged by trying every application of a grid
//! that holds at least one of every kind that the rules can tell apart.
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::BTreeSet;

use model_core::policy::{Outcome, Policy, PolicyFile};
use model_core::schema::Schema;
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
name = "approved"
type = "boolean"
role = "target"
"#;

/// Every application that matters: `a`, `b`, `c`, `d`, `k`, `gender`, the probability.
/// Whole numbers are all there; `c` and the probability are compared with `c`'s 1, 2, 3
/// and quarters only, so that steps of half as much are enough.
fn grid() -> Vec<[f64; 7]> {
    let steps = |count: u32, step: f64| (0..count).map(move |at| f64::from(at) * step);
    let or_missing = |count: u32| steps(count, 1.0).chain([f64::NAN]);
    let mut rows = Vec::new();
    for a in or_missing(6) {
        for b in steps(4, 1.0).map(|b| b + 1.0) {
            for c in steps(9, 0.5) {
                for d in or_missing(2) {
                    for k in steps(4, 1.0) {
                        rows.extend(steps(9, 0.125).map(|p| [a, b, c, d, k, f64::NAN, p]));
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
        match self.rng.random_range(0..11) {
            0 | 1 => format!("a {sign} {number}"),
            2 => format!("{number} {sign} b"),
            3 => format!("c {sign} {number}"),
            4 => format!("probability {sign} {}", f64::from(number) / 4.0),
            5 => "d".into(),
            6 => format!("k in [{}]", self.one_of(&["'K'", "'K', 'M'", "'L', 'M'"])),
            7 => format!("a {sign} b"),
            8 => format!("a + b {sign} {}", number * 2),
            9 => format!("a / b {sign} {number}"),
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

/// What the grid says about a policy.
struct Judge {
    dead: BTreeSet<usize>,
    /// `(rule, by)`.
    covered: BTreeSet<(usize, usize)>,
    overruled: BTreeSet<(usize, usize)>,
    contradicts: BTreeSet<(usize, usize)>,
    band_is_used: bool,
}

impl Judge {
    fn new(policy: &Policy, grid: &[[f64; 7]]) -> Self {
        let count = policy.rules.len();
        let mut stack = Vec::new();
        let mut dead: BTreeSet<usize> = (0..count).collect();
        let pairs = || (0..count).flat_map(|i| (0..count).map(move |j| (i, j)));
        let mut covered: BTreeSet<_> = pairs().filter(|(i, j)| i != j).collect();
        let then = |rule: usize| policy.rules[rule].then;
        let mut overruled: BTreeSet<_> = pairs()
            .filter(|(i, j)| then(*i) == Outcome::Approve && then(*j) != Outcome::Approve)
            .collect();
        let mut contradicts = BTreeSet::new();
        let mut band_is_used = false;
        for row in grid {
            let values: Vec<f64> = policy
                .rules
                .iter()
                .map(|r| r.when.evaluate(row, &mut stack))
                .collect();
            let outcomes: Vec<_> = policy
                .rules
                .iter()
                .zip(&values)
                .map(|(r, v)| r.outcome(*v))
                .collect();
            band_is_used |= outcomes.iter().all(Option::is_none) && (0.25..0.75).contains(&row[6]);
            dead.retain(|rule| values[*rule] != 1.0);
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
            covered,
            overruled,
            contradicts,
            band_is_used,
        }
    }
}

/// The values of an example's application.
fn row(example: &model_policy::Example) -> [f64; 7] {
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
    let probability = example.probability.unwrap_or(0.5);
    [
        number("a"),
        number("b"),
        number("c"),
        truth,
        category,
        f64::NAN,
        probability,
    ]
}

fn check_one(
    text: &str,
    file: &PolicyFile,
    findings: &[Finding],
    judge: &Judge,
    outside: &BTreeSet<usize>,
) -> [usize; 6] {
    let mut reported = [const { BTreeSet::new() }; 4];
    let mut band = false;
    let mut undecided = 0;
    let mut found_outside = BTreeSet::new();
    for finding in findings {
        let rule = finding.rule.unwrap_or(usize::MAX);
        let value = |place: usize| {
            let example = finding
                .example
                .as_ref()
                .unwrap_or_else(|| panic!("no example: {finding}\n{text}"));
            file.policy.rules[place]
                .when
                .evaluate(&row(example), &mut Vec::new())
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
                assert_eq!((value(rule), value(by)), (1.0, 1.0), "{finding}\n{text}");
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
            Concern::UnusedBand => band = true,
            Concern::NotDecided(_) => undecided += 1,
            other => panic!("{other:?}"),
        }
    }
    let [dead, shadowed, overruled, contradicts] = &reported;
    assert_eq!(undecided, 0, "{findings:#?}\n{text}");
    assert_eq!(
        &dead.iter().map(|d| d.0).collect::<BTreeSet<_>>(),
        &judge.dead,
        "{text}"
    );
    assert_eq!(&found_outside, outside, "{text}");
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
    let grid = grid();
    let mut generator = Generator {
        rng: ChaCha8Rng::seed_from_u64(2026),
    };
    let mut found = [0; 6];
    for _ in 0..1000 {
        let (text, outside) = generator.policy();
        let file = Policy::from_toml(&text, &schema, &["en".into()])
            .unwrap_or_else(|e| panic!("{e}\n{text}"));
        let findings = check(&file, &schema, Scores::ANY);
        let judge = Judge::new(&file.policy, &grid);
        let counts = check_one(&text, &file, &findings, &judge, &outside);
        found
            .iter_mut()
            .zip(counts)
            .for_each(|(sum, count)| *sum += count);
        // A protected column in any of the rules: the whole policy is refused.
        let planted = text.replacen("when = \"", "when = \"gender == 'male' or ", 1);
        let error = Policy::from_toml(&planted, &schema, &["en".into()]).unwrap_err();
        assert_eq!((error.line, error.column), (7, 9));
        assert!(error.message.contains("'gender' is a protected column"));
    }
    eprintln!("dead, shadowed, overruled, contradicting, outside, band: {found:?}");
    assert!(found.iter().all(|count| *count > 50), "{found:?}");
}
