//! What most applications fail: one comparison without which a condition cannot hold.
//!
//! A rule is often a chain of `and`, and mostly does not match. A comparison in the chain that
//! is false makes the chain false, whatever the rest is, missing or not: it is looked at before
//! the program is run, which then seldom is.

use super::{Comparison, Expression, Op};

/// The numbers of a field outside of which the condition is false.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Gate {
    field: u16,
    lowest: f64,
    highest: f64,
}

impl Gate {
    /// The last comparison of a field with a number in a chain of `and`, if there is one.
    pub(super) fn new(ops: &[Op]) -> Option<Self> {
        // From the end, operators come before their operands: whether each operand that is
        // still to come must hold.
        let mut needed = vec![true];
        for op in ops.iter().rev() {
            let is_needed = needed.pop()?;
            match *op {
                Op::Bound {
                    field,
                    comparison,
                    number,
                } if is_needed && comparison != Comparison::NotEqual => {
                    return Some(Self::within(field, comparison, number));
                }
                Op::And => needed.extend([is_needed; 2]),
                _ => needed.extend([false, false].iter().take(op.operands())),
            }
        }
        None
    }

    fn within(field: u16, comparison: Comparison, number: f64) -> Self {
        let (below, above) = (f64::NEG_INFINITY, f64::INFINITY);
        let (lowest, highest) = match comparison {
            Comparison::Less => (below, number.next_down()),
            Comparison::LessOrEqual => (below, number),
            Comparison::Greater => (number.next_up(), above),
            Comparison::GreaterOrEqual => (number, above),
            Comparison::Equal => (number, number),
            Comparison::NotEqual => (below, above),
        };
        Self {
            field,
            lowest,
            highest,
        }
    }
}

impl Expression {
    /// Whether the condition is false for sure; a missing value does not tell.
    #[inline]
    pub(super) fn is_ruled_out(&self, values: &[f64]) -> bool {
        self.gate.is_some_and(|gate| {
            let value = values.get(usize::from(gate.field));
            value.is_some_and(|value| *value < gate.lowest || *value > gate.highest)
        })
    }
}
