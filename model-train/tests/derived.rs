//! Derived columns in training: the value that is learned from is the one that the module uses.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use model_core::schema::Schema;
use model_train::dataset::Dataset;
use model_train::prepare::Prepared;
use model_train::split::Split;

const SCHEMA: &str = r#"
name = "loans"
version = "1.0.0"

[[feature]]
name = "share"
type = "number"
derived = "amount / income"
round = 2
maximum = 5
missing = "impute"
out_of_range = "clamp"

[[feature]]
name = "amount"
type = "number"

[[feature]]
name = "income"
type = "number"
minimum = 0
missing = "impute"

[[feature]]
name = "approved"
type = "boolean"
role = "target"
"#;

fn read(schema: &str, csv: &str) -> Result<Dataset, String> {
    let schema = Schema::from_toml(schema).unwrap();
    Dataset::from_reader(csv.as_bytes(), "loans.csv", &schema, |_| {})
        .map_err(|error| error.to_string())
}

fn prepared(csv: &str) -> Prepared {
    let schema = Schema::from_toml(SCHEMA).unwrap();
    let dataset = read(SCHEMA, csv).unwrap();
    let rows: Vec<usize> = (0..dataset.rows()).collect();
    let split = Split {
        train: rows.clone(),
        test: rows,
    };
    Prepared::new(dataset, &schema, split).unwrap()
}

#[test]
fn a_column_that_is_absent_is_computed() {
    let csv = "amount,income,approved\n1000,3000,1\n1000,4000,0\n";
    assert_eq!(read(SCHEMA, csv).unwrap().columns[0], [0.33, 0.25]);
    assert_eq!(prepared(csv).columns[0], [0.33, 0.25]);
}

#[test]
fn what_came_is_kept_and_what_was_computed_is_learned_from() {
    let csv = "share,amount,income,approved\n0.34,1000,3000,1\n,1000,4000,0\n0.9,1000,,1\n,1000,,1\n,1000,0,1\n,1000,100,0\n";
    let dataset = read(SCHEMA, csv).unwrap();
    let first: Vec<f64> = dataset.columns[0].iter().copied().take(3).collect();
    assert_eq!(first, [0.34, 0.25, 0.9]);
    assert!(dataset.columns[0][3].is_nan() && dataset.columns[0][4].is_nan());
    assert_eq!(dataset.columns[0][5], 10.0);
    assert!(dataset.overwritten.is_empty());
    // The median income, 100 of 0, 100, 3000 and 4000, is filled in; 10 is clamped to 5; without a
    // result the median of the column is used.
    let prepared = prepared(csv);
    let typical = prepared.preprocessing.imputed[0];
    assert_eq!(prepared.columns[0], [0.33, 0.25, 0.9, 5.0, typical, 5.0]);
    assert_eq!(typical, 0.33);
}

#[test]
fn a_contradiction_is_an_error_with_its_line_or_counted() {
    let csv = "share,amount,income,approved\n0.33,1000,3000,1\n0.35,1000,3000,0\n";
    let error = read(SCHEMA, csv).unwrap_err();
    assert!(
        error.contains("line 3") && error.contains("'share'"),
        "{error}"
    );
    assert!(error.contains("Input should be 0.33"), "{error}");
    let lenient = SCHEMA.replace("round = 2", "round = 2\nmismatch = \"overwrite\"");
    let dataset = read(&lenient, csv).unwrap();
    assert_eq!(dataset.overwritten, [("share".to_owned(), 1)]);
    assert_eq!(dataset.columns[0], [0.33, 0.35]);
}
