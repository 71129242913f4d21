//! Decimal numbers as pandas 2 reads them from CSV: the first 17 digits, leading zeros
//! included, as one `f64`, times or divided by a power of ten. Two texts that are different
//! numbers to Rust may be one number here (`0.30000000000000004` and `0.3`), which matters
//! for ties, so the evidently preset reads as pandas does.

const DIGITS: usize = 17;

/// `None` when the text is not a decimal number.
pub(super) fn as_pandas(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let taken = whole.bytes().chain(fraction.bytes()).take(DIGITS);
    let number = taken.fold(0.0, |number, digit| number * 10.0 + f64::from(digit - b'0'));
    let dropped = i32::try_from(whole.len().saturating_sub(DIGITS)).ok()?;
    let decimals = fraction.len().min(DIGITS.saturating_sub(whole.len()));
    let exponent = exponent.saturating_add(dropped - decimals as i32);
    let number = match exponent {
        309.. => return None,
        1..=308 => number * power_of_ten(exponent),
        -308..=0 => number / power_of_ten(-exponent),
        _ => number / power_of_ten((-308 - exponent).min(308)) / 1e308,
    };
    Some(if text.starts_with('-') {
        -number
    } else {
        number
    })
}

/// 10 to a power from 0 to 308, correctly rounded.
fn power_of_ten(power: i32) -> f64 {
    // Up to 22 the multiplication is exact; beyond, parsing rounds correctly.
    match power {
        0..=22 => (0..power).fold(1.0, |product, _| product * 10.0),
        _ => format!("1e{power}").parse().unwrap_or(f64::INFINITY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_pandas_does() {
        // pandas 2.2.3, read_csv: repr of what came out.
        let cases = [
            ("0.30000000000000004", 0.3),
            ("-0.1", -0.1),
            ("15.31", 15.31),
            (".5", 0.5),
            ("1e3", 1000.0),
        ];
        for (text, expected) in cases {
            assert_eq!(as_pandas(text), Some(expected), "{text}");
        }
        for text in ["", ".", "-", "1.2.3", "abc", "1e", "0x10"] {
            assert_eq!(as_pandas(text), None, "{text}");
        }
    }
}
