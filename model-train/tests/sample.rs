//! Time, groups, weights and rows without an outcome: what is read, how rows are split, and
//! that weights count in every model and figure.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

use model_core::schema::Schema;
use model_files::parquet::CsvText;
use model_train::dataset::Dataset;
use model_train::fit::{
    ClassWeight, DecisionTree, GradientBoosting, LogisticRegression, Options, Params, RandomForest,
    Ridge, fit, predict,
};
use model_train::moment::Moment;
use model_train::out_of_time::OutOfTime;
use model_train::pipeline::{InputOptions, Inputs, Job, Options as JobOptions, Source};
use model_train::prepare::Prepared;
use model_train::split::Split;
use model_train::tune::{Dealt, FoldsBy};

const SCHEMA: &str = r#"
name = "test"
version = "1.0.0"

[[feature]]
name = "debt"
type = "number"

[[feature]]
name = "month"
type = "category"
role = "time"

[[feature]]
name = "customer"
type = "integer"
role = "group"

[[feature]]
name = "exposure"
type = "number"
role = "weight"

[[feature]]
name = "default"
type = "boolean"
role = "target"
positive = false
"#;

/// The schema without what says a role.
fn schema_without(roles: &[&str]) -> Schema {
    let entries = SCHEMA.split("\n\n");
    let is_kept = |entry: &&str| !roles.iter().any(|role| entry.contains(role));
    let toml: Vec<&str> = entries.filter(is_kept).collect();
    Schema::from_toml(&toml.join("\n\n")).unwrap()
}

fn schema() -> Schema {
    schema_without(&[])
}

/// 240 rows of 60 customers in 12 months; every fifth is a default, more with more debt.
fn csv() -> String {
    let mut csv = String::from("debt,month,customer,exposure,default\n");
    for row in 0..240 {
        let debt = row * 37 % 100;
        let bad = debt > 70 && row % 4 != 0 || row % 23 == 0;
        let weight = 1 + row % 3;
        csv += &format!(
            "{debt},2025-{:02},{},{weight},{}\n",
            row / 20 + 1,
            row % 60,
            u8::from(bad)
        );
    }
    csv
}

fn read(csv: &str, change: impl FnOnce(&mut InputOptions<'_>)) -> Result<Inputs, String> {
    let source = Source::new("d.csv", csv.as_bytes());
    let mut options = InputOptions::new(schema(), source);
    change(&mut options);
    Inputs::read(options, |_| {}).map_err(|error| error.to_string())
}

#[test]
fn what_cannot_be_read_names_the_line() {
    let check = |row: &str, expect: &str| {
        let error = read(&format!("{}{row}\n", csv()), |_| {}).unwrap_err();
        assert_eq!(error, expect);
    };
    check(
        "1,March,1,1,0",
        "d.csv, line 242, column 'month': expected a date (2026-03-31), a month (2026-03), a timestamp (2026-03-31T12:00:00Z) or a whole number, got 'March'",
    );
    check(
        "1,2025,1,1,0",
        "d.csv, line 242, column 'month': expected a date, as in the rows above, got '2025'",
    );
    check(
        "1,2025-01,,1,0",
        "d.csv, line 242, column 'customer': expected what names the group, got ''",
    );
    for weight in ["-1", "0", "1e-300", "1e308", "NaN", "inf", "x"] {
        check(
            &format!("1,2025-01,1,{weight},0"),
            &format!(
                "d.csv, line 242, column 'exposure': expected a weight, a number from 1e-15 to 1e15, got '{weight}'"
            ),
        );
    }
    let absent = csv().replacen("exposure,default", "default", 1);
    let absent: String = absent
        .lines()
        .map(|line| match line.split(',').collect::<Vec<_>>()[..] {
            [debt, month, customer, _, default] => {
                format!("{debt},{month},{customer},{default}\n")
            }
            _ => format!("{line}\n"),
        })
        .collect();
    assert_eq!(
        read(&absent, |_| {}).unwrap_err(),
        "d.csv, column 'exposure': the column is missing, and the schema gives it role = \"weight\""
    );
}

#[test]
fn the_latest_rows_are_measured() {
    let from = Moment::parse("2025-10").unwrap();
    for test in [OutOfTime::From(from), OutOfTime::Last(0.25)] {
        let inputs = read(&csv(), |options| options.out_of_time = Some(test)).unwrap();
        assert_eq!(inputs.split().test, (180..240).collect::<Vec<_>>());
        assert_eq!(inputs.test_from(), Some("2025-10-01"));
        // A customer who is there again is known from before.
        let job = Job::new(inputs, JobOptions::default()).unwrap();
        let warnings: Vec<String> = job.warnings().iter().map(ToString::to_string).collect();
        assert!(
            warnings[0].contains("60 groups have rows to train on and rows to measure on"),
            "{warnings:?}"
        );
    }
    let one_month = (1..=12).fold(csv(), |csv, month| {
        csv.replace(&format!("2025-{month:02}"), "2024-03-31")
    });
    let error = read(&one_month, |options| {
        options.out_of_time = Some(OutOfTime::Last(0.2));
    });
    assert!(
        error
            .unwrap_err()
            .starts_with("every row is of 2024-03-31: ")
    );
}

#[test]
fn a_group_is_on_one_side() {
    let inputs = read(&csv(), |_| {}).unwrap();
    let groups = inputs.dataset().sample.groups.as_ref().unwrap();
    let is_apart = |split: &Split| {
        let train: Vec<u32> = split.train.iter().map(|&row| groups[row]).collect();
        split.test.iter().all(|&row| !train.contains(&groups[row]))
    };
    assert!(is_apart(inputs.split()));
    assert!((36..=60).contains(&inputs.split().test.len()));
    let dealt = Dealt {
        target: &inputs.dataset().target,
        sample: &inputs.dataset().sample,
        rows: &inputs.split().train,
        folds: 5,
        by: FoldsBy::Chance,
        seed: 1,
    };
    let splits = dealt.splits(2).unwrap();
    assert_eq!(splits.len(), 10);
    assert!(splits.iter().all(is_apart));
    assert_ne!(splits[0], splits[5]);
    let error = Dealt { folds: 60, ..dealt }.splits(1).unwrap_err();
    assert!(error.to_string().contains("groups"), "{error}");

    // Groups of one row keep nothing together.
    let mut row = 0;
    let of_one: String = csv()
        .lines()
        .map(|line| {
            let mut cells: Vec<String> = line.split(',').map(str::to_owned).collect();
            if row > 0 {
                cells[2] = row.to_string();
            }
            row += 1;
            cells.join(",") + "\n"
        })
        .collect();
    let inputs = read(&of_one, |_| {}).unwrap();
    let job = Job::new(inputs, JobOptions::default()).unwrap();
    let warning = job.warnings()[0].to_string();
    assert!(warning.contains("no group has two rows"), "{warning}");
}

/// Penalties count rows of weight 1: with weights that sum to 1 boosting learns nothing.
#[test]
fn weights_far_below_one_are_a_warning() {
    let says = |weight: &str| {
        let rows = csv();
        let rows = rows.lines().skip(1).map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let [debt, month, customer, _, default] = cells[..] else {
                panic!("{line}");
            };
            format!("{debt},{month},{customer},{weight},{default}\n")
        });
        let csv = format!(
            "debt,month,customer,exposure,default\n{}",
            rows.collect::<String>()
        );
        let job = Job::new(read(&csv, |_| {}).unwrap(), JobOptions::default()).unwrap();
        let warnings: Vec<String> = job.warnings().iter().map(ToString::to_string).collect();
        warnings.iter().any(|warning| {
            warning.contains("column 'exposure': a training row weighs 4.2e-3 on average")
        })
    };
    assert!(says("0.0042"));
    assert!(!says("0.5"));
}

/// Dates and large identifiers of a Parquet file are those of CSV.
#[test]
fn parquet_has_the_times_and_groups_of_csv() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../cli/tests/data")
        .join("dated.parquet");
    let file = CsvText::open(&path, "dated.parquet").unwrap();
    let mut options = InputOptions::new(schema(), Source::new("dated.parquet", file));
    options.out_of_time = Some(OutOfTime::From(Moment::parse("2025-10").unwrap()));
    let of_parquet = Inputs::read(options, |_| {}).unwrap();
    let of_csv = read(&csv(), |_| {}).unwrap();
    assert_eq!(of_parquet.dataset().target, of_csv.dataset().target);
    let sample = |inputs: &Inputs| {
        let sample = inputs.dataset().sample.clone();
        (sample.times, sample.time_kind, sample.groups)
    };
    assert_eq!(sample(&of_parquet), sample(&of_csv));
}

#[test]
fn folds_by_time_learn_from_the_past() {
    let inputs = read(&csv(), |_| {}).unwrap();
    let sample = &inputs.dataset().sample;
    let (times, groups) = (
        sample.times.as_ref().unwrap(),
        sample.groups.as_ref().unwrap(),
    );
    let rows: Vec<usize> = (0..240).collect();
    let dealt = Dealt {
        target: &inputs.dataset().target,
        sample,
        rows: &rows,
        folds: 3,
        by: FoldsBy::Time,
        seed: 1,
    };
    // Every customer is there in each third of the year, so without groups.
    let mut without = sample.clone();
    without.groups = None;
    let alone = Dealt {
        sample: &without,
        ..dealt
    };
    let splits = alone.splits(2).unwrap();
    assert_eq!(splits.len(), 3, "there is one order of time");
    for (fold, split) in splits.iter().enumerate() {
        let last = split.train.iter().map(|&row| times[row]).max();
        let first = split.test.iter().map(|&row| times[row]).min();
        assert!(last < first);
        assert_eq!((split.train.len(), split.test.len()), (60 * (fold + 1), 60));
    }
    let error = dealt.splits(1).unwrap_err().to_string();
    assert!(
        error.starts_with("fold 1 of 3 by time would be learned from"),
        "{error}"
    );
    // Fewer folds do not help.
    assert!(
        error.contains("use fewer --folds, or no column of groups"),
        "{error}"
    );
    assert_eq!(groups.len(), 240);
    let error = Dealt { folds: 12, ..alone }.splits(1).unwrap_err();
    assert!(
        error.to_string().starts_with(
            "the training rows from 2025-01-01 to 2025-12-01 cannot be cut into 13 periods"
        ),
        "{error}"
    );
}

#[test]
fn rows_without_an_outcome_are_kept_out_and_counted() {
    let declined = "50,2025-01,7,1,\n".repeat(3);
    let (head, rows) = csv()
        .split_once('\n')
        .map(|(h, r)| (h.to_owned(), r.to_owned()))
        .unwrap();
    let csv = format!("{head}\n{declined}{rows}");
    let inputs = read(&csv, |_| {}).unwrap();
    assert_eq!(inputs.dataset().rows(), 240);
    let without = &inputs.dataset().without_outcome;
    assert_eq!(without.rows, [0, 1, 2]);
    assert_eq!(without.columns[0].len(), 3);
    assert_eq!(inputs.dataset().file_rows()[..2], [3, 4]);
    assert_eq!(
        inputs.kept_out_in_words().unwrap(),
        "3 of 243 rows have no outcome and are kept out."
    );
    let strict = read(&csv, |options| {
        options.outcome_missing = model_train::dataset::OutcomeMissing::Error;
    });
    assert!(
        strict
            .unwrap_err()
            .starts_with("d.csv, line 2, column 'default': the target is empty, expected")
    );
    let none = format!("{head}\n{declined}");
    assert_eq!(
        read(&none, |_| {}).unwrap_err(),
        "d.csv: none of the 3 rows has an outcome in the target's column"
    );
}

/// Fitted on all rows.
fn fitted(csv: &str, schema: &Schema, params: &Params) -> (Vec<f64>, Prepared) {
    let dataset = Dataset::from_reader(csv.as_bytes(), "d.csv", schema, |_| {}).unwrap();
    let rows: Vec<usize> = (0..dataset.rows()).collect();
    let split = Split {
        train: rows.clone(),
        test: rows.clone(),
    };
    let prepared = Prepared::new(dataset, schema, split).unwrap();
    let options = Options {
        seed: 1,
        jobs: 1,
        class_weight: ClassWeight::None,
    };
    let model = fit(&prepared, &rows, schema, params, &options).unwrap();
    let probabilities = predict(&model, &prepared, &rows).unwrap();
    (probabilities, prepared)
}

/// A weight of 3 is worth three rows.
#[test]
fn weights_are_worth_rows_in_every_model() {
    let (head, rows) = csv()
        .split_once('\n')
        .map(|(h, r)| (h.to_owned(), r.to_owned()))
        .unwrap();
    let mut repeated = format!("{head}\n");
    let mut first = Vec::new();
    for (row, line) in rows.lines().enumerate() {
        first.push(repeated.lines().count() - 1);
        repeated += &format!("{line}\n").repeat(1 + row % 3);
    }
    let weighted = schema();
    let unweighted = schema_without(&["role = \"weight\""]);
    let dropped: String = repeated
        .lines()
        .map(|line| match line.split(',').collect::<Vec<_>>()[..] {
            [debt, month, customer, _, default] => {
                format!("{debt},{month},{customer},{default}\n")
            }
            _ => unreachable!(),
        })
        .collect();
    let boosting = GradientBoosting {
        trees: 20,
        bags: 1,
        row_share: 1.0,
        column_share: 1.0,
        ..GradientBoosting::default()
    };
    for params in [
        Params::Ridge(Ridge::default()),
        Params::LogisticRegression(LogisticRegression::default()),
        Params::DecisionTree(DecisionTree {
            max_depth: 3,
            min_leaf_rows: 1,
            min_split_rows: 2,
        }),
        Params::GradientBoosting(boosting),
    ] {
        let (by_weight, _) = fitted(&csv(), &weighted, &params);
        let (by_rows, _) = fitted(&dropped, &unweighted, &params);
        for (row, p) in by_weight.iter().enumerate() {
            let expect = by_rows[first[row]];
            assert!(
                (p - expect).abs() < 1e-5,
                "{}, row {row}: {p}, by repeated rows {expect}",
                params.kind().word()
            );
        }
    }
    // A forest draws its rows by chance: heavy defaults raise its probabilities of default.
    let forest = Params::RandomForest(RandomForest::default());
    let heavy: String = csv()
        .lines()
        .map(|line| match line.strip_suffix(",1") {
            Some(start) => format!("{start}0,1\n"),
            None => format!("{line}\n"),
        })
        .collect();
    let (light, _) = fitted(&csv(), &weighted, &forest);
    let (heavy, _) = fitted(&heavy, &weighted, &forest);
    let mean = |probabilities: &[f64]| probabilities.iter().sum::<f64>() / 240.0;
    assert!(mean(&heavy) < mean(&light) - 0.1);
}
