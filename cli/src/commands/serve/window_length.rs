//! The length of a drift window as people write it: `10000` requests, or `24h`.

use std::fmt::{Display, Formatter};
use std::str::FromStr;

use model_drift::live::Length;

/// Units of time, the largest first.
const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

/// A number of requests, or of seconds, minutes, hours or days.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct WindowLength(pub(super) Length);

impl FromStr for WindowLength {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || {
            format!(
                "`{text}`: expected a number of requests such as 10000, or a time such as 90s, 30m, 24h or 7d"
            )
        };
        let unit = UNITS.iter().find(|(unit, _)| text.ends_with(unit));
        let digits = unit.map_or(text, |(unit, _)| text.trim_end_matches(unit));
        let number: u64 = digits.parse().map_err(|_| expected())?;
        let length = match unit {
            None => Some(Length::Rows(number)),
            Some((_, seconds)) => number.checked_mul(*seconds).map(Length::Seconds),
        };
        length.filter(|_| number > 0).map(Self).ok_or_else(expected)
    }
}

impl Display for WindowLength {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Length::Rows(rows) => write!(formatter, "{rows}"),
            Length::Seconds(seconds) => {
                let fits = |(_, unit): &&(&str, u64)| seconds.is_multiple_of(*unit);
                let (unit, length) = UNITS.iter().find(fits).copied().unwrap_or(("s", 1));
                write!(formatter, "{}{unit}", seconds / length)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_and_written_as_people_write_them() {
        for (text, length) in [
            ("10000", Length::Rows(10_000)),
            ("90s", Length::Seconds(90)),
            ("30m", Length::Seconds(1_800)),
            ("1h", Length::Seconds(3_600)),
            ("7d", Length::Seconds(604_800)),
        ] {
            let read: WindowLength = text.parse().unwrap();
            assert_eq!(read.0, length);
            assert_eq!(read.to_string(), text);
        }
        for text in [
            "",
            "0",
            "0h",
            "-1",
            "1.5h",
            "h",
            "24 h",
            "99999999999999999999d",
            "1w",
        ] {
            let error = text.parse::<WindowLength>().unwrap_err();
            assert!(error.contains("expected a number of requests"), "{error}");
        }
    }
}
