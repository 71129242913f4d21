//! A model with derived fields whose policies have something to do, and its training rows.

use std::fmt::Write as _;

use model_core::calibration::Calibration;
use model_core::details::Details;
use model_core::model::ModelKind;
use model_core::schema::Schema;
use model_train::dataset::Dataset;
use model_train::fit::{ClassWeight, Params};
use model_train::split::Split;
use model_train::train::{Options, train};

pub(crate) const SCHEMA: &str = r#"
name = "loans"
version = "1.0.0"
missing_values = ["-1"]

[[feature]]
name = "income"
type = "integer"
minimum = 1000
maximum = 90000
missing = "impute"
out_of_range = "clamp"

[[feature]]
name = "debt"
type = "number"
minimum = 0
maximum = 40000
missing = "zero"
out_of_range = "impute"

[[feature]]
name = "amount"
type = "integer"

# Clamped.
[[feature]]
name = "ratio"
type = "number"
derived = "amount / income"
round = 2
mismatch = "overwrite"
minimum = 0
maximum = 5
missing = "impute"
out_of_range = "clamp"

# Another number is filled in.
[[feature]]
name = "burden"
type = "number"
derived = "(debt + amount) / income"
maximum = 4
missing = "zero"
out_of_range = "impute"

# Has no value where there is no debt.
[[feature]]
name = "share"
type = "number"
derived = "amount / debt"
maximum = 3
missing = "impute"
out_of_range = "clamp"

# Sees a ratio that is clamped.
[[feature]]
name = "strain"
type = "number"
derived = "2 * ratio - amount / 100000"
maximum = 7
missing = "impute"
out_of_range = "clamp"

# Sees a burden that may be filled in.
[[feature]]
name = "rest"
type = "number"
derived = "1 - burden"
minimum = -0.5
missing = "impute"
out_of_range = "clamp"

[[feature]]
name = "paid"
type = "boolean"
role = "target"
"#;

/// The derived fields.
pub(crate) const DERIVED: [&str; 5] = ["ratio", "burden", "share", "strain", "rest"];

/// The columns of [`csv`].
pub(crate) const COLUMNS: [&str; 5] = ["income", "debt", "amount", "ratio", "paid"];

/// Training rows. Of every other one the ratio is given, at times a wrong one.
pub(crate) fn csv(rows: u32) -> String {
    let mut csv = COLUMNS.join(",") + "\n";
    for row in 0..rows {
        let drawn = |salt: u32, below: u32| {
            let mixed = (row * 16 + salt + 1).wrapping_mul(2_654_435_761);
            ((mixed ^ mixed >> 15).wrapping_mul(2_246_822_519) >> 8) % below
        };
        let amount = 500 + drawn(3, 30_000);
        let income = match row % 10 {
            0 => String::new(),
            1 | 2 => "0".to_owned(),
            3 => "120000".to_owned(),
            _ => (2_000 + drawn(7, 60_000)).to_string(),
        };
        let debt = match row % 9 {
            0 => "-1".to_owned(),
            1 => "0".to_owned(),
            2 | 3 => "70000.5".to_owned(),
            _ => (drawn(11, 39_000)).to_string(),
        };
        let ratio = match row % 14 {
            3 => "9.5",
            5 => "0.25",
            7 => "-1",
            _ => "",
        };
        let paid = u8::from(amount < 12_000 || row.is_multiple_of(3));
        writeln!(csv, "{income},{debt},{amount},{ratio},{paid}").unwrap();
    }
    csv
}

/// The artifact of a model that was trained on all these rows.
pub(crate) fn trained(csv: &str) -> Vec<u8> {
    let schema = Schema::from_toml(SCHEMA).unwrap();
    let dataset = Dataset::from_reader(csv.as_bytes(), "loans.csv", &schema, |_| {}).unwrap();
    let rows: Vec<usize> = (0..dataset.rows()).collect();
    let split = Split {
        train: rows.clone(),
        test: rows,
    };
    let options = Options {
        params: Params::defaults(ModelKind::LogisticRegression),
        class_weight: ClassWeight::None,
        jobs: 1,
        seed: 1,
        calibration: Calibration::None,
        threshold: 0.5,
        details: Details::default(),
        engine_sha256: "00".repeat(32),
        underwrite_version: "0.0.0".to_owned(),
    };
    train(dataset, &schema, split, &options).unwrap().artifact
}

/// The rows as applications, without the target.
pub(crate) fn applications(csv: &str) -> Vec<String> {
    let rows = csv.lines().skip(1).map(|line| {
        let fields = COLUMNS.iter().zip(line.split(','));
        let fields = fields.filter(|(name, cell)| **name != "paid" && !cell.is_empty());
        let fields: Vec<String> = fields
            .map(|(name, cell)| format!("\"{name}\":{cell}"))
            .collect();
        format!("{{{}}}", fields.join(","))
    });
    rows.collect()
}
