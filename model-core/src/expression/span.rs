//! Interval arithmetic: which results an expression can have where its fields are
//! somewhere in given intervals. For the tools that check rules; the module never asks.
//!
//! Rounding to nearest never turns an order around, so the ends computed in `f64` are the
//! ends of what [`Expression::evaluate`](super::Expression::evaluate) gives, as long as
//! every field is named once; where one is named more often, the true results lie inside.

use super::{Arithmetic, Op};

/// The finite numbers from `low` to `high`, both included; none where `low > high`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// The smallest.
    pub low: f64,
    /// The largest.
    pub high: f64,
    /// Whether the result may also be missing.
    pub missing: bool,
}

/// The smallest number above 0.
const TINY: f64 = f64::from_bits(1);

impl Span {
    /// No number.
    pub const NEVER: Self = Self {
        low: f64::INFINITY,
        high: f64::NEG_INFINITY,
        missing: false,
    };

    /// The numbers from `low` to `high`.
    #[must_use]
    pub fn new(low: f64, high: f64) -> Self {
        Self {
            low,
            high,
            missing: false,
        }
    }

    /// Whether there is no number in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.low > self.high
    }

    /// Whether `number` is in it.
    #[must_use]
    pub fn contains(&self, number: f64) -> bool {
        self.low <= number && number <= self.high
    }

    /// The numbers of both, missing where both may be.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            low: self.low.max(other.low),
            high: self.high.min(other.high),
            missing: self.missing && other.missing,
        }
    }

    /// The numbers from the lower end of either to the higher.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            low: self.low.min(other.low),
            high: self.high.max(other.high),
            missing: self.missing || other.missing,
        }
    }

    /// With the results beyond `f64` as missing ones.
    fn finite(self) -> Self {
        if self.is_empty() {
            return Self {
                missing: self.missing,
                ..Self::NEVER
            };
        }
        let overflows = !self.low.is_finite() || !self.high.is_finite();
        let low = self.low.max(f64::MIN);
        let high = self.high.min(f64::MAX);
        Self {
            low,
            high,
            missing: self.missing || overflows,
        }
    }

    fn negate(self) -> Self {
        Self {
            low: -self.high,
            high: -self.low,
            ..self
        }
    }

    /// Between the results of the ends with the ends.
    fn corners(self, other: Self, of: fn(f64, f64) -> f64) -> Self {
        let missing = self.missing || other.missing;
        if self.is_empty() || other.is_empty() {
            return Self {
                missing,
                ..Self::NEVER
            };
        }
        let corners = [
            of(self.low, other.low),
            of(self.low, other.high),
            of(self.high, other.low),
            of(self.high, other.high),
        ];
        Self {
            low: corners.iter().copied().fold(f64::INFINITY, f64::min),
            high: corners.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            missing,
        }
        .finite()
    }

    fn divide(self, by: Self) -> Self {
        let quotient = |divisor: Self| self.corners(divisor, |a, b| a / b);
        let below = quotient(by.and(Self::new(f64::MIN, -TINY)));
        let above = quotient(by.and(Self::new(TINY, f64::MAX)));
        let mut result = below.or(above);
        result.missing |= self.missing || by.missing || by.contains(0.0);
        result
    }

    fn logarithm(self) -> Self {
        let above = self.and(Self::new(TINY, f64::MAX));
        let missing = self.missing || self.low <= 0.0;
        if above.is_empty() {
            return Self {
                missing,
                ..Self::NEVER
            };
        }
        // libm's error is below one unit in the last place, which does not promise an order.
        Self {
            low: libm::log(above.low).next_down().next_down(),
            high: libm::log(above.high).next_up().next_up(),
            missing,
        }
    }
}

/// The numbers that the last operation of a formula can give, where `field` says which
/// numbers a field can be. `divides` is told each division and what it divides by.
/// Conditions have no number: [`Span::NEVER`].
pub fn span(ops: &[Op], field: impl Fn(u16) -> Span, mut divides: impl FnMut(usize, Span)) -> Span {
    let mut stack: Vec<Span> = Vec::new();
    for (index, op) in ops.iter().enumerate() {
        let right = match op.operands() {
            0 => Span::NEVER,
            _ => stack.pop().unwrap_or(Span::NEVER),
        };
        let left = match op.operands() {
            2 => stack.pop().unwrap_or(Span::NEVER),
            _ => Span::NEVER,
        };
        stack.push(match *op {
            Op::Number(number) => Span::new(number, number),
            Op::Field(place) => field(place),
            Op::Arithmetic(arithmetic) => {
                if arithmetic == Arithmetic::Divide {
                    divides(index, right);
                }
                arithmetic_span(arithmetic, left, right)
            }
            _ => Span::NEVER,
        });
    }
    stack.pop().unwrap_or(Span::NEVER)
}

/// The numbers that an operation can give on numbers of two spans; `left` counts for nothing
/// where it takes one.
#[must_use]
pub fn arithmetic_span(arithmetic: Arithmetic, left: Span, right: Span) -> Span {
    match arithmetic {
        Arithmetic::Negate => right.negate(),
        Arithmetic::Logarithm => right.logarithm(),
        Arithmetic::Add => left.corners(right, |a, b| a + b),
        Arithmetic::Subtract => left.corners(right, |a, b| a - b),
        Arithmetic::Multiply => left.corners(right, |a, b| a * b),
        Arithmetic::Divide => left.divide(right),
        Arithmetic::Minimum => left.corners(right, f64::min),
        Arithmetic::Maximum => left.corners(right, f64::max),
    }
}
