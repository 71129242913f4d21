//! Arithmetic of finite numbers that may lie further apart than any number says, such as the
//! largest `f64` as a code for missing beside its negative.

/// Up to this size, numbers are subtracted, squared and summed as they are: the squares of a
/// quintillion of them have a sum.
const PLAIN: f64 = 1e144;

/// 2^600, so that numbers are divided by it without an error.
const LARGE: f64 = f64::from_bits((1023 + 600) << 52);

/// The unit in which the differences, squares and sums of numbers are finite: 1 as a rule, a power
/// of two where one of the numbers is so large that they would not be. Divide the numbers by it,
/// and multiply by it what has their unit. Numbers that are not finite do not count.
///
/// ```
/// use model_report::span;
///
/// assert_eq!(span::unit([1.5, -2e9, f64::INFINITY]), 1.0);
/// let (low, high) = (f64::MIN, f64::MAX);
/// let unit = span::unit([low, high]);
/// assert_eq!((high - low) / 4.0, f64::INFINITY);
/// assert_eq!((high / unit - low / unit) / 4.0 * unit, f64::MAX / 2.0);
/// ```
#[must_use]
pub fn unit(values: impl IntoIterator<Item = f64>) -> f64 {
    let is_large = |value: f64| value.is_finite() && value.abs() > PLAIN;
    if values.into_iter().any(is_large) {
        LARGE
    } else {
        1.0
    }
}

/// The number at a part of the way from one finite number to another; `part` is from 0 to 1.
///
/// ```
/// use model_report::span;
///
/// assert_eq!(span::between(1.0, 3.0, 0.25), 1.5);
/// assert_eq!(span::between(f64::MIN, f64::MAX, 0.5), 0.0);
/// ```
#[must_use]
pub fn between(from: f64, to: f64, part: f64) -> f64 {
    let way = to - from;
    if way.is_finite() {
        from + way * part
    } else {
        from * (1.0 - part) + to * part
    }
}

/// How far a finite number lies above another; where no number says so, the largest.
///
/// ```
/// use model_report::span;
///
/// assert_eq!(span::distance(1.0, 3.0), 2.0);
/// assert_eq!(span::distance(f64::MIN, f64::MAX), f64::MAX);
/// ```
#[must_use]
pub fn distance(from: f64, to: f64) -> f64 {
    (to - from).clamp(f64::MIN, f64::MAX)
}
