//! `german_credit.csv`: the Statlog German Credit file of the UCI repository, its codes
//! replaced by the words of the code table that comes with it.

use anyhow::{Context, bail, ensure};

/// Applicants in the file.
const ROWS: usize = 1000;

/// A column: its name, and what its codes mean; none for a number.
type Column = (&'static str, &'static [(&'static str, &'static str)]);

const COLUMNS: [Column; 21] = [
    (
        "status_of_existing_checking_account",
        &[
            ("A11", "... < 0 DM"),
            ("A12", "0 <= ... < 200 DM"),
            (
                "A13",
                "... >= 200 DM / salary assignments for at least 1 year",
            ),
            ("A14", "no checking account"),
        ],
    ),
    ("duration_in_month", &[]),
    (
        "credit_history",
        &[
            ("A30", "no credits taken/ all credits paid back duly"),
            ("A31", "all credits at this bank paid back duly"),
            ("A32", "existing credits paid back duly till now"),
            ("A33", "delay in paying off in the past"),
            (
                "A34",
                "critical account/ other credits existing (not at this bank)",
            ),
        ],
    ),
    (
        "purpose",
        &[
            ("A40", "car (new)"),
            ("A41", "car (used)"),
            ("A42", "furniture/equipment"),
            ("A43", "radio/television"),
            ("A44", "domestic appliances"),
            ("A45", "repairs"),
            ("A46", "education"),
            ("A48", "retraining"),
            ("A49", "business"),
            ("A410", "others"),
        ],
    ),
    ("credit_amount", &[]),
    (
        "savings_account_and_bonds",
        &[
            ("A61", "... < 100 DM"),
            ("A62", "100 <= ... < 500 DM"),
            ("A63", "500 <= ... < 1000 DM"),
            ("A64", "... >= 1000 DM"),
            ("A65", "unknown/ no savings account"),
        ],
    ),
    (
        "present_employment_since",
        &[
            ("A71", "unemployed"),
            ("A72", "... < 1 year"),
            ("A73", "1 <= ... < 4 years"),
            ("A74", "4 <= ... < 7 years"),
            ("A75", "... >= 7 years"),
        ],
    ),
    ("installment_rate_in_percentage_of_disposable_income", &[]),
    (
        "personal_status_and_sex",
        &[
            ("A91", "male : divorced/separated"),
            ("A92", "female : divorced/separated/married"),
            ("A93", "male : single"),
            ("A94", "male : married/widowed"),
        ],
    ),
    (
        "other_debtors_or_guarantors",
        &[
            ("A101", "none"),
            ("A102", "co-applicant"),
            ("A103", "guarantor"),
        ],
    ),
    ("present_residence_since", &[]),
    (
        "property",
        &[
            ("A121", "real estate"),
            ("A122", "building society savings agreement/ life insurance"),
            (
                "A123",
                "car or other, not in attribute Savings account/bonds",
            ),
            ("A124", "unknown / no property"),
        ],
    ),
    ("age_in_years", &[]),
    (
        "other_installment_plans",
        &[("A141", "bank"), ("A142", "stores"), ("A143", "none")],
    ),
    (
        "housing",
        &[("A151", "rent"), ("A152", "own"), ("A153", "for free")],
    ),
    ("number_of_existing_credits_at_this_bank", &[]),
    (
        "job",
        &[
            ("A171", "unemployed/ unskilled - non-resident"),
            ("A172", "unskilled - resident"),
            ("A173", "skilled employee / official"),
            (
                "A174",
                "management/ self-employed/ highly qualified employee/ officer",
            ),
        ],
    ),
    (
        "number_of_people_being_liable_to_provide_maintenance_for",
        &[],
    ),
    (
        "telephone",
        &[
            ("A191", "none"),
            ("A192", "yes, registered under the customers name"),
        ],
    ),
    ("foreign_worker", &[("A201", "yes"), ("A202", "no")]),
    ("creditability", &[("1", "good"), ("2", "bad")]),
];

/// The readable CSV of `source`, the text of UCI's `german.data`: codes and numbers
/// separated by spaces, one applicant a line.
pub(super) fn csv(source: &str) -> anyhow::Result<String> {
    let names: Vec<_> = COLUMNS.iter().map(|(name, _)| *name).collect();
    let mut text = names.join(",") + "\n";
    for (index, line) in source.lines().enumerate() {
        let cells = readable(line).with_context(|| format!("line {}", index + 1))?;
        text += &(cells.join(",") + "\n");
    }
    let rows = source.lines().count();
    ensure!(rows == ROWS, "expected {ROWS} lines, got {rows}");
    Ok(text)
}

fn readable(line: &str) -> anyhow::Result<Vec<String>> {
    let cells: Vec<_> = line.split_whitespace().collect();
    let expected = COLUMNS.len();
    ensure!(
        cells.len() == expected,
        "expected {expected} values, got {}",
        cells.len()
    );
    let named = COLUMNS.iter().zip(cells);
    named
        .map(|((name, codes), cell)| decode(codes, cell).context(*name))
        .collect()
}

fn decode(codes: &[(&str, &str)], cell: &str) -> anyhow::Result<String> {
    if codes.is_empty() {
        let number: u32 = cell
            .parse()
            .with_context(|| format!("expected a number, got '{cell}'"))?;
        return Ok(number.to_string());
    }
    match codes.iter().find(|(code, _)| *code == cell) {
        Some((_, word)) if word.contains(',') => Ok(format!("\"{word}\"")),
        Some((_, word)) => Ok((*word).to_owned()),
        None => bail!("'{cell}' is not in the code table"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_such_line_is_refused_by_name() {
        let good = "A11 6 A34 A43 1169 A65 A75 4 A93 A101 4 A121 67 A143 A152 2 A173 1 A192 A201 1";
        let check = |line: &str, expected: &str| {
            let error = csv(line).map_err(|error| format!("{error:#}"));
            assert_eq!(error, Err(expected.to_owned()), "{line}");
        };
        check(good, "expected 1000 lines, got 1");
        check("A11 6", "line 1: expected 21 values, got 2");
        check(
            &good.replace("A43", "A47"),
            "line 1: purpose: 'A47' is not in the code table",
        );
        check(
            &good.replace("67", "old"),
            "line 1: age_in_years: expected a number, got 'old': invalid digit found in string",
        );
    }
}
