//! The number that a decimal text stands for.
//!
//! The standard library reads one with 16 KB of the module, most of them a table of powers.
//! Numbers of requests are short: those of up to 15 digits are one multiplication or division
//! here, and the others are compared with the middle between two neighbours, exactly.

use std::cmp::Ordering;

/// Powers of ten that an `f64` is equal to.
const EXACT: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];
/// Powers of ten by the bits of an exponent: 1, 2, 4 and so on.
const BY_BIT: [f64; 9] = [1e1, 1e2, 1e4, 1e8, 1e16, 1e32, 1e64, 1e128, 1e256];
/// Digits that fit a `u64`.
const KEPT: usize = 19;
/// Digits beyond which it only counts whether one is not 0: the middle between two numbers has
/// 768 at most.
const DIGITS: usize = 800;
/// The bits of infinity.
const INFINITE: u64 = 0x7FF << 52;

/// The `f64` that is nearest to a decimal such as `-12.5e3`; of two that are equally near the
/// even one, infinity beyond the largest. The same bits as `str::parse` gives, which also
/// reads words such as `inf`; `None` for those and for what is no number.
///
/// ```
/// use model_core::decimal;
/// assert_eq!(decimal::parse("-12.5e3"), Some(-12500.0));
/// assert_eq!(decimal::parse("1e400"), Some(f64::INFINITY));
/// assert_eq!(decimal::parse("NaN"), None);
/// ```
#[must_use]
pub fn parse(text: &str) -> Option<f64> {
    let (magnitude, is_negative) = match text.as_bytes() {
        [b'-', rest @ ..] => (rest, true),
        [b'+', rest @ ..] => (rest, false),
        all => (all, false),
    };
    let decimal = Decimal::read(magnitude)?;
    let number = decimal.nearest();
    Some(if is_negative { -number } else { number })
}

/// The same for at most 15 digits with at most one point among or around them, and nothing else;
/// `None` for any other text. Much faster, for the cells of files.
///
/// ```
/// use model_core::decimal;
/// assert_eq!(decimal::short("71948.05"), Some(71948.05));
/// assert_eq!(decimal::short("-1"), None);
/// ```
#[must_use]
#[inline]
pub fn short(text: &str) -> Option<f64> {
    if text.len() > 16 {
        return None;
    }
    let (mut leading, mut digits, mut whole) = (0u64, 0, None);
    for byte in text.bytes() {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            leading = leading * 10 + u64::from(digit);
            digits += 1;
        } else if byte == b'.' && whole.is_none() {
            whole = Some(digits);
        } else {
            return None;
        }
    }
    if digits == 0 || digits > 15 {
        return None;
    }
    // Both are exact, so this rounds once.
    let leading = leading as f64;
    Some(match whole {
        Some(whole) => leading / EXACT[digits - whole],
        None => leading,
    })
}

/// Digits times a power of ten.
struct Decimal<'t> {
    /// Digits and at most one point.
    digits: &'t [u8],
    /// The first digits, without leading zeros.
    leading: u64,
    /// How many of the digits `leading` leaves out.
    left_out: usize,
    /// How many digits there are but for leading zeros.
    count: usize,
    /// What power of ten all digits, read as an integer, are multiplied by.
    exponent: i64,
}

impl<'t> Decimal<'t> {
    fn read(text: &'t [u8]) -> Option<Self> {
        let mut decimal = Self {
            digits: text,
            leading: 0,
            left_out: 0,
            count: 0,
            exponent: 0,
        };
        let (mut seen, mut has_point) = (0, false);
        for (at, byte) in text.iter().enumerate() {
            match byte {
                b'0'..=b'9' => {
                    seen += 1;
                    decimal.exponent -= i64::from(has_point);
                    let digit = byte - b'0';
                    decimal.count += usize::from(decimal.count > 0 || digit > 0);
                    if decimal.count <= KEPT {
                        decimal.leading = decimal.leading * 10 + u64::from(digit);
                    } else {
                        decimal.left_out += 1;
                    }
                }
                b'.' if !has_point => has_point = true,
                b'e' | b'E' => {
                    decimal.digits = text.get(..at)?;
                    decimal.exponent += written_exponent(text.get(at + 1..)?)?;
                    break;
                }
                _ => return None,
            }
        }
        (seen > 0).then_some(decimal)
    }

    fn nearest(&self) -> f64 {
        let exponent = self.exponent + self.left_out as i64;
        // Less than ten to this, and at least a tenth of it.
        let order = self.exponent + self.count as i64;
        if self.leading == 0 || order < -330 {
            return 0.0;
        }
        if order > 310 {
            return f64::INFINITY;
        }
        let power = exponent.unsigned_abs() as usize;
        if self.left_out == 0
            && self.leading <= 1 << 53
            && let Some(power) = EXACT.get(power)
        {
            // Both are exact, so this rounds once.
            let leading = self.leading as f64;
            return if exponent < 0 {
                leading / power
            } else {
                leading * power
            };
        }
        let mut near = self.leading as f64;
        // The greatest first: only the last steps lose bits to numbers near 0.
        for (bit, step) in BY_BIT.iter().enumerate().rev() {
            if power >> bit & 1 == 1 {
                near = if exponent < 0 {
                    near / step
                } else {
                    near * step
                };
            }
        }
        // Some units in the last place off at most.
        let mut bits = near.to_bits();
        while bits > 0 && !self.is_beyond(bits - 1) {
            bits -= 1;
        }
        while bits < INFINITE && self.is_beyond(bits) {
            bits += 1;
        }
        f64::from_bits(bits)
    }

    /// Whether it is nearer to the next number than to the one with these bits.
    fn is_beyond(&self, bits: u64) -> bool {
        let (fraction, power) = (bits & ((1 << 52) - 1), (bits >> 52) as i64);
        let (whole, power) = match power {
            0 => (fraction, -1074),
            _ => (fraction | 1 << 52, power - 1075),
        };
        // The middle is so many halves of the last place.
        let halves = 2 * whole + 1;
        let mut middle = Natural(vec![halves as u32, (halves >> 32) as u32]);
        middle.trim();
        let mut own = Natural(Vec::new());
        let (mut digits, mut skipped, mut is_more) = (0, 0, false);
        for byte in self.digits.iter().filter(|byte| **byte != b'.') {
            let digit = u32::from(byte - b'0');
            if digits == DIGITS {
                skipped += 1;
                is_more |= digit > 0;
            } else {
                digits += usize::from(digits > 0 || digit > 0);
                own.times(10, digit);
            }
        }
        let exponent = self.exponent + skipped;
        // Fractions become whole on the other side.
        own.raise(10, exponent);
        middle.raise(10, -exponent);
        middle.raise(2, power - 1);
        own.raise(2, 1 - power);
        match own.order(&middle) {
            Ordering::Less => false,
            Ordering::Greater => true,
            Ordering::Equal => is_more || bits & 1 == 1,
        }
    }
}

/// The number behind an `e`, at most a thousand million: no text is long enough to undo that.
fn written_exponent(text: &[u8]) -> Option<i64> {
    let (digits, sign) = match text {
        [b'-', rest @ ..] => (rest, -1),
        [b'+', rest @ ..] => (rest, 1),
        all => (all, 1),
    };
    let mut exponent = 0;
    for byte in digits {
        if !byte.is_ascii_digit() {
            return None;
        }
        exponent = (exponent * 10 + i64::from(byte - b'0')).min(1_000_000_000);
    }
    (!digits.is_empty()).then_some(sign * exponent)
}

/// A natural number of any size: 32 bits an element, the lowest first, the last one not 0.
struct Natural(Vec<u32>);

impl Natural {
    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    /// Multiplies, then adds.
    #[inline(never)]
    fn times(&mut self, factor: u32, summand: u32) {
        let mut carry = u64::from(summand);
        for word in &mut self.0 {
            carry += u64::from(*word) * u64::from(factor);
            *word = carry as u32;
            carry >>= 32;
        }
        if carry > 0 {
            self.0.push(carry as u32);
        }
    }

    /// Multiplies by 2 or 10 so many times; by nothing where that is negative.
    #[inline(never)]
    fn raise(&mut self, base: u32, mut times: i64) {
        while times > 0 {
            // Nine tens fit 32 bits, and so do as many twos.
            let step = times.min(9);
            self.times(base.pow(step as u32), 0);
            times -= step;
        }
    }

    fn order(&self, other: &Self) -> Ordering {
        let lengths = self.0.len().cmp(&other.0.len());
        lengths.then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }
}
