//! How numbers are written: few digits, the same in every report.
//!
//! A value that is not finite is a dash.

/// The smallest share that one digit shows.
const LEAST_SHARE: f64 = 0.0005;

/// With so many digits after the point: `fixed(0.98031, 3)` is "0.980".
#[must_use]
pub fn fixed(value: f64, digits: usize) -> String {
    if value.is_finite() {
        without_negative_zero(format!("{value:.digits$}"))
    } else {
        "–".to_owned()
    }
}

/// A share as a percentage with one digit.
///
/// ```
/// use model_report::number::percent;
///
/// assert_eq!(percent(0.1234), "12.3%");
/// // A few are not none.
/// assert_eq!((percent(0.0002), percent(0.0)), ("<0.1%".to_owned(), "0.0%".to_owned()));
/// ```
#[must_use]
pub fn percent(share: f64) -> String {
    if !share.is_finite() {
        return "–".to_owned();
    }
    if share > 0.0 && share < LEAST_SHARE {
        return "<0.1%".to_owned();
    }
    without_negative_zero(format!("{:.1}%", share * 100.0))
}

/// A p-value: three digits after the point, or the power of ten.
///
/// ```
/// use model_report::number::p_value;
///
/// assert_eq!((p_value(0.0421), p_value(3.2e-7)), ("0.042".to_owned(), "3e-7".to_owned()));
/// assert_eq!(p_value(0.0), "<1e-16");
/// ```
#[must_use]
pub fn p_value(p: f64) -> String {
    match p {
        _ if !p.is_finite() => "–".to_owned(),
        // Below this, rounding decides, not the data.
        _ if p < 1e-16 => "<1e-16".to_owned(),
        _ if p < 1e-3 => format!("{p:.0e}"),
        _ => format!("{p:.3}"),
    }
}

/// The same in a sentence.
///
/// ```
/// use model_report::number::p_is;
///
/// assert_eq!((p_is(0.0421), p_is(0.0)), ("p = 0.042".to_owned(), "p < 1e-16".to_owned()));
/// ```
#[must_use]
pub fn p_is(p: f64) -> String {
    let text = p_value(p);
    match text.strip_prefix('<') {
        Some(bound) => format!("p < {bound}"),
        None => format!("p = {text}"),
    }
}

/// A count with a comma between thousands.
#[must_use]
pub fn count(value: usize) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// About four significant digits, for quantities of any size: "0.1234", "12.3", "45,000",
/// "1.23e12".
#[must_use]
pub fn short(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let size = value.abs();
    if size == 0.0 {
        return "0".to_owned();
    }
    if !(1e-4..1e9).contains(&size) {
        return format!("{value:.2e}");
    }
    if size >= 1000.0 {
        let sign = if value < 0.0 { "-" } else { "" };
        return format!("{sign}{}", count(size.round() as usize));
    }
    let digits = (3 - size.log10().floor() as i32).max(0) as usize;
    let text = format!("{value:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// The label of a tick on an axis whose ticks are `step` apart: no more digits than needed,
/// and "k", "M" and "G" for thousands, millions and thousands of millions; from 1e15 on a power of
/// ten.
#[must_use]
pub fn tick(value: f64, step: f64) -> String {
    let step = step.abs();
    let largest = value.abs().max(step);
    if largest >= 1e15 && value.abs() >= step * 1e-6 {
        let digits = largest.log10().floor() - step.log10().floor();
        return format!("{value:.*e}", digits.clamp(0.0, 6.0) as usize);
    }
    let (unit, suffix) = match largest {
        size if size >= 1e9 => (1e9, "G"),
        size if size >= 1e6 => (1e6, "M"),
        size if size >= 1e4 => (1e3, "k"),
        _ => (1.0, ""),
    };
    let (value, step) = (value / unit, step / unit);
    if value.abs() < step * 1e-6 {
        return "0".to_owned();
    }
    let digits = if step > 0.0 && step.is_finite() {
        (0..7)
            .find(|digits| {
                let scaled = step * 10f64.powi(*digits);
                (scaled - scaled.round()).abs() < 1e-6 * scaled.max(1.0) && scaled >= 1.0 - 1e-6
            })
            .unwrap_or(2)
    } else {
        2
    };
    format!("{value:.*}{suffix}", digits as usize)
}

fn without_negative_zero(text: String) -> String {
    match text.strip_prefix('-') {
        Some(rest) if rest.chars().all(|c| matches!(c, '0' | '.' | '%')) => rest.to_owned(),
        _ => text,
    }
}
