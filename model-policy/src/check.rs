//! The questions that a policy is asked.

mod pairs;

use std::collections::{BTreeMap, BTreeSet};

use model_core::expression::{Comparison, Span};
use model_core::policy::{Outcome, PolicyFile, Rule};
use model_core::schema::{FeatureKind, Schema};
use model_core::value::number_text;

use crate::condition::{Atom, Condition, Terms};
use crate::example::example;
use crate::finding::{Concern, Example, Finding, Question};
use crate::scores::Scores;
use crate::search::Found;
use crate::space::Space;
use crate::truth::Truths;

/// What is doubtful about a policy, in the order of its rules.
///
/// Rules of one condition and outcome are reported once, at the later one.
#[must_use]
pub fn check(file: &PolicyFile, schema: &Schema, scores: Scores) -> Vec<Finding> {
    findings(&Checker::new(file, schema, scores))
}

fn findings(checker: &Checker<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(checker.band());
    let rules = checker.file.policy.rules.len();
    let shown: Vec<Shown> = (0..rules)
        .map(|rule| checker.shown(rule, &mut findings))
        .collect();
    let dead: Vec<bool> = shown.iter().map(|one| *one == Shown::Never).collect();
    let always: Vec<bool> = (0..rules)
        .map(|rule| checker.always_matches(rule))
        .collect();
    (0..rules).for_each(|rule| checker.outside(rule, &mut findings));
    let always_matching = (0..rules).filter(|rule| always[*rule]);
    findings.extend(always_matching.map(|rule| checker.always(rule)));
    let mut decided = BTreeSet::new();
    for rule in (0..rules).filter(|rule| !dead[*rule]) {
        decided.extend(checker.decided_by(rule, &shown, &always, &mut findings));
    }
    for rule in (0..rules).filter(|rule| !dead[*rule]) {
        checker.contradictions(rule, &dead, &decided, &mut findings);
    }
    findings.sort_by_key(|finding| finding.line);
    findings
}

struct Checker<'a> {
    file: &'a PolicyFile,
    schema: &'a Schema,
    space: Space<'a>,
    conditions: Vec<Condition>,
    /// The fields of each rule.
    fields: Vec<BTreeSet<usize>>,
}

impl<'a> Checker<'a> {
    fn new(file: &'a PolicyFile, schema: &'a Schema, scores: Scores) -> Self {
        let are_boolean = schema
            .features
            .iter()
            .map(|f| f.kind == FeatureKind::Boolean);
        let mut terms = Terms::new(are_boolean.chain([false]).collect());
        let rules = file.policy.rules.iter();
        let conditions = rules.map(|rule| terms.condition(&rule.when)).collect();
        let probability = Span::new(scores.lowest, scores.highest);
        let space = Space::new(schema, probability, terms.terms);
        let fields = file.policy.rules.iter().map(|rule| {
            let mut fields = rule.when.fields().into_iter().map(usize::from).collect();
            space.connected(&mut fields);
            fields
        });
        Self {
            file,
            schema,
            fields: fields.collect(),
            space,
            conditions,
        }
    }

    fn rule(&self, place: usize) -> &Rule {
        &self.file.policy.rules[place]
    }

    fn quoted(&self, place: usize) -> String {
        format!("rule '{}'", self.rule(place).id)
    }

    /// The truths for whose values something holds.
    fn truths_if(&self, holds: impl Fn(f64) -> bool) -> Truths {
        [1.0, 0.0, f64::NAN]
            .into_iter()
            .filter(|value| holds(*value))
            .fold(Truths::NONE, |truths, value| {
                truths.or(Truths::of_value(value))
            })
    }

    /// The truths with which a rule does not match.
    fn unmatched(&self, rule: usize) -> Truths {
        self.truths_if(|value| self.rule(rule).outcome(value).is_none())
    }

    fn finding(&self, rule: usize, concern: Concern, message: String) -> Finding {
        Finding {
            concern,
            rule: Some(rule),
            line: self.file.lines.get(rule).map_or(1, |lines| lines.when),
            message,
            example: None,
        }
    }

    fn not_decided(&self, rule: usize, question: Question, what: &str) -> Finding {
        let why = match self.space.looks.are_used_up() {
            true => "the policy's conditions are too many and too long to look at all of them",
            false => "its products, ratios or differences are beyond interval arithmetic",
        };
        let message = format!("{}: not decided {what}: {why}", self.quoted(rule));
        self.finding(rule, Concern::NotDecided(question), message)
    }

    fn example(&self, values: &[f64], rules: &[usize]) -> Option<Example> {
        let named = rules.iter().flat_map(|rule| self.rule(*rule).when.fields());
        let named = named.map(usize::from).collect();
        example(self.schema, values, &named)
    }

    /// An application for which the rule's condition holds.
    fn shown(&self, rule: usize, findings: &mut Vec<Finding>) -> Shown {
        match self.space.search(&[(&self.conditions[rule], Truths::TRUE)]) {
            Found::Example(values) => return Shown::By(values),
            Found::NotDecided => {
                let what = "whether its condition ever holds";
                findings.push(self.not_decided(rule, Question::EverTrue, what));
                return Shown::NotDecided;
            }
            Found::Nothing => {}
        }
        let message = format!(
            "{}: its condition never holds{}{}",
            self.quoted(rule),
            self.means_missing(rule),
            self.where_missing(rule)
        );
        let mut finding = self.finding(rule, Concern::NeverTrue, message);
        let fails = self
            .space
            .search(&[(&self.conditions[rule], Truths::FALSE)]);
        if let Found::Example(values) = fails {
            finding.example = self.example(&values, &[rule]);
        }
        findings.push(finding);
        Shown::Never
    }

    /// Says what a rule that does nothing else does where a field is missing.
    fn where_missing(&self, rule: usize) -> String {
        let acts = self.rule(rule).if_missing.outcome();
        let may_be_missing = [(&self.conditions[rule], Truths::MISSING)];
        match (acts, self.space.search(&may_be_missing)) {
            (Some(outcome), Found::Example(_)) => {
                format!(": it only {} where a field is missing", verb(outcome))
            }
            _ => String::new(),
        }
    }

    /// Says which number of the condition means that its field is missing.
    fn means_missing(&self, rule: usize) -> String {
        let mut atoms = self.conditions[rule].atoms();
        let means_missing = atoms.find_map(|atom| match *atom {
            Atom::Compare {
                variable,
                comparison: Comparison::Equal,
                number,
            } if self.space.domain(variable).never(number) => {
                let name = &self.schema.features.get(variable)?.name;
                Some(format!(
                    " ({} means that {name} is missing)",
                    number_text(number)
                ))
            }
            _ => None,
        });
        means_missing.unwrap_or_default()
    }

    /// Whether the rule matches every application.
    fn always_matches(&self, rule: usize) -> bool {
        self.space
            .search(&[(&self.conditions[rule], self.unmatched(rule))])
            == Found::Nothing
    }

    fn always(&self, rule: usize) -> Finding {
        let message = format!(
            "{} matches every application: it {} whoever applies",
            self.quoted(rule),
            verb(self.rule(rule).then)
        );
        self.finding(rule, Concern::AlwaysMatches, message)
    }

    /// Numbers that a field is compared with and never reaches.
    fn outside(&self, rule: usize, findings: &mut Vec<Finding>) {
        for atom in self.conditions[rule].atoms() {
            let Atom::Compare {
                variable, number, ..
            } = *atom
            else {
                continue;
            };
            let name = match self.schema.features.get(variable) {
                Some(feature) => &feature.name,
                None if variable == self.schema.features.len() => "probability",
                None => continue,
            };
            let (low, high) = self.range(variable);
            if low <= number && number <= high {
                continue;
            }
            let message = format!(
                "{}: {} is outside the range of {name}, {} to {}",
                self.quoted(rule),
                number_text(number),
                text(low),
                text(high),
            );
            let mut finding = self.finding(rule, Concern::OutsideRange { number }, message);
            let mut domain = self.space.domain(variable).clone();
            domain.missing = false;
            let nearest = number.clamp(domain.numbers.low, domain.numbers.high);
            let is_derived =
                (self.schema.features.get(variable)).is_some_and(|f| f.derived.is_some());
            // What a derived field comes to follows from the others.
            let narrowed = match is_derived {
                true => BTreeMap::new(),
                false => BTreeMap::from([(variable, domain.within(nearest, nearest))]),
            };
            if let Found::Example(values) = self.space.search_within(narrowed, &[]) {
                finding.example = self.example(&values, &[rule]);
            }
            findings.push(finding);
        }
    }

    /// The ends of a field's range as the schema gives them.
    fn range(&self, variable: usize) -> (f64, f64) {
        match self.schema.features.get(variable) {
            None => (0.0, 1.0),
            Some(feature) => {
                let range = feature.range().copied().unwrap_or_default();
                (
                    range.lower.map_or(f64::MIN, |bound| bound.value),
                    range.upper.map_or(f64::MAX, |bound| bound.value),
                )
            }
        }
    }

    /// Whether the band never refers: no score falls in it, or a rule matches whenever one does.
    fn band(&self) -> Option<Finding> {
        let band = self.file.policy.refer?;
        let probability = self.schema.features.len();
        let domain = self.space.domain(probability);
        let within = domain.within(band.from, band.to.next_down());
        let conditions = self.conditions.iter().enumerate();
        let wanted: Vec<_> = conditions
            .map(|(rule, one)| (one, self.unmatched(rule)))
            .collect();
        let (concern, message) = if !within.has_values() {
            let message = format!(
                "refer: the model gives no score in the band, only {} to {}",
                number_text(domain.numbers.low),
                number_text(domain.numbers.high)
            );
            (Concern::UnusedBand, message)
        } else if band.from <= domain.numbers.low && band.to >= domain.numbers.high {
            let message = format!(
                "refer: every score from {} to {} goes to a person, so that none decides",
                number_text(domain.numbers.low),
                number_text(domain.numbers.high)
            );
            (Concern::BandOfAllScores, message)
        } else {
            let narrowed = BTreeMap::from([(probability, within)]);
            match self.space.search_within(narrowed, &wanted) {
                Found::Example(_) => return None,
                Found::Nothing => (
                    Concern::UnusedBand,
                    "refer: the band never decides: a rule matches whenever a score falls in it"
                        .into(),
                ),
                Found::NotDecided => (
                    Concern::NotDecided(Question::BandUsed),
                    "refer: not decided whether the band ever decides".into(),
                ),
            }
        };
        Some(Finding {
            concern,
            rule: None,
            line: self.file.refer_position.map_or(1, |(line, _)| line),
            message,
            example: None,
        })
    }
}

/// Whether a rule's condition ever holds.
#[derive(PartialEq)]
enum Shown {
    /// It does, for this application.
    By(Vec<f64>),
    Never,
    NotDecided,
}

fn verb(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Approve => "approves",
        Outcome::Refer => "refers",
        Outcome::Decline => "declines",
    }
}

fn text(bound: f64) -> String {
    match bound.abs() == f64::MAX {
        true => "any".into(),
        false => number_text(bound),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use model_core::policy::Policy;

    use super::*;
    use crate::search::Looks;

    const SCHEMA: &str = r#"
name = "loans"
version = "1.0.0"
[[feature]]
name = "income"
type = "number"
minimum = 0
[[feature]]
name = "paid"
type = "boolean"
role = "target"
"#;
    const POLICY: &str = r#"
[policy]
version = "1"
[[rule]]
id = "low"
when = "income < 0"
then = "decline"
code = "K"
text = "t"
"#;

    /// Nothing is claimed of what nobody looked at.
    #[test]
    fn what_is_not_looked_at_is_not_decided() {
        let schema = Schema::from_toml(SCHEMA).unwrap();
        let file = Policy::from_toml(POLICY, &schema, &["en".into()]).unwrap();
        let mut checker = Checker::new(&file, &schema, Scores::ANY);
        assert_eq!(findings(&checker)[0].concern, Concern::NeverTrue);
        checker.space.looks = Looks::of(1);
        let found = findings(&checker);
        assert_eq!(found[0].concern, Concern::NotDecided(Question::EverTrue));
        assert!(found[0].message.ends_with("to look at all of them"));
    }

    /// What a condition computes counts, too: a long formula leaves less for the rules after it.
    #[test]
    fn the_operations_of_a_formula_are_looks() {
        let schema = Schema::from_toml(SCHEMA).unwrap();
        let looked_at = |formula: &str| {
            let formula = POLICY.replace("income < 0", formula);
            let (_, rule) = POLICY.split_once("version = \"1\"\n").unwrap();
            let policy = format!("{formula}{}", rule.replace("low", "after"));
            let file = Policy::from_toml(&policy, &schema, &["en".into()]).unwrap();
            let mut checker = Checker::new(&file, &schema, Scores::ANY);
            checker.space.looks = Looks::of(100);
            let concerns = findings(&checker).into_iter().map(|found| found.concern);
            concerns
                .filter(|concern| *concern == Concern::NeverTrue)
                .count()
        };
        assert_eq!(looked_at("income + income < 0"), 2);
        assert_eq!(
            looked_at(&format!("{} < 0", ["income"; 200].join(" + "))),
            1
        );
    }
}
