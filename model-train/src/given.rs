//! An artifact around a model that was not fitted here: rows without outcomes give the drift
//! reference, the profiles that reasons compare with, and the marginals of the golden rows.

use model_core::artifact::{Artifact, Training};
use model_core::calibration::Calibration;
use model_core::details::Details;
use model_core::model::{Model, ModelKind};
use model_core::schema::Schema;
use model_sketch::{Role, Sketch};

use crate::actions;
use crate::dataset::Dataset;
use crate::golden;
use crate::prepare::Prepared;
use crate::profiles::{self, Subject};
use crate::reference;
use crate::split::Split;
use crate::train::TrainError;

/// The seed of what is drawn: there is nothing to choose.
const SEED: u64 = 42;

/// A finished model, and where it comes from.
#[derive(Debug)]
pub struct Given {
    /// The model.
    pub model: Model,
    /// How it was made.
    pub kind: ModelKind,
    /// What its probabilities go through last.
    pub calibration: Calibration,
    /// Approved from this calibrated probability on, 0 to 1.
    pub threshold: f64,
    /// Where it comes from; the reference and proved monotonic features are added.
    pub details: Details,
    /// SHA-256 of the rows, lower-case hexadecimal.
    pub data_sha256: String,
    /// SHA-256 of the engine that it will be packed into, lower-case hexadecimal.
    pub engine_sha256: String,
    /// The program's version.
    pub underwrite_version: String,
    /// Threads, at least 1.
    pub jobs: usize,
}

/// Applications that stand for those that a model will see.
#[derive(Debug)]
pub struct Rows {
    prepared: Prepared,
    sketch: Sketch,
    /// The rows as applications, where the model's answers carry reasons.
    applications: Vec<Vec<u8>>,
    /// Inputs with values that a policy changed, by name.
    adjusted: Vec<String>,
}

impl Rows {
    /// Applies the schema's policies. `imputed` has for each input what is filled in; `None`
    /// where the rows say it.
    ///
    /// # Errors
    /// Names a column that has no value at all.
    pub fn new(
        dataset: Dataset,
        schema: &Schema,
        imputed: &[Option<f64>],
    ) -> Result<Self, TrainError> {
        let rows: Vec<usize> = (0..dataset.rows()).collect();
        let mut sketch = reference::sketch_rows(&dataset, schema, &rows);
        // Nobody knows the outcomes.
        sketch
            .columns
            .retain(|column| column.spec.role != Role::Target);
        let applications = reference::applications(&dataset, schema, &rows);
        let inputs = schema.inputs().enumerate();
        let derived = inputs.filter(|(_, feature)| feature.derived.is_some());
        let derived = derived.map(|(input, _)| (input, dataset.columns[input].clone()));
        let seen: Vec<_> = derived.collect();
        let given = dataset.columns.clone();
        let split = Split {
            train: rows,
            test: Vec::new(),
        };
        let prepared = Prepared::with_imputed(dataset, schema, split, imputed)?;
        let (used, rows) = (&prepared.columns, &prepared.split.train);
        reference::show_computed(&mut sketch, schema, &seen, used, rows);
        let pairs = schema.inputs().zip(given.iter().zip(&prepared.columns));
        let adjusted = pairs.filter(|(_, (given, used))| {
            let mut values = given.iter().zip(used.iter());
            values.any(|(given, used)| given != used && !(given.is_nan() && used.is_nan()))
        });
        let adjusted = adjusted.map(|(feature, _)| feature.name.clone()).collect();
        Ok(Self {
            prepared,
            sketch,
            applications,
            adjusted,
        })
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.prepared.split.train.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the model sees: input after input, a value a row.
    #[must_use]
    pub fn columns(&self) -> Vec<f64> {
        let columns = self.prepared.columns.iter();
        columns.flat_map(|column| column.iter().copied()).collect()
    }

    /// The inputs with values that a policy filled in or changed, by name.
    #[must_use]
    pub fn adjusted(&self) -> Vec<String> {
        self.adjusted.clone()
    }

    /// Makes the artifact; `answers` are the model's probabilities of the rows.
    ///
    /// # Errors
    /// When the model does not fit the schema, or is too large to be stored.
    pub fn artifact(
        mut self,
        given: Given,
        schema: &Schema,
        answers: &[f64],
    ) -> Result<Vec<u8>, TrainError> {
        reference::add_answers(&mut self.sketch, answers);
        let made = profiles::make(
            &Subject {
                schema,
                model: &given.model,
                calibration: &given.calibration,
                threshold: given.threshold,
                jobs: given.jobs,
            },
            &self.prepared,
        );
        let monotonic = schema.inputs().filter_map(|feature| {
            let direction = feature.monotonic?;
            Some((feature.name.clone(), direction))
        });
        let mut artifact = Artifact {
            policy: None,
            profiles: made.map(|made| made.profiles),
            schema: actions::measured(schema, &self.prepared),
            preprocessing: self.prepared.preprocessing.clone(),
            kind: given.kind,
            model: given.model,
            threshold: given.threshold,
            training: Training {
                rows_train: 0,
                rows_test: self.len() as u64,
                seed: SEED,
                data_sha256: given.data_sha256,
                underwrite_version: given.underwrite_version,
                metrics: Vec::new(),
            },
            engine_sha256: given.engine_sha256,
            golden_rows: Vec::new(),
            calibration: given.calibration,
            details: Vec::new(),
        };
        let (sketch, applications) = (&mut self.sketch, &self.applications);
        reference::add_reasons(sketch, &artifact, applications)?;
        let details = Details {
            monotonic: monotonic.collect(),
            reference: self.sketch.encode(),
            ..given.details
        };
        artifact.details = details.to_bytes()?;
        artifact.golden_rows = golden::rows(&artifact, &self.prepared, SEED)?;
        Ok(artifact.encode()?)
    }
}
