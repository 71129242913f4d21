//! Which truths a condition may have in a region of applications.

/// A set of true, false and missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Truths(u8);

impl Truths {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const TRUE: Self = Self(1);
    pub(crate) const FALSE: Self = Self(2);
    pub(crate) const MISSING: Self = Self(4);

    /// The truth of a condition's value: 1, 0 or NaN.
    pub(crate) fn of_value(value: f64) -> Self {
        if value.is_nan() {
            Self::MISSING
        } else if value != 0.0 {
            Self::TRUE
        } else {
            Self::FALSE
        }
    }

    pub(crate) fn when(self, holds: bool) -> Self {
        if holds { self } else { Self::NONE }
    }

    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) fn is_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn is_decided(self) -> bool {
        self.0.count_ones() == 1
    }

    /// Of the opposite condition.
    pub(crate) fn negation(self) -> Self {
        Self::TRUE
            .when(self.has(Self::FALSE))
            .or(Self::FALSE.when(self.has(Self::TRUE)))
            .or(self.and(Self::MISSING))
    }

    /// Of both conditions together, as if they were independent.
    pub(crate) fn conjunction(self, other: Self) -> Self {
        let both = |a, b| self.has(a) && other.has(b);
        let (t, m) = (Self::TRUE, Self::MISSING);
        let false_possible = (self.has(Self::FALSE) && !other.is_empty())
            || (other.has(Self::FALSE) && !self.is_empty());
        t.when(both(t, t))
            .or(Self::FALSE.when(false_possible))
            .or(m.when(both(m, m) || both(t, m) || both(m, t)))
    }

    /// Of at least one of both, as if they were independent.
    pub(crate) fn disjunction(self, other: Self) -> Self {
        self.negation().conjunction(other.negation()).negation()
    }

    fn has(self, truth: Self) -> bool {
        self.0 & truth.0 != 0
    }
}
