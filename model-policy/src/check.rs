//! The questions that a policy is asked.

use std::collections::{BTreeMap, BTreeSet};

use model_core::expression::Span;
use model_core::policy::{Outcome, PolicyFile, Rule};
use model_core::schema::{FeatureKind, Schema};
use model_core::value::number_text;

use crate::condition::{Atom, Condition, Terms};
use crate::domain::{domains, example as usual};
use crate::example::example;
use crate::finding::{Concern, Example, Finding, Question};
use crate::search::{Found, Space};
use crate::truth::Truths;

/// The probabilities that the model can give.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scores {
    /// The lowest, 0 to 1.
    pub lowest: f64,
    /// The highest, 0 to 1.
    pub highest: f64,
}

impl Scores {
    /// Those of a model that is not known.
    pub const ANY: Self = Self {
        lowest: 0.0,
        highest: 1.0,
    };
}

/// What is doubtful about a policy, in the order of its rules.
///
/// Rules of one condition and outcome are reported once, at the later one.
#[must_use]
pub fn check(file: &PolicyFile, schema: &Schema, scores: Scores) -> Vec<Finding> {
    let checker = Checker::new(file, schema, scores);
    let mut findings = Vec::new();
    findings.extend(checker.band());
    let rules = file.policy.rules.len();
    let dead: Vec<bool> = (0..rules)
        .map(|rule| checker.dead(rule, &mut findings))
        .collect();
    let always: Vec<bool> = (0..rules)
        .map(|rule| checker.always_matches(rule))
        .collect();
    (0..rules).for_each(|rule| checker.outside(rule, &mut findings));
    let mut decided = BTreeSet::new();
    for rule in (0..rules).filter(|rule| !dead[*rule]) {
        decided.extend(checker.decided_by(rule, &dead, &always, &mut findings));
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
    space: Space,
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
        let fields = file.policy.rules.iter();
        let fields = fields.map(|rule| rule.when.fields().into_iter().map(usize::from).collect());
        let fields = fields.collect();
        let probability = Span::new(scores.lowest, scores.highest);
        let examples = schema.features.iter().map(usual).chain([Some(0.5)]);
        Self {
            file,
            schema,
            space: Space::new(
                domains(schema, probability),
                examples.collect(),
                terms.terms,
            ),
            conditions,
            fields,
        }
    }

    fn rule(&self, place: usize) -> &Rule {
        &self.file.policy.rules[place]
    }

    fn quoted(&self, place: usize) -> String {
        format!("rule '{}'", self.rule(place).id)
    }

    /// The truths with which a rule's outcome is one that `holds` says; `None` stands for
    /// a rule that does not match.
    fn truths(&self, rule: usize, holds: impl Fn(Option<Outcome>) -> bool) -> Truths {
        let of = |truth: Truths, value: f64| truth.when(holds(self.rule(rule).outcome(value)));
        of(Truths::TRUE, 1.0)
            .or(of(Truths::FALSE, 0.0))
            .or(of(Truths::MISSING, f64::NAN))
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
        let message = format!(
            "{}: not decided {what}: its products, ratios or differences are beyond interval arithmetic",
            self.quoted(rule)
        );
        self.finding(rule, Concern::NotDecided(question), message)
    }

    fn example(&self, values: &[f64], rules: &[usize]) -> Option<Example> {
        let probability = self.schema.features.len();
        let shows = rules
            .iter()
            .any(|rule| self.fields[*rule].contains(&probability));
        Some(example(self.schema, values, shows))
    }

    /// Whether the rule's condition never holds.
    fn dead(&self, rule: usize, findings: &mut Vec<Finding>) -> bool {
        match self.space.search(&[(&self.conditions[rule], Truths::TRUE)]) {
            Found::Example(_) => return false,
            Found::NotDecided => {
                let what = "whether its condition ever holds";
                findings.push(self.not_decided(rule, Question::EverTrue, what));
                return false;
            }
            Found::Nothing => {}
        }
        let acts = self.rule(rule).if_missing.outcome();
        let may_be_missing = [(&self.conditions[rule], Truths::MISSING)];
        let missing = match (acts, self.space.search(&may_be_missing)) {
            (Some(outcome), Found::Example(_)) => {
                format!(": it only {} where a field is missing", verb(outcome))
            }
            _ => String::new(),
        };
        let message = format!("{}: its condition never holds{missing}", self.quoted(rule));
        let mut finding = self.finding(rule, Concern::NeverTrue, message);
        let fails = self
            .space
            .search(&[(&self.conditions[rule], Truths::FALSE)]);
        if let Found::Example(values) = fails {
            finding.example = self.example(&values, &[rule]);
        }
        findings.push(finding);
        true
    }

    /// Whether the rule matches every application.
    fn always_matches(&self, rule: usize) -> bool {
        let not = self.truths(rule, |outcome| outcome.is_none());
        self.space.search(&[(&self.conditions[rule], not)]) == Found::Nothing
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
            let narrowed = BTreeMap::from([(variable, domain.within(nearest, nearest))]);
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

    /// The first rule that always decides where this one matches; gives the pair.
    fn decided_by(
        &self,
        rule: usize,
        dead: &[bool],
        always: &[bool],
        findings: &mut Vec<Finding>,
    ) -> Option<(usize, usize)> {
        let mut open = None;
        for by in (0..dead.len()).filter(|by| *by != rule && !dead[*by]) {
            // Rules without a field in common say nothing about one another.
            if self.fields[rule].is_disjoint(&self.fields[by]) && !always[by] {
                continue;
            }
            match self.covers(by, rule) {
                Covers::Always(values) => {
                    // Of two that cover each other, the first stays.
                    if by > rule && matches!(self.covers(rule, by), Covers::Always(_)) {
                        continue;
                    }
                    findings.push(self.decided(rule, by, values));
                    return Some((rule, by));
                }
                Covers::NotDecided => open = open.or(Some(by)),
                Covers::Not => {}
            }
        }
        if let Some(by) = open {
            let what = format!(
                "whether {} always decides where it matches",
                self.quoted(by)
            );
            findings.push(self.not_decided(rule, Question::Shadowed { by }, &what));
        }
        None
    }

    fn decided(&self, rule: usize, by: usize, values: Option<Vec<f64>>) -> Finding {
        let (this, other) = (self.quoted(rule), self.quoted(by));
        let does = verb(self.rule(by).then);
        let overrules =
            self.rule(rule).then == Outcome::Approve && self.rule(by).then != Outcome::Approve;
        let (concern, message) = match overrules {
            true => (
                Concern::ApproveNeverActs { by },
                format!("{this} never approves: whenever it matches, {other} does too and {does}"),
            ),
            false => (
                Concern::Shadowed { by },
                format!("{this} never decides: whenever it matches, {other} does too and {does}"),
            ),
        };
        let mut finding = self.finding(rule, concern, message);
        finding.example = values.and_then(|values| self.example(&values, &[rule, by]));
        finding
    }

    /// Whether `by` matches whenever `rule` does, and is at least as strict then. Of an
    /// approval and a stricter rule, only where the approval's condition holds.
    fn covers(&self, by: usize, rule: usize) -> Covers {
        let approves = self.rule(rule).then == Outcome::Approve;
        let overrules = approves && self.rule(by).then != Outcome::Approve;
        let ways = match overrules {
            true => vec![1.0],
            false => vec![1.0, f64::NAN],
        };
        let mut is_decided = true;
        for way in ways {
            let Some(outcome) = self.rule(rule).outcome(way) else {
                continue;
            };
            let weaker = |other: Option<Outcome>| match overrules {
                true => other.is_none_or(|other| other == Outcome::Approve),
                false => other.is_none_or(|other| other < outcome),
            };
            let wanted = [
                (&self.conditions[rule], Truths::of_value(way)),
                (&self.conditions[by], self.truths(by, weaker)),
            ];
            match self.space.search(&wanted) {
                Found::Example(_) => return Covers::Not,
                Found::NotDecided => is_decided = false,
                Found::Nothing => {}
            }
        }
        if !is_decided {
            return Covers::NotDecided;
        }
        match self.space.search(&[(&self.conditions[rule], Truths::TRUE)]) {
            Found::Example(values) => Covers::Always(Some(values)),
            Found::Nothing | Found::NotDecided => Covers::Always(None),
        }
    }

    /// The rules that are stricter than this approval on some application.
    fn contradictions(
        &self,
        rule: usize,
        dead: &[bool],
        decided: &BTreeSet<(usize, usize)>,
        findings: &mut Vec<Finding>,
    ) {
        if self.rule(rule).then != Outcome::Approve {
            return;
        }
        for other in (0..dead.len()).filter(|other| !dead[*other]) {
            let stricter = self.rule(other).then;
            if stricter == Outcome::Approve || decided.contains(&(rule, other)) {
                continue;
            }
            let wanted = [
                (&self.conditions[rule], Truths::TRUE),
                (&self.conditions[other], Truths::TRUE),
            ];
            let (this, that) = (self.quoted(rule), self.quoted(other));
            match self.space.search(&wanted) {
                Found::Example(values) => {
                    let does = verb(stricter);
                    let message =
                        format!("{this} approves what {that} {does}; the stricter one decides");
                    let mut finding = self.finding(rule, Concern::Contradicts { other }, message);
                    finding.example = self.example(&values, &[rule, other]);
                    findings.push(finding);
                }
                Found::NotDecided => {
                    let what = format!("whether it approves what {that} does not");
                    let question = Question::Overlap { other };
                    findings.push(self.not_decided(rule, question, &what));
                }
                Found::Nothing => {}
            }
        }
    }

    /// Whether the band never refers: no score falls in it, or a rule matches whenever one does.
    fn band(&self) -> Option<Finding> {
        let band = self.file.policy.refer?;
        let probability = self.schema.features.len();
        let domain = self.space.domain(probability);
        let within = domain.within(band.from, band.to.next_down());
        let none = |rule| self.truths(rule, |outcome| outcome.is_none());
        let conditions = self.conditions.iter().enumerate();
        let wanted: Vec<_> = conditions.map(|(rule, one)| (one, none(rule))).collect();
        let (concern, message) = if !within.has_values() {
            let message = format!(
                "refer: the model gives no score in the band, only {} to {}",
                number_text(domain.numbers.low),
                number_text(domain.numbers.high)
            );
            (Concern::UnusedBand, message)
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
            line: self.file.refer_line.unwrap_or(1),
            message,
            example: None,
        })
    }
}

enum Covers {
    /// With an application that both match.
    Always(Option<Vec<f64>>),
    Not,
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
