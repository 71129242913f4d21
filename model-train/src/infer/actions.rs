//! What a draft says about changes: a proposal in comments, since no file tells what an
//! applicant can change.

use super::numbers::number;

/// The lines for an input; a number between its ends has a step, about a hundredth of the way.
pub(super) fn drafted(ends: Option<(f64, f64)>, is_whole: bool) -> Vec<String> {
    let asks =
        "# actionable = \"any\"   # if an applicant can change it: \"up\", \"down\" or \"any\"";
    let mut lines = vec![asks.to_owned()];
    if let Some((minimum, maximum)) = ends {
        let step = step((maximum - minimum) / 100.0);
        let step = if is_whole { step.max(1.0) } else { step };
        lines.push(format!("# step = {}", number(step)));
    }
    lines
}

/// The power of ten at or below a number above 0; 1 where there is none.
fn step(about: f64) -> f64 {
    if !(about.is_finite() && about > 0.0) {
        return 1.0;
    }
    let exponent = about.log10().floor() as i32;
    // A power of ten below 1 is not exact: its inverse is.
    match exponent {
        0.. => 10f64.powi(exponent),
        _ => 1.0 / 10f64.powi(-exponent),
    }
}
