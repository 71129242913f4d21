//! Training rows are no drift of the model's own sketch, whichever way a derived field of theirs
//! is computed and whatever its policy does.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod computed;
#[path = "../../model-drift/tests/files/mod.rs"]
mod files;

use std::fs;
use std::path::{Path, PathBuf};

use computed::{COLUMNS, DERIVED, SCHEMA};
use model_core::artifact::Artifact;
use model_core::decide::Decider;
use model_core::details::Details;
use model_core::schema::Schema;
use model_drift::inputs::{Inputs, sketch, sketch_for_model};
use model_files::parquet::{FromCsv, NewColumn, NewKind};
use model_sketch::{Column, Sketch, answer_batch};

const ROWS: u32 = 2_000;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("computed-{name}"))
}

/// The same rows as Parquet.
fn parquet(csv: &str, path: &Path) {
    let columns = COLUMNS.map(|name| NewColumn {
        name: name.to_owned(),
        kind: NewKind::Float64,
    });
    let file = fs::File::create(path).unwrap();
    let mut parquet = FromCsv::create(file, "rows.parquet", columns.to_vec()).unwrap();
    let (_, records) = csv.split_once('\n').unwrap();
    parquet.push(records.as_bytes()).unwrap();
    parquet.finish().unwrap();
}

/// A model, its training rows as CSV and as Parquet, and the sketch that it carries.
struct Files {
    model: PathBuf,
    rows: [PathBuf; 2],
    artifact: Vec<u8>,
    reference: Sketch,
}

/// `name` is that of the test.
fn files(name: &str, csv: &str) -> Files {
    let artifact = computed::trained(csv);
    let decoded = Artifact::decode(&artifact).unwrap();
    let details = Details::from_artifact(&decoded).unwrap();
    let files = Files {
        model: path(&format!("{name}.wasm")),
        rows: ["csv", "parquet"].map(|kind| path(&format!("{name}.{kind}"))),
        artifact,
        reference: Sketch::decode(&details.reference).unwrap(),
    };
    fs::write(&files.model, files::sealed(&decoded)).unwrap();
    fs::write(&files.rows[0], csv).unwrap();
    parquet(csv, &files.rows[1]);
    files
}

fn column<'s>(sketch: &'s Sketch, name: &str) -> &'s Column {
    sketch.column(name).unwrap()
}

fn check_inputs(found: &Sketch, expected: &Sketch, whose: &str) {
    for name in ["income", "debt", "amount"].iter().chain(&DERIVED) {
        assert!(
            column(found, name) == column(expected, name),
            "{whose}: {name}: {} and {} out of range",
            column(found, name).out_of_range,
            column(expected, name).out_of_range,
        );
    }
}

#[test]
fn every_count_of_the_training_rows_is_the_models_own() {
    let csv = computed::csv(ROWS);
    let files = files("counts", &csv);
    for name in DERIVED {
        let counted = column(&files.reference, name);
        assert!(counted.out_of_range > u64::from(ROWS / 100), "{name}");
        assert_eq!((counted.missing, counted.invalid), (0, 0), "{name}");
    }
    for rows in &files.rows {
        let counted = sketch_for_model(rows, &files.model).unwrap();
        check_inputs(&counted, &files.reference, &rows.display().to_string());
    }
    let mut decider = Decider::load(&files.artifact).unwrap();
    let (mut counted, batch) = (Vec::new(), computed::applications(&csv).join("\n"));
    assert_eq!(
        answer_batch(&mut decider, batch.as_bytes(), &mut counted),
        200
    );
    let counted = Sketch::decode(&counted).unwrap();
    check_inputs(&counted, &files.reference, "module");
}

#[test]
fn the_training_rows_have_not_drifted() {
    let files = files("drifted", &computed::csv(ROWS));
    let [csv, parquet] = &files.rows;
    let counted = path("drifted.sketch");
    fs::write(
        &counted,
        sketch_for_model(csv, &files.model).unwrap().encode(),
    )
    .unwrap();
    for current in [csv, parquet, &counted] {
        let inputs = Inputs {
            reference: files.model.clone(),
            current: Some(current.clone()),
            ..Inputs::default()
        };
        let report = inputs.compare().unwrap();
        let derived = report
            .columns
            .iter()
            .filter(|one| DERIVED.contains(&&*one.name));
        for column in derived.clone() {
            assert!(!column.drift, "{}: {}", current.display(), column.sentence);
            let out_of_range = [&column.reference, &column.current].map(|one| one.out_of_range);
            assert_eq!(out_of_range[0], out_of_range[1], "{}", column.name);
        }
        assert_eq!(derived.count(), DERIVED.len());
    }
}

/// Where nothing has to be learned, a schema alone says what a model does.
#[test]
fn a_schema_alone_counts_what_is_computed_before_its_policy() {
    let whole: String = computed::csv(ROWS)
        .lines()
        .filter(|line| {
            !line.starts_with(',') && !line.contains("70000.5") && !line.contains(",-1,")
        })
        .map(|line| format!("{line}\n"))
        .collect();
    let files = files("schema", &whole);
    let schema = Schema::from_toml(SCHEMA).unwrap();
    for rows in &files.rows {
        let counted = sketch(rows, Some(&schema)).unwrap();
        for name in ["ratio", "burden"] {
            let (found, expected) = (column(&counted, name), column(&files.reference, name));
            assert!(expected.out_of_range > 0, "{name}");
            assert_eq!(found.out_of_range, expected.out_of_range, "{name}");
            assert_eq!(found.valid(), expected.valid(), "{name}");
        }
    }
}
