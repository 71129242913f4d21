//! What a condition needs: intervals outside of which it is false, whatever else came.
//!
//! A rule is often a chain of `and`, and mostly does not match. A part of the chain that is
//! false makes the chain false, whatever the rest is, missing or not.

use super::{Comparison, Expression, Op};

/// Gates of one condition; the rest of a longer chain is left to its evaluation.
const MAX_GATES: usize = 4;

/// A value that must not lie outside an interval: the condition is false then. A missing
/// value does not tell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Gate {
    /// What is looked at.
    pub(crate) of: Gated,
    /// The least number that may hold, or minus infinity.
    pub(crate) lowest: f64,
    /// The greatest number that may hold, or infinity.
    pub(crate) highest: f64,
}

/// What a gate looks at.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Gated {
    /// A field's value.
    Field(u16),
    /// What an expression over several fields comes to.
    Term(Expression),
}

impl Expression {
    /// The gates of a condition: at most four over fields, or one over a term where there
    /// are none, since terms have to be computed.
    pub(crate) fn gates(&self) -> Vec<Gate> {
        let mut gates = Vec::new();
        let mut term = None;
        // From the end, operators come before their operands: whether each operand that is
        // still to come must hold.
        let mut needed = vec![true];
        for (at, op) in self.ops.iter().enumerate().rev() {
            let is_needed = needed.pop().unwrap_or(false);
            match op {
                Op::And => needed.extend([is_needed; 2]),
                _ => needed.extend([false, false].iter().take(op.operands())),
            }
            match (is_needed, op) {
                (true, Op::Compare(comparison)) if term.is_none() => {
                    term = self.term_gate(at, *comparison);
                }
                (true, op) if gates.len() < MAX_GATES => gates.extend(Gate::of_field(op)),
                _ => {}
            }
        }
        if gates.is_empty() {
            gates.extend(term);
        }
        gates
    }

    /// The gate of the comparison at `at`, where its right side is a number.
    fn term_gate(&self, at: usize, comparison: Comparison) -> Option<Gate> {
        let right = at.checked_sub(1)?;
        let Op::Number(number) = *self.ops.get(right)? else {
            return None;
        };
        let mut operands = 1;
        let mut start = right;
        while operands > 0 {
            start = start.checked_sub(1)?;
            operands = operands - 1 + self.ops[start].operands();
        }
        let ops = self.ops[start..right].to_vec();
        Gate::new(Gated::Term(Self::new(ops)), comparison, number)
    }
}

impl Gate {
    fn new(of: Gated, comparison: Comparison, number: f64) -> Option<Self> {
        let (below, above) = (f64::NEG_INFINITY, f64::INFINITY);
        let (lowest, highest) = match comparison {
            Comparison::Less => (below, number.next_down()),
            Comparison::LessOrEqual => (below, number),
            Comparison::Greater => (number.next_up(), above),
            Comparison::GreaterOrEqual => (number, above),
            Comparison::Equal => (number, number),
            Comparison::NotEqual => return None,
        };
        Some(Self {
            of,
            lowest,
            highest,
        })
    }

    /// The gate of a part that reads one field.
    fn of_field(op: &Op) -> Option<Self> {
        match *op {
            // A boolean field: it holds where it is 1.
            Op::Field(field) => Self::new(Gated::Field(field), Comparison::Equal, 1.0),
            Op::Bound {
                field,
                comparison,
                number,
            } => Self::new(Gated::Field(field), comparison, number),
            // From the first category of the set to the last.
            Op::In { field, word, mask } => {
                let first = f64::from(word) * 64.0;
                Some(Self {
                    of: Gated::Field(field),
                    lowest: first + f64::from(mask.trailing_zeros()),
                    highest: first + 63.0 - f64::from(mask.leading_zeros()),
                })
            }
            _ => None,
        }
    }
}
