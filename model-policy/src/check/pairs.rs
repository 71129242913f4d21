//! What two rules are to each other: one always decides for the other, or they contradict.

use std::collections::BTreeSet;

use model_core::policy::Outcome;

use super::{Checker, Shown, verb};
use crate::finding::{Concern, Finding, Question};
use crate::search::Found;
use crate::truth::Truths;

impl Checker<'_> {
    /// The first rule that always decides where this one matches; gives the pair.
    pub(super) fn decided_by(
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
                format!(
                    "{this} never approves: whenever its condition holds, {other} matches too and \
                     {does}{}",
                    self.where_missing(rule)
                ),
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
    pub(super) fn contradictions(
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
}

/// Whether a rule always decides where another matches.
#[derive(PartialEq)]
enum Covers {
    Always,
    /// Not for this application.
    Not(Vec<f64>),
    NotDecided,
}
