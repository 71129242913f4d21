//! Evaluating a program: one stack of `f64`, NaN for missing.

use super::{Arithmetic, Expression, Op};

impl Expression {
    /// The value for an application: a number, or 1 and 0 for a condition that holds and
    /// one that does not; NaN when it is missing.
    ///
    /// `values` holds a value for each feature of the schema, in the model's terms, then
    /// the probability; NaN is missing. `stack` is scratch memory.
    ///
    /// Never inlined, for the module's size: rules and derived fields share it.
    #[must_use]
    #[inline(never)]
    pub fn evaluate(&self, values: &[f64], stack: &mut Vec<f64>) -> f64 {
        // The result of the operation before is kept out of the stack's memory: half of
        // the operations replace it at once.
        stack.clear();
        let mut top = f64::NAN;
        let value = |field: u16| values.get(usize::from(field)).copied().unwrap_or(f64::NAN);
        for op in &self.ops {
            if op.operands() == 0 {
                stack.push(top);
            }
            top = match *op {
                Op::Number(number) => number,
                Op::Field(field) => value(field),
                Op::Bound {
                    field,
                    comparison,
                    number,
                } => condition(comparison.holds(value(field), number), value(field), number),
                Op::In { field, word, mask } => {
                    let code = value(field);
                    condition(is_in(code, word, mask), code, code)
                }
                Op::Arithmetic(Arithmetic::Negate) => -top,
                Op::Arithmetic(Arithmetic::Logarithm) => finite(libm::log(top)),
                Op::Arithmetic(arithmetic) => binary(arithmetic, pop(stack), top),
                Op::Compare(comparison) => {
                    let left = pop(stack);
                    condition(comparison.holds(left, top), left, top)
                }
                Op::Not => 1.0 - top,
                Op::And => {
                    let left = pop(stack);
                    if left == 0.0 || top == 0.0 {
                        0.0
                    } else {
                        left * top
                    }
                }
                Op::Or => {
                    let left = pop(stack);
                    if left == 1.0 || top == 1.0 {
                        1.0
                    } else {
                        left + top
                    }
                }
            };
        }
        top
    }
}

/// `number` rounded to so many decimals: `number * 10^decimals` to the nearest whole
/// number, ties to the even one, divided by `10^decimals`. NaN where that overflows.
#[must_use]
pub fn round(number: f64, decimals: u8) -> f64 {
    // Powers of ten are exact up to 10^22.
    let power = (0..decimals).fold(1.0, |power, _| power * 10.0);
    finite((number * power).round_ties_even() / power)
}

fn binary(arithmetic: Arithmetic, left: f64, right: f64) -> f64 {
    finite(match arithmetic {
        Arithmetic::Add => left + right,
        Arithmetic::Subtract => left - right,
        Arithmetic::Multiply => left * right,
        Arithmetic::Divide => left / right,
        // Not `f64::min`: that one ignores what is missing.
        Arithmetic::Minimum if left.is_nan() || right.is_nan() => f64::NAN,
        Arithmetic::Minimum => left.min(right),
        Arithmetic::Maximum if left.is_nan() || right.is_nan() => f64::NAN,
        Arithmetic::Maximum => left.max(right),
        Arithmetic::Negate | Arithmetic::Logarithm => f64::NAN,
    })
}

fn is_in(code: f64, word: u16, mask: u64) -> bool {
    let code = code as u32;
    code >> 6 == u32::from(word) && mask >> (code & 63) & 1 == 1
}

/// 1 or 0, or NaN where something that was compared is missing.
fn condition(holds: bool, left: f64, right: f64) -> f64 {
    if left.is_nan() || right.is_nan() {
        f64::NAN
    } else {
        f64::from(u8::from(holds))
    }
}

/// A result beyond `f64` is missing, a division by 0 among them.
fn finite(number: f64) -> f64 {
    if number.is_finite() { number } else { f64::NAN }
}

fn pop(stack: &mut Vec<f64>) -> f64 {
    stack.pop().unwrap_or(f64::NAN)
}
