//! Bins, weight of evidence and information value of the exploration, against other programs.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use std::fs::File;
use std::path::{Path, PathBuf};

use model_core::schema::Schema;
use model_train::eda::{Characteristic, Eda, eda_html, explore};
use serde_json::Value;

const CASES: &str = include_str!("credit/cases.json");

fn data(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data");
    folder.join(name)
}

fn of_csv(csv: &str, schema: Option<&str>) -> Eda {
    let schema = schema.map(|text| Schema::from_toml(text).unwrap());
    explore(csv.as_bytes(), "d.csv", schema.as_ref(), None, |_| ()).unwrap()
}

fn characteristic<'a>(eda: &'a Eda, name: &str) -> &'a Characteristic {
    let column = eda.columns.iter().find(|column| column.name == name);
    column.unwrap().characteristic.as_ref().unwrap()
}

fn finding<'a>(eda: &'a Eda, kind: &str, column: &str) -> Option<&'a str> {
    let mut findings = eda.findings.iter();
    findings
        .find(|f| f.kind == kind && f.column.as_deref() == Some(column))
        .map(|f| f.text.as_str())
}

/// pandas' `cut` with the same breaks and the definitions, and scikit-learn's `roc_auc_score` of
/// the raw values.
#[test]
fn bins_are_measured_as_pandas_measures_them() {
    let all: Value = serde_json::from_str(CASES).unwrap();
    for of_file in all["bins"].as_array().unwrap() {
        let file = of_file["file"].as_str().unwrap();
        let text = std::fs::read_to_string(data(of_file["schema"].as_str().unwrap())).unwrap();
        let schema = Schema::from_toml(&text).unwrap();
        let source = File::open(data(file)).unwrap();
        let eda = explore(source, file, Some(&schema), None, |_| ()).unwrap();
        for (name, expect) in of_file["columns"].as_object().unwrap() {
            let found = characteristic(&eda, name);
            let breaks: Vec<f64> = found.bins.iter().filter_map(|bin| bin.up_to).collect();
            let expected: Vec<f64> = serde_json::from_value(expect["breaks"].clone()).unwrap();
            assert_eq!(breaks, expected, "{name}: run make.py with these breaks");
            let close = |what: &str, got: f64, expect: &Value| {
                let expect = expect.as_f64().unwrap();
                assert!(
                    (got - expect).abs() < 1e-9,
                    "{name}, {what}: {got}, expected {expect}"
                );
            };
            close("iv", found.information_value, &expect["iv"]);
            close("gini", found.gini.unwrap(), &expect["gini"]);
            for (index, bin) in found.bins.iter().enumerate() {
                close("woe", bin.weight_of_evidence, &expect["woe"][index]);
                close("bad rate", bin.bad_rate, &expect["bad_rate"][index]);
            }
            let there = found.bins.iter().filter(|bin| !bin.missing);
            let rates: Vec<f64> = there.map(|bin| bin.bad_rate).collect();
            assert!(
                rates.is_sorted() || rates.iter().rev().is_sorted(),
                "{rates:?}"
            );
        }
    }
}

/// W4: on a page about rare bads, advice is about the bads.
#[test]
fn rare_bads_get_advice_about_bads() {
    let rows: String = (0..2000)
        .map(|row| {
            format!(
                "{},{}\n",
                row % 97,
                if row % 60 == 0 { "bad" } else { "good" }
            )
        })
        .collect();
    let eda = of_csv(&format!("x,outcome\n{rows}"), None);
    let advice = finding(&eda, "imbalance", "outcome").unwrap();
    assert!(advice.contains("1.7% of the rows are bad"), "{advice}");
    assert!(advice.contains("average precision of bad"), "{advice}");
    let html = eda_html(&eda).unwrap();
    assert!(
        !html.contains("accuracy of 98.3%"),
        "an accuracy is praised"
    );
    assert!(html.contains("Accuracy is no baseline here"));
}

/// W13: what is known only afterwards is named, with its reason.
#[test]
fn what_comes_afterwards_is_a_warning() {
    let rows: String = (0..2000u32)
        .map(|row| {
            let mixed = row.wrapping_mul(2_654_435_761) >> 8;
            let bad = mixed % 10 < 2;
            // Fees of three in four bads, and of one in five goods.
            let fees = if bad {
                mixed / 10 % 4 > 0
            } else {
                mixed / 10 % 5 == 0
            };
            format!(
                "{},{},{}\n",
                mixed % 1009,
                40 * u32::from(fees) + mixed % 3,
                u8::from(bad)
            )
        })
        .collect();
    let eda = of_csv(&format!("income,paid_late_fees,default\n{rows}"), None);
    let target = eda.target.as_ref().unwrap();
    // A column called default names the event.
    assert_eq!(target.negative_outcome, "default = yes");
    assert!(target.negative < target.positive);
    let by_name = finding(&eda, "recorded_afterwards", "paid_late_fees").unwrap();
    assert!(
        by_name.contains("its name has 'late_fees' in it"),
        "{by_name}"
    );
    let by_value = finding(&eda, "suspicious", "paid_late_fees").unwrap();
    assert!(by_value.contains("information value of"), "{by_value}");
    // Only figures that are above the custom are named.
    let (named, _) = by_value.split_once(" above 0.5: by custom").unwrap();
    let figures: Vec<f64> = named
        .split([' ', ','])
        .filter_map(|word| word.parse().ok())
        .collect();
    assert!(!figures.is_empty(), "{by_value}");
    assert!(figures.iter().all(|figure| *figure > 0.5), "{by_value}");
    assert_eq!(named.ends_with(", both"), figures.len() == 2, "{by_value}");
    assert_eq!(finding(&eda, "suspicious", "income"), None);
    assert!(characteristic(&eda, "paid_late_fees").trend == Some("rises"));
}

#[test]
fn missing_values_are_a_bin_with_a_bad_rate() {
    let rows: String = (0..1000)
        .map(|row| match row % 10 {
            0 => format!(",{}\n", if row % 20 == 0 { "bad" } else { "good" }),
            _ => format!("{row},{}\n", if row % 7 == 0 { "bad" } else { "good" }),
        })
        .collect();
    let eda = of_csv(&format!("income,outcome\n{rows}"), None);
    let bins = &characteristic(&eda, "income").bins;
    let missing = bins.last().unwrap();
    assert!(missing.missing && missing.rows == 100 && missing.bad == 50);
    assert!(missing.weight_of_evidence < 0.0);
    let rows: usize = bins.iter().map(|bin| bin.rows).sum();
    assert_eq!(rows, 1000);
    assert!(eda_html(&eda).unwrap().contains("Bad rate of missing"));
}

#[test]
fn a_column_of_times_gives_a_stability_index() {
    let schema = r#"
name = "small"
version = "1.0.0"

[[feature]]
name = "month"
type = "category"
role = "time"

[[feature]]
name = "income"
type = "number"

[[feature]]
name = "steady"
type = "number"

[[feature]]
name = "good"
type = "boolean"
role = "target"
"#;
    let rows: String = (0..1200)
        .map(|row| {
            let month = 1 + row / 100;
            // Incomes rise by half of their range in a year.
            let income = row * 7919 % 1000 + 40 * month;
            format!(
                "2025-{month:02},{income},{},{}\n",
                row * 7919 % 997,
                row % 3 > 0
            )
        })
        .collect();
    let eda = of_csv(&format!("month,income,steady,good\n{rows}"), Some(schema));
    let index = |name: &str| characteristic(&eda, name).stability_index.unwrap();
    assert!(index("income") > 0.1, "{}", index("income"));
    assert!(index("steady") < 0.05, "{}", index("steady"));
    // Between first and last months the months themselves differ by construction.
    assert_eq!(characteristic(&eda, "month").stability_index, None);
}

/// A number that every decision refuses is none, such as a fraction in an integer.
#[test]
fn a_number_is_read_as_a_decision_reads_it() {
    let schema = "name = \"a\"\nversion = \"1\"\nmissing_values = [\"9\"]\n[[feature]]\nname = \"late\"\ntype = \"integer\"\n[[feature]]\nname = \"paid\"\ntype = \"boolean\"\nrole = \"target\"\n";
    let csv = "late,paid\n1,yes\n2.0,no\n1.5,yes\n1e-320,no\n9007199254740993,yes\n9.0,no\n3,no\n";
    let column = &of_csv(csv, Some(schema)).columns[0];
    assert_eq!((column.unreadable, column.missing), (3, 1));
    assert_eq!(column.numbers.unwrap().maximum, 3.0);
}

/// Every text after the first 1,048,576 once counted as the last of these.
#[test]
fn a_column_of_more_than_a_million_values_is_measured_whole() {
    use std::fmt::Write;

    const FIRST: u32 = 1 << 20;
    const ROWS: u32 = FIRST + 50_000;
    let mut csv = "amount,id,kind,outcome\n".to_owned();
    for row in 0..ROWS {
        let amount = match row - row.min(FIRST) {
            1 => String::new(),
            2 => "NA".to_owned(),
            4 => "1e9".to_owned(),
            // Twice.
            5 | 6 => "2e6".to_owned(),
            _ => format!("{:.2}", f64::from(row) / 100.0),
        };
        let (kind, outcome) = (["a", "b"][(row % 2) as usize], row / (ROWS / 2));
        writeln!(csv, "{amount},n{row},{kind},{outcome}").unwrap();
    }
    let eda = of_csv(&csv, None);
    let column = |name: &str| eda.columns.iter().find(|one| one.name == name).unwrap();
    let amount = column("amount");
    assert_eq!((amount.missing, amount.unreadable), (2, 0));
    assert_eq!(amount.distinct as u32, ROWS - 3);
    assert_eq!(amount.numbers.as_ref().unwrap().maximum, 1e9);
    assert_eq!(column("id").distinct as u32, ROWS);
    assert!(finding(&eda, "identifier", "id").is_some());
    // It says nothing about the outcome, though all rows of one come after all of the other.
    let auc = column("id").single_column_auc.unwrap_or(0.5);
    assert!((auc - 0.5).abs() < 0.01, "{auc}");
}
