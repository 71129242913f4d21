//! Models that the real libraries trained, with their own answers: `tests/matrix/make.py`
//! writes them, `cargo xtask test import` runs both.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests fail by panicking, and say what they measured"
)]

use std::fs;
use std::path::{Path, PathBuf};

use model_core::calibration::Calibration;
use model_core::forest::CompiledForest;
use model_core::forest::Scratch;
use model_core::model::{Model, Predictor};
use model_core::schema::SchemaFile;
use model_import::source::{Form, Library, Node, Source, Trees};
use model_import::{Link, Options, model, read};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    library: String,
    name: String,
    trees: usize,
    rows: usize,
    raw: bool,
    file: String,
    twin: Option<String>,
    link: Option<String>,
    missing: Option<f64>,
}

/// What a case measured.
#[derive(Default)]
struct Found {
    largest: f64,
    /// In units of the last place of the probability.
    ulps: f64,
    leaves: usize,
}

fn floats(path: &Path) -> Vec<f64> {
    let bytes = fs::read(path).unwrap();
    let numbers = bytes.chunks_exact(8);
    numbers
        .map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap()))
        .collect()
}

#[test]
#[ignore = "needs models that tests/matrix/make.py writes: cargo xtask test import"]
fn every_model_answers_as_its_library_does() {
    let root = PathBuf::from(std::env::var("UNDERWRITE_IMPORT_MATRIX").unwrap());
    let mut folders: Vec<PathBuf> = fs::read_dir(&root)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    folders.sort();
    let mut failed = Vec::new();
    for folder in &folders {
        match check(folder) {
            Ok(found) => println!(
                "{:36} {:.1e}, {:.0} ulp, {} leaves",
                folder.file_name().unwrap().to_string_lossy(),
                found.largest,
                found.ulps,
                found.leaves
            ),
            Err(problem) => failed.push(format!("{}: {problem}", folder.display())),
        }
    }
    let least = std::env::var("UNDERWRITE_IMPORT_LEAST").map_or(60, |least| least.parse().unwrap());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(folders.len() >= least, "{} models", folders.len());
}

fn check(folder: &Path) -> Result<Found, String> {
    let case: Case = serde_json::from_slice(&fs::read(folder.join("case.json")).unwrap()).unwrap();
    let library = match case.library.as_str() {
        "lightgbm" => Library::LightGbm,
        "xgboost" => Library::XgBoost,
        _ => Library::Sklearn,
    };
    let options = Options {
        link: case.link.as_deref().map(|link| match link {
            "identity" => Link::Identity,
            _ => Link::Logistic,
        }),
        missing: case.missing,
        ..Options::default()
    };
    let load = |file: &str| {
        read(library, &fs::read(folder.join(file)).unwrap(), &options).map_err(|e| e.to_string())
    };
    let source = load(&case.file)?;
    if let Some(twin) = &case.twin {
        let twin = load(twin)?;
        if twin != source {
            return Err("the two files say different models".into());
        }
    }
    let schema = fs::read_to_string(folder.join("schema.toml")).unwrap();
    let schema = SchemaFile::from_toml(&schema).map_err(|e| e.to_string())?;
    let columns = floats(&folder.join("rows.f64"));
    let mut found = probabilities(folder, &case, &source, &schema, &columns)?;
    if let Form::Trees(trees) = &source.form
        && case.trees > 0
    {
        found.leaves = leaves(folder, &case, (&source, trees), &schema, &columns)?;
    }
    Ok(found)
}

fn probabilities(
    folder: &Path,
    case: &Case,
    source: &Source,
    schema: &SchemaFile,
    columns: &[f64],
) -> Result<Found, String> {
    let bound = model(source, schema).map_err(|e| e.to_string())?;
    let mut predictor = Predictor::new(&bound.model, &bound.calibration)?;
    let mut answers = vec![0.0; case.rows];
    predictor.predict_block(columns, case.rows, &mut answers);
    let expected = floats(&folder.join("probability.f64"));
    let clamps = bound.calibration == Calibration::None
        && match &source.form {
            Form::Trees(trees) => !trees.logistic,
            Form::Linear(weights) => !weights.logistic,
        };
    let negative = fs::read_to_string(folder.join("schema.toml"))
        .unwrap()
        .contains("positive = false");
    let mut found = Found::default();
    for (ours, theirs) in answers.iter().zip(&expected) {
        let theirs = if clamps {
            theirs.clamp(0.0, 1.0)
        } else {
            *theirs
        };
        let theirs = if negative { 1.0 - theirs } else { theirs };
        let difference = (ours - theirs).abs();
        found.largest = found.largest.max(difference);
        let ulp = theirs.max(*ours).next_up() - theirs.max(*ours);
        found.ulps = found.ulps.max(difference / ulp);
    }
    let fine = match source.library {
        // The complement of a probability is rounded once more.
        Library::LightGbm if negative => found.largest <= 5e-16,
        Library::LightGbm => found.ulps <= 2.0,
        Library::XgBoost => found.largest <= 5e-7,
        Library::Sklearn => found.largest <= 1e-12,
    };
    if !fine {
        return Err(format!(
            "differs by {:e}, {} ulp",
            found.largest, found.ulps
        ));
    }
    if case.raw {
        let sign = if negative { -1.0 } else { 1.0 };
        // LightGBM's raw score of a mean is the sum.
        let (weight, count) = match &source.form {
            Form::Trees(trees) if trees.mean => (1.0, trees.trees.len() as f64),
            Form::Trees(trees) => (trees.weight, 1.0),
            Form::Linear(_) => (1.0, 1.0),
        };
        let raw = floats(&folder.join("raw.f64"));
        let mut row = vec![0.0; columns.len() / case.rows];
        for (index, expected) in raw.iter().enumerate() {
            for (input, value) in row.iter_mut().enumerate() {
                *value = columns[input * case.rows + index];
            }
            let ours = predictor.margin_row(&row);
            let expected = weight * sign * (expected / count);
            if ours.to_bits() != expected.to_bits() && ours != expected {
                return Err(format!(
                    "row {index}: raw score {ours}, expected {expected}"
                ));
            }
        }
    }
    Ok(found)
}

/// Compares the leaf of each tree: trees with the number of the leaf as its value.
fn leaves(
    folder: &Path,
    case: &Case,
    (source, trees): (&Source, &Trees),
    schema: &SchemaFile,
    columns: &[f64],
) -> Result<usize, String> {
    let bytes = fs::read(folder.join("leaves.u32")).unwrap();
    let numbers = bytes.chunks_exact(4);
    let expected: Vec<u32> = numbers
        .map(|b| u32::from_le_bytes(b.try_into().unwrap()))
        .collect();
    if trees.trees.len() != case.trees {
        return Err(format!(
            "{} trees, expected {}",
            trees.trees.len(),
            case.trees
        ));
    }
    let (mut answers, mut all) = (vec![0.0; case.rows], 0);
    for (index, tree) in trees.trees.iter().enumerate() {
        let mut tree = tree.clone();
        for node in &mut tree.nodes {
            if let Node::Leaf { value, id, .. } = node {
                *value = f64::from(*id);
                all += 1;
            }
        }
        let mut alone = source.clone();
        alone.calibration = Calibration::None;
        // Log odds only change their sign where the classes are turned round.
        alone.form = Form::Trees(Trees {
            trees: vec![tree],
            mean: false,
            single: false,
            base: 0.0,
            weight: 1.0,
            logistic: true,
            takes_missing: true,
        });
        let bound = model(&alone, schema).map_err(|e| e.to_string())?;
        let Model::Forest(mut forest) = bound.model else {
            return Err("no forest".into());
        };
        forest.link = model_core::forest::Link::Identity;
        let compiled = CompiledForest::new(&forest).map_err(|e| e.to_string())?;
        compiled.predict_block(columns, case.rows, &mut answers, &mut Scratch::default());
        let expected = &expected[index * case.rows..][..case.rows];
        let wrong = answers
            .iter()
            .zip(expected)
            .position(|(a, e)| a.abs() != f64::from(*e));
        if let Some(row) = wrong {
            return Err(format!(
                "tree {index}, row {row}: leaf {}, expected {} ({})",
                answers[row].abs(),
                expected[row],
                case.name
            ));
        }
    }
    Ok(all)
}
