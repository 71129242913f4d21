//! The JSON of `underwrite.export.sklearn`: a fitted scikit-learn model as columns, trees or
//! weights, and at most one calibrator. Its form is `docs/reference/import.md`. No pickle is
//! ever read.

mod calibrator;
mod columns;
mod file;
mod trees;

use model_core::model::ModelKind;
use serde::de::Error as _;

use crate::error::{ImportError, broken, short, unsupported};
use crate::source::{Form, Library, Source, Weights};
use file::{File, LinkName, ModelPart};

/// The version of the form that is read.
const FORMAT: u64 = 1;

/// Reads a model.
///
/// # Errors
/// When the file is damaged or of another program, and when the model cannot be said exactly.
pub fn read(bytes: &[u8]) -> Result<Source, ImportError> {
    let file = parse(bytes)?;
    let kind = kind(&file.estimator)?;
    let [no, yes] = file.classes.as_slice() else {
        return Err(unsupported(format!(
            "the model has {} classes: only a model of two classes can be imported",
            file.classes.len()
        )));
    };
    let columns = columns::read(&file.columns)?;
    let form = match &file.model {
        ModelPart::Trees(part) => {
            let mut trees = trees::read(part)?;
            // Files of earlier versions say of its nodes where a missing value goes.
            trees.takes_missing &= kind_takes_missing(&file.estimator);
            trees.check(&columns)?;
            Form::Trees(trees)
        }
        ModelPart::Linear(part) => {
            if part.weights.len() != columns.len() {
                return Err(broken(format!(
                    "the model has {} weights for {} columns",
                    part.weights.len(),
                    columns.len()
                )));
            }
            Form::Linear(Weights {
                weights: part.weights.clone(),
                intercept: part.intercept,
                logistic: part.link == LinkName::Logistic,
            })
        }
    };
    let (form, calibration) = calibrator::apply(form, file.calibration.as_ref())?;
    Ok(Source {
        library: Library::Sklearn,
        version: file.library.version,
        kind,
        columns,
        never_missing: file.never_missing,
        form,
        calibration,
        classes: Some([no.clone(), yes.clone()]),
        choices: vec![("estimator", file.estimator)],
    })
}

fn parse(bytes: &[u8]) -> Result<File, ImportError> {
    match bytes {
        [0x80, ..] => {
            return Err(broken(
                "the file is a pickle, which is never read: write the model with underwrite.export.sklearn(pipeline, \"model.json\")",
            ));
        }
        [b'P', b'K', ..] => {
            return Err(broken(
                "the file is a zip archive, such as skops writes: write the model with underwrite.export.sklearn(pipeline, \"model.json\")",
            ));
        }
        _ => {}
    }
    let problem = |error: serde_json::Error| {
        let what = if error.is_eof() {
            "is truncated"
        } else {
            "is damaged, or of another program"
        };
        broken(format!("the file {what}: {error}"))
    };
    let head: file::Head = serde_json::from_slice(bytes).map_err(problem)?;
    if head.format.as_deref() != Some("underwrite-sklearn") {
        return Err(broken(
            "the file is not what underwrite.export.sklearn writes: it has no \"format\": \"underwrite-sklearn\"",
        ));
    }
    match head.format_version {
        Some(FORMAT) => {}
        Some(newer) => {
            return Err(broken(format!(
                "the file has format {newer}, this program reads {FORMAT}: use an underwrite package and program of the same version"
            )));
        }
        None => return Err(problem(serde_json::Error::missing_field("format_version"))),
    }
    serde_json::from_slice(bytes).map_err(problem)
}

/// Whether an estimator with trees may decide where a value is missing.
fn kind_takes_missing(estimator: &str) -> bool {
    estimator != "GradientBoostingClassifier"
}

fn kind(estimator: &str) -> Result<ModelKind, ImportError> {
    match estimator {
        "DecisionTreeClassifier" | "ExtraTreeClassifier" => Ok(ModelKind::DecisionTree),
        "RandomForestClassifier" | "ExtraTreesClassifier" => Ok(ModelKind::RandomForest),
        "GradientBoostingClassifier" | "HistGradientBoostingClassifier" => {
            Ok(ModelKind::GradientBoosting)
        }
        "LogisticRegression" | "LogisticRegressionCV" => Ok(ModelKind::LogisticRegression),
        "Ridge" | "RidgeCV" => Ok(ModelKind::Ridge),
        other => Err(unsupported(format!(
            "the estimator is {}: expected DecisionTree, RandomForest, ExtraTrees, GradientBoosting or HistGradientBoosting, LogisticRegression or Ridge",
            short(other)
        ))),
    }
}
