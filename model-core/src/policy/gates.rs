//! Ruling out many rules by one look at a value.
//!
//! Most rules match few applications, and many rules of a policy look at the same fields.
//! The gates of all conditions are grouped by the value that they look at. A group knows the
//! numbers that every gate of it refuses, so that a value among them closes all its rules at
//! once; else each gate is looked at. A sum or ratio that several rules compare from the same
//! side is computed once for all of them.

use super::Rule;
use crate::expression::{Expression, Gate, Gated, Op};

/// Groups and terms are looked for one by one at load; rules beyond are evaluated.
const MAX_GROUPS: usize = 256;
const MAX_TERMS: usize = 32;

/// The gates of all rules of a policy.
#[derive(Debug, Default)]
pub(super) struct Gates {
    groups: Vec<Group>,
    /// What is computed for gates, each once.
    terms: Vec<Expression>,
}

/// Gates that look at the same value from the same side.
#[derive(Debug)]
struct Group {
    of: Value,
    /// The least and the greatest number that some gate lets through.
    lowest: f64,
    highest: f64,
    gates: Vec<RuleGate>,
    /// The bits of its rules.
    rules: Vec<u64>,
}

/// Where a value is found.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Value {
    Field(usize),
    /// As an index of the terms.
    Term(usize),
}

#[derive(Debug)]
struct RuleGate {
    rule: usize,
    lowest: f64,
    highest: f64,
}

impl Gates {
    pub(super) fn new(rules: &[Rule]) -> Self {
        let mut gates = Self::default();
        let words = rules.len().div_ceil(64);
        for (place, rule) in rules.iter().enumerate() {
            rule.when.gates(&mut |gate| gates.add(place, gate, words));
        }
        gates
    }

    #[inline(never)]
    fn add(&mut self, rule: usize, gate: Gate<'_>, words: usize) {
        let Gate {
            of,
            lowest,
            highest,
        } = gate;
        let of = match of {
            Gated::Field(field) => Value::Field(field.into()),
            Gated::Term(term) => match self.term(term) {
                Some(place) => Value::Term(place),
                None => return,
            },
        };
        let is_bounded = (lowest.is_finite(), highest.is_finite());
        let found = self.groups.iter().position(|group| {
            group.of == of && (group.lowest.is_finite(), group.highest.is_finite()) == is_bounded
        });
        let at = found.unwrap_or(self.groups.len());
        if at == MAX_GROUPS {
            return;
        }
        if at == self.groups.len() {
            self.groups.push(Group {
                of,
                lowest,
                highest,
                gates: Vec::new(),
                rules: vec![0; words],
            });
        }
        let group = &mut self.groups[at];
        group.lowest = group.lowest.min(lowest);
        group.highest = group.highest.max(highest);
        group.gates.push(RuleGate {
            rule,
            lowest,
            highest,
        });
        group.rules[rule / 64] |= 1 << (rule % 64);
    }

    /// The index of a term; `None` where there are too many.
    fn term(&mut self, term: &[Op]) -> Option<usize> {
        let known = self.terms.iter().position(|known| known.ops() == term);
        let place = known.unwrap_or(self.terms.len());
        if place == MAX_TERMS {
            return None;
        }
        if place == self.terms.len() {
            self.terms.push(Expression::new(term.to_vec()));
        }
        Some(place)
    }

    /// Clears the bits of rules whose conditions are false for sure.
    pub(super) fn close(&self, values: &[f64], stack: &mut Vec<f64>, open: &mut [u64]) {
        for group in &self.groups {
            let value = match group.of {
                Value::Field(field) => values.get(field).copied().unwrap_or(f64::NAN),
                Value::Term(term) => self.terms[term].evaluate(values, stack),
            };
            // A missing value is in no order to a number: it closes nothing.
            if value < group.lowest || value > group.highest {
                for (open, rules) in open.iter_mut().zip(&group.rules) {
                    *open &= !rules;
                }
                continue;
            }
            for gate in &group.gates {
                if value < gate.lowest || value > gate.highest {
                    open[gate.rule / 64] &= !(1 << (gate.rule % 64));
                }
            }
        }
    }
}
