//! From files to a report: what is compared, and which model scores it.
//!
//! A reference is a file of rows (CSV or Parquet), a sketch, or a `model.wasm`, which carries a
//! sketch of its training rows. With a model, the rows of both batches are scored while they are
//! read: the scores are compared like a column, and measured against labels where there are some.

mod columns;
mod derived;
mod error;
mod scoring;
mod source;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use model_core::schema::Schema;

use crate::compare::{self, Sides};
use crate::live::in_bins;
use crate::methods::Method;
use crate::read::{self, Batch, Plan, RowSample, Shown};
use crate::report::{Preset, Report};
use crate::sketch::{Capacity, NOT_LISTED, Role, Sketch, Spec, specs_from_schema};
pub use error::InputError;
use scoring::{Scored, Scorer};
use source::{Model, Source, read_sketch};

/// Rows of each batch that the domain classifier sees, at most.
const SAMPLE_ROWS: usize = 4000;
/// A self-check takes about one row in so many as the current batch.
const SELF_CHECK_ONE_IN: u64 = 3;

/// What is compared, and how.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// Rows, a sketch or a model.
    pub reference: PathBuf,
    /// Rows or a sketch; `None` compares the reference with a sample of its own rows.
    pub current: Option<PathBuf>,
    /// Types, ranges, categories and roles; by default the model's, or inferred. The evidently
    /// preset always infers.
    pub schema: Option<Schema>,
    /// The model that scores both batches; by default the one that is the reference.
    pub model: Option<PathBuf>,
    /// Which rules to use.
    pub preset: Preset,
    /// One method for every column that it can compare.
    pub method: Option<Method>,
}

/// One batch, read.
struct Side {
    name: String,
    batch: Batch,
    /// Whether the file holds rows, rather than counts.
    has_rows: bool,
    scored: Option<Scored>,
}

/// How both batches are read.
struct Reading {
    plan: Plan,
    /// What scores the rows, and computes derived fields that they leave out.
    model: Option<Arc<Model>>,
}

impl Inputs {
    /// Reads both batches, compares them and describes the result.
    ///
    /// # Errors
    /// Names the file, and the line or column, that cannot be read or compared.
    pub fn compare(&self) -> Result<Report, InputError> {
        let source = Source::open(&self.reference)?;
        let of_model = matches!(source, Source::Model(_));
        let model = self.scoring_model(&source)?;
        let given = self.given_schema(model.as_deref());
        let schema = given.clone().filter(|_| !self.is_exact());
        let mut reading = Reading::new(
            self.plan(schema.as_ref()),
            model.filter(|_| !self.is_exact()),
        );
        let current = self.open_current()?;
        if let Source::Sketch(sketch) = &current {
            reading.count_unlisted_as(sketch);
        }
        let mut reference = self.read_reference(source, &reading)?;
        let ignored = columns::remove_ignored(given.as_ref(), &mut reference.batch);
        reading.keep_columns_of(&reference.batch.sketch);
        reading.count_unlisted_as(&reference.batch.sketch);
        let mut current = self.read_current(current, &reading)?;
        if of_model && !current.has_rows {
            // A server counts in these bins.
            let both = in_bins(&reference.batch.sketch, &current.batch.sketch);
            [reference.batch.sketch, current.batch.sketch] = both;
        }
        let mut notes = self.notes(given.as_ref(), &mut reference, &mut current, ignored);
        let mut report = self.report(
            &reference.batch,
            &current.batch,
            [reference.has_rows, current.has_rows],
        )?;
        if let Some((scored, model)) = current.scored.zip(reading.model) {
            let (performance, note) = scored.performance(&model, self.current_path())?;
            report.performance = Some(performance);
            notes.extend(note);
        }
        report.reference = reference.name;
        report.current = current.name;
        report.self_check = self.current.is_none();
        report.notes = notes;
        Ok(report)
    }

    /// The evidently preset compares every value as pandas reads it: nothing is rounded, scored
    /// or left out.
    fn is_exact(&self) -> bool {
        self.preset == Preset::Evidently
    }

    fn scoring_model(&self, reference: &Source) -> Result<Option<Arc<Model>>, InputError> {
        let Some(path) = &self.model else {
            return Ok(match reference {
                Source::Model(model) => Some(Arc::clone(model)),
                _ => None,
            });
        };
        match Source::open(path)? {
            Source::Model(model) => Ok(Some(model)),
            _ => Err(InputError::NotAModel { path: path.clone() }),
        }
    }

    fn given_schema(&self, model: Option<&Model>) -> Option<Schema> {
        let of_model = || model.map(|model| model.artifact.schema.clone());
        self.schema.clone().or_else(of_model)
    }

    fn plan(&self, schema: Option<&Schema>) -> Plan {
        if self.is_exact() {
            return Plan {
                as_pandas: true,
                ..Plan::infer(Capacity::EXACT)
            };
        }
        let mut plan = Plan {
            sample_rows: SAMPLE_ROWS,
            ..plan_by_schema(schema)
        };
        // What no model sees is not compared, neither by itself nor by the domain classifier.
        if let Some(specs) = &mut plan.specs {
            specs.retain(|spec| spec.role != Role::Ignored);
        }
        plan
    }

    fn read_reference(&self, source: Source, reading: &Reading) -> Result<Side, InputError> {
        let path = &self.reference;
        match source {
            Source::Rows => reading.rows(path, None),
            Source::Sketch(sketch) => Ok(Side::counted(path, sketch)),
            Source::Model(_) if self.is_exact() => {
                let path = path.clone();
                Err(InputError::SketchForEvidently { path })
            }
            Source::Model(model) => Ok(Side::counted(path, model.training_sketch()?)),
        }
    }

    fn current_path(&self) -> &Path {
        self.current.as_ref().unwrap_or(&self.reference)
    }

    fn open_current(&self) -> Result<Source, InputError> {
        let path = self.current_path();
        match Source::open(path)? {
            Source::Sketch(_) | Source::Model(_) if self.current.is_none() => {
                let path = path.to_owned();
                Err(InputError::NoRowsToSample { path })
            }
            Source::Model(_) => {
                let path = path.to_owned();
                Err(InputError::ModelAsBatch { path })
            }
            source => Ok(source),
        }
    }

    fn read_current(&self, source: Source, reading: &Reading) -> Result<Side, InputError> {
        let path = self.current_path();
        let self_check = self.current.is_none();
        match source {
            Source::Rows => reading.rows(path, self_check.then_some(SELF_CHECK_ONE_IN)),
            Source::Sketch(sketch) => Ok(Side::counted(path, sketch)),
            Source::Model(_) => Err(InputError::ModelAsBatch {
                path: path.to_owned(),
            }),
        }
    }

    /// Leaves out what cannot be compared, and says so.
    fn notes(
        &self,
        schema: Option<&Schema>,
        reference: &mut Side,
        current: &mut Side,
        ignored: Vec<String>,
    ) -> Vec<String> {
        let mut notes = Vec::new();
        if self.current.is_none() {
            let note = "Self-check: the current batch is a sample of the reference. This shows \
                        that everything works, and says nothing about any other data.";
            notes.push(note.to_owned());
        }
        if self.is_exact() {
            notes.extend(columns::remove_unused(schema, &mut current.batch, ignored));
            if self.model.is_some() {
                let note = "The columns of the files alone were compared, as this preset does: the model's scores and metrics are not in the report.";
                notes.push(note.to_owned());
            }
            return notes;
        }
        if let Some(name) = reference.batch.lost.first().filter(|_| schema.is_some()) {
            notes.push(format!(
                "The reference does not have the schema's column '{name}'."
            ));
        }
        let unknown = columns::leave_out_unknown(&mut reference.batch, &mut current.batch);
        match columns::remove_empty_labels(&mut reference.batch, &current.batch) {
            Some(empty) => notes.push(empty),
            None => notes.extend(unknown),
        }
        let unlabelled = columns::remove_unlabelled(&mut reference.batch, &current.batch);
        notes.extend(unlabelled);
        let uncomputed = columns::remove_uncomputed(schema, &mut reference.batch, &current.batch);
        notes.extend(uncomputed);
        let unused = columns::remove_unused(schema, &mut current.batch, ignored);
        notes.extend(unused);
        if let Some(side) = [&*reference, &*current].iter().find(|side| !side.has_rows) {
            notes.push(format!(
                "Every column was compared by itself. To compare all of them together takes the rows of both batches, and {} holds counts, not rows.",
                side.name
            ));
        }
        notes
    }

    fn report(
        &self,
        reference: &Batch,
        current: &Batch,
        have_rows: [bool; 2],
    ) -> Result<Report, InputError> {
        let sides = Sides::from([reference, current]);
        let sampled = have_rows == [true, true] && !self.is_exact();
        let sides = Sides {
            samples: sides.samples.filter(|_| sampled),
            ..sides
        };
        Ok(match self.preset {
            Preset::Default => compare::by_default(&sides, self.method)?,
            Preset::Evidently => compare::by_evidently(&sides, self.method)?,
        })
    }
}

impl Reading {
    fn new(mut plan: Plan, model: Option<Arc<Model>>) -> Self {
        let of_model = model.as_ref().map(|model| &model.artifact.schema);
        plan.computed = (of_model.or(plan.schema.as_deref()))
            .map(derived::names)
            .unwrap_or_default();
        plan.shown = of_model.map(scoring::columns).unwrap_or_default();
        Self { plan, model }
    }

    /// Where a sketch counts the texts that the schema does not list together, so must whatever it
    /// is compared with.
    fn count_unlisted_as(&mut self, sketch: &Sketch) {
        let columns = sketch.columns.iter().filter(|column| {
            let categories = column.categories();
            categories.is_some_and(|texts| texts.count(NOT_LISTED).is_some())
        });
        let names = columns.map(|column| column.spec.name.clone());
        self.plan.unnamed.extend(names);
    }

    /// The current batch is read in the columns of the reference; scores are made anew, and no
    /// file of rows has reasons.
    fn keep_columns_of(&mut self, reference: &Sketch) {
        let scored = self.model.is_some();
        let specs = reference.columns.iter().map(|column| &column.spec);
        let specs = specs.filter(|spec| match spec.role {
            Role::Prediction => !scored,
            Role::Reason => false,
            _ => true,
        });
        self.plan.specs = Some(specs.cloned().collect::<Vec<Spec>>());
    }

    /// Counts a file of rows that has every column.
    fn sketch(&self, path: &Path) -> Result<Sketch, InputError> {
        let batch = self.rows(path, None)?.batch;
        match batch.lost.into_iter().next() {
            Some(column) => Err(InputError::MissingColumn {
                path: path.to_owned(),
                column,
            }),
            None => Ok(batch.sketch),
        }
    }

    /// Reads a file of rows, and scores them where there is a model.
    fn rows(&self, path: &Path, keep_one_in: Option<u64>) -> Result<Side, InputError> {
        let plan = Plan {
            keep_one_in,
            ..self.plan.clone()
        };
        let mut side = Side {
            name: name_of(path),
            batch: Batch::default(),
            has_rows: true,
            scored: None,
        };
        let Some(model) = &self.model else {
            let compute = |shown: &Shown<'_>| {
                let schema = plan.schema.as_deref();
                Ok(schema.map_or_else(Vec::new, |schema| derived::compute(schema, shown)))
            };
            side.batch = read::read_with(path, &plan, &compute)?;
            return Ok(side);
        };
        let scorer = Scorer::new(model);
        side.batch = read::read_with(path, &plan, &|shown| scorer.push(shown))?;
        let scored = scorer.finish()?;
        side.batch.sketch.columns.push(scored.column.clone());
        side.scored = Some(scored);
        Ok(side)
    }
}

impl Side {
    fn counted(path: &Path, sketch: Sketch) -> Self {
        Self {
            name: name_of(path),
            batch: Batch {
                rows: sketch.rows(),
                sketch,
                sample: RowSample::default(),
                ..Batch::default()
            },
            has_rows: false,
            scored: None,
        }
    }
}

/// The sketch of a file of rows. A derived field that the file leaves out is computed, as far as
/// that needs nothing that a model learns.
///
/// # Errors
/// When the file cannot be read, or lacks a column of the schema.
pub fn sketch(data: &Path, schema: Option<&Schema>) -> Result<Sketch, InputError> {
    Reading::new(plan_by_schema(schema), None).sketch(data)
}

/// The sketch of a file of applications as a model sees them: its inputs and its answers, counted
/// as the module counts them.
///
/// # Errors
/// When a file cannot be read, the model is none, or the rows lack one of its inputs.
pub fn sketch_for_model(data: &Path, model: &Path) -> Result<Sketch, InputError> {
    let Source::Model(model) = Source::open(model)? else {
        let path = model.to_owned();
        return Err(InputError::NotAModel { path });
    };
    let schema = &model.artifact.schema;
    let mut plan = Plan {
        capacity: Capacity::CARRIED,
        unnamed: schema.inputs().map(|one| one.name.clone()).collect(),
        ..plan_by_schema(Some(schema))
    };
    if let Some(specs) = &mut plan.specs {
        specs.retain(|spec| spec.role == Role::Input);
    }
    let sketch = Reading::new(plan, Some(model)).sketch(data)?;
    Ok(sketch.with_capacity(Capacity::CARRIED))
}

/// The sum of sketches of the same columns; their order does not matter.
///
/// # Errors
/// Names the file that is not a sketch, or has other columns.
pub fn merge(paths: &[PathBuf]) -> Result<Sketch, InputError> {
    let mut sum: Option<Sketch> = None;
    for path in paths {
        let sketch = read_sketch(path)?;
        match &mut sum {
            Some(sum) => sum.merge(&sketch).map_err(InputError::sketch(path))?,
            None => sum = Some(sketch),
        }
    }
    Ok(sum.unwrap_or_default())
}

/// How rows are read with a schema, or without one.
fn plan_by_schema(schema: Option<&Schema>) -> Plan {
    let mut plan = Plan::infer(Capacity::default());
    if let Some(schema) = schema {
        plan.specs = Some(specs_from_schema(schema));
        plan.schema = Some(Arc::new(schema.clone()));
        plan.missing = schema
            .missing_values
            .texts()
            .iter()
            .cloned()
            .chain([String::new()])
            .collect::<Vec<_>>()
            .into();
    }
    plan
}

fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(
        || path.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    )
}
