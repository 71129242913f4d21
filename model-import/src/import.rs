//! From a source to an artifact, with proof.

use std::io::Read;

use model_core::artifact::Artifact;
use model_core::calibration::Calibration;
use model_core::details::Details;
use model_core::model::{Model, Predictor};
use model_core::schema::{OutOfRange, Schema, SchemaFile};
use model_train::given::{Given, Rows};
use model_train::train::TrainError;
use model_train::{golden, monotonic};

use crate::bind::{Binding, bind, policies};
use crate::check::{Check, Proof};
use crate::error::{ImportError, mismatch};
use crate::forest::{self, Outcome, Parts};
use crate::outcome::{self, Class};
use crate::record::{Checked, Origin, Record};
use crate::source::{Form, Source};
use crate::{linear, rows};

/// What is imported, and what it has to prove itself by.
pub struct Job<'a> {
    /// The model.
    pub source: &'a Source,
    /// SHA-256 of the file that it was read from, lower-case hexadecimal.
    pub source_sha256: String,
    /// The schema.
    pub schema: &'a SchemaFile,
    /// What errors call the check rows.
    pub rows_name: &'a str,
    /// The column of the check rows with the library's probabilities.
    pub expected: &'a str,
    /// Approved from this probability on, 0 to 1.
    pub threshold: f64,
    /// SHA-256 of the engine that the model will be packed into, lower-case hexadecimal.
    pub engine_sha256: String,
    /// The program's version.
    pub underwrite_version: String,
    /// Threads.
    pub jobs: usize,
}

/// An imported model.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// Ready to be packed. The same file, schema, options and rows give the same bytes.
    pub artifact: Vec<u8>,
    /// What was compared.
    pub proof: Proof,
    /// Whom the model approves, in words: the outcome, and which class of the model it is.
    pub approves: String,
    /// What its owner should know.
    pub notes: Vec<String>,
}

/// A source in our own terms.
pub struct Bound {
    /// The model.
    pub model: Model,
    /// What its probabilities go through last.
    pub calibration: Calibration,
    /// What the model itself fills in for each input, where the schema asks for that.
    pub imputed: Vec<Option<f64>>,
    /// What its owner should know.
    pub notes: Vec<String>,
    class: Class,
    check: Check,
}

/// Makes a source one of our models.
///
/// # Errors
/// Names what of schema and model does not fit together, or cannot be said exactly.
pub fn model(source: &Source, schema: &SchemaFile) -> Result<Bound, ImportError> {
    let Binding { columns, notes } = bind(source, schema)?;
    let imputed = policies::filled(source, &columns, &schema.schema)?;
    let class = outcome::class(source, schema)?;
    let outcome = class.outcome;
    let parts = Parts {
        schema: &schema.schema,
        columns: &source.columns,
        bound: &columns,
        outcome,
    };
    let model = match &source.form {
        Form::Trees(trees) => forest::build(trees, &parts)?,
        Form::Linear(weights) => linear::build(weights, &parts)?,
    };
    monotonic::prove(&model, &schema.schema)
        .map_err(|violation| mismatch(format!("{violation}: remove monotonic from the schema")))?;
    Ok(Bound {
        model,
        calibration: turned(&source.calibration, outcome),
        imputed,
        notes,
        class,
        check: Check::new(source, outcome),
    })
}

/// Imports a model: binds it to the schema, lets it answer the check rows, and makes an
/// artifact of it where every answer is the library's.
///
/// # Errors
/// Names what does not fit, or the row whose answer differs.
pub fn import(job: &Job<'_>, check_rows: impl Read) -> Result<Imported, ImportError> {
    let schema = &job.schema.schema;
    let mut bound = model(job.source, job.schema)?;
    let read = rows::read(check_rows, job.rows_name, job.schema, job.expected)?;
    let data_sha256 = read.dataset.sha256.clone();
    let rows = Rows::new(read.dataset, schema, &bound.imputed)?;
    let ours = probabilities(&bound, &rows)?;
    let adjusted = rows.adjusted();
    let largest = bound
        .check
        .compare(&read.expected, &ours, &read.lines, &adjusted)?;
    let doubts = outcome::agrees(&read.outcomes, &ours, &schema.target, &bound.class)?;
    bound.notes.extend(doubts);
    bound.notes.extend(clamps(schema));
    let proof = Proof {
        rows: ours.len(),
        largest_difference: largest,
        allowed: bound.check.allowed(),
    };
    let given = Given {
        model: bound.model,
        kind: job.source.kind,
        calibration: bound.calibration,
        threshold: job.threshold,
        details: Details {
            config: record(job, &bound.class, &proof)?,
            ..Details::default()
        },
        data_sha256,
        engine_sha256: job.engine_sha256.clone(),
        underwrite_version: job.underwrite_version.clone(),
        jobs: job.jobs,
    };
    let artifact = rows.artifact(given, schema, &ours)?;
    let golden_rows = Artifact::decode(&artifact).map(|artifact| artifact.golden_rows.len());
    bound
        .notes
        .extend(golden::shortfall(golden_rows.map_err(TrainError::from)?));
    Ok(Imported {
        artifact,
        proof,
        approves: bound.class.approves(&schema.target),
        notes: bound.notes,
    })
}

/// The calibration of the other outcome: all knots from 1.
fn turned(calibration: &Calibration, outcome: Outcome) -> Calibration {
    match (calibration, outcome) {
        (Calibration::Isotonic { from, to }, Outcome::Negative) => {
            let turned = |knots: &[f64]| knots.iter().rev().map(|knot| 1.0 - knot).collect();
            Calibration::Isotonic {
                from: turned(from),
                to: turned(to),
            }
        }
        _ => calibration.clone(),
    }
}

fn probabilities(bound: &Bound, rows: &Rows) -> Result<Vec<f64>, ImportError> {
    let mut predictor =
        Predictor::new(&bound.model, &bound.calibration).map_err(ImportError::Schema)?;
    let mut answers = vec![0.0; rows.len()];
    predictor.predict_block(&rows.columns(), rows.len(), &mut answers);
    Ok(answers)
}

/// What the schema clamps or fills in and the library did not: said, since no check row has to
/// show it.
fn clamps(schema: &Schema) -> Vec<String> {
    let changes = schema.inputs().filter_map(|feature| {
        let range = feature.range()?;
        let bounded = range.lower.is_some() || range.upper.is_some();
        (bounded && range.policy != OutOfRange::Error).then(|| {
            format!(
                "feature '{}': out_of_range = \"{}\" changes a number outside its range before the model sees it; the library decides on the number itself",
                feature.name,
                range.policy.word()
            )
        })
    });
    changes.collect()
}

fn record(job: &Job<'_>, class: &Class, proof: &Proof) -> Result<String, ImportError> {
    let source = job.source;
    let choices = source.choices.iter();
    let options = choices.map(|(name, value)| format!("{name} = {value}"));
    let record = Record {
        import: Origin {
            library: source.library.name().to_owned(),
            version: source.version.clone(),
            file_sha256: job.source_sha256.clone(),
            options: options.chain(class.said.clone()).collect(),
        },
        check: Checked {
            rows: proof.rows,
            compared: "probabilities".to_owned(),
            largest_difference: proof.largest_difference,
            allowed: proof.allowed.to_owned(),
        },
    };
    toml::to_string(&record).map_err(|error| ImportError::Check(error.to_string()))
}
