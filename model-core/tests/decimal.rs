//! Decimals are read as the standard library reads them, to the bit.

use model_core::decimal;

fn check(text: &str) {
    let expected: Option<f64> = text.parse().ok();
    let got = decimal::parse(text);
    assert_eq!(got.map(f64::to_bits), expected.map(f64::to_bits), "{text}");
}

/// A generator of our own, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }
}

#[test]
fn what_is_no_number_is_refused() {
    for text in [
        "", "-", "+", ".", "e5", "1e", "1e+", "1e5.0", "1..2", "1.2.3", "--1", "+-1", "1e--2",
        " 1", "1 ", "1_000", "0x10", "1f64",
    ] {
        check(text);
        assert_eq!(decimal::parse(text), None, "{text}");
    }
    for text in ["inf", "NaN", "infinity", "-inf"] {
        assert_eq!(decimal::parse(text), None, "{text}");
    }
}

#[test]
fn cases_that_are_hard_to_round_are_rounded_as_the_standard_library_does() {
    for text in [
        "0",
        "-0",
        "0.0",
        "-0e99",
        "1.",
        ".5",
        "+.5e1",
        "00012.500",
        "1e22",
        "1e23",
        "8.5e22",
        "9007199254740991",
        "9007199254740992",
        "9007199254740993",
        "9007199254740993.0",
        "9007199254740993.00000000000000000001",
        "9007199254740995",
        "18446744073709551616",
        "1.7976931348623157e308",
        "1.7976931348623158e308",
        "1.7976931348623159e308",
        "179769313486231580793e289",
        "1e308",
        "1e309",
        "1e400",
        "1e999999999999999999999",
        "2.2250738585072014e-308",
        "2.2250738585072011e-308",
        "2.225073858507201e-308",
        "4.9406564584124654e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "2.47e-324",
        "1e-323",
        "3e-324",
        "1e-330",
        "1e-400",
        "1e-999999999999999999999",
        "0.000000000000000000000000000000000000000123e39",
        "123456789012345678901234567890",
        "6.02214076e23",
        "1.0e-10",
        "5e-324",
        "7.2057594037927933e16",
        "7.2057594037927945e16",
    ] {
        check(text);
        check(&format!("-{text}"));
    }
    // Far from the point, and back.
    check(&format!("0.{}1e500", "0".repeat(499)));
    check(&format!("1{}e-500", "0".repeat(500)));
    check(&format!("{}1", "0".repeat(5000)));
    check(&format!("0.{}", "9".repeat(2000)));
}

#[test]
fn middles_of_neighbours_are_rounded_to_even_and_one_digit_more_is_up() {
    let mut random = Random(7);
    for nth in 0..2_000 {
        let bits = match nth % 4 {
            // Numbers near 0 have the longest middles.
            0 => random.next() >> 20,
            _ => random.next() >> 1,
        };
        let (low, high) = (f64::from_bits(bits), f64::from_bits(bits + 1));
        if !high.is_finite() {
            continue;
        }
        // Exact: the sum of two neighbours halved, as decimals of as many digits as it takes.
        let (low, high) = (format!("{low:.1100}"), format!("{high:.1100}"));
        let middle = half_of_sum(&low, &high);
        check(&middle);
        check(&format!("{middle}0000000001"));
        let one_less = middle.trim_end_matches('0');
        check(&one_less[..one_less.len() - 1]);
    }
}

/// Half the sum of two decimals with as many places, with one place more.
fn half_of_sum(a: &str, b: &str) -> String {
    let width = a.len().max(b.len());
    let (a, b) = (format!("{a:0>width$}"), format!("{b:0>width$}"));
    let mut digits: Vec<u8> = Vec::new();
    let mut carry = 0;
    for (x, y) in a.bytes().zip(b.bytes()).rev() {
        if x == b'.' {
            digits.push(b'.');
            continue;
        }
        let sum = (x - b'0') + (y - b'0') + carry;
        digits.push(b'0' + sum % 10);
        carry = sum / 10;
    }
    digits.push(b'0' + carry);
    let mut rest = 0;
    let mut half = String::new();
    for byte in digits.into_iter().rev() {
        if byte == b'.' {
            half.push('.');
            continue;
        }
        let twice = rest * 10 + (byte - b'0');
        half.push(char::from(b'0' + twice / 2));
        rest = twice % 2;
    }
    half.push(if rest == 1 { '5' } else { '0' });
    half
}

#[test]
fn numbers_as_people_and_programs_write_them_keep_their_bits() {
    let mut random = Random(15);
    for nth in 0..40_000_u32 {
        let number = f64::from_bits(random.next());
        if number.is_finite() {
            check(&number.to_string());
            check(&format!("{number:e}"));
            check(&format!("{number:.17e}"));
        }
        let (digits, point) = (random.next() >> (random.next() % 60), random.next() % 25);
        check(&format!("{digits}e-{point}"));
        check(&format!("{digits}e{point}"));
        if nth % 4 == 0 {
            let [a, b, c] = [random.next(), random.next(), random.next()];
            check(&format!("{a}.{b}{c}e{}", c as i64 % 340));
        }
    }
}

#[test]
fn short_decimals_are_those_of_the_standard_library() {
    let mut random = Random(11);
    for _ in 0..200_000 {
        let length = 1 + (random.next() % 17) as usize;
        let mut text: String = (0..length)
            .map(|_| char::from(b'0' + (random.next() % 10) as u8))
            .collect();
        if !random.next().is_multiple_of(4) {
            text.insert(random.next() as usize % (length + 1), '.');
        }
        let expected = (length <= 15).then(|| text.parse::<f64>().map(f64::to_bits));
        let got = decimal::short(&text).map(|number| Ok(number.to_bits()));
        assert_eq!(got, expected, "{text}");
    }
    for text in ["", ".", "-1", "+1", "1e5", "1..2", " 1", "1 ", "1,2", "inf"] {
        assert_eq!(decimal::short(text), None, "{text}");
    }
}
