//! Numbers as a draft writes them.

/// Rounded outward to two significant digits; a range of numbers from 0 on that begins
/// near its lower end begins at 0.
pub(super) fn nice_range(lowest: f64, highest: f64) -> (f64, f64) {
    let near_zero = lowest >= 0.0 && lowest * 10.0 <= highest;
    let minimum = if near_zero {
        0.0
    } else {
        outward(lowest, f64::floor)
    };
    (minimum, outward(highest, f64::ceil))
}

fn outward(number: f64, round: fn(f64) -> f64) -> f64 {
    if number == 0.0 {
        return 0.0;
    }
    let exponent = number.abs().log10().floor() as i32 - 1;
    // A power of ten below 1 is not exact: divide by its inverse, which is.
    let rounded = if exponent < 0 {
        let inverse = 10f64.powi(-exponent);
        round(number * inverse) / inverse
    } else {
        let unit = 10f64.powi(exponent);
        round(number / unit) * unit
    };
    // At the ends of what an f64 can hold, rounding would leave it.
    if rounded.is_finite() { rounded } else { number }
}

/// As TOML writes it: whole numbers without a point.
pub(super) fn number(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        (number as i64).to_string()
    } else {
        format!("{number:?}")
    }
}
