//! Points in time as a data file writes them: ISO dates, months and timestamps, or whole
//! numbers such as years or counted periods.

use std::fmt;

use model_files::calendar::date_of;

/// What a column of times holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeKind {
    /// Dates, months and timestamps; the unit is the second.
    Calendar,
    /// Whole numbers.
    Whole,
}

/// A point in time. Two of one kind can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Seconds since 1970-01-01T00:00:00Z, or the number itself.
    pub value: i64,
    is_whole: bool,
}

/// What a cell has to be.
pub(crate) const EXPECTED: &str = "expected a date (2026-03-31), a month (2026-03), a timestamp (2026-03-31T12:00:00Z) or a whole number";

impl Moment {
    /// Reads a text without white space around it: `2026-03-31`, `2026-03` (its first day),
    /// `2026-03-31T12:00:00`, the same with a space for the `T`, without seconds, with a
    /// fraction (which is cut off) or an offset such as `Z` or `+02:00`; or a whole number.
    ///
    /// # Example
    /// ```
    /// use model_train::moment::Moment;
    ///
    /// let month = Moment::parse("2026-03").unwrap();
    /// assert!(month < Moment::parse("2026-03-31T12:00:00+02:00").unwrap());
    /// assert_eq!(month.to_string(), "2026-03-01");
    /// assert_eq!(Moment::parse("31.03.2026"), None);
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            let value = text.parse().ok()?;
            return Some(Self {
                value,
                is_whole: true,
            });
        }
        let (date, time) = match text.split_once(['T', ' ']) {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        let days = days_of(date, time.is_none())?;
        let seconds = time.map_or(Some(0), seconds_of)?;
        Some(Self {
            value: days * 86_400 + seconds,
            is_whole: false,
        })
    }

    /// What it is.
    #[must_use]
    pub fn kind(self) -> TimeKind {
        if self.is_whole {
            TimeKind::Whole
        } else {
            TimeKind::Calendar
        }
    }

    /// The moment of a kind with this value.
    #[must_use]
    pub fn new(kind: TimeKind, value: i64) -> Self {
        Self {
            value,
            is_whole: kind == TimeKind::Whole,
        }
    }

    /// The quarter of a date as `2026-Q1`; a whole number as it is.
    #[must_use]
    pub fn quarter(self) -> String {
        if self.is_whole {
            return self.value.to_string();
        }
        let (year, month, _) = date_of(self.value.div_euclid(86_400));
        format!("{year:04}-Q{}", (month - 1) / 3 + 1)
    }

    /// The year of a date as `2026`; a whole number as it is.
    #[must_use]
    pub fn year(self) -> String {
        if self.is_whole {
            return self.value.to_string();
        }
        let (year, _, _) = date_of(self.value.div_euclid(86_400));
        format!("{year:04}")
    }

    /// The month of a date as `2026-03`; a whole number as it is.
    #[must_use]
    pub fn month(self) -> String {
        if self.is_whole {
            return self.value.to_string();
        }
        let (year, month, _) = date_of(self.value.div_euclid(86_400));
        format!("{year:04}-{month:02}")
    }
}

/// `2026-03-31`, with the time of day where it is not midnight, or the number.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_whole {
            return write!(f, "{}", self.value);
        }
        let (year, month, day) = date_of(self.value.div_euclid(86_400));
        write!(f, "{year:04}-{month:02}-{day:02}")?;
        match self.value.rem_euclid(86_400) {
            0 => Ok(()),
            second => write!(
                f,
                "T{:02}:{:02}:{:02}Z",
                second / 3600,
                second / 60 % 60,
                second % 60
            ),
        }
    }
}

/// So many digits as a number.
fn digits(text: &str, count: usize) -> Option<i64> {
    let all = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| text.parse().ok())?
}

/// Days since 1970-01-01 of `2026-03-31`, or of `2026-03` where a month will do.
fn days_of(date: &str, or_month: bool) -> Option<i64> {
    let (year, rest) = date.split_once('-')?;
    let (month, day) = match rest.split_once('-') {
        Some((month, day)) => (month, digits(day, 2)?),
        None if or_month => (rest, 1),
        None => return None,
    };
    let (year, month) = (digits(year, 4)?, digits(month, 2)?);
    let days = days_from_civil(year, month, day);
    // The way back gives the same date only for one that there is.
    (date_of(days) == (year, month, day)).then_some(days)
}

/// Seconds since midnight UTC of `12:00`, `12:00:00`, `12:00:00.5`, each with an offset.
fn seconds_of(time: &str) -> Option<i64> {
    let (clock, offset) = match time.find(['Z', '+', '-']) {
        Some(at) => (&time[..at], offset_of(&time[at..])?),
        None => (time, 0),
    };
    let clock = match clock.split_once('.') {
        Some((whole, fraction)) => {
            let sound = !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit());
            sound.then_some(whole)?
        }
        None => clock,
    };
    let mut parts = clock.split(':');
    let mut part = |most: i64| digits(parts.next()?, 2).filter(|part| *part < most);
    let (hour, minute) = (part(24)?, part(60)?);
    let second = if clock.len() > 5 { part(61)? } else { 0 };
    parts
        .next()
        .is_none()
        .then_some(hour * 3600 + minute * 60 + second - offset)
}

/// Seconds ahead of UTC of `Z`, `+02:00`, `-0330` or `+02`.
fn offset_of(text: &str) -> Option<i64> {
    if text == "Z" {
        return Some(0);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let digits_only = rest.replace(':', "");
    let (hours, minutes) = digits_only.split_at_checked(2)?;
    let minutes = if minutes.is_empty() {
        0
    } else {
        digits(minutes, 2)?
    };
    let hours = digits(hours, 2)?;
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

/// Days since 1970-01-01 in the Gregorian calendar (Hinnant, "chrono-compatible low-level date
/// algorithms", `days_from_civil`).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    // Years begin in March, so that a leap day is their last.
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_texts_are_read_and_others_refused() {
        let check = |text: &str, expect: Option<&str>| {
            let shown = Moment::parse(text).map(|moment| moment.to_string());
            assert_eq!(shown.as_deref(), expect, "{text}");
        };
        check("1970-01-01", Some("1970-01-01"));
        check("2024-02-29", Some("2024-02-29"));
        check("2023-02-29", None);
        check("2026-13-01", None);
        check("2026-00", None);
        check("2026-03", Some("2026-03-01"));
        check("1899-12-31", Some("1899-12-31"));
        check("2026-03-31T23:30:00-01:00", Some("2026-04-01T00:30:00Z"));
        check("2026-03-31 07:05", Some("2026-03-31T07:05:00Z"));
        check("2026-03-31T07:05:09.250Z", Some("2026-03-31T07:05:09Z"));
        check("2026-03T07:05", None);
        check("2026-03-31T25:00", None);
        check("2026-03-31T07:05:09x", None);
        check("2026-03-31Tä", None);
        check("31.03.2026", None);
        check("March 2026", None);
        check("", None);
        check("-", None);
        check("2026", Some("2026"));
        check("-3", Some("-3"));
        check("99999999999999999999", None);
        check("20.5", None);
    }

    #[test]
    fn every_day_comes_back() {
        for days in -200_000..200_000 {
            let (year, month, day) = date_of(days);
            assert_eq!(days_from_civil(year, month, day), days);
        }
    }
}
