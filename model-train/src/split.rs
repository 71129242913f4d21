//! Which rows a model is trained on, and which it is measured on.

use std::io::Read;

use model_files::csv::Table;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::error::{DataError, DataErrorKind, shortened};

/// The share of rows that a model is measured on.
const TEST_SHARE: f64 = 0.2;

/// Row numbers, each list ascending; the first row is 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Rows to train on.
    pub train: Vec<usize>,
    /// Rows to measure on.
    pub test: Vec<usize>,
}

/// Why rows cannot be split.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SplitError {
    /// The file with the test rows.
    #[error(transparent)]
    Rows(#[from] DataError),
    /// A part contains only one class.
    #[error(
        "after splitting, the {part} rows contain only one class: expected at least one row of each"
    )]
    OneClass {
        /// Which part: `training` or `test`.
        part: &'static str,
    },
    /// There is no column of times.
    #[error(
        "a test by time needs a column of times: give one role = \"time\" in the schema, as a date, a month or a number"
    )]
    NoTime,
    /// Every row is of one time.
    #[error(
        "every row is of {period}: there is no earlier row to learn from and no later one to measure on"
    )]
    OnePeriod {
        /// That time.
        period: String,
    },
    /// All rows are on one side.
    #[error("no {part} rows: the times go from {first} to {last}, and the test begins at {from}")]
    OneSide {
        /// The part without rows: `training` or `test`.
        part: &'static str,
        /// Where the test begins.
        from: String,
        /// The first time.
        first: String,
        /// The last.
        last: String,
    },
    /// The times are something else.
    #[error("the times of the file are {expected}, the test begins at one of {got}")]
    TimeKind {
        /// What the file has.
        expected: &'static str,
        /// What was asked for.
        got: &'static str,
    },
    /// A share that is none.
    #[error("expected a share of the rows above 0 and below 1, got {share}")]
    Share {
        /// What came.
        share: f64,
    },
    /// A row that has no outcome.
    #[error("{file}: row {row} has no outcome, so nothing can be measured on it: leave it out")]
    NoOutcome {
        /// The file with the test rows.
        file: String,
        /// The row of the data; the first is 0.
        row: usize,
    },
}

/// Parts that whole groups are dealt to; one of them is the test.
const PARTS: usize = 5;

/// Draws about a fifth of the rows for the test, whole groups of them, with about a fifth of
/// each outcome. `groups` has the number of each row's group. The same target, groups and seed
/// give the same rows.
///
/// # Errors
/// When a part has rows of one outcome only, as where nearly all rows are of one group.
pub fn grouped(target: &[bool], groups: &[u32], seed: u64) -> Result<Split, SplitError> {
    let rows: Vec<usize> = (0..target.len()).collect();
    let dealt = crate::grouped::Rows {
        target,
        groups,
        rows: &rows,
    };
    let parts = crate::grouped::deal(dealt, PARTS, seed);
    let test = rows.into_iter().filter(|&row| parts[row] == 0).collect();
    Split::with_test_rows(target, test)
}

/// Draws a fifth of the rows of each class for the test, at least one of each.
/// The same target and seed give the same rows.
///
/// # Errors
/// When a class has fewer than two rows.
pub fn stratified(target: &[bool], seed: u64) -> Result<Split, SplitError> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut test = Vec::new();
    for class in [false, true] {
        let mut rows: Vec<usize> = (0..target.len())
            .filter(|&row| target[row] == class)
            .collect();
        rows.shuffle(&mut rng);
        let count = (rows.len() as f64 * TEST_SHARE).round().max(1.0) as usize;
        rows.truncate(count);
        test.append(&mut rows);
    }
    Split::with_test_rows(target, test)
}

/// Takes the test rows from a CSV with the one column `row`; the first row of the data is 0.
/// `without_outcome` are the rows of the data that `target` leaves out, ascending.
///
/// # Errors
/// Names the line: no number, out of range, or twice; or the row that has no outcome.
pub fn from_file(
    source: impl Read,
    name: &str,
    target: &[bool],
    without_outcome: &[usize],
) -> Result<Split, SplitError> {
    let mut table = Table::open(source, name).map_err(DataError::from)?;
    if table.header() != ["row"] {
        let columns = table.header().to_vec();
        let kind = DataErrorKind::MissingColumn { columns };
        return Err(DataError::in_file(name, kind).in_column("row").into());
    }
    let rows = target.len() + without_outcome.len();
    let (mut test, mut seen) = (Vec::new(), vec![false; rows]);
    while let Some(row) = table.next_row().map_err(DataError::from)? {
        let (line, cell) = (row.line, row.field(0).trim());
        let problem = |message: String| {
            let got = shortened(cell);
            DataError::in_file(name, DataErrorKind::Value { message, got })
                .at_line(line)
                .in_column("row")
        };
        let number = cell.parse::<usize>().ok().filter(|number| *number < rows);
        let number = number.ok_or_else(|| {
            problem(format!(
                "expected a row number from 0 to {}",
                rows.saturating_sub(1)
            ))
        })?;
        if std::mem::replace(&mut seen[number], true) {
            return Err(problem("expected each row once".to_owned()).into());
        }
        match without_outcome.binary_search(&number) {
            // Behind as many rows that are left out.
            Err(before) => test.push(number - before),
            Ok(_) => {
                return Err(SplitError::NoOutcome {
                    file: name.to_owned(),
                    row: number,
                });
            }
        }
    }
    Split::with_test_rows(target, test)
}

impl Split {
    pub(crate) fn with_test_rows(
        target: &[bool],
        mut test: Vec<usize>,
    ) -> Result<Self, SplitError> {
        test.sort_unstable();
        let mut is_test = vec![false; target.len()];
        for &row in &test {
            is_test[row] = true;
        }
        let train: Vec<usize> = (0..target.len()).filter(|&row| !is_test[row]).collect();
        for (part, rows) in [("training", &train), ("test", &test)] {
            let has = |class: bool| rows.iter().any(|&row| target[row] == class);
            if !has(true) || !has(false) {
                return Err(SplitError::OneClass { part });
            }
        }
        Ok(Self { train, test })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(rows: usize) -> Vec<bool> {
        (0..rows).map(|row| row % 5 == 0).collect()
    }

    #[test]
    fn a_fifth_of_each_class_is_test() {
        let target = target(1000);
        let split = stratified(&target, 42).unwrap();
        assert_eq!(split.test.len(), 200);
        assert_eq!(split.test.iter().filter(|&&row| target[row]).count(), 40);
        let mut all = [split.train.clone(), split.test.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, (0..1000).collect::<Vec<_>>());
    }

    #[test]
    fn the_seed_alone_decides() {
        let target = target(100);
        let draw = |seed| stratified(&target, seed).unwrap();
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn small_classes_reach_both_parts_or_are_refused() {
        let split = stratified(&[true, true, false, false, false], 7).unwrap();
        assert_eq!(split.test.len(), 2);
        let error = stratified(&[true, false, false], 7)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("training rows contain only one class"),
            "{error}"
        );
    }

    #[test]
    fn rows_are_numbered_as_in_the_file() {
        let read = |text: &str| from_file(text.as_bytes(), "rows.csv", &target(10), &[1, 7]);
        // Rows 0 and 2 of the file are the first two of those with an outcome.
        assert_eq!(read("row\n2\n0\n11\n").unwrap().test, [0, 1, 9]);
        assert_eq!(
            read("row\n7\n").unwrap_err().to_string(),
            "rows.csv: row 7 has no outcome, so nothing can be measured on it: leave it out"
        );
    }

    #[test]
    fn rows_come_from_a_file() {
        let check = |text: &str, expect: Result<&[usize], &str>| {
            let split = from_file(text.as_bytes(), "rows.csv", &target(10), &[]);
            match (split, expect) {
                (Ok(split), Ok(rows)) => assert_eq!(split.test, rows),
                (Err(error), Err(says)) => assert_eq!(error.to_string(), says),
                (got, _) => panic!("{text:?} gave {got:?}"),
            }
        };
        check("row\n5\n1\n", Ok(&[1, 5]));
        check("row\r\n0\r\n9\r\n", Ok(&[0, 9]));
        check(
            "rows\n1\n",
            Err("rows.csv, column 'row': the column is missing; the file has 'rows'"),
        );
        check(
            "row\n1\n10\n",
            Err("rows.csv, line 3, column 'row': expected a row number from 0 to 9, got '10'"),
        );
        check(
            "row\n-1\n",
            Err("rows.csv, line 2, column 'row': expected a row number from 0 to 9, got '-1'"),
        );
        check(
            "row\n1\n5\n1\n",
            Err("rows.csv, line 4, column 'row': expected each row once, got '1'"),
        );
        check(
            "row\n1\n2\n",
            Err(
                "after splitting, the test rows contain only one class: expected at least one row of each",
            ),
        );
    }
}
