//! The questions that a policy is asked.

use std::collections::{BTreeMap, BTreeSet};

use model_core::expression::Span;
use model_core::policy::{Outcome, PolicyFile, Rule};
use model_core::schema::{FeatureKind, Schema};
use model_core::value::number_text;

use crate::condition::{Atom, Condition, Terms};
use crate::example::example;
use crate::finding::{Concern, Example, Finding, Question};
use crate::search::Found;
use crate::space::Space;
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
    let shown: Vec<Shown> = (0..rules)
        .map(|rule| checker.shown(rule, &mut findings))
        .collect();
    let dead: Vec<bool> = shown.iter().map(|one| *one == Shown::Never).collect();
    let always: Vec<bool> = (0..rules)
        .map(|rule| checker.always_matches(rule))
        .collect();
    (0..rules).for_each(|rule| checker.outside(rule, &mut findings));
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
        let message = format!(
            "{}: not decided {what}: its products, ratios or differences are beyond interval arithmetic",
            self.quoted(rule)
        );
        self.finding(rule, Concern::NotDecided(question), message)
    }

    fn example(&self, values: &[f64], rules: &[usize]) -> Option<Example> {
        let named = rules.iter().flat_map(|rule| self.rule(*rule).when.fields());
        let named = named.map(usize::from).collect();
        Some(example(self.schema, values, &named))
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
        Shown::Never
    }

    /// Whether the rule matches every application.
    fn always_matches(&self, rule: usize) -> bool {
        self.space
            .search(&[(&self.conditions[rule], self.unmatched(rule))])
            == Found::Nothing
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

    /// The first rule that always decides where this one matches; gives the pair.
    fn decided_by(
        &self,
        rule: usize,
        shown: &[Shown],
        always: &[bool],
        findings: &mut Vec<Finding>,
    ) -> Option<(usize, usize)> {
        let mut open = None;
        // Applications that this rule decides: what one of them shows needs no search.
        let mut decided: Vec<Vec<f64>> = match &shown[rule] {
            Shown::By(values) => vec![values.clone()],
            Shown::Never | Shown::NotDecided => Vec::new(),
        };
        let mut stack = Vec::new();
        for by in (0..shown.len()).filter(|by| *by != rule && shown[*by] != Shown::Never) {
            // Rules without a field in common say nothing about one another.
            if self.fields[rule].is_disjoint(&self.fields[by]) && !always[by] {
                continue;
            }
            let mut value =
                |of: usize, values: &[f64]| self.rule(of).when.evaluate(values, &mut stack);
            if decided.iter().any(|values| {
                let by_value = value(by, values);
                self.is_weaker(by, by_value, rule, value(rule, values))
            }) {
                continue;
            }
            match self.covers(by, rule) {
                Covers::Always => {
                    // Of two that cover each other, the first stays.
                    if by > rule && self.covers(rule, by) == Covers::Always {
                        continue;
                    }
                    findings.push(self.decided(rule, by, &shown[rule]));
                    return Some((rule, by));
                }
                Covers::NotDecided => open = open.or(Some(by)),
                Covers::Not(values) => decided.push(values),
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

    fn decided(&self, rule: usize, by: usize, shown: &Shown) -> Finding {
        let (this, other) = (self.quoted(rule), self.quoted(by));
        let does = verb(self.rule(by).then);
        let (concern, message) = match self.overrules(by, rule) {
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
        if let Shown::By(values) = shown {
            finding.example = self.example(values, &[rule, by]);
        }
        finding
    }

    /// Whether `by` matches whenever `rule` does, and is at least as strict then. Of an
    /// approval and a stricter rule, only where the approval's condition holds.
    fn covers(&self, by: usize, rule: usize) -> Covers {
        let mut covers = Covers::Always;
        for way in [1.0, f64::NAN] {
            let weaker = self.truths_if(|other| self.is_weaker(by, other, rule, way));
            let wanted = [
                (&self.conditions[rule], Truths::of_value(way)),
                (&self.conditions[by], weaker),
            ];
            match self.space.search(&wanted) {
                Found::Example(values) => return Covers::Not(values),
                Found::NotDecided => covers = Covers::NotDecided,
                Found::Nothing => {}
            }
        }
        covers
    }

    /// Whether `by` with a condition of this value leaves something to `rule` to decide.
    fn is_weaker(&self, by: usize, by_value: f64, rule: usize, value: f64) -> bool {
        let Some(outcome) = self.rule(rule).outcome(value) else {
            return false;
        };
        let other = self.rule(by).outcome(by_value);
        match self.overrules(by, rule) {
            true => value == 1.0 && other.is_none_or(|other| other == Outcome::Approve),
            false => other.is_none_or(|other| other < outcome),
        }
    }

    /// Whether it is a question of an approval and a stricter rule.
    fn overrules(&self, by: usize, rule: usize) -> bool {
        self.rule(rule).then == Outcome::Approve && self.rule(by).then != Outcome::Approve
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

/// Whether a rule's condition ever holds.
#[derive(PartialEq)]
enum Shown {
    /// It does, for this application.
    By(Vec<f64>),
    Never,
    NotDecided,
}

/// Whether a rule always decides where another matches.
#[derive(PartialEq)]
enum Covers {
    Always,
    /// Not for this application.
    Not(Vec<f64>),
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
