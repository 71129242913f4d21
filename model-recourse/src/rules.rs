//! Which rules stand in the way of a whole box: three-valued logic over what fields can be.

use crate::axis::Axis;
use crate::reach::Inputs;
use model_core::decide::Decider;
use model_core::expression::{Comparison, Op, Span, arithmetic_span};
use model_core::policy::{Outcome, Policy};
use model_core::schema::Schema;

/// What the rules say about a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A rule refers or declines every application in it.
    Blocked,
    /// A rule may approve whatever the score says.
    MayOverrule,
    /// The score decides where no rule refers or declines.
    Open,
}

/// What the rules say about a box; `probability` is the greatest in it.
pub(super) fn verdict(
    decider: &Decider,
    axes: &[Axis],
    inputs: &Inputs,
    probability: f64,
) -> Verdict {
    let artifact = decider.artifact();
    let Some(policy) = &artifact.policy else {
        return Verdict::Open;
    };
    let fields = Fields {
        schema: &artifact.schema,
        axes,
        inputs,
        probability: Span::new(0.0, probability.max(0.0)),
    };
    fields.verdict(policy)
}

struct Fields<'b> {
    schema: &'b Schema,
    axes: &'b [Axis],
    inputs: &'b Inputs,
    probability: Span,
}

/// What a condition can be.
#[derive(Debug, Clone, Copy, Default)]
struct Truth {
    no: bool,
    yes: bool,
    missing: bool,
}

impl Fields<'_> {
    fn verdict(&self, policy: &Policy) -> Verdict {
        let mut verdict = Verdict::Open;
        for rule in &policy.rules {
            let truth = truth_of(self.evaluate(rule.when.ops()));
            let if_missing = rule.if_missing.outcome();
            if rule.then == Outcome::Approve {
                if truth.yes {
                    verdict = Verdict::MayOverrule;
                }
            } else if !(truth.no || (truth.missing && if_missing.is_none())) {
                return Verdict::Blocked;
            }
        }
        verdict
    }

    fn field(&self, place: u16) -> Span {
        let seen = self.inputs.seen.get(usize::from(place)).copied();
        seen.unwrap_or(self.probability)
    }

    fn evaluate(&self, ops: &[Op]) -> Span {
        let mut stack: Vec<Span> = Vec::new();
        for op in ops {
            let right = match op.operands() {
                0 => Span::NEVER,
                _ => stack.pop().unwrap_or(Span::NEVER),
            };
            let left = match op.operands() {
                2 => stack.pop().unwrap_or(Span::NEVER),
                _ => Span::NEVER,
            };
            let (a, b) = (truth_of(left), truth_of(right));
            stack.push(match *op {
                Op::Number(number) => Span::new(number, number),
                Op::Field(place) => self.field(place),
                Op::Bound {
                    field,
                    comparison,
                    number,
                } => compare(comparison, self.field(field), Span::new(number, number)),
                Op::In { field, word, mask } => self.is_in(field, word, mask),
                Op::Arithmetic(arithmetic) => arithmetic_span(arithmetic, left, right),
                Op::Compare(comparison) => compare(comparison, left, right),
                Op::Not => span_of(Truth {
                    no: b.yes,
                    yes: b.no,
                    ..b
                }),
                Op::And => span_of(Truth {
                    no: a.no || b.no,
                    yes: a.yes && b.yes,
                    missing: (a.missing && (b.yes || b.missing)) || (b.missing && a.yes),
                }),
                Op::Or => span_of(Truth {
                    no: a.no && b.no,
                    yes: a.yes || b.yes,
                    missing: (a.missing && (b.no || b.missing)) || (b.missing && a.no),
                }),
            });
        }
        stack.pop().unwrap_or(Span::NEVER)
    }

    fn is_in(&self, field: u16, word: u16, mask: u64) -> Span {
        let seen = self.field(field);
        let feature = usize::from(field);
        // An axis has at most 64 codes; another field has one.
        let axis = self.axes.iter().find(|axis| axis.feature == feature);
        let codes = match (axis, self.schema.features.get(feature)) {
            (Some(axis), Some(_)) => self.inputs.reach[axis.input].codes,
            _ if seen.is_empty() || seen.low as u32 >> 6 != u32::from(word) => 0,
            _ => 1 << (seen.low as u32 & 63),
        };
        let mask = match axis {
            Some(_) if word > 0 => 0,
            _ => mask,
        };
        span_of(Truth {
            yes: codes & mask != 0,
            no: codes & !mask != 0 || (codes == 0 && !seen.is_empty()),
            missing: seen.missing,
        })
    }
}

/// What a comparison of numbers can give.
fn compare(comparison: Comparison, left: Span, right: Span) -> Span {
    let missing = left.missing || right.missing;
    if left.is_empty() || right.is_empty() {
        return span_of(Truth {
            missing,
            ..Truth::default()
        });
    }
    let is_point = left.low == left.high && right.low == right.high && left.low == right.low;
    let overlap = left.low <= right.high && right.low <= left.high;
    let (yes, no) = match comparison {
        Comparison::Less => (left.low < right.high, left.high >= right.low),
        Comparison::LessOrEqual => (left.low <= right.high, left.high > right.low),
        Comparison::Greater => (left.high > right.low, left.low <= right.high),
        Comparison::GreaterOrEqual => (left.high >= right.low, left.low < right.high),
        Comparison::Equal => (overlap, !is_point),
        Comparison::NotEqual => (!is_point, overlap),
    };
    span_of(Truth { yes, no, missing })
}

fn truth_of(span: Span) -> Truth {
    Truth {
        no: span.contains(0.0),
        yes: span.contains(1.0),
        missing: span.missing,
    }
}

fn span_of(truth: Truth) -> Span {
    let (low, high) = match (truth.no, truth.yes) {
        (true, true) => (0.0, 1.0),
        (true, false) => (0.0, 0.0),
        (false, true) => (1.0, 1.0),
        (false, false) => (f64::INFINITY, f64::NEG_INFINITY),
    };
    Span {
        low,
        high,
        missing: truth.missing,
    }
}
