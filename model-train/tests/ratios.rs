//! Ratios that training proposes: found where they matter, and only there.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::fmt::Write;

use model_core::schema::Schema;
use model_train::dataset::Dataset;
use model_train::fit::ClassWeight;
use model_train::tune::{FoldsBy, Ratio, RatioSearch};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SCHEMA: &str = r#"
name = "ratios"
version = "1"

[[feature]]
name = "loan"
type = "number"

[[feature]]
name = "income"
type = "number"

[[feature]]
name = "age"
type = "integer"

[[feature]]
name = "repaid"
type = "boolean"
role = "target"
"#;

/// Rows whose outcome follows from what `outcome` says about loan, income and noise.
fn proposed(schema: &Schema, outcome: impl Fn(f64, f64, f64) -> bool) -> Vec<Ratio> {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut csv = String::from("loan,income,age,repaid\n");
    for _ in 0..900 {
        let loan = 1000.0 * rng.random_range(0.0_f64..3.0).exp();
        let income = 5000.0 * rng.random_range(0.0_f64..3.0).exp();
        let repaid = outcome(loan, income, rng.random_range(-1.0..1.0));
        let age = rng.random_range(18..80);
        writeln!(csv, "{loan:.0},{income:.0},{age},{repaid}").unwrap();
    }
    let dataset = Dataset::from_reader(csv.as_bytes(), "rows.csv", schema, |_| {}).unwrap();
    let rows: Vec<usize> = (0..dataset.rows()).collect();
    let search = RatioSearch {
        dataset: &dataset,
        schema,
        rows: &rows,
        folds: 5,
        folds_by: FoldsBy::Chance,
        seed: 42,
        class_weight: ClassWeight::None,
        jobs: 2,
    };
    search.run().unwrap()
}

fn repaid_by_ratio(loan: f64, income: f64, noise: f64) -> bool {
    (loan / income).ln() + noise < -1.6
}

#[test]
fn a_ratio_that_decides_is_proposed_in_lines_that_the_schema_takes() {
    let schema = Schema::from_toml(SCHEMA).unwrap();
    let found = proposed(&schema, repaid_by_ratio);
    let first = &found[0];
    assert_eq!(first.formula, "loan / income");
    assert!(first.gain > 2.0 * first.standard_error, "{first:?}");

    let with_ratio = format!("{SCHEMA}\n{}", first.to_toml());
    let schema = Schema::from_toml(&with_ratio).unwrap();
    let names: Vec<&str> = schema.inputs().map(|input| &input.name[..]).collect();
    assert_eq!(names, ["loan", "income", "age", "loan_by_income"]);
    // What the schema has is not proposed again.
    let again = proposed(&schema, repaid_by_ratio);
    assert!(again.iter().all(|ratio| ratio.formula != "loan / income"));
}

#[test]
fn nothing_is_proposed_where_chance_decides() {
    let schema = Schema::from_toml(SCHEMA).unwrap();
    assert_eq!(proposed(&schema, |_, _, noise| noise < 0.3), []);
}
