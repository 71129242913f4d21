//! What should be checked before training.

use model_report::number::{count, fixed, percent, short};
use serde::Serialize;

use super::column::{Column, Type};
use super::leakage::{LEAK, SUSPECT};
use super::suspicion::{SUSPICIOUS, recorded_afterwards};
use super::{Eda, Profile};

/// Roles of columns that no decision reads.
const NOT_READ: [&str; 4] = ["ignored", "time", "group", "weight"];
/// Above this share of missing values a column should be checked.
const MANY_MISSING: f64 = 0.5;
/// Below this share a class is rare.
const RARE: f64 = 0.05;
/// From this association on, by [`super::spearman`] or [`super::cramers_v`], two columns are
/// redundant.
const REDUNDANT: f64 = 0.98;

/// Rows that each outcome must have before a column alone is called suspicious.
const ENOUGH: usize = 30;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// A model trained on this would be wrong, or cannot be trained.
    Problem,
    /// Should be checked.
    Warning,
    /// Good to know.
    Note,
}

/// Something to check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// How much it matters.
    pub weight: Weight,
    /// What kind it is, such as `leakage`, for programs.
    pub kind: &'static str,
    /// The column; none where it is about the file.
    pub column: Option<String>,
    /// A sentence.
    pub text: String,
}

pub(super) fn findings(eda: &Eda, columns: &[Column], wanted: Option<&str>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |weight, kind, column: Option<&str>, text: String| {
        findings.push(Finding {
            weight,
            kind,
            column: column.map(str::to_owned),
            text,
        });
    };
    if eda.rows == 0 {
        let text = "There are no rows after the header.".to_owned();
        add(Weight::Problem, "no_rows", None, text);
    }
    about_target(eda, wanted, &mut add);
    if eda.duplicate_rows > 0 {
        let share = percent(eda.duplicate_rows as f64 / eda.rows as f64);
        let text = format!(
            "{} of an earlier row ({share}): copies on both sides of a split make a model look \
             better than it is.",
            if eda.duplicate_rows == 1 {
                "1 row is a duplicate".to_owned()
            } else {
                format!("{} rows are duplicates", count(eda.duplicate_rows))
            }
        );
        add(Weight::Warning, "duplicates", None, text);
    }
    for (profile, column) in eda.columns.iter().zip(columns) {
        about_column(eda, profile, column, &mut add);
    }
    about_pairs(eda, &mut add);
    findings.sort_by_key(|finding| finding.weight);
    findings
}

type Add<'a> = dyn FnMut(Weight, &'static str, Option<&str>, String) + 'a;

fn about_target(eda: &Eda, wanted: Option<&str>, add: &mut Add<'_>) {
    let Some(target) = &eda.target else {
        let text = match wanted.filter(|name| eda.columns.iter().any(|c| c.name == *name)) {
            Some(name) => format!(
                "'{name}' cannot be the target: it does not have exactly two distinct values. Name \
                 another column with --target; sections that need a target are omitted."
            ),
            None => format!(
                "The file has no column '{}' to use as the target; sections that need one are \
                 omitted.",
                wanted.unwrap_or("")
            ),
        };
        return add(Weight::Problem, "no_target", None, text);
    };
    let known = target.positive + target.negative;
    let smaller = target.positive.min(target.negative);
    let name = Some(target.name.as_str());
    if smaller == 0 {
        let text = "Every row has the same target value: there is nothing to learn.".to_owned();
        add(Weight::Problem, "one_class", name, text);
    } else if (smaller as f64) < known as f64 * RARE {
        let rarer = if target.positive < target.negative {
            &target.positive_outcome
        } else {
            &target.negative_outcome
        };
        let share = smaller as f64 / known as f64;
        let text = format!(
            "Only {} of the rows are {rarer}: accuracy, and the average precision of the other \
             outcome, say little. Look at Gini, KS and the average precision of {rarer}, which is \
             {} for a random model.",
            percent(share),
            fixed(share, 4)
        );
        add(Weight::Warning, "imbalance", name, text);
    }
    if target.missing > 0 {
        let text = format!("{} no target value.", rows_have(target.missing));
        add(Weight::Problem, "missing_target", name, text);
    }
}

fn about_column(eda: &Eda, profile: &Profile, column: &Column, add: &mut Add<'_>) {
    let name = Some(profile.name.as_str());
    let rows = eda.rows.max(1) as f64;
    if eda.rows > 0 && profile.kind == Type::Empty {
        let text = format!("'{}' has no value in any row.", profile.name);
        return add(Weight::Warning, "all_missing", name, text);
    }
    if column.is_constant() && eda.rows > 1 && profile.role != "target" {
        let text = format!(
            "'{}' has the same value in every row that has one.",
            profile.name
        );
        add(Weight::Warning, "constant", name, text);
    }
    // What is ignored is read as anything.
    if profile.unreadable > 0 && !NOT_READ.contains(&profile.role.as_str()) {
        let text = format!(
            "{} an invalid {} in '{}'.",
            rows_have(profile.unreadable),
            profile.kind.word(),
            profile.name
        );
        add(Weight::Warning, "unreadable", name, text);
    }
    let missing = profile.missing as f64 / rows;
    if missing > MANY_MISSING {
        let text = format!(
            "'{}' is missing in {} of the rows.",
            profile.name,
            percent(missing)
        );
        add(Weight::Warning, "missing", name, text);
    }
    let is_id = matches!(profile.kind, Type::Text | Type::Integer)
        && eda.rows >= 50
        && profile.distinct == eda.rows;
    if is_id {
        let text = format!(
            "'{}' is different in every row: an identifier predicts nothing about new rows.",
            profile.name
        );
        add(Weight::Warning, "identifier", name, text);
    } else if profile.kind == Type::Text {
        let text = format!(
            "'{}' has {} distinct texts, too many for a category.",
            profile.name,
            count(profile.distinct)
        );
        add(Weight::Note, "many_texts", name, text);
    }
    if let Some(auc) = profile.single_column_auc.filter(|auc| *auc >= SUSPECT) {
        let (weight, why) = if auc >= LEAK {
            (
                Weight::Problem,
                "was it recorded after the decision? Such a column is not available for a new \
                 application.",
            )
        } else {
            (
                Weight::Warning,
                "make sure it is known before the decision.",
            )
        };
        let text = format!(
            "'{}' alone predicts the target, with a ROC AUC of {}: {why}",
            profile.name,
            fixed(auc, 3)
        );
        add(weight, "leakage", name, text);
    } else {
        about_suspicion(profile, add);
    }
    if let Some(numbers) = profile.numbers {
        let far = numbers.outliers as f64 / rows;
        let spread = numbers.third_quartile - numbers.first_quartile;
        if numbers.maximum > numbers.third_quartile + 50.0 * spread && spread > 0.0 && far < 0.2 {
            let text = format!(
                "'{}' goes up to {}, while half of its values are between {} and {}: are the \
                 largest values errors?",
                profile.name,
                short(numbers.maximum),
                short(numbers.first_quartile),
                short(numbers.third_quartile)
            );
            add(Weight::Note, "extreme", name, text);
        }
    }
    if column.is_protected() {
        let text = format!(
            "'{}' is protected: it is audited and never used as an input.",
            profile.name
        );
        add(Weight::Note, "protected", name, text);
    }
}

/// Whether a column knows more of the outcome than what is known before a decision as a rule.
fn about_suspicion(profile: &Profile, add: &mut Add<'_>) {
    if profile.role == "target" || NOT_READ.contains(&profile.role.as_str()) {
        return;
    }
    let name = Some(profile.name.as_str());
    if let Some(word) = recorded_afterwards(&profile.name) {
        let text = format!(
            "'{}' may be recorded after the decision: its name has '{word}' in it. Make sure that \
             a new application has it.",
            profile.name
        );
        add(Weight::Warning, "recorded_afterwards", name, text);
    }
    let Some(characteristic) = &profile.characteristic else {
        return;
    };
    let rows: usize = characteristic.bins.iter().map(|bin| bin.rows).sum();
    let bad: usize = characteristic.bins.iter().map(|bin| bin.bad).sum();
    if bad.min(rows - bad) < ENOUGH {
        return;
    }
    let iv = characteristic.information_value;
    let gini = characteristic.gini.unwrap_or(0.0);
    // What bins of a column that says nothing would have on average.
    let chance =
        (characteristic.bins.len() - 1) as f64 * (1.0 / bad as f64 + 1.0 / (rows - bad) as f64);
    let too_much: Vec<String> = [
        (iv - chance, iv, "an information value"),
        (gini, gini, "a Gini"),
    ]
    .into_iter()
    .filter(|(judged, _, _)| *judged > SUSPICIOUS)
    .map(|(_, value, what)| format!("{what} of {}", fixed(value, 2)))
    .collect();
    if !too_much.is_empty() {
        let text = format!(
            "'{}' alone has {}, {}above {SUSPICIOUS}: by custom, suspicious. Make sure that it is \
             known before the decision.",
            profile.name,
            too_much.join(" and "),
            if too_much.len() == 1 { "" } else { "both " }
        );
        add(Weight::Warning, "suspicious", name, text);
    }
}

fn about_pairs(eda: &Eda, add: &mut Add<'_>) {
    let names = &eda.associations.columns;
    for (row, first) in names.iter().enumerate() {
        for (column, second) in names.iter().enumerate().skip(row + 1) {
            let value = eda.associations.values[row * names.len() + column];
            let is_target = |name: &String| eda.target.as_ref().is_some_and(|t| t.name == *name);
            if is_target(first) || is_target(second) || eda.rows < 10 {
                continue;
            }
            if value.is_some_and(|value| value.abs() >= REDUNDANT) {
                let text = format!("'{first}' and '{second}' are nearly redundant.");
                add(Weight::Note, "redundant", Some(first), text);
            }
        }
    }
}

/// "1 row has", "12 rows have".
fn rows_have(rows: usize) -> String {
    match rows {
        1 => "1 row has".to_owned(),
        rows => format!("{} rows have", count(rows)),
    }
}
