//! A batch is one batch, however its file writes it: what a file of rows is counted as is what
//! the module counts of the same applications.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

#[path = "../../model-core/tests/common/mod.rs"]
mod common;
mod files;

use std::path::PathBuf;

use files::sealed;
use model_core::artifact::Artifact;
use model_core::decide::Decider;
use model_core::details::Details;
use model_core::schema::Schema;
use model_drift::inputs::{Inputs, sketch, sketch_for_model};
use model_drift::report::Report;
use model_sketch::answer_batch;

const SCHEMA: &str = r#"
name = "loans"
version = "1.0.0"
missing_values = ["NA", "0.1"]

[[feature]]
name = "income"
type = "number"
minimum = 0
maximum = 100000
missing = "impute"
out_of_range = "clamp"

[[feature]]
name = "amount"
type = "integer"
minimum = 0

[[feature]]
name = "burden"
type = "number"
derived = "amount / income"
round = 2
missing = "impute"

[[feature]]
name = "owner"
type = "boolean"

[[feature]]
name = "home"
type = "category"
categories = ["OWN", "RENT"]
unknown = "most_frequent"

[[feature]]
name = "paid"
type = "boolean"
role = "target"
"#;

/// An application: income, amount, owner and home.
type Row = (Option<u32>, u32, bool, &'static str);

/// Every tenth states no income, every seventh has a home that the schema does not list.
fn rows(count: u32) -> Vec<Row> {
    let row = |row: u32| {
        let income = (!row.is_multiple_of(10)).then_some(20_000 + row * 7919 % 50_000);
        let home = match row % 7 {
            0 => ["TENT", "BOAT"][(row % 2) as usize],
            1..=3 => "OWN",
            _ => "RENT",
        };
        (
            income,
            1_000 + row * 104_729 % 9_000,
            row.is_multiple_of(3),
            home,
        )
    };
    (0..count).map(row).collect()
}

/// How a file writes the rows.
#[derive(Clone, Copy)]
struct Written {
    booleans: [&'static str; 2],
    missing: &'static str,
    /// The text of the derived field in each row; `None` leaves the column out.
    burden: Option<fn(&Row) -> String>,
}

const PLAIN: Written = Written {
    booleans: ["false", "true"],
    missing: "",
    burden: None,
};

fn csv(rows: &[Row], written: Written) -> String {
    let header = match written.burden {
        Some(_) => "income,amount,owner,home,burden\n",
        None => "income,amount,owner,home\n",
    };
    let lines = rows.iter().map(|row| {
        let income = row
            .0
            .map_or(written.missing.to_owned(), |it| it.to_string());
        let owner = written.booleans[usize::from(row.2)];
        let burden = written.burden.map(|burden| format!(",{}", burden(row)));
        let burden = burden.unwrap_or_default();
        format!("{income},{},{owner},{}{burden}\n", row.1, row.3)
    });
    header.to_owned() + &lines.collect::<String>()
}

fn json(rows: &[Row]) -> String {
    let lines = rows.iter().map(|(income, amount, owner, home)| {
        let income = income.map_or("null".to_owned(), |income| income.to_string());
        format!(
            "{{\"income\":{income},\"amount\":{amount},\"owner\":{owner},\"home\":\"{home}\"}}\n"
        )
    });
    lines.collect()
}

/// What the module counts of a batch.
fn counted(artifact: &Artifact, batch: &str) -> Vec<u8> {
    let mut decider = Decider::load(&artifact.encode().unwrap()).unwrap();
    let mut bytes = Vec::new();
    assert_eq!(
        answer_batch(&mut decider, batch.as_bytes(), &mut bytes),
        200
    );
    bytes
}

/// A model whose reference is what the module counts of these rows.
fn trained_on(rows: &[Row]) -> Artifact {
    let artifact = common::linear(SCHEMA);
    let details = Details {
        reference: counted(&artifact, &json(rows)),
        ..Details::default()
    };
    Artifact {
        details: details.to_bytes().unwrap(),
        ..artifact
    }
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn compare(&self, reference: &str, current: &str, schema: Option<&str>) -> Report {
        let inputs = Inputs {
            reference: self.path(reference),
            current: Some(self.path(current)),
            schema: schema.map(|schema| Schema::from_toml(schema).unwrap()),
            ..Inputs::default()
        };
        inputs.compare().unwrap()
    }
}

#[test]
fn the_words_for_yes_and_no_are_no_drift() {
    let rows = rows(2000);
    let words = |no, yes| {
        let booleans = [no, yes];
        csv(&rows, Written { booleans, ..PLAIN })
    };
    let folder = Folder::new(&[
        ("a.csv", words("No", "Yes").as_bytes()),
        ("b.csv", words("0", "1").as_bytes()),
        ("c.csv", words("false", "TRUE").as_bytes()),
    ]);
    for current in ["b.csv", "c.csv"] {
        let report = folder.compare("a.csv", current, Some(SCHEMA));
        let classifier = report.classifier.as_ref().unwrap();
        assert!(classifier.auc < 0.55, "{current}: {}", classifier.auc);
        assert!(!report.dataset_drift, "{current}: {}", report.summary());
    }
    // Without the schema they are other categories.
    let report = folder.compare("a.csv", "b.csv", None);
    assert!(report.dataset_drift);
}

#[test]
fn a_derived_column_that_a_file_leaves_out_is_computed() {
    let rows = rows(2000);
    let artifact = trained_on(&rows);
    let given = Written {
        burden: Some(|row| match row.0 {
            Some(income) => format!("{:.2}", f64::from(row.1) / f64::from(income)),
            None => String::new(),
        }),
        missing: "NA",
        ..PLAIN
    };
    let blank = Written {
        burden: Some(|_| String::new()),
        ..PLAIN
    };
    let folder = Folder::new(&[
        ("model.wasm", &sealed(&artifact)),
        ("out.csv", csv(&rows, PLAIN).as_bytes()),
        ("given.csv", csv(&rows, given).as_bytes()),
        ("blank.csv", csv(&rows, blank).as_bytes()),
    ]);
    let files = ["out.csv", "given.csv", "blank.csv"];
    for current in files {
        let report = folder.compare("model.wasm", current, None);
        let burden = report.columns.iter().find(|one| one.name == "burden");
        // A burden of 0.1 is one where it is computed, though 0.1 means missing.
        assert_eq!(burden.unwrap().current.missing, 0, "{current}");
        assert!(!report.dataset_drift, "{current}: {}", report.summary());
        // Without a model nothing is known of those who state no income.
        for reference in files {
            let report = folder.compare(reference, current, Some(SCHEMA));
            let burden = report.columns.iter().find(|one| one.name == "burden");
            assert_eq!(burden.unwrap().current.missing, 200, "{current}");
            let auc = report.classifier.as_ref().unwrap().auc;
            assert!(auc < 0.55, "{reference}, {current}: {auc}");
            assert!(!report.dataset_drift, "{current}: {}", report.summary());
        }
    }
}

#[test]
fn a_sketch_for_a_model_has_the_bytes_of_the_modules() {
    let mut rows = rows(500);
    // Out of range, and clamped.
    rows[4].0 = Some(900_000);
    let artifact = common::linear(SCHEMA);
    let no_word = csv(&rows, PLAIN).replacen("true", "maybe", 1);
    let no_boolean = json(&rows).replacen("true", "\"maybe\"", 1);
    let folder = Folder::new(&[
        ("model.wasm", &sealed(&artifact)),
        ("a.csv", csv(&rows, PLAIN).as_bytes()),
        ("b.csv", no_word.as_bytes()),
    ]);
    for (file, batch) in [("a.csv", &json(&rows)), ("b.csv", &no_boolean)] {
        let sketch = sketch_for_model(&folder.path(file), &folder.path("model.wasm")).unwrap();
        assert!(sketch.encode() == counted(&artifact, batch), "{file}");
    }
}

#[test]
fn a_sketch_by_schema_needs_no_derived_column() {
    let rows = rows(100);
    let labelled = csv(&rows, PLAIN);
    let labelled = labelled
        .lines()
        .enumerate()
        .map(|(index, line)| match index {
            0 => format!("{line},paid\n"),
            _ => format!("{line},1\n"),
        });
    let labelled: String = labelled.collect();
    let folder = Folder::new(&[("a.csv", labelled.as_bytes())]);
    let schema = Schema::from_toml(SCHEMA).unwrap();
    let counted = sketch(&folder.path("a.csv"), Some(&schema)).unwrap();
    let burden = counted.column("burden").unwrap();
    assert_eq!((burden.valid(), burden.missing), (90, 10));
}

#[test]
fn a_derived_column_that_a_sketch_does_not_have_is_not_compared() {
    let rows = rows(500);
    let folder = Folder::new(&[
        ("model.wasm", &sealed(&trained_on(&rows))),
        ("a.csv", csv(&rows, PLAIN).as_bytes()),
    ]);
    let by_file = sketch(&folder.path("a.csv"), None).unwrap();
    std::fs::write(folder.path("a.sketch"), by_file.encode()).unwrap();
    let report = folder.compare("model.wasm", "a.sketch", None);
    assert!(report.columns.iter().all(|one| one.name != "burden"));
    let says =
        |note: &String| note.contains("not in the current sketch, so not compared: 'burden'");
    assert!(report.notes.iter().any(says), "{:?}", report.notes);
}

#[test]
fn homes_that_the_schema_does_not_list_are_no_drift_of_those_before() {
    let rows = rows(2000);
    let folder = Folder::new(&[
        ("model.wasm", &sealed(&trained_on(&rows))),
        ("a.csv", csv(&rows, PLAIN).as_bytes()),
    ]);
    let report = folder.compare("model.wasm", "a.csv", None);
    let home = report
        .columns
        .iter()
        .find(|one| one.name == "home")
        .unwrap();
    assert!(!home.drift, "{}", home.sentence);
    assert_eq!(home.new_categories, [""; 0]);
}
