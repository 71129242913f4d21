//! How the credit tables name outcomes and write their rates.

use model_report::number::{count, fixed};

use crate::evaluate::{Interval, Subject};

/// Below this overall bad rate, rates are written with two digits after the point.
const RARE: f64 = 0.05;

/// The outcome that the probability is of, such as "good".
pub(super) fn good(model: &Subject) -> &str {
    named(&model.positive_outcome, &model.positive_label)
}

/// The other outcome, such as "bad".
pub(super) fn bad(model: &Subject) -> &str {
    named(&model.negative_outcome, &model.negative_label)
}

/// Says which outcome the tables call bad, with a space before it; nothing where that is its
/// name.
pub(super) fn which_is_bad(model: &Subject) -> String {
    match bad(model) {
        "bad" => String::new(),
        name => format!(" Bad is {name}."),
    }
}

/// Evaluations of older versions have no names of outcomes.
fn named<'a>(outcome: &'a str, label: &'a str) -> &'a str {
    if outcome.is_empty() { label } else { outcome }
}

/// Writes rates of an outcome with as many digits as it needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rates {
    digits: usize,
}

impl Rates {
    /// For an outcome that this share of all rows has.
    pub(super) fn new(overall: f64) -> Self {
        Self {
            digits: if overall < RARE { 2 } else { 1 },
        }
    }

    /// "4.3%", of a rare outcome "0.43%".
    pub(super) fn text(self, rate: f64) -> String {
        if rate.is_finite() {
            format!("{}%", fixed(rate * 100.0, self.digits))
        } else {
            "–".to_owned()
        }
    }

    /// "3.9% to 4.8%".
    pub(super) fn between(self, interval: Option<Interval>) -> String {
        interval.map_or_else(
            || "–".to_owned(),
            |interval| {
                format!(
                    "{} to {}",
                    self.text(interval.low),
                    self.text(interval.high)
                )
            },
        )
    }
}

/// The least digits of a score after the point.
const SCORE_DIGITS: usize = 4;
/// The most.
const MOST_SCORE_DIGITS: usize = 9;

/// A score: four digits after the point, and more where it lies so near 0 or 1 that four would
/// round it to the end, so that no band reads "1.0000 to 1.0000".
pub(super) fn score(probability: f64) -> String {
    let from_end = probability.min(1.0 - probability);
    let digits = if from_end > 0.0 && from_end < 0.001 {
        // Two significant digits of the distance.
        let places = 1 - from_end.log10().floor() as i64;
        usize::try_from(places).map_or(MOST_SCORE_DIGITS, |places| {
            places.clamp(SCORE_DIGITS, MOST_SCORE_DIGITS)
        })
    } else {
        SCORE_DIGITS
    };
    fixed(probability, digits)
}

/// A cost: whole numbers with commas, small ones with two digits.
pub(super) fn amount(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    if value.abs() < 100.0 && value.fract() != 0.0 {
        return fixed(value, 2);
    }
    let sign = if value <= -0.5 { "-" } else { "" };
    format!("{sign}{}", count(value.abs().round() as usize))
}

/// A cost of one row: four digits, and commas between thousands.
pub(super) fn amount_for_one(value: f64) -> String {
    let text = fixed(value, 4);
    let grouped = text.split_once('.').and_then(|(whole, digits)| {
        let whole = whole.parse().ok()?;
        Some(format!("{}.{digits}", count(whole)))
    });
    grouped.unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::{amount_for_one, score};

    #[test]
    fn costs_of_one_row_have_commas() {
        for (value, text) in [
            (3_529.669_5, "3,529.6695"),
            (128.631_8, "128.6318"),
            (0.0, "0.0000"),
            (f64::NAN, "–"),
        ] {
            assert_eq!(amount_for_one(value), text);
        }
    }

    /// A band of a rare outcome is not "1.0000 to 1.0000".
    #[test]
    fn a_score_near_an_end_keeps_its_digits() {
        for (probability, text) in [
            (0.8668, "0.8668"),
            (0.9985, "0.9985"),
            (0.999_931, "0.999931"),
            (0.000_047_2, "0.000047"),
            (1.0 - 3.2e-8, "0.999999968"),
            (1.0, "1.0000"),
            (0.0, "0.0000"),
        ] {
            assert_eq!(score(probability), text);
        }
    }
}
