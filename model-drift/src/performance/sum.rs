//! A sum that does not show in which order it was made.

/// A sum and what its additions rounded off, found by TwoSum (Knuth, "The Art of Computer
/// Programming" 2, section 4.2.2). Together they hold about twice the digits of an `f64`: which
/// thread was first does not show in the total.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sum {
    rounded: f64,
    rest: f64,
}

impl Sum {
    pub(super) fn add(&mut self, number: f64) {
        let sum = self.rounded + number;
        // In this order alone the differences are exact.
        let added = sum - self.rounded;
        self.rest += (self.rounded - (sum - added)) + (number - added);
        self.rounded = sum;
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.add(other.rounded);
        self.rest += other.rest;
    }

    pub(super) fn total(self) -> f64 {
        self.rounded + self.rest
    }
}
