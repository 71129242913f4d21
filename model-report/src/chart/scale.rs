//! The scale of an axis. `plotters` looks for ticks in a loop that does not end where a distance
//! is infinite, and computes pixels that do not fit in an `i32`: it is given neither.

use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::coord::types::RangedCoordf64;

/// Larger numbers are drawn in units of [`UNIT`].
const PLAIN: f64 = 1e300;
/// A power of ten, so that ticks are as round as in units of 1.
const UNIT: f64 = 1e100;
/// What is further outside than so many lengths of the axis is drawn there.
const OUTSIDE: f64 = 100.0;

/// From one end of an axis to the other.
#[derive(Clone)]
pub(super) struct Scale {
    inner: RangedCoordf64,
    low: f64,
    high: f64,
    unit: f64,
}

impl Scale {
    /// An end that is not finite is the nearest number that is.
    pub(super) fn new((from, to): (f64, f64)) -> Self {
        let finite = |end: f64| match end.is_nan() {
            true => 0.0,
            false => end.clamp(f64::MIN, f64::MAX),
        };
        let (from, to) = (finite(from), finite(to));
        let is_plain = from.abs().max(to.abs()) <= PLAIN;
        let unit = if is_plain { 1.0 } else { UNIT };
        let (from, to) = (from / unit, to / unit);
        let outside = (to - from).abs() * OUTSIDE;
        Self {
            inner: RangedCoordf64::from(from..to),
            low: from.min(to) - outside,
            high: from.max(to) + outside,
            unit,
        }
    }
}

impl Ranged for Scale {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let value = (value / self.unit).clamp(self.low, self.high);
        self.inner.map(&value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        let ticks = self.inner.key_points(hint).into_iter();
        ticks.map(|tick| tick * self.unit).collect()
    }

    fn range(&self) -> Range<f64> {
        let range = self.inner.range();
        range.start * self.unit..range.end * self.unit
    }
}

#[cfg(test)]
mod tests {
    use plotters::coord::ranged1d::BoldPoints;

    use super::*;

    /// The first and the last tick, how many there are, and the pixels of some numbers.
    #[track_caller]
    fn check(ends: (f64, f64), ticks: (f64, f64, usize), numbers: &[(f64, i32)]) {
        let scale = Scale::new(ends);
        let found = scale.key_points(BoldPoints(6));
        let outer = (found[0], found[found.len() - 1], found.len());
        assert_eq!(outer, ticks, "{found:?}");
        for (number, pixel) in numbers {
            assert_eq!(scale.map(number, (0, 400)), *pixel, "{number:e}");
        }
    }

    #[test]
    fn a_scale_has_ticks_whatever_its_ends_are() {
        let largest = f64::MAX;
        check(
            (0.0, 5.0),
            (0.0, 5.0, 6),
            &[(0.0, 0), (2.5, 200), (5.0, 400)],
        );
        check((0.0, 1e308), (0.0, 1e308, 6), &[(5e307, 200), (1.0, 0)]);
        check((-largest, largest), (-1e308, 1e308, 3), &[(0.0, 200)]);
        check((-largest, 0.0), (-1.5e308, 0.0, 4), &[(-largest, 0)]);
        let endless = (f64::NEG_INFINITY, f64::INFINITY);
        check(endless, (-1e308, 1e308, 3), &[(largest, 400)]);
    }

    #[test]
    fn what_is_far_outside_has_a_pixel() {
        let far = [
            (1e300, 40_400),
            (f64::MIN, -40_000),
            (f64::INFINITY, 40_400),
        ];
        check((0.0, 1.0), (0.0, 1.0, 6), &far);
    }
}
