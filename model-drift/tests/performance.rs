//! What is measured of a model is what `underwrite evaluate` measures of the same rows: with the
//! weights of the rows, and however rare an outcome is.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

#[path = "../../model-core/tests/common/mod.rs"]
mod common;
mod files;

use files::sealed;
use model_core::artifact::Artifact;
use model_core::model::{Linear, Model};
use model_drift::inputs::{InputError, Inputs};
use model_drift::performance::Scores;
use model_drift::report::Report;
use model_files::parquet::{Encoded, NewCells, NewColumn, NewKind, ParquetWriter};
use serde_json::Value;

const SCHEMA: &str = r#"
name = "loans"
version = "1.0.0"
missing_values = ["NA", "-999", "999"]

[[feature]]
name = "x"
type = "number"

[[feature]]
name = "w"
type = "number"
role = "weight"

[[feature]]
name = "default"
type = "boolean"
role = "target"
positive = false
"#;

/// A row: the log odds of no default, its weight, and whether there was none.
#[derive(Clone, Copy)]
struct Row {
    x: f64,
    weight: f64,
    paid: bool,
}

/// Numbers from 0 to 1 that are the same in every run.
struct Uniform(u64);

impl Uniform {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ mixed >> 31) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn about_normal(&mut self) -> f64 {
        (0..12).map(|_| self.next()).sum::<f64>() - 6.0
    }
}

fn probability(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Rows of a calibrated model, whose log odds are about `center`.
fn rows(count: usize, center: f64, spread: f64) -> Vec<Row> {
    let mut uniform = Uniform(count as u64);
    let row = |_| {
        let x = center + spread * uniform.about_normal();
        let x = (x * 1000.0).round() / 1000.0;
        Row {
            x,
            weight: 1.0,
            paid: uniform.next() < probability(x),
        }
    };
    (0..count).map(row).collect()
}

/// Rows whose weights say whether the model is right: those that count little contradict it.
fn weighted_rows(count: usize) -> Vec<Row> {
    let mut uniform = Uniform(7);
    let row = |_| {
        let x = 2.0 * uniform.about_normal();
        let heavy = uniform.next() < 0.5;
        let good = uniform.next() < probability(x);
        Row {
            x,
            weight: if heavy { 20.0 + uniform.next() } else { 1.37 },
            paid: good == heavy,
        }
    };
    (0..count).map(row).collect()
}

/// A batch as a file, by the header; `default` is what its name says.
fn csv(header: &str, rows: &[Row]) -> String {
    let line = |row: &Row| {
        let cell = |column| match column {
            "x" => row.x.to_string(),
            "w" => row.weight.to_string(),
            _ => if row.paid { "no" } else { "yes" }.to_owned(),
        };
        header.split(',').map(cell).collect::<Vec<_>>().join(",") + "\n"
    };
    format!("{header}\n{}", rows.iter().map(line).collect::<String>())
}

/// A model of which the log odds are `x`.
fn model(threshold: f64) -> Artifact {
    let mut artifact = common::linear(SCHEMA);
    artifact.threshold = threshold;
    let metrics = [("accuracy", 0.75), ("roc_auc", 0.8125)];
    artifact.training.metrics = metrics.map(|(name, value)| (name.to_owned(), value)).into();
    if let Model::Linear(Linear {
        terms, intercept, ..
    }) = &mut artifact.model
    {
        *intercept = 0.0;
        terms[0].mean = 0.0;
        terms[0].scale = 1.0;
        terms[0].weight = 1.0;
    }
    artifact
}

fn compare(artifact: &Artifact, reference: &str, current: &[u8]) -> Result<Report, InputError> {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("m.wasm"), sealed(artifact)).unwrap();
    std::fs::write(path("a.csv"), reference).unwrap();
    std::fs::write(path("b.csv"), current).unwrap();
    let inputs = Inputs {
        reference: path("a.csv"),
        current: Some(path("b.csv")),
        model: Some(path("m.wasm")),
        ..Inputs::default()
    };
    inputs.compare()
}

fn report(artifact: &Artifact, batch: &str) -> Report {
    compare(artifact, batch, batch.as_bytes()).unwrap()
}

fn performance(report: &Report) -> Value {
    serde_json::to_value(&report.performance).unwrap()
}

/// The metrics as their definitions have them, of every pair of rows in order.
fn expected(rows: &[Row], threshold: f64) -> Vec<(&'static str, f64)> {
    let mut sorted = rows.to_vec();
    sorted.sort_by(|a, b| a.x.total_cmp(&b.x));
    let (mut negative, mut positive, mut pairs) = (0.0, 0.0, 0.0);
    for tie in sorted.chunk_by(|a, b| a.x == b.x) {
        let of = |paid| tie.iter().filter(move |row| row.paid == paid);
        let [no, yes] = [false, true].map(|paid| of(paid).map(|row| row.weight).sum::<f64>());
        pairs += yes * (negative + no / 2.0);
        negative += no;
        positive += yes;
    }
    let sum = |value: &dyn Fn(&Row) -> f64| -> f64 {
        rows.iter().map(|row| row.weight * value(row)).sum()
    };
    let one = |condition: bool| f64::from(u8::from(condition));
    let all = sum(&|_| 1.0);
    let approved = |row: &Row| probability(row.x) >= threshold;
    let right = sum(&|row| one(approved(row) && row.paid));
    let approvals = sum(&|row| one(approved(row)));
    vec![
        ("accuracy", sum(&|row| one(approved(row) == row.paid)) / all),
        // 0 / 0 is 0, as in scikit-learn.
        (
            "precision",
            if right > 0.0 { right / approvals } else { 0.0 },
        ),
        ("recall", right / positive),
        ("f1", 2.0 * right / (approvals + positive)),
        ("auc", pairs / (positive * negative)),
        (
            "log_loss",
            sum(&|row| {
                let p = probability(row.x).clamp(f64::EPSILON, 1.0 - f64::EPSILON);
                -if row.paid { p.ln() } else { (1.0 - p).ln() }
            }) / all,
        ),
        (
            "brier",
            sum(&|row| (probability(row.x) - one(row.paid)).powi(2)) / all,
        ),
    ]
}

fn check(measured: &Value, rows: &[Row], threshold: f64, within: f64) {
    assert_eq!(measured["rows"], rows.len());
    for (name, expected) in expected(rows, threshold) {
        let got = measured[name].as_f64().unwrap();
        assert!(
            (got - expected).abs() < within,
            "{name}: got {got}, expected {expected}"
        );
    }
}

#[test]
fn rows_count_with_their_weights() {
    let rows = weighted_rows(2000);
    let report = report(&model(0.6), &csv("x,w,default", &rows));
    let performance = performance(&report);
    check(&performance["measured"], &rows, 0.6, 1e-9);
    assert_eq!(performance["at_training"][1][1], 0.8125);
    assert_eq!(performance["weighted"], true);
    // The weights do not hang together with the scores, so the estimate is about that of rows.
    assert_eq!(performance["estimated"]["rows"], 2000);
    let note = "Each row counts with its weight in the model's metrics, from the column 'w'.";
    assert!(
        report.notes.iter().any(|one| one == note),
        "{:?}",
        report.notes
    );
    assert!(
        report
            .html()
            .unwrap()
            .contains("Each row counts with its weight")
    );
    assert!(report.markdown().contains(note));
    let unused = "Not compared, because the model does not use them: w (weight).";
    assert!(
        report.notes.iter().any(|one| one == unused),
        "{:?}",
        report.notes
    );
}

/// The metrics of unweighted rows do not stand beside weighted ones as if they were alike.
#[test]
fn without_its_weights_a_batch_is_not_set_beside_the_training() {
    let rows: Vec<Row> = weighted_rows(2000)
        .into_iter()
        .map(|row| Row { weight: 1.0, ..row })
        .collect();
    let report = report(&model(0.6), &csv("x,default", &rows));
    let performance = performance(&report);
    check(&performance["measured"], &rows, 0.6, 1e-9);
    assert_eq!(performance["at_training"].as_array().unwrap().len(), 0);
    assert_eq!(performance["weighted"], false);
    let says = |note: &String| note.contains("no column 'w'") && note.contains("once");
    assert!(report.notes.iter().any(says), "{:?}", report.notes);
    assert!(!report.html().unwrap().contains("Training (test rows)"));
}

/// An estimate is one of what will be measured.
#[test]
fn an_estimate_is_weighted_as_what_is_measured() {
    // Rows of high scores count ten times.
    let rows = rows(4000, 0.0, 1.5).into_iter().map(|row| Row {
        weight: if row.x > 1.0 { 10.0 } else { 1.0 },
        ..row
    });
    let rows: Vec<Row> = rows.collect();
    let performance = performance(&report(&model(0.5), &csv("x,w,default", &rows)));
    for (name, measured) in expected(&rows, 0.5) {
        let Some(estimated) = performance["estimated"][name].as_f64() else {
            continue;
        };
        assert!(
            (estimated - measured).abs() < 0.02,
            "{name}: {estimated}, {measured}"
        );
    }
    // The scores alone are the same without the labels.
    let unlabelled = self::performance(&report(&model(0.5), &csv("x,w", &rows)));
    assert_eq!(unlabelled["estimated"], performance["estimated"]);
    assert_eq!(unlabelled["weighted"], true);
}

#[test]
fn weights_that_evaluate_refuses_are_refused() {
    let rows = weighted_rows(40);
    let batch = csv("x,w,default", &rows);
    let second = batch.lines().nth(2).unwrap().to_owned();
    let cells: Vec<&str> = second.split(',').collect();
    for weight in [
        "0", "-1", "1e200", "1e-200", "", "NA", "999.0", "inf", "much",
    ] {
        let line = format!("{},{weight},{}", cells[0], cells[2]);
        let wrong = batch.replace(&second, &line);
        let error = compare(&model(0.5), &batch, wrong.as_bytes())
            .err()
            .unwrap();
        let expect = format!(
            "b.csv, column 'w': expected a weight, a number from 1e-15 to 1e15, got '{weight}'"
        );
        assert!(error.to_string().contains(&expect), "{error}");
        // A row without an outcome may have none: then it counts in no metric.
        let unlabelled = batch.replace(&second, &format!("{},{weight},", cells[0]));
        let report = compare(&model(0.5), &batch, unlabelled.as_bytes()).unwrap();
        let performance = performance(&report);
        let others: Vec<Row> = (rows.iter().enumerate())
            .filter(|(index, _)| *index != 1)
            .map(|(_, row)| *row)
            .collect();
        check(&performance["measured"], &others, 0.5, 1e-9);
        assert_eq!(performance["estimated"]["rows"], 39);
        let says =
            |note: &String| note.ends_with("1 row has no label and no weight: it counts in none.");
        assert!(report.notes.iter().any(says), "{:?}", report.notes);
    }
}

fn parquet(csv: &str) -> Vec<u8> {
    let mut lines = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().unwrap();
    let columns: Vec<NewColumn> = (header.into_iter())
        .map(|name| NewColumn {
            name: name.to_owned(),
            kind: match name {
                "default" => NewKind::Text,
                _ => NewKind::Float64,
            },
        })
        .collect();
    let mut cells: Vec<NewCells> = columns.iter().map(|c| NewCells::new(c.kind)).collect();
    for line in lines {
        for (cells, text) in cells.iter_mut().zip(line) {
            cells.push(text);
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.parquet");
    let sink = std::fs::File::create(&path).unwrap();
    let mut writer = ParquetWriter::create(sink, "rows", None, &columns).unwrap();
    let encoded = Encoded::new(&columns, &cells).unwrap();
    writer.push(0, &encoded).unwrap();
    writer.finish().unwrap();
    std::fs::read(path).unwrap()
}

#[test]
fn weights_of_parquet_are_those_of_csv() {
    let rows = weighted_rows(300);
    let batch = csv("x,w,default", &rows);
    let report = compare(&model(0.6), &batch, &parquet(&batch)).unwrap();
    check(&performance(&report)["measured"], &rows, 0.6, 1e-9);
    for weight in ["0", "", "999", "NaN"] {
        let wrong = batch.replacen(&format!(",{},", rows[3].weight), &format!(",{weight},"), 1);
        let error = compare(&model(0.5), &batch, &parquet(&wrong))
            .err()
            .unwrap();
        let expect = "b.csv, column 'w': expected a weight, a number from 1e-15 to 1e15, got";
        assert!(error.to_string().contains(expect), "{error}");
    }
}

/// What the model reads, the reference need not have.
#[test]
fn what_is_measured_needs_no_column_of_the_reference() {
    let rows = weighted_rows(300);
    let batch = csv("x,w,default", &rows);
    for reference in ["x", "default"] {
        for batch in [batch.clone().into_bytes(), parquet(&batch)] {
            let report = compare(&model(0.6), &csv(reference, &rows), &batch).unwrap();
            check(&performance(&report)["measured"], &rows, 0.6, 1e-9);
        }
    }
}

/// The outcomes of the first four are rare, and the scores of the last are close together.
#[test]
fn the_area_is_right_where_an_outcome_is_rare() {
    for (center, spread) in [
        (7.7, 1.2),
        (9.0, 1.2),
        (-9.0, 1.2),
        (10.0, 2.2),
        (0.01, 0.002),
    ] {
        let rows = rows(40_000, center, spread);
        let performance = performance(&report(&model(0.5), &csv("x,w,default", &rows)));
        check(&performance["measured"], &rows, 0.5, 1e-9);
    }
}

/// With more scores than are counted one by one, some count as ties: docs/reference/drift.md says
/// how far that may take the area.
#[test]
fn the_area_is_nearly_right_of_any_number_of_scores() {
    for center in [0.0, 8.0] {
        let mut uniform = Uniform(3);
        let row = |_| {
            let x = center + 1.5 * uniform.about_normal();
            Row {
                x,
                weight: 0.5 + uniform.next(),
                paid: uniform.next() < probability(x),
            }
        };
        let rows: Vec<Row> = (0..50_000).map(row).collect();
        let performance = performance(&report(&model(0.5), &csv("x,w,default", &rows)));
        check(&performance["measured"], &rows, 0.5, 2e-5);
    }
}

/// A score of 0 or 1 that is wrong costs what `evaluate` lets it cost.
#[test]
fn a_certain_score_that_is_wrong_is_clipped_as_in_evaluate() {
    let rows: Vec<Row> = (0..40)
        .map(|row| Row {
            x: [-800.0, 800.0][row % 2],
            weight: 1.0,
            paid: row % 4 < 2,
        })
        .collect();
    let performance = performance(&report(&model(0.5), &csv("x,w,default", &rows)));
    check(&performance["measured"], &rows, 0.5, 1e-9);
}

/// Which thread was first does not show.
#[test]
fn the_order_of_the_rows_changes_no_digit() {
    let mut uniform = Uniform(11);
    let row = |_| {
        let p = probability(3.0 * uniform.about_normal());
        (p, uniform.next() < p, 0.1 + uniform.next())
    };
    // More scores than there are bins.
    let rows: Vec<(f64, bool, f64)> = (0..40_000).map(row).collect();
    let count = |rows: &mut dyn Iterator<Item = &(f64, bool, f64)>| {
        let mut scores = Scores::new(0.5);
        rows.for_each(|(p, label, weight)| scores.push(*p, Some(*label), Some(*weight)));
        scores
    };
    let whole = count(&mut rows.iter());
    let mut parts = Scores::new(0.5);
    for rows in rows.chunks(7_000).rev() {
        parts.merge(&count(&mut rows.iter().rev()));
    }
    assert_eq!(parts.measured(), whole.measured());
    assert_eq!(parts.estimated(), whole.estimated());
}

/// A value that the schema calls missing once counted as an outcome where it is also a word of one.
#[test]
fn a_label_that_means_missing_is_none() {
    let mut artifact = model(0.5);
    let schema = SCHEMA.replace("\"999\"]", "\"999\", \"0\", \"f\"]");
    artifact.schema = common::linear(&schema).schema;
    let rows = rows(400, 0.0, 2.0);
    let all = csv("x,w,default", &rows);
    let (known, unknown) = (csv("x,w,default", &rows[..200]), &rows[200..]);
    let mut some = known.clone();
    for (at, row) in unknown.iter().enumerate() {
        some += &format!("{},1,{}\n", row.x, ["0", "f", "", "NA"][at % 4]);
    }
    let of_known = compare(&artifact, &all, known.as_bytes()).unwrap();
    let of_some = compare(&artifact, &all, some.as_bytes()).unwrap();
    let measured = |report: &Report| {
        let json = serde_json::to_value(report).unwrap();
        json["performance"]["measured"].clone()
    };
    assert_eq!(measured(&of_some), measured(&of_known));
}

/// The column of the labels is often there before they are: that was once drift.
#[test]
fn an_empty_column_of_labels_is_no_drift() {
    let artifact = model(0.5);
    let rows = rows(400, 0.0, 2.0);
    let all = csv("x,w,default", &rows);
    let empty: String = rows.iter().map(|row| format!("{},1,\n", row.x)).collect();
    let empty = format!("x,w,default\n{empty}");
    for (reference, current, which) in [(&all, &empty, "current"), (&empty, &all, "reference")] {
        let report = compare(&artifact, reference, current.as_bytes()).unwrap();
        let note = format!("The {which} batch has no labels: 'default' was not compared.");
        assert!(report.notes.contains(&note), "{:?}", report.notes);
        assert!(!report.dataset_drift, "{which}");
        let drifted = report.columns.iter().filter(|column| column.drift).count();
        assert_eq!(drifted, 0, "{which}");
    }
}
