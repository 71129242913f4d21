//! What a condition needs: intervals outside of which it is false, whatever else came.
//!
//! A rule is often a chain of `and`, and mostly does not match. A part of the chain that is
//! false makes the chain false, whatever the rest is, missing or not.

use super::{Comparison, Expression, Op};

/// Gates over fields that one condition may have: a longer chain is left to its evaluation.
const MAX_GATES: usize = 4;

/// A value that must not lie outside an interval: the condition is false then. A missing
/// value does not tell.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gate<'e> {
    /// What is looked at.
    pub(crate) of: Gated<'e>,
    /// The least number that may hold, or minus infinity.
    pub(crate) lowest: f64,
    /// The greatest number that may hold, or infinity.
    pub(crate) highest: f64,
}

/// What a gate looks at.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Gated<'e> {
    /// A field's value.
    Field(u16),
    /// What a program over several fields comes to.
    Term(&'e [Op]),
}

impl Expression {
    /// The gates of a condition, the last first: those over fields, or where there are none
    /// one over a term, since terms have to be computed.
    #[inline(never)]
    pub(crate) fn gates(&self, found: &mut dyn FnMut(Gate<'_>)) {
        let mut term = None;
        let mut over_fields = 0;
        let mut rest = self.ops.as_slice();
        // Parts of the chain that are still to come; each stands right before the one that
        // was read, and an `and` is two of them.
        let mut parts = 1;
        while parts > 0 {
            let Some((last, before)) = rest.split_last() else {
                return;
            };
            if *last == Op::And {
                parts += 1;
                rest = before;
                continue;
            }
            let (before, part) = rest.split_at(start_of_last(rest));
            match Gate::new(part) {
                Some(gate) if matches!(gate.of, Gated::Term(_)) => term = Some(gate),
                Some(gate) if over_fields < MAX_GATES => {
                    found(gate);
                    over_fields += 1;
                }
                _ => {}
            }
            parts -= 1;
            rest = before;
        }
        if let Some(term) = term.filter(|_| over_fields == 0) {
            found(term);
        }
    }
}

/// Where the last of the operands that a program leaves begins.
fn start_of_last(ops: &[Op]) -> usize {
    let mut operands = 1;
    let mut start = ops.len();
    while operands > 0 && start > 0 {
        start -= 1;
        operands = operands - 1 + ops[start].operands();
    }
    start
}

impl<'e> Gate<'e> {
    /// The gate of one part of a chain.
    fn new(part: &'e [Op]) -> Option<Self> {
        let (of, comparison, number) = match *part {
            // A boolean field: it holds where it is 1.
            [Op::Field(field)] => (Gated::Field(field), Comparison::Equal, 1.0),
            [
                Op::Bound {
                    field,
                    comparison,
                    number,
                },
            ] => (Gated::Field(field), comparison, number),
            [ref term @ .., Op::Number(number), Op::Compare(comparison)] => {
                (Gated::Term(term), comparison, number)
            }
            // From the first category of the set to the last.
            [Op::In { field, word, mask }] => {
                let first = f64::from(word) * 64.0;
                return Some(Self {
                    of: Gated::Field(field),
                    lowest: first + f64::from(mask.trailing_zeros()),
                    highest: first + 63.0 - f64::from(mask.leading_zeros()),
                });
            }
            _ => return None,
        };
        let (mut lowest, mut highest) = (f64::NEG_INFINITY, f64::INFINITY);
        match comparison {
            Comparison::Less => highest = number.next_down(),
            Comparison::LessOrEqual => highest = number,
            Comparison::Greater => lowest = number.next_up(),
            Comparison::GreaterOrEqual => lowest = number,
            Comparison::Equal => (lowest, highest) = (number, number),
            Comparison::NotEqual => return None,
        }
        Some(Self {
            of,
            lowest,
            highest,
        })
    }
}
