//! Test rows by time: a model is measured on what came after the rows that it learned from.

use crate::moment::{Moment, TimeKind};
use crate::sample::Sample;
use crate::split::{Split, SplitError};

/// Which rows are the latest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum OutOfTime {
    /// Those of this time or later.
    From(Moment),
    /// This share of the rows, above 0 and below 1. Rows of one time stay together, so that it
    /// may be a larger share.
    Last(f64),
}

/// Trains on the earlier rows and measures on the later ones.
///
/// # Errors
/// When there is no column of times, one of the parts has no rows or only one outcome, or the
/// times are of another kind than the one that was asked for.
pub fn split(target: &[bool], sample: &Sample, test: OutOfTime) -> Result<Split, SplitError> {
    let (Some(times), Some(kind)) = (&sample.times, sample.time_kind) else {
        return Err(SplitError::NoTime);
    };
    let text = |value: Option<&i64>| {
        let value = value.copied().unwrap_or_default();
        Moment::new(kind, value).to_string()
    };
    let (first, last) = (text(times.iter().min()), text(times.iter().max()));
    if first == last {
        return Err(SplitError::OnePeriod { period: first });
    }
    let from = match test {
        OutOfTime::From(moment) if moment.kind() != kind => {
            let (expected, got) = (words(kind), words(moment.kind()));
            return Err(SplitError::TimeKind { expected, got });
        }
        OutOfTime::From(moment) => moment.value,
        OutOfTime::Last(share) if share > 0.0 && share < 1.0 => {
            let mut sorted = times.clone();
            sorted.sort_unstable();
            let wanted = (share * sorted.len() as f64).round() as usize;
            let at = sorted.len() - wanted.clamp(1, sorted.len());
            sorted[at]
        }
        OutOfTime::Last(share) => return Err(SplitError::Share { share }),
    };
    let test: Vec<usize> = (0..times.len()).filter(|&row| times[row] >= from).collect();
    if test.is_empty() || test.len() == times.len() {
        let from = Moment::new(kind, from).to_string();
        return Err(SplitError::OneSide {
            part: if test.is_empty() { "test" } else { "training" },
            from,
            first,
            last,
        });
    }
    Split::with_test_rows(target, test)
}

fn words(kind: TimeKind) -> &'static str {
    match kind {
        TimeKind::Calendar => "dates",
        TimeKind::Whole => "whole numbers",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(times: &[i64]) -> Sample {
        Sample {
            times: Some(times.to_vec()),
            time_kind: Some(TimeKind::Whole),
            ..Sample::default()
        }
    }

    #[test]
    fn the_latest_rows_are_measured() {
        let target = [true, false, true, false, true, false];
        let years = sample(&[2021, 2019, 2020, 2020, 2019, 2021]);
        let check = |test: OutOfTime, expect: Result<&[usize], &str>| match (
            split(&target, &years, test),
            expect,
        ) {
            (Ok(split), Ok(rows)) => assert_eq!(split.test, rows, "{test:?}"),
            (Err(error), Err(says)) => assert_eq!(error.to_string(), says),
            (got, _) => panic!("{test:?} gave {got:?}"),
        };
        let from = |text| OutOfTime::From(Moment::parse(text).unwrap());
        check(from("2021"), Ok(&[0, 5]));
        check(from("2020"), Ok(&[0, 2, 3, 5]));
        check(OutOfTime::Last(0.3), Ok(&[0, 5]));
        // Rows of one time stay together.
        check(OutOfTime::Last(0.5), Ok(&[0, 2, 3, 5]));
        check(
            from("2022"),
            Err("no test rows: the times go from 2019 to 2021, and the test begins at 2022"),
        );
        check(
            from("2019"),
            Err("no training rows: the times go from 2019 to 2021, and the test begins at 2019"),
        );
        check(
            from("2020-01-01"),
            Err("the times of the file are whole numbers, the test begins at one of dates"),
        );
        check(
            OutOfTime::Last(1.0),
            Err("expected a share of the rows above 0 and below 1, got 1"),
        );
    }

    #[test]
    fn one_period_has_no_before_and_after() {
        let error = split(&[true, false], &sample(&[7, 7]), OutOfTime::Last(0.5)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "every row is of 7: there is no earlier row to learn from and no later one to measure on"
        );
        let none = split(&[true, false], &Sample::default(), OutOfTime::Last(0.5)).unwrap_err();
        assert!(none.to_string().contains("role = \"time\""), "{none}");
    }
}
